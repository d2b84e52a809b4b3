//! Moves of deals, each round in fresh copies. What fsync costs is the disk's affair: it is off on both sides.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::measure::{Cost, TUSSOCK, measure as measured};
use crate::places::{self, Size, deals_in, identity};
use crate::table::{Table, goal};

/// Moves in one round of the move job.
const MOVES: usize = 20;
/// Deals in the job that changes many at once, where there are as many.
const MANY: usize = 1000;

pub fn measure(size: &Size, repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let must = if size.name == "S" || size.name == "M" { 0.5 } else { 0.45 };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        let (our, their) = moves(repository)?;
        ours.push(our);
        theirs.push(their);
    }
    table.costs(goal("11", must), &format!("`move`, {MOVES} times"), "`git mv`, `git commit`", (&ours, &theirs));
    let (mut many, mut one) = (Vec::new(), Vec::new());
    let mut count = 0;
    for _ in 0..pairs {
        let (of_many, of_one, deals) = batches(repository)?;
        many.push(of_many);
        one.push(of_one);
        count = deals;
    }
    // A batch costs at most ten times a single move.
    table.costs(goal("batch", 10.0), &format!("`move` of {count} deals in one commit"), "`move` of one", (&many, &one));
    Ok(())
}

/// The same moves by tussock and by git, each in a fresh copy.
fn moves(repository: &Path) -> Result<(Cost, Cost)> {
    let from = places::open_stages(repository)?.remove(0);
    let deals = deals_in(&repository.join("sales").join(&from))?;
    let to = "lost";
    let (mut ours, mut theirs) = (Cost::default(), Cost::default());
    let copies = (places::copy(repository)?, places::copy(repository)?);
    for deal in deals.iter().take(MOVES) {
        let mut command = Command::new(TUSSOCK);
        command.args(["move", deal, to, "--set", "lost.reason=price"]);
        command.current_dir(&copies.0.folder).env("TUSSOCK_FSYNC", "off").stdout(Stdio::null());
        ours.add(measured(identity(command), &[0])?);
        let folder = &copies.1.folder;
        let target = format!("sales/{to}/2026/{deal}.yaml");
        let file = format!("sales/{from}/{deal}.yaml");
        fs::create_dir_all(folder.join("sales").join(to).join("2026"))?;
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "core.fsync=none"]).args(words).current_dir(folder);
            measured(identity(command), &[0])
        };
        theirs.add(git(&["mv", &file, &target])?);
        theirs.add(git(&["commit", "-qm", "moved"])?);
    }
    Ok((ours, theirs))
}

/// Many deals moved in one commit, and one, each in a fresh copy; and how many.
fn batches(repository: &Path) -> Result<(Cost, Cost, usize)> {
    let mut deals = Vec::new();
    for stage in places::open_stages(repository)? {
        deals.extend(deals_in(&repository.join("sales").join(stage))?);
    }
    deals.sort();
    deals.truncate(MANY);
    let lose = |deals: &[String]| -> Result<Cost> {
        let place = places::copy(repository)?;
        let mut command = Command::new(TUSSOCK);
        command.arg("lose").args(deals).args(["--reason", "price"]);
        command.current_dir(&place.folder).env("TUSSOCK_FSYNC", "off").stdout(Stdio::null());
        measured(identity(command), &[0])
    };
    Ok((lose(&deals)?, lose(&deals[..1])?, deals.len()))
}
