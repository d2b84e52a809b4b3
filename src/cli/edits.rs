//! What a person has edited in deals and not committed, and takes along with `--with-edits`.

use std::collections::BTreeMap;

use super::exit::{CommandError, Exit};
use super::workspace::Workspace;
use crate::action::plan::{Change, Plan};
use crate::format::ident::DealId;
use crate::format::load::parse_deal;
use crate::format::pipeline::deal_path;
use crate::format::source::Source;
use crate::format::value::{Block, Value};
use crate::repo::revision::head;
use crate::repo::snapshot::Snapshot;

/// What goes along with one deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edited {
    /// These fields were changed by hand (dotted paths, in the order of the card). Empty where the words of the file
    /// differ and its values do not.
    Fields(Vec<String>),
    /// The whole file: git did not have it.
    File,
}

impl Edited {
    /// In a few words, to stand after what was done.
    pub fn told(&self) -> String {
        match self {
            Edited::Fields(fields) if fields.is_empty() => "with your edits of its layout".to_owned(),
            Edited::Fields(fields) => format!("with your edits of {}", fields.join(", ")),
            Edited::File => "now tracked".to_owned(),
        }
    }
}

/// What the user has changed by hand in the deals of a plan since HEAD.
///
/// # Errors
/// When HEAD cannot be read, and when it has such a deal elsewhere: a move by hand that was never committed. To take
/// only its new place along would leave the deal in two.
pub fn of_plan(workspace: &Workspace, plan: &Plan) -> Result<BTreeMap<DealId, Edited>, CommandError> {
    let Some(commit) = head(&workspace.home)?.and_then(|h| h.commit) else {
        return Ok(plan.changes.iter().map(|c| (c.deal.clone(), Edited::File)).collect());
    };
    let snapshot = Snapshot::of_commit(&workspace.home, commit)?;
    let io = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot read HEAD: {e}"));
    let mut places: BTreeMap<DealId, Vec<String>> = BTreeMap::new();
    for entry in snapshot.entries().map_err(io)? {
        if let Some((_, id)) = deal_path(&entry.path) {
            places.entry(id).or_default().push(entry.path);
        }
    }
    let mut all = BTreeMap::new();
    for change in &plan.changes {
        let Some(path) = &change.old_path else { continue };
        let known = places.get(&change.deal).map_or(&[][..], Vec::as_slice);
        if let Some(elsewhere) = known.iter().find(|known| *known != path) {
            let (was, is) = (workspace.source.display(elsewhere), workspace.source.display(path));
            let message = format!("{} was moved by hand from {was} to {is}, and that is not committed", change.deal);
            return Err(CommandError::new(Exit::NotInState, message).hint("commit that first, or move it back"));
        }
        if known.is_empty() {
            all.insert(change.deal.clone(), Edited::File);
            continue;
        }
        let bytes = snapshot.read(path).map_err(io)?;
        if bytes != change.before.as_bytes() {
            all.insert(change.deal.clone(), Edited::Fields(changed_fields(workspace, change, &bytes)));
        }
    }
    Ok(all)
}

/// The fields in which two versions of a deal differ. One that cannot be read has none.
fn changed_fields(workspace: &Workspace, change: &Change, old: &[u8]) -> Vec<String> {
    let stage = change.from.as_ref().unwrap_or(&change.to);
    let parse = |bytes: &[u8]| {
        let deal = parse_deal(bytes, &workspace.reading.pipeline, &change.new_path, stage, &change.deal).ok();
        deal.map(|deal| deal.fields).unwrap_or_default()
    };
    let (old, new) = (parse(old), parse(change.before.as_bytes()));
    let mut fields = Vec::new();
    differing(&old, &new, "", &mut fields);
    fields
}

fn differing(old: &Block, new: &Block, above: &str, fields: &mut Vec<String>) {
    let gone = old.entries.iter().map(|(name, _, _)| name).filter(|name| new.get(name).is_none());
    for name in new.entries.iter().map(|(name, _, _)| name).chain(gone) {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match (old.get(name).map(|f| &f.value), new.get(name).map(|f| &f.value)) {
            (Some(Value::Block(old)), Some(Value::Block(new))) => differing(old, new, &path, fields),
            (Some(old), Some(new)) if same(old, new) => {}
            _ => fields.push(path),
        }
    }
}

/// Whether two values are the same, wherever they stand in their files.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.value, &b.value))
        }
        (Value::Block(a), Value::Block(b)) => {
            let mut fields = Vec::new();
            differing(a, b, "", &mut fields);
            fields.is_empty()
        }
        _ => a == b,
    }
}
