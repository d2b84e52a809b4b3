//! What people use instead of a forecast: fixed percentages by stage, and the share of closed deals that was won. They
//! are what a forecast has to beat.

use crate::forecast::chance::priors;
use crate::format::pipeline::Pipeline;
use crate::metrics::journey::{Journeys, Outcome, Spot};

/// The word with which a seller says that a deal will be won.
pub const COMMIT: &str = "commit";

/// The fixed percentage of each stage before won: what the pipeline file says (`probability`), and where it says none, a
/// ladder that rises from 1 % to 90 %. It knows no horizon: a deal has the chance of its stage whenever it closes.
pub fn ladder(pipeline: &Pipeline) -> Vec<f64> {
    priors(pipeline).into_iter().map(|(chance, _)| chance).collect()
}

/// For each stage before won, the share of the deals that were ever in it and are closed that was won. Open deals do not
/// count, however old, and there is no horizon: the win rate as most tools show it. A stage of which no deal has closed has
/// the share of all closed deals; where nothing was closed at all, there is nothing to say.
pub fn won_of_closed(pipeline: &Pipeline, journeys: &Journeys) -> Option<Vec<f64>> {
    let stages = pipeline.won_index();
    let mut tally = vec![(0_usize, 0_usize); stages];
    let (mut closed, mut won) = (0_usize, 0_usize);
    let mut was_in = vec![false; stages];
    for journey in journeys.iter().filter(|j| j.is_closed()) {
        let is_won = usize::from(journey.outcome == Outcome::Won);
        closed += 1;
        won += is_won;
        was_in.fill(false);
        for visit in journey.visits {
            if let Spot::Stage(index) = visit.spot
                && let Some(was) = was_in.get_mut(index)
            {
                *was = true;
            }
        }
        for ((n, wins), _) in tally.iter_mut().zip(&was_in).filter(|(_, was)| **was) {
            *n += 1;
            *wins += is_won;
        }
    }
    let share = |(wins, n): (usize, usize)| (n > 0).then(|| wins as f64 / n as f64);
    let all = share((won, closed))?;
    Some(tally.into_iter().map(|(n, wins)| share((wins, n)).unwrap_or(all)).collect())
}

/// The chance that a seller's word stands for: 1 for [`COMMIT`], 0 for any other word and for none.
pub fn committed(category: Option<&str>) -> f64 {
    f64::from(u8::from(category == Some(COMMIT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ident::StageId;
    use crate::history::spell::Spells;
    use crate::metrics::fixture::{path, pipeline};
    use crate::metrics::journey::journeys;

    fn of(paths: &[&[(&str, i64)]]) -> Option<Vec<f64>> {
        let spells: Vec<_> = paths.iter().enumerate().flat_map(|(i, steps)| path(&format!("d{i}"), steps)).collect();
        let pipeline = pipeline(&["a", "b", "c"]);
        won_of_closed(&pipeline, &journeys(&pipeline, &Spells::from(spells.as_slice())))
    }

    #[test]
    fn each_closed_deal_counts_once_in_every_stage_it_was_in() {
        let shares = of(&[
            &[("a", 0), ("b", 1), ("won", 2)],
            // Twice in `a`, and back to marketing counts as not won.
            &[("a", 0), ("b", 1), ("a", 2), ("recycled", 3)],
            &[("a", 0), ("lost", 1)],
            &[("a", 0), ("lost", 1)],
            // Open and withdrawn ones do not count.
            &[("a", 0), ("b", 1)],
            &[("a", 0), ("b", 1), ("-", 2)],
        ]);
        // No deal was ever in `c`: one of four closed ones was won.
        assert_eq!(shares, Some(vec![0.25, 0.5, 0.25]));
    }

    #[test]
    fn where_nothing_was_closed_there_is_nothing_to_say() {
        assert_eq!(of(&[&[("a", 0)], &[("b", 0), ("-", 3)]]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_ladder_ends_before_the_first_stage_that_counts_as_won() {
        let mut pipeline = pipeline(&["a", "b", "c", "done"]);
        pipeline.won_at = Some(StageId::new("done").unwrap());
        let rounded: Vec<i64> = ladder(&pipeline).iter().map(|p| (p * 1000.0).round() as i64).collect();
        assert_eq!(rounded, [10, 95, 900]);
        pipeline.stages[1].probability = Some(0.4);
        assert_eq!(ladder(&pipeline), [0.2, 0.4, 0.7]);
    }

    #[test]
    fn a_commit_is_a_promise_and_every_other_word_is_none() {
        assert_eq!([Some("commit"), Some("best_case"), Some(""), None].map(committed), [1.0, 0.0, 0.0, 0.0]);
    }
}
