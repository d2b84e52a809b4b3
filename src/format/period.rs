//! Months, quarters and years of the calendar or of a fiscal year, as whole days.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;

/// A kind of period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A month of the calendar.
    Month,
    /// Three months, counted from the first month of the fiscal year.
    Quarter,
    /// Twelve months, from the first month of the fiscal year.
    Year,
}

/// Some days in a row, both ends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day; not before `from`.
    pub to: NaiveDate,
}

impl Period {
    /// From the shortest to the longest.
    pub const ALL: [Period; 3] = [Period::Month, Period::Quarter, Period::Year];

    /// The word in options and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }

    /// Its length in months.
    pub fn months(self) -> u32 {
        match self {
            Period::Month => 1,
            Period::Quarter => 3,
            Period::Year => 12,
        }
    }

    /// The period of this kind that holds `day`. `fiscal_year_start` is the first month of the fiscal year, 1 to 12; what
    /// lies outside is taken to the nearer end.
    pub fn span_of(self, day: NaiveDate, fiscal_year_start: u32) -> Span {
        let (_, month) = fiscal(day, fiscal_year_start);
        let into = month % self.months();
        let first = day.with_day(1).and_then(|first| first.checked_sub_months(Months::new(into)));
        let from = first.unwrap_or(NaiveDate::MIN);
        let next = from.checked_add_months(Months::new(self.months()));
        Span { from, to: next.and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX) }
    }

    /// How people call the period of this kind that holds `day`: `2026-11`, `2026-Q4`, `2026`. Quarters and years of a
    /// fiscal year that does not begin in January are `FY2026-Q1` and `FY2026`, after the calendar year in which the
    /// fiscal year ends.
    pub fn name_at(self, day: NaiveDate, fiscal_year_start: u32) -> String {
        let (year, month) = fiscal(day, fiscal_year_start);
        let mark = if fiscal_year_start > 1 { "FY" } else { "" };
        match self {
            Period::Month => format!("{:04}-{:02}", day.year(), day.month()),
            Period::Quarter => format!("{mark}{year:04}-Q{}", month / 3 + 1),
            Period::Year => format!("{mark}{year:04}"),
        }
    }

    /// Reads a name as [`Period::name_at`] writes it. `FY` may also stand where the fiscal year begins in January; where
    /// it does not, a quarter or year without it is `None`, because nobody can know which one is meant.
    pub fn parse_name(name: &str, fiscal_year_start: u32) -> Option<(Period, Span)> {
        let (marked, rest) = name.strip_prefix("FY").map_or((false, name), |rest| (true, rest));
        let (year, part) = rest.split_once('-').map_or((rest, None), |(year, part)| (year, Some(part)));
        if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let year: i32 = year.parse().ok().filter(|year| *year > 0)?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let start = fiscal_year_start.clamp(1, 12);
        let (period, months) = match part {
            Some(part) if !marked && two_digits(part) => {
                let first = NaiveDate::from_ymd_opt(year, part.parse().ok()?, 1)?;
                return Some((Period::Month, Period::Month.span_of(first, start)));
            }
            None => (Period::Year, 0),
            Some("Q1") => (Period::Quarter, 0),
            Some("Q2") => (Period::Quarter, 3),
            Some("Q3") => (Period::Quarter, 6),
            Some("Q4") => (Period::Quarter, 9),
            Some(_) => return None,
        };
        if start > 1 && !marked {
            return None;
        }
        let begins = NaiveDate::from_ymd_opt(if start > 1 { year - 1 } else { year }, start, 1)?;
        Some((period, period.span_of(begins.checked_add_months(Months::new(months))?, start)))
    }

    /// The periods of this kind of which at least a day lies in `span`, whole, in order.
    pub fn spans_in(self, span: Span, fiscal_year_start: u32) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut day = span.from;
        while day <= span.to {
            let own = self.span_of(day, fiscal_year_start);
            spans.push(own);
            let Some(next) = own.to.succ_opt() else { break };
            day = next;
        }
        spans
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Span {
    /// The days from one to the other; `None` where the first is the later one.
    pub fn new(from: NaiveDate, to: NaiveDate) -> Option<Span> {
        (from <= to).then_some(Span { from, to })
    }

    /// Whether the day is one of them.
    pub fn contains(&self, day: NaiveDate) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// How many days; at least 1.
    pub fn days(&self) -> u64 {
        self.to.signed_duration_since(self.from).num_days().unsigned_abs() + 1
    }

    /// The time before it to compare with: the period of the same kind before the one that holds its first day; without a
    /// kind as many days as it has itself, up to the day before it.
    pub fn previous(&self, period: Option<Period>, fiscal_year_start: u32) -> Span {
        let before = self.from.pred_opt().unwrap_or(NaiveDate::MIN);
        match period {
            Some(period) => {
                let own = period.span_of(self.from, fiscal_year_start);
                period.span_of(own.from.pred_opt().unwrap_or(NaiveDate::MIN), fiscal_year_start)
            }
            None => {
                let from = self.from.checked_sub_days(Days::new(self.days())).unwrap_or(NaiveDate::MIN);
                Span { from, to: before.max(from) }
            }
        }
    }

    /// Which kind of period this is exactly, if any.
    pub fn period(&self, fiscal_year_start: u32) -> Option<Period> {
        Period::ALL.into_iter().find(|period| period.span_of(self.from, fiscal_year_start) == *self)
    }

    /// The name of the period that it is, else both days: `2026-Q4`, `2026-01-05 to 2026-02-03`.
    pub fn name(&self, fiscal_year_start: u32) -> String {
        match self.period(fiscal_year_start) {
            Some(period) => period.name_at(self.from, fiscal_year_start),
            None => format!("{} to {}", self.from, self.to),
        }
    }
}

/// The fiscal year of a day and the month in it, counted from 0. The year is the calendar year in which the fiscal year
/// ends.
fn fiscal(day: NaiveDate, fiscal_year_start: u32) -> (i32, u32) {
    let start = fiscal_year_start.clamp(1, 12);
    let month = (day.month() + 12 - start) % 12;
    let begun_this_year = day.month() >= start;
    (if start > 1 && begun_this_year { day.year() + 1 } else { day.year() }, month)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn span(from: &str, to: &str) -> Span {
        Span::new(day(from), day(to)).unwrap()
    }

    #[test]
    fn months_end_when_the_calendar_says() {
        let wanted = [
            ("2026-02-10", "2026-02-01", "2026-02-28"),
            ("2028-02-29", "2028-02-01", "2028-02-29"),
            ("2100-02-01", "2100-02-01", "2100-02-28"),
            ("2000-02-01", "2000-02-01", "2000-02-29"),
            ("2026-12-31", "2026-12-01", "2026-12-31"),
            ("2026-04-30", "2026-04-01", "2026-04-30"),
        ];
        for (of, from, to) in wanted {
            assert_eq!(Period::Month.span_of(day(of), 1), span(from, to));
            // A fiscal year moves no month.
            assert_eq!(Period::Month.span_of(day(of), 4), span(from, to));
        }
    }

    #[test]
    fn quarters_and_years_begin_with_the_fiscal_year() {
        let wanted = [
            (Period::Quarter, 1, "2026-11-22", "2026-10-01", "2026-12-31", "2026-Q4"),
            (Period::Quarter, 1, "2026-01-01", "2026-01-01", "2026-03-31", "2026-Q1"),
            (Period::Quarter, 4, "2026-04-01", "2026-04-01", "2026-06-30", "FY2027-Q1"),
            (Period::Quarter, 4, "2026-03-31", "2026-01-01", "2026-03-31", "FY2026-Q4"),
            (Period::Quarter, 2, "2028-01-15", "2027-11-01", "2028-01-31", "FY2028-Q4"),
            (Period::Quarter, 12, "2028-01-15", "2027-12-01", "2028-02-29", "FY2028-Q1"),
            (Period::Quarter, 12, "2027-12-01", "2027-12-01", "2028-02-29", "FY2028-Q1"),
            (Period::Year, 1, "2028-07-01", "2028-01-01", "2028-12-31", "2028"),
            (Period::Year, 4, "2026-03-31", "2025-04-01", "2026-03-31", "FY2026"),
            (Period::Year, 10, "2026-10-01", "2026-10-01", "2027-09-30", "FY2027"),
            (Period::Year, 3, "2028-02-29", "2027-03-01", "2028-02-29", "FY2028"),
        ];
        for (period, start, of, from, to, name) in wanted {
            let own = period.span_of(day(of), start);
            assert_eq!(own, span(from, to), "{period} of {of} from month {start}");
            assert_eq!(own.name(start), name);
            assert_eq!(Period::parse_name(name, start), Some((period, own)));
        }
    }

    #[test]
    fn a_name_says_one_period_or_none() {
        assert_eq!(Period::parse_name("2026-04", 4), Some((Period::Month, span("2026-04-01", "2026-04-30"))));
        assert_eq!(Period::parse_name("FY2026-Q1", 1), Period::parse_name("2026-Q1", 1));
        // Which year is meant, the calendar's or the fiscal one?
        assert_eq!(Period::parse_name("2026-Q1", 4), None);
        assert_eq!(Period::parse_name("2026", 4), None);
        for wrong in [
            "",
            "26",
            "2026-13",
            "2026-00",
            "2026-4",
            "2026-Q5",
            "2026-q1",
            "FY2026-04",
            "0000",
            "20266",
            "+026",
            "2026-",
        ] {
            assert_eq!(Period::parse_name(wrong, 1), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_before_is_of_the_same_kind_or_as_long() {
        let quarter = span("2026-01-01", "2026-03-31");
        assert_eq!(quarter.previous(Some(Period::Quarter), 1), span("2025-10-01", "2025-12-31"));
        assert_eq!(quarter.previous(Some(Period::Year), 1), span("2025-01-01", "2025-12-31"));
        assert_eq!(quarter.previous(None, 1), span("2025-10-03", "2025-12-31"));
        assert_eq!(span("2028-03-01", "2028-03-31").previous(Some(Period::Month), 1), span("2028-02-01", "2028-02-29"));
        assert_eq!(span("2026-05-01", "2026-05-01").previous(None, 1), span("2026-04-30", "2026-04-30"));
        // A span that begins in the middle is compared with the whole period before.
        assert_eq!(span("2026-05-10", "2026-05-20").previous(Some(Period::Month), 1), span("2026-04-01", "2026-04-30"));
    }

    #[test]
    fn a_span_that_is_no_period_is_named_by_its_days() {
        assert_eq!(span("2026-01-05", "2026-02-03").name(1), "2026-01-05 to 2026-02-03");
        assert_eq!(span("2026-01-01", "2026-03-31").name(1), "2026-Q1");
        assert_eq!(span("2026-01-01", "2026-03-31").name(2), "2026-01-01 to 2026-03-31");
        assert_eq!(Span::new(day("2026-01-02"), day("2026-01-01")), None);
    }

    #[test]
    fn the_edges_of_the_calendar_are_survived() {
        for edge in [NaiveDate::MIN, NaiveDate::MAX] {
            for period in Period::ALL {
                for start in [0, 1, 7, 12, 99] {
                    let own = period.span_of(edge, start);
                    assert!(own.from <= own.to);
                    let _ = (own.previous(Some(period), start), own.previous(None, start), own.name(start));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn periods_tile_the_calendar(days in 0_i64..40_000, start in 1_u32..=12) {
            let day = day("1990-01-01") + chrono::TimeDelta::days(days);
            for period in Period::ALL {
                let own = period.span_of(day, start);
                prop_assert!(own.contains(day));
                prop_assert_eq!(period.span_of(own.from, start), own);
                prop_assert_eq!(period.span_of(own.to, start), own);
                let next = period.span_of(own.to.succ_opt().unwrap(), start);
                prop_assert_eq!(next.from, own.to.succ_opt().unwrap());
                prop_assert_eq!(next.previous(Some(period), start), own);
                prop_assert_eq!(Period::parse_name(&own.name(start), start), Some((period, own)));
                prop_assert_eq!(period.spans_in(own, start), vec![own]);
            }
            let year = Period::Year.span_of(day, start);
            prop_assert_eq!(Period::Month.spans_in(year, start).len(), 12);
            prop_assert_eq!(Period::Quarter.spans_in(year, start).len(), 4);
        }
    }
}
