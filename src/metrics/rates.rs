//! Amounts in other currencies by the rates of the day.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::format::money::{Currency, Money};
use crate::format::pipeline::Pipeline;
use crate::format::rates::{Quote, Rates};

use super::snapshot::OtherCurrency;
use super::total::Total;

/// Digits to which a rate is told that no file gives as it is.
const TOLD: u32 = 9;

/// Turns amounts into one currency. Where no rate is known there is no amount: nothing is guessed, and what cannot be
/// converted has to be counted apart.
#[derive(Clone, Copy, Debug)]
pub struct Converter<'a> {
    to: Currency,
    rates: Option<&'a Rates>,
}

impl<'a> Converter<'a> {
    /// Into the pipeline's currency by its own rates.
    pub fn of(pipeline: &'a Pipeline) -> Self {
        Converter { to: pipeline.currency, rates: pipeline.exchange.as_deref() }
    }

    /// Into any currency. The rates may be told in another one: then both are taken by their worth in that.
    pub fn new(to: Currency, rates: Option<&'a Rates>) -> Self {
        Converter { to, rates }
    }

    /// The currency it converts into.
    pub fn currency(&self) -> Currency {
        self.to
    }

    /// Whether there are any rates.
    pub fn has_rates(&self) -> bool {
        self.rates.is_some()
    }

    /// An amount by the rates of a day, rounded once to the digits of the currency, half to even; one that is in it
    /// already stays as it is. `None` where no rate is known on that day, or the result has too many digits.
    pub fn convert(&self, money: Money, day: NaiveDate) -> Option<Decimal> {
        if money.currency == self.to {
            return Some(money.amount);
        }
        let (worth, unit) = (self.worth(money.currency, day)?, self.worth(self.to, day)?);
        let exact = money.amount.checked_mul(worth.rate)?;
        let exact = if unit.rate == Decimal::ONE { exact } else { exact.checked_div(unit.rate)? };
        let digits = self.to.minor_digits();
        let mut rounded = exact.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven);
        // Written with the digits of the currency, whichever way it was reckoned.
        rounded.rescale(digits);
        Some(rounded)
    }

    /// What one unit of a currency is worth on a day, to tell with the sum. Where neither currency is that of the rates,
    /// or the rates are told the other way round, it is rounded to nine digits; amounts are not converted by that.
    pub fn quote(&self, from: Currency, day: NaiveDate) -> Option<Quote> {
        let (worth, unit) = (self.worth(from, day)?, self.worth(self.to, day)?);
        if unit.rate == Decimal::ONE {
            return Some(worth);
        }
        let rate = worth.rate.checked_div(unit.rate)?;
        Some(Quote { rate: rate.round_sf(TOLD).unwrap_or(rate).normalize(), since: worth.since.min(unit.since) })
    }

    /// Adds an amount to a sum in the currency that this converts into. What cannot be converted changes nothing; where
    /// only the result would be too long, the sum is not known any more.
    pub fn add_to(&self, sum: &mut Total, money: Money, day: NaiveDate) -> Option<Decimal> {
        let converted = self.convert(money, day);
        match converted {
            Some(amount) => sum.add(amount),
            None if self.quote(money.currency, day).is_some() => sum.sum = None,
            None => {}
        }
        converted
    }

    /// What one unit of a currency is worth in that of the rates.
    fn worth(&self, currency: Currency, day: NaiveDate) -> Option<Quote> {
        let rates = self.rates?;
        if currency == rates.currency {
            return Some(Quote { rate: Decimal::ONE, since: day });
        }
        rates.at(currency, day)
    }
}

/// Gathers the amounts in other currencies, to tell them beside a sum: what of it was converted, and what is not in it.
#[derive(Clone, Debug)]
pub struct Others<'a> {
    converter: Converter<'a>,
    day: NaiveDate,
    by: BTreeMap<Currency, OtherCurrency>,
}

impl<'a> Others<'a> {
    /// Nothing yet. `day` is the day whose rates are taken.
    pub fn new(converter: Converter<'a>, day: NaiveDate) -> Self {
        Others { converter, day, by: BTreeMap::new() }
    }

    /// Takes an amount in, unless it is in the currency of the sum.
    pub fn add(&mut self, money: Money) {
        let Others { converter, day, by } = self;
        let currency = money.currency;
        if currency == converter.to {
            return;
        }
        let fresh = || {
            let quote = converter.quote(currency, *day);
            let converted = quote.map(|_| Total::zero(converter.to));
            OtherCurrency { currency, deals: 0, amount: Total::zero(currency), quote, converted }
        };
        let other = by.entry(currency).or_insert_with(fresh);
        other.deals += 1;
        other.amount.add(money.amount);
        if let Some(converted) = &mut other.converted {
            converter.add_to(converted, money, *day);
        }
    }

    /// What was taken in, by currency.
    pub fn finish(self) -> Vec<OtherCurrency> {
        self.by.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).unwrap()
    }

    fn rates(text: &str) -> Rates {
        Rates::read(format!("date,currency,rate\n{text}").as_bytes(), currency("EUR")).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn converted(to: &str, rates: &Rates, money: &str, on: &str) -> Option<String> {
        let money = Money::parse(money, currency("EUR")).unwrap();
        Converter::new(currency(to), Some(rates)).convert(money, day(on)).map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_are_rounded_once_to_the_digits_of_their_new_currency() {
        let rates = rates("2026-06-30,USD,0.125\n2026-06-30,JPY,0.005\n2026-06-30,KWD,3\n");
        let on = "2026-07-01";
        assert_eq!(converted("EUR", &rates, "1.00 USD", on).as_deref(), Some("0.12"), "half to even");
        assert_eq!(converted("EUR", &rates, "3.00 USD", on).as_deref(), Some("0.38"));
        assert_eq!(converted("EUR", &rates, "-1.00 USD", on).as_deref(), Some("-0.12"));
        assert_eq!(converted("EUR", &rates, "18000.505", on).as_deref(), Some("18000.505"), "its own stays as written");
        assert_eq!(converted("JPY", &rates, "1.00 USD", on).as_deref(), Some("25"));
        assert_eq!(converted("USD", &rates, "1 KWD", on).as_deref(), Some("24.00"));
        assert_eq!(converted("KWD", &rates, "1 EUR", on).as_deref(), Some("0.333"));
        let usd = Converter::new(currency("USD"), Some(&rates));
        assert_eq!(usd.quote(currency("EUR"), day(on)).unwrap().rate.to_string(), "8");
        let kwd = Converter::new(currency("KWD"), Some(&rates));
        assert_eq!(kwd.quote(currency("EUR"), day(on)).unwrap().rate.to_string(), "0.333333333");
    }

    #[test]
    fn without_a_rate_there_is_no_amount() {
        let rates = rates("2026-06-30,USD,0.92\n");
        assert_eq!(converted("EUR", &rates, "1 USD", "2026-06-29"), None);
        assert_eq!(converted("EUR", &rates, "1 GBP", "2026-06-30"), None);
        assert_eq!(converted("GBP", &rates, "1 USD", "2026-06-30"), None);
        assert_eq!(converted("EUR", &rates, "79228162514264337593543950335 USD", "2026-06-30").map(|_| ()), Some(()));
        let none = Converter::new(currency("EUR"), None);
        assert_eq!(none.convert(Money::parse("1 USD", currency("EUR")).unwrap(), day("2026-06-30")), None);
        assert_eq!(none.quote(currency("USD"), day("2026-06-30")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn nothing_panics_and_a_worth_stays_between_its_neighbours(amount in any::<i64>(), rate in 1_u32.., scale in 0_u32..9, digits in 0_u32..6) {
            let rate = Decimal::new(i64::from(rate), scale);
            let rates = rates(&format!("2026-06-30,USD,{rate}\n2026-06-30,JPY,{rate}\n"));
            let on = day("2026-06-30");
            let money = Money { amount: Decimal::new(amount, digits), currency: currency("USD") };
            for to in ["EUR", "JPY", "GBP"] {
                let found = Converter::new(currency(to), Some(&rates)).convert(money, on);
                if let (Some(found), "EUR") = (found, to) {
                    let exact = money.amount.checked_mul(rate).unwrap_or(found);
                    prop_assert!((found - exact).abs() <= Decimal::new(5, 3), "{found} {exact}");
                    prop_assert!(found.scale() <= 2);
                }
            }
        }
    }
}
