//! The catalogue of rules: `validate`, the documentation and every machine format take their words from here.

use std::fmt;

use super::finding::{Finding, Level};
use super::ground::{DealGround, Ground};
use super::rules;

/// A rule: what it finds, why, and how it is called.
pub struct Rule {
    /// Its id, kebab case; part of the contract with scripts and `pipeline.yaml`.
    pub id: &'static str,
    /// The level of its findings unless the pipeline sets another.
    pub level: Level,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What it objects to.
    pub bad: &'static str,
    /// What it is content with.
    pub good: &'static str,
    /// Whether a comment `# tussock: ignore[id] reason` silences it.
    pub suppressible: bool,
    /// Where its findings come from.
    pub(super) finder: Finder,
}

/// Where the findings of a rule come from.
#[derive(Clone, Copy)]
pub(super) enum Finder {
    /// From reading the files, or from the check as such.
    Reader,
    /// From one deal at a time.
    Deal(fn(&DealGround<'_>) -> Vec<Finding>),
    /// From one deal at a time, in pipelines that give the rule a level.
    DealIfAsked(fn(&DealGround<'_>) -> Vec<Finding>),
    /// From a merge that is brought together again (the room `merge`).
    Merge,
    /// From the commits of a range, or from its two ends.
    Range,
    /// From the pipeline as a whole.
    Pipeline(fn(&Ground<'_>) -> Vec<Finding>),
}

impl Rule {
    /// The word for its level in pipelines that say nothing of it.
    pub fn default_level(&self) -> &'static str {
        match self.finder {
            Finder::DealIfAsked(_) => "off",
            _ => self.level.as_str(),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// All rules, by id.
pub fn all() -> &'static [&'static Rule] {
    &rules::ALL
}

impl Rule {
    /// Whether its findings are told before all others.
    pub(super) fn comes_first(&self) -> bool {
        matches!(self.id, "duplicate-deal" | "conflict-marker")
    }

    /// Whether it is about merges, so that a look at the files alone cannot find anything.
    pub fn is_about_merges(&self) -> bool {
        matches!(self.finder, Finder::Merge)
    }
}

impl Rule {
    /// Whether it is about what a change does, so that a look at one state of the files cannot find anything.
    pub fn is_about_changes(&self) -> bool {
        matches!(self.finder, Finder::Merge | Finder::Range)
    }
}

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().iter().find(|r| r.id == id).copied()
}

/// The rule about a deal in several places.
pub fn duplicate_deal() -> &'static Rule {
    rules::duplicate_deal()
}

/// The rule about what a merge lost.
pub fn merge_lost_change() -> &'static Rule {
    rules::merge_lost_change()
}

/// The rule about what a merge wrote into the wrong deal.
pub fn merge_foreign_change() -> &'static Rule {
    rules::merge_foreign_change()
}

/// The rule about deals that a merge moved.
pub fn merge_misplaced() -> &'static Rule {
    rules::merge_misplaced()
}

/// The rule about conflicts that were settled with a third value.
pub fn merge_settled() -> &'static Rule {
    rules::merge_settled()
}

/// The rule about moves that were not earned when they were made.
pub fn unearned_move() -> &'static Rule {
    rules::unearned_move()
}

/// The rule about deals whose file a change removes.
pub fn removed_deal() -> &'static Rule {
    rules::removed_deal()
}

/// The rule about changes of what is asked of deals.
pub fn policy_change() -> &'static Rule {
    rules::policy_change()
}

/// The id nearest to a misspelt one, where one is near.
pub fn nearest(id: &str) -> Option<&'static str> {
    crate::format::nearest::nearest(id, all().iter().map(|r| r.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ident::is_id;

    #[test]
    fn the_catalogue_is_sorted_and_every_rule_explains_itself() {
        assert!(all().windows(2).all(|w| w[0].id < w[1].id), "{:?}", all());
        for rule in all() {
            assert!(is_id(rule.id) && !rule.id.contains(['_', '.']), "{rule:?}");
            for text in [rule.summary, rule.why, rule.bad, rule.good] {
                assert!(!text.trim().is_empty(), "{rule:?}");
            }
            assert!(!rule.summary.ends_with('.') && rule.why.ends_with('.'), "{rule:?}");
        }
    }

    #[test]
    fn what_would_hide_a_broken_file_or_an_unearned_stage_cannot_be_silenced() {
        for id in ["duplicate-deal", "conflict-marker", "yaml-syntax", "yaml-unsupported", "exit-criterion", "waiver"] {
            assert!(!find(id).is_some_and(|r| r.suppressible), "{id}");
        }
    }

    #[test]
    fn a_misspelt_rule_has_a_nearest_name() {
        assert_eq!(nearest("duplicate-deals"), Some("duplicate-deal"));
        assert_eq!(nearest("something-else-entirely"), None);
    }
}
