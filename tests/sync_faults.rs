//! Kills what brings repositories into being and together at every place where it writes.
#![cfg(target_os = "linux")]

mod fault_kit;
mod kit;

use std::collections::BTreeMap;

use fault_kit::fixture::{Copy, Fixture, visit};
use fault_kit::matrix::how_many;
use fault_kit::tracer::{Fault, Point, inject, possible, trace};

fn strings(args: &[&str]) -> Vec<String> {
    ["--today", "2026-03-02"].iter().chain(args).map(|a| (*a).to_owned()).collect()
}

/// Some of the points at which the disk changes: one in so many, or as many as the caller wants.
fn sampled(points: &[Point], one_in: usize) -> impl Iterator<Item = &Point> {
    let one_in = how_many().map_or(one_in, |n| n as usize);
    points.iter().filter(|p| p.changes_disk()).step_by(one_in)
}

/// Runs git, which must succeed.
fn git(copy: &Copy<'_>, args: &[&str]) -> String {
    let ran = copy.git(args);
    assert_eq!(ran.code, 0, "git {args:?}: {}{}", ran.out, ran.err);
    ran.out.trim().to_owned()
}

/// A repository with a move of its own and, at its remote, somebody else's. The remote is inside, so that it is copied
/// with it.
fn behind_and_ahead() -> Fixture {
    Fixture::tidy(|repo| {
        repo.git(&["clone", "-q", "--bare", ".", ".git/remote.git"]);
        repo.git(&["remote", "add", "origin", "./.git/remote.git"]);
        repo.move_by_hand("sales/brief/d05.yaml", "sales/proposal/d05.yaml");
        repo.git(&["push", "-q", "-u", "origin", "main"]);
        repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
        repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        repo.ok(&["--today", "2026-03-01", "move", "d01", "proposal"]);
    })
}

/// Removes git's locks, which is what git advises after a crash.
fn remove_locks(copy: &Copy<'_>) {
    let mut locks = Vec::new();
    visit(&copy.path().join(".git"), &mut |path, _| {
        if path.extension().is_some_and(|e| e == "lock") {
            locks.push(path.to_owned());
        }
    });
    locks.iter().for_each(|lock| std::fs::remove_file(lock).unwrap());
}

/// Gives up what was begun, in the way that git advises: where files of an unfinished checkout are in the way, they are
/// put aside first, and where git had not got far enough to give it up, its notes are removed.
fn give_up(copy: &Copy<'_>) {
    let notes = copy.path().join(".git/rebase-merge");
    if notes.exists() && copy.git(&["rebase", "--abort"]).code != 0 {
        copy.git(&["stash", "-q", "--include-untracked"]);
        copy.git(&["rebase", "--abort"]);
    }
    if notes.exists() {
        assert_eq!(git(copy, &["symbolic-ref", "HEAD"]), "refs/heads/main");
        std::fs::remove_dir_all(notes).unwrap();
    }
}

#[test]
fn a_sync_that_is_killed_at_any_write_loses_nothing_and_is_done_by_the_next_one() {
    if !possible() {
        return;
    }
    let fixture = behind_and_ahead();
    let template = fixture.template();
    let args = strings(&["sync"]);
    let copy = template.copy();
    let own = git(&copy, &["rev-parse", "HEAD"]);
    let (ran, points) = trace(&copy, &args);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let wanted = git(&copy, &["rev-parse", "HEAD^{tree}"]);
    let mut ways: BTreeMap<&str, usize> = BTreeMap::new();
    for point in sampled(&points, 29) {
        let copy = template.copy();
        if !inject(&copy, &args, point, Fault::KillAll).fired {
            continue;
        }
        let at = format!("killed at {} {}", point.name(), point.on);
        let all = git(&copy, &["rev-list", "--all", "--reflog"]);
        assert!(all.lines().any(|id| id == own), "{at}: the commit that was not pushed yet cannot be found");
        let mut ran = copy.tussock(&args);
        let mut way = "sync again";
        if ran.code != 0 {
            way = "git's locks removed, rebase given up, sync again";
            remove_locks(&copy);
            give_up(&copy);
            ran = copy.tussock(&args);
        }
        // Files of a checkout that git did not finish. What they hold is committed.
        if ran.code != 0 && ran.err.contains("git stash") {
            way = "the same, and what is lying about put aside with git stash";
            git(&copy, &["stash", "-q", "--include-untracked"]);
            ran = copy.tussock(&args);
        }
        assert_eq!(ran.code, 0, "{at}: {}{}", ran.out, ran.err);
        *ways.entry(way).or_default() += 1;
        assert_eq!(git(&copy, &["rev-parse", "HEAD^{tree}"]), wanted, "{at}");
        assert_eq!(git(&copy, &["--git-dir", ".git/remote.git", "rev-parse", "main^{tree}"]), wanted, "{at}");
        assert_eq!(git(&copy, &["status", "--porcelain"]), "", "{at}");
        git(&copy, &["fsck", "--strict", "--no-dangling", "--no-progress"]);
    }
    println!("sync         killed                     points {:>4}  {ways:?}", points.len());
    assert!(ways.values().sum::<usize>() > 3, "{ways:?}");
}

#[test]
fn an_init_that_is_killed_at_any_write_is_done_whole_by_the_next_one() {
    if !possible() {
        return;
    }
    let fixture = Fixture::tidy(|_| ());
    let template = fixture.template();
    let args = strings(&["init", "--template", "simple-sites"]);
    let empty = || {
        let copy = template.copy();
        std::fs::remove_dir_all(copy.path()).unwrap();
        std::fs::create_dir(copy.path()).unwrap();
        copy
    };
    let copy = empty();
    let (ran, points) = trace(&copy, &args);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let wanted = git(&copy, &["rev-parse", "HEAD^{tree}"]);
    let (mut runs, mut locked) = (0, 0);
    for point in sampled(&points, 29) {
        let copy = empty();
        if !inject(&copy, &args, point, Fault::KillAll).fired {
            continue;
        }
        runs += 1;
        let at = format!("killed at {} {}", point.name(), point.on);
        let mut again = copy.tussock(&args);
        if again.code == 8 && again.err.contains("git init") {
            assert!(again.err.contains(".git/config"), "{at}: {}", again.err);
            locked += 1;
            remove_locks(&copy);
            again = copy.tussock(&args);
        }
        // What had been begun is finished, and then there is a pipeline already.
        assert!([0, 2, 4].contains(&again.code), "{at}: exit {} {}", again.code, again.err);
        let first = copy.tussock(&strings(&["new", "ACME site", "--set", "account=ACME", "--set", "owner=olga"]));
        assert_eq!(first.code, 0, "{at}: {}", first.err);
        assert_eq!(git(&copy, &["rev-parse", "HEAD~1^{tree}"]), wanted, "{at}");
        assert_eq!(git(&copy, &["rev-list", "--count", "HEAD"]), "2", "{at}");
        assert_eq!(git(&copy, &["status", "--porcelain"]), "", "{at}");
        git(&copy, &["fsck", "--strict", "--no-dangling", "--no-progress"]);
    }
    println!(
        "init         killed                     points {:>4}  runs {runs}, {locked} with a lock of git init",
        points.len()
    );
    assert!(runs > 3, "{runs} runs");
}
