//! The fields that every deal may have without a word in `pipeline.yaml`.

use super::schema::{FieldSpec, FieldType};

fn block(fields: &[(&str, FieldType)]) -> FieldType {
    FieldType::Block(fields.iter().map(|(name, of)| FieldSpec::new(name, of.clone())).collect())
}

fn list(of: FieldType) -> FieldType {
    FieldType::List(Box::new(of))
}

/// How many of the built-in fields say what the deal is about and head the card; the others tell what was done for it
/// and come after the pipeline's own fields.
pub fn head(fields: &[FieldSpec]) -> usize {
    fields.iter().position(|f| f.name == "next_step").map_or(0, |last| last + 1)
}

/// The block that is one thought, which stands well on one line.
pub const ON_ONE_LINE: &str = "next_step";

/// The built-in fields in the order of the card.
pub fn fields() -> Vec<FieldSpec> {
    use FieldType::{Date, Deal, Money, Number, Person, Text};
    let words = |words: &[&str]| FieldType::Enum(words.iter().map(|w| (*w).to_owned()).collect());
    let approval = block(&[("by", Person), ("on", Date), ("note", Text)]);
    [
        ("title", Text),
        ("account", Text),
        ("owner", Person),
        ("amount", Money),
        ("close_date", Date),
        ("source", Text),
        ("segment", Text),
        ("region", Text),
        ("category", words(&["pipeline", "best_case", "commit"])),
        ("confidence", words(&["low", "medium", "high"])),
        ("next_step", block(&[("what", Text), ("due", Date), ("who", Person)])),
        ("effort", list(block(&[("on", Date), ("who", Person), ("hours", Number), ("what", Text)]))),
        ("activity", list(block(&[("on", Date), ("who", Person), ("what", Text), ("note", Text)]))),
        (
            "payments",
            list(block(&[("what", Text), ("amount", Money), ("due", Date), ("paid_on", Date), ("invoice", Text)])),
        ),
        ("approvals", FieldType::MapOf(Box::new(approval))),
        ("waivers", list(block(&[("criterion", Text), ("by", Person), ("reason", Text), ("on", Date)]))),
        ("follows", Deal),
        ("was", list(Deal)),
        ("notes", Text),
    ]
    .into_iter()
    .map(|(name, of)| FieldSpec::new(name, of))
    .collect()
}
