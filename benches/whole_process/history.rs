//! Reading history: from the beginning, from what was remembered, and with one commit more.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::measure::{Cost, Run, in_turn, memory_folder};
use crate::places::{self, Size, identity};
use crate::table::{Table, goal, megabytes};

/// The whole history, every event written.
const LOG: &str = "log --format csv";
/// A report that rests on history, by stage, without a row for each deal.
const REPORT: &str = "report funnel";
/// Pairs of runs that are over in milliseconds.
const QUICK: usize = 50;
/// Bytes that an event may cost in the cache.
const BYTES_PER_EVENT: u64 = 60;

pub fn measure(size: &Size, repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let log = Run::tussock(LOG, repository).cold();
    let events = log.output()?;
    table.doubt = differs_from_truth(&events, &places::truth_of(size))?;
    if let Some(doubt) = &table.doubt {
        table.remark(&format!("goals of history do not count: {doubt}"));
    }
    let rows = events.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
    cache_size(rows as u64, repository, table)?;
    cold(size, &log, repository, pairs, table)?;
    if size.name == "S" {
        scripts(&log, repository, pairs, table)?;
    }
    if size_of_folder(&memory_folder(repository))? == 0 {
        table.doubt.get_or_insert_with(|| "no cache".to_owned());
    }
    warm(size, repository, pairs, table)?;
    one_commit_more(repository, pairs, table)?;
    table.doubt = None;
    Ok(())
}

/// From the beginning, beside what git needs for the same walk.
fn cold(size: &Size, log: &Run, repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let count = Run::git("rev-list --count --all", repository);
    let plain = Run::git("log --raw --no-renames --format=%H", repository);
    let renames = Run::git("log --raw -M --format=%H", repository);
    let [ours, count_cost, plain_cost, renames_cost] = in_turn([log, &count, &plain, &renames], pairs, pairs)?;
    let must = match size.name {
        "M" => goal("1", 0.35),
        "L" => goal("2", 0.30),
        _ => None,
    };
    table.times(must, log, &renames, (&ours, &renames_cost));
    table.times(None, log, &plain, (&ours, &plain_cost));
    table.times(None, log, &count, (&ours, &count_cost));

    let kib = (log.peak_memory()?, renames.peak_memory()?);
    let own = (log.peak_own_memory()?, renames.peak_own_memory()?);
    let times = |(ours, theirs): (Option<u64>, Option<u64>)| Some(ours? as f64 / theirs? as f64);
    let is_large = |goal: Option<_>| goal.filter(|_| size.name == "L");
    let name = format!("peak memory of {}", log.name);
    table.figures(
        is_large(goal("15", 1.5)),
        (&name, &renames.name),
        (&megabytes(kib.0), &megabytes(kib.1)),
        times(kib),
    );
    let name = "of it no mapped file";
    table.figures(None, (name, &renames.name), (&megabytes(own.0), &megabytes(own.1)), times(own));
    Ok(())
}

/// Beside what a team would write in an afternoon.
fn scripts(log: &Run, repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let python = std::env::var("TUSSOCK_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for (module, script) in [("pydriller", "history_pydriller.py"), ("git", "history_gitpython.py")] {
        let import = format!("import {module}");
        let installed = Command::new(&python).args(["-c", &import]).stderr(Stdio::null()).status();
        if !installed.is_ok_and(|status| status.success()) {
            table.remark(&format!(
                "skipped {script}: {python} has no module {module} (pip install pydriller gitpython; \
                 TUSSOCK_BENCH_PYTHON names another python)"
            ));
            continue;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(script);
        let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let peer = Run::new(&python, &format!("{} {}", script.display(), repository.display()), repository);
        let peer = peer.named(&format!("`{name}`"));
        let [ours, theirs] = in_turn([log, &peer], pairs, pairs)?;
        table.times(goal("3", 0.02), log, &peer, (&ours, &theirs));
    }
    Ok(())
}

/// With nothing new since the last run.
fn warm(size: &Size, repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let report = Run::tussock(REPORT, repository);
    let named = report.clone().named(&format!("{}, warm", report.name));
    let (status, head) = (Run::git("status --porcelain", repository), Run::git("rev-parse HEAD", repository));
    for run in [&report, &status, &head] {
        run.run()?;
    }
    let [ours, theirs] = in_turn([&report, &status], QUICK.min(pairs * 4), pairs)?;
    table.times(goal("4", 0.25).filter(|_| size.name == "L"), &named, &status, (&ours, &theirs));
    let [ours, theirs] = in_turn([&report, &head], QUICK, pairs)?;
    let must = match size.name {
        "M" => goal("5", 4.0),
        "L" => goal("5", 8.0),
        _ => None,
    };
    table.times(must, &named, &head, (&ours, &theirs));
    Ok(())
}

/// After exactly one new commit, beside the same without.
fn one_commit_more(repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let copy = places::copy(repository)?;
    let report = Run::tussock(REPORT, &copy.folder);
    report.run()?;
    let (mut ours, mut theirs): (Vec<Cost>, Vec<Cost>) = Default::default();
    let start = std::time::Instant::now();
    for number in 0..QUICK.min(pairs * 4) {
        if number >= pairs && start.elapsed().as_secs() > 60 {
            break;
        }
        add_commit(&copy.folder, number)?;
        ours.push(report.run()?);
        theirs.push(report.run()?);
    }
    table.costs(
        goal("6", 1.3),
        &format!("{}, after one new commit", report.name),
        &format!("{}, warm", report.name),
        (&ours, &theirs),
    );
    Ok(())
}

/// A commit on the branch that gives one deal another amount; the index and the file go along.
fn add_commit(folder: &Path, number: usize) -> Result<()> {
    let stage = places::open_stages(folder)?.remove(0);
    let deals = places::deals_in(&folder.join("sales").join(&stage))?;
    let deal = deals.get(number % deals.len().max(1)).ok_or("the first stage has no deal")?;
    let path = format!("sales/{stage}/{deal}.yaml");
    let text = fs::read_to_string(folder.join(&path))?;
    let line = |line: &str| match line.starts_with("amount:") {
        true => format!("amount: {}\n", 1000 + number),
        false => format!("{line}\n"),
    };
    fs::write(folder.join(&path), text.lines().map(line).collect::<String>())?;
    let git = |words: &[&str]| -> Result<String> {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "core.fsync=none"]).args(words).stderr(Stdio::inherit());
        let output = identity(command).output()?;
        if !output.status.success() {
            return Err(format!("git {} ended with {}", words.join(" "), output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    git(&["update-index", &path])?;
    let tree = git(&["write-tree"])?;
    let commit = git(&["commit-tree", &tree, "-p", "HEAD", "-m", "another amount"])?;
    git(&["update-ref", "HEAD", &commit])?;
    Ok(())
}

/// What the cache holds after a run from the beginning.
fn cache_size(events: u64, repository: &Path, table: &mut Table) -> Result<()> {
    let bytes = size_of_folder(&memory_folder(repository))?;
    if bytes == 0 {
        table.remark("no cache was written");
        return Ok(());
    }
    let allowed = BYTES_PER_EVENT * events;
    table.figures(
        goal("17", 1.0),
        ("size of the cache", &format!("{BYTES_PER_EVENT} bytes for each of {events} events")),
        (&megabytes(Some(bytes / 1024)), &megabytes(Some(allowed / 1024))),
        Some(bytes as f64 / allowed as f64),
    );
    Ok(())
}

fn size_of_folder(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    let Ok(entries) = fs::read_dir(folder) else { return Ok(0) };
    for entry in entries {
        let entry = entry?;
        let data = entry.metadata()?;
        bytes += if data.is_dir() { size_of_folder(&entry.path())? } else { data.len() };
    }
    Ok(bytes)
}

/// The whole history of L beside that of M, by commit: what grows with the size of the folders shows here.
pub fn per_commit(pairs: usize, table: &mut Table) -> Result<()> {
    let repositories: [PathBuf; 2] = [places::kept_repository("L")?, places::kept_repository("M")?];
    let [large, medium] = [0, 1].map(|at| Run::tussock(LOG, &repositories[at]).cold());
    let costs = in_turn([&large, &medium], pairs, pairs)?;
    let counts = [places::commits(&repositories[0])?, places::commits(&repositories[1])?];
    let each = |costs: &[Cost], count: usize| -> Vec<Cost> {
        // For a thousand commits: one takes too little to be written in milliseconds.
        let share = |time: std::time::Duration| time.mul_f64(1000.0 / count as f64);
        costs.iter().map(|cost| Cost { wall: share(cost.wall), cpu: cost.cpu.map(share) }).collect()
    };
    let (large, medium) = (each(&costs[0], counts[0]), each(&costs[1], counts[1]));
    let name = |size: &str| format!("`{LOG}`, cold, for 1,000 commits of {size}");
    table.costs(goal("14", 3.0), &name("L"), &name("M"), (&large, &medium));
    Ok(())
}

/// What is wrong with the events, held against the generator's; `None` where they are the same.
fn differs_from_truth(csv: &[u8], truth: &Path) -> Result<Option<String>> {
    if !truth.is_file() {
        return Ok(Some("no list of events to hold them against".to_owned()));
    }
    let told: Vec<[String; 5]> = fs::read_to_string(truth)?
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [_, seconds, deal, kind, from, to] = cells[..] else { return None };
            Some([seconds, deal, kind, from, to].map(str::to_owned))
        })
        .collect();
    let mut read = Vec::new();
    for record in csv::Reader::from_reader(csv).records() {
        let record = record?;
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let kind = if cell(1) == "changed" { cell(2) } else { cell(1) };
        // The generator does not tell of the others.
        if ["created", "moved", "removed", "restored", "renamed", "amount", "close_date"].contains(&kind) {
            let at = chrono::DateTime::parse_from_rfc3339(cell(5))?.timestamp().to_string();
            read.push([at, cell(0).to_owned(), kind.to_owned(), cell(3).to_owned(), cell(4).to_owned()]);
        }
    }
    let mut balance: HashMap<&[String; 5], i64> = HashMap::new();
    for event in &told {
        *balance.entry(event).or_default() += 1;
    }
    for event in &read {
        *balance.entry(event).or_default() -= 1;
    }
    let wrong: i64 = balance.values().map(|count| count.abs()).sum();
    if wrong > 0 {
        let mut out = std::io::stderr().lock();
        let mut some: Vec<_> = balance.iter().filter(|(_, count)| **count != 0).collect();
        some.sort();
        for (event, count) in some.iter().take(5) {
            writeln!(out, "  {} in the truth more than read: {}", count, event.join(" "))?;
        }
    }
    Ok((wrong > 0).then(|| format!("{wrong} of {} events differ", told.len())))
}
