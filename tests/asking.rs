//! Questions on a terminal: asked where the answers are all that is missing, never where nobody is there.

#![cfg(unix)]

mod kit;

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use kit::TestRepo;

const ACME: &str = "title: ACME site\nowner: olga\n";

/// tussock on a terminal of its own.
struct Session {
    child: Child,
    keys: File,
    shown: String,
    pieces: Receiver<String>,
}

impl Session {
    fn new(repo: &TestRepo, args: &[&str], env: &[(&str, &str)]) -> Session {
        let pty = nix::pty::openpty(None, None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        repo.hermetic(command.args(args)).stdin(slave()).stdout(slave()).stderr(slave()).env("TERM", "xterm");
        command.envs(env.iter().copied());
        let child = command.spawn().unwrap();
        let keys = File::from(pty.master);
        let mut screen = keys.try_clone().unwrap();
        let (send, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if send.send(String::from_utf8_lossy(&buffer[..count]).into_owned()).is_err() {
                    break;
                }
            }
        });
        Session { child, keys, shown: String::new(), pieces }
    }

    /// Waits until these words are there, after those that were waited for before.
    #[track_caller]
    fn sees(&mut self, words: &str) -> &mut Self {
        while !self.shown.contains(words) {
            match self.pieces.recv_timeout(Duration::from_secs(20)) {
                Ok(piece) => self.shown.push_str(&piece),
                Err(_) => panic!("{words:?} is not in {:?}", self.shown),
            }
        }
        let at = self.shown.find(words).unwrap() + words.len();
        self.shown.drain(..at);
        self
    }

    /// Types, once the program listens for single keys.
    fn types(&mut self, keys: &str) -> &mut Self {
        std::thread::sleep(Duration::from_millis(200));
        self.keys.write_all(keys.as_bytes()).unwrap();
        self
    }

    fn ends(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    repo.commit("Add acme");
    repo
}

#[test]
fn missing_fields_are_asked_for_and_filled_in_the_same_step() {
    let repo = with_acme();
    let mut session = Session::new(&repo, &["move", "acme", "contract"], &[]);
    session.sees("acme needs this to move to contract").sees("inputs.goal (text)").types("More leads\r");
    session.sees("proposal.sent_on (a date (YYYY-MM-DD))").types("soon\r").sees("must be a date");
    session.types("\x15").types("\x7f\x7f\x7f\x7f2026-01-05\r").sees("acme: brief → contract");
    assert_eq!(session.ends(), 0);
    let expected = format!("{ACME}inputs:\n  goal: More leads\nproposal:\n  sent_on: 2026-01-05\n");
    let text = repo.read("sales/contract/acme.yaml");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&text), sorted(&expected));
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "3\n", "one commit");
}

#[test]
fn a_word_of_a_few_is_chosen() {
    let repo = with_acme();
    let mut session = Session::new(&repo, &["lose", "acme"], &[]);
    session.sees("lost.reason").sees("timing").types("\x1b[B").types("\r").sees("acme: brief → lost");
    assert_eq!(session.ends(), 0);
    assert!(repo.git(&["show", "HEAD"]).contains("reason: timing"));
}

#[test]
fn a_new_deal_is_asked_for_what_its_stage_wants() {
    let repo = TestRepo::with_pipeline();
    let mut session = Session::new(&repo, &["new", "Globex", "--stage", "proposal"], &[]);
    session.sees("inputs.goal").types("A shop\r").sees("globex: new in proposal");
    assert_eq!(session.ends(), 0);
}

#[test]
fn who_answers_nothing_or_stops_changes_nothing() {
    for (args, keys, code) in [
        (&["move", "acme", "proposal"][..], "\r", 1),
        (&["move", "acme", "proposal"], "\x03", 130),
        (&["lose", "acme"], "\x1b", 130),
        (&["lose", "acme"], "\x03", 130),
    ] {
        let repo = with_acme();
        let head = repo.git(&["rev-parse", "HEAD"]);
        let mut session = Session::new(&repo, args, &[]);
        session.sees("acme needs this").sees(if args[0] == "lose" { "silent" } else { "inputs.goal" }).types(keys);
        assert_eq!(session.ends(), code, "{args:?} {keys:?}");
        assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
    }
}

#[test]
fn nobody_is_asked_who_did_not_want_to_be_or_is_not_there() {
    let repo = with_acme();
    for (args, env) in
        [(&["move", "acme", "proposal", "--no-input"][..], &[][..]), (&["move", "acme", "proposal"], &[("CI", "true")])]
    {
        let mut session = Session::new(&repo, args, env);
        session.sees("acme cannot move to proposal").sees("missing inputs.goal").sees("--set inputs.goal");
        assert_eq!(session.ends(), 1);
    }
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!((ran.code, ran.err.contains("missing inputs.goal")), (1, true), "{}", ran.err);
}

#[test]
fn what_no_answer_would_help_is_refused_at_once() {
    let repo = TestRepo::new();
    let check = "        check: amount > money(\"1 EUR\")\n";
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE.replace("        require: [inputs.goal]\n", check));
    repo.write("sales/brief/acme.yaml", format!("{ACME}amount: 1\n")).write("sales/brief/globex.yaml", ACME);
    repo.write("sales/brief/initech.yaml", ACME);
    repo.commit("Set up");
    let mut session = Session::new(&repo, &["move", "acme", "contract"], &[]);
    session.sees("acme cannot move to contract");
    assert_eq!(session.ends(), 1);
    let mut session = Session::new(&repo, &["move", "globex", "initech", "proposal"], &[]);
    session.sees("globex cannot move to proposal");
    assert_eq!(session.ends(), 1);
    let mut session = Session::new(&repo, &["move", "globex", "proposal"], &[]);
    session.sees("amount (an amount (18000 or 18000 USD))").types("1\r").sees("globex cannot move to proposal");
    assert_eq!(session.ends(), 1);
}
