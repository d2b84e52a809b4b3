//! The deals whose file a change removes.

use crate::check::{Finding, Level, rule};
use crate::cli::exit::CommandError;
use crate::format::load::{Listing, parse_deal};
use crate::format::pipeline::{Pipeline, Status, deal_path};
use crate::format::source::Source;
use crate::repo::snapshot::Snapshot;

use super::{NOWHERE, Since};

/// A finding for each deal that was there before the change and has no file any more.
///
/// # Errors
/// When the state before cannot be read.
pub(super) fn removed(since: &Since<'_>, listing: &Listing) -> Result<Vec<Finding>, CommandError> {
    let Some(base) = &since.base else { return Ok(Vec::new()) };
    let between = &since.between;
    let is_gone = |deal| !between.renamed.contains_key(deal) && listing.names.binary_search(deal).is_err();
    let gone: Vec<_> = between.changed.iter().filter(|(deal, ends)| ends.after.is_empty() && is_gone(deal)).collect();
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let snapshot = Snapshot::of_commit(&base.home, since.commit)?;
    let pipeline = base.pipeline.as_ref().unwrap_or(&listing.pipeline);
    let mut findings = Vec::new();
    for (deal, ends) in gone {
        let Some((path, (stage, _))) = ends.before.first().and_then(|path| Some((path, deal_path(path)?))) else {
            continue;
        };
        let status = pipeline.current_name(stage.as_str()).map_or(Status::Open, |stage| pipeline.status(stage));
        let message = format!("the deal {deal} is gone; it was in {stage}{}", worth(&snapshot, pipeline, path));
        let finding = Finding::new(rule::removed_deal(), path, NOWHERE, message).with_deal(Some(deal.clone()));
        findings.push(match status {
            Status::Open => finding.with_help(format!(
                "one that came to nothing is lost, and its file tells why: bring it back and `tussock lose {deal}`; one \
                 that got another id says so under `was` (`tussock rename`)"
            )),
            _ => finding.at_most(Level::Info),
        });
    }
    Ok(findings)
}

/// What it was worth, in words that go on after its stage; nothing where that is not known.
fn worth(snapshot: &Snapshot, pipeline: &Pipeline, path: &str) -> String {
    let read = || {
        let (stage, id) = deal_path(path)?;
        parse_deal(&snapshot.read(path).ok()?, pipeline, path, &stage, &id).ok()?.amount()
    };
    read().map(|money| format!(", worth {} {}", money.amount, money.currency.code())).unwrap_or_default()
}
