//! A handful of deals: every outcome on its own.

use super::Group;
use super::factor::Factor;

/// Deals whose outcomes are told one by one, at most: they have 4,096.
pub(super) const FEW: u32 = 12;

/// Amounts closer than this share of the largest are the same: sums in another order.
const SAME: f64 = 1e-12;

/// All amounts that can come with their probabilities, in ascending order.
pub(super) fn outcomes(groups: &[Group], factor: &Factor) -> Vec<(f64, f64)> {
    let bets = || groups.iter().flat_map(|group| (0..group.count).map(move |_| group));
    let mut amounts = vec![0.0];
    for bet in bets() {
        amounts.extend_from_within(..);
        let half = amounts.len() / 2;
        amounts[half..].iter_mut().for_each(|amount| *amount += bet.amount);
    }
    let chances: Vec<Vec<f64>> = bets().map(|bet| factor.chances(bet.chance)).collect();
    let mut probabilities = vec![0.0; amounts.len()];
    let mut given = Vec::with_capacity(amounts.len());
    for (at, weight) in factor.weights().iter().enumerate() {
        given.clear();
        given.push(*weight);
        for chance in &chances {
            let won = chance[at];
            given.extend_from_within(..);
            let half = given.len() / 2;
            let (lost, also) = given.split_at_mut(half);
            lost.iter_mut().for_each(|probability| *probability *= 1.0 - won);
            also.iter_mut().for_each(|probability| *probability *= won);
        }
        probabilities.iter_mut().zip(&given).for_each(|(sum, probability)| *sum += probability);
    }
    let mut found: Vec<(f64, f64)> = amounts.into_iter().zip(probabilities).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let same = SAME * found.last().map_or(0.0, |last| last.0);
    found.dedup_by(|later, earlier| {
        let equal = later.0 - earlier.0 <= same;
        if equal {
            earlier.1 += later.1;
        }
        equal
    });
    found
}
