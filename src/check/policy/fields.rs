//! What became of the fields.

use crate::format::ident::StageId;
use crate::format::schema::{FieldSpec, FieldType, find, paths};

use super::Comparison;

impl Comparison<'_> {
    pub(super) fn fields(&mut self) {
        let (base, head) = (self.base, self.head);
        for path in paths(&base.fields) {
            let Some(old) = find(&base.fields, &path) else { continue };
            match find(&head.fields, &path) {
                Some(new) => self.field(&path, old, new),
                None => {
                    let about = format!("fields.{path}");
                    let words = match is_asked(old) {
                        true => format!("the field {path}, which had to be filled, is gone"),
                        false => format!("there is no field {path} any more"),
                    };
                    self.add(about, words, is_asked(old), (old.span, None));
                }
            }
        }
        for path in paths(&head.fields) {
            let Some(new) = find(&head.fields, &path).filter(|_| find(&base.fields, &path).is_none()) else { continue };
            let asked = if is_asked(new) { ", which has to be filled" } else { "" };
            self.add(format!("fields.{path}"), format!("there is a new field {path}{asked}"), false, (None, new.span));
        }
    }

    fn field(&mut self, path: &str, old: &FieldSpec, new: &FieldSpec) {
        let about = format!("fields.{path}");
        let spans = (old.span, new.span);
        // By the later file's order, as a new stage in between changes nothing for a field.
        let now = |stage: &StageId| self.called(stage.as_str()).map_or(stage.as_str(), |now| now).to_owned();
        let (before, after) =
            (old.required_from.as_ref().map(now), new.required_from.as_ref().map(ToString::to_string));
        if old.required != new.required || before != after {
            let word = |required, from: &Option<String>| match from {
                _ if required => "always".to_owned(),
                Some(stage) => format!("from {stage} on"),
                None => "never".to_owned(),
            };
            let (was, is) = (word(old.required, &before), word(new.required, &after));
            let from = |required, stage: &Option<String>| match stage {
                _ if required => Some(0),
                Some(stage) => self.head.stages.iter().position(|s| s.id == *stage.as_str()).map(|at| at + 1),
                None => None,
            };
            let (first, then) = (from(old.required, &before), from(new.required, &after));
            // A stage that is gone cannot be compared.
            let unknown = before.is_some() && first.is_none();
            let weakens = unknown || first.is_some_and(|first| then.is_none_or(|then| then > first));
            if was != is {
                self.add(about.clone(), format!("when {path} has to be filled: {was} → {is}"), weakens, spans);
            }
        }
        match (&old.of, &new.of) {
            (FieldType::Block(_), FieldType::Block(_)) => {}
            (FieldType::List(a), FieldType::List(b))
                if matches!((&**a, &**b), (FieldType::Block(_), FieldType::Block(_))) => {}
            (FieldType::Enum(before), FieldType::Enum(after)) => {
                let only = |these: &[String], others: &[String]| -> Vec<String> {
                    these.iter().filter(|word| !others.contains(word)).cloned().collect()
                };
                let (less, more) = (only(before, after), only(after, before));
                if !more.is_empty() {
                    let words = format!("{path} can be {} now", more.join(", "));
                    self.add(about.clone(), words, true, spans);
                }
                if !less.is_empty() {
                    self.add(about, format!("{path} cannot be {} any more", less.join(", ")), false, spans);
                }
            }
            (before, after) if before != after => {
                let words = format!("{path} is {} now, not {}", after.describe(), before.describe());
                self.add(about, words, true, spans);
            }
            _ => {}
        }
    }
}

fn is_asked(spec: &FieldSpec) -> bool {
    spec.required || spec.required_from.is_some()
}
