//! The law of a made-up pipeline: what may become of a deal on a day, by its stage, its age there, its segment, the date
//! and the state of the market.

/// The oldest age, in days, that makes a difference.
pub const OLDEST: usize = 400;

/// What may happen to an open deal, in the order of [`Law::daily`].
pub const WIN: usize = 0;
pub const LOSE: usize = 1;
pub const ADVANCE: usize = 2;
pub const BACK: usize = 3;

/// How fast something comes: a Weibull law of the days in the stage. A shape above 1 comes ever faster, below 1 ever slower.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub shape: f64,
    /// Days after which 63 % would have gone that way, had nothing else happened.
    pub scale: f64,
}

/// What the law says of a stage.
#[derive(Clone, Debug)]
pub struct StageLaw {
    pub id: &'static str,
    /// What the pipeline file says of it, in per cent: the ladder that a widespread program begins with.
    pub said: u32,
    pub win: Option<Rate>,
    pub lose: Option<Rate>,
    pub advance: Option<Rate>,
    pub back: Option<Rate>,
    /// From this age on, deals tire: wins and steps forward become rarer by a factor e in so many days more.
    pub tires: (f64, f64),
}

/// What the law says of a kind of deals.
#[derive(Clone, Debug)]
pub struct Segment {
    pub name: &'static str,
    pub share: f64,
    /// Factor of wins and steps forward.
    pub forward: f64,
    /// Factor of losses.
    pub lose: f64,
}

/// The law of a pipeline.
#[derive(Clone, Debug)]
pub struct Law {
    pub stages: Vec<StageLaw>,
    pub segments: Vec<Segment>,
    /// By how much the logarithm of the speed of wins and steps forward changes in a year.
    pub drift: f64,
    /// By how much the logarithm of the number of new deals a day changes in a year.
    pub growth: f64,
    /// The market's state is thrown anew in each period, for all deals alike: the deviation of the logarithm of the speed
    /// of wins and steps forward. Losses go the other way, half as far.
    pub shock: f64,
    /// Days in a period.
    pub period: u32,
    /// The median amount.
    pub amount: f64,
    /// The deviation of its logarithm.
    pub spread: f64,
}

fn rate(shape: f64, scale: f64) -> Option<Rate> {
    Some(Rate { shape, scale })
}

impl Law {
    /// A pipeline of five stages such as many firms have: about three months from the first contact to a decision, about
    /// one deal in four won.
    pub fn usual() -> Law {
        let stage =
            |id, said| StageLaw { id, said, win: None, lose: None, advance: None, back: None, tires: (45.0, 40.0) };
        Law {
            stages: vec![
                StageLaw { advance: rate(0.8, 22.0), lose: rate(0.9, 60.0), ..stage("lead", 10) },
                StageLaw {
                    advance: rate(1.3, 20.0),
                    lose: rate(0.9, 110.0),
                    back: rate(1.0, 400.0),
                    ..stage("fit", 25)
                },
                StageLaw {
                    advance: rate(1.5, 20.0),
                    lose: rate(1.0, 130.0),
                    back: rate(1.0, 300.0),
                    ..stage("demo", 50)
                },
                StageLaw {
                    win: rate(1.2, 150.0),
                    advance: rate(1.2, 28.0),
                    lose: rate(0.8, 110.0),
                    back: rate(1.0, 250.0),
                    ..stage("offer", 70)
                },
                StageLaw { win: rate(1.5, 30.0), lose: rate(1.0, 110.0), back: rate(1.0, 150.0), ..stage("talks", 90) },
            ],
            segments: vec![
                Segment { name: "eu", share: 0.4, forward: 1.2, lose: 0.8 },
                Segment { name: "us", share: 0.35, forward: 1.0, lose: 1.0 },
                Segment { name: "asia", share: 0.25, forward: 0.75, lose: 1.4 },
            ],
            drift: -0.12,
            growth: 0.25,
            shock: 0.15,
            period: 28,
            amount: 8_000.0,
            spread: 0.8,
        }
    }

    /// How fast each thing comes at each age of each stage, a day after the other, before segment, date and market.
    pub fn rates(&self) -> Rates {
        let of_stage = |stage: &StageLaw| {
            let of_age = |age: usize| {
                let (from, fading) = stage.tires;
                let tired = (-(age as f64 - from).max(0.0) / fading).exp();
                let between = |rate: Option<Rate>| {
                    rate.map_or(0.0, |rate| {
                        let passed = |days: f64| (days / rate.scale).powf(rate.shape);
                        passed(age as f64) - passed(age as f64 - 1.0)
                    })
                };
                let forward = |rate| between(rate) * tired;
                [forward(stage.win), between(stage.lose), forward(stage.advance), between(stage.back)]
            };
            (1..=OLDEST).map(of_age).collect()
        };
        Rates(self.stages.iter().map(of_stage).collect())
    }

    /// The factors of wins and steps forward, and of losses, on a day (counted from the first) in a market state of
    /// deviation 1.
    pub fn factors(&self, segment: usize, day: u32, market: f64) -> (f64, f64) {
        let Segment { forward, lose, .. } = self.segments[segment];
        let state = self.shock * market;
        let drift = self.drift * f64::from(day) / 365.0;
        (forward * (drift + state - self.shock * self.shock / 2.0).exp(), lose * (-state / 2.0).exp())
    }
}

/// [`Law::rates`].
#[derive(Clone, Debug)]
pub struct Rates(Vec<Vec<[f64; 4]>>);

impl Rates {
    /// The chances of what happens to a deal on a day: win, lose, advance, back. It is in its stage for `age` days, at
    /// least 1. What happens comes from competing rates, so that the chances never add up to more than 1.
    pub fn daily(&self, stage: usize, age: u32, (forward, lose): (f64, f64)) -> [f64; 4] {
        let [win, lost, advance, back] = self.0[stage][(age as usize).clamp(1, OLDEST) - 1];
        let rates = [win * forward, lost * lose, advance * forward, back];
        let all: f64 = rates.iter().sum();
        let any = -(-all).exp_m1();
        rates.map(|rate| if all > 0.0 { rate / all * any } else { 0.0 })
    }
}
