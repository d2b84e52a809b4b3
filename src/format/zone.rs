//! Time zones by name, from the database of zones that is built into the program: one build gives the same answers on
//! every machine.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, Utc};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

/// The first second of the year 1, in UTC.
const FIRST: i64 = -62_135_596_800;

/// The last second of the year 9999, in UTC.
const LAST: i64 = 253_402_300_799;

/// A time zone of the IANA database. Cheap to clone; two are equal when their names are.
#[derive(Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// The zone of this name, written as the database writes it: `Europe/Berlin`. `None` where there is no such zone.
    pub fn named(name: &str) -> Option<Zone> {
        // The library takes a name in any case, and answers to one that stands for no known zone.
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        (zone.iana_name() == Some(name) && !zone.is_unknown()).then_some(Zone(zone))
    }

    /// The names of all zones, in order.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> =
            TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Its name in the database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Seconds that its clocks are ahead of UTC at an instant, in seconds since 1970. Far outside the years 1 to 9999 it is
    /// what it was at their edge.
    pub fn ahead(&self, instant: i64) -> i64 {
        i64::from(self.0.to_offset(timestamp(instant)).seconds())
    }

    /// An instant as its clocks show it.
    pub fn at(&self, instant: DateTime<Utc>) -> DateTime<FixedOffset> {
        let ahead = i32::try_from(self.ahead(instant.timestamp())).ok().and_then(FixedOffset::east_opt);
        instant.with_timezone(&ahead.unwrap_or_else(|| Utc.fix()))
    }

    /// The day that an instant, in seconds since 1970, is there. Instants outside the years 1 to 9999 are taken to their
    /// edge.
    pub fn day_of(&self, instant: i64) -> NaiveDate {
        let inside = instant.clamp(FIRST, LAST);
        let local = (inside + self.ahead(inside)).clamp(FIRST, LAST);
        DateTime::from_timestamp(local, 0).unwrap_or_default().date_naive()
    }

    /// The first instant, in seconds since 1970, at which its clocks show a local time: the earlier one where they show it
    /// twice, and where they are put forward over it, the instant at which they are.
    pub fn instant_of(&self, local: NaiveDateTime) -> i64 {
        let as_utc = local.and_utc().timestamp();
        let shown = Offset::UTC.to_datetime(timestamp(as_utc));
        match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => as_utc - i64::from(offset.seconds()),
            AmbiguousOffset::Fold { before, .. } => as_utc - i64::from(before.seconds()),
            AmbiguousOffset::Gap { before, after } => {
                // By the clocks before the change the time came after it, by those after the change it lay before.
                let (mut low, mut high) = (as_utc - i64::from(after.seconds()), as_utc - i64::from(before.seconds()));
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    if middle + self.ahead(middle) < as_utc { low = middle } else { high = middle }
                }
                high
            }
        }
    }

    /// The first instant of a day, in seconds since 1970. Where midnight does not exist, the day begins when the clocks
    /// have gone forward.
    pub fn start_of(&self, day: NaiveDate) -> i64 {
        self.instant_of(day.and_time(NaiveTime::MIN))
    }
}

/// An instant as the library takes it; those that it has no words for are taken to the edge.
fn timestamp(instant: i64) -> Timestamp {
    let inside = instant.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(inside).unwrap_or_default()
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Zone({})", self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn start(name: &str, day: &str) -> String {
        let zone = zone(name);
        let start = zone.start_of(day.parse().unwrap());
        zone.at(DateTime::from_timestamp(start, 0).unwrap()).to_rfc3339()
    }

    #[test]
    fn a_day_begins_at_midnight_or_when_its_clocks_begin() {
        assert_eq!(start("UTC", "2026-03-01"), "2026-03-01T00:00:00+00:00");
        assert_eq!(start("Europe/Berlin", "2026-07-01"), "2026-07-01T00:00:00+02:00");
        // Midnight is put forward to one o'clock.
        assert_eq!(start("America/Sao_Paulo", "2018-11-04"), "2018-11-04T01:00:00-02:00");
        // Midnight comes twice.
        assert_eq!(start("America/Havana", "2026-11-01"), "2026-11-01T00:00:00-04:00");
        // The day does not exist.
        assert_eq!(start("Pacific/Apia", "2011-12-30"), "2011-12-31T00:00:00+14:00");
    }

    #[test]
    fn only_names_as_the_database_writes_them_are_zones() {
        for name in ["", "utc", "europe/berlin", "Europe/Berln", "Etc/Unknown", "UTC+3", "+03:00", "Europe/Berlin\0"] {
            assert_eq!(Zone::named(name), None, "{name:?}");
        }
        for name in Zone::names() {
            assert_eq!(Zone::named(&name).map(|zone| zone.name().to_owned()), Some(name));
        }
        assert_eq!(zone("UTC"), Zone::UTC);
        assert_ne!(zone("Europe/Berlin"), zone("Europe/Vienna"));
        assert_eq!(format!("{0} {0:?}", zone("Asia/Tokyo")), "Asia/Tokyo Zone(Asia/Tokyo)");
    }

    #[test]
    fn instants_no_calendar_has_are_taken_to_the_edge() {
        for name in ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"] {
            let zone = zone(name);
            assert_eq!(zone.day_of(i64::MIN).to_string(), "0001-01-01", "{name}");
            assert_eq!(zone.day_of(i64::MAX).to_string(), "9999-12-31", "{name}");
            for day in [NaiveDate::MIN, NaiveDate::MAX] {
                let away = zone.start_of(day) - Zone::UTC.start_of(day);
                assert!(away.abs() <= 14 * 3600, "{name} {away}");
            }
            assert!(zone.ahead(i64::MIN).abs() <= 16 * 3600 && zone.ahead(i64::MAX).abs() <= 16 * 3600);
        }
    }
}
