//! `validate --fix`: makes the fixes of findings in the work tree, or shows them.

use std::collections::BTreeMap;

use super::exit::{CommandError, Exit};
use super::ui::Ui;
use crate::check::fixing::{Changed, Fixed, FixedFile, Which, fix};
use crate::check::{Checked, Circumstances, Files, Finding, check_each, check_pipeline_file};
use crate::format::load::{Listing, LoadError, list};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::source::Source;
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::rewrite::{Rewrite, RewriteError, rewrite};
use crate::repo::worktree::WorkTree;

/// What is to be done about fixes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct FixArgs {
    /// Make the fixes that keep the meaning for certain, and report what is left
    #[arg(long, conflicts_with_all = ["rev", "as_of", "staged", "since"])]
    fix: bool,
    /// Make the fixes that rest on a guess too
    #[arg(long, conflicts_with_all = ["rev", "as_of", "staged", "since"])]
    unsafe_fixes: bool,
    /// Show what --fix would change, as a diff, and change nothing
    #[arg(long, conflicts_with_all = ["rev", "as_of", "staged", "since"])]
    diff: bool,
}

impl FixArgs {
    /// The fixes that are asked for.
    pub fn which(self) -> Option<Which> {
        match self {
            FixArgs { unsafe_fixes: true, .. } => Some(Which::All),
            FixArgs { fix: true, .. } | FixArgs { diff: true, .. } => Some(Which::Safe),
            _ => None,
        }
    }

    /// Whether they are only shown.
    pub fn shows(self) -> bool {
        self.diff
    }
}

/// Where fixes are made, and how that is told.
pub struct Place<'a> {
    /// The pipeline.
    pub home: &'a Home,
    /// Its files.
    pub tree: &'a WorkTree,
    /// What is asked for.
    pub args: FixArgs,
    /// Whether standard output is for a program, so that what was done goes to standard error.
    pub aside: bool,
}

/// Fixes a pipeline file that cannot be used as it is, so that everything else can be looked at.
///
/// # Errors
/// When a file cannot be written, or was changed meanwhile.
pub fn pipeline_file(ui: &mut Ui, place: &Place<'_>) -> Result<(), CommandError> {
    let Some(which) = place.args.which() else { return Ok(()) };
    // Whatever else keeps the pipeline from being read is told by who reads it next.
    let Err(LoadError::Broken { text, problems }) = list(place.tree) else { return Ok(()) };
    let findings = check_pipeline_file(&problems).findings;
    let text_of = |path: &str| (path == PIPELINE_FILE).then(|| text.clone());
    let fixed = fix(&findings, which, &text_of, &mut |texts| {
        Ok::<_, CommandError>(match list(&Changed { source: place.tree, texts }) {
            Err(LoadError::Broken { problems, .. }) => check_pipeline_file(&problems).findings,
            _ => Vec::new(),
        })
    })?;
    carry_out(ui, place, &fixed).map(drop)
}

/// Makes the fixes of these findings, or shows them. Whether a file was changed.
///
/// # Errors
/// When a file cannot be written, or was changed meanwhile (exit code 4).
pub fn deals(
    ui: &mut Ui,
    place: &Place<'_>,
    listing: &Listing,
    checked: &Checked,
    circumstances: &Circumstances<'_>,
    wanted: &dyn Fn(&Finding) -> bool,
) -> Result<bool, CommandError> {
    let Some(which) = place.args.which() else { return Ok(false) };
    let files = Files::of_checked(listing, checked, place.tree);
    let findings: Vec<Finding> = checked.report.findings.iter().filter(|f| wanted(f)).cloned().collect();
    let text_of = |path: &str| files.text(path).map(str::to_owned);
    let fixed = fix(&findings, which, &text_of, &mut |texts| again(place.tree, texts, circumstances))?;
    carry_out(ui, place, &fixed)
}

/// The findings of files with other texts.
fn again(
    tree: &WorkTree,
    texts: &BTreeMap<String, String>,
    circumstances: &Circumstances<'_>,
) -> Result<Vec<Finding>, CommandError> {
    let source = Changed { source: tree, texts };
    let mut listing = list(&source).map_err(|e| CommandError::new(Exit::Io, e.to_string()))?;
    listing.deals.retain(|deal| texts.contains_key(&deal.path));
    Ok(check_each(&listing, &Circumstances { source: &source, ..*circumstances }).report.findings)
}

/// Writes the changed files, or shows them. Whether one was written.
fn carry_out(ui: &mut Ui, place: &Place<'_>, fixed: &Fixed) -> Result<bool, CommandError> {
    for (path, why) in &fixed.taken_back {
        let name = plain(&place.tree.display(path));
        ui.warn(&format!("{name} is not fixed, because it would be wrong in another way then: {}", plain(why)));
    }
    if place.args.shows() {
        for file in &fixed.files {
            ui.print(diff(place.home, file));
        }
        if fixed.count() > 0 {
            ui.note(format!("{} would be made; nothing was changed", in_files(fixed)));
        }
        return Ok(false);
    }
    let files: Vec<Rewrite<'_>> = fixed
        .files
        .iter()
        .map(|f| Rewrite { path: &f.path, was: f.before.as_deref().map(str::as_bytes), becomes: f.after.as_bytes() })
        .collect();
    let mut done = Vec::new();
    let written = rewrite(&place.home.root, &files, &mut |path| done.push(path.to_owned()));
    for file in fixed.files.iter().filter(|file| done.contains(&file.path)) {
        let line = format!("{}: {}", place.tree.display(&file.path), told(&file.titles));
        if place.aside {
            ui.note(plain(&line))
        } else {
            ui.line(plain(&line))
        }
        ui.remember(format!("{} is fixed", plain(&file.path)));
    }
    if written.is_ok() && !done.is_empty() {
        let line = format!("{} made", in_files(fixed));
        if place.aside { ui.note(line) } else { ui.line(line) }
    }
    written?;
    Ok(!done.is_empty())
}

impl From<RewriteError> for CommandError {
    fn from(error: RewriteError) -> Self {
        CommandError::of(error.class(), error.to_string())
    }
}

/// `3 fixes in 2 files`.
fn in_files(fixed: &Fixed) -> String {
    let plural = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    format!("{} in {}", plural(fixed.count(), "fix", "fixes"), plural(fixed.files.len(), "file", "files"))
}

/// Titles in their order, those that come more than once with their number.
fn told(titles: &[String]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for title in titles {
        match counted.iter_mut().find(|(known, _)| known == title) {
            Some((_, count)) => *count += 1,
            None => counted.push((title, 1)),
        }
    }
    let words = counted.iter().map(|(title, count)| match count {
        1 => (*title).to_owned(),
        n => format!("{title} ({n} times)"),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The change as `git diff` would show it.
fn diff(home: &Home, file: &FixedFile) -> String {
    let path = home.in_repository(&file.path);
    let mut out = format!("diff --git a/{path} b/{path}\n");
    if file.before.is_none() {
        out.push_str("new file mode 100644\n");
    }
    let before = file.before.as_deref().unwrap_or_default();
    let old = if file.before.is_some() { format!("a/{path}") } else { "/dev/null".to_owned() };
    let text = similar::TextDiff::from_lines(before, &file.after);
    out.push_str(&text.unified_diff().context_radius(3).header(&old, &format!("b/{path}")).to_string());
    out.lines().map(|line| plain(line) + "\n").collect()
}
