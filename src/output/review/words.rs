//! What both renderings of a review say of a deal: the same words, of which each sink shows the values of files its own
//! way.

use rust_decimal::Decimal;

use crate::report::lang::Lang;
use crate::report::number::{expected_money, money};
use crate::review::document::{
    Amount, DealChange, Direction, FieldChange, Finding, Forecast, Instead, Level, Method, NoHistory, Pair, Review,
    State, Summary, Trust, What,
};

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Our own words.
    Own(String),
    /// Our own words that must be seen.
    Strong(String),
    /// What a file says, or how it is called.
    Value(String),
    /// A command to type, whole.
    Command(String),
}

/// A line in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(pub Vec<Part>);

impl Line {
    pub fn own(mut self, words: impl Into<String>) -> Self {
        self.0.push(Part::Own(words.into()));
        self
    }

    pub fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Part::Strong(words.into()));
        self
    }

    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.0.push(Part::Value(value.into()));
        self
    }

    /// Several values with commas between them.
    pub fn values<'v>(mut self, values: impl IntoIterator<Item = &'v str>) -> Self {
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self = self.own(", ");
            }
            self = self.value(value);
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn then(mut self, other: Line) -> Self {
        if !self.is_empty() && !other.is_empty() {
            self = self.own(" · ");
        }
        self.0.extend(other.0);
        self
    }
}

/// "1 error", "2 errors".
pub(super) fn number_of(n: usize, one: &str, many: &str) -> String {
    let counted = crate::report::number::thousands(&n.to_string(), Lang::En);
    format!("{counted} {}", if n == 1 { one } else { many })
}

/// An amount as people read it.
pub(super) fn amount(amount: Amount) -> String {
    money(amount.0.amount, amount.0.currency, Lang::En)
}

/// An expectation as people read it.
pub(super) fn expected(amount: Amount) -> String {
    expected_money(amount.0.amount, amount.0.currency, Lang::En)
}

/// A change with its sign: `+6,000 EUR`, `−33,000 EUR`, `±0`.
pub(super) fn signed(change: Amount) -> String {
    let size = expected(Amount(crate::format::money::Money { amount: change.0.amount.abs(), ..change.0 }));
    match change.0.amount {
        c if c.is_zero() => "±0".to_owned(),
        c if c < Decimal::ZERO => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

/// The column of a deal in which its share of the headline stands.
pub(super) fn weighted(pair: &Pair, redacted: bool) -> String {
    match (&pair.change, pair.direction) {
        (Some(change), _) => signed(*change),
        (None, Some(Direction::Up)) if redacted => "up".to_owned(),
        (None, Some(Direction::Down)) if redacted => "down".to_owned(),
        (None, Some(Direction::Same)) if redacted => "±0".to_owned(),
        _ => "–".to_owned(),
    }
}

/// Errors and warnings: "2 errors, 1 warning", "no errors".
pub(super) fn verdict(summary: &Summary) -> String {
    let errors = match summary.errors {
        0 => "no errors".to_owned(),
        n => number_of(n, "error", "errors"),
    };
    match summary.warnings {
        0 => errors,
        n => format!("{errors}, {}", number_of(n, "warning", "warnings")),
    }
}

/// The headline in money.
pub(super) fn headline(forecast: &Forecast) -> Line {
    // Where no deal is different, nobody asks for the forecast.
    if forecast.without_history == Some(NoHistory::NotAsked) {
        return Line::default();
    }
    let name = match forecast.method {
        Method::History => "forecast ",
        Method::Stages => "weighted by stage ",
        Method::None => return Line::default(),
    };
    let line = Line::default().own(name);
    let line = match (forecast.change, forecast.direction) {
        (Some(change), _) => line.strong(signed(change)),
        (None, Some(Direction::Up)) => line.strong("up"),
        (None, Some(Direction::Down)) => line.strong("down"),
        (None, Some(Direction::Same)) => line.strong("unchanged"),
        (None, _) => return Line::default(),
    };
    match (forecast.before, forecast.after) {
        (Some(before), Some(after)) => line.own(format!(" ({} → {})", expected(before), expected(after))),
        _ => line,
    }
}

/// What is to be known of the headline.
pub(super) fn about_forecast(review: &Review) -> Option<String> {
    let forecast = &review.forecast;
    if review.summary.deals == 0 {
        return None;
    }
    let mut words = Vec::new();
    match (forecast.method, forecast.without_history) {
        (Method::History, _) => {}
        (Method::Stages, why) => {
            words.push(format!("the chances are the percentages of the stages{}", because(why)));
        }
        (Method::None, why) => words.push(format!("there is no forecast{}", because(why))),
    }
    if forecast.without > 0 && forecast.method != Method::None {
        let deals = number_of(forecast.without, "deal of this change is", "deals of this change are");
        words.push(format!("{deals} not in it, because an amount or a chance is not known"));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

fn because(why: Option<NoHistory>) -> &'static str {
    match why {
        None | Some(NoHistory::NotAsked) => "",
        Some(NoHistory::Shallow) => ", since history is cut off in this shallow clone",
        Some(NoHistory::NoCommit) => ", since there was no commit before",
        Some(NoHistory::Damaged) => ", since history cannot be read",
    }
}

/// What became of a deal, on one line.
pub(super) fn change(row: &DealChange, redacted: bool) -> Line {
    let line = place(row, redacted);
    let line = line.then(criteria(row));
    let line = line.then(amounts(row, redacted));
    let line = line.then(main_fields(row, redacted));
    let line = line.then(other_findings(row));
    line.then(silenced(row))
}

fn place(row: &DealChange, redacted: bool) -> Line {
    let line = Line::default();
    let stages = |stages: &[String]| stages.to_vec().join(", ");
    if row.paths.len() > 1 {
        let number = if row.paths.len() == 2 { "two".to_owned() } else { row.paths.len().to_string() };
        return line
            .own("in ")
            .strong(format!("{number} places"))
            .own(": ")
            .values(row.paths.iter().map(String::as_str));
    }
    if row.unreadable {
        let path = row.paths.first().map(String::as_str).unwrap_or_default();
        return line.strong("cannot be read").own(": ").value(path);
    }
    match row.what {
        What::Created => line.own("new in ").value(stages(&row.to)),
        What::Removed => {
            let worth = match row.amount.before {
                Some(worth) => format!(" (was {} in ", amount(worth)),
                None if redacted => " (was in ".to_owned(),
                None => " (was without an amount in ".to_owned(),
            };
            line.strong("removed").own(worth).value(stages(&row.from)).own(")")
        }
        What::Renamed => {
            let was = row.was.as_deref().unwrap_or_default();
            let line = line.own("renamed from ").value(was);
            if row.is_moved() {
                line.own(" · ").value(stages(&row.from)).own(" → ").value(stages(&row.to))
            } else {
                line
            }
        }
        What::Moved => line.value(stages(&row.from)).own(" → ").value(stages(&row.to)),
        What::Changed if row.paths_before.len() > 1 => {
            line.own("was in ").values(row.from.iter().map(String::as_str)).own(", now in ").value(stages(&row.to))
        }
        What::Changed | What::Touched => line,
    }
}

/// The criteria that a deal does not meet, and those that were waived.
fn criteria(row: &DealChange) -> Line {
    let mut failed: Vec<&str> = Vec::new();
    let of_findings = row.findings.iter().filter(|f| f.level >= Level::Warning && f.is_fresh());
    let of_findings = of_findings.filter_map(|finding| finding.criterion.as_deref());
    let of_move = row.criteria.iter().filter(|judged| !matches!(judged.state, State::Met | State::Waived));
    for id in of_findings.chain(of_move.map(|judged| judged.criterion.as_str())) {
        if !failed.contains(&id) {
            failed.push(id);
        }
    }
    let mut line = Line::default();
    if !failed.is_empty() {
        line = line.own(if failed.len() == 1 { "criterion " } else { "criteria " });
        line = line.strong("not met").own(": ").values(failed);
    }
    let waived: Vec<&str> = row.waivers.iter().map(|waiver| waiver.criterion.as_str()).collect();
    if !waived.is_empty() {
        line = line.then(Line::default().strong("waived").own(": ").values(waived));
    }
    line
}

/// An amount before and after.
fn amounts(row: &DealChange, redacted: bool) -> Line {
    let line = Line::default();
    match (row.what, row.amount.direction) {
        (What::Removed, _) | (_, None | Some(Direction::Same)) => return line,
        (What::Created, _) => {
            return match row.amount.after {
                Some(after) => line.own(format!("amount {}", amount(after))),
                None => line,
            };
        }
        _ => {}
    }
    let mark = match row.amount.direction {
        Some(Direction::Down) => "lowered",
        Some(Direction::Unclear) => "in another currency",
        _ => "raised",
    };
    let told = |worth: Option<Amount>| worth.map_or_else(|| "none".to_owned(), amount);
    if redacted {
        return line.own("amount ").strong(mark);
    }
    let line = line.own(format!("amount {} → ", told(row.amount.before))).strong(told(row.amount.after));
    if row.is_lowered() { line.own(format!(" ({mark}{})", times(row))) } else { line.own(times_raised(row)) }
}

/// How many times as large an amount has become, where that is so much that a slip of the pen may be behind it.
fn times_raised(row: &DealChange) -> String {
    factor(row.amount.before, row.amount.after).map(|times| format!(" (× {times})")).unwrap_or_default()
}

fn times(row: &DealChange) -> String {
    factor(row.amount.after, row.amount.before).map(|times| format!(", ÷ {times}")).unwrap_or_default()
}

fn factor(small: Option<Amount>, large: Option<Amount>) -> Option<String> {
    let (small, large) = (small?.0, large?.0);
    let is_same = small.currency == large.currency && small.amount > Decimal::ZERO;
    let times = is_same.then(|| large.amount.checked_div(small.amount)).flatten()?;
    (times >= Decimal::from(5)).then(|| times.round_dp(0).to_string())
}

/// The close date and the owner; of other fields only how many there are.
fn main_fields(row: &DealChange, redacted: bool) -> Line {
    let mut line = Line::default();
    for (field, words) in [("owner", "owner "), ("close_date", "close date ")] {
        if let Some(change) = row.fields.iter().find(|change| change.field == field) {
            line = line.then(Line::default().own(words).then_values(change, redacted));
        }
    }
    let others = row.fields.iter().filter(|f| !matches!(f.field.as_str(), "owner" | "close_date")).count();
    match (row.what, others) {
        _ if row.unreadable || row.paths.len() > 1 => line,
        (What::Touched, _) => line.then(Line::default().own("only comments or layout")),
        (_, 0) => line,
        (_, n) => line.then(Line::default().own(number_of(n, "other field", "other fields"))),
    }
}

impl Line {
    fn then_values(self, change: &FieldChange, redacted: bool) -> Self {
        values(self, change, redacted)
    }
}

/// A field before and after.
pub(super) fn values(line: Line, change: &FieldChange, redacted: bool) -> Line {
    let one = |line: Line, value: &Option<String>| match value {
        Some(value) => line.value(value.clone()),
        None => line.own("none"),
    };
    if redacted && change.money {
        return line.own("(left out)");
    }
    one(one(line, &change.before).own(" → "), &change.after)
}

/// What else was found, by rule.
fn other_findings(row: &DealChange) -> Line {
    let mut line = Line::default();
    let is_told = |f: &&Finding| f.level >= Level::Warning && f.is_fresh() && f.criterion.is_none();
    let shown = |f: &&Finding| is_told(f) && f.rule != "duplicate-deal";
    let mut told: Vec<(&str, Option<usize>)> = Vec::new();
    for finding in row.findings.iter().filter(shown) {
        let known = told.iter().any(|(rule, _)| *rule == finding.rule);
        if !known && told.len() < 3 {
            told.push((&finding.rule, finding.line));
        }
    }
    for (rule, at) in told {
        let mut one = Line::default().value(rule);
        if let Some(at) = at {
            one = one.own(format!(" line {at}"));
        }
        line = line.then(one);
    }
    line
}

fn silenced(row: &DealChange) -> Line {
    if row.ignores.is_empty() {
        return Line::default();
    }
    Line::default().strong("silences").own(" ").values(row.ignores.iter().map(String::as_str))
}

/// How to mend an error, where a command or a place can be named.
pub(super) fn mend(finding: &Finding) -> Line {
    if let Some(command) = finding.commands.first() {
        return Line(vec![Part::Command(command.clone())]);
    }
    let line = match (&finding.criterion, &finding.field) {
        (_, Some(field)) => Line::default().own("set ").value(field.clone()).own(" in "),
        (Some(criterion), None) => Line::default().own("meet ").value(criterion.clone()).own(" in "),
        (None, None) => Line::default().own("mend "),
    };
    let line = line.value(finding.path.clone());
    match finding.line {
        Some(at) => line.own(format!(" line {at}")),
        None => line,
    }
}

/// Whether a row has to be seen without opening anything.
pub(super) fn must_be_seen(row: &DealChange) -> bool {
    row.fresh_level() >= Some(Level::Warning)
        || row.what == What::Removed
        || row.is_lowered()
        || row.unreadable
        || row.paths.len() > 1
        || !row.waivers.is_empty()
        || !row.ignores.is_empty()
}

/// The sign of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Error,
    Warning,
    Removed,
    Created,
    Moved,
    Changed,
}

pub(super) fn sign(row: &DealChange) -> Sign {
    match (row.fresh_level(), row.what) {
        (Some(Level::Error), _) => Sign::Error,
        (_, What::Removed) => Sign::Removed,
        (Some(Level::Warning), _) => Sign::Warning,
        (_, What::Created) => Sign::Created,
        (_, What::Moved) => Sign::Moved,
        (_, What::Renamed | What::Changed | What::Touched) => Sign::Changed,
    }
}

/// Whose pipeline file counted, where the pipeline file changed or another one than was asked for had to be taken.
pub(super) fn policy(review: &Review) -> Option<Line> {
    let policy = &review.policy;
    let judged = match policy.judged_by {
        Trust::Base => "deals were judged by the version before",
        Trust::Head => "deals were judged by the new version",
    };
    let line = match (policy.changed, &policy.instead) {
        (false, None) => return None,
        (true, _) => {
            Line::default().strong("Policy changed").own(": ").value("pipeline.yaml").own(format!("; {judged}"))
        }
        (false, Some(_)) => Line::default().own(judged),
    };
    let other = match policy.judged_by {
        Trust::Base => "the new one",
        Trust::Head => "the one before",
    };
    Some(match policy.instead {
        Some(Instead::Missing) => line.own(format!(", as {other} is missing")),
        Some(Instead::Broken) => line.own(format!(", as {other} has errors")),
        Some(Instead::Unreadable) => line.own(format!(", as {other} cannot be read")),
        None => line,
    })
}

/// "Compared with `main` at `9be01d2`".
pub(super) fn compared(review: &Review) -> Line {
    let base = match &review.base.commit {
        None => Line::default().own("Compared with nothing"),
        Some(commit) => {
            let line = Line::default().own("Compared with ");
            let same = commit.as_str().starts_with(&review.base.name) && review.base.name.len() >= 7;
            let line = if review.base.name.is_empty() || same {
                line
            } else {
                line.value(review.base.name.clone()).own(" at ")
            };
            line.value(commit.short())
        }
    };
    let head = match (&review.head.commit, review.head.name.as_str()) {
        (None, _) => base.own(", the files as they lie here"),
        (Some(commit), _) => base.own(", at ").value(commit.short()),
    };
    head.own(match review.forecast.method {
        Method::History => " · history complete",
        Method::Stages | Method::None if review.summary.deals > 0 => " · without history",
        Method::Stages | Method::None => "",
    })
}
