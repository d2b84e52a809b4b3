//! The story as its file tells it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use super::ExampleError;

const STORY: &str = include_str!("../../templates/demo/story.yaml");

/// A year of deals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// The day it ends, `YYYY-MM-DD`.
    pub today: String,
    /// The team, by the short name that the deals use.
    pub people: BTreeMap<String, Person>,
    /// The commit that sets the pipeline up.
    pub begin: Begin,
    /// Merges of branches into the main branch.
    pub merges: Vec<Merge>,
    /// The steps of every deal, by its id, in the order of time.
    pub deals: BTreeMap<String, Vec<Step>>,
}

/// Somebody of the team.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name in commits.
    pub name: String,
    /// The address in commits.
    pub email: String,
}

/// The first commit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Local time, `2026-03-02T09:30`.
    pub at: String,
    /// Who commits.
    pub by: String,
    /// Body of the message.
    pub say: String,
}

/// A branch comes back to the main branch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Local time, `2026-03-02T09:30`.
    pub at: String,
    /// Who merges.
    pub by: String,
    /// Which branch.
    pub branch: String,
}

/// One step of one deal: one commit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Local time, `2026-03-02T09:30`.
    pub at: String,
    /// Who commits.
    pub by: String,
    /// The stage or end in which the deal is created, or to which it moves.
    pub to: Option<String>,
    /// The branch it lies on; `None`: the main branch.
    pub branch: Option<String>,
    /// Fields to write, by dotted name.
    #[serde(default)]
    pub set: Mapping,
    /// Items to add to lists, one or several, by the list's name.
    #[serde(default)]
    pub append: Mapping,
    /// Fields to take away, by dotted name.
    #[serde(default)]
    pub remove: Vec<String>,
    /// A file to write as it is, in place of all the above.
    pub file: Option<String>,
    /// The text of that file.
    pub text: Option<String>,
    /// Body of the message.
    pub say: Option<String>,
}

/// The story that is built in.
///
/// # Errors
/// When it does not have the shape of a [`Story`].
pub fn embedded() -> Result<Story, ExampleError> {
    Ok(serde_yaml::from_str(STORY)?)
}

/// The items that an entry of `append` adds.
pub(super) fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Sequence(items) => items.clone(),
        one => vec![one.clone()],
    }
}
