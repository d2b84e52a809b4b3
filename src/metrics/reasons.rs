//! Where deals say why they ended.
//!
//! Pipelines name their fields as they like, and most keep what belongs to an end in a block of its name: `lost.reason`.
//! So a deal's answer is looked for, in this order, in the field of that name in the block named as the end, or as the
//! end's kind; then in a field at the top that joins the two (`lost_reason`); then in a field of that name at the top; and
//! for the reason last in the fields that must be filled to enter the end.

use crate::format::deal::Deal;
use crate::format::pipeline::{CriterionTest, End, EndKind, Pipeline};
use crate::format::schema::FieldType;

use super::snapshot::field_text;

/// The fields that may hold something that is said of an end, the first first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked(Vec<String>);

impl Asked {
    /// Why.
    pub fn reason(pipeline: &Pipeline, end: &End) -> Asked {
        let mut paths = named(end, &["reason"]);
        for criterion in &end.entry {
            let CriterionTest::Require(required) = &criterion.test else { continue };
            let is_text = |path: &String| {
                matches!(pipeline.field(path).map(|f| &f.of), Some(FieldType::Text | FieldType::Enum(_)))
            };
            paths.extend(required.iter().filter(|path| is_text(path)).cloned());
        }
        Asked(paths)
    }

    /// To whom it was lost.
    pub fn competitor(end: &End) -> Asked {
        Asked(named(end, &["competitor", "competitors"]))
    }

    /// What else was noted.
    pub fn note(end: &End) -> Asked {
        Asked(named(end, &["note"]))
    }

    /// What a deal says.
    pub fn answer(&self, deal: &Deal) -> Option<String> {
        self.0.iter().find_map(|path| field_text(deal, path)).map(|text| text.trim().to_owned())
    }

    /// Those of the fields that the pipeline declares, in order.
    pub fn declared(&self, pipeline: &Pipeline) -> Vec<String> {
        let mut declared: Vec<String> = Vec::new();
        for path in &self.0 {
            if pipeline.field(path).is_some() && !declared.contains(path) {
                declared.push(path.clone());
            }
        }
        declared
    }
}

fn named(end: &End, words: &[&str]) -> Vec<String> {
    let kind = match end.kind {
        EndKind::Won => "won",
        EndKind::Lost => "lost",
        EndKind::Recycled => "recycled",
    };
    let mut paths = Vec::new();
    for joint in [".", "_"] {
        for of in [end.id.as_str(), kind] {
            paths.extend(words.iter().map(|word| format!("{of}{joint}{word}")));
        }
    }
    // A note at the top of a card is about the deal, not about its end.
    paths.extend(words.iter().filter(|word| **word != "note").map(|word| (*word).to_owned()));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::pipeline_file::read;
    use crate::format::span::Span;
    use crate::format::value::{Block, Field, Value};
    use crate::metrics::fixture::{deal, text, with};

    fn pipeline(ends: &str, fields: &str) -> Pipeline {
        let text = format!(
            "version: 1\ncurrency: EUR\nwon_at: a\nstages: [{{id: a}}]\nends: [{ends}]\nfields: {{{fields}}}\n"
        );
        read(text.as_bytes()).unwrap().0
    }

    fn in_block(block: &str, name: &str, said: &str) -> Deal {
        let field = Field { value: text(said), span: Span::default() };
        let block_of = Block { entries: vec![(name.to_owned(), Span::default(), field)] };
        with(deal("x", "gone"), block, Value::Block(block_of))
    }

    #[test]
    fn the_block_of_the_end_comes_first_then_that_of_its_kind_then_the_top() {
        let pipeline = pipeline("{id: gone, kind: lost}", "gone: {reason: text}, reason: text");
        let asked = Asked::reason(&pipeline, &pipeline.ends[0]);
        assert_eq!(asked.declared(&pipeline), ["gone.reason", "reason"]);
        assert_eq!(asked.answer(&in_block("gone", "reason", " price ")).as_deref(), Some("price"));
        assert_eq!(asked.answer(&in_block("lost", "reason", "price")).as_deref(), Some("price"));
        assert_eq!(asked.answer(&with(deal("x", "gone"), "lost_reason", text("late"))).as_deref(), Some("late"));
        assert_eq!(asked.answer(&with(deal("x", "gone"), "reason", text("late"))).as_deref(), Some("late"));
        assert_eq!(asked.answer(&with(deal("x", "gone"), "reason", text(" "))), None);
    }

    #[test]
    fn what_must_be_filled_to_enter_the_end_says_why_whatever_it_is_called() {
        let pipeline = pipeline(
            "{id: gone, kind: lost, entry: [{id: why, require: [told_on, because]}]}",
            "because: text, told_on: date",
        );
        let asked = Asked::reason(&pipeline, &pipeline.ends[0]);
        assert_eq!(asked.declared(&pipeline), ["because"]);
        assert_eq!(asked.answer(&with(deal("x", "gone"), "because", text("tired"))).as_deref(), Some("tired"));
    }
}
