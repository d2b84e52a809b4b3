//! The rules, one a file, named as their ids.

use crate::format::problem::ProblemKind;
use crate::format::source::Source;

use super::rule::Rule;

mod approval;
mod bad_id;
mod bidi_text;
mod broken_link;
mod conflict_marker;
mod criterion_failed;
mod currency;
mod duplicate_deal;
mod duplicate_key;
mod encoding;
mod entry_criterion;
mod exit_criterion;
mod impossible_date;
mod late_answer;
mod merge_foreign_change;
mod merge_lost_change;
mod merge_misplaced;
mod merge_settled;
mod missing_field;
mod missing_next_step;
mod missing_placeholder;
mod non_canonical;
mod overdue_close_date;
mod overdue_next_step;
mod pipeline_file;
mod policy_change;
mod rates_file;
mod removed_deal;
mod stale_deal;
mod stale_schema;
mod symlink;
mod unearned_move;
mod unknown_field;
mod unknown_stage;
mod unreadable;
mod unused_ignore;
mod waiver;
mod wrong_type;
mod yaml_syntax;
mod yaml_unsupported;

/// All rules, by id.
pub(super) static ALL: [&Rule; 40] = [
    &approval::RULE,
    &bad_id::RULE,
    &bidi_text::RULE,
    &broken_link::RULE,
    &conflict_marker::RULE,
    &criterion_failed::RULE,
    &currency::RULE,
    &duplicate_deal::RULE,
    &duplicate_key::RULE,
    &encoding::RULE,
    &entry_criterion::RULE,
    &exit_criterion::RULE,
    &impossible_date::RULE,
    &late_answer::RULE,
    &merge_foreign_change::RULE,
    &merge_lost_change::RULE,
    &merge_misplaced::RULE,
    &merge_settled::RULE,
    &missing_field::RULE,
    &missing_next_step::RULE,
    &missing_placeholder::RULE,
    &non_canonical::RULE,
    &overdue_close_date::RULE,
    &overdue_next_step::RULE,
    &pipeline_file::RULE,
    &policy_change::RULE,
    &rates_file::RULE,
    &removed_deal::RULE,
    &stale_deal::RULE,
    &stale_schema::RULE,
    &symlink::RULE,
    &unearned_move::RULE,
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
        ProblemKind::RatesFile => &rates_file::RULE,
    }
}

/// The rule about comments that silence other rules.
pub(super) fn unused_ignore() -> &'static Rule {
    &unused_ignore::RULE
}

/// One deal in several places.
pub(super) fn duplicate_deal() -> &'static Rule {
    &duplicate_deal::RULE
}

/// What a merge lost.
pub(super) fn merge_lost_change() -> &'static Rule {
    &merge_lost_change::RULE
}

/// What a merge wrote into the wrong deal.
pub(super) fn merge_foreign_change() -> &'static Rule {
    &merge_foreign_change::RULE
}

/// Deals that a merge moved.
pub(super) fn merge_misplaced() -> &'static Rule {
    &merge_misplaced::RULE
}

/// Conflicts settled with a third value.
pub(super) fn merge_settled() -> &'static Rule {
    &merge_settled::RULE
}

/// Moves that were not earned when they were made.
pub(super) fn unearned_move() -> &'static Rule {
    &unearned_move::RULE
}

/// Deals whose file a change removes.
pub(super) fn removed_deal() -> &'static Rule {
    &removed_deal::RULE
}

/// Changes of what is asked of deals.
pub(super) fn policy_change() -> &'static Rule {
    &policy_change::RULE
}

/// Schemas for editors that are not up to date.
pub(super) fn stale_schema() -> &'static Rule {
    &stale_schema::RULE
}

/// The text of a schema for editors.
pub(super) fn schema_text(source: &dyn Source, path: &str) -> Option<String> {
    stale_schema::text(source, path)
}
