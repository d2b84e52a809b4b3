//! The table: each line two sides, their ratio, and the goal that it is held against.

use std::io::Write;
use std::time::Duration;

use crate::measure::{Cost, Run};

/// A goal: its number and the greatest ratio that meets it.
#[derive(Clone, Copy)]
pub struct Goal {
    pub number: &'static str,
    pub must: f64,
}

/// A goal, where the line has one.
pub fn goal(number: &'static str, must: f64) -> Option<Goal> {
    Some(Goal { number, must })
}

/// The lines are printed as they come.
pub struct Table {
    /// Why no goal of history counts, where none does.
    pub doubt: Option<String>,
}

impl Table {
    /// Prints the head.
    pub fn begin() -> Table {
        println!(
            "| goal | job | peer | runs | wall | peer's wall | ratio | must | met | CPU | peer's CPU | ratio of CPU |"
        );
        println!("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |");
        Table { doubt: None }
    }

    /// Medians of both sides, and the median of the ratios of the pairs.
    pub fn times(&mut self, goal: Option<Goal>, ours: &Run, theirs: &Run, costs: (&[Cost], &[Cost])) {
        self.costs(goal, &ours.name, &theirs.name, costs);
    }

    /// The same, for jobs that are more than one command.
    pub fn costs(&mut self, goal: Option<Goal>, ours: &str, theirs: &str, costs: (&[Cost], &[Cost])) {
        let pairs: Vec<(&Cost, &Cost)> = costs.0.iter().zip(costs.1).collect();
        let part = |part: fn(&Cost) -> Option<Duration>| -> [Option<f64>; 3] {
            let both = pairs.iter().filter_map(|(ours, theirs)| Some((part(ours)?, part(theirs)?)));
            let both: Vec<(f64, f64)> = both.map(|(a, b)| (a.as_secs_f64(), b.as_secs_f64())).collect();
            [
                median(both.iter().map(|pair| pair.0)),
                median(both.iter().map(|pair| pair.1)),
                median(both.iter().filter(|pair| pair.1 > 0.0).map(|pair| pair.0 / pair.1)),
            ]
        };
        let wall = part(|cost| Some(cost.wall));
        let cpu = part(|cost| cost.cpu);
        let time = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |s| format!("{:.1} ms", s * 1000.0));
        let (must, met) = self.judged(goal, wall[2]);
        self.line(&[
            goal.map_or("", |goal| goal.number),
            ours,
            theirs,
            &pairs.len().to_string(),
            &time(wall[0]),
            &time(wall[1]),
            &ratio(wall[2]),
            &must,
            &met,
            &time(cpu[0]),
            &time(cpu[1]),
            &ratio(cpu[2]),
        ]);
    }

    /// Two figures that are no times. `must` is a ratio unless `theirs` is a bound.
    pub fn figures(&mut self, goal: Option<Goal>, names: (&str, &str), figures: (&str, &str), value: Option<f64>) {
        let (must, met) = self.judged(goal, value);
        self.line(&[
            goal.map_or("", |goal| goal.number),
            names.0,
            names.1,
            "1",
            figures.0,
            figures.1,
            &ratio(value),
            &must,
            &met,
            "",
            "",
            "",
        ]);
    }

    fn judged(&self, goal: Option<Goal>, value: Option<f64>) -> (String, String) {
        let Some(goal) = goal else { return Default::default() };
        let met = match (&self.doubt, value) {
            (Some(doubt), _) => doubt.clone(),
            (None, None) => "not measured".to_owned(),
            (None, Some(value)) => if value <= goal.must { "yes" } else { "**no**" }.to_owned(),
        };
        (format!("{}x", goal.must), met)
    }

    fn line(&self, cells: &[&str]) {
        println!("| {} |", cells.join(" | "));
        // Rows come minutes apart; whoever reads them from a file wants each at once.
        let _ = std::io::stdout().flush();
    }

    /// A word below or between the lines, for whoever watches; the table itself goes to standard output.
    pub fn remark(&self, text: &str) {
        eprintln!("{text}");
    }
}

fn ratio(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 0.1 => format!("{value:.4}x"),
        Some(value) => format!("{value:.2}x"),
    }
}

/// Kibibytes as people read them.
pub fn megabytes(kib: Option<u64>) -> String {
    kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.1} MB", kib as f64 / 1024.0))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    if values.len().is_multiple_of(2) {
        Some(values[middle].midpoint(values[middle + 1]))
    } else {
        Some(values[middle])
    }
}
