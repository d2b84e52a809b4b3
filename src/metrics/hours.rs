//! Hours of work, as deals list them under `effort`.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Serialize, Serializer};

use crate::format::deal::Deal;
use crate::format::value::Value;

/// A sum of hours, added exactly. In JSON a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours(pub Decimal);

impl Hours {
    /// Adds hours. A sum of more digits than can be held stays as it is.
    pub fn add(&mut self, hours: Decimal) {
        self.0 = self.0.checked_add(hours).unwrap_or(self.0);
    }

    /// As a number to calculate with.
    pub fn as_f64(self) -> f64 {
        self.0.to_f64().unwrap_or(0.0)
    }

    /// What share of `whole` this is; `None` unless the whole is above 0.
    pub fn share_of(self, whole: Hours) -> Option<f64> {
        (whole.0 > Decimal::ZERO).then(|| self.as_f64() / whole.as_f64())
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

/// One line of a deal's `effort`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'d> {
    /// When the work was done.
    pub on: Option<NaiveDate>,
    /// Who did it.
    pub who: Option<&'d str>,
    /// How long it took.
    pub hours: Option<Decimal>,
}

/// What a deal lists under `effort`, in its order.
pub fn entries(deal: &Deal) -> impl Iterator<Item = Entry<'_>> {
    let items = deal.value("effort").and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(|item| item.value.as_block()).map(|block| {
        let value = |name: &str| block.get(name).map(|field| &field.value);
        let hours = match value("hours") {
            Some(Value::Number(hours)) => Some(*hours),
            Some(Value::Integer(hours)) => Some(Decimal::from(*hours)),
            _ => None,
        };
        let who = value("who").and_then(Value::as_text).filter(|who| !who.trim().is_empty());
        Entry { on: value("on").and_then(Value::as_date), who, hours }
    })
}

/// The hours of a deal that were done up to a day; those without a date count too.
pub fn hours_by(deal: &Deal, day: NaiveDate) -> Hours {
    let mut sum = Hours::default();
    entries(deal).filter(|entry| entry.on.is_none_or(|on| on <= day)).filter_map(|e| e.hours).for_each(|h| sum.add(h));
    sum
}
