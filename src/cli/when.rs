//! The moment at which something happened that is written down later: `--date`.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

use crate::format::date::parse_date;

/// The first year that git can keep.
const FIRST_YEAR: i32 = 1970;

/// A day, or a moment to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// A day in the pipeline's time zone. Stands for its noon, so that it is the same day nearly everywhere.
    Day(NaiveDate),
    /// A moment with its offset.
    Moment(DateTime<FixedOffset>),
}

impl When {
    /// Reads `YYYY-MM-DD` or a moment as in RFC 3339.
    ///
    /// # Errors
    /// Why it is neither, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let when = match DateTime::parse_from_rfc3339(text) {
            Ok(moment) => When::Moment(moment),
            Err(_) if text.contains(['T', ':']) => {
                return Err(format!("{text:?} is no moment, write it as in 2026-11-20T14:30:00+03:00"));
            }
            Err(_) => When::Day(parse_date(text).map_err(|e| e.to_string())?),
        };
        let year = match &when {
            When::Day(day) => day.year(),
            When::Moment(moment) => moment.with_timezone(&Utc).year(),
        };
        if year < FIRST_YEAR { Err(format!("git keeps no dates before {FIRST_YEAR}")) } else { Ok(when) }
    }

    /// The day it is in a time zone.
    pub fn day(&self, zone: Tz) -> NaiveDate {
        match self {
            When::Day(day) => *day,
            When::Moment(moment) => moment.with_timezone(&zone).date_naive(),
        }
    }

    /// Whether it is a moment after this one. A day that has begun is not.
    pub fn is_after(&self, now: DateTime<Utc>) -> bool {
        matches!(self, When::Moment(moment) if *moment > now)
    }

    /// As git reads it; `None` where the clock's time does, which is on the day that it is.
    pub fn for_git(&self, zone: Tz) -> Option<String> {
        let moment = match self {
            When::Moment(moment) => *moment,
            When::Day(day) if *day == Utc::now().with_timezone(&zone).date_naive() => return None,
            When::Day(day) => {
                let noon = day.and_time(NaiveTime::MIN) + chrono::TimeDelta::hours(12);
                // A zone that skips this noon puts its clock forward over it.
                let local = zone.from_local_datetime(&noon).earliest();
                local.map_or_else(|| noon.and_utc().fixed_offset(), |l| l.with_timezone(&l.offset().fix()))
            }
        };
        Some(format!("@{} {}", moment.timestamp(), moment.format("%z")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_noon_in_the_pipelines_time_zone() {
        let day = When::parse("2025-03-10").unwrap();
        assert_eq!(day.for_git(Tz::Europe__Moscow).as_deref(), Some("@1741597200 +0300"));
        assert_eq!(day.day(Tz::Europe__Moscow).to_string(), "2025-03-10");
        let today = Utc::now().date_naive().to_string();
        assert_eq!(When::parse(&today).unwrap().for_git(Tz::UTC), None, "noon of today may not have come");
    }

    #[test]
    fn a_moment_keeps_its_offset_and_is_a_day_of_the_pipeline() {
        let moment = When::parse("2025-03-10T23:30:00+00:00").unwrap();
        assert_eq!(moment.for_git(Tz::Europe__Moscow).as_deref(), Some("@1741649400 +0000"));
        assert_eq!(moment.day(Tz::Europe__Moscow).to_string(), "2025-03-11");
    }

    #[test]
    fn nonsense_is_no_date() {
        for text in ["", "yesterday", "2025-02-30", "2025-3-1", "12:00", "2025-03-10T12:00:00", "1969-12-31"] {
            assert!(When::parse(text).is_err(), "{text}");
        }
    }
}
