//! Working time: how many seconds of a team's working hours lie between two instants.
//!
//! The hours of every working day are worked out once, through the time zone, so that days on which clocks are put
//! forward or back have the hours they really had; after that each question is two searches in a list.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

use crate::format::calendar::Calendar;
use crate::format::zone::Zone;

use super::DAY;

/// Days that are worked out at most: three hundred years. What lies further away is taken to its edge.
const MOST_DAYS: u64 = 110_000;

/// The working hours of one day, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    open: i64,
    close: i64,
    /// Working seconds of all days before.
    before: i64,
}

/// The working hours of a span of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingTime {
    days: Vec<Hours>,
    /// Working seconds of an ordinary working day.
    pub day_seconds: i64,
}

impl WorkingTime {
    /// The working hours from the day of one instant to the day of another, both in seconds since 1970. Instants outside
    /// are taken to the edge.
    pub fn new(calendar: &Calendar, zone: &Zone, from: i64, to: i64) -> WorkingTime {
        let (first, last) = (zone.day_of(from), zone.day_of(to));
        let count = (last - first).num_days().clamp(0, MOST_DAYS as i64) as u64;
        let mut days: Vec<Hours> = Vec::new();
        let mut before = 0;
        for day in (0..=count).filter_map(|n| first.checked_add_days(Days::new(n))).filter(|d| calendar.works_on(*d)) {
            let open = first_instant(zone, day, calendar.from);
            let close = first_instant(zone, day, calendar.to);
            if open < close {
                days.push(Hours { open, close, before });
                before += close - open;
            }
        }
        WorkingTime { days, day_seconds: calendar.day_seconds().max(1) }
    }

    /// Working seconds before an instant, from the first day on.
    fn until(&self, instant: i64) -> i64 {
        let begun = self.days.partition_point(|day| day.open <= instant);
        let last = begun.checked_sub(1).and_then(|place| self.days.get(place));
        last.map_or(0, |day| day.before + instant.min(day.close) - day.open)
    }

    /// Working seconds between two instants; 0 where the second is not the later one.
    pub fn between(&self, from: i64, to: i64) -> i64 {
        (self.until(to) - self.until(from)).max(0)
    }

    /// The first instant by which so many working seconds have passed since `from`; `None` beyond the last day.
    pub fn after(&self, from: i64, seconds: i64) -> Option<i64> {
        let wanted = self.until(from).saturating_add(seconds.max(0));
        if seconds <= 0 {
            return Some(from);
        }
        let place = self.days.partition_point(|day| day.before + (day.close - day.open) < wanted);
        self.days.get(place).map(|day| day.open + (wanted - day.before))
    }
}

/// The first instant at which the clocks of a zone show this time of that day, in minutes after midnight, or a later one:
/// where clocks are put forward over it, it is when they are.
pub fn first_instant(zone: &Zone, day: NaiveDate, minutes: u32) -> i64 {
    let midnight = day.and_time(NaiveTime::MIN);
    // The last day that there is has no tomorrow.
    let local = midnight.checked_add_signed(TimeDelta::minutes(i64::from(minutes))).unwrap_or(midnight);
    zone.instant_of(local)
}

/// How lengths of time are counted: by the clock on the wall, or in working hours.
#[derive(Clone, Copy, Debug)]
pub enum Clock<'a> {
    /// Every second counts.
    Wall,
    /// Only working seconds do.
    Working(&'a WorkingTime),
}

impl Clock<'_> {
    /// Seconds that count between two instants; 0 where the second is not the later one.
    pub fn between(&self, from: i64, to: i64) -> i64 {
        match self {
            Clock::Wall => to.saturating_sub(from).max(0),
            Clock::Working(time) => time.between(from, to),
        }
    }

    /// The instant at which a limit of so many hours that began at `from` is over. In working hours each full day of the
    /// limit is one working day, and the hours that are left are working hours. `None` where that is beyond all that is
    /// known.
    pub fn limit(&self, from: i64, hours: u32) -> Option<i64> {
        match self {
            Clock::Wall => from.checked_add(i64::from(hours) * 3600),
            Clock::Working(time) => {
                let (days, rest) = (i64::from(hours / 24), i64::from(hours % 24));
                time.after(from, days * time.day_seconds + rest * 3600)
            }
        }
    }

    /// Seconds that make one day: 86,400, or those of a working day.
    pub fn day_seconds(&self) -> i64 {
        match self {
            Clock::Wall => DAY,
            Clock::Working(time) => time.day_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
    use proptest::prelude::*;

    use super::*;

    fn week(from: u32, to: u32, holidays: &[&str]) -> Calendar {
        let holidays = holidays.iter().map(|d| d.parse().unwrap()).collect();
        Calendar { days: [true, true, true, true, true, false, false], from, to, holidays }
    }

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn at(zone: &Zone, text: &str) -> i64 {
        zone.instant_of(NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap())
    }

    #[test]
    fn nights_weekends_and_holidays_do_not_count() {
        let zone = &zone("Europe/Berlin");
        let calendar = week(9 * 60, 18 * 60, &["2026-01-06"]);
        let time = WorkingTime::new(&calendar, zone, at(zone, "2026-01-01 00:00"), at(zone, "2026-02-01 00:00"));
        let hours = |a: &str, b: &str| time.between(at(zone, a), at(zone, b)) as f64 / 3600.0;
        assert_eq!(hours("2026-01-02 17:00", "2026-01-05 10:00"), 2.0);
        assert_eq!(hours("2026-01-05 17:00", "2026-01-07 10:30"), 2.5);
        assert_eq!(hours("2026-01-03 10:00", "2026-01-04 20:00"), 0.0);
        assert_eq!(hours("2026-01-07 12:00", "2026-01-07 11:00"), 0.0);
        // Friday 15:00 and one working day of nine hours: Monday 15:00.
        let friday = at(zone, "2026-01-09 15:00");
        assert_eq!(Clock::Working(&time).limit(friday, 24), Some(at(zone, "2026-01-12 15:00")));
        assert_eq!(Clock::Wall.limit(friday, 24), Some(at(zone, "2026-01-10 15:00")));
        assert_eq!(Clock::Working(&time).limit(friday, 24 * 400), None);
    }

    #[test]
    fn a_day_on_which_clocks_change_has_the_hours_it_had() {
        let all_day = Calendar { days: [true; 7], from: 0, to: 1440, holidays: BTreeSet::new() };
        for (name, day, hours) in [
            ("Europe/Berlin", "2026-03-29", 23),
            ("Europe/Berlin", "2026-10-25", 25),
            ("America/Sao_Paulo", "2018-11-04", 23),
            ("America/Sao_Paulo", "2018-02-17", 25),
            ("Pacific/Apia", "2011-12-30", 0),
            ("Asia/Kolkata", "2026-03-29", 24),
        ] {
            let (zone, day) = (&zone(name), day.parse().unwrap());
            let from = first_instant(zone, day, 0);
            let to = first_instant(zone, day, 1440);
            assert_eq!((to - from) / 3600, hours, "{zone} {day}");
            let time = WorkingTime::new(&all_day, zone, from - 3 * DAY, to + 3 * DAY);
            assert_eq!(time.between(from - DAY, to + DAY), to - from + 2 * DAY);
        }
    }

    #[test]
    fn outside_the_days_asked_for_nothing_is_counted() {
        let calendar = week(540, 1080, &[]);
        let time = WorkingTime::new(&calendar, &Zone::UTC, 0, 7 * DAY);
        assert_eq!(time.between(i64::MIN, i64::MAX), 6 * 9 * 3600);
        assert_eq!(time.after(0, i64::MAX), None);
        let odd = WorkingTime::new(&calendar, &Zone::UTC, i64::MAX, i64::MIN);
        assert!(odd.between(0, 1) == 0 && odd.day_seconds == 9 * 3600);
    }

    #[test]
    fn an_hour_that_comes_twice_does_not_close_a_team_that_has_opened() {
        let zone = &zone("America/New_York");
        let calendar = Calendar { days: [true; 7], from: 61, to: 120, holidays: BTreeSet::new() };
        // 01:01 in summer time; at 02:00 it is 01:00 again, and only an hour later closing time.
        let open = at(zone, "2018-11-04 01:01");
        let time = WorkingTime::new(&calendar, zone, open - DAY, open + DAY);
        assert_eq!(time.between(open - 3600, open + 59 * 60), 59 * 60);
        assert_eq!(time.between(open - 3600, open + 60 * 60), 60 * 60);
        assert_eq!(time.between(open - 3600, open + 5 * 3600), (59 + 60) * 60);
    }

    /// Looks at the clock on the wall at every minute. A working day begins when it first shows the opening time or more,
    /// whatever it shows after that, and ends when it first shows the closing time or more, or another day.
    fn minute_by_minute(calendar: &Calendar, zone: &Zone, from: i64, to: i64) -> i64 {
        let mut worked = 0;
        let (mut opened, mut closed) = (BTreeSet::new(), BTreeSet::new());
        let mut minute = from - 2 * DAY;
        while minute < to {
            let local = zone.at(DateTime::from_timestamp(minute, 0).unwrap());
            let now = local.hour() * 60 + local.minute();
            let today = local.date_naive();
            if now >= calendar.from {
                opened.insert(today);
            }
            if now >= calendar.to {
                closed.insert(today);
            }
            let weekday = today.weekday().num_days_from_monday() as usize;
            let is_work = calendar.days[weekday]
                && !calendar.holidays.contains(&today)
                && opened.contains(&today)
                && !closed.contains(&today);
            if is_work && minute >= from {
                worked += 60;
            }
            minute += 60;
        }
        worked
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn agrees_with_looking_at_the_clock_every_minute(
            zone in prop::sample::select(vec![
                "UTC",
                "Europe/Berlin",
                "America/New_York",
                "America/Sao_Paulo",
                "Australia/Lord_Howe",
                "Asia/Kathmandu",
            ]),
            around in prop::sample::select(vec![
                1_774_746_000_i64, // Berlin, March 2026
                1_792_890_000,     // Berlin, October 2026
                1_541_300_400,     // Sao Paulo and New York, November 2018
                1_518_918_000,     // Sao Paulo, February 2018
                1_775_314_800,     // Lord Howe, April 2026
                1_700_000_040,
            ]),
            shift in -4_000_i64..4_000,
            minutes in 0_i64..9_000,
            days in prop::array::uniform7(any::<bool>()),
            hours in (0_u32..1_439, 1_u32..1_440),
            holiday in 0_u64..6,
        ) {
            let zone = &Zone::named(zone).unwrap();
            let from = around / 60 * 60 + shift * 60;
            let to = from + minutes * 60;
            let (open, close) = (hours.0.min(hours.1), hours.0.max(hours.1).max(hours.0.min(hours.1) + 1));
            let holidays = zone.day_of(from).checked_add_days(Days::new(holiday)).into_iter().collect();
            let calendar = Calendar { days, from: open, to: close, holidays };
            let time = WorkingTime::new(&calendar, zone, from, to);
            let worked = time.between(from, to);
            // A day that is put back over midnight is entered twice by the clock on the wall; see the test above.
            prop_assert_eq!(worked, minute_by_minute(&calendar, zone, from, to));
            if let Some(then) = time.after(from, worked) {
                prop_assert_eq!(time.between(from, then), worked);
                prop_assert!(then <= to || worked == 0);
            }
        }
    }
}
