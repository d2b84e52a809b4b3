//! Deals counted and their amounts added up, each currency apart.

use serde::Serialize;

use crate::format::money::{Currency, Money};

use super::total::Total;

/// A number of deals and the sums of their amounts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Amounts {
    /// Deals.
    pub deals: usize,
    /// Sum of their amounts in the main currency.
    pub amount: Total,
    /// Sums in the other currencies that occur, by code; they are in no other sum.
    pub other: Vec<Total>,
    /// Deals without an amount.
    pub without_amount: usize,
}

impl Amounts {
    /// Nothing yet. `currency` is the main one.
    pub fn zero(currency: Currency) -> Self {
        Amounts { deals: 0, amount: Total::zero(currency), other: Vec::new(), without_amount: 0 }
    }

    /// Counts a deal.
    pub fn add(&mut self, amount: Option<Money>) {
        self.deals += 1;
        match amount {
            Some(money) => self.add_sum(Total::from(money)),
            None => self.without_amount += 1,
        }
    }

    /// Adds a sum without counting a deal. What is too large to be known makes the whole unknown.
    pub fn add_sum(&mut self, sum: Total) {
        let add = |total: &mut Total| match sum.sum {
            Some(amount) => total.add(amount),
            None => total.sum = None,
        };
        if sum.currency == self.amount.currency {
            return add(&mut self.amount);
        }
        match self.other.binary_search_by_key(&sum.currency, |total| total.currency) {
            Ok(at) => self.other.get_mut(at).into_iter().for_each(add),
            Err(at) => self.other.insert(at, sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_currency_has_its_own_sum() {
        let eur = Currency::new("EUR").unwrap();
        let mut amounts = Amounts::zero(eur);
        for text in ["10", "5 USD", "0.50", "7 CHF", "1 USD"] {
            amounts.add(Some(Money::parse(text, eur).unwrap()));
        }
        amounts.add(None);
        let told = |total: &Total| format!("{} {}", total.sum.unwrap(), total.currency);
        assert_eq!((amounts.deals, amounts.without_amount, told(&amounts.amount)), (6, 1, "10.50 EUR".to_owned()));
        assert_eq!(amounts.other.iter().map(told).collect::<Vec<_>>(), ["7 CHF", "6 USD"]);
    }
}
