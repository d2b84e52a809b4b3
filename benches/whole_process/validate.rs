//! Starting, and reading the files as they lie.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::measure::{Run, in_turn};
use crate::places::{self, Size};
use crate::table::{Goal, Table, goal, megabytes};

/// Starts in one measurement.
const STARTS: usize = 20;
/// The most memory that validate may need on L, in KiB.
const VALIDATE_MEMORY: u64 = 64 * 1024;

pub fn measure(size: &Size, repository: &Path, pairs: usize, table: &mut Table) -> Result<()> {
    let every_byte = match Command::new("rg").arg("--version").stdout(Stdio::null()).status() {
        Ok(_) => Run::new("rg", "-c ^amount: sales", repository),
        Err(_) => Run::new("grep", "-rc ^amount: sales", repository),
    };
    let validate = Run::tussock("validate", repository);
    let start = |run: Run| run.named("").times(STARTS);
    let one = one_deal(repository)?;
    let jobs: [(Option<Goal>, Run, Run); 5] = [
        (
            goal("13", 1.3),
            start(Run::tussock("--version", repository)).named("`--version`, 20 times"),
            start(Run::git("--version", repository)).named("`git --version`"),
        ),
        (None, validate.clone(), Run::git("status --porcelain", repository)),
        (goal("9", 2.0).filter(|_| size.name == "M"), validate.clone(), every_byte.clone()),
        (
            goal("10", 2.0),
            Run::tussock(&format!("validate {one}"), repository)
                .named("`validate` of one file, 20 times")
                .times(STARTS),
            Run::git("rev-parse HEAD", repository).times(STARTS),
        ),
        (None, Run::tussock("list", repository), every_byte),
    ];
    for (goal, ours, theirs) in &jobs {
        // Fills the disk's cache.
        ours.run()?;
        theirs.run()?;
        let [a, b] = in_turn([ours, theirs], pairs, pairs)?;
        table.times(*goal, ours, theirs, (&a, &b));
    }
    let memory = validate.peak_memory()?;
    table.figures(
        goal("16", 1.0).filter(|_| size.name == "L"),
        ("peak memory of `validate`", "64 MB"),
        (&megabytes(memory), &megabytes(Some(VALIDATE_MEMORY))),
        memory.map(|kib| kib as f64 / VALIDATE_MEMORY as f64),
    );
    Ok(())
}

/// The path of some deal.
fn one_deal(repository: &Path) -> Result<String> {
    for stage in places::open_stages(repository)? {
        if let Some(deal) = places::deals_in(&repository.join("sales").join(&stage))?.first() {
            return Ok(format!("sales/{stage}/{deal}.yaml"));
        }
    }
    Err("the repository has no open deal".into())
}
