//! Amounts in a currency that the exchange rates do not know.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::span::Span;
use crate::format::value::{Field, Value};

pub(super) static RULE: Rule = Rule {
    id: "currency",
    level: Level::Error,
    summary: "an amount is in a currency for which the exchange rates have no rate yet",
    why: "A pipeline with a file of rates adds up all currencies in one sum. What has no rate is missing there, and the sum does not look smaller than it should be. A pipeline without such a file tells each currency apart, and this rule says nothing.",
    bad: "amount: 18000 GBP            # and rates.csv has no line for GBP up to today",
    good: "amount: 18000 GBP            # and rates.csv: 2026-06-01,GBP,1.17",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let pipeline = ground.ground.pipeline();
    let (Some(rates), Some(_)) = (pipeline.exchange.as_deref(), ground.place) else { return Vec::new() };
    let today = ground.ground.circumstances.today;
    let mut findings = Vec::new();
    let mut look = |field: &Field, name: String| {
        let Some(money) = field.value.as_money() else { return };
        if money.currency == pipeline.currency || rates.at(money.currency, today).is_some() {
            return;
        }
        findings.push(about(ground, field.span, name, money.currency.code()));
    };
    if let Some(amount) = ground.deal.field("amount") {
        look(amount, "amount".to_owned());
    }
    let payments = ground.deal.value("payments").and_then(Value::as_list).unwrap_or_default();
    for (number, payment) in payments.iter().enumerate() {
        if let Some(amount) = payment.value.as_block().and_then(|block| block.get("amount")) {
            look(amount, format!("payments.{}.amount", number + 1));
        }
    }
    findings
}

fn about(ground: &DealGround<'_>, span: Span, name: String, code: &str) -> Finding {
    let pipeline = ground.ground.pipeline();
    let (id, today) = (&ground.deal.id, ground.ground.circumstances.today);
    let file = pipeline.rates.as_deref().map(|path| ground.ground.name(path)).unwrap_or_default();
    ground
        .finding(&RULE, span, format!("{name} of {id} is in {code}, and there is no rate for {code} on {today}"))
        .with_label("in no sum")
        .with_field(name)
        .with_help(format!(
            "add a line to {file}: `{today},{code},RATE`, where one {code} is worth RATE {}",
            pipeline.currency.code()
        ))
}
