//! What rules look at: the pipeline with what is worked out once for all rules, and the same for one deal.

use std::collections::BTreeSet;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::judge::{self, Demand, Outcome};
use crate::format::load::{Listing, Reading, Stray, Unreadable};
use crate::format::pipeline::{Pipeline, Place, Status};
use crate::format::rates::RatesFile;
use crate::format::schema::FieldType;
use crate::format::span::Span;
use crate::format::tree::{Entry, Mapping, NodeKind};

use super::finding::Finding;
use super::rule::Rule;
use super::{Circumstances, WHOLE_FILE};

/// How many ids on each side are worth a look.
const IDS_BESIDE: usize = 30;

/// A pipeline as rules see it.
pub(super) struct Ground<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) pipeline_text: &'a str,
    pub(super) rates: Option<&'a RatesFile>,
    pub(super) strays: &'a [Stray],
    pub(super) without_placeholder: &'a [StageId],
    pub(super) circumstances: &'a Circumstances<'a>,
    /// The ids of all deal files, sorted, of those too that could not be read.
    names: &'a [DealId],
    /// The deals that were read, in their order. Empty while rules look at one deal after the other.
    pub(super) deals: Vec<Known<'a>>,
    /// The deal files that could not be read. Empty while rules look at one deal after the other.
    pub(super) unreadable: &'a [Unreadable],
}

/// What is known of a deal whose file need not be at hand any more.
pub(super) struct Known<'a> {
    pub(super) path: &'a str,
    pub(super) stage: &'a StageId,
    pub(super) id: &'a DealId,
}

impl<'a> Ground<'a> {
    pub(super) fn of_reading(reading: &'a Reading, circumstances: &'a Circumstances<'a>) -> Self {
        let known = |d: &'a Deal| Known { path: &d.path, stage: &d.stage, id: &d.id };
        Ground {
            pipeline: &reading.pipeline,
            pipeline_text: &reading.pipeline_text,
            rates: reading.rates.as_ref(),
            strays: &reading.strays,
            without_placeholder: &reading.without_placeholder,
            circumstances,
            names: &reading.names,
            deals: reading.deals.iter().map(known).collect(),
            unreadable: &reading.unreadable,
        }
    }

    /// Before any deal is read.
    pub(super) fn of_listing(listing: &'a Listing, circumstances: &'a Circumstances<'a>) -> Self {
        Ground {
            pipeline: &listing.pipeline,
            pipeline_text: &listing.pipeline_text,
            rates: listing.rates.as_ref(),
            strays: &listing.strays,
            without_placeholder: &listing.without_placeholder,
            circumstances,
            names: &listing.names,
            deals: Vec::new(),
            unreadable: &[],
        }
    }

    /// After all deals were read, but for those that could not be.
    pub(super) fn after(self, listing: &'a Listing, unreadable: &'a [Unreadable]) -> Self {
        let broken: BTreeSet<&str> = unreadable.iter().map(|u| u.path.as_str()).collect();
        let read = listing.deals.iter().filter(|d| !broken.contains(d.path.as_str()));
        let deals = read.map(|d| Known { path: &d.path, stage: &d.stage, id: &d.id }).collect();
        Ground { deals, unreadable, ..self }
    }

    /// Whether some file is the deal of this id.
    pub(super) fn has_deal(&self, id: &str) -> bool {
        self.names.binary_search_by(|name| name.as_str().cmp(id)).is_ok()
    }

    /// The ids that have more than one file.
    pub(super) fn twins(&self) -> BTreeSet<&'a DealId> {
        self.names.windows(2).filter_map(|pair| pair.first().filter(|first| Some(*first) == pair.last())).collect()
    }

    /// The ids that stand next to this one in the alphabet: they share most of its beginning, so that one of them is
    /// meant by a slip of the pen, and many broken links do not each search all deals.
    pub(super) fn ids_beside(&self, id: &DealId) -> impl Iterator<Item = &str> {
        let (before, after) = self.names.split_at(self.names.partition_point(|name| name < id));
        before.iter().rev().take(IDS_BESIDE).chain(after.iter().take(IDS_BESIDE)).map(DealId::as_str)
    }

    pub(super) fn pipeline(&self) -> &'a Pipeline {
        self.pipeline
    }

    /// What messages call a path below the pipeline's folder.
    pub(super) fn name(&self, path: &str) -> String {
        self.circumstances.source.display(path)
    }
}

/// A deal as rules see it.
pub(super) struct DealGround<'a> {
    pub(super) ground: &'a Ground<'a>,
    pub(super) deal: &'a Deal,
    /// Where it stands; `None` in a folder that is no stage.
    pub(super) place: Option<Place<'a>>,
    /// Every criterion that its place asks for, judged.
    pub(super) judgements: Vec<(Demand<'a>, Outcome)>,
}

impl<'a> DealGround<'a> {
    pub(super) fn new(ground: &'a Ground<'a>, deal: &'a Deal) -> Self {
        let place = ground.pipeline().place(deal.stage.as_str());
        let mut this = DealGround { ground, deal, place, judgements: Vec::new() };
        this.judgements = place.map(|p| this.judged(p)).unwrap_or_default();
        this
    }

    fn visited(&self) -> Option<&'a [StageId]> {
        self.ground.circumstances.visited.and_then(|v| v.get(&self.deal.id)).map(Vec::as_slice)
    }

    /// What the judgement of this deal may know.
    pub(super) fn circumstances(&self) -> judge::Circumstances<'a> {
        let known = self.ground.circumstances;
        judge::Circumstances {
            today: known.today,
            source: known.source,
            days_in_stage: known.days_in_stage.and_then(|d| d.get(&self.deal.id)).copied(),
            visited: self.visited(),
        }
    }

    fn judged(&self, place: Place<'a>) -> Vec<(Demand<'a>, Outcome)> {
        let (pipeline, circumstances) = (self.ground.pipeline(), self.circumstances());
        judge::demands(pipeline, self.deal, place, self.visited())
            .into_iter()
            .map(|d| (d, judge::judge(pipeline, self.deal, d.criterion, &circumstances)))
            .collect()
    }

    /// Whether the deal counts as open in a stage of this pipeline.
    pub(super) fn is_open(&self) -> bool {
        self.place.is_some() && self.ground.pipeline().status(&self.deal.stage) == Status::Open
    }

    /// A finding about this deal.
    pub(super) fn finding(&self, rule: &'static Rule, span: Span, message: impl Into<String>) -> Finding {
        Finding::new(rule, self.deal.path.as_str(), span, message).with_deal(Some(self.deal.id.clone()))
    }

    /// The key at a dotted path, whether or not its value could be used.
    pub(super) fn entry(&self, path: &str) -> Option<&'a Entry> {
        entry_at(&self.deal.document.root, path)
    }

    /// Whether something is written at a dotted path that reading had to refuse. It has its own finding, so that a rule
    /// that asks for the field need not say that it is missing.
    pub(super) fn is_refused(&self, path: &str) -> bool {
        let inside = |field: &str| field == path || field.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        let above = |field: &str| path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
        self.deal.value(path).is_none()
            && self.deal.problems.iter().filter_map(|p| p.field.as_deref()).any(|f| inside(f) || above(f))
    }

    /// How to fill fields: the command, and for a single field what may stand in it.
    pub(super) fn how_to_set(&self, fields: &[String]) -> String {
        let spec = |field: &str| self.ground.pipeline().field(field).map(|s| &s.of);
        if fields.iter().any(|f| spec(f).is_none()) {
            return "write it into the file".to_owned();
        }
        let value = |field: &str| match spec(field) {
            Some(FieldType::Date) => "YYYY-MM-DD",
            Some(FieldType::Person) => "NAME",
            Some(FieldType::Text) => "\"…\"",
            _ => "…",
        };
        let arguments: Vec<String> = fields.iter().map(|f| format!("{f}={}", value(f))).collect();
        let set = format!("`tussock set {} {}`", self.deal.id, arguments.join(" "));
        match fields {
            [field] => match spec(field).filter(|of| **of != FieldType::Text) {
                Some(of) => format!("{set}, or write it into the file: {}", of.describe()),
                None => format!("{set}, or write it into the file"),
            },
            _ => format!("{set}, or write them into the file"),
        }
    }

    /// Where to point for a field that is missing: its empty key, else the nearest block that should hold it, else the
    /// whole file.
    pub(super) fn nearest_place(&self, path: &str) -> Span {
        let mut path = path;
        loop {
            if let Some(entry) = self.entry(path) {
                return entry.key_span;
            }
            match path.rsplit_once('.') {
                Some((above, _)) => path = above,
                None => return WHOLE_FILE,
            }
        }
    }
}

fn entry_at<'t>(mapping: &'t Mapping, path: &str) -> Option<&'t Entry> {
    match path.split_once('.') {
        None => mapping.entry(path),
        Some((first, rest)) => match &mapping.entry(first)?.value.kind {
            NodeKind::Mapping(inner) => entry_at(inner, rest),
            _ => None,
        },
    }
}
