//! What history keeps in the git folder changes how fast an answer comes and never the answer: every command here runs with
//! what earlier commands left there, and again without any of it.
mod kit;
mod oracle_kit;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use kit::{SMALL_PIPELINE, START, TestRepo};
use oracle_kit::random::Dice;

/// The commands whose answers rest on history.
const ASKED: [&[&str]; 4] = [
    &["log", "--format", "csv"],
    &["report", "--format", "json"],
    &["report", "funnel", "--format", "json"],
    &["log", "--format", "csv", "--field", "title"],
];

fn more(few: usize) -> usize {
    std::env::var("TUSSOCK_ORACLE").ok().and_then(|n| n.parse().ok()).unwrap_or(few)
}

/// Where the cache lies.
fn folder(repo: &TestRepo) -> PathBuf {
    repo.path().join(".git/tussock")
}

/// The files that history keeps.
fn kept(repo: &TestRepo) -> Vec<PathBuf> {
    let Ok(listed) = std::fs::read_dir(folder(repo)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("history-") || name.starts_with("visits-")
    });
    files.sort();
    files
}

/// Exit code and what was printed, in a work tree.
fn run(repo: &TestRepo, at: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    command.args(args);
    repo.hermetic(&mut command).current_dir(at).env("TUSSOCK_TODAY", "2026-06-01");
    let out = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(out.stdout), text(out.stderr))
}

/// The same with nothing kept; what is kept is there again afterwards.
fn run_without(repo: &TestRepo, at: &Path, args: &[&str]) -> (i32, String, String) {
    let (here, aside) = (folder(repo), repo.path().join(".git/tussock-aside"));
    let was_there = here.exists();
    if was_there {
        std::fs::rename(&here, &aside).unwrap();
    }
    let ran = run(repo, at, args);
    if here.exists() {
        std::fs::remove_dir_all(&here).unwrap();
    }
    if was_there {
        std::fs::rename(&aside, &here).unwrap();
    }
    ran
}

fn assert_same(repo: &TestRepo, at: &Path, pipeline: &str, asked: &[&[&str]], what: &str) {
    for args in asked {
        let args = [&["-p", pipeline][..], args].concat();
        let with = run(repo, at, &args);
        let without = run_without(repo, at, &args);
        assert_eq!(with, without, "{args:?} {what}");
        assert!(matches!(with.0, 0 | 3), "{args:?} {what}: {}", with.2);
        // And once more, now that the cache is of this very commit.
        assert_eq!(run(repo, at, &args), without, "{args:?} again, {what}");
    }
}

/// Two pipelines in one repository, with deals.
fn two_pipelines() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("hiring/pipeline.yaml", SMALL_PIPELINE.replace("Small", "Hiring"));
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.write(&format!("hiring/{stage}/.gitkeep"), "");
    }
    for number in 0..4 {
        repo.write(&format!("sales/brief/d{number}.yaml"), format!("title: d{number}\namount: {number} EUR\n"));
        repo.write(&format!("hiring/brief/d{number}.yaml"), format!("title: h{number}\n"));
    }
    repo.commit("begin");
    repo
}

fn deal_files(at: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![at.join("sales"), at.join("hiring")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("pipeline.yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Changes a deal or two of the work tree.
fn work(at: &Path, dice: &mut Dice, number: usize) {
    for _ in 0..=dice.below(2) {
        let files = deal_files(at);
        let pipeline = dice.pick(&["sales", "sales", "hiring"]);
        let stage = dice.pick(&["brief", "proposal", "contract", "won/2026", "lost/2026", "recycled", "parking"]);
        let folder = at.join(pipeline).join(stage);
        std::fs::create_dir_all(&folder).unwrap();
        match dice.below(8) {
            0..=1 => {
                let id = format!("n{number}");
                std::fs::write(folder.join(format!("{id}.yaml")), format!("title: {id}\nowner: olga\n")).unwrap();
            }
            2 if !files.is_empty() => std::fs::remove_file(dice.pick(&files)).unwrap(),
            3..=4 if !files.is_empty() => {
                let text = format!("title: edited\namount: {number} EUR\nclose_date: 2026-07-0{}\n", 1 + dice.below(9));
                std::fs::write(dice.pick(&files), text).unwrap();
            }
            5 if !files.is_empty() => {
                let file = dice.pick(&files);
                let old = file.file_stem().unwrap().to_string_lossy().into_owned();
                let new = file.with_file_name(format!("r{number}.yaml"));
                std::fs::remove_file(&file).unwrap();
                std::fs::write(new, format!("title: renamed\nwas: [{old}]\n")).unwrap();
            }
            _ if !files.is_empty() => {
                let file = dice.pick(&files);
                let pipeline = if file.starts_with(at.join("sales")) { "sales" } else { "hiring" };
                let folder = at.join(pipeline).join(stage);
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::rename(&file, folder.join(file.file_name().unwrap())).unwrap();
            }
            _ => {}
        }
    }
}

/// Does one thing that git can do to a repository; says what.
fn act(repo: &TestRepo, dice: &mut Dice, number: usize) -> String {
    let at = repo.path();
    let any_commit = |dice: &mut Dice| {
        let all = repo.git(&["rev-list", "--all", "--reflog"]);
        dice.pick(&all.lines().collect::<Vec<_>>()).to_owned()
    };
    let here = repo.git(&["symbolic-ref", "--short", "HEAD"]).trim().to_owned();
    match dice.below(20) {
        0 => {
            work(&at, dice, number);
            repo.git(&["add", "-A"]);
            let date = format!("{} +0200", repo.now() - dice.below(100_000) as i64);
            repo.git(&["commit", "-q", "--amend", "--allow-empty", "--no-edit", "--date", &date]);
            "amended".into()
        }
        1 => {
            repo.git(&["commit", "-q", "--amend", "--allow-empty", "--reset-author", "--no-edit"]);
            "amended without a change".into()
        }
        2..=3 => {
            let from = any_commit(dice);
            let name = dice.pick(&["side", "other", "third"]);
            repo.git(&["checkout", "-q", "-B", name, &from]);
            format!("went to {name} at {from}")
        }
        4..=5 => {
            let branches = repo.git(&["branch", "--format=%(refname:short)"]);
            let name = dice.pick(&branches.lines().collect::<Vec<_>>()).to_owned();
            let free = !repo.git(&["worktree", "list", "--porcelain"]).contains(&format!("refs/heads/{name}\n"));
            if free || name == here {
                repo.git(&["checkout", "-q", &name]);
            }
            format!("switched to {name}")
        }
        6..=7 => {
            // As a fetch after somebody's force-push does: the branch is suddenly somewhere else.
            let to = any_commit(dice);
            repo.git(&["update-ref", &format!("refs/heads/{here}"), &to]);
            repo.git(&["reset", "-q", "--hard"]);
            format!("{here} forced to {to}")
        }
        8..=9 => {
            let other = any_commit(dice);
            let side = dice.pick(&["ours", "theirs"]);
            let unrelated = "--allow-unrelated-histories";
            let merged = repo.try_git(&["merge", "-q", "--no-ff", unrelated, "-X", side, "-m", "merge", &other]);
            if merged.code != 0 {
                repo.commit("merged as it came");
            }
            repo.git(&["clean", "-qfd"]);
            format!("merged {other}")
        }
        10 => {
            repo.git(dice.pick(&[
                &["gc", "-q", "--prune=now"][..],
                &["repack", "-qad"],
                &["pack-refs", "--all"],
                &["commit-graph", "write", "--reachable"],
                &["reflog", "expire", "--expire=now", "--all"],
            ]));
            "gc".into()
        }
        11 => {
            let text = match dice.below(4) {
                0 => SMALL_PIPELINE.replace("  - id: contract\n", "  - id: contract\n    was: [parking]\n"),
                1 => SMALL_PIPELINE.replace("  - id: proposal\n", "  - id: proposal\n    optional: true\n"),
                2 => SMALL_PIPELINE.replace("version: 1\n", "version: 1\ntimezone: Pacific/Auckland\n"),
                _ => SMALL_PIPELINE.to_owned(),
            };
            repo.write("sales/pipeline.yaml", text);
            if dice.one_in(2) {
                repo.commit("another pipeline file");
            }
            "pipeline file".into()
        }
        12 => {
            let listed = any_commit(dice);
            repo.write(dice.pick(&[".tussock-ignore-revs", "sales/.tussock-ignore-revs"]), format!("{listed}\n"));
            repo.commit("ignore");
            "ignore-revs".into()
        }
        13 => {
            let mails = ["new@example.com", "olga@sokolova.example"];
            repo.write(".mailmap", format!("O. <{}> <olga@example.com>\n", dice.pick(&mails)));
            repo.commit("mailmap");
            "mailmap".into()
        }
        14 => {
            repo.git(&["checkout", "-q", "--orphan", &format!("root{number}")]);
            work(&at, dice, number);
            repo.commit("another root");
            "another root".into()
        }
        15 => {
            let picked = any_commit(dice);
            let verb = dice.pick(&["cherry-pick", "revert"]);
            if repo.try_git(&[verb, "-m", "1", &picked]).code != 0 && repo.try_git(&[verb, &picked]).code != 0 {
                repo.try_git(&[verb, "--abort"]);
                repo.git(&["reset", "-q", "--hard"]);
            }
            format!("{verb} {picked}")
        }
        _ => {
            work(&at, dice, number);
            if dice.one_in(4) {
                repo.set_now(repo.now() - dice.below(200_000) as i64);
            } else {
                repo.set_now(repo.now() + dice.below(200_000) as i64);
            }
            repo.commit("work");
            "commit".into()
        }
    }
}

#[test]
fn no_sequence_of_changes_makes_what_is_kept_answer_otherwise() {
    for seed in 1..=more(2) as u64 {
        let repo = two_pipelines();
        let mut dice = Dice(seed);
        let second = repo.path().join("../second");
        let mut done = Vec::new();
        for number in 0..25 {
            done.push(act(&repo, &mut dice, number));
            let what = format!("seed {seed}: {done:#?}");
            // Not after every change, so that the cache is behind by several at times.
            let asked = dice.below(4);
            if asked > 0 {
                let pipeline = dice.pick(&["sales", "sales", "hiring"]);
                assert_same(&repo, &repo.path(), pipeline, &[ASKED[0], ASKED[dice.below(4)]], &what);
            }
            if dice.one_in(5) {
                if !second.exists() {
                    let all = repo.git(&["rev-list", "HEAD"]);
                    let from = dice.pick(&all.lines().collect::<Vec<_>>()).to_owned();
                    repo.git(&["worktree", "add", "-q", "-B", "second", "../second", &from]);
                }
                assert_same(&repo, &second, "sales", &[ASKED[0]], &format!("in the other work tree, {what}"));
            }
        }
    }
}

/// A repository with a cache of a few commits.
fn with_cache() -> TestRepo {
    let repo = two_pipelines();
    let ask = || {
        for asked in [["log", "--format", "csv"], ["report", "funnel", "--format"]] {
            let tail: &[&str] = if asked[0] == "report" { &["json"] } else { &[] };
            run(&repo, &repo.path(), &[&["-p", "sales"], &asked[..], tail].concat());
        }
    };
    let mut dice = Dice(5);
    for number in 0..12 {
        work(&repo.path(), &mut dice, number);
        repo.commit("work");
    }
    // In two parts, as it grows.
    ask();
    work(&repo.path(), &mut dice, 99);
    repo.commit("one more");
    ask();
    repo
}

#[test]
fn what_is_kept_may_be_broken_in_any_way() {
    let repo = with_cache();
    let mut dice = Dice(7);
    for file in kept(&repo) {
        // Whoever reads that file.
        let is_walk = file.file_name().unwrap().to_string_lossy().starts_with("history-");
        let asked: &[&str] =
            if is_walk { &["log", "--format", "csv"] } else { &["report", "funnel", "--format", "json"] };
        let asked = [&["-p", "sales"], asked].concat();
        let right = run_without(&repo, &repo.path(), &asked);
        assert_eq!(right.0, 0, "{}", right.2);
        let whole = std::fs::read(&file).unwrap();
        let mut broken: Vec<(String, Vec<u8>)> =
            vec![("emptied".into(), vec![]), ("doubled".into(), [&whole[..], &whole].concat())];
        let places: Vec<usize> = (0..64).chain((0..more(60)).map(|_| dice.below(whole.len()))).collect();
        for at in places {
            let mut bytes = whole.clone();
            let Some(byte) = bytes.get_mut(at) else { continue };
            *byte ^= 1 << dice.below(8);
            broken.push((format!("bit of byte {at} turned"), bytes));
        }
        for _ in 0..more(30) {
            let (at, other) = (dice.below(whole.len()), dice.below(whole.len()));
            broken.push((format!("cut at {at}"), whole[..at].to_vec()));
            let (low, high) = (at.min(other), at.max(other));
            let mut bytes = whole.clone();
            bytes[low..high].fill(0);
            broken.push((format!("zeros from {low} to {high}"), bytes));
            let bytes = [&whole[..low], &whole[high..]].concat();
            broken.push((format!("without {low} to {high}"), bytes));
        }
        broken.push(("longer".into(), [&whole[..], &[0; 100]].concat()));
        broken.push(("noise".into(), (0..whole.len()).map(|_| dice.below(256) as u8).collect()));
        for (what, bytes) in broken {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(run(&repo, &repo.path(), &asked), right, "{what}");
            assert_eq!(run(&repo, &repo.path(), &asked), right, "{what}, the second time");
        }
        // Something else in its place.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert_eq!(run(&repo, &repo.path(), &asked), right, "a folder in its place");
        std::fs::remove_dir(&file).unwrap();
        std::os::unix::fs::symlink("/nonexistent/place", &file).unwrap();
        assert_eq!(run(&repo, &repo.path(), &asked), right, "a link to nowhere in its place");
    }
}

#[test]
fn a_cache_of_another_repository_is_not_believed() {
    let (ours, other) = (with_cache(), two_pipelines());
    // One that began in the same way and went on otherwise, and one that has nothing in common.
    let cousin = TestRepo::without_git();
    cousin.git(&["clone", "-q", &ours.path().display().to_string(), "."]);
    cousin.git(&["reset", "-q", "--hard", "HEAD~5"]);
    let mut dice = Dice(77);
    for repo in [&cousin, &other] {
        repo.set_now(START + 5_000_000);
        for number in 0..4 {
            work(&repo.path(), &mut dice, number);
            repo.commit("another way");
        }
        let _ = std::fs::remove_dir_all(folder(repo));
        std::fs::create_dir_all(folder(repo)).unwrap();
        for file in kept(&ours) {
            std::fs::copy(&file, folder(repo).join(file.file_name().unwrap())).unwrap();
        }
        assert_same(repo, &repo.path(), "sales", &ASKED, "with the cache of another repository");
    }
}

#[test]
fn the_cache_of_one_pipeline_is_not_believed_for_another() {
    let repo = with_cache();
    let files = kept(&repo);
    run(&repo, &repo.path(), &["-p", "hiring", "log", "--format", "csv"]);
    let hiring: Vec<PathBuf> = kept(&repo).into_iter().filter(|file| !files.contains(file)).collect();
    if let (Some(sales), Some(hiring)) = (files.first(), hiring.first()) {
        std::fs::copy(sales, hiring).unwrap();
    }
    assert_same(&repo, &repo.path(), "hiring", &ASKED, "with the cache of sales");
    assert_same(&repo, &repo.path(), "sales", &ASKED, "its own");
}

#[test]
fn a_git_folder_that_cannot_be_written_is_read_without_a_cache() {
    let repo = with_cache();
    let right = run_without(&repo, &repo.path(), &["-p", "sales", "log", "--format", "csv"]);
    let _ = std::fs::remove_dir_all(folder(&repo));
    // A file where the folder would be keeps root out, too. That nothing is known of changes cut short is said besides.
    std::fs::write(folder(&repo), "in the way").unwrap();
    let ran = run(&repo, &repo.path(), &["-p", "sales", "log", "--format", "csv"]);
    assert_eq!((ran.0, ran.1), (right.0, right.1.clone()), "{}", ran.2);
    std::fs::remove_file(folder(&repo)).unwrap();
    use std::os::unix::fs::PermissionsExt;
    let git = repo.path().join(".git");
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o555)).unwrap();
    let ran = run(&repo, &repo.path(), &["-p", "sales", "log", "--format", "csv"]);
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ran, right);
}

#[test]
fn readers_beside_each_other_and_beside_commits_all_tell_a_state_there_was() {
    let repo = with_cache();
    let asked = ["-p", "sales", "log", "--format", "csv"];
    // The commits are made beforehand, so that they come quickly, and the right answers are known.
    let mut dice = Dice(11);
    let mut right = vec![run_without(&repo, &repo.path(), &asked).1];
    let mut commits = vec![repo.git(&["rev-parse", "HEAD"]).trim().to_owned()];
    for number in 200..212 {
        work(&repo.path(), &mut dice, number);
        commits.push(repo.commit("more"));
        right.push(run_without(&repo, &repo.path(), &asked).1);
    }
    assert!(right.iter().collect::<BTreeSet<_>>().len() > 6, "the commits tell something");
    let point = |commit: &str| repo.git(&["update-ref", "refs/heads/main", commit]);
    point(&commits[0]);
    let _ = std::fs::remove_dir_all(folder(&repo));
    let done = AtomicBool::new(false);
    let home = repo.path();
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        command.args(asked);
        repo.hermetic(&mut command);
        command
    };
    let commands: Vec<Command> = (0..8).map(|_| command()).collect();
    std::thread::scope(|scope| {
        let readers: Vec<_> = commands
            .into_iter()
            .map(|mut command| {
                let (done, right) = (&done, &right);
                scope.spawn(move || {
                    let (mut last, mut rounds) = (0, 0);
                    while !done.load(Ordering::Relaxed) || rounds < 2 {
                        let out = command.output().unwrap();
                        let text = String::from_utf8_lossy(&out.stdout).into_owned();
                        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
                        let at = right.iter().skip(last).position(|r| *r == text);
                        last += at.unwrap_or_else(|| panic!("after {last}, no state there was:\n{text}"));
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        for commit in &commits[1..] {
            oracle_kit::store::output(&home, &["update-ref", "refs/heads/main", commit]);
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
        done.store(true, Ordering::Relaxed);
        let rounds: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert!(rounds >= 16, "{rounds}");
    });
    let last = run(&repo, &repo.path(), &asked);
    assert_eq!(Some(&last.1), right.last());
    assert!(kept(&repo).len() <= 1, "nothing is left of files that were being written: {:?}", kept(&repo));
}

/// That the answers above come from what is kept: an old object is taken away, and the next commit is told all the same.
#[test]
fn after_one_more_commit_what_was_read_before_is_not_read_again() {
    let repo = with_cache();
    let asked = ["-p", "sales", "log", "--format", "csv"];
    assert_eq!(kept(&repo).len(), 2, "for one pipeline one file of the walk and one of the visits");
    let old = repo.git(&["rev-parse", "HEAD~9:sales"]).trim().to_owned();
    let newer: BTreeSet<String> = repo
        .git(&["log", "-3", "--format=%T"])
        .lines()
        .map(|tree| repo.git(&["rev-parse", &format!("{tree}:sales")]))
        .collect();
    assert!(!newer.iter().any(|tree| tree.trim() == old));
    let mut dice = Dice(3);
    work(&repo.path(), &mut dice, 300);
    repo.commit("one more");
    let right = run_without(&repo, &repo.path(), &asked);
    let object = repo.path().join(format!(".git/objects/{}/{}", &old[..2], &old[2..]));
    std::fs::rename(&object, repo.path().join(".git/taken-away")).unwrap();
    assert_eq!(run_without(&repo, &repo.path(), &asked).0, 10, "it cannot be read again");
    assert_eq!(run(&repo, &repo.path(), &asked), right, "and need not be");
    let info = run(&repo, &repo.path(), &["cache", "info"]);
    let tip = repo.git(&["rev-parse", "HEAD"]);
    let commits = repo.git(&["rev-list", "--count", "--first-parent", "HEAD"]);
    assert!(info.1.contains(&tip[..10]) && info.1.contains(commits.trim()), "{info:?}");
    let (code, _, _) = run(&repo, &repo.path(), &["cache", "clear"]);
    assert_eq!((code, kept(&repo).len()), (0, 0));
}

/// The files of walks that tell more fields than are always told.
fn lists(repo: &TestRepo) -> Vec<PathBuf> {
    let is_list = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().matches('-').count() == 2;
    kept(repo).into_iter().filter(is_list).collect()
}

#[test]
fn each_list_of_fields_is_kept_by_itself() {
    let repo = with_cache();
    let first = repo.git(&["rev-parse", "HEAD~4"]).trim().to_owned();
    let asked: [&[&str]; 3] = [
        &["-p", "sales", "log", "--format", "csv", "--field", "title"],
        &["-p", "sales", "log", "--format", "csv", "--field", "title", "--field", "source.channel"],
        &["-p", "sales", "log", "--format", "csv", "--field", "title", "--as-of", &first],
    ];
    let mut right: Vec<_> = asked.iter().map(|asked| run_without(&repo, &repo.path(), asked)).collect();
    right.iter().zip(asked).for_each(|(right, asked)| assert_eq!(run(&repo, &repo.path(), asked), *right, "{asked:?}"));
    assert_eq!(lists(&repo).len(), 2, "one for each list, and none for a look at the past");
    let info = run(&repo, &repo.path(), &["cache", "info"]).1;
    assert!(info.contains("with 1 more field ") && info.contains("with 2 more fields "), "{info}");
    // What they hold is not read again after another commit.
    work(&repo.path(), &mut Dice(3), 300);
    repo.commit("one more");
    right.clear();
    right.extend(asked.iter().map(|asked| run_without(&repo, &repo.path(), asked)));
    let old = repo.git(&["rev-parse", "HEAD~9:sales"]).trim().to_owned();
    let object = repo.path().join(format!(".git/objects/{}/{}", &old[..2], &old[2..]));
    std::fs::rename(&object, repo.path().join(".git/taken-away")).unwrap();
    for (right, asked) in right.iter().zip(asked).take(2) {
        assert_eq!(run_without(&repo, &repo.path(), asked).0, 10, "{asked:?} cannot be read again");
        assert_eq!(run(&repo, &repo.path(), asked), *right, "{asked:?} need not be");
    }
}

#[test]
fn the_past_is_told_from_a_list_of_fields_too() {
    let repo = TestRepo::with_pipeline();
    for number in 0..6 {
        repo.write("sales/brief/acme.yaml", format!("title: Version {number}\nowner: olga\n"));
        repo.commit("change");
    }
    let now = ["-p", "sales", "log", "--format", "csv", "--field", "title"];
    let past = [&now[..], &["--as-of", "HEAD~2"]].concat();
    let right = run_without(&repo, &repo.path(), &past);
    assert!(right.1.contains("Version 3") && !right.1.contains("Version 4"), "{right:?}");
    run(&repo, &repo.path(), &now);
    let old = repo.git(&["rev-parse", "HEAD~4:sales/brief/acme.yaml"]).trim().to_owned();
    let object = repo.path().join(format!(".git/objects/{}/{}", &old[..2], &old[2..]));
    std::fs::remove_file(&object).unwrap();
    assert_eq!(run_without(&repo, &repo.path(), &past).0, 10, "it cannot be read again");
    assert_eq!(run(&repo, &repo.path(), &past), right, "and need not be");
}

#[test]
fn few_lists_of_fields_are_kept_and_all_are_cleared() {
    let repo = with_cache();
    let before = kept(&repo).len();
    for number in 0..7 {
        let field = format!("field_{number}");
        assert_eq!(run(&repo, &repo.path(), &["-p", "sales", "log", "--field", &field]).0, 0);
    }
    assert_eq!(lists(&repo).len(), 4);
    assert_eq!(kept(&repo).len(), before + 4, "what is asked most stays");
    std::fs::write(folder(&repo).join("folders-1"), "what looking for pipelines keeps").unwrap();
    let (code, told, _) = run(&repo, &repo.path(), &["cache", "clear"]);
    assert!(code == 0 && told.starts_with("removed 6 files, "), "{told}");
    assert_eq!(kept(&repo).len(), 0);
    assert!(!folder(&repo).join("folders-1").exists());
}

/// The file of the visits, without that of the walk that they were taken from.
fn visits_alone(repo: &TestRepo) -> PathBuf {
    let (mut visits, walks): (Vec<PathBuf>, Vec<PathBuf>) =
        kept(repo).into_iter().partition(|path| path.file_name().unwrap().to_string_lossy().starts_with("visits-"));
    walks.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert_eq!(visits.len(), 1, "{visits:?}");
    visits.remove(0)
}

/// A repository whose first commits cannot be read any more, with visits kept of the last one, and what puts them back.
fn cut_off() -> (TestRepo, impl Fn(bool)) {
    let repo = TestRepo::with_pipeline();
    for number in 0..12 {
        let name = format!("sales/brief/d{number:02}.yaml");
        repo.write(&name, format!("title: d{number}\namount: {number} EUR\nowner: olga\n"));
        repo.set_now(repo.now() + 3_600);
        repo.commit("come in");
    }
    let old = repo.git(&["rev-parse", "HEAD~5:sales"]).trim().to_owned();
    assert_eq!(run(&repo, &repo.path(), &FUNNEL).0, 0);
    visits_alone(&repo);
    let object = repo.path().join(format!(".git/objects/{}/{}", &old[..2], &old[2..]));
    let aside = repo.path().join(".git/taken-away");
    let put = move |back: bool| match back {
        true => std::fs::rename(&aside, &object).unwrap(),
        false => std::fs::rename(&object, &aside).unwrap(),
    };
    put(false);
    (repo, put)
}

const FUNNEL: [&str; 4] = ["report", "funnel", "--format", "json"];

/// One step after the other, of which none needs what came before the visits that are kept.
#[test]
fn visits_are_brought_up_to_date_by_plain_commits_alone() {
    let (repo, put) = cut_off();
    let at = repo.path();
    let steps: [(&str, &dyn Fn()); 9] = [
        ("nothing", &|| drop(repo.git(&["commit", "-q", "--allow-empty", "-m", "nothing to see"]))),
        ("a field", &|| {
            repo.write("sales/brief/d01.yaml", "title: d1\namount: 70 EUR\nowner: petra\n");
        }),
        ("a move", &|| drop(repo.git(&["mv", "sales/brief/d02.yaml", "sales/proposal/d02.yaml"]))),
        ("a move on", &|| drop(repo.git(&["mv", "sales/proposal/d02.yaml", "sales/contract/d02.yaml"]))),
        ("a new deal", &|| {
            repo.write("sales/brief/new.yaml", "title: New\n");
        }),
        ("a new deal moves", &|| drop(repo.git(&["mv", "sales/brief/new.yaml", "sales/lost/new.yaml"]))),
        ("a deal goes", &|| std::fs::remove_file(at.join("sales/brief/d03.yaml")).unwrap()),
        ("a version that cannot be read", &|| {
            repo.write("sales/brief/d04.yaml", "title: [\n");
        }),
        ("a folder that is no stage", &|| {
            repo.write("sales/parking/.gitkeep", "");
            drop(repo.git(&["mv", "sales/brief/d05.yaml", "sales/parking/d05.yaml"]));
        }),
    ];
    for (what, step) in steps {
        step();
        repo.set_now(repo.now() + 40_000);
        if what != "nothing" {
            repo.commit(what);
        }
        let with = run(&repo, &at, &FUNNEL);
        put(true);
        let without = run_without(&repo, &at, &FUNNEL);
        put(false);
        assert_eq!(with, without, "{what}");
        assert_eq!(with.0, 0, "{what}: {}", with.2);
    }
    // Several at a time, one of them with a clock that runs behind.
    for number in 6..10 {
        repo.set_now(repo.now() + if number == 8 { -500_000 } else { 1_000 });
        repo.git(&["mv", &format!("sales/brief/d{number:02}.yaml"), &format!("sales/won/d{number:02}.yaml")]);
        repo.commit("won");
    }
    let with = run(&repo, &at, &FUNNEL);
    put(true);
    assert_eq!(with, run_without(&repo, &at, &FUNNEL));
    assert_eq!(with.0, 0, "{}", with.2);
}

/// What cannot be told from visits alone is read from the commits, whether or not that is possible.
#[test]
fn visits_are_not_brought_up_to_date_by_what_they_cannot_tell() {
    type Step = (&'static str, fn(&TestRepo));
    let steps: [Step; 8] = [
        ("a stage got another name", |repo| {
            repo.write(
                "sales/pipeline.yaml",
                SMALL_PIPELINE.replace("  - id: brief\n", "  - id: start\n    was: [brief]\n"),
            );
            repo.git(&["mv", "sales/brief", "sales/start"]);
        }),
        ("a stage became optional", |repo| {
            let text = SMALL_PIPELINE.replace("  - id: proposal\n", "  - id: proposal\n    optional: true\n");
            repo.write("sales/pipeline.yaml", text);
        }),
        ("a list of ignored commits", |repo| {
            repo.write(".tussock-ignore-revs", repo.git(&["rev-parse", "HEAD"]));
        }),
        ("a deal got another id", |repo| {
            repo.git(&["mv", "sales/brief/d01.yaml", "sales/brief/e01.yaml"]);
            repo.write("sales/brief/e01.yaml", "title: d1\nwas: [d01]\n");
        }),
        ("a deal lies in two folders", |repo| {
            let text = std::fs::read(repo.path().join("sales/brief/d01.yaml")).unwrap();
            repo.write("sales/proposal/d01.yaml", &text);
        }),
        ("a merge", |repo| {
            repo.git(&["switch", "-qc", "side"]);
            repo.write("sales/brief/side.yaml", "title: Side\n");
            repo.commit("on the side");
            repo.git(&["switch", "-q", "main"]);
            repo.write("sales/brief/main.yaml", "title: Main\n");
            repo.commit("meanwhile");
            repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
        }),
        ("an older commit", |repo| drop(repo.git(&["reset", "-q", "--hard", "HEAD~3"]))),
        ("an amended commit", |repo| {
            repo.write("sales/brief/other.yaml", "title: Other\n");
            repo.git(&["add", "-A"]);
            repo.git(&["commit", "-q", "--amend", "-m", "amended"]);
        }),
    ];
    for (what, step) in steps {
        let (repo, put) = cut_off();
        step(&repo);
        repo.set_now(repo.now() + 40_000);
        if !repo.git(&["status", "--porcelain"]).is_empty() {
            repo.commit(what);
        }
        let with = run(&repo, &repo.path(), &FUNNEL);
        assert_eq!(with.0, 10, "{what} needs the commits before: {}", with.1);
        put(true);
        let without = run_without(&repo, &repo.path(), &FUNNEL);
        assert_eq!(run(&repo, &repo.path(), &FUNNEL), without, "{what}");
        assert_eq!(without.0, 0, "{what}: {}", without.2);
        // And again from what is now kept.
        visits_alone(&repo);
        put(false);
        assert_eq!(run(&repo, &repo.path(), &FUNNEL), without, "{what}, kept");
    }
}

#[test]
fn visits_of_another_version_are_not_read() {
    let (repo, _) = cut_off();
    let file = visits_alone(&repo);
    assert_eq!(run(&repo, &repo.path(), &FUNNEL).0, 0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[15] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(run(&repo, &repo.path(), &FUNNEL).0, 10);
}
