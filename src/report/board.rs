//! The board: the deals that have not ended as cards under their stages, the longest in its stage first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use crate::forecast::chance::chances;
use crate::format::date::Period;
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::{Pipeline, Place, Status};
use crate::format::value::Value;
use crate::metrics::estimate::{Estimate, Floors};
use crate::metrics::journey::{Journey, Journeys, Spot, Visit, stage_curves};
use crate::metrics::snapshot::OtherCurrency;
use crate::metrics::survival::{KaplanMeier, Quantile};
use crate::metrics::total::{Total, decimal_share};

/// The share of visits to a stage that a slow deal has outlasted.
const SLOW: f64 = 0.9;

/// What a board is made of.
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The deals to show. Those in an end are left out.
    pub deals: &'a [&'a Deal],
    /// The journeys of all deals of the pipeline, shown or not: from them it is known what is long in a stage.
    pub journeys: &'a Journeys,
    /// The moment that ages count to, in seconds since 1970.
    pub as_of: i64,
    /// The day that is taken for today.
    pub today: NaiveDate,
    /// The stages to show; none: all.
    pub stages: &'a [StageId],
    /// Cards a column, at most.
    pub limit: usize,
    /// How many observations a number needs.
    pub floors: Floors,
}

/// The stages with their deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Board {
    /// What people call the pipeline.
    pub title: String,
    /// The day that is taken for today.
    pub today: NaiveDate,
    /// The currency of all sums.
    pub currency: Currency,
    /// The deals of all columns that are still open, not those that count as won.
    pub open: Sum,
    /// The stages in order, then folders that are no stage.
    pub columns: Vec<Column>,
    /// Files left out because their deal lies in another place too; each deal has one card.
    pub doubled: usize,
    /// Who the letters on the cards stand for, by the letters.
    pub owners: BTreeMap<String, String>,
}

/// Number and amount of some deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sum {
    /// Deals.
    pub deals: usize,
    /// Sum of the amounts in the pipeline's currency.
    pub amount: Total,
    /// Sum of the amounts of open deals, each times its stage's chance to be won, rounded to the currency's digits.
    pub weighted: Total,
    /// Deals without an amount.
    pub without_amount: usize,
    /// Currencies that are in neither sum.
    pub other_currencies: Vec<OtherCurrency>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// The stage, or a folder that is none.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Whether the pipeline file has it.
    pub known: bool,
    /// Whether deals here count as won.
    pub won: bool,
    /// How long a deal should be here at most, as the pipeline file writes it: `14d`.
    #[serde(serialize_with = "as_text")]
    pub limit: Option<Period>,
    /// The length in seconds by which nine of ten visits to the stage are over, by Kaplan-Meier.
    pub p90_seconds: Estimate<i64>,
    /// Number and amount of all its deals, shown or not.
    #[serde(flatten)]
    pub sum: Sum,
    /// The first cards, the longest in the stage first; those of unknown age come last.
    pub cards: Vec<Card>,
    /// Deals without a card here, because only so many were asked for.
    pub more: usize,
}

/// One deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// The letters that stand for the owner on the card.
    #[serde(skip)]
    pub initials: String,
    /// What it is worth.
    pub amount: Option<Total>,
    /// Days since the day on which it came into the stage; `None` where history does not tell.
    pub days_in_stage: Option<i64>,
    /// Whether it has been there longer than that: it came in with an import.
    pub at_least: bool,
    /// When its next step is due.
    pub next_step_due: Option<NaiveDate>,
    /// When the yes is expected.
    pub close_date: Option<NaiveDate>,
    /// What is to be noticed about it.
    pub marks: Vec<Mark>,
}

/// What is to be noticed about a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It has been in its stage longer than the stage's limit.
    OverLimit,
    /// It has been in its stage longer than nine of ten visits to it.
    Slow,
    /// Its next step should have been done before today.
    NextStepOverdue,
    /// It is open, and its close date is in the past.
    CloseDateOverdue,
    /// None of the deals shown has been in its stage for longer.
    Oldest,
}

fn as_text<S: serde::Serializer>(limit: &Option<Period>, serializer: S) -> Result<S::Ok, S::Error> {
    match limit {
        Some(limit) => serializer.collect_str(limit),
        None => serializer.serialize_none(),
    }
}

/// A deal of a column with since when it is there.
struct Placed<'a> {
    deal: &'a Deal,
    visit: Option<Visit>,
}

/// Lays the deals out.
pub fn board(input: &Input<'_>) -> Board {
    let pipeline = input.pipeline;
    let journeys = input.journeys.by_deal();
    let (deals, doubled) = each_once(input, &journeys);
    let mut by_stage: BTreeMap<&StageId, Vec<Placed<'_>>> = BTreeMap::new();
    let wanted = |stage: &StageId| input.stages.is_empty() || input.stages.contains(stage);
    for deal in deals.into_iter().filter(|deal| wanted(&deal.stage)) {
        if !matches!(pipeline.place(deal.stage.as_str()), Some(Place::End(_))) {
            let visit = journeys.get(&deal.id).and_then(|journey| visit_here(pipeline, deal, journey));
            by_stage.entry(&deal.stage).or_default().push(Placed { deal, visit });
        }
    }
    let owners: BTreeSet<&str> = by_stage.values().flatten().filter_map(|placed| placed.deal.owner()).collect();
    let letters = initials(&owners);

    let curves = stage_curves(pipeline, input.journeys, input.as_of);
    let chances: BTreeMap<StageId, Decimal> = chances(pipeline, input.journeys, input.as_of)
        .into_iter()
        .map(|c| (c.stage, decimal_share(c.chance)))
        .collect();
    let mut open = Tally::new(pipeline.currency);
    let mut columns = Vec::new();
    for (index, stage) in pipeline.stages.iter().enumerate().filter(|(_, stage)| wanted(&stage.id)) {
        let placed = by_stage.remove(&stage.id).unwrap_or_default();
        let won = index >= pipeline.won_index();
        let chance = chances.get(&stage.id);
        let mut tally = Tally::new(pipeline.currency);
        for Placed { deal, .. } in &placed {
            tally.add(deal, chance);
            if !won {
                open.add(deal, chance);
            }
        }
        let curve = curves.get(index);
        let column = Column {
            stage: stage.id.clone(),
            title: stage.title.clone(),
            known: true,
            won,
            limit: stage.limit,
            p90_seconds: p90(curve, input.floors),
            sum: tally.sum(),
            cards: Vec::new(),
            more: 0,
        };
        columns.push(with_cards(input, column, placed, &letters));
    }
    for (stage, placed) in by_stage {
        let mut tally = Tally::new(pipeline.currency);
        for Placed { deal, .. } in &placed {
            tally.add(deal, None);
            open.add(deal, None);
        }
        let column = Column {
            stage: stage.clone(),
            title: stage.to_string(),
            known: false,
            won: false,
            limit: None,
            p90_seconds: p90(None, input.floors),
            sum: tally.sum(),
            cards: Vec::new(),
            more: 0,
        };
        columns.push(with_cards(input, column, placed, &letters));
    }
    mark_oldest(&mut columns);
    let owners = letters.into_iter().map(|(owner, letters)| (letters, owner.to_owned())).collect();
    Board {
        title: pipeline.title.clone(),
        today: input.today,
        currency: pipeline.currency,
        open: open.sum(),
        columns,
        doubled,
        owners,
    }
}

/// The deals without the files that double one, and how many such files there are. Where a deal lies in two places it is
/// shown where history has it, else where it comes first: a deal that is counted twice is worse than one in a wrong place.
fn each_once<'a>(input: &Input<'a>, journeys: &HashMap<&DealId, Journey<'_>>) -> (Vec<&'a Deal>, usize) {
    let mut places: HashMap<&DealId, usize> = HashMap::with_capacity(input.deals.len());
    let mut once: Vec<&Deal> = Vec::with_capacity(input.deals.len());
    for deal in input.deals {
        match places.get(&deal.id) {
            None => {
                places.insert(&deal.id, once.len());
                once.push(deal);
            }
            Some(at) => {
                let is_home = |deal: &Deal| {
                    journeys.get(&deal.id).is_some_and(|journey| visit_here(input.pipeline, deal, journey).is_some())
                };
                if let Some(first) = once.get_mut(*at).filter(|first| !is_home(first) && is_home(deal)) {
                    *first = deal;
                }
            }
        }
    }
    let doubled = input.deals.len() - once.len();
    (once, doubled)
}

/// The visit that goes on in the stage in which the deal lies; `None` where history has it elsewhere.
fn visit_here(pipeline: &Pipeline, deal: &Deal, journey: &Journey<'_>) -> Option<Visit> {
    let place = pipeline.place(deal.stage.as_str());
    journey.current().filter(|visit| match (visit.spot, place) {
        (Spot::Stage(index), Some(Place::Stage(own, _))) => index == own,
        (Spot::End(kind), Some(Place::End(end))) => kind == end.kind,
        (Spot::Unknown, None) => true,
        _ => false,
    })
}

fn p90(curve: Option<&KaplanMeier>, floors: Floors) -> Estimate<i64> {
    let n = curve.map_or(0, |curve| curve.events);
    match curve.filter(|_| n >= floors.quantile).map(|curve| (curve.quantile(SLOW), curve.quantile_interval(SLOW))) {
        None => Estimate::TooEarly { n },
        Some((Quantile::At(value), (low, high))) => Estimate::Known { value, n, low, high },
        Some((Quantile::NotReached(beyond), _)) => Estimate::NotReached { beyond, n },
    }
}

fn with_cards(
    input: &Input<'_>,
    mut column: Column,
    mut placed: Vec<Placed<'_>>,
    letters: &BTreeMap<&str, String>,
) -> Column {
    let since = |placed: &Placed<'_>| placed.visit.map_or(i64::MAX, |visit| visit.entered);
    placed.sort_by(|a, b| since(a).cmp(&since(b)).then_with(|| a.deal.id.cmp(&b.deal.id)));
    column.more = placed.len().saturating_sub(input.limit);
    column.cards = placed.iter().take(input.limit).map(|placed| card(input, &column, placed, letters)).collect();
    column
}

fn card(input: &Input<'_>, column: &Column, placed: &Placed<'_>, letters: &BTreeMap<&str, String>) -> Card {
    let Placed { deal, visit } = placed;
    let age = visit.map(|visit| input.as_of.saturating_sub(visit.entered).max(0));
    let next_step_due = deal.value("next_step.due").and_then(Value::as_date);
    let is_open = input.pipeline.status(&deal.stage) == Status::Open;
    let over_limit = |age: i64| column.limit.is_some_and(|limit| age > i64::from(limit.hours) * 3600);
    let slow = |age: i64| column.p90_seconds.value().is_some_and(|p90| age > p90);
    let marks = [
        (Mark::OverLimit, age.is_some_and(over_limit)),
        (Mark::Slow, age.is_some_and(slow)),
        (Mark::NextStepOverdue, next_step_due.is_some_and(|due| due < input.today)),
        (Mark::CloseDateOverdue, is_open && deal.close_date().is_some_and(|date| date < input.today)),
    ];
    let days = |visit: &Visit| {
        let entered = input.pipeline.day_of(visit.entered);
        input.today.signed_duration_since(entered).num_days().max(0)
    };
    Card {
        id: deal.id.clone(),
        title: deal.title().to_owned(),
        owner: deal.owner().map(str::to_owned),
        initials: deal.owner().and_then(|owner| letters.get(owner)).cloned().unwrap_or_default(),
        amount: deal.amount().map(Total::from),
        days_in_stage: visit.as_ref().map(days),
        at_least: visit.is_some_and(|visit| visit.left_censored),
        next_step_due,
        close_date: deal.close_date(),
        marks: marks.into_iter().filter(|(_, holds)| *holds).map(|(mark, _)| mark).collect(),
    }
}

/// Marks the deals that have been in their stages for the most days.
fn mark_oldest(columns: &mut [Column]) {
    let first = |column: &Column| column.cards.first().and_then(|card| card.days_in_stage);
    // A day is the same for everybody who came today.
    let Some(most) = columns.iter().filter_map(first).max().filter(|days| *days > 0) else { return };
    for card in columns.iter_mut().flat_map(|column| &mut column.cards) {
        if card.days_in_stage == Some(most) {
            card.marks.push(Mark::Oldest);
        }
    }
}

struct Tally {
    sum: Sum,
    others: BTreeMap<Currency, OtherCurrency>,
}

impl Tally {
    fn new(currency: Currency) -> Self {
        let none = Total::zero(currency);
        let sum = Sum { deals: 0, amount: none, weighted: none, without_amount: 0, other_currencies: Vec::new() };
        Tally { sum, others: BTreeMap::new() }
    }

    fn add(&mut self, deal: &Deal, chance: Option<&Decimal>) {
        let sum = &mut self.sum;
        sum.deals += 1;
        match deal.amount() {
            None => sum.without_amount += 1,
            Some(money) if money.currency == sum.amount.currency => {
                sum.amount.add(money.amount);
                if let Some(chance) = chance {
                    sum.weighted.add_weighted(money.amount, *chance);
                }
            }
            Some(money) => {
                let currency = money.currency;
                let fresh = || OtherCurrency { currency, deals: 0, amount: Total::zero(currency) };
                let other = self.others.entry(currency).or_insert_with(fresh);
                other.deals += 1;
                other.amount.add(money.amount);
            }
        }
    }

    fn sum(self) -> Sum {
        let Tally { sum, others } = self;
        Sum { weighted: sum.weighted.rounded(), other_currencies: others.into_values().collect(), ..sum }
    }
}

/// A few letters for each of these people, no two the same: `OS` for Olga Sokolova, `Ol` for olga, and as many more of a
/// name as it takes where two would share them.
fn initials<'a>(people: &BTreeSet<&'a str>) -> BTreeMap<&'a str, String> {
    let mut letters: BTreeMap<&str, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut left: Vec<&str> = people.iter().copied().collect();
    for more in 0..MOST_LETTERS {
        let mut shared: BTreeMap<String, usize> = BTreeMap::new();
        for person in &left {
            *shared.entry(shortened(person, more)).or_default() += 1;
        }
        left.retain(|person| {
            let short = shortened(person, more);
            let alone = shared.get(&short) == Some(&1) && !taken.contains(&short);
            if alone {
                taken.insert(short.clone());
                letters.insert(person, short);
            }
            !alone
        });
    }
    letters.extend(left.into_iter().map(|person| (person, person.to_owned())));
    letters
}

/// Beyond so many letters a name is no shorter for it.
const MOST_LETTERS: usize = 8;

/// The first letters of the first and the last word of a name, and so many more of the first one; of one word the first
/// two.
fn shortened(person: &str, more: usize) -> String {
    let name = person.split_once('@').map_or(person, |(name, _)| name);
    let mut words = name.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return person.to_owned() };
    let last = words.next_back();
    let long = 1 + more + usize::from(last.is_none());
    let mut short = String::new();
    for (number, letter) in first.graphemes(true).take(long).enumerate() {
        short.push_str(&if number == 0 { letter.to_uppercase() } else { letter.to_lowercase() });
    }
    if let Some(letter) = last.and_then(|word| word.graphemes(true).next()) {
        short.push_str(&letter.to_uppercase());
    }
    short
}

/// Whether a character belongs to the letter before it.
fn is_mark(c: char) -> bool {
    unicode_width::UnicodeWidthChar::width(c) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::spell::{Spell, Spells};
    use crate::metrics::fixture::{date, day, deal, money, path, pipeline, text, with};
    use crate::metrics::journey::journeys;

    fn lay(pipeline: &Pipeline, deals: &[Deal], spells: &[Spell], limit: usize) -> Board {
        let deals: Vec<&Deal> = deals.iter().collect();
        let as_of = day(30) + 3600;
        board(&Input {
            pipeline,
            deals: &deals,
            journeys: &journeys(pipeline, &Spells::from(spells)),
            as_of,
            today: pipeline.day_of(as_of),
            stages: &[],
            limit,
            floors: Floors::default(),
        })
    }

    fn cards(column: &Column) -> Vec<(&str, Option<i64>)> {
        column.cards.iter().map(|card| (card.id.as_str(), card.days_in_stage)).collect()
    }

    #[test]
    fn the_longest_in_its_stage_comes_first_and_those_without_an_age_last() {
        let deals = ["a", "b", "c", "d"].map(|id| deal(id, "brief"));
        let spells = [path("a", &[("brief", 20)]), path("b", &[("brief", 3)]), path("d", &[("offer", 1)])].concat();
        let board = lay(&pipeline(&["brief", "offer"]), &deals, &spells, 3);
        assert_eq!(cards(&board.columns[0]), [("b", Some(27)), ("a", Some(10)), ("c", None)]);
        assert_eq!((board.columns[0].more, board.columns[0].sum.deals, board.columns[1].sum.deals), (1, 4, 0));
        assert_eq!(board.columns[0].cards[0].marks, [Mark::Oldest]);
    }

    #[test]
    fn a_deal_is_stuck_past_the_limit_or_past_nine_of_ten_visits() {
        let mut pipeline = pipeline(&["brief", "offer"]);
        pipeline.stages[1].limit = Period::parse("5d");
        let visits =
            |n: i64| (0..n).map(|i| path(&format!("old{i}"), &[("brief", 0), ("offer", i + 1), ("won", i + 2)]));
        let now = [path("slow", &[("brief", 1)]), path("fresh", &[("brief", 29)]), path("late", &[("offer", 24)])];
        let deals = [deal("slow", "brief"), deal("fresh", "brief"), deal("late", "offer")];
        let lay_after = |n: i64| {
            let spells: Vec<Spell> = visits(n).chain(now.clone()).flatten().collect();
            lay(&pipeline, &deals, &spells, 9)
        };
        let marks = |column: &Column| column.cards.iter().map(|c| c.marks.clone()).collect::<Vec<_>>();
        let (many, few) = (lay_after(12), lay_after(7));
        assert_eq!(marks(&many.columns[0]), [vec![Mark::Slow, Mark::Oldest], vec![]]);
        assert_eq!(marks(&few.columns[0]), [vec![Mark::Oldest], vec![]]);
        assert_eq!(few.columns[0].p90_seconds, Estimate::TooEarly { n: 7 }, "seven visits say too little");
        assert_eq!(marks(&few.columns[1]), [vec![Mark::OverLimit]]);
    }

    #[test]
    fn dates_are_overdue_from_the_day_after() {
        let with_dates = |id: &str, stage: &str, due: &str, close: &str| {
            let block = with(deal(id, stage), "due", date(due)).fields;
            with(with(deal(id, stage), "next_step", Value::Block(block)), "close_date", date(close))
        };
        let mut pipeline = pipeline(&["brief", "work"]);
        pipeline.won_at = Some(StageId::new("work").unwrap());
        let deals = [
            with_dates("a", "brief", "2026-02-03", "2026-02-04"),
            with_dates("b", "brief", "2026-02-04", "2026-02-03"),
            with_dates("c", "work", "2026-02-03", "2026-02-03"),
        ];
        let board = lay(&pipeline, &deals, &[], 9);
        let marks: Vec<_> =
            board.columns.iter().flat_map(|column| &column.cards).map(|card| card.marks.clone()).collect();
        assert_eq!(marks, [vec![Mark::NextStepOverdue], vec![Mark::CloseDateOverdue], vec![Mark::NextStepOverdue]]);
    }

    #[test]
    fn sums_are_of_all_deals_and_keep_other_currencies_apart() {
        let priced = |id: &str, stage: &str, amount: &str| with(deal(id, stage), "amount", money(amount));
        let mut pipeline = pipeline(&["brief", "work"]);
        pipeline.stages[0].probability = Some(0.25);
        pipeline.won_at = Some(StageId::new("work").unwrap());
        let deals = [
            priced("a", "brief", "1000.50"),
            priced("b", "brief", "70 USD"),
            deal("c", "brief"),
            priced("w", "work", "9"),
            priced("x", "attic", "5"),
            priced("l", "lost", "4"),
        ];
        let board = lay(&pipeline, &deals, &[], 1);
        let sums: Vec<_> = board
            .columns
            .iter()
            .map(|c| (c.stage.as_str(), c.known, c.won, c.sum.deals, c.sum.amount.sum.unwrap().to_string()))
            .collect();
        assert_eq!(
            sums,
            [
                ("brief", true, false, 3, "1000.50".to_owned()),
                ("work", true, true, 1, "9".to_owned()),
                ("attic", false, false, 1, "5".to_owned())
            ]
        );
        let brief = &board.columns[0].sum;
        assert_eq!(brief.weighted.sum.unwrap().to_string(), "250.12");
        assert_eq!((brief.without_amount, brief.other_currencies[0].deals), (1, 1));
        assert_eq!((board.open.deals, board.open.amount.sum.unwrap().to_string()), (4, "1005.50".to_owned()));
    }

    #[test]
    fn a_deal_that_lies_in_two_places_has_one_card() {
        let deals = [deal("a", "brief"), deal("a", "offer"), deal("b", "brief"), deal("b", "offer")];
        let board = lay(&pipeline(&["brief", "offer"]), &deals, &path("a", &[("brief", 0), ("offer", 2)]), 9);
        assert_eq!(cards(&board.columns[0]), [("b", None)]);
        assert_eq!(cards(&board.columns[1]), [("a", Some(28))]);
        assert_eq!(board.doubled, 2);
    }

    #[test]
    fn no_two_owners_share_their_letters() {
        let letters = |people: &[&str]| {
            let people: BTreeSet<&str> = people.iter().copied().collect();
            initials(&people).into_iter().map(|(person, short)| format!("{person}={short}")).collect::<Vec<_>>()
        };
        assert_eq!(letters(&["olga", "Olga Sokolova", "petr"]), ["Olga Sokolova=OS", "olga=Ol", "petr=Pe"]);
        assert_eq!(letters(&["olga", "oleg", "olgierd"]), ["oleg=Ole", "olga=Olga", "olgierd=Olgi"]);
        assert_eq!(
            letters(&["o.sokolova@example.com", "O S"]),
            ["O S=O S", "o.sokolova@example.com=o.sokolova@example.com"]
        );
        assert_eq!(
            letters(&["Ирина Петрова", "李明", "@@", "e\u{301}va"]),
            ["@@=@@", "e\u{301}va=E\u{301}v", "Ирина Петрова=ИП", "李明=李明"]
        );
        assert_eq!(letters(&[]), Vec::<String>::new());
        let owner = with(deal("a", "brief"), "owner", text("olga"));
        let board = lay(&pipeline(&["brief"]), &[owner], &[], 9);
        assert_eq!(board.columns[0].cards[0].initials, "Ol");
        assert_eq!(board.owners, BTreeMap::from([("Ol".to_owned(), "olga".to_owned())]));
    }
}
