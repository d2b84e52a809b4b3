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
    /// Greenwood's sum up to it: the variance of the share divided by its square.
    pub greenwood: f64,
}

impl SurvivalStep {
    /// The 95 % interval of the share, on the log(-log) scale. Powers take long, so it is worked out only when asked for.
    pub fn interval(&self) -> (f64, f64) {
        log_log(self.survival, self.greenwood)
    }
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
    let mut sorted: Vec<(i64, bool)> = observations.iter().map(|o| (o.time.max(0), o.cause.is_some())).collect();
    sorted.sort_unstable();
    product_limit(sorted.len(), sorted.into_iter(), Vec::new())
}

/// The Kaplan-Meier curve of `count` observations by time: how long, and whether they ended. `steps` is room for it.
fn product_limit(count: usize, sorted: impl Iterator<Item = (i64, bool)>, mut steps: Vec<SurvivalStep>) -> KaplanMeier {
    let mut at_risk = count;
    let (mut survival, mut greenwood) = (1.0_f64, 0.0_f64);
    steps.clear();
    // Memory that is not used costs nothing, and to copy what was used to a larger place does.
    steps.reserve(count);
    let (mut ended, mut last) = (0, 0);
    let mut sorted = sorted.peekable();
    while let Some((time, own)) = sorted.next() {
        let (mut size, mut events) = (1, usize::from(own));
        while let Some((_, own)) = sorted.next_if(|next| next.0 == time) {
            size += 1;
            events += usize::from(own);
        }
        if events > 0 {
            let (n, d) = (at_risk as f64, events as f64);
            survival = if events == at_risk { 0.0 } else { survival * (1.0 - d / n) };
            greenwood += if events == at_risk { 0.0 } else { d / (n * (n - d)) };
            steps.push(SurvivalStep { time, at_risk, events, survival, greenwood });
            ended += events;
        }
        at_risk -= size;
        last = time;
    }
    KaplanMeier { events: ended, steps, n: count, last }
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
        let still = 1.0 - p + TOUCH;
        // The curve never rises, not even by rounding: each step multiplies it with a fraction.
        let before = self.steps.partition_point(|s| s.survival > still);
        self.steps.get(before).map_or(Quantile::NotReached(self.last), |s| Quantile::At(s.time))
    }

    /// The median.
    pub fn median(&self) -> Quantile {
        self.quantile(0.5)
    }

    /// The 95 % interval of a quantile: where the bounds of the curve reach it (Brookmeyer and Crowley, 1982, on the
    /// log(-log) scale); `None` for a bound that is not reached.
    pub fn quantile_interval(&self, p: f64) -> (Option<i64>, Option<i64>) {
        let still = 1.0 - p + TOUCH;
        (self.first(still, Bound::Low), self.first(still, Bound::High))
    }

    /// The time of the first step whose bound is `still` or less. Runs of steps that cannot reach it are passed over, as
    /// the bounds of each step take longer than all the rest of the curve.
    fn first(&self, still: f64, bound: Bound) -> Option<i64> {
        let reached = |s: &&SurvivalStep| bound.of(s.survival, s.greenwood) <= still;
        self.steps
            .chunks(RUN)
            .filter(|run| !bound.stays_above(run, still + PASSED))
            .find_map(|run| run.iter().find(reached))
            .map(|s| s.time)
    }
}

/// Steps that are looked at together.
const RUN: usize = 64;

/// How far a run of steps must stay away from a value to be passed over: far more than the rounding of a power.
const PASSED: f64 = 1e-9;

/// A bound of the interval of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Low,
    High,
}

impl Bound {
    fn of(self, survival: f64, greenwood: f64) -> f64 {
        let (low, high) = log_log(survival, greenwood);
        match self {
            Bound::Low => low,
            Bound::High => high,
        }
    }

    /// Whether the bound of every step of a run is above a value for certain. With `L = -ln S` and `w` the half-width of
    /// the interval on the log scale, the bounds are `exp(-L exp(w/L))` and `exp(-L exp(-w/L))`. The upper one falls as `L`
    /// grows and as `w` shrinks; the lower one falls as `w` grows, and as `L` grows where `L >= w`. So the run's last share
    /// with the run's narrowest, or its widest, interval is below them all.
    fn stays_above(self, run: &[SurvivalStep], value: f64) -> bool {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return true };
        if last.survival <= 0.0 || first.survival >= 1.0 {
            return false;
        }
        match self {
            Bound::High => self.of(last.survival, first.greenwood) > value,
            Bound::Low => {
                let widest = Z * last.greenwood.sqrt();
                -first.survival.ln() >= widest && self.of(last.survival, last.greenwood) > value
            }
        }
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
    let mut ways = vec![Way::default(); causes];
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
            let step = Step { at_risk, ended, survival };
            ways.iter_mut().zip(&counts).for_each(|(way, count)| way.take(step, *count));
            survival = step.survival_after();
            steps.push(IncidenceStep {
                time: group.time,
                at_risk,
                survival,
                incidence: ways.iter().map(|way| way.incidence).collect(),
                variance: ways.iter().map(Way::variance).collect(),
            });
        }
        at_risk -= group.size;
    }
    Incidence { steps, n: observations.len(), events: ways.iter().map(|way| way.events).collect() }
}

/// A time at which something ended.
#[derive(Clone, Copy)]
struct Step {
    at_risk: usize,
    ended: usize,
    /// Share that nothing had ended just before it.
    survival: f64,
}

impl Step {
    fn survival_after(self) -> f64 {
        if self.ended == self.at_risk { 0.0 } else { self.survival * (1.0 - self.ended as f64 / self.at_risk as f64) }
    }
}

/// One cause, along the curve.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    incidence: f64,
    events: usize,
    /// With F the incidence so far, the variance at t is
    ///   sum (F(t)-F_j)^2 a_j + sum b_j - 2 sum (F(t)-F_j) c_j,
    /// which is a quadratic in F(t): its sums are kept, so that the whole curve takes one pass.
    sums: [f64; 6],
}

impl Way {
    fn take(&mut self, step: Step, count: usize) {
        let (n, d, dc) = (step.at_risk as f64, step.ended as f64, count as f64);
        if count > 0 {
            self.incidence += step.survival * dc / n;
        }
        self.events += count;
        let f = self.incidence;
        let a = if step.ended == step.at_risk { 0.0 } else { d / (n * (n - d)) };
        if count == 0 {
            // The other terms are nothing, and to divide takes long.
            for (sum, term) in self.sums.iter_mut().zip([a, a * f, a * f * f]) {
                *sum += term;
            }
            return;
        }
        let b = step.survival * step.survival * dc * (n - dc) / (n * n * n);
        let cross = step.survival * dc / (n * n);
        for (sum, term) in self.sums.iter_mut().zip([a, a * f, a * f * f, b, cross, cross * f]) {
            *sum += term;
        }
    }

    fn variance(&self) -> f64 {
        let (f, s) = (self.incidence, &self.sums);
        let v = f * f * s[0] - 2.0 * f * s[1] + s[2] + s[3] - 2.0 * (f * s[4] - s[5]);
        v.max(0.0)
    }
}

/// Where the curve of one cause ends, among competing ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// Observations.
    pub n: usize,
    /// Observations that the cause ended.
    pub reached: usize,
    /// Observations that any cause ended.
    pub finished: usize,
    /// Share that the cause had ended by the last time at which anything ended.
    pub share: f64,
    /// Its 95 % interval; `None` while nothing has ended.
    pub interval: Option<(f64, f64)>,
    /// So many plain observations would give it the same precision; at least 1.
    pub precision: f64,
    /// Share that nothing had ended by then.
    pub undecided: f64,
}

/// 95 % interval of a plateau: Wilson's, for as many observations as would give a plain share the same variance, so that
/// without censoring it is Wilson's interval of the plain share.
fn plateau_interval(share: f64, variance: f64, finished: usize) -> (f64, f64) {
    wilson_share(share, plain_n(share, variance, finished))
}

/// So many plain observations would give a share the same precision; at least 1.
fn plain_n(share: f64, variance: f64, finished: usize) -> f64 {
    let plain = share * (1.0 - share);
    // The variance of a share of 0 or 1 is 0 and says nothing of its precision.
    let n = if variance > f64::EPSILON && plain > f64::EPSILON { plain / variance } else { finished as f64 };
    n.max(1.0)
}

/// Observations in little room, for the pipelines that have hundreds of thousands: of nearly all of them 29 bits of time,
/// which are 17 years in seconds, and 3 of cause.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Those that came last.
    last: Vec<u32>,
    /// Those before, in pieces that are never copied to grow.
    full: Vec<Vec<u32>>,
    /// Those that lasted longer than any of these.
    long: Vec<u64>,
}

/// So many observations are a piece of a sample.
const PIECE: usize = 2048;

/// Room to work in, which is used again for the next curve: new memory costs more than what is counted in it.
#[derive(Debug, Default)]
pub struct Room {
    numbers: Vec<u32>,
    other: Vec<u32>,
    steps: Vec<SurvivalStep>,
}

impl Room {
    /// Takes back the room of a curve that is no longer needed.
    pub fn give_back(&mut self, curve: KaplanMeier) {
        self.steps = curve.steps;
    }
}

impl Sample {
    /// Bits for the cause: 0 censored, else the cause's number and 1.
    const CAUSE: u32 = 3;

    /// Adds an observation. Causes from 6 on are one.
    pub fn push(&mut self, observation: Observation) {
        let time = observation.time.clamp(0, i64::MAX >> (Self::CAUSE + 1)) as u64;
        let packed = time << Self::CAUSE | observation.cause.map_or(0, |cause| cause.min(6) as u64 + 1);
        match u32::try_from(packed) {
            Ok(packed) => {
                // The first piece grows as it likes: there are many small samples.
                if self.last.len() == PIECE {
                    self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE)));
                }
                self.last.push(packed);
            }
            Err(_) => self.long.push(packed),
        }
    }

    /// Adds all observations of another sample.
    pub fn append(&mut self, other: Sample) {
        self.full.extend(other.full);
        self.full.push(other.last);
        self.long.extend_from_slice(&other.long);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pieces().map(<[u32]>::len).sum::<usize>() + self.long.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn pieces(&self) -> impl Iterator<Item = &[u32]> {
        self.full.iter().map(Vec::as_slice).chain([self.last.as_slice()])
    }

    /// How long each one was watched, and the cause that ended it, by time.
    fn sorted<'a>(
        &'a mut self,
        numbers: &'a mut Vec<u32>,
        other: &'a mut Vec<u32>,
    ) -> impl Iterator<Item = (i64, Option<usize>)> + 'a {
        self.long.sort_unstable();
        let short = by_bits(|| self.pieces(), Self::CAUSE, numbers, other).iter().map(|packed| u64::from(*packed));
        let all = short.chain(self.long.iter().copied());
        all.map(|packed| ((packed >> Self::CAUSE) as i64, (packed as usize & 7).checked_sub(1)))
    }

    /// As [`kaplan_meier`].
    pub fn kaplan_meier(self) -> KaplanMeier {
        self.kaplan_meier_in(&mut Room::default())
    }

    /// The same, with room to work in.
    pub fn kaplan_meier_in(mut self, room: &mut Room) -> KaplanMeier {
        let (count, steps) = (self.len(), std::mem::take(&mut room.steps));
        let sorted = self.sorted(&mut room.numbers, &mut room.other);
        product_limit(count, sorted.map(|(time, cause)| (time, cause.is_some())), steps)
    }

    /// Where the curve of the first of `causes` causes ends in [`aalen_johansen`]. The steps on the way there are not kept.
    pub fn plateau(self, causes: usize) -> Plateau {
        self.plateau_in(causes, &mut Room::default())
    }

    /// The same, with room to work in.
    pub fn plateau_in(mut self, causes: usize, room: &mut Room) -> Plateau {
        let n = self.len();
        let mut at_risk = n;
        let (mut survival, mut finished) = (1.0_f64, 0);
        let mut way = Way::default();
        let mut sorted = self.sorted(&mut room.numbers, &mut room.other).peekable();
        while let Some((time, cause)) = sorted.next() {
            let (mut size, mut ended, mut own) = (0, 0, 0);
            let mut count = |cause: Option<usize>| {
                let cause = cause.filter(|cause| *cause < causes);
                size += 1;
                ended += usize::from(cause.is_some());
                own += usize::from(cause == Some(0));
            };
            count(cause);
            while let Some((_, next)) = sorted.next_if(|next| next.0 == time) {
                count(next);
            }
            if ended > 0 {
                let step = Step { at_risk, ended, survival };
                way.take(step, own);
                survival = step.survival_after();
                finished += ended;
            }
            at_risk -= size;
        }
        let share = if finished > 0 { way.incidence.clamp(0.0, 1.0) } else { 0.0 };
        Plateau {
            n,
            reached: way.events,
            finished,
            share,
            interval: (finished > 0).then(|| plateau_interval(share, way.variance(), finished)),
            precision: plain_n(share, way.variance(), finished),
            undecided: survival,
        }
    }
}

/// Bits of a number that are sorted at a time, at most, and where there are so many numbers that to go through them once
/// more takes longer than to count more digits.
const DIGIT: u32 = 11;
const LONG_DIGIT: u32 = 13;

/// So many numbers are sorted by the longer digits.
const MANY: usize = 1 << 14;

/// So many times numbers are sorted, at most: all bits of one.
const PASSES: usize = u32::BITS.div_ceil(DIGIT) as usize;

/// Fewer numbers than this are sorted by comparing them.
const COMPARED: usize = 1 << 10;

/// The numbers of all pieces, sorted by their bits from `skipped` on. Lengths of time have few bits, so that to count
/// digits is several times as fast as to compare. `numbers` and `other` are room to work in.
fn by_bits<'a, 'p, P: Iterator<Item = &'p [u32]>>(
    pieces: impl Fn() -> P,
    skipped: u32,
    numbers: &'a mut Vec<u32>,
    other: &'a mut Vec<u32>,
) -> &'a [u32] {
    let count: usize = pieces().map(<[u32]>::len).sum();
    if count < COMPARED {
        numbers.clear();
        pieces().for_each(|piece| numbers.extend_from_slice(piece));
        numbers.sort_unstable();
        return numbers;
    }
    // Piece by piece: loops over plain memory are several times as fast as those that ask at each number where it ends.
    let all = pieces().map(|piece| piece.iter().fold(0, |all, number| all | number)).fold(0, |all, piece| all | piece);
    let used = (u32::BITS - all.leading_zeros()).saturating_sub(skipped).max(1);
    let passes = used.div_ceil(if count < MANY { DIGIT } else { LONG_DIGIT });
    let bits = used.div_ceil(passes);
    let digit = |number: u32, pass: u32| (number >> (skipped + pass * bits)) as usize & ((1 << bits) - 1);
    let mut places = vec![vec![0_u32; 1 << bits]; (passes as usize).min(PASSES)];
    for piece in pieces() {
        for (pass, places) in (0..).zip(&mut places) {
            for number in piece {
                places[digit(*number, pass)] += 1;
            }
        }
    }
    for places in &mut places {
        let mut before = 0;
        for place in places {
            before += std::mem::replace(place, before);
        }
    }
    for room in [&mut *numbers, &mut *other] {
        if room.len() < count {
            room.resize(count, 0);
        }
    }
    let put = |number: u32, pass: u32, places: &mut [u32], into: &mut [u32]| {
        let place = &mut places[digit(number, pass)];
        into[*place as usize] = number;
        *place += 1;
    };
    let (mut from, mut into) = (numbers, other);
    for (pass, places) in (0..passes).zip(&mut places) {
        match pass {
            0 => pieces().for_each(|piece| piece.iter().for_each(|number| put(*number, pass, places, into))),
            _ => from.iter().take(count).for_each(|number| put(*number, pass, places, into)),
        }
        std::mem::swap(&mut from, &mut into);
    }
    from.get(..count).unwrap_or_default()
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
        let variance = *self.steps.last()?.variance.get(cause)?;
        Some(plateau_interval(self.plateau(cause), variance, self.finished()))
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
    use proptest::prelude::*;

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

    /// The interval of a quantile by looking at every step.
    fn plain_interval(curve: &KaplanMeier, p: f64) -> (Option<i64>, Option<i64>) {
        let still = 1.0 - p + TOUCH;
        let first = |bound: fn((f64, f64)) -> f64| {
            curve.steps.iter().find(|step| bound(step.interval()) <= still).map(|step| step.time)
        };
        (first(|(low, _)| low), first(|(_, high)| high))
    }

    fn observations(most: usize) -> impl Strategy<Value = Vec<Observation>> {
        let one = (0_i64..3000, proptest::option::weighted(0.6, 0_usize..5));
        proptest::collection::vec(one.prop_map(|(time, cause)| Observation { time, cause }), 0..most)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_sample_gives_the_very_numbers_that_the_whole_curves_give(seen in observations(6000), scale in 1_i64..100_000) {
            let seen: Vec<Observation> = seen.into_iter().map(|o| Observation { time: o.time * scale, ..o }).collect();
            let mut sample = Sample::default();
            seen.iter().for_each(|o| sample.push(*o));
            let curve = kaplan_meier(&seen);
            prop_assert_eq!(&sample.clone().kaplan_meier(), &curve);
            for p in [0.1, 0.5, 0.9, 0.99] {
                prop_assert_eq!(curve.quantile_interval(p), plain_interval(&curve, p));
                let plain = curve.steps.iter().find(|s| s.survival <= 1.0 - p + TOUCH).map(|s| s.time);
                prop_assert_eq!(curve.quantile(p), plain.map_or(Quantile::NotReached(curve.last), Quantile::At));
            }
            let (whole, end) = (aalen_johansen(&seen, 4), sample.plateau(4));
            prop_assert_eq!(
                (end.n, end.reached, end.finished, end.share.to_bits(), end.undecided.to_bits(), end.interval),
                (
                    whole.n,
                    whole.events[0],
                    whole.finished(),
                    whole.plateau(0).to_bits(),
                    whole.undecided().to_bits(),
                    whole.plateau_interval(0)
                )
            );
        }
    }
}
