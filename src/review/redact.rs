//! A review for people who may not see amounts.

use crate::check::rule;

use super::document::{Pair, Review};

impl Review {
    /// Leaves out amounts, and everything from which they could be reckoned: what can be expected of deals, the headline,
    /// fields that tell of money, and sentences that quote values. Which way each went stays. Titles, notes and reasons are
    /// not looked through.
    pub fn without_amounts(mut self) -> Review {
        let hide = |pair: &mut Pair| {
            (pair.before, pair.after, pair.change) = (None, None, None);
        };
        for deal in &mut self.deals {
            hide(&mut deal.amount);
            hide(&mut deal.weighted);
            for field in deal.fields.iter_mut().filter(|field| field.money) {
                (field.before, field.after) = (None, None);
            }
            for finding in &mut deal.findings {
                finding.message = match rule::find(&finding.rule) {
                    Some(rule) => rule.summary.to_owned(),
                    None => String::new(),
                };
            }
        }
        let forecast = &mut self.forecast;
        (forecast.before, forecast.after, forecast.change) = (None, None, None);
        self.redacted = true;
        self
    }
}
