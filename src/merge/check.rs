//! Whether a merge came to what it should have: each deal is brought together again by its id and compared with what the
//! merge left.
//!
//! git follows files by likeness. A deal that moved and was rewritten, or a new deal that looks like a removed one, can
//! so be taken for another file, in a merge that reports no conflict. A deal's id is not misled.

use std::collections::BTreeMap;

use super::content::{Content, Datum, Fields, Merged, Version, merge_field, paths, three_way};
use crate::check::{Finding, Level, Related, WHOLE_FILE, rule};
use crate::format::ident::{DealId, StageId};
use crate::format::shell::shell_word;

/// A deal in the four places of a merge.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedDeal {
    /// Its id.
    pub id: DealId,
    /// Before the branches parted.
    pub base: Version,
    /// On each branch.
    pub sides: Vec<Version>,
    /// After the merge.
    pub result: Version,
}

/// One way in which a merge did something else to a deal than it should.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The deal.
    pub deal: DealId,
    /// Its file after the merge, else where it was last; below the pipeline's folder.
    pub path: String,
    /// What is different.
    pub kind: Kind,
    /// Whether a later commit has put it right.
    pub mended: bool,
}

/// What is different. Sides are counted from 0; a stage or value of `None` is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The deal lies in several places, and did not on any side.
    Twice {
        /// All of them.
        paths: Vec<String>,
    },
    /// A move, the making or the removal of the deal on one side is missing.
    LostMove {
        /// The side.
        side: usize,
        /// Where the deal was before.
        from: Option<StageId>,
        /// Where that side put it.
        to: Option<StageId>,
    },
    /// The deal is where no side put it.
    Misplaced {
        /// Where it is.
        now: StageId,
        /// Where it belongs.
        instead: Option<StageId>,
    },
    /// The deal is gone, and no side removed it.
    Vanished,
    /// A change of a field on one side is missing.
    LostChange {
        /// The side.
        side: usize,
        /// The field.
        field: String,
        /// Its value before.
        from: Option<Datum>,
        /// Its value on that side.
        to: Option<Datum>,
    },
    /// A field has a value that it had nowhere.
    Foreign {
        /// The field.
        field: String,
        /// The value.
        now: Option<Datum>,
        /// What it should be.
        instead: Option<Datum>,
        /// The deal that was given this value on one side and lost it.
        of: Option<DealId>,
    },
    /// One side removed the deal, the other changed it: the change was given up with it. Reported only where the change
    /// turns up in another deal.
    GivenUp {
        /// The side that changed it.
        side: usize,
        /// The field.
        field: String,
        /// Its value on that side.
        to: Option<Datum>,
        /// The deal that has it now.
        went_to: Option<DealId>,
    },
    /// Both sides changed a field in different ways, and it is neither's.
    Settled {
        /// The field.
        field: String,
        /// The value.
        now: Option<Datum>,
    },
    /// The file cannot be read after the merge, and could on every side.
    Unreadable,
}

/// Everything that is different about one deal.
pub fn judge(deal: &MergedDeal) -> Vec<Difference> {
    let MergedDeal { id, base, sides, result } = deal;
    let before = sides.iter().chain([base]);
    let path = result.copies.first().or_else(|| before.clone().find_map(|v| v.copies.first()));
    let path = path.map(|copy| copy.path.clone()).unwrap_or_default();
    let difference = |kind| Difference { deal: id.clone(), path: path.clone(), kind, mended: false };
    if before.clone().any(|version| version.copies.len() > 1) {
        // What the merge should have made of a deal that lay in two places already, nobody can say.
        return Vec::new();
    }
    if result.copies.len() > 1 {
        let paths = result.copies.iter().map(|copy| copy.path.clone()).collect();
        return vec![difference(Kind::Twice { paths })];
    }
    let mut kinds: Vec<Kind> = place(base, sides, result).into_iter().collect();
    match result.only() {
        Some(copy) if copy.content == Content::Unreadable => {
            let readable = |v: &&Version| v.only().is_none_or(|copy| copy.content != Content::Unreadable);
            if before.clone().all(|v| readable(&v)) {
                kinds.push(Kind::Unreadable);
            }
        }
        Some(_) => kinds.extend(fields(base, sides, result)),
        None => kinds.extend(given_up(base, sides)),
    }
    kinds.into_iter().map(difference).collect()
}

fn stage(version: &Version) -> Option<StageId> {
    version.only().map(|copy| copy.stage.clone())
}

fn place(base: &Version, sides: &[Version], result: &Version) -> Option<Kind> {
    let (from, now) = (stage(base), stage(result));
    let stages: Vec<Option<StageId>> = sides.iter().map(stage).collect();
    let removed = stages.contains(&None);
    let edited = sides.iter().any(|side| side.only().is_some() && side.fields() != base.fields());
    let expected = match three_way(&from, &stages) {
        Merged::Open => {
            let chosen = stages.iter().any(|side| *side == now && *side != from);
            return if chosen { None } else { misplaced(now, stages.into_iter().flatten().next()) };
        }
        // A person has to choose between the removal and the change.
        Merged::Clear(None) if removed && edited && now == from => return None,
        Merged::Clear(stage) => stage,
    };
    if now == expected {
        return None;
    }
    match stages.iter().position(|side| *side == expected && *side != from) {
        Some(side) if now == from => Some(Kind::LostMove { side, from, to: expected }),
        _ => misplaced(now, expected),
    }
}

fn misplaced(now: Option<StageId>, instead: Option<StageId>) -> Option<Kind> {
    Some(now.map_or(Kind::Vanished, |now| Kind::Misplaced { now, instead }))
}

/// The sides that still have the deal, with their fields; `None` where one of them cannot be read.
fn readable(sides: &[Version]) -> Option<Vec<(usize, &Fields)>> {
    let there = sides.iter().enumerate().filter(|(_, side)| !side.copies.is_empty());
    there.map(|(number, side)| Some((number, side.fields()?))).collect()
}

fn fields(base: &Version, sides: &[Version], result: &Version) -> Vec<Kind> {
    let none = Fields::new();
    let before = match (base.copies.is_empty(), base.fields()) {
        (true, _) => &none,
        (false, Some(fields)) => fields,
        (false, None) => return Vec::new(),
    };
    let (Some(sides), Some(after)) = (readable(sides), result.fields()) else { return Vec::new() };
    if sides.is_empty() {
        return Vec::new();
    }
    let mut kinds = Vec::new();
    for path in paths(sides.iter().map(|(_, fields)| *fields).chain([before, after])) {
        let (old, now) = (before.get(path), after.get(path));
        let values: Vec<Option<&Datum>> = sides.iter().map(|(_, fields)| fields.get(path)).collect();
        let (field, now_is) = (path.to_owned(), now.cloned());
        match three_way(&old, &values) {
            Merged::Clear(expected) if expected == now => {}
            Merged::Clear(expected) => {
                let changed = sides.iter().zip(&values).find(|(_, value)| **value != old).map(|((side, _), _)| *side);
                kinds.push(match changed {
                    Some(side) if now == old => {
                        Kind::LostChange { side, field, from: old.cloned(), to: expected.cloned() }
                    }
                    _ => Kind::Foreign { field, now: now_is, instead: expected.cloned(), of: None },
                });
            }
            Merged::Open if values.contains(&now) => {}
            Merged::Open => match merge_field(old, &values) {
                Merged::Clear(list) if same_items(list.as_ref(), now) => {}
                _ => kinds.push(Kind::Settled { field, now: now_is }),
            },
        }
    }
    kinds
}

/// Whether two lists have the same items in any order.
fn same_items(one: Option<&Datum>, other: Option<&Datum>) -> bool {
    let sorted = |list: Option<&Datum>| match list {
        Some(Datum::List(items)) => {
            let mut items: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
            items.sort();
            Some(items)
        }
        _ => None,
    };
    sorted(one) == sorted(other)
}

/// The changes of sides that kept a deal which the merge removed.
fn given_up(base: &Version, sides: &[Version]) -> Vec<Kind> {
    let Some(before) = base.fields() else { return Vec::new() };
    let mut kinds = Vec::new();
    for (side, version) in sides.iter().enumerate() {
        let Some(fields) = version.fields() else { continue };
        for path in paths([before, fields]).into_iter().filter(|path| before.get(*path) != fields.get(*path)) {
            let to = fields.get(path).cloned();
            kinds.push(Kind::GivenUp { side, field: path.to_owned(), to, went_to: None });
        }
    }
    kinds
}

/// Says for every value that a deal was given by mistake which deal lost it, and leaves out the changes that were given
/// up with their deal and are nowhere.
pub fn connect(mut differences: Vec<Difference>) -> Vec<Difference> {
    let key = |field: &str, value: &Datum| (field.to_owned(), format!("{value:?}"));
    let (mut losers, mut takers) = (BTreeMap::new(), BTreeMap::new());
    for difference in &differences {
        match &difference.kind {
            Kind::GivenUp { field, to: Some(to), .. } | Kind::LostChange { field, to: Some(to), .. } => {
                losers.entry(key(field, to)).or_insert_with(|| difference.deal.clone());
            }
            Kind::Foreign { field, now: Some(now), .. } => {
                takers.entry(key(field, now)).or_insert_with(|| difference.deal.clone());
            }
            _ => {}
        }
    }
    for difference in &mut differences {
        match &mut difference.kind {
            Kind::Foreign { field, now: Some(now), of, .. } => *of = losers.get(&key(field, now)).cloned(),
            Kind::GivenUp { field, to: Some(to), went_to, .. } => *went_to = takers.get(&key(field, to)).cloned(),
            _ => {}
        }
    }
    differences.retain(|d| !matches!(d.kind, Kind::GivenUp { went_to: None, .. }));
    differences
}

/// What is different under every one of several bases, in its mildest form: two branches may have several last common
/// ancestors, and git chooses none of them.
pub fn under_every_base(bases: Vec<Vec<Difference>>) -> Vec<Difference> {
    let about = |d: &Difference| (d.deal.clone(), field(&d.kind).map(str::to_owned));
    let mut bases = bases.into_iter();
    let Some(first) = bases.next() else { return Vec::new() };
    bases.fold(first, |kept, more| {
        let more: BTreeMap<_, Difference> = more.into_iter().map(|d| (about(&d), d)).collect();
        let milder = |d: Difference| match more.get(&about(&d)) {
            Some(other) if matches!(other.kind, Kind::Settled { .. }) => Some(other.clone()),
            Some(_) => Some(d),
            None => None,
        };
        kept.into_iter().filter_map(milder).collect()
    })
}

fn field(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::LostChange { field, .. }
        | Kind::Foreign { field, .. }
        | Kind::GivenUp { field, .. }
        | Kind::Settled { field, .. } => Some(field),
        _ => None,
    }
}

/// Whether a difference is still there in a later version of the deal.
pub fn still(kind: &Kind, now: &Version) -> bool {
    let value = |field: &str| now.fields().and_then(|fields| fields.get(field)).cloned();
    match kind {
        Kind::Twice { .. } => now.copies.len() > 1,
        Kind::LostMove { to, .. } => stage(now) != *to,
        Kind::Misplaced { now: then, .. } => stage(now).as_ref() == Some(then),
        Kind::Vanished => now.copies.is_empty(),
        Kind::LostChange { field, from, .. } => value(field) == *from,
        Kind::Foreign { field, now: then, .. } => value(field) == *then,
        Kind::GivenUp { field, to, .. } => value(field) != *to,
        Kind::Settled { .. } => true,
        Kind::Unreadable => now.only().is_some_and(|copy| copy.content == Content::Unreadable),
    }
}

/// How messages call a merge and its sides.
#[derive(Clone, Debug)]
pub struct Names {
    /// The merge, as the beginning of a sentence.
    pub merge: String,
    /// Each side, after "on".
    pub sides: Vec<String>,
}

/// The differences of one merge as findings.
pub fn findings(names: &Names, differences: &[Difference]) -> Vec<Finding> {
    differences.iter().map(|difference| finding(names, difference)).collect()
}

fn finding(names: &Names, difference: &Difference) -> Finding {
    let Difference { deal, path, kind, mended } = difference;
    let merge = &names.merge;
    let on = |side: usize| names.sides.get(side).map_or("one side", String::as_str);
    let shown = |value: &Option<Datum>| value.as_ref().map_or_else(|| "nothing".to_owned(), |v| format!("`{v}`"));
    let at = |stage: &Option<StageId>| stage.as_ref().map_or_else(|| "nowhere".to_owned(), ToString::to_string);
    let new = |rule, message: String| Finding::new(rule, path.as_str(), WHOLE_FILE, message);
    let found = match kind {
        Kind::Twice { paths } => {
            let mut found =
                new(rule::duplicate_deal(), format!("{merge} left the deal {deal} in {} places", paths.len()));
            let others = paths.iter().filter(|other| *other != path);
            found.related = others
                .map(|other| Related { path: other.clone(), span: WHOLE_FILE, words: "the same deal".into() })
                .collect();
            found.with_help(format!("`tussock resolve {deal}` shows both versions and keeps one file"))
        }
        Kind::LostMove { side, from, to } => {
            let done = match (from, to) {
                (None, _) => "made".to_owned(),
                (_, None) => "removed".to_owned(),
                (Some(from), Some(to)) => format!("moved from {from} to {to}"),
            };
            let message = format!("{merge} lost what was done to the deal {deal}: it was {done} on {}", on(*side));
            match to {
                Some(to) if from.is_some() => new(rule::merge_lost_change(), message)
                    .with_help(format!("`tussock move {deal} {to}` does it again")),
                _ => new(rule::merge_lost_change(), message),
            }
        }
        Kind::Misplaced { now, instead } => {
            let message = format!(
                "{merge} put the deal {deal} into {now}, where no branch had it; it belongs to {}",
                at(instead)
            );
            let found = new(rule::merge_misplaced(), message);
            match instead {
                Some(instead) => found
                    .with_help(
                        "git moves a new file along when all others of its folder were moved on the other branch",
                    )
                    .with_help(format!("`tussock move {deal} {instead}` puts it back")),
                None => found,
            }
        }
        Kind::Vanished => {
            new(rule::merge_lost_change(), format!("{merge} lost the deal {deal}: no branch had removed it"))
        }
        Kind::LostChange { side, field, from, to } => {
            let change = format!("`{field}` was changed from {} to {} on {}", shown(from), shown(to), on(*side));
            new(rule::merge_lost_change(), format!("{merge} lost a change of the deal {deal}: {change}"))
                .with_help(set_again(deal, field, to))
        }
        Kind::GivenUp { side, field, to, went_to } => {
            let change = format!("`{field}` was set to {} on {}", shown(to), on(*side));
            let to = went_to.as_ref().map_or_else(String::new, |other| format!(", and the deal {other} has it now"));
            new(rule::merge_lost_change(), format!("{merge} lost a change of the deal {deal}: {change}{to}")).with_help(
                "the other branch removed the deal; bring it back or drop the change, but not into another deal",
            )
        }
        Kind::Foreign { field, now, instead, of } => {
            let of = of.as_ref().map_or_else(String::new, |other| format!("; it was meant for the deal {other}"));
            let message = format!(
                "{merge} gave the deal {deal} what no branch gave it: `{field}` is {} instead of {}{of}",
                shown(now),
                shown(instead)
            );
            let found = new(rule::merge_foreign_change(), message).with_help(set_again(deal, field, instead));
            found.with_help("where it is the other deal under a new id, say so in it: `was: [OLD-ID]`")
        }
        Kind::Settled { field, now } => new(
            rule::merge_settled(),
            format!("{merge} settled a conflict of the deal {deal}: `{field}` is {}, as on neither branch", shown(now)),
        ),
        Kind::Unreadable => new(
            rule::merge_lost_change(),
            format!("{merge} left the deal {deal} so that it cannot be read; it could be on every branch"),
        )
        .with_help("`tussock validate` says what is wrong with the file"),
    };
    let mut found = found.with_deal(Some(deal.clone()));
    if *mended {
        found.message.push_str("; a later commit has put it right");
        found.help = None;
        found = found.at_most(Level::Info);
    }
    match field(kind) {
        Some(field) => found.with_field(field),
        None => found,
    }
}

/// How to give a field its value.
fn set_again(deal: &DealId, field: &str, value: &Option<Datum>) -> String {
    match value {
        None => format!("`tussock set {deal} {}` takes it out", shell_word(&format!("{field}="))),
        Some(Datum::Scalar(text, _)) if !text.contains('\n') => {
            format!("`tussock set {deal} {}` sets it", shell_word(&format!("{field}={text}")))
        }
        Some(_) => "write it into the file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::Copy;
    use super::*;

    fn version(place: &str, text: &str) -> Version {
        if place.is_empty() {
            return Version::default();
        }
        let path = format!("{place}/acme.yaml");
        Version {
            copies: vec![Copy { path, stage: StageId::new(place).unwrap(), content: Content::read(text.as_bytes()) }],
        }
    }

    /// The kinds of difference for base, two sides and the result, each written `STAGE TEXT`.
    fn kinds(versions: [&str; 4]) -> Vec<Kind> {
        let [base, one, two, result] = versions.map(|v| {
            let (place, text) = v.split_once(' ').unwrap_or((v, "x: 1\n"));
            version(place, &format!("{text}\n"))
        });
        let deal = MergedDeal { id: DealId::new("acme").unwrap(), base, sides: vec![one, two], result };
        judge(&deal).into_iter().map(|d| d.kind).collect()
    }

    fn id(text: &str) -> Option<StageId> {
        StageId::new(text).ok()
    }

    #[test]
    fn a_merge_that_did_what_both_sides_did_is_fine() {
        for versions in [
            ["a", "a", "a", "a"],
            ["a", "b", "a", "b"],
            ["a x: 1", "b x: 1", "a x: 2", "b x: 2"],
            ["a x: 1", "b x: 1", "b x: 2", "b x: 2"],
            ["a", "", "a", ""],
            ["", "a", "", "a"],
            ["a x: [1]", "a x: [1, 2]", "a x: [1, 3]", "a x: [1, 3, 2]"],
        ] {
            assert_eq!(kinds(versions), [], "{versions:?}");
        }
    }

    #[test]
    fn what_a_person_had_to_settle_may_be_either_sides() {
        for versions in [
            ["a", "b", "c", "b"],
            ["a", "b", "c", "c"],
            ["a x: 1", "a x: 2", "a x: 3", "a x: 3"],
            ["a", "", "b", "b"],
            ["a", "", "b", ""],
            ["a x: 1", "", "a x: 2", "a x: 2"],
        ] {
            assert_eq!(kinds(versions), [], "{versions:?}");
        }
        assert!(matches!(&kinds(["a x: 1", "a x: 2", "a x: 3", "a x: 4"])[..], [Kind::Settled { .. }]));
        assert!(matches!(&kinds(["a", "b", "c", "a"])[..], [Kind::Misplaced { .. }]));
    }

    #[test]
    fn what_is_missing_of_one_side_is_found() {
        assert_eq!(kinds(["a", "a", "b", "a"]), [Kind::LostMove { side: 1, from: id("a"), to: id("b") }]);
        assert_eq!(kinds(["a", "", "a", "a"]), [Kind::LostMove { side: 0, from: id("a"), to: None }]);
        assert_eq!(kinds(["", "a", "", ""]), [Kind::LostMove { side: 0, from: None, to: id("a") }]);
        assert_eq!(kinds(["a", "a", "a", ""]), [Kind::Vanished]);
        assert!(matches!(&kinds(["a x: 1", "a x: 2", "a x: 1", "a x: 1"])[..], [Kind::LostChange { side: 0, .. }]));
        assert!(matches!(&kinds(["a x: 1", "a x: 2", "a x: 1", "a x: ["])[..], [Kind::Unreadable]));
    }

    #[test]
    fn what_no_side_did_is_found() {
        assert_eq!(kinds(["", "a", "", "b"]), [Kind::Misplaced { now: id("b").unwrap(), instead: id("a") }]);
        assert!(matches!(&kinds(["", "a x: 1", "", "a x: 2"])[..], [Kind::Foreign { .. }]));
        assert!(matches!(&kinds(["a x: 1", "a x: 2", "a x: 1", "a x: 3"])[..], [Kind::Foreign { .. }]));
    }

    #[test]
    fn a_value_that_went_to_another_deal_is_told_of_both() {
        let deal = |id: &str, [base, one, two, result]: [&str; 4]| {
            let of = |v: &str| v.split_once(' ').map_or_else(Version::default, |(place, text)| version(place, text));
            let sides = vec![of(one), of(two)];
            MergedDeal { id: DealId::new(id).unwrap(), base: of(base), sides, result: of(result) }
        };
        let acme = deal("acme", ["a amount: 1", "", "a amount: 2", ""]);
        let gamma = deal("gamma", ["", "a amount: 1", "", "a amount: 2"]);
        let found = connect([judge(&acme), judge(&gamma)].concat());
        assert_eq!(found.len(), 2);
        assert!(matches!(&found[0].kind, Kind::GivenUp { side: 1, went_to: Some(to), .. } if *to == *"gamma"));
        assert!(matches!(&found[1].kind, Kind::Foreign { of: Some(of), .. } if *of == *"acme"));
        assert_eq!(connect(judge(&acme)), []);
    }

    #[test]
    fn what_was_put_right_later_is_told_from_what_was_not() {
        let amount = |text: &str| Content::read(text.as_bytes()).fields().and_then(|f| f.get("amount")).cloned();
        let lost = |from, to| Kind::LostChange { side: 0, field: "amount".into(), from: amount(from), to: amount(to) };
        let kind = lost("amount: 1\n", "amount: 2\n");
        assert!(still(&kind, &version("a", "amount: 1\n")));
        assert!(!still(&kind, &version("a", "amount: 2\n")));
        assert!(!still(&kind, &version("a", "amount: 3\n")));
        let moved = Kind::LostMove { side: 0, from: id("a"), to: id("b") };
        assert!(still(&moved, &version("a", "x: 1\n")) && !still(&moved, &version("b", "x: 1\n")));
    }

    /// A deal in one of three stages with one of three values in each of two fields, or none.
    type Small = Option<(u8, u8, u8)>;

    fn of_small(small: Small) -> Version {
        small.map_or_else(Version::default, |(stage, one, two)| {
            version(["a", "b", "c"][stage as usize], &format!("title: t\none: {one}\ntwo: {two}\n"))
        })
    }

    fn judged(base: Small, sides: [Small; 2], result: Small) -> Vec<Difference> {
        let sides = sides.map(of_small).to_vec();
        connect(judge(&MergedDeal {
            id: DealId::new("acme").unwrap(),
            base: of_small(base),
            sides,
            result: of_small(result),
        }))
    }

    proptest::proptest! {
        #[test]
        fn of_what_only_one_side_changed_exactly_the_right_result_passes(
            base in (0_u8..3, 0_u8..3, 0_u8..3),
            moved in 0_u8..3,
            one in 0_u8..3,
            two in 0_u8..3,
            result in (0_u8..3, 0_u8..3, 0_u8..3),
        ) {
            // One side moves the deal and sets one field, the other sets the other.
            let sides = [Some((moved, one, base.2)), Some((base.0, base.1, two))];
            let right = (moved, one, two);
            let found = judged(Some(base), sides, Some(result));
            let wrong = usize::from(result.0 != right.0) + usize::from(result.1 != right.1) + usize::from(result.2 != right.2);
            proptest::prop_assert_eq!(found.len(), wrong, "{:?}", found);
        }

        #[test]
        fn either_side_is_right_where_all_of_it_is_in_conflict(
            base in (0_u8..1, 0_u8..1, 0_u8..1),
            ours in (1_u8..3, 1_u8..3, 1_u8..3),
            theirs in (1_u8..3, 1_u8..3, 1_u8..3),
        ) {
            for result in [ours, theirs] {
                let found = judged(Some(base), [Some(ours), Some(theirs)], Some(result));
                proptest::prop_assert!(found.is_empty(), "{:?}", found);
            }
        }
    }
}
