//! What many pipelines of one size say together.

use super::simulator::law::Law;
use super::simulator::truth::Truth;
use super::trial::{CUT, DAYS, DEPENDENCES, LAW, METHODS, Money, Trial, USUAL, settings};

/// Deals that come up to the cut-off, and how many such pipelines tell enough.
pub const SIZES: [(u32, u64); 4] = [(60, 2_000), (200, 1_000), (2_000, 300), (20_000, 100)];

/// So many pipelines of one size, forecast as usual; without `money` only the chances.
pub fn pipelines(size: u32, count: u64, money: bool) -> Vec<Trial> {
    let law = Law::usual();
    let (truth, settings) = (Truth::of(&law, CUT, DAYS), settings());
    (0..count).map(|number| Trial::of(&law, &truth, &settings, size, (u64::from(size) << 32) | number, money)).collect()
}

/// A mean with the ends of its interval of 95 %: pipelines are independent of each other, the deals of one are not.
#[derive(Clone, Copy, Debug)]
pub struct Mean {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl Mean {
    /// The ratio of two sums over the pipelines (Cochran, "Sampling Techniques", 1977, section 6.4).
    fn of_ratio(pairs: impl Iterator<Item = (f64, f64)>) -> Mean {
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let n = pairs.len() as f64;
        let below: f64 = pairs.iter().map(|(_, below)| below).sum();
        let mean = pairs.iter().map(|(above, _)| above).sum::<f64>() / below;
        let squares: f64 = pairs.iter().map(|(above, below)| (above - mean * below).powi(2)).sum();
        let error = (squares * n / (n - 1.0)).sqrt() / below;
        Mean { mean, low: mean - 1.96 * error, high: mean + 1.96 * error }
    }

    fn of(values: impl Iterator<Item = f64>) -> Mean {
        Mean::of_ratio(values.map(|value| (value, 1.0)))
    }

    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// A share with Wilson's interval of 95 %.
fn share(inside: usize, n: usize) -> Mean {
    let (z, n, mean) = (1.96_f64, n as f64, inside as f64 / n as f64);
    let middle = (mean + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (mean * (1.0 - mean) / n + z * z / (4.0 * n * n)).sqrt();
    Mean { mean, low: middle - half, high: middle + half }
}

/// How one method did.
pub struct Row {
    pub brier: f64,
    /// How much worse than tussock, by pipeline.
    pub brier_worse: Mean,
    /// Wins that came for each that was expected.
    pub came: Mean,
    /// The mean distance to the true chances.
    pub off: f64,
    pub crps: f64,
    pub crps_worse: Mean,
    pub covered: Mean,
}

/// A band of chances.
pub struct Band {
    pub deals: usize,
    pub said: f64,
    pub came: Mean,
    pub truth: f64,
}

/// How all money was covered with one dependence.
pub struct Covered {
    pub dependence: f64,
    pub crps: f64,
    pub inside: Mean,
    /// The money that came for each unit that was expected.
    pub came: Mean,
}

/// What many pipelines say.
pub struct Judged {
    pub size: u32,
    pub pipelines: usize,
    pub deals: usize,
    pub won: f64,
    pub rows: Vec<Row>,
    pub bands: Vec<Band>,
    pub all: Vec<Covered>,
    /// New deals won for each that was expected.
    pub new: Mean,
}

impl Judged {
    pub fn of(size: u32, trials: &[Trial]) -> Judged {
        let deals: usize = trials.iter().map(|trial| trial.open.len()).sum();
        let won: usize = trials.iter().flat_map(|trial| &trial.open).filter(|open| open.came).count();
        let rows = (0..METHODS.len()).map(|method| row(trials, method)).collect();
        let all = DEPENDENCES.iter().enumerate().map(|(at, dependence)| {
            let money = || trials.iter().map(move |trial| trial.all[at]);
            Covered {
                dependence: *dependence,
                crps: mean(money().map(|money| money.crps)),
                inside: covered(money()),
                came: Mean::of_ratio(money().map(|money| (money.came, money.expected))),
            }
        });
        Judged {
            size,
            pipelines: trials.len(),
            deals,
            won: won as f64 / deals as f64,
            rows,
            bands: bands(trials),
            all: all.collect(),
            new: Mean::of_ratio(trials.iter().map(|trial| (trial.new.1, trial.new.0))),
        }
    }

    /// What does not hold of what was promised.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, row) in METHODS.iter().zip(&self.rows).take(LAW).skip(1) {
            if row.brier_worse.mean <= 0.0 {
                broken.push(format!("the Brier score of {name} is better by {:.4}", -row.brier_worse.mean));
            }
            if row.crps_worse.mean <= 0.0 {
                broken.push(format!("the CRPS of {name} is better by {:.0}", -row.crps_worse.mean));
            }
        }
        let Mean { mean, low, high } = self.rows[0].came;
        if !self.rows[0].came.holds(1.0) {
            broken.push(format!("{mean:.3} ({low:.3} to {high:.3}) wins came for each that was expected"));
        }
        let Mean { mean, low, high } = self.covered();
        if !self.covered().holds(0.8) {
            broken.push(format!("the range of 80 % held {mean:.3} ({low:.3} to {high:.3})"));
        }
        broken
    }

    /// How often the range of all money, with the usual dependence, held what came.
    pub fn covered(&self) -> Mean {
        self.all[USUAL].inside
    }

    /// As Markdown.
    pub fn print(&self) {
        println!("\n## {} deals\n", self.size);
        println!(
            "{} pipelines, {} deals open at the cut-off, {:.1} % of them won in time.\n",
            self.pipelines,
            self.deals,
            self.won * 100.0
        );
        println!("| | Brier | worse by | wins came / expected | off the truth | CRPS | worse by | 80 % range held |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (name, row) in METHODS.iter().zip(&self.rows) {
            println!(
                "| {name} | {:.4} | {} | {} | {:.4} | {:.0} | {} | {} |",
                row.brier,
                between(row.brier_worse, 4),
                between(row.came, 3),
                row.off,
                row.crps,
                between(row.crps_worse, 0),
                between(row.covered, 3)
            );
        }
        println!("\n| chance said | deals | won of them | true chance |");
        println!("| ---: | ---: | ---: | ---: |");
        for band in &self.bands {
            println!("| {:.3} | {} | {} | {:.3} |", band.said, band.deals, between(band.came, 3), band.truth);
        }
        println!("\n| dependence | CRPS of all money | 80 % range held | money came / expected |");
        println!("| ---: | ---: | ---: | ---: |");
        for all in &self.all {
            let Covered { dependence, crps, .. } = all;
            println!("| {dependence} | {crps:.0} | {} | {} |", between(all.inside, 3), between(all.came, 3));
        }
        println!("\nNew deals won for each expected: {}.", between(self.new, 3));
        for broken in self.broken() {
            println!("\n**Does not hold:** {broken}.");
        }
    }
}

fn between(Mean { mean, low, high }: Mean, digits: usize) -> String {
    format!("{mean:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0, 0.0), |(n, sum), value| (n + 1, sum + value));
    sum / f64::from(n)
}

fn covered(money: impl Iterator<Item = Money>) -> Mean {
    let (inside, n) = money.fold((0, 0), |(inside, n), money| (inside + usize::from(money.is_inside()), n + 1));
    share(inside, n)
}

fn row(trials: &[Trial], method: usize) -> Row {
    let square = |trial: &Trial, method: usize| -> f64 {
        let error = |(chance, came): (f64, bool)| (chance - f64::from(u8::from(came))).powi(2);
        trial.open.iter().map(|open| error((open.chances[method], open.came))).sum()
    };
    let deals: usize = trials.iter().map(|trial| trial.open.len()).sum();
    let money = || trials.iter().map(move |trial| trial.old[method]);
    let off =
        |trial: &Trial| -> f64 { trial.open.iter().map(|open| (open.chances[method] - open.chances[LAW]).abs()).sum() };
    Row {
        brier: trials.iter().map(|trial| square(trial, method)).sum::<f64>() / deals as f64,
        brier_worse: Mean::of_ratio(
            trials.iter().map(|trial| (square(trial, method) - square(trial, 0), trial.open.len() as f64)),
        ),
        came: Mean::of_ratio(trials.iter().map(|trial| {
            let came = trial.open.iter().filter(|open| open.came).count() as f64;
            (came, trial.open.iter().map(|open| open.chances[method]).sum::<f64>())
        })),
        off: trials.iter().map(off).sum::<f64>() / deals as f64,
        crps: mean(money().map(|money| money.crps)),
        crps_worse: Mean::of(trials.iter().map(|trial| trial.old[method].crps - trial.old[0].crps)),
        covered: covered(money()),
    }
}

/// Tussock's chances in bands of a tenth.
fn bands(trials: &[Trial]) -> Vec<Band> {
    let band = |number: usize| {
        let is_in = |chance: f64| ((chance * 10.0) as usize).min(9) == number;
        let of = |trial: &Trial| {
            let open = trial.open.iter().filter(|open| is_in(open.chances[0]));
            open.fold((0.0, 0.0, 0.0, 0.0), |(n, said, came, truth), open| {
                let won = f64::from(u8::from(open.came));
                (n + 1.0, said + open.chances[0], came + won, truth + open.chances[LAW])
            })
        };
        let sums: Vec<_> = trials.iter().map(of).collect();
        let deals: f64 = sums.iter().map(|sums| sums.0).sum();
        (deals > 0.0).then(|| Band {
            deals: deals as usize,
            said: sums.iter().map(|sums| sums.1).sum::<f64>() / deals,
            came: Mean::of_ratio(sums.iter().map(|sums| (sums.2, sums.0))),
            truth: sums.iter().map(|sums| sums.3).sum::<f64>() / deals,
        })
    };
    (0..10).filter_map(band).collect()
}
