//! What a change of `pipeline.yaml` does to what is asked of deals: which criteria went, which levels fell, which limits
//! rose. Whoever reviews a change has to see that before anything else, as every other finding is judged by this file.

use std::collections::BTreeSet;

use crate::format::date::Period;
use crate::format::pipeline::{Criterion, ExtraFields, Pipeline, RuleLevel, Stage};
use crate::format::span::Span;

use super::rule;

mod criteria;
mod fields;

/// One difference between two versions of a pipeline file. Its words may hold anything that stands in the files: every
/// sink escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// What it is about, as a path in the file: `brief.exit.inputs-collected`, `fields.amount`, `rules.stale-deal`.
    pub about: String,
    /// What changed, in one sentence without a full stop.
    pub words: String,
    /// Whether less may be asked of deals than before, or cannot be compared with what was asked.
    pub weakens: bool,
    /// Where it stands in the earlier file; `None` where it does not, or nowhere in particular.
    pub before: Option<Span>,
    /// Where it stands in the later file.
    pub after: Option<Span>,
}

/// What the file `head` asks otherwise than the file `base`: first what weakens, then the rest, each in the order of the
/// files. What only people read (titles, helps) is left out.
pub fn compare(base: &Pipeline, head: &Pipeline) -> Vec<PolicyChange> {
    let mut comparison = Comparison { base, head, changes: Vec::new() };
    comparison.stages();
    comparison.ends();
    comparison.criteria();
    comparison.groups();
    comparison.fields();
    comparison.rules();
    comparison.numbers();
    let mut changes = comparison.changes;
    changes.sort_by_key(|change| !change.weakens);
    changes
}

struct Comparison<'p> {
    base: &'p Pipeline,
    head: &'p Pipeline,
    changes: Vec<PolicyChange>,
}

/// Where a thing stands in the two files.
type Spans = (Option<Span>, Option<Span>);

impl<'p> Comparison<'p> {
    fn add(&mut self, about: impl Into<String>, words: String, weakens: bool, (before, after): Spans) {
        self.changes.push(PolicyChange { about: about.into(), words, weakens, before, after });
    }

    /// What the place of this id in the earlier file is called in the later one; `None` where it is gone.
    fn called(&self, id: &str) -> Option<&'p str> {
        self.head.current_name(id).map(|id| id.as_str())
    }

    fn stages(&mut self) {
        let (base, head) = (self.base, self.head);
        let mut kept: Vec<&str> = Vec::new();
        for old in &base.stages {
            let id = old.id.as_str();
            let now = self.called(id).and_then(|now| head.stages.iter().find(|stage| stage.id == *now));
            let Some(new) = now else {
                self.add(
                    id,
                    format!("the stage {id} is gone, and what it asked for with it"),
                    true,
                    (Some(old.span), None),
                );
                continue;
            };
            kept.push(new.id.as_str());
            if new.id != old.id {
                let words = format!("the stage {id} is called {} now", new.id);
                self.add(new.id.as_str(), words, false, (Some(old.span), Some(new.span)));
            }
            self.stage(old, new);
        }
        let order: Vec<&str> = head.stages.iter().map(|s| s.id.as_str()).filter(|id| kept.contains(id)).collect();
        if order != kept {
            let words = format!("the stages are in another order: {}", order.join(", "));
            self.add("stages", words, true, (None, None));
        }
        for new in head.stages.iter().filter(|stage| !kept.contains(&stage.id.as_str())) {
            self.add(new.id.as_str(), format!("there is a new stage {}", new.id), false, (None, Some(new.span)));
        }
    }

    fn stage(&mut self, old: &Stage, new: &Stage) {
        let id = new.id.as_str();
        let spans = (Some(old.span), Some(new.span));
        let limits = [
            ("limit", "how long a deal may lie in", old.limit, new.limit),
            ("sla", "how long the first answer may take in", old.sla, new.sla),
        ];
        for (key, what, before, after) in limits {
            if before != after {
                let weakens = before.is_some_and(|before| after.is_none_or(|after| after > before));
                let words = format!("{what} {id} ({key}): {}", from_to(before, after));
                self.add(format!("{id}.{key}"), words, weakens, spans);
            }
        }
        if old.optional != new.optional {
            let words = match new.optional {
                true => format!("deals may skip the stage {id} now, and what it asks for with it"),
                false => format!("deals may not skip the stage {id} any more"),
            };
            self.add(format!("{id}.optional"), words, new.optional, spans);
        }
        if old.probability != new.probability {
            let share = |p: Option<f64>| p.map_or("none".to_owned(), |p| format!("{:.4}", p * 100.0));
            let short = |p| share(p).trim_end_matches('0').trim_end_matches('.').to_owned();
            let words = format!(
                "the chance of {id} before there is experience (probability, in %): {} → {}",
                short(old.probability),
                short(new.probability)
            );
            self.add(format!("{id}.probability"), words, false, spans);
        }
        if old.decided_in != new.decided_in {
            let words = format!("how long it takes in {id} (decided_in): {}", from_to(old.decided_in, new.decided_in));
            self.add(format!("{id}.decided_in"), words, false, spans);
        }
    }

    fn ends(&mut self) {
        let (base, head) = (self.base, self.head);
        let mut kept: BTreeSet<&str> = BTreeSet::new();
        for old in &base.ends {
            let id = old.id.as_str();
            let now = self.called(id).and_then(|now| head.ends.iter().find(|end| end.id == *now));
            let Some(new) = now else {
                self.add(
                    id,
                    format!("the end {id} is gone, and what it asked for with it"),
                    true,
                    (Some(old.span), None),
                );
                continue;
            };
            kept.insert(new.id.as_str());
            let spans = (Some(old.span), Some(new.span));
            if new.id != old.id {
                self.add(new.id.as_str(), format!("the end {id} is called {} now", new.id), false, spans);
            }
            if new.kind != old.kind {
                let word = |kind| format!("{kind:?}").to_lowercase();
                let words = format!("the end {} counts as {} now, not as {}", new.id, word(new.kind), word(old.kind));
                self.add(format!("{}.kind", new.id), words, true, spans);
            }
        }
        for new in head.ends.iter().filter(|end| !kept.contains(end.id.as_str())) {
            let words =
                format!("there is a new end {}, which counts as {}", new.id, format!("{:?}", new.kind).to_lowercase());
            self.add(new.id.as_str(), words, false, (None, Some(new.span)));
        }
    }

    fn groups(&mut self) {
        let (base, head) = (self.base, self.head);
        let names: BTreeSet<&String> = base.groups.keys().chain(head.groups.keys()).collect();
        let none = Vec::new();
        for name in names {
            let (old, new) = (base.groups.get(name).unwrap_or(&none), head.groups.get(name).unwrap_or(&none));
            for member in new.iter().filter(|member| !old.contains(member)) {
                let words = format!("{member} belongs to the group {name} now, and may approve what it may");
                self.add(format!("groups.{name}"), words, base.groups.contains_key(name), (None, None));
            }
            for member in old.iter().filter(|member| !new.contains(member)) {
                let words = format!("{member} does not belong to the group {name} any more");
                self.add(format!("groups.{name}"), words, false, (None, None));
            }
        }
    }

    fn rules(&mut self) {
        let (base, head) = (self.base, self.head);
        let ids: BTreeSet<&String> = base.rules.keys().chain(head.rules.keys()).collect();
        for id in ids {
            let usual = || rule::find(id).map_or("error", |rule| rule.default_level());
            let level = |pipeline: &Pipeline| pipeline.rules.get(id).map_or(usual(), |level| level.as_str());
            let (old, new) = (level(base), level(head));
            if old != new {
                let words = format!("findings of the rule {id} are of level {new} now, not {old}");
                self.add(format!("rules.{id}"), words, rank(new) < rank(old), (None, None));
            }
        }
        let free = |extra: ExtraFields| match extra {
            ExtraFields::Deny => 2,
            ExtraFields::Warn => 1,
            ExtraFields::Allow => 0,
        };
        let word = |extra: ExtraFields| format!("{extra:?}").to_lowercase();
        if base.extra_fields != head.extra_fields {
            let (old, new) = (base.extra_fields, head.extra_fields);
            let words = format!("fields that nobody declared (extra_fields): {} → {}", word(old), word(new));
            self.add("extra_fields", words, free(new) < free(old), (None, None));
        }
        if base.won_at != head.won_at {
            let word = |at: &Option<_>| at.as_ref().map_or("the end alone".to_owned(), ToString::to_string);
            let words =
                format!("from where on deals count as won (won_at): {} → {}", word(&base.won_at), word(&head.won_at));
            self.add("won_at", words, true, (None, None));
        }
    }

    /// What sums, days and forecasts are made with. It asks nothing of deals, and changes what is reported of them.
    fn numbers(&mut self) {
        let (base, head) = (self.base, self.head);
        let none = || "none".to_owned();
        let texts = [
            ("currency", "the currency", base.currency.code().to_owned(), head.currency.code().to_owned()),
            ("timezone", "the time zone", base.timezone.name().to_owned(), head.timezone.name().to_owned()),
            (
                "rates",
                "the file of exchange rates",
                base.rates.clone().unwrap_or_else(none),
                head.rates.clone().unwrap_or_else(none),
            ),
            (
                "fiscal_year_start",
                "the first month of the fiscal year",
                base.fiscal_year_start.to_string(),
                head.fiscal_year_start.to_string(),
            ),
        ];
        for (about, what, old, new) in texts.into_iter().filter(|(_, _, old, new)| old != new) {
            self.add(about, format!("{what}: {old} → {new}"), false, (None, None));
        }
        if base.calendar != head.calendar {
            self.add("calendar", "the working hours or holidays are others".to_owned(), false, (None, None));
        }
        if base.forecast != head.forecast {
            self.add("forecast", "the settings of the forecast are others".to_owned(), false, (None, None));
        }
        let key = |target: &crate::format::target::Target| (target.span.from, target.span.to);
        let mut spans: BTreeSet<_> = base.targets.iter().map(key).collect();
        spans.extend(head.targets.iter().map(key));
        for span in spans {
            let of =
                |pipeline: &Pipeline| pipeline.targets.iter().find(|t| key(t) == span).map(|t| t.amount.normalize());
            let (old, new) = (of(base), of(head));
            if old != new {
                let word =
                    |amount: Option<rust_decimal::Decimal>| amount.map_or_else(none, |amount| amount.to_string());
                let words = format!("the target from {} to {}: {} → {}", span.0, span.1, word(old), word(new));
                self.add("targets", words, false, (None, None));
            }
        }
    }
}

/// What became of a length of time.
fn from_to(before: Option<Period>, after: Option<Period>) -> String {
    let word = |period: Option<Period>| period.map_or("none".to_owned(), |period| period.to_string());
    format!("{} → {}", word(before), word(after))
}

/// Levels in their order, by their words.
fn rank(level: &str) -> usize {
    [RuleLevel::Off, RuleLevel::Info, RuleLevel::Warning, RuleLevel::Error]
        .iter()
        .position(|known| known.as_str() == level)
        .unwrap_or_default()
}

/// A criterion with the place and the gate that ask for it: `brief.exit`.
struct Asked<'p> {
    criterion: &'p Criterion,
    place: &'p str,
    gate: &'static str,
    /// Where in the order of the file its place stands; ends come after all stages.
    order: usize,
}

/// All criteria of a pipeline.
fn asked(pipeline: &Pipeline) -> Vec<Asked<'_>> {
    let mut all = Vec::new();
    for (order, place) in pipeline.places().enumerate() {
        let exits: &[Criterion] = match place {
            crate::format::pipeline::Place::Stage(_, stage) => &stage.exit,
            crate::format::pipeline::Place::End(_) => &[],
        };
        let place_id = place.id().as_str();
        let of = |criterion, gate, order| Asked { criterion, place: place_id, gate, order };
        all.extend(place.entry().iter().map(|criterion| of(criterion, "entry", 2 * order)));
        all.extend(exits.iter().map(|criterion| of(criterion, "exit", 2 * order + 1)));
    }
    all
}

#[cfg(test)]
mod tests;
