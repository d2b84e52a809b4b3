//! The value of a number, with its unit.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::metrics::estimate::Estimate;
use crate::metrics::hours::Hours;
use crate::metrics::total::Total;
use crate::report::lang::Lang;
use crate::report::number::{NONE, count, length_of, money, share, thousands};

/// The value of a number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "unit", content = "value", rename_all = "snake_case")]
pub enum Figure {
    /// So many.
    Count(usize),
    /// A sum of money.
    Money(Total),
    /// A sum of money that is not known as one of four things is not.
    MoneyOrNone(Option<Total>),
    /// A share, 0 to 1, with its interval.
    Share(Estimate<f64>),
    /// A share of which nothing else is said.
    PlainShare(Option<f64>),
    /// A length of time in seconds, of days that have so many.
    Seconds {
        /// The length.
        length: Estimate<i64>,
        /// Seconds of a day.
        day: i64,
    },
    /// Days.
    Days(Estimate<i64>),
    /// Hours of work.
    Hours(Hours),
    /// Hours of work, with an interval.
    HoursOf(Estimate<f64>),
    /// How many can be expected: not whole.
    Expected(f64),
}

impl Figure {
    /// The observations that were made, where there are too few to say the number.
    pub fn seen(&self) -> Option<usize> {
        match self {
            Figure::Share(Estimate::TooEarly { n }) | Figure::HoursOf(Estimate::TooEarly { n }) => Some(*n),
            Figure::Seconds { length: Estimate::TooEarly { n }, .. } | Figure::Days(Estimate::TooEarly { n }) => {
                Some(*n)
            }
            _ => None,
        }
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        match self {
            Figure::Count(n) => *n == 0,
            Figure::Money(total) => total.sum.is_some_and(|sum| sum.is_zero()),
            Figure::Hours(hours) => hours.0.is_zero(),
            _ => false,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Figure::Count(n) => thousands(&n.to_string(), Lang::En),
            Figure::Money(total) => of_money(total),
            Figure::MoneyOrNone(total) => total.as_ref().map_or_else(|| NONE.to_owned(), of_money),
            Figure::Share(estimate) => of_estimate(estimate, &|value| share(value, Lang::En)),
            Figure::PlainShare(value) => value.map_or_else(|| NONE.to_owned(), |value| share(value, Lang::En)),
            Figure::Seconds { length, day } => of_estimate(length, &|value| length_of(value, *day, Lang::En)),
            Figure::Days(days) => of_estimate(days, &|value| format!("{} d", thousands(&value.to_string(), Lang::En))),
            Figure::Hours(hours) => of_hours(hours.0),
            Figure::HoursOf(hours) => of_estimate(hours, &|value| format!("{} hours", count(value, Lang::En))),
            Figure::Expected(number) => count(*number, Lang::En),
        }
    }
}

/// A sum for people.
pub(super) fn of_money(total: &Total) -> String {
    total.sum.map_or_else(|| NONE.to_owned(), |sum| money(sum, total.currency, Lang::En))
}

/// Hours for people.
pub(super) fn of_hours(hours: Decimal) -> String {
    format!("{} h", thousands(&hours.normalize().to_string(), Lang::En))
}

fn of_estimate<T: Copy>(estimate: &Estimate<T>, written: &dyn Fn(T) -> String) -> String {
    match estimate {
        Estimate::Known { value, low: Some(low), high: Some(high), .. } => {
            format!("{} (95 %: {} to {})", written(*value), written(*low), written(*high))
        }
        Estimate::Known { value, low: Some(low), high: None, .. } => {
            format!("{} (95 %: {} or more)", written(*value), written(*low))
        }
        Estimate::Known { value, .. } => written(*value),
        Estimate::TooEarly { n } => format!("too early (n = {n})"),
        Estimate::NotReached { beyond, .. } => format!("more than {}", written(*beyond)),
    }
}
