//! What `validate` adds to its findings from what only the repository and the disk know of a file.

use std::collections::BTreeSet;

use super::exit::CommandError;
use super::ui::Ui;
use super::workspace::tell_half_done;
use crate::check::Checked;
use crate::format::load::Listing;
use crate::format::source::Source;
use crate::repo::discover::Home;
use crate::repo::revision::head;
use crate::repo::snapshot::Snapshot;

/// How many files a warning names.
const NAMED: usize = 5;

/// Says of emptied files that git has them, and warns of deals that have a second name: `linked` are the files with one.
///
/// # Errors
/// When HEAD cannot be read though it has to be.
pub(super) fn explain(
    ui: &mut Ui,
    home: &Home,
    listing: &Listing,
    linked: &BTreeSet<String>,
    checked: &mut Checked,
) -> Result<(), CommandError> {
    tell_half_done(ui, home)?;
    let Checked { report, unreadable, .. } = checked;
    let emptied: Vec<&str> =
        unreadable.iter().filter(|u| u.text.as_deref() == Some("")).map(|u| u.path.as_str()).collect();
    if !emptied.is_empty()
        && let Some(commit) = head(home)?.and_then(|h| h.commit)
    {
        let committed = Snapshot::of_commit(home, commit)?;
        for finding in report.findings.iter_mut().filter(|f| emptied.contains(&f.path.as_str())) {
            // One that HEAD does not have is as empty as it was made.
            if committed.read(&finding.path).is_ok_and(|bytes| !bytes.is_empty()) {
                finding.message = "empty file; HEAD has a version".to_owned();
                finding.help = Some("`tussock doctor` restores it".to_owned());
            }
        }
    }
    let read = |path: &&str| !unreadable.iter().any(|u| u.path == **path);
    let linked: Vec<&str> = match linked.is_empty() {
        true => Vec::new(),
        false => listing.deals.iter().map(|d| d.path.as_str()).filter(|p| linked.contains(*p)).filter(read).collect(),
    };
    if !linked.is_empty() {
        let more = linked.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        ui.warn(&format!(
            "{}{more}: the file has a second name on this disk (a hard link); a change by tussock or git goes to a new \
             file, and the other name keeps the old text",
            linked.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(())
}
