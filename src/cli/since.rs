//! `validate --since`: what a change did, judged by the file that was in force before it where that is asked for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clap::ValueEnum;

use super::exit::{CommandError, Exit};
use super::ui::Ui;
use crate::check::fingerprint::fingerprints;
use crate::check::{Checked, Circumstances, Finding, Report, check_each};
use crate::format::ident::DealId;
use crate::format::load::{Listing, LoadError, list, list_by};
use crate::format::pipeline::{PIPELINE_FILE, Pipeline};
use crate::format::source::Source;
use crate::format::span::Span;
use crate::history::HistoryError;
use crate::history::range::{Between, between};
use crate::repo::discover::Home;
use crate::repo::error::RepoError;
use crate::repo::git::Git;
use crate::repo::objects::{GitObjects, ObjectId, Objects};
use crate::repo::range::{Range, range};
use crate::repo::revision::{differing_paths, is_shallow, resolve};
use crate::repo::snapshot::Snapshot;

mod moves;
mod policy;
mod removed;
mod silenced;

/// Whose pipeline file judges a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Trust {
    /// The one before the change
    Base,
    /// The change's own
    Head,
}

/// What a change is compared with.
#[derive(Debug, clap::Args)]
pub(super) struct SinceArgs {
    /// Show only what changed since the branch left this one, and judge every move since then
    #[arg(long, value_name = "REV", conflicts_with_all = ["as_of", "changed"])]
    pub(super) since: Option<String>,
    /// With --since: judge by the pipeline file from before the change or by the change's own [default: base where CI is
    /// set, else head]
    #[arg(long, value_name = "WHOSE", requires = "since", value_enum)]
    trust: Option<Trust>,
}

/// A change: what lies between the commit where the branch left another one and what is checked.
pub(super) struct Since<'h> {
    home: &'h Home,
    /// The pipeline as it was in the beginning; `None` where there was none.
    base: Option<Base>,
    commit: ObjectId,
    between: Between,
    /// Files that are not committed as they are.
    uncommitted: BTreeSet<String>,
    trust: Trust,
}

/// The pipeline before the change.
struct Base {
    home: Home,
    /// `None` where its file cannot be read.
    pipeline: Option<Pipeline>,
    /// The text of its file.
    text: String,
}

/// The pipeline by which a change is judged, and the change's own where that is another one.
pub(super) struct Judging {
    /// The deals of the change, in the stages of the file that judges.
    pub(super) listing: Listing,
    /// The same by the change's own file.
    pub(super) own: Option<Listing>,
}

impl<'h> Since<'h> {
    /// What changed up to `tip` since it left the branch that was named; `None` where none was. With `pure`, nothing but
    /// commits is looked at.
    ///
    /// # Errors
    /// When the branch is not there or shares no history, and when this clone does not reach so far back.
    pub(super) fn find(
        home: &'h Home,
        args: &SinceArgs,
        tip: Option<ObjectId>,
        pure: bool,
    ) -> Result<Option<Since<'h>>, CommandError> {
        let Some(name) = &args.since else { return Ok(None) };
        let Some(tip) = tip else {
            return Err(CommandError::usage("there is no commit yet, so nothing changed since one"));
        };
        let shallow = is_shallow(home)?;
        let cut_off = |what: String| {
            CommandError::new(Exit::Incomplete, what).hint(
                "this clone is shallow: `git fetch --unshallow` gets the rest, in CI check out with `fetch-depth: 0`",
            )
        };
        let other = match resolve(home, name) {
            Err(error @ RepoError::BadRevision { .. }) if shallow => return Err(cut_off(error.to_string())),
            other => other?,
        };
        let Some(Range { base, commits }) = range(&Git::new(home)?, other, tip)? else {
            let what = format!("{name} and what is checked have no commit in common");
            return Err(if shallow { cut_off(what) } else { CommandError::usage(what) });
        };
        let repository = home.place()?.open()?;
        let objects = GitObjects::open(&repository)?;
        if shallow {
            // At the edge a commit seems to have no parents, and what it brought cannot be told from what was there.
            for id in &commits {
                let commit = objects.commit(*id).map_err(|source| HistoryError::Object { commit: *id, source })?;
                if commit.parents.is_empty() {
                    return Err(cut_off(format!("what changed since {name} reaches beyond what this clone has")));
                }
            }
        }
        let between = between(&objects, base, tip, &commits, &home.prefix)?;
        drop(objects);
        drop(repository);
        let before = match &between.base_prefix {
            Some(prefix) => Some(Base::read(home, prefix, base)?),
            None => None,
        };
        let uncommitted = if pure { BTreeSet::new() } else { differing_paths(home)? };
        let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "false" | "0"));
        let trust = args.trust.unwrap_or(if in_ci { Trust::Base } else { Trust::Head });
        Ok(Some(Since { home, base: before, commit: base, between, uncommitted, trust }))
    }

    /// The deals by the file that judges them. `own` are those that a source has by its own.
    ///
    /// # Errors
    /// When the source cannot be listed.
    pub(super) fn judging(&self, own: Listing, source: &dyn Source) -> Result<Judging, CommandError> {
        let before = self.base.as_ref().filter(|base| self.trust == Trust::Base && base.text != own.pipeline_text);
        let Some(pipeline) = before.and_then(|base| base.pipeline.as_ref()) else {
            return Ok(Judging { listing: own, own: None });
        };
        let listing = list_by(source, policy::with_new_names(pipeline, &own.pipeline))
            .map_err(|error| CommandError::new(Exit::Io, error.to_string()))?;
        Ok(Judging { listing, own: Some(own) })
    }

    /// The commit before the change, where what was in force there judges it.
    pub(super) fn trusted_commit(&self) -> Option<ObjectId> {
        (self.trust == Trust::Base).then_some(self.commit)
    }

    /// Says whose file judges, where that is not plain.
    pub(super) fn tell(&self, ui: &mut Ui, judging_base: bool) {
        let short = self.commit.short();
        let why = match &self.base {
            _ if judging_base => {
                return ui.note(format!(
                    "judged by the pipeline file of {short}, from before this change; `--trust head` takes the change's own"
                ));
            }
            None => "there is no pipeline",
            Some(Base { pipeline: None, .. }) => "the pipeline file cannot be read",
            Some(_) => return,
        };
        ui.note(format!("{why} in {short}, from before this change, so it is judged by its own pipeline file"));
    }

    /// Makes the report of everything one of the change: what was there before in deals that it leaves alone is taken out,
    /// and what only the way to this state shows is added.
    ///
    /// # Errors
    /// When an earlier state cannot be read.
    pub(super) fn narrow(
        &self,
        listing: &Listing,
        own: Option<&Listing>,
        circumstances: &Circumstances<'_>,
        checked: &mut Checked,
    ) -> Result<(), CommandError> {
        let report = &mut checked.report;
        if let Some(own) = own {
            policy::of_own_file(own, circumstances, report);
            policy::with_new_words(own, circumstances, report, &|finding| self.touches(finding));
        }
        self.pass_over(circumstances, report)?;
        let moves = moves::unearned(self, listing, report)?;
        report.add(&listing.pipeline, moves);
        report.add(&listing.pipeline, removed::removed(self, listing)?);
        if let Some(Base { pipeline: Some(base), text, .. }) = &self.base {
            let (head, head_text) =
                own.map_or((&listing.pipeline, &listing.pipeline_text), |o| (&o.pipeline, &o.pipeline_text));
            if text != head_text {
                // By the levels of the file before, so that none can switch off what tells of it.
                report.add(base, policy::changes(base, head));
            }
            let silenced = silenced::silenced(self, listing, circumstances)?;
            report.add(base, silenced.findings);
            let known: BTreeSet<String> = checked.texts.iter().map(|(path, _)| path.clone()).collect();
            checked.texts.extend(silenced.texts.into_iter().filter(|(path, _)| !known.contains(path)));
        }
        Ok(())
    }

    /// Whether the change has a part in the deal or the file that a finding is about.
    fn touches(&self, finding: &Finding) -> bool {
        let of_deal = |deal: &DealId| self.between.changed.contains_key(deal);
        finding.deal.as_ref().is_some_and(of_deal)
            || self.uncommitted.contains(&finding.path)
            || finding.related.iter().any(|r| r.path != PIPELINE_FILE && self.uncommitted.contains(&r.path))
    }

    /// Takes out what the change has no part in and what was wrong before. What is new all the same stays: a stricter file
    /// makes findings in deals that nobody touched, and so does a removed deal that others name.
    fn pass_over(&self, circumstances: &Circumstances<'_>, report: &mut Report) -> Result<(), CommandError> {
        if report.findings.iter().all(|finding| self.touches(finding)) {
            return Ok(());
        }
        // Of all others nobody asks how they were.
        let ids: BTreeSet<&DealId> =
            report.findings.iter().filter(|f| !self.touches(f)).filter_map(|f| f.deal.as_ref()).collect();
        let known: HashSet<String> = match &self.base {
            Some(base) => base.findings(self.commit, &ids, circumstances)?,
            None => HashSet::new(),
        };
        let prints = fingerprints(report);
        let mut prints = prints.iter();
        report.retain(|finding| prints.next().is_none_or(|print| !known.contains(print)) || self.touches(finding));
        Ok(())
    }
}

impl Base {
    /// The pipeline that lies in the folder `prefix` at a commit.
    fn read(home: &Home, prefix: &str, commit: ObjectId) -> Result<Base, CommandError> {
        let root = match home.place()?.workdir.as_ref().filter(|_| *prefix != home.prefix) {
            Some(workdir) => workdir.join(prefix),
            None => home.root.clone(),
        };
        let home = Home { root, repo: home.repo.clone(), prefix: prefix.to_owned() };
        // With the files beside it, as the exchange rates lie there.
        let snapshot = Snapshot::of_folder(&home, commit, "")?;
        let (pipeline, text) = match list(&snapshot) {
            Ok(listing) => (Some(listing.pipeline), listing.pipeline_text),
            Err(LoadError::Broken { text, .. }) => (None, text),
            Err(LoadError::NoPipeline) => (None, String::new()),
            Err(error @ LoadError::Io { .. }) => return Err(CommandError::new(Exit::Io, error.to_string())),
        };
        Ok(Base { home, pipeline, text })
    }

    /// The fingerprints of what was wrong in the beginning, in these deals and in what is no deal.
    fn findings(
        &self,
        commit: ObjectId,
        deals: &BTreeSet<&DealId>,
        circumstances: &Circumstances<'_>,
    ) -> Result<HashSet<String>, CommandError> {
        let snapshot = Snapshot::of_commit(&self.home, commit)?;
        let Ok(mut listing) = list(&snapshot) else { return Ok(HashSet::new()) };
        listing.deals.retain(|deal| deals.contains(&deal.id));
        let report = check_each(&listing, &Circumstances { source: &snapshot, ..*circumstances }).report;
        Ok(fingerprints(&report).into_iter().collect())
    }
}

/// The ids that deals of the beginning have in the end.
fn called_now<'b>(renamed: &'b BTreeMap<DealId, DealId>, deal: &'b DealId) -> &'b DealId {
    let mut deal = deal;
    // As many names as there are, so that a circle of them comes to an end.
    for _ in 0..renamed.len() {
        match renamed.get(deal) {
            Some(now) => deal = now,
            None => break,
        }
    }
    deal
}

/// What a finding may be told of where its own place is in another version of a file: the whole file.
const NOWHERE: Span = Span { start: 0, end: 0 };
