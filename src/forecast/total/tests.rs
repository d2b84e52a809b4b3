use proptest::prelude::*;

use super::*;

/// A fixed generator (SplitMix64), so that a simulation is the same on every run.
struct Draws(u64);

impl Draws {
    /// Evenly between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From a normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.next()).ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }
}

fn bets(given: &[(f64, f64)]) -> Vec<Bet> {
    given.iter().map(|(chance, amount)| Bet { chance: *chance, amount: *amount }).collect()
}

/// Deals with amounts from a log-normal distribution.
fn pipeline(count: usize, spread: f64, chance: impl Fn(&mut Draws) -> f64) -> Vec<Bet> {
    let mut draws = Draws(count as u64);
    (0..count).map(|_| Bet { chance: chance(&mut draws), amount: (9.0 + spread * draws.normal()).exp() }).collect()
}

/// What of a few deals can come, and how likely, by taking every set of them.
fn every_outcome(bets: &[Bet]) -> Vec<(f64, f64)> {
    let one = |set: u32| {
        let mut outcome = (0.0, 1.0);
        for (at, bet) in bets.iter().enumerate() {
            let won = set >> at & 1 == 1;
            outcome.0 += if won { bet.amount } else { 0.0 };
            outcome.1 *= if won { bet.chance } else { 1.0 - bet.chance };
        }
        outcome
    };
    (0..1 << bets.len()).map(one).collect()
}

fn below(outcomes: &[(f64, f64)], amount: f64) -> f64 {
    outcomes.iter().filter(|(x, _)| *x <= amount + 1e-6).map(|(_, p)| p).sum()
}

/// The same by characteristic functions, however few there are.
fn by_functions(bets: &[Bet], rho: f64) -> Distribution {
    let mut totals = Totals::with(bets, None, usize::MAX);
    totals.way = Way::Many(Box::new(Many::new(&totals.groups, None, false)));
    totals.at(rho)
}

#[test]
fn a_few_independent_deals_are_as_likely_as_their_sets() {
    let few = bets(&[(0.3, 1_234.5), (0.5, 99.99), (0.05, 70_000.0), (0.9, 8_000.25), (0.3, 1_234.5), (0.62, 333.0)]);
    let found = distribution(&few, None, 0.0);
    let outcomes = every_outcome(&few);
    for (amount, _) in &outcomes {
        assert!((found.cdf(*amount) - below(&outcomes, *amount)).abs() < 1e-12);
        assert!((found.probability_at_least(*amount) - (1.0 - below(&outcomes, *amount - 1e-3))).abs() < 1e-12);
    }
    let mean: f64 = outcomes.iter().map(|(x, p)| x * p).sum();
    let variance: f64 = outcomes.iter().map(|(x, p)| p * (x - mean).powi(2)).sum();
    assert!((found.mean() - mean).abs() < 1e-9 && (found.sd() - variance.sqrt()).abs() < 1e-9);
}

#[test]
fn characteristic_functions_say_the_same_as_outcomes_one_by_one() {
    let few = bets(&[(0.3, 1_500.0), (0.5, 500.0), (0.05, 70_000.0), (0.9, 8_000.0), (0.3, 1_500.0), (0.01, 2_500.0)]);
    for rho in [0.0, 0.02, 0.2, 0.6] {
        let (few_by_few, by_functions) = (distribution(&few, None, rho), by_functions(&few, rho));
        for (amount, _) in every_outcome(&few) {
            let (a, b) = (few_by_few.cdf(amount), by_functions.cdf(amount));
            assert!((a - b).abs() < 1e-12, "{rho} {amount}: {a} {b}");
        }
        assert!((few_by_few.sd() - by_functions.sd()).abs() < 1e-8 * few_by_few.sd());
        assert_eq!(few_by_few.quantile(0.9), by_functions.quantile(0.9));
    }
}

#[test]
fn wins_of_deals_of_one_amount_are_a_poisson_binomial() {
    let mut draws = Draws(1);
    let chances: Vec<f64> = (0..300).map(|_| draws.next().powi(2)).collect();
    // One deal after the other: with k wins before it there are k or k + 1 after it.
    let mut by_count = vec![1.0];
    for chance in &chances {
        let mut next = vec![0.0; by_count.len() + 1];
        for (wins, probability) in by_count.iter().enumerate() {
            next[wins] += probability * (1.0 - chance);
            next[wins + 1] += probability * chance;
        }
        by_count = next;
    }
    let deals: Vec<Bet> = chances.iter().map(|chance| Bet { chance: *chance, amount: 1.0 }).collect();
    let found = Totals::with(&deals, None, usize::MAX).at(0.0);
    let mut sum = 0.0;
    for (wins, probability) in by_count.iter().enumerate() {
        sum += probability;
        assert!((found.cdf(wins as f64) - sum).abs() < 1e-12, "{wins}: {} {sum}", found.cdf(wins as f64));
    }
    // And taken together, as 300 deals are.
    let together = distribution(&deals, None, 0.0);
    let mut sum = 0.0;
    for (wins, probability) in by_count.iter().enumerate() {
        sum += probability;
        assert!((together.cdf(wins as f64) - sum).abs() < 1e-4, "{wins}: {} {sum}", together.cdf(wins as f64));
    }
}

/// Holds the distribution function against a simulation of deals that depend on a common factor.
fn simulated(deals: &[Bet], rho: f64, rounds: usize) {
    let found = distribution(deals, None, rho);
    let mut draws = Draws(7);
    let quantiles: Vec<f64> = deals.iter().map(|deal| Chance::new(deal.chance).quantile()).collect();
    let mut totals: Vec<f64> = (0..rounds)
        .map(|_| {
            let z = draws.normal();
            let won =
                |at: usize, draws: &mut Draws| rho.sqrt() * z + (1.0 - rho).sqrt() * draws.normal() < quantiles[at];
            (0..deals.len()).filter(|at| won(*at, &mut draws)).map(|at| deals[at].amount).sum()
        })
        .collect();
    totals.sort_by(f64::total_cmp);
    for percent in [2, 10, 25, 50, 75, 90, 98] {
        let amount = found.quantile(f64::from(percent) / 100.0) * (1.0 + 1e-9);
        let (share, expected) =
            (totals.partition_point(|total| *total <= amount) as f64 / rounds as f64, found.cdf(amount));
        let error = (expected * (1.0 - expected) / rounds as f64).sqrt();
        assert!((share - expected).abs() < 4.0 * error, "P{percent} {amount}: {share} simulated, {expected} found");
    }
}

#[test]
fn dependent_deals_come_as_a_simulation_has_them() {
    simulated(
        &bets(&[(0.3, 10.0), (0.5, 7.3), (0.2, 21.0), (0.9, 2.0), (0.4, 5.5), (0.4, 5.5), (0.05, 90.0)]),
        0.2,
        20_000,
    );
    simulated(&pipeline(40, 1.0, |draws| draws.next() * 0.5), 0.05, 10_000);
    simulated(&pipeline(200, 1.0, |draws| draws.next() * 0.5), 0.2, 3_000);
    simulated(&pipeline(120, 1.5, |draws| draws.next() * 0.1), 0.1, 3_000);
}

#[test]
fn the_share_won_of_very_many_deals_is_that_of_a_large_portfolio() {
    // With all else evened out, what is won is p(z) for a normal z (Vasicek 2002).
    let deals = vec![Bet { chance: 0.2, amount: 5_000.0 }; 40_000];
    for rho in [0.02, 0.2, 0.5] {
        let found = distribution(&deals, None, rho);
        for (p, z) in [(0.1, -1.281_551_565_5), (0.5, 0.0), (0.75, 0.674_489_750_2), (0.9, 1.281_551_565_5)] {
            let (share, _) = Chance::new(0.2).at(rho, -z);
            let (quantile, expected) = (found.quantile(p), share * 40_000.0 * 5_000.0);
            assert!((quantile - expected).abs() < 0.002 * found.mean(), "{rho} {p}: {quantile} {expected}");
        }
    }
}

#[test]
fn quantiles_do_not_jump_where_many_deals_depend_on_each_other() {
    let found = distribution(&pipeline(2_000, 1.0, |draws| draws.next() * 0.5), None, 0.2);
    let quantiles: Vec<f64> = (5..=95).map(|percent| found.quantile(f64::from(percent) / 100.0)).collect();
    let steps: Vec<f64> = quantiles.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for pair in steps.windows(2) {
        assert!((0.7..1.4).contains(&(pair[1] / pair[0])), "{pair:?}");
    }
}

#[test]
fn small_deals_taken_together_change_the_range_by_less_than_a_thousandth() {
    let cases = [
        ("as usual", 0.05, pipeline(250, 1.0, |draws| draws.next() * draws.next())),
        ("a few large ones", 0.0, pipeline(400, 1.6, |draws| draws.next() * draws.next())),
        ("unlikely ones", 0.0, pipeline(900, 0.8, |draws| draws.next() * 0.06)),
        ("multiples of ten", 0.02, {
            let mut deals = pipeline(300, 1.0, |draws| draws.next() * 0.4);
            deals.iter_mut().for_each(|deal| deal.amount = (deal.amount / 2_000.0).ceil() * 10.0);
            deals
        }),
    ];
    for (name, rho, deals) in cases {
        let (together, alone) = (Totals::prepare(&deals, None), Totals::with(&deals, None, usize::MAX));
        let parts = |totals: &Totals| match &totals.way {
            Way::Many(many) => many.alone.len(),
            _ => 0,
        };
        assert!(parts(&together) < deals.len() / 2 && parts(&alone) == deals.len(), "{name}");
        let (together, alone) = (together.at(rho), alone.at(rho));
        for p in [0.1, 0.5, 0.9] {
            let off = (together.quantile(p) - alone.quantile(p)) / alone.mean();
            assert!(off.abs() < 0.001, "{name} {p}: {off}");
        }
        assert!((together.sd() / alone.sd() - 1.0).abs() < 1e-9);
    }
}

/// Probabilities of sums of `amounts`, drawn as often as a number says whose probabilities follow `p(n) = (a + b/n) p(n - 1)`
/// (Panjer 1981).
fn recursion(first: f64, a: f64, b: f64, amounts: &[usize], until: usize) -> Vec<f64> {
    let mut found = vec![first];
    for total in 1..=until {
        let one = |amount: &usize| {
            let before = total.checked_sub(*amount).map_or(0.0, |at| found[at]);
            (a + b * *amount as f64 / total as f64) * before / amounts.len() as f64
        };
        let next = amounts.iter().map(one).sum();
        found.push(next);
    }
    found
}

#[test]
fn new_business_is_a_compound_poisson_or_negative_binomial() {
    let amounts = [3, 5, 5, 8];
    let units: Vec<f64> = amounts.iter().map(|amount| *amount as f64 * 100.0).collect();
    for shape in [f64::INFINITY, 4.0, 0.7] {
        let expected = 2.5;
        let by_hand = if shape.is_infinite() {
            recursion((-2.5_f64).exp(), 0.0, expected, &amounts, 600)
        } else {
            let again = expected / (shape + expected);
            recursion((1.0 - again).powf(shape), again, (shape - 1.0) * again, &amounts, 600)
        };
        let stream = Stream { expected, shape, amounts: units.clone() };
        let found = distribution(&[], Some(&stream), 0.3);
        let mut sum = 0.0;
        for (total, probability) in by_hand.iter().enumerate() {
            sum += probability;
            let cdf = found.cdf(total as f64 * 100.0);
            assert!((cdf - sum).abs() < 1e-11, "{shape} {total}: {cdf} {sum}");
        }
        assert!((found.mean() - 2.5 * 525.0).abs() < 1e-9);
        let variance = 2.5 * 307_500.0 + (2.5_f64 * 525.0).powi(2) / shape;
        assert!((found.sd() - variance.sqrt()).abs() < 1e-9);

        // With deals that are there: each of their outcomes, and what comes to it.
        let deals = bets(&[(0.4, 1_000.0), (0.1, 2_500.0), (1.0, 700.0)]);
        let found = distribution(&deals, Some(&stream), 0.0);
        let outcomes = every_outcome(&deals);
        for total in [0, 7, 10, 17, 20, 42, 60] {
            let one = |(amount, probability): &(f64, f64)| {
                let room = total - (amount / 100.0).round() as i64;
                probability * by_hand.iter().take(usize::try_from(room + 1).unwrap_or(0)).sum::<f64>()
            };
            let expected: f64 = outcomes.iter().map(one).sum();
            let cdf = found.cdf(total as f64 * 100.0);
            assert!((cdf - expected).abs() < 1e-11, "{shape} {total}: {cdf} {expected}");
        }
    }
}

#[test]
fn what_is_certain_is_exact() {
    let nothing = distribution(&[], None, 0.02);
    assert_eq!((nothing.mean(), nothing.sd(), nothing.quantile(0.1), nothing.quantile(0.9)), (0.0, 0.0, 0.0, 0.0));
    let certain = distribution(&bets(&[(1.0, 1_200.0), (0.0, 9_999.0), (1.0, 34.5), (0.5, 0.0)]), None, 0.02);
    for p in [0.0, 0.1, 0.5, 0.9, 1.0] {
        assert_eq!(certain.quantile(p), 1_234.5);
    }
    assert_eq!((certain.cdf(1_234.0), certain.cdf(1_234.5), certain.probability_at_least(1_234.5)), (0.0, 1.0, 1.0));
    assert_eq!((certain.crps(1_000.0), certain.crps(2_000.0), certain.crps(1_234.5)), (234.5, 765.5, 0.0));
    let one = distribution(&bets(&[(0.3, 100_000.0), (1.0, 500.0)]), None, 0.02);
    assert_eq!([0.1, 0.5, 0.7, 0.71, 0.9].map(|p| one.quantile(p)), [500.0, 500.0, 500.0, 100_500.0, 100_500.0]);
    assert!((one.probability_at_least(100_500.0) - 0.3).abs() < 1e-12);
}

#[test]
fn what_is_no_number_counts_as_nothing() {
    let deals = bets(&[(f64::NAN, 5.0), (0.5, f64::INFINITY), (0.5, -10.0), (-1.0, 7.0), (0.5, f64::NAN), (3.0, 2.0)]);
    let found = distribution(&deals, None, f64::NAN);
    assert_eq!((found.mean(), found.quantile(0.5)), (2.0, 2.0));
    assert!(deciding(&deals).is_empty());
}

#[test]
fn chances_and_amounts_next_to_nothing_and_beyond_all_measure_are_worked_with() {
    let stream = Stream { expected: 1e-300, shape: 1e-300, amounts: vec![1e-14, 1e300] };
    for (chance, amount) in [(1e-300, 1e-14), (1e-39, 1e-14), (1e-39, 1e300), (1.0 - 1e-16, 1e300), (0.5, 1e-300)] {
        for count in [5, 20] {
            for (others, stream) in [(0, None), (9, Some(&stream))] {
                let mut deals = vec![Bet { chance, amount }; count];
                deals.extend((0..others).map(|at| Bet { chance: 0.3, amount: 1.0 + f64::from(at) * 0.017 }));
                let found = distribution(&deals, stream, 0.2);
                let quantiles = [0.0, 0.1, 0.5, 0.9, 1.0].map(|p| found.quantile(p));
                assert!(
                    quantiles.windows(2).all(|pair| pair[0] <= pair[1]),
                    "{chance} {amount} {count}: {quantiles:?}"
                );
            }
        }
    }
}

#[test]
fn the_deals_with_the_largest_share_of_the_variance_decide() {
    // Variances: 0.25 * 4, 0.09 * 100, 0, 0.25 * 4, 0.16 * 100 of a sum of 27.
    let shares = deciding(&bets(&[(0.5, 2.0), (0.1, 10.0), (1.0, 1_000.0), (0.5, 2.0), (0.2, 10.0)]));
    assert_eq!(shares.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [4, 1, 0]);
    for ((_, share), expected) in shares.iter().zip([16.0 / 27.0, 9.0 / 27.0, 1.0 / 27.0]) {
        assert!((share - expected).abs() < 1e-12);
    }
    assert!(deciding(&[]).is_empty());
}

#[test]
fn fifty_thousand_different_deals_and_new_business_keep_their_mean() {
    let deals = pipeline(50_000, 1.2, |draws| draws.next().powi(3));
    let amounts: Vec<f64> = deals.iter().take(64).map(|deal| deal.amount).collect();
    let stream = Stream { expected: 400.0, shape: 20.0, amounts };
    let found = distribution(&deals, Some(&stream), 0.02);
    let middle: f64 = (0..1_000).map(|at| found.quantile((f64::from(at) + 0.5) / 1_000.0)).sum::<f64>() / 1_000.0;
    assert!((middle / found.mean() - 1.0).abs() < 1e-4, "{middle} {}", found.mean());
    assert!(found.quantile(0.1) < found.mean() && found.mean() < found.quantile(0.9));
}

/// Deals as they come: of any size, some of them round.
fn some_deals(most: usize) -> impl Strategy<Value = Vec<Bet>> {
    let amount = prop_oneof![(1..2_000_u32).prop_map(|n| f64::from(n) * 50.0), 1.0..100_000.0];
    let chance = prop_oneof![8 => 0.0..=1.0, 1 => Just(0.0), 1 => Just(1.0)];
    let bet = (chance, amount).prop_map(|(chance, amount)| Bet { chance, amount });
    proptest::collection::vec(bet, 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_mean_is_the_sum_of_chances_times_amounts(deals in some_deals(30), rho in 0.0..0.5) {
        let found = distribution(&deals, None, rho);
        let expected: f64 = deals.iter().map(|bet| bet.chance * bet.amount).sum();
        prop_assert!((found.mean() - expected).abs() <= 1e-9 * expected);
        // And that of the distribution itself: what lies above each amount, added up.
        let (xs, fs) = (&found.amounts, &found.below);
        let above: f64 = (1..xs.len()).map(|at| (xs[at] - xs[at - 1]) * (1.0 - (fs[at] + fs[at - 1]) / 2.0)).sum();
        prop_assert!((xs[0] + above - expected).abs() <= 1e-9 * expected.max(1.0), "{} {expected}", xs[0] + above);
    }

    #[test]
    fn quantiles_never_fall_and_agree_with_the_distribution_function(deals in some_deals(30), rho in 0.0..0.5) {
        let found = distribution(&deals, None, rho);
        let quantiles: Vec<f64> = (0..=100).map(|percent| found.quantile(f64::from(percent) / 100.0)).collect();
        prop_assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
        for (percent, quantile) in quantiles.iter().enumerate().skip(1) {
            let p = percent as f64 / 100.0;
            prop_assert!(found.cdf(*quantile) >= p - 1e-9, "{p}: {}", found.cdf(*quantile));
            let less = quantile - 1e-6 * found.quantile(1.0);
            prop_assert!(*quantile == 0.0 || found.cdf(less) <= p + 1e-3, "{p}: {}", found.cdf(less));
        }
    }

    #[test]
    fn a_hundred_times_the_amounts_are_a_hundred_times_the_money(deals in some_deals(30), factor in 0.01..100.0_f64) {
        let found = distribution(&deals, None, 0.05);
        let more: Vec<Bet> = deals.iter().map(|bet| Bet { amount: bet.amount * factor, ..*bet }).collect();
        let more = distribution(&more, None, 0.05);
        for p in [0.05, 0.1, 0.5, 0.9] {
            let (quantile, times) = (more.quantile(p), found.quantile(p) * factor);
            prop_assert!((quantile - times).abs() <= 1e-6 * times.max(more.mean()), "{p}: {quantile} {times}");
        }
        prop_assert!((more.sd() - found.sd() * factor).abs() <= 1e-6 * more.sd());
    }

    #[test]
    fn more_dependence_widens_the_range(deals in some_deals(30)) {
        let totals = Totals::prepare(&deals, None);
        let sds = [0.0, 0.02, 0.2, 0.6].map(|rho| totals.at(rho).sd());
        prop_assert!(sds.windows(2).all(|pair| pair[0] <= pair[1] * (1.0 + 1e-9)), "{sds:?}");
    }

    #[test]
    fn the_order_of_deals_changes_no_bit(deals in some_deals(30), seed in 0..1_000_u64) {
        let stream = Stream { expected: 1.5, shape: 3.0, amounts: vec![500.0, 777.0, 12_000.0] };
        let mut other = deals.clone();
        let mut draws = Draws(seed);
        for at in (1..other.len()).rev() {
            other.swap(at, (draws.next() * (at + 1) as f64) as usize);
        }
        prop_assert_eq!(distribution(&deals, Some(&stream), 0.02), distribution(&other, Some(&stream), 0.02));
    }

    #[test]
    fn no_numbers_make_it_fail(
        numbers in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..30),
        also in some_deals(10),
        stream in (any::<f64>(), any::<f64>(), proptest::collection::vec(any::<f64>(), 0..5)),
        rho in any::<f64>(),
        at in any::<f64>(),
    ) {
        let mut deals = bets(&numbers);
        deals.extend(also);
        let stream = Stream { expected: stream.0, shape: stream.1, amounts: stream.2 };
        for stream in [None, Some(&stream)] {
            let found = distribution(&deals, stream, rho);
            prop_assert!(found.mean().is_finite() && found.sd().is_finite());
            prop_assert!([at, 0.1, 0.9].iter().all(|p| found.quantile(*p).is_finite()));
            prop_assert!((0.0..=1.0).contains(&found.cdf(at)) && (0.0..=1.0).contains(&found.pit(at)));
            let _ = (found.crps(at), found.pinball(0.1, at));
        }
        deciding(&deals);
    }
}
