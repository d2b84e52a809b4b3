//! Reading all objects of a history in the order in which a walk asks for them: this crate's reader beside libgit2 and
//! `git cat-file --batch --buffer`, which get the same ids. Prints a Markdown table; judges nothing. How to run it:
//! `benches/README.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::env;
use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tussock::repo::objects::{ObjectId, entries, parse_commit};
use tussock::repo::pack::{Reader, Store};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rounds of each job, unless `TUSSOCK_BENCH_PAIRS` says otherwise; the least of their times is printed.
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let repository = env::var("TUSSOCK_BENCH_REPOSITORY").unwrap_or_else(|_| ".".to_owned());
    let rounds = match env::var("TUSSOCK_BENCH_PAIRS") {
        Ok(number) => number.parse::<usize>().ok().filter(|n| *n > 0).ok_or("TUSSOCK_BENCH_PAIRS is no number")?,
        Err(_) => ROUNDS,
    };
    let said = git(&repository, &["rev-parse", "--path-format=absolute", "--git-path", "objects"])?;
    let objects = Path::new(said.trim());
    let id_len = ObjectId::from_hex(git(&repository, &["rev-parse", "HEAD"])?.trim()).ok_or("no id")?.as_bytes().len();
    let library = git2::Repository::open(&repository).ok();
    let store = Store::open(objects, id_len);
    let mut walk = Walk::of(&repository, &store, id_len)?;
    // The others get the files in the order of storage too, without the cost of finding it.
    let reader = store.reader();
    walk.blobs.sort_by_cached_key(|id| reader.place(*id));
    drop(reader);
    let back = |ids: &[ObjectId]| ids.iter().rev().copied().collect::<Vec<_>>();
    let jobs: [(&str, &[&[ObjectId]], bool); 6] = [
        ("commits, newest first", &[&walk.commits], false),
        ("trees, newest first", &[&walk.trees], false),
        ("trees, oldest first", &[&back(&walk.trees)], false),
        ("blobs, as stored", &[&walk.blobs], true),
        ("all, newest first", &[&walk.commits, &walk.trees, &walk.blobs], true),
        ("all, oldest first", &[&back(&walk.commits), &back(&walk.trees), &walk.blobs], true),
    ];
    println!("| objects | number | MB | CPU | libgit2's CPU | git's CPU | of libgit2's | of git's |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, parts, sorted) in jobs {
        let mut best = [Duration::MAX; 3];
        let mut bytes = [0; 3];
        for _ in 0..rounds {
            let (count, took) = timed(cpu, || ours(&store, parts, sorted))?;
            (bytes[0], best[0]) = (count, best[0].min(took));
            if let Some(library) = &library {
                let (count, took) = timed(cpu, || theirs(library, parts))?;
                (bytes[1], best[1]) = (count, best[1].min(took));
            }
            let (count, took) = timed(children_cpu, || program(&repository, parts))?;
            (bytes[2], best[2]) = (count, best[2].min(took));
        }
        assert!(bytes[0] == bytes[2] && (library.is_none() || bytes[0] == bytes[1]), "{name}: {bytes:?}");
        let number: usize = parts.iter().map(|ids| ids.len()).sum();
        let seconds = |time: Duration| if time == Duration::MAX { f64::NAN } else { time.as_secs_f64() };
        let [own, libgit2, git] = best.map(seconds);
        println!(
            "| {name} | {number} | {:.1} | {own:.3} s | {libgit2:.3} s | {git:.3} s | {:.2}x | {:.2}x |",
            bytes[0] as f64 / 1e6,
            own / libgit2,
            own / git,
        );
    }
    Ok(())
}

/// The objects that a walk over the first parents asks for, in its order.
struct Walk {
    commits: Vec<ObjectId>,
    trees: Vec<ObjectId>,
    blobs: Vec<ObjectId>,
}

impl Walk {
    fn of(repository: &str, store: &Store, id_len: usize) -> Result<Walk> {
        let listed = git(repository, &["rev-list", "--first-parent", "HEAD"])?;
        let commits: Vec<ObjectId> = listed.lines().filter_map(ObjectId::from_hex).collect();
        let mut walk = Walk { commits, trees: Vec::new(), blobs: Vec::new() };
        let mut reader = store.reader();
        let mut newer: Option<ObjectId> = None;
        for id in walk.commits.clone() {
            let tree = parse_commit(id, &read(&mut reader, id)?)?.tree;
            if newer != Some(tree) {
                walk.folder(&mut reader, newer, tree, id_len)?;
            }
            newer = Some(tree);
        }
        Ok(walk)
    }

    /// Notes what differs in an older folder from the newer one.
    fn folder(&mut self, reader: &mut Reader, newer: Option<ObjectId>, older: ObjectId, id_len: usize) -> Result<()> {
        self.trees.push(older);
        let former = match newer {
            Some(newer) => read(reader, newer)?,
            None => Vec::new(),
        };
        let former: Vec<_> = entries(&former, id_len).collect();
        let now = read(reader, older)?;
        let mut at = 0;
        for entry in entries(&now, id_len) {
            // Close enough to git's order for a benchmark: a folder sorts as if it ended with a slash.
            let key = |e: &tussock::repo::objects::TreeEntry<'_>| {
                let mut key = e.name.to_vec();
                key.extend(e.is_folder().then_some(b'/'));
                key
            };
            while former.get(at).is_some_and(|f| key(f) < key(&entry)) {
                at += 1;
            }
            let same = former.get(at).filter(|f| f.name == entry.name && f.is_folder() == entry.is_folder());
            if same.is_some_and(|f| f.id == entry.id) {
                continue;
            }
            if entry.is_folder() {
                self.folder(reader, same.map(|f| f.id), entry.id, id_len)?;
            } else if entry.is_file() {
                self.blobs.push(entry.id);
            }
        }
        Ok(())
    }
}

fn read(reader: &mut Reader, id: ObjectId) -> Result<Vec<u8>> {
    let (_, bytes) = reader.read(id)?.ok_or_else(|| format!("{id} is not here"))?;
    Ok(bytes.to_vec())
}

fn ours(store: &Store, parts: &[&[ObjectId]], sorted: bool) -> Result<usize> {
    let mut reader = store.reader();
    let mut sum = 0;
    for (at, ids) in parts.iter().enumerate() {
        if sorted && at + 1 == parts.len() {
            let mut places: Vec<_> = ids.iter().map(|id| (reader.place(*id), *id)).collect();
            places.sort_unstable();
            for (place, id) in places {
                let found = match place {
                    Some(place) => reader.read_at(id, place)?,
                    None => reader.read(id)?,
                };
                sum += found.ok_or_else(|| format!("{id} is not here"))?.1.len();
            }
        } else {
            for id in *ids {
                sum += reader.read(*id)?.ok_or_else(|| format!("{id} is not here"))?.1.len();
            }
        }
    }
    Ok(sum)
}

fn theirs(library: &git2::Repository, parts: &[&[ObjectId]]) -> Result<usize> {
    git2::opts::strict_hash_verification(false);
    git2::opts::enable_caching(false);
    let odb = library.odb()?;
    let mut sum = 0;
    for id in parts.iter().copied().flatten() {
        sum += odb.read(git2::Oid::from_bytes(id.as_bytes())?)?.len();
    }
    Ok(sum)
}

fn program(repository: &str, parts: &[&[ObjectId]]) -> Result<usize> {
    let mut list = tempfile::tempfile()?;
    let ids: String = parts.iter().copied().flatten().map(|id| format!("{id}\n")).collect();
    list.write_all(ids.as_bytes())?;
    std::io::Seek::rewind(&mut list)?;
    let mut child = Command::new("git")
        .args(["-C", repository, "cat-file", "--batch=%(objectsize)", "--buffer"])
        .stdin(Stdio::from(list))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut out = child.stdout.take().ok_or("no output")?;
    let (mut buffer, mut seen) = (vec![0; 1 << 20], Vec::new());
    // Only sizes are summed: what is between the lines is skipped without being looked at.
    let (mut sum, mut skip) = (0, 0);
    loop {
        let count = out.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let mut part = &buffer[..count];
        while !part.is_empty() {
            let passed = skip.min(part.len());
            part = &part[passed..];
            skip -= passed;
            if let Some((&byte, rest)) = part.split_first() {
                part = rest;
                if byte == b'\n' {
                    let size: usize = std::str::from_utf8(&seen)?.parse()?;
                    seen.clear();
                    sum += size;
                    skip = size + 1;
                } else {
                    seen.push(byte);
                }
            }
        }
    }
    child.wait()?;
    Ok(sum)
}

fn git(repository: &str, arguments: &[&str]) -> Result<String> {
    let ran = Command::new("git").args(["-C", repository]).args(arguments).stderr(Stdio::inherit()).output()?;
    if !ran.status.success() {
        return Err(format!("git {arguments:?} failed").into());
    }
    Ok(String::from_utf8(ran.stdout)?)
}

/// What something took, by this clock.
fn timed<T>(clock: impl Fn() -> Option<Duration>, job: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let (before, started) = (clock(), Instant::now());
    let made = job()?;
    let took = before.zip(clock()).map_or_else(|| started.elapsed(), |(before, after)| after.saturating_sub(before));
    Ok((made, took))
}

#[cfg(unix)]
fn usage(who: nix::sys::resource::UsageWho) -> Option<Duration> {
    let usage = nix::sys::resource::getrusage(who).ok()?;
    let part = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs()) + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    Some(part(usage.user_time()) + part(usage.system_time()))
}

#[cfg(unix)]
fn cpu() -> Option<Duration> {
    usage(nix::sys::resource::UsageWho::RUSAGE_SELF)
}

#[cfg(unix)]
fn children_cpu() -> Option<Duration> {
    usage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)
}

#[cfg(not(unix))]
fn cpu() -> Option<Duration> {
    None
}

#[cfg(not(unix))]
fn children_cpu() -> Option<Duration> {
    None
}
