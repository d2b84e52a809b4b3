//! What became of the criteria.

use crate::format::pipeline::{Criterion, CriterionTest};

use super::{Asked, Comparison, Spans, asked};

impl Comparison<'_> {
    pub(super) fn criteria(&mut self) {
        let (old, new) = (asked(self.base), asked(self.head));
        for before in &old {
            let spans = (Some(before.criterion.span), None);
            match new.iter().find(|after| after.criterion.id == before.criterion.id) {
                None => {
                    let words = format!("{} is gone: \"{}\"", name(before), before.criterion.text);
                    self.add(about(before), words, true, spans);
                }
                Some(after) => self.criterion(before, after),
            }
        }
        for after in new.iter().filter(|after| !old.iter().any(|before| before.criterion.id == after.criterion.id)) {
            let words = format!("there is a new {}: \"{}\"", name(after), after.criterion.text);
            self.add(about(after), words, false, (None, Some(after.criterion.span)));
        }
    }

    fn criterion(&mut self, before: &Asked<'_>, after: &Asked<'_>) {
        let (old, new) = (before.criterion, after.criterion);
        let spans = (Some(old.span), Some(new.span));
        let (about, name) = (about(after), name(after));
        let same_place = self.called(before.place) == Some(after.place) && before.gate == after.gate;
        if !same_place {
            // Where the old place stands in the new order; one that is gone cannot be compared.
            let places: Vec<_> = self.head.places().map(|place| place.id().as_str()).collect();
            let at = self.called(before.place).and_then(|now| places.iter().position(|place| *place == now));
            let order = at.map(|at| 2 * at + usize::from(before.gate == "exit"));
            let is_end = |at: usize| at / 2 >= self.head.stages.len();
            let later = order.is_none_or(|order| after.order > order || is_end(order) != is_end(after.order));
            let words = format!("{name} was asked for as {} criterion of {} before", before.gate, before.place);
            self.add(about.clone(), words, later, spans);
        }
        if old.level != new.level {
            let words = format!("{name} is of level {} now, not {}", new.level.as_str(), old.level.as_str());
            self.add(about.clone(), words, new.level < old.level, spans);
        }
        if old.waivable != new.waivable {
            let words = if new.waivable { "can be waived now" } else { "cannot be waived any more" };
            self.add(about.clone(), format!("{name} {words}"), new.waivable, spans);
        }
        self.test(&about, &name, (old, new), spans);
        if old.text != new.text {
            self.add(about, format!("{name} reads \"{}\" now, not \"{}\"", new.text, old.text), false, spans);
        }
    }

    fn test(&mut self, about: &str, name: &str, (old, new): (&Criterion, &Criterion), spans: Spans) {
        match (&old.test, &new.test) {
            (CriterionTest::Require(before), CriterionTest::Require(after)) => {
                let only = |these: &[String], others: &[String]| -> Vec<String> {
                    these.iter().filter(|field| !others.contains(field)).cloned().collect()
                };
                let (less, more) = (only(before, after), only(after, before));
                if !less.is_empty() {
                    self.add(about, format!("{name} does not ask for {} any more", less.join(", ")), true, spans);
                }
                if !more.is_empty() {
                    self.add(about, format!("{name} asks for {} too", more.join(", ")), false, spans);
                }
            }
            (CriterionTest::Check(before), CriterionTest::Check(after)) => {
                if before.source() != after.source() {
                    let words =
                        format!("{name} asks otherwise: `{}` → `{}`", line(before.source()), line(after.source()));
                    self.add(about, words, true, spans);
                }
            }
            (CriterionTest::Approval { by, not }, CriterionTest::Approval { by: now, not: not_now }) => {
                if by != now {
                    let who =
                        |by: &Option<String>| by.as_ref().map_or("anybody".to_owned(), |g| format!("the group {g}"));
                    let words = format!("{} may give {name} now, not {}", who(now), who(by));
                    self.add(about, words, by.is_some(), spans);
                }
                match (not, not_now) {
                    (before, after) if before == after => {}
                    (Some(before), None) => {
                        self.add(about, format!("the {before} too may give {name} now"), true, spans);
                    }
                    (_, Some(after)) => {
                        let words = format!("the {after} may not give {name} any more");
                        self.add(about, words, not.is_some(), spans);
                    }
                    (None, None) => {}
                }
            }
            (_, _) => {
                let words = format!("{name} asks {} now, not {}", what(&new.test), what(&old.test));
                self.add(about, words, true, spans);
            }
        }
    }
}

fn about(asked: &Asked<'_>) -> String {
    format!("{}.{}.{}", asked.place, asked.gate, asked.criterion.id)
}

fn name(asked: &Asked<'_>) -> String {
    format!("{} criterion {} of {}", asked.gate, asked.criterion.id, asked.place)
}

fn what(test: &CriterionTest) -> String {
    match test {
        CriterionTest::Require(fields) => format!("for {}", fields.join(", ")),
        CriterionTest::Check(expression) => format!("that `{}`", line(expression.source())),
        CriterionTest::Approval { by: Some(group), .. } => format!("for an approval by the group {group}"),
        CriterionTest::Approval { by: None, .. } => "for an approval".to_owned(),
    }
}

/// An expression on one line.
fn line(source: &str) -> String {
    source.split_whitespace().collect::<Vec<_>>().join(" ")
}
