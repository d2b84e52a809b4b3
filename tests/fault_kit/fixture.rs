//! The repository in which things go wrong, and its copies.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::kit::{Ran, TestRepo};

/// The longest that a command may take, in seconds, before it counts as hanging.
const PATIENCE: &str = "60";

/// A deal that may go from `brief` to `proposal`.
pub const DEAL: &str = "title: ACME site # the big one\nowner: olga\namount: 18000\ninputs:\n  goal: leads\n";

/// How many deals the repository has that may be moved.
pub const DEALS: usize = 50;

/// The repository before the fault. Its user has work of every kind lying about.
pub struct Fixture {
    repo: TestRepo,
    env: Vec<(OsString, Option<OsString>)>,
    base: PathBuf,
}

/// The name of the `number`th deal that may be moved, from 1.
pub fn deal(number: usize) -> String {
    format!("d{number:02}")
}

impl Fixture {
    /// Makes the repository; `prepare` commits what a command needs beside the deals.
    pub fn new(prepare: impl Fn(&TestRepo)) -> Fixture {
        Fixture::with(prepare, make_a_mess)
    }

    /// The same, whose user has committed all work.
    pub fn tidy(prepare: impl Fn(&TestRepo)) -> Fixture {
        Fixture::with(prepare, |_| ())
    }

    fn with(prepare: impl Fn(&TestRepo), leave: impl Fn(&TestRepo)) -> Fixture {
        let repo = TestRepo::with_pipeline();
        for number in 1..=DEALS {
            repo.write(&format!("sales/brief/{}.yaml", deal(number)), DEAL);
        }
        repo.write("sales/proposal/busy.yaml", DEAL);
        repo.write("notes.md", "one\ntwo\nthree\n").write("docs/plan.md", "plan\n").write("old.md", "old\n");
        repo.commit("Add deals");
        prepare(&repo);
        // Few files make cheap copies, and what a command writes is all that is loose.
        repo.git(&["gc", "-q"]);
        for item in fs::read_dir(repo.path().join(".git/hooks")).into_iter().flatten() {
            fs::remove_file(item.unwrap().path()).unwrap();
        }
        leave(&repo);
        let mut command = Command::new("true");
        repo.hermetic(&mut command);
        let owned = |text: &OsStr| text.to_owned();
        let mut env: Vec<_> = command.get_envs().map(|(key, value)| (owned(key), value.map(owned))).collect();
        // Flushing is part of what is tested.
        env.retain(|(key, _)| key != "TUSSOCK_FSYNC");
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() && tempfile::tempdir_in(memory).is_ok() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        Fixture { repo, env, base }
    }

    /// What a copy needs, in a form that threads can share.
    pub fn template(&self) -> Template {
        Template { repo: self.repo.path(), env: self.env.clone(), base: self.base.clone() }
    }
}

/// Changes of every kind that a user can have lying about, none of them in a deal that a command touches.
fn make_a_mess(repo: &TestRepo) {
    repo.write("notes.md", "one\nTWO\nthree\n").write("staged.md", "new and staged\n");
    repo.git(&["add", "notes.md", "staged.md"]);
    repo.write("notes.md", "one\nTWO\nthree\nfour\n");
    repo.write("docs/plan.md", "plan, not staged\n").write("untracked.txt", "mine\n");
    repo.write("sales/brief/draft.yaml", "title: Draft\ninputs:\n  goal: leads\n");
    repo.write("sales/proposal/busy.yaml", format!("{DEAL}notes: unsaved thought\n"));
    repo.git(&["rm", "-q", "old.md"]);
    repo.write("intended.md", "later\n");
    repo.git(&["add", "--intent-to-add", "intended.md"]);
    // An hour ago, so that a file that is written anew shows.
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    visit(&repo.path(), &mut |path, about| {
        if about.is_file() {
            File::open(path).unwrap().set_times(FileTimes::new().set_modified(hour_ago)).unwrap();
        }
    });
}

/// Calls `seen` with everything below a folder, folders before what is in them.
pub fn visit(folder: &Path, seen: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for item in fs::read_dir(&at).unwrap() {
            let path = item.unwrap().path();
            // Another process may be at work here.
            let Ok(about) = path.symlink_metadata() else { continue };
            seen(&path, &about);
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
}

/// Where copies are made from.
#[derive(Clone)]
pub struct Template {
    repo: PathBuf,
    env: Vec<(OsString, Option<OsString>)>,
    base: PathBuf,
}

/// A copy of the repository, removed when dropped, and a folder for notes beside it.
pub struct Copy<'t> {
    dir: tempfile::TempDir,
    template: &'t Template,
}

impl Template {
    /// A fresh copy, with the same times.
    pub fn copy(&self) -> Copy<'_> {
        let dir = tempfile::Builder::new().prefix("tussock-fault-").tempdir_in(&self.base).expect("a temporary folder");
        let copy = Copy { dir, template: self };
        fs::create_dir(copy.notes()).unwrap();
        self.copy_into(&copy.path());
        // The files are others now than those which the index knows.
        copy.git(&["update-index", "-q", "--refresh"]);
        copy
    }

    /// The same, with copies in another folder.
    pub fn within(&self, base: &Path) -> Template {
        Template { base: base.to_owned(), ..self.clone() }
    }

    /// The state of a copy, to make more copies of.
    pub fn of(&self, copy: &Copy<'_>) -> Template {
        Template { repo: copy.path(), ..self.clone() }
    }

    /// Copies the repository into a folder that is not there yet.
    pub fn copy_into(&self, to: &Path) {
        fs::create_dir_all(to).unwrap();
        visit(&self.repo, &mut |path, about| {
            let new = to.join(path.strip_prefix(&self.repo).unwrap());
            if about.is_dir() {
                fs::create_dir(&new).unwrap();
                return;
            }
            fs::copy(path, &new).unwrap();
            if let (Ok(file), Ok(time)) = (File::open(&new), about.modified()) {
                file.set_times(FileTimes::new().set_modified(time)).unwrap();
            }
        });
    }

    /// Gives a command the hermetic environment.
    pub fn hermetic(&self, command: &mut Command, folder: &Path) {
        command.current_dir(folder).env_clear().stdin(std::process::Stdio::null());
        for (key, value) in &self.env {
            if let Some(value) = value {
                command.env(key, value);
            }
        }
    }
}

impl Copy<'_> {
    /// The repository.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// The folder for notes.
    pub fn notes(&self) -> PathBuf {
        self.dir.path().join("notes")
    }

    /// Keeps the copy for a person to look at.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    /// Runs a program in the repository. The code of one that a signal ended is 128 and the signal's number.
    pub fn run(&self, program: &OsStr, args: &[OsString], env: &[(&str, &OsStr)]) -> Ran {
        let mut command = Command::new("timeout");
        self.template.hermetic(&mut command, &self.path());
        command.args(["-s", "KILL", PATIENCE]).arg(program).args(args).envs(env.iter().copied());
        let output = command.output().expect("the command starts");
        let code = output.status.code().or(output.status.signal().map(|s| 128 + s)).unwrap_or(-1);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*self.path().to_string_lossy(), "@@REPO@@");
        Ran { code, out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Runs tussock.
    pub fn tussock<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        self.run(OsStr::new(env!("CARGO_BIN_EXE_tussock")), &owned(args), &[])
    }

    /// Runs git, which takes no locks of its own accord.
    pub fn git(&self, args: &[&str]) -> Ran {
        let mut command = Command::new("git");
        self.template.hermetic(&mut command, &self.path());
        let output = command.env("GIT_OPTIONAL_LOCKS", "0").args(args).output().expect("git starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// Arguments as a command takes them.
pub fn owned<S: AsRef<OsStr>>(args: &[S]) -> Vec<OsString> {
    args.iter().map(|a| a.as_ref().to_owned()).collect()
}
