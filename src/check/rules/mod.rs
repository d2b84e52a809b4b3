//! The rules, one a file, named as their ids.

use crate::format::problem::ProblemKind;

use super::rule::Rule;

mod bad_id;
mod bidi_text;
mod broken_link;
mod conflict_marker;
mod criterion_failed;
mod duplicate_deal;
mod duplicate_key;
mod encoding;
mod entry_criterion;
mod exit_criterion;
mod impossible_date;
mod missing_field;
mod missing_next_step;
mod missing_placeholder;
mod non_canonical;
mod overdue_close_date;
mod pipeline_file;
mod symlink;
mod unknown_field;
mod unknown_stage;
mod unreadable;
mod unused_ignore;
mod waiver;
mod wrong_type;
mod yaml_syntax;
mod yaml_unsupported;

/// All rules, by id.
pub(super) static ALL: [&Rule; 26] = [
    &bad_id::RULE,
    &bidi_text::RULE,
    &broken_link::RULE,
    &conflict_marker::RULE,
    &criterion_failed::RULE,
    &duplicate_deal::RULE,
    &duplicate_key::RULE,
    &encoding::RULE,
    &entry_criterion::RULE,
    &exit_criterion::RULE,
    &impossible_date::RULE,
    &missing_field::RULE,
    &missing_next_step::RULE,
    &missing_placeholder::RULE,
    &non_canonical::RULE,
    &overdue_close_date::RULE,
    &pipeline_file::RULE,
    &symlink::RULE,
    &unknown_field::RULE,
    &unknown_stage::RULE,
    &unreadable::RULE,
    &unused_ignore::RULE,
    &waiver::RULE,
    &wrong_type::RULE,
    &yaml_syntax::RULE,
    &yaml_unsupported::RULE,
];

/// The rule that a problem of the reader belongs to.
pub(super) fn of_problem(kind: ProblemKind) -> &'static Rule {
    match kind {
        ProblemKind::YamlSyntax => &yaml_syntax::RULE,
        ProblemKind::YamlUnsupported => &yaml_unsupported::RULE,
        ProblemKind::DuplicateKey => &duplicate_key::RULE,
        ProblemKind::Encoding => &encoding::RULE,
        ProblemKind::ConflictMarker => &conflict_marker::RULE,
        ProblemKind::UnknownField => &unknown_field::RULE,
        ProblemKind::WrongType => &wrong_type::RULE,
        ProblemKind::ImpossibleDate => &impossible_date::RULE,
        ProblemKind::PipelineFile => &pipeline_file::RULE,
    }
}

/// The rule about comments that silence other rules.
pub(super) fn unused_ignore() -> &'static Rule {
    &unused_ignore::RULE
}
