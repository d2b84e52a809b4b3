//! What if: deals as they would be if something changed, to forecast them beside the deals as they are.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::date::parse_date;
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Money;
use crate::format::nearest::nearest;
use crate::format::pipeline::{EndKind, Pipeline, Place, Status};
use crate::format::schema::{FieldType, find};
use crate::format::span::Span;
use crate::format::value::{Block, Field, Value};

/// What can be imagined of every deal. The fields that the pipeline forecasts by can be imagined too.
const ALWAYS: [&str; 4] = ["stage", "amount", "close_date", "owner"];

/// Why something cannot be imagined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// It has not the shape of a scenario.
    #[error("{0:?} is no what-if; write 'DEAL: stage=proposal, amount=50000', 'win DEAL' or 'lose DEAL'")]
    Shape(String),
    /// A part of it is no change.
    #[error("{part:?} in {text:?} is no change; write field=value, and numbers without separators: amount=50000")]
    Change {
        /// The part.
        part: String,
        /// The whole.
        text: String,
    },
    /// The forecast does not look at the field.
    #[error("a forecast does not look at `{field}`{}; what can be imagined is {}", hint(.near), .known.join(", "))]
    Field {
        /// The field.
        field: String,
        /// The nearest that it looks at.
        near: Option<String>,
        /// All that it looks at.
        known: Vec<String>,
    },
    /// A field stands there twice.
    #[error("`{field}` is changed twice in {text:?}")]
    FieldTwice {
        /// The field.
        field: String,
        /// The whole.
        text: String,
    },
    /// No stage or end has the name.
    #[error("there is no stage {name:?}{}; stages are {}", hint(.near), .known.join(", "))]
    Stage {
        /// What was asked for.
        name: String,
        /// The nearest.
        near: Option<String>,
        /// All of them.
        known: Vec<String>,
    },
    /// A value does not fit its field.
    #[error("{value:?} is no value for `{field}`: it is {expected}")]
    Value {
        /// The field.
        field: String,
        /// What was given.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// There is no such deal.
    #[error("there is no deal `{id}`{}", hint(.near))]
    Deal {
        /// What was asked for.
        id: String,
        /// The nearest.
        near: Option<String>,
    },
    /// The deal is not among those that were asked for.
    #[error("the deal `{0}` is not among those that --where chooses, so the forecast is not about it")]
    NotChosen(String),
    /// The deal is closed.
    #[error("the deal `{id}` is {status} already, and a forecast is about open deals")]
    Closed {
        /// The deal.
        id: String,
        /// How it ended.
        status: &'static str,
    },
    /// The deal is in two scenarios.
    #[error("the deal `{0}` is in two what-ifs; write its changes into one")]
    Twice(String),
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

/// What becomes of a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// It is won at once.
    Won,
    /// It is lost at once.
    Lost,
    /// It is in this stage, where one was named, and its fields have these values; `None` takes a field out.
    Changed { stage: Option<StageId>, values: Vec<(String, Option<Told>)> },
}

/// A value that a field gets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Money(Money),
    Date(NaiveDate),
    Text(String),
    Integer(i64),
    Boolean(bool),
    Deal(DealId),
}

/// Something imagined of one deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIf {
    /// The deal.
    pub deal: DealId,
    /// As it was asked for.
    pub text: String,
    #[serde(skip)]
    what: What,
}

impl WhatIf {
    /// Reads `DEAL: field=value, …`, `win DEAL` or `lose DEAL` (`won` and `lost` will do). Stages are named by id or title;
    /// an amount may have a currency; a value that is left empty takes the field out.
    ///
    /// # Errors
    /// When it says nothing that could be imagined. Whether there is such a deal is asked by [`check`].
    pub fn parse(text: &str, pipeline: &Pipeline) -> Result<WhatIf, ScenarioError> {
        let shape = || ScenarioError::Shape(text.to_owned());
        let deal = |id: &str| {
            DealId::new(id).map_err(|_| ScenarioError::Deal { id: id.to_owned(), near: None }).map_err(|error| match id
            {
                "" => shape(),
                id if id.contains(char::is_whitespace) => shape(),
                _ => error,
            })
        };
        let line = text.trim();
        if let Some((id, changes)) = line.split_once(':') {
            let (deal, what) = (deal(id.trim())?, changed(changes, line, pipeline)?);
            return Ok(WhatIf { deal, text: line.to_owned(), what });
        }
        let (word, id) = line.split_once(char::is_whitespace).ok_or_else(shape)?;
        let what = match word {
            "win" | "won" => What::Won,
            "lose" | "lost" => What::Lost,
            _ => return Err(shape()),
        };
        Ok(WhatIf { deal: deal(id.trim())?, text: line.to_owned(), what })
    }

    /// Whether the deal is won at once.
    pub fn is_won(&self) -> bool {
        self.what == What::Won
    }

    /// Whether the deal is lost at once.
    pub fn is_lost(&self) -> bool {
        self.what == What::Lost
    }
}

fn changed(text: &str, whole: &str, pipeline: &Pipeline) -> Result<What, ScenarioError> {
    let (mut place, mut values, mut seen) = (None, Vec::new(), BTreeSet::new());
    for part in text.split(',') {
        let part = part.trim();
        let no_change = || ScenarioError::Change { part: part.to_owned(), text: whole.to_owned() };
        let (field, value) =
            part.split_once('=').map(|(field, value)| (field.trim(), value.trim())).ok_or_else(no_change)?;
        if field.is_empty() {
            return Err(no_change());
        }
        if !seen.insert(field.to_owned()) {
            return Err(ScenarioError::FieldTwice { field: field.to_owned(), text: whole.to_owned() });
        }
        if field == "stage" {
            place = Some(stage(value, pipeline)?);
        } else if ALWAYS.contains(&field) || pipeline.forecast.coefficients.iter().any(|own| own == field) {
            let told = (!value.is_empty()).then(|| told(field, value, pipeline)).transpose()?;
            values.push((field.to_owned(), told));
        } else {
            let own = pipeline.forecast.coefficients.iter().map(String::as_str);
            let mut known: Vec<&str> = ALWAYS.into_iter().collect();
            known.extend(own.filter(|field| !ALWAYS.contains(field)));
            let near = nearest(field, known.iter().copied()).map(str::to_owned);
            let known = known.into_iter().map(str::to_owned).collect();
            return Err(ScenarioError::Field { field: field.to_owned(), near, known });
        }
    }
    // A stage that counts as won is a win, and nothing else matters then but the amount.
    match place.as_ref().map(|stage| pipeline.status(stage)) {
        Some(Status::Won) if values.is_empty() => Ok(What::Won),
        Some(Status::Lost | Status::Recycled) if values.is_empty() => Ok(What::Lost),
        _ => Ok(What::Changed { stage: place, values }),
    }
}

/// The stage or end of an id, or of a title where only one has it.
fn stage(name: &str, pipeline: &Pipeline) -> Result<StageId, ScenarioError> {
    if let Some(place) = pipeline.place(name) {
        return Ok(place.id().clone());
    }
    let folded = |text: &str| text.trim().to_lowercase();
    let titled: Vec<Place<'_>> = pipeline.places().filter(|place| folded(place.title()) == folded(name)).collect();
    if let [place] = titled[..] {
        return Ok(place.id().clone());
    }
    let known: Vec<String> = pipeline.places().map(|place| place.id().to_string()).collect();
    let near = pipeline.current_name(name).map(ToString::to_string);
    let near = near.or_else(|| nearest(name, known.iter().map(String::as_str)).map(str::to_owned));
    Err(ScenarioError::Stage { name: name.to_owned(), near, known })
}

fn told(field: &str, value: &str, pipeline: &Pipeline) -> Result<Told, ScenarioError> {
    let of = find(&pipeline.fields, field).map(|spec| &spec.of);
    let wrong = |expected: String| ScenarioError::Value { field: field.to_owned(), value: value.to_owned(), expected };
    let fits = |told: Option<Told>| told.ok_or_else(|| wrong(of.map_or_else(String::new, FieldType::describe)));
    match (field, of) {
        ("amount", _) => {
            let money = Money::parse(value, pipeline.currency).ok().filter(|money| !money.amount.is_sign_negative());
            money.map(Told::Money).ok_or_else(|| wrong(FieldType::Money.describe()))
        }
        ("close_date", _) => parse_date(value).map(Told::Date).map_err(|_| wrong(FieldType::Date.describe())),
        (_, Some(FieldType::Integer)) => fits(value.parse().ok().map(Told::Integer)),
        (_, Some(FieldType::Boolean)) => fits(value.parse().ok().map(Told::Boolean)),
        (_, Some(FieldType::Deal)) => fits(DealId::new(value).ok().map(Told::Deal)),
        (_, Some(FieldType::Enum(words))) => {
            fits(words.iter().any(|word| word == value).then(|| Told::Text(value.to_owned())))
        }
        _ => Ok(Told::Text(value.to_owned())),
    }
}

/// Whether each deal is there, is open and is named once. `deals` are those that were asked for, `all` also the others.
///
/// # Errors
/// When not.
pub fn check(scenario: &[WhatIf], pipeline: &Pipeline, deals: &[Deal], all: &[Deal]) -> Result<(), ScenarioError> {
    let mut named = BTreeSet::new();
    for one in scenario {
        let id = || one.deal.to_string();
        if !named.insert(&one.deal) {
            return Err(ScenarioError::Twice(id()));
        }
        let Some(deal) = deals.iter().find(|deal| deal.id == one.deal) else {
            if all.iter().any(|deal| deal.id == one.deal) {
                return Err(ScenarioError::NotChosen(id()));
            }
            let open = all.iter().chain(deals).filter(|deal| pipeline.status(&deal.stage) == Status::Open);
            let near = nearest(one.deal.as_str(), open.map(|deal| deal.id.as_str())).map(str::to_owned);
            return Err(ScenarioError::Deal { id: id(), near });
        };
        let status = pipeline.status(&deal.stage);
        if status != Status::Open {
            return Err(ScenarioError::Closed { id: id(), status: status.as_str() });
        }
    }
    Ok(())
}

/// The deals as they would be. Those that are won or lost at once lie in an end then.
pub fn apply(scenario: &[WhatIf], pipeline: &Pipeline, deals: &[Deal]) -> Vec<Deal> {
    let by_deal: HashMap<&DealId, &WhatIf> = scenario.iter().map(|one| (&one.deal, one)).collect();
    let end = |kind: EndKind| pipeline.ends.iter().find(|end| end.kind == kind).map(|end| end.id.clone());
    let won = || end(EndKind::Won).or_else(|| pipeline.stages.get(pipeline.won_index()).map(|s| s.id.clone()));
    let lost = || end(EndKind::Lost).or_else(|| end(EndKind::Recycled));
    let imagined = |deal: &Deal| -> Option<Deal> {
        let Some(one) = by_deal.get(&deal.id) else { return Some(deal.clone()) };
        let mut deal = deal.clone();
        match &one.what {
            What::Won => deal.stage = won()?,
            // Where no deal can be lost, a lost one is gone.
            What::Lost => deal.stage = lost()?,
            What::Changed { stage, values } => {
                deal.stage = stage.clone().unwrap_or(deal.stage);
                values.iter().for_each(|(path, told)| set(&mut deal.fields, path, told.as_ref()));
            }
        }
        Some(deal)
    };
    deals.iter().filter_map(imagined).collect()
}

/// Sets the value at a dotted path, or takes it out.
fn set(block: &mut Block, path: &str, told: Option<&Told>) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let entries = &mut block.entries;
    let Some(rest) = rest else {
        entries.retain(|(name, _, _)| name != first);
        if let Some(told) = told {
            let value = match told {
                Told::Money(money) => Value::Money(*money),
                Told::Date(day) => Value::Date(*day),
                Told::Text(text) => Value::Text(text.clone()),
                Told::Integer(number) => Value::Integer(*number),
                Told::Boolean(truth) => Value::Boolean(*truth),
                Told::Deal(deal) => Value::Deal(deal.clone()),
            };
            entries.push((first.to_owned(), Span::default(), Field { value, span: Span::default() }));
        }
        return;
    };
    let inner = entries.iter_mut().find(|(name, _, _)| name == first).map(|(_, _, field)| &mut field.value);
    match inner {
        Some(Value::Block(inner)) => set(inner, rest, told),
        _ => {
            let mut inner = Block::default();
            set(&mut inner, rest, told);
            entries.retain(|(name, _, _)| name != first);
            let value = Value::Block(inner);
            entries.push((first.to_owned(), Span::default(), Field { value, span: Span::default() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixture::{deal, money, pipeline, text, with};
    use crate::metrics::snapshot::field_text;

    fn small() -> Pipeline {
        let mut pipeline = pipeline(&["brief", "offer"]);
        pipeline.stages[1].title = "Offer sent".to_owned();
        pipeline.forecast.coefficients = vec!["region".to_owned(), "team.site".to_owned()];
        pipeline
    }

    fn deals() -> Vec<Deal> {
        vec![
            with(deal("acme", "brief"), "amount", money("100")),
            with(deal("beta-shop", "offer"), "owner", text("olga")),
            deal("old", "won"),
        ]
    }

    fn says(line: &str) -> String {
        let pipeline = small();
        let read = WhatIf::parse(line, &pipeline).and_then(|one| check(&[one], &pipeline, &deals(), &deals()));
        read.map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    fn after(lines: &[&str]) -> Vec<String> {
        let pipeline = small();
        let scenario: Vec<WhatIf> = lines.iter().map(|line| WhatIf::parse(line, &pipeline).unwrap()).collect();
        check(&scenario, &pipeline, &deals(), &deals()).unwrap();
        let told = |deal: &Deal| {
            let fields = ["amount", "close_date", "owner", "region", "team.site"];
            let fields: Vec<String> = fields.iter().filter_map(|field| field_text(deal, field)).collect();
            format!("{} {} {}", deal.id, deal.stage, fields.join(" ")).trim().to_owned()
        };
        apply(&scenario, &pipeline, &deals()).iter().map(told).collect()
    }

    #[test]
    fn deals_are_as_they_would_be() {
        assert_eq!(after(&[]), ["acme brief 100 EUR", "beta-shop offer olga", "old won"]);
        assert_eq!(
            after(&["acme: stage=offer sent, amount=50000 USD, close_date=2026-12-31, owner=petr"]),
            ["acme offer 50000 USD 2026-12-31 petr", "beta-shop offer olga", "old won"]
        );
        assert_eq!(after(&["win acme", "lose beta-shop"]), ["acme won 100 EUR", "beta-shop lost olga", "old won"]);
        assert_eq!(
            after(&["acme: amount=, region=EU: south, team.site=Bonn", "beta-shop: stage=won"]),
            ["acme brief EU: south Bonn", "beta-shop won olga", "old won"]
        );
    }

    #[test]
    fn where_no_deal_can_be_lost_a_lost_one_is_gone() {
        let mut pipeline = small();
        pipeline.ends.retain(|end| end.kind == EndKind::Won);
        let lost = WhatIf::parse("lost acme", &pipeline).unwrap();
        assert!(lost.is_lost() && !lost.is_won());
        let left: Vec<String> = apply(&[lost], &pipeline, &deals()).iter().map(|deal| deal.id.to_string()).collect();
        assert_eq!(left, ["beta-shop", "old"]);
    }

    #[test]
    fn what_cannot_be_imagined_is_said_with_what_can() {
        for (line, said) in [
            ("acme: stage=offer", "fine"),
            ("  win   acme ", "fine"),
            ("acme", "\"acme\" is no what-if; write 'DEAL: stage=proposal, amount=50000', 'win DEAL' or 'lose DEAL'"),
            ("", "\"\" is no what-if"),
            (": amount=1", "\": amount=1\" is no what-if"),
            ("drop acme", "\"drop acme\" is no what-if"),
            ("win acme beta-shop", "\"win acme beta-shop\" is no what-if"),
            ("acme: amount=50,000", "\"000\" in \"acme: amount=50,000\" is no change; write field=value, and numbers"),
            ("acme: =5", "\"=5\" in \"acme: =5\" is no change"),
            ("acme:", "\"\" in \"acme:\" is no change"),
            ("acme: amount=5, amount=6", "`amount` is changed twice"),
            (
                "acme: ammount=5",
                "a forecast does not look at `ammount`, did you mean `amount`?; what can be imagined is stage, amount, \
                 close_date, owner, region, team.site",
            ),
            ("acme: notes=x", "a forecast does not look at `notes`; what can be imagined is stage"),
            ("acme: stage=ofer", "there is no stage \"ofer\", did you mean `offer`?; stages are brief, offer, won"),
            ("acme: amount=lots", "\"lots\" is no value for `amount`: it is an amount (18000 or 18000 USD)"),
            ("acme: amount=-5", "\"-5\" is no value for `amount`"),
            ("acme: close_date=tomorrow", "\"tomorrow\" is no value for `close_date`: it is a date (YYYY-MM-DD)"),
            ("acne: amount=5", "there is no deal `acne`, did you mean `acme`?"),
            ("win old", "the deal `old` is won already, and a forecast is about open deals"),
        ] {
            let told = says(line);
            assert!(told.starts_with(said), "{line}: {told}");
        }
    }

    #[test]
    fn a_deal_is_imagined_once_and_only_where_it_is_asked_for() {
        let pipeline = small();
        let parse = |line: &str| WhatIf::parse(line, &pipeline).unwrap();
        let twice = [parse("win acme"), parse("acme: amount=5")];
        let error = check(&twice, &pipeline, &deals(), &deals()).unwrap_err();
        assert_eq!(error, ScenarioError::Twice("acme".to_owned()));
        let error = check(&twice[..1], &pipeline, &deals()[1..], &deals()).unwrap_err();
        assert_eq!(error, ScenarioError::NotChosen("acme".to_owned()));
    }
}
