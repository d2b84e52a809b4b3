//! Kaplan-Meier and Aalen-Johansen on whole numbers of seconds (or days: the unit is the caller's).
//!
//! At equal times what happened comes before what was censored: an observation censored at `t` was still at risk at `t`.

use super::interval::{Z, wilson_share};

/// One observation: how long it was watched, and what ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Length of time from its beginning; negative lengths count as 0.
    pub time: i64,
    /// The cause that ended it, by number from 0; `None` while it has not ended (censored).
    pub cause: Option<usize>,
}

impl Observation {
    /// Something that ended after `time` by `cause`.
    pub fn ended(time: i64, cause: usize) -> Self {
        Observation { time: time.max(0), cause: Some(cause) }
    }

    /// Something that had not ended when it was last seen, after `time`.
    pub fn censored(time: i64) -> Self {
        Observation { time: time.max(0), cause: None }
    }
}

/// A quantile of a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantile {
    /// The smallest time by which at least that share had ended.
    At(i64),
    /// The curve ends, at this time, before the quantile.
    NotReached(i64),
}

/// The curve at one time at which something happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurvivalStep {
    /// The time.
    pub time: i64,
    /// Observations still there just before it.
    pub at_risk: usize,
    /// Observations that ended at it.
    pub events: usize,
    /// Share still there after it.
    pub survival: f64,
    /// Lower bound of the share, 95 %.
    pub low: f64,
    /// Upper bound of the share, 95 %.
    pub high: f64,
}

/// A Kaplan-Meier curve: `S(t) = product over t_j <= t of (1 - d_j / n_j)`.
#[derive(Clone, Debug, PartialEq)]
pub struct KaplanMeier {
    /// The steps, by time.
    pub steps: Vec<SurvivalStep>,
    /// Observations.
    pub n: usize,
    /// Observations that ended.
    pub events: usize,
    /// The longest time at which anything was seen.
    pub last: i64,
}

/// Rounding of a product of fractions must not decide whether a curve touches a quantile.
const TOUCH: f64 = 1e-12;

/// The Kaplan-Meier curve of observations, whatever the cause that ended them (Kaplan and Meier, 1958). The pointwise
/// interval is Greenwood's on the log(-log) scale.
pub fn kaplan_meier(observations: &[Observation]) -> KaplanMeier {
    let groups = groups(observations);
    let mut at_risk = observations.len();
    let (mut survival, mut greenwood) = (1.0_f64, 0.0_f64);
    let mut steps = Vec::new();
    for group in &groups {
        let events = group.ended.len();
        if events > 0 {
            let (n, d) = (at_risk as f64, events as f64);
            survival = if events == at_risk { 0.0 } else { survival * (1.0 - d / n) };
            greenwood += if events == at_risk { 0.0 } else { d / (n * (n - d)) };
            let (low, high) = log_log(survival, greenwood);
            steps.push(SurvivalStep { time: group.time, at_risk, events, survival, low, high });
        }
        at_risk -= group.size;
    }
    KaplanMeier {
        events: steps.iter().map(|s| s.events).sum(),
        steps,
        n: observations.len(),
        last: groups.last().map_or(0, |g| g.time),
    }
}

fn log_log(survival: f64, greenwood: f64) -> (f64, f64) {
    if survival <= 0.0 || survival >= 1.0 {
        return (survival, survival);
    }
    let spread = Z * greenwood.sqrt() / survival.ln().abs();
    (survival.powf(spread.exp()), survival.powf((-spread).exp()))
}

impl KaplanMeier {
    /// Share still there after `time`.
    pub fn survival_at(&self, time: i64) -> f64 {
        let passed = self.steps.partition_point(|s| s.time <= time);
        passed.checked_sub(1).and_then(|i| self.steps.get(i)).map_or(1.0, |s| s.survival)
    }

    /// The smallest time by which a share `p` (0 to 1) had ended: the first with `S(t) <= 1 - p`.
    pub fn quantile(&self, p: f64) -> Quantile {
        self.first(p, |s| s.survival).map_or(Quantile::NotReached(self.last), Quantile::At)
    }

    /// The median.
    pub fn median(&self) -> Quantile {
        self.quantile(0.5)
    }

    /// The 95 % interval of a quantile: where the bounds of the curve reach it (Brookmeyer and Crowley, 1982, on the
    /// log(-log) scale); `None` for a bound that is not reached.
    pub fn quantile_interval(&self, p: f64) -> (Option<i64>, Option<i64>) {
        (self.first(p, |s| s.low), self.first(p, |s| s.high))
    }

    fn first(&self, p: f64, curve: impl Fn(&SurvivalStep) -> f64) -> Option<i64> {
        self.steps.iter().find(|s| curve(s) <= 1.0 - p + TOUCH).map(|s| s.time)
    }
}

/// The incidence of every cause at one time at which something happened.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidenceStep {
    /// The time.
    pub time: i64,
    /// Observations still there just before it.
    pub at_risk: usize,
    /// Share that none of the causes has ended yet.
    pub survival: f64,
    /// Share ended by each cause so far.
    pub incidence: Vec<f64>,
    /// Variance of each share.
    pub variance: Vec<f64>,
}

/// Cumulative incidence with competing causes: `F_c(t) = sum over t_j <= t of S(t_j-) d_cj / n_j`.
#[derive(Clone, Debug, PartialEq)]
pub struct Incidence {
    /// The steps, by time.
    pub steps: Vec<IncidenceStep>,
    /// Observations.
    pub n: usize,
    /// Observations that ended, by cause.
    pub events: Vec<usize>,
}

/// The Aalen-Johansen estimate of the share that each of `causes` causes ends (Aalen and Johansen, 1978), with the
/// delta-method variance (Dinse and Larson, 1986). One minus Kaplan-Meier of one cause would overstate it. A cause
/// number outside `causes` counts as censored.
pub fn aalen_johansen(observations: &[Observation], causes: usize) -> Incidence {
    let mut at_risk = observations.len();
    let mut survival = 1.0_f64;
    let mut incidence = vec![0.0_f64; causes];
    let mut events = vec![0_usize; causes];
    // With F the incidence so far, the variance at t is
    //   sum (F(t)-F_j)^2 a_j + sum b_j - 2 sum (F(t)-F_j) c_j,
    // which is a quadratic in F(t): its sums are kept, so that the whole curve takes one pass.
    let mut sums = vec![[0.0_f64; 6]; causes];
    let mut steps = Vec::new();
    for group in groups(observations) {
        let mut counts = vec![0_usize; causes];
        for cause in &group.ended {
            if let Some(count) = counts.get_mut(*cause) {
                *count += 1;
            }
        }
        let ended: usize = counts.iter().sum();
        if ended > 0 {
            let (n, d) = (at_risk as f64, ended as f64);
            let last = ended == at_risk;
            let mut variance = Vec::with_capacity(causes);
            for (c, count) in counts.iter().enumerate() {
                let dc = *count as f64;
                incidence[c] += survival * dc / n;
                events[c] += count;
                let f = incidence[c];
                let a = if last { 0.0 } else { d / (n * (n - d)) };
                let b = survival * survival * dc * (n - dc) / (n * n * n);
                let cross = survival * dc / (n * n);
                let s = &mut sums[c];
                for (sum, term) in s.iter_mut().zip([a, a * f, a * f * f, b, cross, cross * f]) {
                    *sum += term;
                }
                let v = f * f * s[0] - 2.0 * f * s[1] + s[2] + s[3] - 2.0 * (f * s[4] - s[5]);
                variance.push(v.max(0.0));
            }
            survival = if last { 0.0 } else { survival * (1.0 - d / n) };
            steps.push(IncidenceStep { time: group.time, at_risk, survival, incidence: incidence.clone(), variance });
        }
        at_risk -= group.size;
    }
    Incidence { steps, n: observations.len(), events }
}

impl Incidence {
    /// Share that `cause` had ended by `time`.
    pub fn at(&self, time: i64, cause: usize) -> f64 {
        let passed = self.steps.partition_point(|s| s.time <= time);
        passed.checked_sub(1).and_then(|i| self.steps.get(i)).and_then(|s| s.incidence.get(cause)).map_or(0.0, |f| *f)
    }

    /// Share that `cause` had ended by the last time at which anything ended.
    pub fn plateau(&self, cause: usize) -> f64 {
        self.steps.last().and_then(|s| s.incidence.get(cause)).map_or(0.0, |f| f.clamp(0.0, 1.0))
    }

    /// Share that nothing had ended by then.
    pub fn undecided(&self) -> f64 {
        self.steps.last().map_or(1.0, |s| s.survival)
    }

    /// Observations that ended by any cause.
    pub fn finished(&self) -> usize {
        self.events.iter().sum()
    }

    /// 95 % interval of the plateau: Wilson's, for as many observations as would give a plain share the same variance,
    /// so that without censoring it is Wilson's interval of the plain share. `None` while nothing has ended.
    pub fn plateau_interval(&self, cause: usize) -> Option<(f64, f64)> {
        let step = self.steps.last()?;
        let share = self.plateau(cause);
        let variance = *step.variance.get(cause)?;
        let plain = share * (1.0 - share);
        // The variance of a share of 0 or 1 is 0 and says nothing of its precision.
        let n = if variance > f64::EPSILON && plain > f64::EPSILON { plain / variance } else { self.finished() as f64 };
        Some(wilson_share(share, n.max(1.0)))
    }
}

struct Group {
    time: i64,
    size: usize,
    ended: Vec<usize>,
}

/// Observations of one time together, by time.
fn groups(observations: &[Observation]) -> Vec<Group> {
    let mut sorted: Vec<(i64, Option<usize>)> = observations.iter().map(|o| (o.time.max(0), o.cause)).collect();
    sorted.sort_unstable();
    let mut groups: Vec<Group> = Vec::new();
    for (time, cause) in sorted {
        match groups.last_mut() {
            Some(group) if group.time == time => {
                group.size += 1;
                group.ended.extend(cause);
            }
            _ => groups.push(Group { time, size: 1, ended: cause.into_iter().collect() }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() <= by, "{a} is not {b}");
    }

    /// Weeks to relapse under 6-MP (Freireich and others, 1963; Gehan, 1965): 21 patients, 9 relapses.
    fn leukaemia() -> Vec<Observation> {
        let relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23];
        let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
        let ended = relapsed.iter().map(|t| Observation::ended(*t, 0));
        ended.chain(censored.iter().map(|t| Observation::censored(*t))).collect()
    }

    #[test]
    fn kaplan_meier_gives_the_textbook_numbers_of_the_leukaemia_trial() {
        let curve = kaplan_meier(&leukaemia());
        let by_hand = [
            (6, 21, 3, 0.857),
            (7, 17, 1, 0.807),
            (10, 15, 1, 0.753),
            (13, 12, 1, 0.690),
            (16, 11, 1, 0.627),
            (22, 7, 1, 0.538),
            (23, 6, 1, 0.448),
        ];
        assert_eq!(curve.steps.len(), by_hand.len());
        for (step, (time, at_risk, events, survival)) in curve.steps.iter().zip(by_hand) {
            assert_eq!((step.time, step.at_risk, step.events), (time, at_risk, events));
            near(step.survival, survival, 5e-4);
        }
        assert_eq!(curve.median(), Quantile::At(23));
        assert_eq!(curve.quantile(0.9), Quantile::NotReached(35));
        near(curve.survival_at(5), 1.0, 0.0);
        near(curve.survival_at(22), 0.5378, 1e-4);
        near(curve.survival_at(1000), 0.4482, 1e-4);
        assert_eq!((curve.n, curve.events, curve.last), (21, 9, 35));
    }

    #[test]
    fn the_median_of_an_even_number_is_the_first_time_at_which_half_had_ended() {
        let all: Vec<_> = [1, 2, 3, 4, 5, 6].iter().map(|t| Observation::ended(*t, 0)).collect();
        assert_eq!(kaplan_meier(&all).median(), Quantile::At(3));
        assert_eq!(kaplan_meier(&all).quantile(1.0), Quantile::At(6));
    }

    #[test]
    fn what_is_censored_at_a_time_was_at_risk_at_it() {
        let curve = kaplan_meier(&[Observation::ended(5, 0), Observation::censored(5)]);
        assert_eq!((curve.steps[0].at_risk, curve.steps[0].survival), (2, 0.5));
    }

    #[test]
    fn nothing_observed_gives_an_empty_curve() {
        assert_eq!(kaplan_meier(&[]).median(), Quantile::NotReached(0));
        let none = aalen_johansen(&[], 2);
        assert_eq!((none.plateau(0), none.undecided(), none.plateau_interval(0)), (0.0, 1.0, None));
    }

    #[test]
    fn aalen_johansen_by_hand() {
        // At risk 5: won at 1; 4: lost at 2; censored at 3; 2: won at 4; 1: lost at 5.
        let seen = [
            Observation::ended(1, 0),
            Observation::ended(2, 1),
            Observation::censored(3),
            Observation::ended(4, 0),
            Observation::ended(5, 1),
        ];
        let curve = aalen_johansen(&seen, 2);
        // F_won = 1/5 + 3/5 * 1/2 = 0.5; F_lost = 4/5 * 1/4 + 3/10 * 1 = 0.5.
        near(curve.at(1, 0), 0.2, 1e-15);
        near(curve.at(3, 0), 0.2, 1e-15);
        near(curve.plateau(0), 0.5, 1e-15);
        near(curve.plateau(1), 0.5, 1e-15);
        near(curve.undecided(), 0.0, 0.0);
        // One minus Kaplan-Meier of won alone says 1 - 4/5 * 1/2 = 0.6: too much.
        let alone: Vec<_> = seen.iter().map(|o| Observation { cause: o.cause.filter(|c| *c == 0), ..*o }).collect();
        near(1.0 - kaplan_meier(&alone).survival_at(9), 0.6, 1e-15);
    }

    #[test]
    fn without_censoring_the_plateau_and_its_interval_are_those_of_the_plain_share() {
        let seen: Vec<_> = (0..40).map(|i| Observation::ended(i * 3 % 17, usize::from(i % 4 != 0))).collect();
        let curve = aalen_johansen(&seen, 2);
        near(curve.plateau(0), 0.25, 1e-12);
        let (low, high) = curve.plateau_interval(0).unwrap();
        let (wl, wh) = super::super::interval::wilson(10, 40).unwrap();
        near(low, wl, 1e-9);
        near(high, wh, 1e-9);
    }

    #[test]
    fn causes_and_the_undecided_rest_always_make_a_whole() {
        let seen: Vec<_> = (0..200_i64)
            .map(|i| Observation { time: i * 37 % 50, cause: [Some(0), None, Some(1), Some(2)][(i * 7 % 4) as usize] })
            .collect();
        for step in aalen_johansen(&seen, 3).steps {
            near(step.incidence.iter().sum::<f64>() + step.survival, 1.0, 1e-12);
        }
    }
}
