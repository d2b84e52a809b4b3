//! The moment at which something happened that is written down later: `--date`.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, Utc};

use crate::format::date::parse_date;
use crate::format::zone::Zone;

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
    pub fn day(&self, zone: &Zone) -> NaiveDate {
        match self {
            When::Day(day) => *day,
            When::Moment(moment) => zone.day_of(moment.timestamp()),
        }
    }

    /// Whether it is a moment after this one. A day that has begun is not.
    pub fn is_after(&self, now: DateTime<Utc>) -> bool {
        matches!(self, When::Moment(moment) if *moment > now)
    }

    /// As git reads it; `None` where the clock's time does, which is on the day that it is.
    pub fn for_git(&self, zone: &Zone) -> Option<String> {
        let moment = match self {
            When::Moment(moment) => *moment,
            When::Day(day) if *day == zone.day_of(Utc::now().timestamp()) => return None,
            When::Day(day) => {
                let noon = day.and_time(NaiveTime::MIN) + chrono::TimeDelta::hours(12);
                zone.at(DateTime::from_timestamp(zone.instant_of(noon), 0).unwrap_or_default())
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
        let moscow = Zone::named("Europe/Moscow").unwrap();
        let day = When::parse("2025-03-10").unwrap();
        assert_eq!(day.for_git(&moscow).as_deref(), Some("@1741597200 +0300"));
        assert_eq!(day.day(&moscow).to_string(), "2025-03-10");
        let today = Utc::now().date_naive().to_string();
        assert_eq!(When::parse(&today).unwrap().for_git(&Zone::UTC), None, "noon of today may not have come");
    }

    #[test]
    fn a_moment_keeps_its_offset_and_is_a_day_of_the_pipeline() {
        let moscow = Zone::named("Europe/Moscow").unwrap();
        let moment = When::parse("2025-03-10T23:30:00+00:00").unwrap();
        assert_eq!(moment.for_git(&moscow).as_deref(), Some("@1741649400 +0000"));
        assert_eq!(moment.day(&moscow).to_string(), "2025-03-11");
    }

    #[test]
    fn nonsense_is_no_date() {
        for text in ["", "yesterday", "2025-02-30", "2025-3-1", "12:00", "2025-03-10T12:00:00", "1969-12-31"] {
            assert!(When::parse(text).is_err(), "{text}");
        }
    }
}
