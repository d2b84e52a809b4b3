//! The commands that are broken.

use super::fixture::{DEAL, DEALS, deal};
use crate::kit::TestRepo;

/// What to do once more after the fault, when the change had been made.
pub enum Again {
    /// The same command, which must end with one of these codes and change nothing.
    Same(&'static [i32]),
    /// Another command, since the same one would do more.
    Instead(Vec<String>),
}

/// A command.
pub struct Job {
    /// How tables name it.
    pub name: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
    /// What comes after it.
    pub again: Again,
    /// What is committed before it.
    pub prepare: fn(&TestRepo),
}

/// A deal that `fmt` writes anew.
const UNORDERED: &str = "inputs:\n  goal: leads\namount: 18000\n# who\nowner: olga\ntitle: ACME site\n";

fn strings(args: &[&str]) -> Vec<String> {
    ["--today", "2026-03-02"].iter().chain(args).map(|a| (*a).to_owned()).collect()
}

/// All commands.
pub fn all() -> Vec<Job> {
    let batch: Vec<String> = (1..=DEALS).map(deal).collect();
    let batch: Vec<&str> = ["move"].into_iter().chain(batch.iter().map(String::as_str)).chain(["proposal"]).collect();
    let nothing = |_: &TestRepo| ();
    // A command that changes nothing of itself: what it finds unfinished it finishes.
    let idle = || Again::Instead(strings(&["move", "d49", "brief"]));
    vec![
        Job { name: "move", args: strings(&["move", "d01", "proposal"]), again: Again::Same(&[0]), prepare: nothing },
        Job { name: "set", args: strings(&["set", "d01", "amount=5"]), again: Again::Same(&[0]), prepare: nothing },
        // What was cut short is known again by its journal; what was whole is a deal that is there already.
        Job { name: "new", args: strings(&["new", "Hooli site"]), again: Again::Same(&[0, 2]), prepare: nothing },
        Job { name: "batch of 50", args: strings(&batch), again: Again::Same(&[0]), prepare: nothing },
        Job {
            name: "undo",
            args: strings(&["undo"]),
            again: idle(),
            prepare: |repo| {
                repo.ok(&["--today", "2026-03-01", "move", "d02", "proposal"]);
            },
        },
        Job {
            name: "fmt",
            args: strings(&["fmt", "d01", "d02", "d03"]),
            again: Again::Same(&[0]),
            prepare: |repo| {
                for number in 1..=3 {
                    repo.write(&format!("sales/brief/{}.yaml", deal(number)), UNORDERED);
                }
                repo.commit("Write three deals in another order");
            },
        },
        // What was done already is an id that is not there any more.
        Job {
            name: "rename",
            args: strings(&["rename", "d01", "acme-shop"]),
            again: Again::Same(&[0, 2]),
            prepare: |repo| {
                repo.write("sales/brief/d02.yaml", format!("{DEAL}follows: d01\n")).commit("Follow a deal");
            },
        },
        Job {
            name: "no commit",
            args: strings(&["move", "d01", "proposal", "--no-commit"]),
            again: Again::Same(&[0]),
            prepare: nothing,
        },
        Job {
            name: "resolve",
            args: strings(&["resolve", "d01", "--take", "proposal"]),
            again: Again::Same(&[0]),
            prepare: |repo| {
                repo.write("sales/proposal/d01.yaml", DEAL.replace("18000", "20000")).commit("Merge by hand");
            },
        },
    ]
}

/// A command by its name; `None` while the program does not have it.
pub fn named(name: &str) -> Option<Job> {
    let job = all().into_iter().find(|job| job.name == name).expect("a job of that name");
    let help = TestRepo::without_git().tussock(&[&job.args[2], "--help"]);
    if help.code == 0 {
        return Some(job);
    }
    println!("skipped: tussock has no command `{}`", job.args[2]);
    None
}
