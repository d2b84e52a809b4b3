//! Sums of money in one currency.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::format::money::{Currency, Money};

/// A sum of amounts of one currency. In JSON `{"amount": "18000.50", "currency": "EUR"}`; the amount is a text, so that
/// no reader passes it through a float, and null where the sum has more digits than can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// The sum; `None` where it has more than 28 digits.
    pub sum: Option<Decimal>,
    /// Of what.
    pub currency: Currency,
}

impl Total {
    /// Nothing yet.
    pub fn zero(currency: Currency) -> Self {
        Total { sum: Some(Decimal::ZERO), currency }
    }

    /// Adds an amount of the same currency.
    pub fn add(&mut self, amount: Decimal) {
        self.sum = self.sum.and_then(|s| s.checked_add(amount));
    }

    /// Adds a share of an amount. Nothing is rounded here but digits beyond the 28th.
    pub fn add_weighted(&mut self, amount: Decimal, share: Decimal) {
        self.sum = self.sum.and_then(|s| s.checked_add(amount.checked_mul(share)?));
    }

    /// Rounded to the currency's everyday digits, half to even.
    pub fn rounded(mut self) -> Self {
        let digits = self.currency.minor_digits();
        self.sum = self.sum.map(|s| s.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven));
        self
    }

    /// What share of `whole` this is; `None` unless both are known and the whole is above 0.
    pub fn share_of(&self, whole: &Total) -> Option<f64> {
        let (part, whole) = (self.sum?, whole.sum?);
        let share = (whole > Decimal::ZERO).then(|| part.checked_div(whole)).flatten()?;
        rust_decimal::prelude::ToPrimitive::to_f64(&share)
    }
}

impl From<Money> for Total {
    fn from(money: Money) -> Self {
        Total { sum: Some(money.amount), currency: money.currency }
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Total", 2)?;
        out.serialize_field("amount", &self.sum.map(|s| s.to_string()))?;
        out.serialize_field("currency", &self.currency)?;
        out.end()
    }
}

/// A share from 0 to 1 as a decimal of nine digits, the form in which it may meet money.
pub fn decimal_share(share: f64) -> Decimal {
    let clamped = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    Decimal::new((clamped * 1e9).round() as i64, 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::new("EUR").unwrap()
    }

    #[test]
    fn adds_exactly_whatever_the_order() {
        let amounts = [Decimal::new(1, 1), Decimal::new(2, 1), Decimal::new(-3, 1), Decimal::new(10_i64.pow(15), 2)];
        let sum = |order: &[usize]| {
            let mut total = Total::zero(eur());
            order.iter().for_each(|i| total.add(amounts[*i]));
            total.sum
        };
        assert_eq!(sum(&[0, 1, 2, 3]), sum(&[3, 2, 1, 0]));
        assert_eq!(sum(&[0, 1, 2, 3]), Some(Decimal::new(10_i64.pow(15), 2)));
    }

    #[test]
    fn a_sum_that_cannot_be_held_is_unknown_not_wrong() {
        let mut total = Total::zero(eur());
        total.add(Decimal::MAX);
        total.add(Decimal::ONE);
        assert_eq!(total.sum, None);
        total.add(Decimal::NEGATIVE_ONE);
        assert_eq!(serde_json::to_string(&total).unwrap(), r#"{"amount":null,"currency":"EUR"}"#);
        assert_eq!(Total::zero(eur()).share_of(&total), None);
    }

    #[test]
    fn halves_are_rounded_to_even_and_only_once() {
        let mut total = Total::zero(eur());
        for _ in 0..2 {
            total.add_weighted(Decimal::new(5, 2), decimal_share(0.1));
        }
        assert_eq!(total.rounded().sum, Some(Decimal::new(1, 2)));
        let mut half = Total::zero(eur());
        half.add_weighted(Decimal::new(25, 2), decimal_share(0.1));
        assert_eq!(half.rounded().sum, Some(Decimal::new(2, 2)));
    }

    #[test]
    fn shares_need_a_whole_above_zero() {
        let of = |n: i64| Total { sum: Some(Decimal::from(n)), currency: eur() };
        assert_eq!(of(1).share_of(&of(4)), Some(0.25));
        assert_eq!(of(-1).share_of(&of(4)), Some(-0.25));
        assert_eq!(of(0).share_of(&of(0)), None);
        assert_eq!(of(1).share_of(&of(-4)), None);
    }
}
