//! The chance of each stage to be won: what the pipeline file says, corrected by what happened.

use serde::Serialize;

use crate::format::ident::StageId;
use crate::format::pipeline::Pipeline;
use crate::metrics::estimate::Floors;
use crate::metrics::funnel::{Window, of_journeys};
use crate::metrics::journey::Journeys;

/// How many deals of the past a prior weighs as much as.
pub const PRIOR_WEIGHT: u32 = 10;

/// Closed deals from which on chances are called history.
const ENOUGH: usize = 20;

/// How far to trust chances, by how many deals of the past were closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// None was closed: all is assumption.
    Assumed,
    /// Fewer than 20 were.
    MostlyAssumed,
    /// 20 or more were.
    History,
}

impl Trust {
    /// By the number of closed deals.
    pub fn of(closed: usize) -> Self {
        match closed {
            0 => Trust::Assumed,
            n if n < ENOUGH => Trust::MostlyAssumed,
            _ => Trust::History,
        }
    }
}

/// The chance of a stage to be won, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageChance {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// The chance before anything was seen, 0 to 1.
    pub prior: f64,
    /// Whether the pipeline file does not give it, so that it is assumed.
    pub prior_assumed: bool,
    /// Share of past deals in this stage that came to be won (Aalen-Johansen); `None` while none of them has ended.
    pub history: Option<f64>,
    /// Past and present deals that came into this stage.
    pub n: usize,
    /// Share of them that is still undecided.
    pub undecided: f64,
    /// How much of the chance is history, 0 to 1.
    pub evidence: f64,
    /// The chance, 0 to 1, to nine digits.
    pub chance: f64,
}

/// The chances of all stages that do not count as won, in order.
///
/// `chance = (n h + n u prior + m prior) / (n + m)`: the share `h` of the `n` deals that came in and were won, the share
/// `u` that is undecided and stands where the prior stands, and the prior itself with the weight of `m` =
/// [`PRIOR_WEIGHT`] deals. Once all are decided this is `(n h + m prior) / (n + m)`; while none is, it is the prior.
pub fn chances(pipeline: &Pipeline, journeys: &Journeys, as_of: i64) -> Vec<StageChance> {
    let floors = Floors { rate: 1, quantile: 1 };
    let funnel = of_journeys(pipeline, journeys, as_of, Window::default(), floors);
    let m = f64::from(PRIOR_WEIGHT);
    let priors = priors(pipeline);
    let stages = pipeline.stages.iter().take(pipeline.won_index()).zip(&funnel.stages).zip(priors);
    stages
        .map(|((stage, seen), (prior, prior_assumed))| {
            let step = seen.to_won.as_ref();
            let history = step.and_then(|s| s.estimate.value());
            let (n, undecided) = (seen.entered, step.map_or(1.0, |s| s.undecided));
            let count = n as f64;
            let blend = (count * history.unwrap_or(0.0) + (count * undecided + m) * prior) / (count + m);
            StageChance {
                stage: stage.id.clone(),
                title: stage.title.clone(),
                prior,
                prior_assumed,
                history,
                n,
                undecided,
                evidence: count * (1.0 - undecided) / (count + m),
                chance: (blend.clamp(0.0, 1.0) * 1e9).round() / 1e9,
            }
        })
        .collect()
}

/// The prior of each stage before won, and whether it is assumed. Where the file gives some, the others lie on straight
/// lines between them, with 0 before the first stage and 1 at won; where it gives none they rise geometrically from 1 %
/// to 90 %.
pub fn priors(pipeline: &Pipeline) -> Vec<(f64, bool)> {
    let count = pipeline.won_index();
    let given: Vec<Option<f64>> = pipeline.stages.iter().take(count).map(|s| s.probability).collect();
    if given.iter().all(Option::is_none) {
        let exponent = |i: usize| if count > 1 { i as f64 / (count - 1) as f64 } else { 0.5 };
        return (0..count).map(|i| (0.01 * 90_f64.powf(exponent(i)), true)).collect();
    }
    // Positions are counted from 1, so that "before the first stage" is 0.
    let known = given.iter().enumerate().filter_map(|(i, p)| p.map(|p| (i + 1, p)));
    let known: Vec<(usize, f64)> = std::iter::once((0, 0.0)).chain(known).chain([(count + 1, 1.0)]).collect();
    let between = |at: usize| {
        let pair = known.windows(2).find_map(|w| match w {
            [a, b] if a.0 <= at && at <= b.0 => Some((*a, *b)),
            _ => None,
        });
        pair.map_or(0.0, |((x0, p0), (x1, p1))| p0 + (p1 - p0) * (at - x0) as f64 / (x1 - x0) as f64)
    };
    given.iter().enumerate().map(|(i, p)| p.map_or_else(|| (between(i + 1), true), |p| (p, false))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::spell::Spells;
    use crate::metrics::fixture::{day, path, pipeline};
    use crate::metrics::journey::journeys;

    fn rounded(pipeline: &Pipeline) -> Vec<(i64, bool)> {
        priors(pipeline).into_iter().map(|(p, assumed)| ((p * 1000.0).round() as i64, assumed)).collect()
    }

    #[test]
    fn without_priors_the_ladder_rises_from_one_to_ninety_percent() {
        assert_eq!(rounded(&pipeline(&["a", "b", "c"])), [(10, true), (95, true), (900, true)]);
        assert_eq!(rounded(&pipeline(&["a"])), [(95, true)]);
    }

    #[test]
    fn missing_priors_lie_between_their_neighbours() {
        let mut pipeline = pipeline(&["a", "b", "c", "d", "e"]);
        pipeline.stages[1].probability = Some(0.2);
        pipeline.stages[3].probability = Some(0.6);
        assert_eq!(rounded(&pipeline), [(100, true), (200, false), (400, true), (600, false), (800, true)]);
    }

    #[test]
    fn a_ladder_from_one_percent_to_certainty_at_won_is_taken_as_it_is() {
        let mut pipeline = pipeline(&["a", "b", "done"]);
        pipeline.won_at = Some(StageId::new("done").unwrap());
        pipeline.stages[0].probability = Some(0.01);
        pipeline.stages[1].probability = Some(0.5);
        pipeline.stages[2].probability = Some(1.0);
        assert_eq!(rounded(&pipeline), [(10, false), (500, false)]);
    }

    #[test]
    fn deals_that_are_all_open_say_nothing() {
        let mut pipeline = pipeline(&["a"]);
        pipeline.stages[0].probability = Some(0.3);
        let spells: Vec<_> = (0..50).flat_map(|i| path(&format!("d{i}"), &[("a", 0)])).collect();
        let chance = &chances(&pipeline, &journeys(&pipeline, &Spells::from(spells.as_slice())), day(9))[0];
        assert_eq!((chance.chance, chance.history, chance.n, chance.evidence), (0.3, None, 50, 0.0));
    }

    #[test]
    fn decided_deals_pull_the_prior_towards_what_happened() {
        let mut pipeline = pipeline(&["a"]);
        pipeline.stages[0].probability = Some(0.2);
        let mut spells: Vec<_> = (0..24).flat_map(|i| path(&format!("w{i}"), &[("a", 0), ("won", 1)])).collect();
        spells.extend((0..6).flat_map(|i| path(&format!("l{i}"), &[("a", 0), ("lost", 1)])));
        let chance = &chances(&pipeline, &journeys(&pipeline, &Spells::from(spells.as_slice())), day(9))[0];
        // (30 * 0.8 + 10 * 0.2) / 40
        assert!((chance.chance - 0.65).abs() < 1e-9);
        assert!((chance.evidence - 0.75).abs() < 1e-12);
        assert_eq!(chance.history.map(|h| (h * 10.0).round()), Some(8.0));
    }

    #[test]
    fn what_comes_later_than_the_spells_is_not_known() {
        let pipeline = pipeline(&["a"]);
        let early: Vec<_> = (0..5).flat_map(|i| path(&format!("w{i}"), &[("a", 0), ("won", 1)])).collect();
        let now = chances(&pipeline, &journeys(&pipeline, &Spells::from(early.as_slice())), day(5));
        assert_eq!(now, chances(&pipeline, &journeys(&pipeline, &Spells::from(early.as_slice())), day(50)));
    }
}
