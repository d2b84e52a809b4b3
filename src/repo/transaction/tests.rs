//! Every named point of the protocol at which a process can die or the system can say no: the state is the old or the
//! new one, and the next try ends well. The same is done to the program from outside in `tests/faults.rs`; this goes
//! where nothing can be injected from outside, and fast.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fault::testing::{Fault, passed, plan};
use super::*;
use crate::repo::discover::find;

const ENV: [(&str, &str); 10] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_AUTHOR_NAME", "Olga Sokolova"),
    ("GIT_AUTHOR_EMAIL", "olga@example.com"),
    ("GIT_COMMITTER_NAME", "Olga Sokolova"),
    ("GIT_COMMITTER_EMAIL", "olga@example.com"),
    ("GIT_AUTHOR_DATE", "1767603600 +0000"),
    ("GIT_COMMITTER_DATE", "1767603600 +0000"),
    ("LC_ALL", "C"),
    ("TUSSOCK_FSYNC", "off"),
];

fn git(folder: &Path, args: &[&str]) -> String {
    let out = Command::new("git").args(args).envs(ENV).current_dir(folder).output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

/// A pipeline of two stages and four deals, with changes of the user's own: one staged, one not, one file new.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    git(root, &["init", "-q", "-b", "main"]);
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    };
    write("sales/pipeline.yaml", "version: 1\n");
    for deal in ["a", "b", "c", "other", "staged"] {
        write(&format!("sales/brief/{deal}.yaml"), &format!("title: {deal}\n"));
    }
    git(root, &["add", "-A"]);
    git(root, &["commit", "-q", "-m", "Begin"]);
    write("sales/brief/staged.yaml", "title: staged\namount: 1\n");
    git(root, &["add", "-A"]);
    write("sales/brief/other.yaml", "title: other\namount: 2\n");
    write("sales/brief/new.yaml", "title: new\n");
    dir
}

fn relocate(deal: &str) -> FileChange {
    let text = format!("title: {deal}\n");
    FileChange::relocate(
        format!("sales/brief/{deal}.yaml"),
        text.clone(),
        format!("sales/won/2026/{deal}.yaml"),
        format!("{text}amount: 5\n"),
    )
}

/// The actions that are tried, and whether they are committed.
fn actions() -> Vec<(&'static str, Vec<FileChange>, bool)> {
    let edit = FileChange::edit("sales/brief/a.yaml", "title: a\n", "title: a\namount: 7\n");
    vec![
        ("move", vec![relocate("a")], true),
        ("edit", vec![edit], true),
        ("new", vec![FileChange::create("sales/proposal/fresh.yaml", "title: fresh\n")], true),
        ("remove", vec![FileChange::remove("sales/brief/b.yaml", "title: b\n")], true),
        ("batch", vec![relocate("a"), relocate("b"), relocate("c")], true),
        ("staged move", vec![relocate("a")], false),
    ]
}

/// What a checker needs to know of a repository, asked of git.
#[derive(Debug, PartialEq, Eq)]
struct State {
    commits: usize,
    head: String,
    index: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

fn files(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
}

fn state(root: &Path) -> State {
    let mut found = BTreeMap::new();
    files(&root.join("sales"), &mut found);
    State {
        commits: git(root, &["rev-list", "--count", "HEAD"]).parse().unwrap(),
        head: git(root, &["ls-tree", "-r", "HEAD"]),
        index: git(root, &["ls-files", "--stage"]),
        files: found.into_iter().map(|(p, b)| (p.strip_prefix(root).unwrap().to_owned(), b)).collect(),
    }
}

fn litter(root: &Path) -> Vec<PathBuf> {
    let mut found = BTreeMap::new();
    files(root, &mut found);
    let is = |p: &PathBuf| {
        let name = p.file_name().unwrap().to_string_lossy().into_owned();
        let in_ours = p.parent().unwrap().ends_with(".git/tussock") && name != "lock";
        name.ends_with(".lock") || name.ends_with(".tmp") || in_ours || p.display().to_string().contains("/tx-")
    };
    found.into_keys().filter(is).collect()
}

fn run(root: &Path, changes: &[FileChange], committed: bool) -> Result<(), WriteError> {
    let home = find(root, None).unwrap();
    let git = Git::new(&home).unwrap().with_env(&ENV);
    let action = Action { changes: changes.to_vec(), subject: "do it".into(), ..Action::default() };
    if committed {
        commit(&home, &git, &action, &mut |_| ()).map(drop)
    } else {
        stage_holding(&home, &git, &action, &|| (), &mut |_| ()).map(drop)
    }
}

fn mend(root: &Path) -> Option<Recovered> {
    let home = find(root, None).unwrap();
    let git = Git::new(&home).unwrap().with_env(&ENV);
    recover(&home, &git, &mut |_| ()).unwrap()
}

fn try_every_point(kind: Fault, of: &[&str]) {
    let base = repository();
    for (name, changes, committed) in actions().into_iter().filter(|(name, ..)| of.contains(name)) {
        let wanted = tempfile::tempdir().unwrap();
        copy(base.path(), wanted.path());
        plan(None);
        run(wanted.path(), &changes, committed).unwrap();
        let points = passed();
        let (before, after) = (state(base.path()), state(wanted.path()));
        assert!(points.len() > 8, "{points:?}");
        for (at, point) in points.iter().enumerate() {
            let case = format!("{name}: {kind:?} at {at} ({point})");
            let dir = tempfile::tempdir().unwrap();
            copy(base.path(), dir.path());
            plan(Some((at, kind)));
            let ended = run(dir.path(), &changes, committed);
            plan(None);
            let moved = git(dir.path(), &["ls-tree", "-r", "HEAD"]) == after.head && committed;
            match &ended {
                // What is told as done must be done to the end.
                Ok(()) => assert_eq!(state(dir.path()), after, "{case}"),
                Err(WriteError::Pending { .. }) => {
                    assert!(moved || !committed, "{case}");
                    assert!(journal::path(find(dir.path(), None).unwrap().place().unwrap()).exists(), "{case}");
                }
                Err(WriteError::IndexAhead { .. }) => assert_eq!(state(dir.path()).head, before.head, "{case}"),
                Err(e) if kind != Fault::Death => {
                    assert_eq!(state(dir.path()), before, "{case}: {e}");
                    // What cannot be tidied up now is tidied up by the next one.
                    if kind == Fault::Refusal && !point.starts_with("remove") {
                        assert_eq!(litter(dir.path()), Vec::<PathBuf>::new(), "{case}: {e}");
                    }
                }
                Err(_) => {}
            }
            let recovered = mend(dir.path());
            if moved || recovered.as_ref().is_some_and(|r| r.ending == Ending::Staged) {
                assert_eq!(state(dir.path()), after, "{case}: {ended:?} {recovered:?}");
            } else if ended.is_err() {
                assert_eq!(state(dir.path()), before, "{case}: {ended:?} {recovered:?}");
                run(dir.path(), &changes, committed).unwrap_or_else(|e| panic!("{case}: second try: {e}"));
                assert_eq!(state(dir.path()), after, "{case}");
            }
            assert_eq!(litter(dir.path()), Vec::<PathBuf>::new(), "{case}");
            assert!(recovered.is_none_or(|r| r.left.is_empty()), "{case}");
        }
    }
}

#[test]
fn a_process_that_dies_at_any_point_leaves_what_the_next_one_finishes_or_takes_back() {
    try_every_point(Fault::Death, &["move", "edit", "new"]);
}

#[test]
fn so_does_one_that_removes_stages_or_moves_several() {
    try_every_point(Fault::Death, &["remove", "staged move", "batch"]);
}

#[test]
fn an_error_at_any_point_leaves_everything_as_it_was_or_says_that_it_is_pending() {
    try_every_point(Fault::Refusal, &["move", "new", "staged move"]);
}

#[test]
fn an_error_that_lasts_is_told_and_what_is_pending_is_finished_when_it_has_gone() {
    try_every_point(Fault::Lasting, &["move", "edit"]);
}
