//! The working hours of a team, as `calendar:` in `pipeline.yaml` gives them.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use super::date::parse_date;
use super::nearest::nearest;
use super::pipeline_file::Reader;
use super::tree::{Node, NodeKind};

const KEYS: [&str; 3] = ["days", "hours", "holidays"];
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes of a day.
const FULL_DAY: u32 = 24 * 60;

/// When a team works: the same hours on some days of the week, but not on holidays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Whether it works on a day of the week, from Monday on.
    pub days: [bool; 7],
    /// When work begins, in minutes after midnight by the clock on the wall.
    pub from: u32,
    /// When it ends, in the same way: later than `from`, at most 1440.
    pub to: u32,
    /// Days on which nobody works.
    pub holidays: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// Whether the team works on this day at all.
    pub fn works_on(&self, day: NaiveDate) -> bool {
        let weekday = day.weekday().num_days_from_monday() as usize;
        self.days.get(weekday).copied().unwrap_or(false) && !self.holidays.contains(&day)
    }

    /// Working seconds of a day on which no clock is put forward or back.
    pub fn day_seconds(&self) -> i64 {
        i64::from(self.to.saturating_sub(self.from)) * 60
    }
}

/// Minutes after midnight of `09:00`; two digits, a colon, two digits, up to `24:00`.
fn minutes(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u32>().ok())?;
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= FULL_DAY).then_some(hour * 60 + minute)
}

/// Reads the value of `calendar:`. `None` where nothing sensible was left; the reader knows what is wrong.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Calendar> {
    let mapping = reader.mapping(node, "calendar")?;
    reader.unknown_keys(mapping, &KEYS, "calendar");
    let mut days = [true, true, true, true, true, false, false];
    if let Some(node) = mapping.get("days") {
        days = [false; 7];
        let names = reader.texts(node, "days");
        if names.is_empty() {
            reader.problem(node.span, "the calendar has no working day", Some("write [mon, tue, wed]".into()));
        }
        for (name, span) in names {
            match WEEK.iter().position(|day| *day == name) {
                Some(day) => days.iter_mut().skip(day).take(1).for_each(|works| *works = true),
                None => {
                    let near = nearest(&name, WEEK.iter().copied()).map(|n| format!("did you mean `{n}`?"));
                    let help = near.unwrap_or_else(|| format!("days are {}", WEEK.join(", ")));
                    reader.problem(span, format!("{name:?} is no day of the week"), Some(help));
                }
            }
        }
    }
    let hours = match mapping.get("hours") {
        None => {
            let help = "write `hours: \"09:00-18:00\"`";
            reader.problem(node.span, "the calendar has no working hours", Some(help.into()));
            None
        }
        Some(node) => {
            let pair = reader.text(node, "hours").and_then(|text| text.split_once('-'));
            let hours = pair.and_then(|(from, to)| Some((minutes(from.trim())?, minutes(to.trim())?)));
            let hours = hours.filter(|(from, to)| from < to);
            if hours.is_none() {
                let help = "write them within one day: \"09:00-18:00\"";
                reader.problem(
                    node.span,
                    "hours must be two times of the day, the earlier one first",
                    Some(help.into()),
                );
            }
            hours
        }
    };
    let mut holidays = BTreeSet::new();
    if let Some(node) = mapping.get("holidays") {
        if !matches!(node.kind, NodeKind::Sequence { .. }) {
            reader.problem(node.span, "holidays must be a list", Some("write [2026-01-01, 2026-05-01]".into()));
        } else {
            for (text, span) in reader.texts(node, "a holiday") {
                match parse_date(&text) {
                    Ok(day) => drop(holidays.insert(day)),
                    Err(error) => reader.problem(span, error.to_string(), None),
                }
            }
        }
    }
    let (from, to) = hours?;
    Some(Calendar { days, from, to, holidays })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_digits_each_and_end_at_midnight() {
        assert_eq!(["00:00", "09:30", "24:00"].map(minutes), [Some(0), Some(570), Some(1440)]);
        assert_eq!(["9:30", "24:01", "12:60", "12", "+1:00", "1e:00"].map(minutes), [None; 6]);
    }

    #[test]
    fn weekends_and_holidays_are_free() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let calendar = Calendar {
            days: [true, true, true, true, true, false, false],
            from: 540,
            to: 1080,
            holidays: BTreeSet::from([day("2026-01-01")]),
        };
        let works = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-05"].map(|d| calendar.works_on(day(d)));
        assert_eq!(works, [false, true, false, true]);
        assert_eq!(calendar.day_seconds(), 9 * 3600);
    }
}
