//! A number that has a name, and how to find the deals in it.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::format::ident::DealId;

use super::Named;
use super::figure::Figure;

/// How something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It is what the number asks about.
    Yes,
    /// It is one of those that could have been, and is not.
    No,
    /// It may still be.
    Open,
}

/// When a list of a whole report shows a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Always.
    Main,
    /// Where it is not 0: there are many of its kind.
    WhereNotZero,
    /// Only where everything is asked for: it says more of another one.
    OnDemand,
}

/// By what a deal came to count as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// What happened to its stage at this time (seconds since 1970).
    Stage(i64),
    /// How it came to be where it is.
    Here,
    /// How it came to be where it was at a time.
    StageBefore(i64),
    /// The last change of a field up to a time.
    Field(&'static str, i64),
    /// Nobody knows.
    Unknown,
}

/// A deal of a number.
#[derive(Clone, Debug)]
pub(super) struct Pick {
    pub(super) deal: DealId,
    pub(super) how: String,
    pub(super) counts: Way,
    /// What of the sum is its.
    pub(super) part: Option<Decimal>,
    pub(super) cause: Cause,
}

impl Pick {
    /// A deal that is what the number asks about.
    pub(super) fn yes(deal: &DealId, how: impl Into<String>, cause: Cause) -> Pick {
        Pick { deal: deal.clone(), how: how.into(), counts: Way::Yes, part: None, cause }
    }

    pub(super) fn part(self, part: Option<Decimal>) -> Pick {
        Pick { part, ..self }
    }
}

/// What the report says of the deals of a number, for the deals that are found to be held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim {
    /// How many count; `None`: nothing is said.
    pub(super) yes: Option<usize>,
    /// How many may still.
    pub(super) open: Option<usize>,
    /// What the parts add up to, rounded to its own digits.
    pub(super) sum: Option<Decimal>,
}

/// A number of a report.
pub struct Number<'a> {
    /// Its name.
    pub(super) name: String,
    /// What it is, in a few words.
    pub(super) title: String,
    pub(super) value: Figure,
    /// The name under which the report defines it, or a sentence.
    pub(super) meaning: &'static str,
    pub(super) formula: String,
    pub(super) of: &'static str,
    pub(super) n: usize,
    /// How many observations it takes.
    pub(super) floor: usize,
    pub(super) claim: Claim,
    pub(super) rank: Rank,
    pub(super) pick: Box<dyn Fn() -> Vec<Pick> + 'a>,
}

impl<'a> Number<'a> {
    /// A number of so many deals. What else is to be said is said by the methods below.
    pub(super) fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        value: Figure,
        n: usize,
        pick: impl Fn() -> Vec<Pick> + 'a,
    ) -> Number<'a> {
        Number {
            name: name.into(),
            title: title.into(),
            value,
            meaning: "",
            formula: String::new(),
            of: "deals",
            n,
            floor: 0,
            claim: Claim::default(),
            rank: Rank::Main,
            pick: Box::new(pick),
        }
    }

    /// What it means, and how it was reckoned.
    pub(super) fn says(self, meaning: &'static str, formula: impl Into<String>) -> Self {
        Number { meaning, formula: formula.into(), ..self }
    }

    /// What is counted, where that is not deals.
    pub(super) fn of(self, of: &'static str) -> Self {
        Number { of, ..self }
    }

    /// How many observations it takes.
    pub(super) fn floor(self, floor: usize) -> Self {
        Number { floor, ..self }
    }

    /// How many of its deals count, and how many may still.
    pub(super) fn claims(mut self, yes: usize, open: Option<usize>) -> Self {
        (self.claim.yes, self.claim.open) = (Some(yes), open);
        self
    }

    /// What the parts of its deals add up to.
    pub(super) fn sums(mut self, sum: Option<Decimal>) -> Self {
        self.claim.sum = sum;
        self
    }

    /// When a list of the whole report shows it.
    pub(super) fn rank(self, rank: Rank) -> Self {
        Number { rank, ..self }
    }

    pub(super) fn named(&self) -> Named {
        Named {
            name: self.name.clone(),
            title: self.title.clone(),
            text: self.value.text(),
            value: self.value.clone(),
            rank: self.rank,
        }
    }

    /// Whether the deals that were found make the number.
    pub(super) fn adds_up(&self, picks: &[Pick]) -> bool {
        let count = |way: Way| picks.iter().filter(|pick| pick.counts == way).count();
        let Claim { yes, open, sum } = self.claim;
        let sums = sum.is_none_or(|sum| {
            let parts = picks.iter().filter_map(|pick| pick.part);
            let found = parts.fold(Decimal::ZERO, Decimal::saturating_add);
            found.round_dp_with_strategy(sum.scale(), RoundingStrategy::MidpointNearestEven) == sum
        });
        picks.len() == self.n
            && yes.is_none_or(|yes| count(Way::Yes) == yes)
            && open.is_none_or(|open| count(Way::Open) == open)
            && sums
    }
}
