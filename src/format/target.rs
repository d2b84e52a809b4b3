//! Targets: what is to be won in a month, a quarter or a year.

use rust_decimal::Decimal;

use super::money::{Currency, Money};
use super::period::{Period, Span};
use super::pipeline_file::Reader;
use super::tree::Mapping;

/// What is to be won in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub period: Period,
    /// Its days.
    pub span: Span,
    /// How much, in the pipeline's currency; above 0.
    pub amount: Decimal,
}

impl Reader<'_> {
    /// Reads `targets`. Without a currency there is nothing that an amount could be of; that was said elsewhere.
    pub(super) fn targets(
        &mut self,
        root: &Mapping,
        currency: Option<Currency>,
        fiscal_year_start: u32,
    ) -> Vec<Target> {
        let Some(mapping) = root.get("targets").and_then(|n| self.mapping(n, "targets")) else { return Vec::new() };
        let mut targets: Vec<Target> = Vec::with_capacity(mapping.entries.len());
        for entry in &mapping.entries {
            let Some((period, span)) = Period::parse_name(&entry.key, fiscal_year_start) else {
                let help = if fiscal_year_start > 1 {
                    "write 2026-04, FY2026-Q1 or FY2026; a fiscal year is called after the calendar year in which it ends"
                } else {
                    "write 2026-04, 2026-Q1 or FY2026"
                };
                self.problem(
                    entry.key_span,
                    format!("{:?} is no month, quarter or year", entry.key),
                    Some(help.into()),
                );
                continue;
            };
            if targets.iter().any(|known| known.span == span) {
                self.problem(
                    entry.key_span,
                    format!("there are two targets for {}", span.name(fiscal_year_start)),
                    None,
                );
                continue;
            }
            let what = format!("the target for {}", entry.key);
            let (Some(text), Some(currency)) = (self.text(&entry.value, &what), currency) else { continue };
            match Money::parse(text, currency) {
                Ok(money) if money.currency != currency => {
                    let help = format!("targets are in the pipeline's currency, {currency}");
                    self.problem(entry.value.span, format!("{what} is in {}", money.currency), Some(help));
                }
                Ok(money) if money.amount <= Decimal::ZERO => {
                    self.problem(entry.value.span, format!("{what} must be above 0"), None);
                }
                Ok(money) => targets.push(Target { period, span, amount: money.amount }),
                Err(error) => {
                    let help = "write it without separators: 300000";
                    self.problem(entry.value.span, format!("{what}: {error}"), Some(help.into()));
                }
            }
        }
        targets.sort_by_key(|target| target.span);
        targets
    }
}
