//! `tussock watch` as a process: files change around it, and what it prints is read line by line.

#![cfg(unix)]
mod kit;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use kit::{SMALL_PIPELINE, TestRepo};

/// How long a line may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(10);

const DEAL: &str = "title: A\namount: 100\n";

/// A running `tussock watch`, ended when dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(repo: &TestRepo, args: &[&str]) -> Watching {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        Watching::spawn(repo, command.arg("watch").args(args))
    }

    fn spawn(repo: &TestRepo, command: &mut Command) -> Watching {
        let mut child = repo.hermetic(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        pump(child.stdout.take().unwrap(), "", send.clone());
        pump(child.stderr.take().unwrap(), "! ", send);
        Watching { child, lines }
    }

    /// The next line.
    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line in time")
    }

    /// The lines up to the counts that end what is said of one change, without the counts.
    fn batch(&self) -> Vec<String> {
        let mut batch = Vec::new();
        loop {
            let line = self.line();
            if line.contains(" checked") {
                return batch;
            }
            batch.push(line);
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The exit code and the lines that were not read yet.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(begun.elapsed() < DEADLINE, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.code(), self.lines.iter().collect())
    }

    /// Bytes that the process has read so far.
    #[cfg(target_os = "linux")]
    fn bytes_read(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap();
        io.lines().find_map(|l| l.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }

    /// Memory of the process in KiB.
    #[cfg(target_os = "linux")]
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pump(from: impl Read + Send + 'static, mark: &'static str, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(format!("{mark}{line}")).is_err() {
                return;
            }
        }
    });
}

fn path(repo: &TestRepo, path: &str) -> PathBuf {
    repo.path().join(path)
}

/// A committed pipeline with the deals `a` and `b` in brief.
fn two_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/a.yaml", DEAL).write("sales/brief/b.yaml", DEAL);
    repo.commit("Two deals");
    repo
}

fn temporary_files(repo: &TestRepo) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repo.path()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap().to_string_lossy().starts_with(".tussock") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_way_of_saving_is_one_change() {
    let repo = two_deals();
    let watching = Watching::start(&repo, &["--debounce", "400"]);
    assert_eq!(watching.line(), "watching sales: nothing found (2 deals checked)");
    let deal = path(&repo, "sales/brief/a.yaml");
    let text = |amount: u32| format!("title: A\namount: {amount}\n");

    fs::write(&deal, text(200)).unwrap();
    assert_eq!(watching.batch(), ["a: amount 100 EUR → 200 EUR"]);

    let new = path(&repo, "sales/brief/a.yaml.new");
    fs::write(&new, text(300)).unwrap();
    fs::rename(&new, &deal).unwrap();
    assert_eq!(watching.batch(), ["a: amount 200 EUR → 300 EUR"]);

    let backup = path(&repo, "sales/brief/a.yaml~");
    fs::rename(&deal, &backup).unwrap();
    fs::write(&deal, text(400)).unwrap();
    fs::remove_file(&backup).unwrap();
    assert_eq!(watching.batch(), ["a: amount 300 EUR → 400 EUR"]);

    let mut file = fs::File::create(&deal).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    file.write_all(b"title: [A").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    file.write_all(b"]\n").unwrap();
    drop(file);
    fs::write(&deal, text(500)).unwrap();
    assert_eq!(watching.batch(), ["a: amount 400 EUR → 500 EUR"]);
}

#[test]
fn all_files_of_a_new_folder_are_seen_without_git_too() {
    let repo = TestRepo::without_git();
    repo.write("pipeline.yaml", format!("{SMALL_PIPELINE}  missing-placeholder: off\n"));
    let watching = Watching::start(&repo, &[]);
    assert_eq!(watching.line(), "watching repo: nothing found (0 deals checked)");
    for i in 0..100 {
        repo.write(&format!("brief/deal-{i:03}.yaml"), DEAL);
    }
    let mut seen = Vec::new();
    while seen.len() < 100 {
        seen.extend(watching.batch());
    }
    let expected: Vec<String> = (0..100).map(|i| format!("deal-{i:03}: new in brief")).collect();
    assert_eq!(seen, expected);
    fs::remove_dir_all(path(&repo, "brief")).unwrap();
    while !watching.batch().contains(&"deal-099: gone from brief".to_owned()) {}
    repo.write("brief/again.yaml", DEAL);
    assert_eq!(watching.batch(), ["again: new in brief"]);
}

#[test]
fn a_branch_switch_is_one_change() {
    let repo = two_deals();
    repo.git(&["switch", "-q", "-c", "other"]);
    fs::create_dir(path(&repo, "sales/lost/2026")).unwrap();
    repo.git(&["mv", "sales/brief/a.yaml", "sales/proposal/a.yaml"]);
    repo.git(&["rm", "-rq", "sales/brief"]);
    repo.write("sales/brief/.gitkeep", "").write("sales/contract/c.yaml", DEAL);
    repo.write("sales/proposal/a.yaml", format!("{DEAL}inputs:\n  goal: a new site\n"));
    repo.write("sales/contract/c.yaml", format!("{DEAL}inputs: {{goal: x}}\nproposal: {{sent_on: 2026-01-01}}\n"));
    repo.commit("Another state");
    repo.git(&["switch", "-q", "main"]);

    let watching = Watching::start(&repo, &[]);
    assert_eq!(watching.line(), "watching sales: nothing found (2 deals checked)");
    repo.git(&["switch", "-q", "other"]);
    assert_eq!(
        watching.batch(),
        ["a: brief → proposal", "a: inputs.goal set to \"a new site\"", "b: gone from brief", "c: new in contract"]
    );
    // What git does for itself is nothing to tell of.
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["commit", "-q", "--allow-empty", "-m", "Nothing"]);
    repo.git(&["gc", "-q"]);
    repo.git(&["switch", "-q", "main"]);
    assert_eq!(
        watching.batch(),
        [
            "a: proposal → brief",
            "a: inputs.goal removed, was \"a new site\"",
            "b: new in brief",
            "c: gone from contract"
        ]
    );
}

#[test]
fn a_linked_work_tree_is_watched_where_it_lies() {
    let repo = two_deals();
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let watching = Watching::start(&repo, &["-C", "../side"]);
    assert_eq!(watching.line(), "watching sales: nothing found (2 deals checked)");
    fs::write(path(&repo, "sales/brief/a.yaml"), "title: in the other work tree\n").unwrap();
    fs::write(path(&repo, "../side/sales/brief/b.yaml"), "title: B\namount: 100\n").unwrap();
    assert_eq!(watching.batch(), ["b: title A → B"]);
    repo.git(&["-C", "../side", "switch", "-q", "-c", "third"]);
    fs::write(path(&repo, "../side/sales/brief/b.yaml"), "title: C\namount: 100\n").unwrap();
    assert_eq!(watching.batch(), ["b: title B → C"]);
}

#[test]
fn a_broken_file_is_told_and_the_others_go_on() {
    let repo = two_deals();
    let watching = Watching::start(&repo, &[]);
    watching.line();
    repo.write("sales/brief/a.yaml", "title: \"A\namount: 100\n");
    repo.write("sales/brief/b.yaml", "title: A\namount: 300\n");
    let batch = watching.batch();
    assert_eq!(batch[0], "b: amount 100 EUR → 300 EUR");
    assert!(batch[1].starts_with("+ error[yaml-syntax] sales/brief/a.yaml:1:8: "), "{batch:?}");
    assert_eq!(batch.len(), 2);
    repo.write("sales/brief/b.yaml", "title: A\namount: 400\n");
    assert_eq!(watching.batch(), ["b: amount 300 EUR → 400 EUR"]);
    repo.write("sales/brief/a.yaml", "title: A\namount: 150\n");
    let batch = watching.batch();
    assert_eq!(batch[0], "a: amount 100 EUR → 150 EUR");
    assert!(batch[1].starts_with("- fixed: error[yaml-syntax] sales/brief/a.yaml: "), "{batch:?}");
}

#[test]
fn a_broken_pipeline_file_is_survived() {
    let repo = two_deals();
    let watching = Watching::start(&repo, &[]);
    watching.line();
    repo.write("sales/pipeline.yaml", "version: 1\nstages: nonsense\n");
    assert_eq!(watching.line(), "sales/pipeline.yaml has errors; what was read before is kept until they are mended");
    assert!(watching.line().starts_with("+ error[pipeline-file] sales/pipeline.yaml:"));
    fs::rename(path(&repo, "sales/brief/a.yaml"), path(&repo, "sales/proposal/a.yaml")).unwrap();
    fs::remove_file(path(&repo, "sales/pipeline.yaml")).unwrap();
    let mut line = watching.line();
    while line.starts_with("+ error[pipeline-file]") {
        line = watching.line();
    }
    assert_eq!(line, "there is no sales/pipeline.yaml; what was read before is kept until that is mended");
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE);
    let batch = watching.batch();
    assert_eq!(batch[..2], ["the pipeline can be read again", "a: brief → proposal"]);
    assert!(batch[2].starts_with("+ error[exit-criterion] sales/proposal/a.yaml"), "{batch:?}");
    assert_eq!(batch.len(), 3);
}

#[test]
fn it_begins_with_a_broken_pipeline_file() {
    let repo = two_deals();
    repo.write("sales/pipeline.yaml", "version: 1\nstages: nonsense\n");
    let watching = Watching::start(&repo, &[]);
    assert_eq!(watching.line(), "sales/pipeline.yaml has errors; nothing is read until they are mended");
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE);
    while watching.line() != "sales/pipeline.yaml can be read again" {}
    assert_eq!(watching.line(), "watching sales: nothing found (2 deals checked)");
}

#[test]
fn during_a_rebase_the_last_good_state_is_kept() {
    let repo = two_deals();
    repo.git(&["switch", "-q", "-c", "other"]);
    repo.write("sales/brief/a.yaml", "title: A\namount: 200\n");
    repo.commit("Two hundred");
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/brief/a.yaml", "title: A\namount: 300\n");
    repo.commit("Three hundred");
    let watching = Watching::start(&repo, &[]);
    watching.line();
    assert_ne!(repo.try_git(&["rebase", "other"]).code, 0);
    assert_eq!(
        watching.line(),
        "the repository is in the middle of a rebase; what was read before is kept until `git rebase --continue` or \
         `git rebase --abort` ends it"
    );
    repo.write("sales/brief/a.yaml", "title: A\namount: 400\n");
    repo.git(&["add", "-A"]);
    repo.git(&["-c", "core.editor=true", "rebase", "--continue"]);
    assert_eq!(watching.batch(), ["the rebase is over", "a: amount 300 EUR → 400 EUR"]);
}

#[test]
fn the_report_is_current_and_never_half() {
    let repo = two_deals();
    let file = path(&repo, "sales/reports/now.md");
    let watching = Watching::start(&repo, &["--report", "sales/reports/now.md", "--debounce", "20"]);
    while !watching.line().starts_with("report written: ") {}
    let first = fs::read_to_string(&file).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let text = fs::read_to_string(&file).unwrap();
                assert!(text.starts_with("# ") && text.ends_with("</sub>\n"), "half a report: {text}");
                seen += 1;
            }
            seen
        });
        for amount in [200, 300, 400] {
            repo.write("sales/brief/a.yaml", format!("title: A\namount: {amount}\n"));
            repo.commit("Another amount");
            let head = repo.git(&["rev-parse", "--short=12", "HEAD"]);
            let begun = Instant::now();
            while !fs::read_to_string(&file).unwrap().contains(head.trim()) {
                assert!(begun.elapsed() < DEADLINE, "the report is not current");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(seen > 10 && fs::read_to_string(&file).unwrap() != first);
    assert_eq!(temporary_files(&repo), [] as [PathBuf; 0]);
}

#[test]
fn two_that_write_one_report_do_not_wake_each_other_and_leave_a_whole_one() {
    let repo = two_deals();
    let file = path(&repo, "sales/reports/now.md");
    let args = ["--report", "sales/reports/now.md", "--debounce", "20"];
    let both = [Watching::start(&repo, &args), Watching::start(&repo, &args)];
    // Who comes second finds the report written, and says nothing of it.
    both.iter().for_each(|watching| drop(watching.batch()));
    let begun = Instant::now();
    while !file.exists() {
        assert!(begun.elapsed() < DEADLINE, "there is no report");
        std::thread::sleep(Duration::from_millis(10));
    }
    for amount in [200, 300, 400] {
        repo.write("sales/brief/a.yaml", format!("title: A\namount: {amount}\n"));
        repo.commit("Another amount");
        let head = repo.git(&["rev-parse", "--short=12", "HEAD"]);
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("# ") && text.ends_with("</sub>\n"), "half a report: {text}");
            if text.contains(head.trim()) {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "the report is not current");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    // Both have come to an end, and neither begins again.
    std::thread::sleep(Duration::from_millis(500));
    for watching in &both {
        while watching.lines.try_recv().is_ok() {}
    }
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(both.iter().all(|watching| watching.lines.try_recv().is_err()), "something is still said");
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
    assert_eq!(temporary_files(&repo), [] as [PathBuf; 0]);
}

#[test]
fn the_report_follows_the_branch_where_refs_are_in_tables() {
    let repo = two_deals();
    if repo.try_git(&["refs", "migrate", "--ref-format=reftable"]).code != 0 {
        println!("skipped: this git keeps no refs in tables");
        return;
    }
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    for folder in [".", "../side"] {
        let report = ["-C", folder, "--report", "sales/reports/now.md", "--debounce", "20"];
        let watching = Watching::start(&repo, &report);
        while !watching.line().starts_with("report written: ") {}
        repo.git(&["-C", folder, "commit", "-q", "--allow-empty", "-m", "Nothing but a commit"]);
        let head = repo.git(&["-C", folder, "rev-parse", "--short=12", "HEAD"]);
        let begun = Instant::now();
        let file = path(&repo, folder).join("sales/reports/now.md");
        while !fs::read_to_string(&file).unwrap().contains(head.trim()) {
            assert!(begun.elapsed() < DEADLINE, "the report of {folder} is not current");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn its_own_report_does_not_wake_it() {
    let repo = two_deals();
    let watching = Watching::start(&repo, &["--report", "sales/reports/now.md", "--debounce", "50"]);
    while !watching.line().starts_with("report written: ") {}
    let file = path(&repo, "sales/reports/now.md");
    // Everything that its own writing could have brought about would be read within this time.
    std::thread::sleep(Duration::from_millis(400));
    let before = watching.bytes_read();
    let text = fs::read(&file).unwrap();
    for i in 0..5 {
        fs::write(path(&repo, "sales/reports/.temporary"), i.to_string()).unwrap();
        fs::write(path(&repo, "sales/reports/.temporary"), &text).unwrap();
        fs::rename(path(&repo, "sales/reports/.temporary"), &file).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    let read = watching.bytes_read() - before;
    // The events themselves are read; the pipeline file alone would be more in five rounds.
    assert!(read < 5 * SMALL_PIPELINE.len() as u64, "{read} bytes were read");
    repo.write("sales/brief/a.yaml", "title: B\namount: 100\n");
    assert_eq!(watching.batch(), ["a: title A → B"]);
}

#[test]
fn a_report_goes_into_no_link_and_no_deal() {
    let repo = two_deals();
    fs::write(path(&repo, "precious"), "keep me").unwrap();
    std::os::unix::fs::symlink(path(&repo, "precious"), path(&repo, "now.md")).unwrap();
    for (file, words) in [
        ("now.md", "links are not followed"),
        ("sales/brief/now.yaml", "would be taken for a deal"),
        (".git/now.md", "git's own folder"),
    ] {
        let ran = repo.tussock(&["watch", "--report", file]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    assert_eq!(repo.read("precious"), "keep me");
    let plain = TestRepo::without_git();
    plain.write("pipeline.yaml", SMALL_PIPELINE);
    assert_eq!(plain.tussock(&["watch", "--report", "now.md"]).code, 4);
}

#[test]
fn signals_end_it_cleanly() {
    for (name, expected) in [("-INT", 130), ("-TERM", 143)] {
        let repo = two_deals();
        let watching = Watching::start(&repo, &["--report", "sales/reports/now.md", "--debounce", "10"]);
        while !watching.line().starts_with("report written: ") {}
        repo.write("sales/brief/a.yaml", "title: B\namount: 100\n");
        repo.commit("Another title");
        watching.signal(name);
        let (code, lines) = watching.end();
        assert_eq!(code, Some(expected));
        assert!(!lines.iter().any(|l| l.starts_with('!')), "{lines:?}");
        assert_eq!(temporary_files(&repo), [] as [PathBuf; 0]);
        assert!(repo.read("sales/reports/now.md").ends_with("</sub>\n"));
    }
}

#[test]
fn it_ends_with_a_reason_when_the_folder_is_gone() {
    for remove in [true, false] {
        let repo = two_deals();
        let watching = Watching::start(&repo, &[]);
        watching.line();
        if remove {
            fs::remove_dir_all(path(&repo, "sales")).unwrap();
        } else {
            fs::rename(path(&repo, "sales"), path(&repo, "elsewhere")).unwrap();
        }
        let (code, lines) = watching.end();
        assert_eq!(code, Some(3));
        assert!(lines.last().unwrap().contains("is gone: removed, renamed, or on a disk"), "{lines:?}");
    }
}

#[test]
fn it_ends_when_nobody_reads_its_output() {
    let repo = two_deals();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    let mut child = repo.hermetic(command.arg("watch")).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    repo.write("sales/brief/a.yaml", "title: B\namount: 100\n");
    let (send, lines) = channel();
    drop(send);
    let (code, _) = Watching { child, lines }.end();
    assert_eq!(code, Some(0));
}

#[test]
fn polling_sees_the_same() {
    let repo = two_deals();
    let watching = Watching::start(&repo, &["--poll", "0.1", "--debounce", "50"]);
    watching.line();
    repo.write("sales/brief/a.yaml", "title: A\namount: 200\n");
    assert_eq!(watching.batch(), ["a: amount 100 EUR → 200 EUR"]);
    repo.git(&["mv", "sales/brief/b.yaml", "sales/won/b.yaml"]);
    assert_eq!(watching.batch()[0], "b: brief → won");
}

#[cfg(target_os = "linux")]
#[test]
fn where_the_system_watches_no_more_folders_it_polls() {
    let repo = two_deals();
    let limited = "echo 3 > /proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"";
    let possible = Command::new("unshare").args(["-Ur", "sh", "-c", limited, "true"]).output();
    if !possible.is_ok_and(|o| o.status.success()) {
        println!("skipped: no user namespaces here");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", limited, env!("CARGO_BIN_EXE_tussock"), "watch"]);
    let watching = Watching::spawn(&repo, &mut command);
    assert_eq!(
        watching.line(),
        "! warning: the system watches no more folders (its limit is fs.inotify.max_user_watches), so every file is \
         looked at every 2 seconds instead"
    );
    watching.line();
    repo.write("sales/brief/a.yaml", "title: A\namount: 200\n");
    assert_eq!(watching.batch(), ["a: amount 100 EUR → 200 EUR"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_events_takes_no_memory() {
    let repo = two_deals();
    let watching = Watching::start(&repo, &["--debounce", "50"]);
    watching.line();
    let before = watching.memory();
    let mut file = fs::File::create(path(&repo, "sales/brief/notes.txt")).unwrap();
    let other = path(&repo, "sales/brief/other.txt");
    for _ in 0..30_000 {
        file.write_all(b"x").unwrap();
        fs::File::create(&other).unwrap();
    }
    repo.write("sales/brief/a.yaml", "title: A\namount: 200\n");
    assert_eq!(watching.batch(), ["a: amount 100 EUR → 200 EUR"]);
    let grown = watching.memory().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more");
}

#[test]
fn wrong_numbers_are_refused() {
    let repo = two_deals();
    for args in [["--poll", "0"], ["--poll", "nan"], ["--poll", "1e300"], ["--debounce", "0"], ["--debounce", "x"]] {
        assert_eq!(repo.tussock(&["watch", args[0], args[1]]).code, 2, "{args:?}");
    }
}
