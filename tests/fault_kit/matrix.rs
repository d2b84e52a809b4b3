//! Runs commands with a fault at each of their points and counts what came of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::checker::{View, Violation, Violations, Wanted, look};
use super::fixture::{Copy, Fixture, Template};
use super::job::{Again, Job};
use super::tracer::{Broken, Fault, Point, inject, trace};
use crate::kit::Ran;

/// How many runs at a time.
const THREADS: usize = 2;

/// Says how many of the runs to do: `all`, or a number N for one in N.
const HOW_MANY: &str = "TUSSOCK_FAULTS";

/// What came of one run.
struct Outcome {
    fired: bool,
    /// Whether the change was in HEAD right after the fault.
    landed: bool,
    /// What did not hold right after the fault.
    at_once: Violations,
    /// What did not hold after the same command once more.
    in_the_end: Violations,
    /// For a person: where and what.
    label: String,
}

/// The sums over many runs.
#[derive(Default)]
pub struct Sums {
    /// Runs in which the fault came about.
    pub runs: usize,
    /// Runs that went another way and did not come to their point.
    pub missed: usize,
    /// Of these, how often the change was made before the fault.
    pub landed: usize,
    /// How often the same command once more led to the end that it should have had.
    pub converged: usize,
    /// How often success was reported that was none, or failure that was success.
    pub untrue: usize,
    /// How often a deal was lost or doubled.
    pub lost_or_doubled: usize,
    /// How often anything else did not hold.
    pub other: usize,
    failures: Vec<String>,
}

/// A command with all that is known of it from a run without a fault.
pub struct Matrix {
    runner: Runner,
    /// Every point of the command.
    pub points: Vec<Point>,
    /// Kept, since copies are made from it.
    _fixture: Fixture,
}

/// What one run needs, in a form that threads can share.
struct Runner {
    job: Job,
    template: Template,
    wanted: Wanted,
}

impl Matrix {
    /// Runs a command once, without a fault, to learn what it does and where.
    pub fn new(job: Job) -> Matrix {
        let fixture = Fixture::new(job.prepare);
        let template = fixture.template();
        let (before, after, points);
        {
            let copy = template.copy();
            let wrong;
            (before, wrong) = look(&copy);
            assert_eq!(wrong, Vec::new(), "before {}", job.name);
            let ran;
            (ran, points) = trace(&copy, &job.args);
            assert_eq!(ran.code, 0, "{}: {}", job.name, ran.err);
            let wrong;
            (after, wrong) = look(&copy);
            assert_eq!(wrong, Vec::new(), "after {}", job.name);
        }
        let wanted = Wanted::new(before, after);
        assert!(!wanted.paths.is_empty(), "{} changes nothing", job.name);
        Matrix { runner: Runner { job, template, wanted }, points, _fixture: fixture }
    }

    /// The arguments of the command.
    pub fn args(&self) -> &[String] {
        &self.runner.job.args
    }

    /// Runs every point with every fault that `faults` gives for it, or one in `sampled` of them, and prints the sums.
    pub fn run(&self, what: &str, sampled: u64, faults: impl Fn(&Point) -> Vec<Fault>) -> Sums {
        let runner = &self.runner;
        let sampled = how_many().unwrap_or(sampled);
        let all = self.points.iter().flat_map(|p| faults(p).into_iter().map(move |f| (p, f)));
        let cases: Vec<(&Point, Fault)> = all
            .filter(|(p, f)| hash(&format!("{} {} {f:?}", runner.job.name, p.name())).is_multiple_of(sampled))
            .collect();
        let outcomes = side_by_side(&cases, |(point, fault)| vec![runner.one(point, *fault)]);
        self.sum_up(what, outcomes)
    }

    /// Kills the command at one point in `sampled`, and then, for each of these states, the same command once more at
    /// one of its points in `sampled`.
    pub fn run_nested(&self, what: &str, sampled: u64) -> Sums {
        let runner = &self.runner;
        // All pairs would take an hour.
        let sampled = how_many().unwrap_or(sampled).max(3);
        let picked = |name: &str| hash(name).is_multiple_of(sampled);
        let disk = self.points.iter().filter(|p| p.changes_disk());
        let cases: Vec<&Point> = disk.filter(|p| picked(&format!("{} {}", runner.job.name, p.name()))).collect();
        let outcomes = side_by_side(&cases, |point| runner.nested(point, &picked));
        self.sum_up(what, outcomes)
    }

    /// Kills the command when its journal is written and the branch not moved yet, and cuts the journal off after one
    /// byte in `sampled`, each in a copy of its own; the command runs again.
    pub fn run_torn_journals(&self, what: &str, sampled: u64) -> Sums {
        let runner = &self.runner;
        let sampled = how_many().unwrap_or(sampled) as usize;
        let index = |p: &&Point| p.call.starts_with("rename") && p.on.contains("/.git/index\"");
        let point = self.points.iter().find(index).expect("the point at which the index is replaced");
        let broken = runner.template.copy();
        assert!(inject(&broken, &runner.job.args, point, Fault::KillAll).fired);
        let journal = Path::new(".git/tussock/journal");
        let whole = std::fs::read(broken.path().join(journal)).expect("a journal");
        let states = runner.template.of(&broken);
        let cuts: Vec<usize> = (0..whole.len()).step_by(sampled).collect();
        let outcomes = side_by_side(&cuts, |cut| {
            let copy = states.copy();
            let (start, _) = look(&copy);
            std::fs::write(copy.path().join(journal), &whole[..*cut]).unwrap();
            let in_the_end = runner.again(&copy, &start, false);
            let label = format!("{}: {cut} of {} bytes of the journal", runner.job.name, whole.len());
            vec![Outcome { fired: true, landed: false, at_once: Vec::new(), in_the_end, label }]
        });
        self.sum_up(what, outcomes)
    }

    /// Breaks the command in a way that a program alone cannot be held to: see [`Matrix::break_it`]. `excused` are
    /// the rules that may be broken right after it, and those that may be broken for ever.
    pub fn break_it_badly(
        &self,
        sums: &mut Sums,
        base: &Path,
        label: String,
        excused: (&[u8], &[u8]),
        run: impl FnOnce(&Copy<'_>, &[String]) -> Ran,
        mend: impl FnOnce(&Copy<'_>),
    ) {
        let template = self.runner.template.within(base);
        let copy = template.copy();
        let run = |args: &[String]| Broken { fired: true, ran: run(&copy, args) };
        let mut outcome = self.runner.judge(&copy, label, false, run, || mend(&copy));
        let (at_once, for_good) = excused;
        outcome.at_once.retain(|v| !at_once.contains(&v.invariant) && !for_good.contains(&v.invariant));
        outcome.in_the_end.retain(|v| !for_good.contains(&v.invariant));
        sums.add(outcome);
    }

    /// Breaks the command in a way of the caller's own: `run` gets a copy in the folder `base` and the arguments, and
    /// `mend` makes the machine whole again.
    pub fn break_it(
        &self,
        sums: &mut Sums,
        base: &Path,
        label: String,
        run: impl FnOnce(&Copy<'_>, &[String]) -> Ran,
        mend: impl FnOnce(&Copy<'_>),
    ) {
        self.break_it_badly(sums, base, label, (&[], &[]), run, mend);
    }

    /// Adds up and prints.
    fn sum_up(&self, what: &str, outcomes: Vec<Outcome>) -> Sums {
        let mut sums = Sums::default();
        for outcome in outcomes {
            sums.add(outcome);
        }
        self.print(what, &sums);
        sums
    }

    /// Prints sums as a line of a table.
    pub fn print(&self, what: &str, sums: &Sums) {
        println!(
            "{:<12} {what:<26} points {:>4}  runs {:>5}  missed {:>3}  landed {:>4}  converged {:>5}  untrue {:>3}  lost or doubled {:>3}  other {:>3}",
            self.runner.job.name,
            self.points.len(),
            sums.runs,
            sums.missed,
            sums.landed,
            sums.converged,
            sums.untrue,
            sums.lost_or_doubled,
            sums.other
        );
    }
}

/// Does each case, some at a time; returns the outcomes in the order of the cases.
fn side_by_side<C: Sync>(cases: &[C], one: impl Fn(&C) -> Vec<Outcome> + Sync) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(case) = cases.get(number) else { break };
                    let outcome = one(case);
                    outcomes.lock().unwrap().insert(number, outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap().into_values().flatten().collect()
}

impl Runner {
    /// One run with one fault, and what comes after it.
    fn one(&self, point: &Point, fault: Fault) -> Outcome {
        let copy = self.template.copy();
        let label = format!("{} {fault:?} at {} {}", self.job.name, point.name(), point.on);
        // What fails to write from then on fails to print as well.
        let mute = matches!(fault, Fault::ErrorFromNow(_)) && point.call.starts_with("write");
        self.judge(&copy, label, point.prints() || mute, |args| inject(&copy, args, point, fault), || ())
    }

    /// Looks at a copy, breaks the command in it, looks again, mends what was wrong with the machine, and runs the
    /// command again.
    fn judge(
        &self,
        copy: &Copy<'_>,
        label: String,
        unheard: bool,
        run: impl FnOnce(&[String]) -> Broken,
        mend: impl FnOnce(),
    ) -> Outcome {
        let (start, _) = look(copy);
        let Broken { fired, ran } = run(&self.job.args);
        let (now, mut at_once) = look(copy);
        at_once.extend(self.wanted.always(copy, &start, &now));
        // A process that was killed says nothing.
        if ![128 + 9, 128 + 6].contains(&ran.code) {
            at_once.extend(self.wanted.truth(copy, &start, &now, &ran, unheard));
        }
        let landed = self.wanted.landed(&now);
        mend();
        let in_the_end = self.again(copy, &start, landed);
        let said = ran.err.lines().next().unwrap_or_default();
        Outcome { fired, landed, at_once, in_the_end, label: format!("{label}: exit {} {said}", ran.code) }
    }

    /// Kills the command at a point, and the next one at each of its own points that are picked.
    fn nested(&self, first: &Point, picked: &(impl Fn(&str) -> bool + Sync)) -> Vec<Outcome> {
        let broken = self.template.copy();
        let (start, _) = look(&broken);
        inject(&broken, &self.job.args, first, Fault::KillAll);
        let states = self.template.of(&broken);
        let landed = self.wanted.landed(&look(&broken).0);
        let args = match &self.job.again {
            Again::Instead(other) if landed => other,
            _ => &self.job.args,
        };
        let (_, points) = trace(&states.copy(), args);
        let mut outcomes = Vec::new();
        for second in points.iter().filter(|p| p.changes_disk()) {
            let names = format!("{} {} {}", self.job.name, first.name(), second.name());
            if !picked(&names) {
                continue;
            }
            let copy = states.copy();
            let files = look(&copy).0.files;
            // Of the files only those of others are looked at, which are new ones in each copy.
            let start = View { files, ..start.clone() };
            let fired = inject(&copy, args, second, Fault::KillAll).fired;
            let (now, mut at_once) = look(&copy);
            at_once.extend(self.wanted.always(&copy, &start, &now));
            let landed = self.wanted.landed(&now);
            let in_the_end = self.again(&copy, &start, landed);
            let label = format!("{names} ({} then {})", first.on, second.on);
            outcomes.push(Outcome { fired, landed, at_once, in_the_end, label });
        }
        outcomes
    }

    /// Runs the command again, twice; returns what does not hold then.
    fn again(&self, copy: &Copy<'_>, start: &View, landed: bool) -> Violations {
        let mut found = Vec::new();
        for (number, landed) in [(1, landed), (2, true)] {
            let (args, codes): (_, &[i32]) = match &self.job.again {
                _ if !landed => (&self.job.args, &[0]),
                Again::Same(codes) => (&self.job.args, *codes),
                Again::Instead(other) => (other, &[0]),
            };
            let ran = copy.tussock(args);
            if !codes.contains(&ran.code) {
                let seen = format!("exit {} of run {number} after the fault: {}", ran.code, ran.err.trim());
                found.push(Violation { invariant: 8, seen });
            }
            let (now, wrong) = look(copy);
            found.extend(wrong);
            found.extend(self.wanted.always(copy, start, &now));
            found.extend(self.wanted.complete(&now));
            found.extend(self.wanted.nothing_left_over(&now));
            if !found.is_empty() {
                break;
            }
        }
        found
    }
}

impl Sums {
    fn add(&mut self, outcome: Outcome) {
        if !outcome.fired {
            self.missed += 1;
            return;
        }
        let of = |numbers: &[u8]| {
            let mut all = outcome.at_once.iter().chain(&outcome.in_the_end);
            all.any(|v| numbers.contains(&v.invariant))
        };
        self.runs += 1;
        self.landed += usize::from(outcome.landed);
        self.converged += usize::from(outcome.in_the_end.is_empty());
        self.untrue += usize::from(outcome.at_once.iter().any(|v| v.invariant == 7));
        self.lost_or_doubled += usize::from(of(&[1]));
        self.other += usize::from(of(&[2, 3, 4, 5, 6, 8, 9, 10, 11, 12]));
        if !outcome.at_once.is_empty() || !outcome.in_the_end.is_empty() {
            let list = |found: &Violations| {
                found.iter().take(4).map(|v| format!("\n    {}: {}", v.invariant, v.seen)).collect::<String>()
            };
            let (now, then) = (list(&outcome.at_once), list(&outcome.in_the_end));
            self.failures.push(format!("{}\n  at once:{now}\n  in the end:{then}", outcome.label));
        }
    }

    /// Fails unless all held in all runs, and there were runs.
    pub fn must_all_hold(&self) {
        assert!(self.runs > 0, "no fault came about");
        let first: Vec<&str> = self.failures.iter().take(12).map(String::as_str).collect();
        assert!(self.failures.is_empty(), "{} of {} runs:\n{}", self.failures.len(), self.runs, first.join("\n"));
    }
}

/// One in how many runs the caller wants; `None` when nothing is said.
pub fn how_many() -> Option<u64> {
    let text = std::env::var(HOW_MANY).ok()?;
    if text == "all" {
        return Some(1);
    }
    Some(text.parse().unwrap_or_else(|_| panic!("{HOW_MANY} is `all` or a number, not {text:?}")))
}

/// FNV-1a: the same runs are picked on every machine.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
