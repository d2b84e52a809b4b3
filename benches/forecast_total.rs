//! The distribution of the money that open deals bring, from 20 to 50,000 of them and for each dependence that a backtest
//! tries. Prints a Markdown table of CPU times; judges nothing. How to run it: `benches/README.md`.
#![allow(missing_docs, clippy::print_stdout)]

use std::env;
use std::hint::black_box;
use std::time::Duration;

use tussock::forecast::total::{Bet, Stream, Totals};

/// What a backtest chooses from.
const DEPENDENCES: [f64; 7] = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];

/// Rounds of each job, unless `TUSSOCK_BENCH_PAIRS` says otherwise; the least of their times is printed.
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rounds = env::var("TUSSOCK_BENCH_PAIRS").ok().and_then(|number| number.parse().ok()).unwrap_or(ROUNDS).max(1);
    let names: Vec<String> = DEPENDENCES.iter().map(|rho| format!(" {rho} |")).collect();
    println!("| deals | amounts | new business | prepared |{} all |", names.concat());
    println!("| ---: | --- | --- | ---: |{} ---: |", " ---: |".repeat(DEPENDENCES.len()));
    for count in [20, 100, 500, 1_500, 5_000, 50_000] {
        for (name, amount) in AMOUNTS {
            let bets = deals(count, amount, |draws| draws.next() * draws.next());
            row(name, &bets, None, rounds);
        }
        row("any, unlikely", &deals(count, AMOUNTS[0].1, |draws| draws.next() * 0.06), None, rounds);
        let bets = deals(count, AMOUNTS[0].1, |draws| draws.next() * draws.next());
        let amounts = bets.iter().take(64).map(|bet| bet.amount).collect();
        let stream = Stream { expected: count as f64 / 20.0, shape: 8.0, amounts };
        row("any", &bets, Some(&stream), rounds);
    }
}

type Amount = fn(&mut Draws) -> f64;

const AMOUNTS: [(&str, Amount); 3] = [
    ("any", |draws| (9.0 + draws.normal()).exp()),
    ("thousands", |draws| (9.0 + draws.normal()).exp().max(1_000.0).round() / 1_000.0 * 1_000.0),
    ("three prices", |draws| [1_200.0, 4_900.0, 12_000.0][(draws.next() * 3.0) as usize]),
];

fn row(name: &str, bets: &[Bet], stream: Option<&Stream>, rounds: usize) {
    let (prepared, totals) = least(rounds, || Totals::prepare(bets, stream));
    let times: Vec<f64> = DEPENDENCES.iter().map(|rho| least(rounds, || totals.at(*rho)).0).collect();
    let cells: Vec<String> = times.iter().map(|time| format!(" {time:.2} |")).collect();
    let all = prepared + times.iter().sum::<f64>();
    let new = if stream.is_some() { "yes" } else { "no" };
    println!("| {} | {name} | {new} | {prepared:.2} |{} {all:.2} ms |", bets.len(), cells.concat());
}

/// The least time of some rounds in milliseconds, and what came of the last.
fn least<T>(rounds: usize, job: impl Fn() -> T) -> (f64, T) {
    let once = || {
        let start = cpu();
        let made = black_box(job());
        (cpu().saturating_sub(start), made)
    };
    let (mut best, mut made) = once();
    for _ in 1..rounds {
        let (time, again) = once();
        (best, made) = (best.min(time), again);
    }
    (best.as_secs_f64() * 1e3, made)
}

/// User and system time of this process.
#[cfg(unix)]
fn cpu() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let Ok(used) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let microseconds = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
}

/// Time on the clock, where there is nothing better.
#[cfg(not(unix))]
fn cpu() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn deals(count: usize, amount: Amount, chance: fn(&mut Draws) -> f64) -> Vec<Bet> {
    let mut draws = Draws(count as u64);
    (0..count).map(|_| Bet { chance: chance(&mut draws), amount: amount(&mut draws) }).collect()
}

/// A fixed generator (SplitMix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.next()).ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }
}
