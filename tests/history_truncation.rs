//! A repository that ends earlier tells what the whole one tells of the time until then.
//!
//! Three things are left out because they are read where the branch ends, so that an earlier end rightly tells otherwise:
//! `.tussock-ignore-revs` and `.mailmap` (the random histories here have none) and today's names. Deals are told under the
//! ids and stages under the names that they have at the end; both are brought under the names of the shorter history
//! before the two are compared, and what is no move under the longer history's names is no event there.
mod history_kit;
mod kit;
mod oracle_kit;

use std::path::Path;

use history_kit::{read_path, small, stage};
use oracle_kit::compare::engine;
use oracle_kit::random::{history, may, told};
use oracle_kit::store::{output, scratch};
use oracle_kit::telling::{Telling, Told};
use tussock::format::pipeline::Pipeline;
use tussock::history::event::KnownAt;
use tussock::history::{History, Options};

fn cases() -> u64 {
    std::env::var("TUSSOCK_ORACLE").ok().and_then(|n| n.parse().ok()).unwrap_or(4)
}

fn renamed() -> Pipeline {
    let mut pipeline = small();
    pipeline.stages[2].was = vec![stage("deal-desk")];
    pipeline
}

fn read(repo: &Path, prefix: &str, options: &Options) -> History {
    read_path(repo, prefix, &renamed(), options).unwrap()
}

/// The ids that a deal has had, the newest first, with the number of the event that gave it the next one.
fn id_at(events: &[Told], deal: &str, number: usize) -> String {
    let mut id = deal.to_owned();
    for event in events.iter().skip(number).rev().filter(|event| event.event == "renamed" && event.deal == deal) {
        id.clone_from(&event.from);
    }
    id
}

/// The first so many events, under the ids that the deals had by then.
fn until(whole: &Telling, number: usize) -> Vec<Told> {
    let mut last = std::collections::BTreeMap::new();
    for event in &whole.events[..number] {
        last.entry(event.deal.clone()).or_insert_with(|| id_at(&whole.events, &event.deal, number));
    }
    let under = |event: &Told| {
        let mut event = event.clone();
        event.deal.clone_from(&last[&event.deal]);
        if event.event == "renamed" {
            event.to.clone_from(&event.deal);
        }
        event
    };
    whole.events[..number].iter().map(under).collect()
}

/// A renamed event names the id that the deal has at the end; where it was renamed later, too, that is another one.
fn plain(mut events: Vec<Told>) -> Vec<Told> {
    for event in events.iter_mut().filter(|event| event.event == "renamed") {
        event.to.clear();
    }
    events
}

fn truncated(first: u64, steps: usize, what: u32) {
    for seed in first..first + cases() {
        let (_dir, repo) = scratch();
        let (stream, ids, main, prefix) = history(&repo, seed, steps, what);
        let shown = || told(&stream, &ids);
        let whole = engine(&read(&repo, &prefix, &Options::default()));
        let mut line = vec![main];
        while let Some(parent) = stream.commits[line[line.len() - 1]].parents.first() {
            line.push(*parent);
        }
        let mut known = i64::MIN;
        for (number, commit) in line.iter().rev().enumerate() {
            known = known.max(stream.commits[*commit].committer_time);
            let next = line.len().checked_sub(number + 2).map(|at| line[at]);
            output(&repo, &["update-ref", "refs/heads/main", &ids[*commit]]);
            let cut = read(&repo, &prefix, &Options::default());
            assert_eq!((cut.commits, cut.tip_known_at), (number + 1, Some(KnownAt(known))));
            // The events of later commits that became known in the same second are not known to the cut yet.
            let cut = engine(&cut);
            let expected = until(&whole, cut.events.len().min(whole.events.len()));
            let (ours, theirs) = (plain(cut.events.clone()), plain(expected));
            if let Some(at) = (0..ours.len()).find(|at| theirs.get(*at) != Some(&ours[*at])) {
                let (ours, theirs) = (&ours[at], theirs.get(at));
                panic!("seed {seed}, cut at {}\n{}\ncut: {ours:?}\nwhole: {theirs:?}", ids[*commit], shown());
            }
            let later = &whole.events[cut.events.len()..];
            let by_then = later.iter().filter(|event| event.known_at <= known).count();
            let same_second = next.is_some_and(|next| stream.commits[next].committer_time <= known);
            assert!(
                by_then == 0 || same_second,
                "seed {seed}, cut at {}: {by_then} missing\n{}",
                ids[*commit],
                shown()
            );
            // Asking the whole for what was known by then is the same as the cut, and as asking the cut.
            if !same_second {
                output(&repo, &["update-ref", "refs/heads/main", &ids[main]]);
                let options = Options { until: Some(KnownAt(known)), ..Options::default() };
                let asked = read(&repo, &prefix, &options);
                assert_eq!(asked.tip.map(|tip| tip.to_string()).as_ref(), Some(&ids[*commit]));
                assert_eq!(engine(&asked), cut, "seed {seed}, until {known}\n{}", shown());
            }
        }
    }
}

/// What a shorter history rightly tells otherwise.
const LEFT_OUT: u32 = may::IGNORE | may::MAILMAP | may::FOLDER | may::PLACE;

#[test]
fn a_straight_history_cut_anywhere_tells_the_same_until_then() {
    truncated(1, 30, may::ALL & !LEFT_OUT & !may::MERGE);
}

#[test]
fn a_history_with_merges_cut_anywhere_tells_the_same_until_then() {
    truncated(1_000, 30, may::ALL & !LEFT_OUT);
}
