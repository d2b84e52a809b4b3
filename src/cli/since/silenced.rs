//! The comments of a change that silence a rule.

use std::collections::BTreeMap;

use crate::check::{Circumstances, Finding, Level, Silence, rule, silences};
use crate::cli::exit::CommandError;
use crate::format::ident::DealId;
use crate::format::load::{Listing, parse_deal};
use crate::format::pipeline::{Pipeline, deal_path};
use crate::format::source::Source;
use crate::repo::snapshot::Snapshot;

use super::Since;

/// What comments silence.
#[derive(Default)]
pub(super) struct Silenced {
    /// One for each comment.
    pub(super) findings: Vec<Finding>,
    /// The paths and texts of their files.
    pub(super) texts: Vec<(String, String)>,
}

/// A finding for each comment that the deals of a change have and had not before: what silences a check is part of what is
/// asked of a deal, and whoever reviews the change should see it.
///
/// # Errors
/// When the state before cannot be read.
pub(super) fn silenced(
    since: &Since<'_>,
    listing: &Listing,
    circumstances: &Circumstances<'_>,
) -> Result<Silenced, CommandError> {
    let mut silenced = Silenced::default();
    let Some(base) = &since.base else { return Ok(silenced) };
    let is_changed = |path: &str, deal| since.between.changed.contains_key(deal) || since.uncommitted.contains(path);
    let called_before: BTreeMap<&DealId, &DealId> = since.between.renamed.iter().map(|(old, now)| (now, old)).collect();
    let mut snapshot = None;
    for own in listing.deals.iter().filter(|own| is_changed(&own.path, &own.id)) {
        let (now, text) = of(circumstances.source, &listing.pipeline, &own.path);
        if now.is_empty() {
            continue;
        }
        let before = match &snapshot {
            Some(found) => found,
            None => snapshot.insert(Snapshot::of_commit(&base.home, since.commit)?),
        };
        let old = called_before.get(&own.id).copied().unwrap_or(&own.id);
        // What differs only from the last commit lies where it lay.
        let paths = since.between.changed.get(old).map_or_else(|| vec![own.path.clone()], |ends| ends.before.clone());
        let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
        for silence in paths.iter().flat_map(|path| of(before, &listing.pipeline, path).0) {
            *known.entry((silence.rule, silence.reason)).or_default() += 1;
        }
        for silence in now {
            let key = (silence.rule.clone(), silence.reason.clone());
            match known.get_mut(&key).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => silenced.findings.push(about(&own.path, &own.id, silence)),
            }
        }
        silenced.texts.push((own.path.clone(), text));
    }
    Ok(silenced)
}

fn about(path: &str, deal: &DealId, silence: Silence) -> Finding {
    let Silence { rule: id, reason, span } = silence;
    let finding =
        Finding::new(rule::policy_change(), path, span, format!("{deal} silences {id} from now on: {reason}"))
            .with_label("new with this change")
            .with_field(format!("ignore.{id}"))
            .with_deal(Some(deal.clone()));
    let is_grave = rule::find(&id).is_some_and(|rule| rule.level == Level::Error);
    if is_grave { finding } else { finding.at_most(Level::Info) }
}

/// The comments of a deal's file, and its text; none where it cannot be read.
fn of(source: &dyn Source, pipeline: &Pipeline, path: &str) -> (Vec<Silence>, String) {
    let read = || {
        let (stage, id) = deal_path(path)?;
        let deal = parse_deal(&source.read(path).ok()?, pipeline, path, &stage, &id).ok()?;
        Some((silences(&deal), deal.document.text))
    };
    read().unwrap_or_default()
}
