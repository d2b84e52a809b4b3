//! What the next commit changes: the index held against the commits that it comes after.

use std::collections::HashSet;
use std::io;

use super::discover::Home;
use super::error::WriteError;
use super::git::Git;
use super::objects::ObjectId;
use super::revision::head;
use super::snapshot::parse_id;
use crate::format::ident::DealId;
use crate::format::pipeline::deal_path;

/// What is staged, against what is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// The commits that the next one comes after: HEAD, and in a merge what it brings in.
    pub parents: Vec<ObjectId>,
    /// Of each parent what the next commit has otherwise: deals by their ids, all other files of the pipeline by their
    /// paths below its folder.
    differs: Vec<HashSet<String>>,
}

/// What is staged in a pipeline, against what is committed; `None` where nothing is committed yet.
///
/// # Errors
/// When git cannot compare them, or the state of a merge cannot be read.
pub fn coming(home: &Home, git: &Git) -> Result<Option<Coming>, WriteError> {
    let Some(head) = head(home)?.and_then(|head| head.commit) else { return Ok(None) };
    let mut parents = vec![head];
    let merging = home.place()?.git_dir.join("MERGE_HEAD");
    match std::fs::read_to_string(&merging) {
        Ok(text) => parents.extend(text.lines().filter_map(|line| parse_id(line.trim()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => parents.extend(merged_at_this_moment()),
        Err(e) => return Err(WriteError::io("read", &merging)(e)),
    }
    let folder = (!home.prefix.is_empty()).then_some(home.prefix.as_str());
    let differs = parents.iter().map(|parent| {
        let run = git.command("diff-index").reading().args(["--cached", "-z", "--name-only", "--no-renames"]);
        let out = run.args([&parent.to_string(), "--"]).args(folder).bytes()?;
        let paths = out.split(|b| *b == 0).map(String::from_utf8_lossy);
        Ok(paths.filter_map(|path| home.in_pipeline(&path).filter(|p| !p.is_empty()).map(unit)).collect())
    });
    Ok(Some(Coming { differs: differs.collect::<Result<_, WriteError>>()?, parents }))
}

/// What a merge brings in that has met no conflict. While its hooks run, git tells it in the environment only.
fn merged_at_this_moment() -> Vec<ObjectId> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut ids: Vec<ObjectId> = names.filter_map(|name| parse_id(name.strip_prefix("GITHEAD_")?)).collect();
    ids.sort();
    ids
}

impl Coming {
    /// Whether the pipeline is the same as in one of the commits before.
    pub fn is_nothing(&self) -> bool {
        self.differs.iter().any(HashSet::is_empty)
    }

    /// Whether nothing but deals is different, so that no other deal can be judged in another way than before.
    pub fn is_of_deals(&self) -> bool {
        self.differs.iter().flatten().all(|unit| unit.starts_with(DEAL))
    }

    /// Whether the next commit changes a deal.
    pub fn changes_deal(&self, deal: &DealId) -> bool {
        self.has(&format!("{DEAL}{deal}"))
    }

    /// Whether the next commit changes the deal that a path below the pipeline's folder belongs to, or the file, where
    /// it is no deal's. What a merge takes over as one side has it is not changed by it.
    pub fn changes(&self, path: &str) -> bool {
        self.has(&unit(path))
    }

    fn has(&self, unit: &str) -> bool {
        self.differs.iter().all(|differs| differs.contains(unit))
    }
}

/// How a deal's id is told from the path of another file: none can begin so.
const DEAL: &str = "/deal/";

/// A deal is the same one wherever its file lies.
fn unit(path: &str) -> String {
    deal_path(path).map_or_else(|| path.to_owned(), |(_, id)| format!("{DEAL}{id}"))
}
