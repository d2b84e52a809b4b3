//! Two versions of a deal made one: what is clear is merged field by field, what is not is asked.

use std::collections::BTreeMap;

use super::content::{Content, Datum, Fields, Merged, merge_field, paths, three_way};
use crate::format::date::parse_date;
use crate::format::edit::{self, NewValue};
use crate::format::ident::StageId;
use crate::format::problem::ProblemKind;
use crate::format::quote;
use crate::format::schema::FieldSpec;
use crate::format::tree::{self, Core};

/// A version of a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Path below the pipeline's folder.
    pub path: String,
    /// The stage it lies in.
    pub stage: StageId,
    /// The text of the file.
    pub text: String,
}

/// The versions of a deal in conflict; `None` where the deal was not, or was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// What both began with.
    pub base: Option<Side>,
    /// What is on the branch that is checked out.
    pub ours: Option<Side>,
    /// What comes in.
    pub theirs: Option<Side>,
}

/// One of the two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// That of the branch that is checked out.
    Ours,
    /// What comes in.
    Theirs,
}

/// What a field comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// This value; `None` is no value.
    Clear(Option<Datum>),
    /// Somebody has to say.
    Open,
}

/// A field that is not the same in all versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Dotted path.
    pub field: String,
    /// Before.
    pub base: Option<Datum>,
    /// On our side.
    pub ours: Option<Datum>,
    /// On theirs.
    pub theirs: Option<Datum>,
    /// What it comes to.
    pub outcome: Outcome,
}

/// Where the deal goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceOutcome {
    /// To this path; `None`: it is removed.
    Clear(Option<String>),
    /// Both sides moved it, or one removed what the other changed.
    Open,
}

/// What the versions come to by themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Where the deal goes.
    pub place: PlaceOutcome,
    /// The fields that are not the same everywhere, by path.
    pub rows: Vec<Row>,
    /// The fields that are the same everywhere.
    same: Fields,
    ours_there: bool,
    theirs_there: bool,
}

/// Why two versions cannot be made one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// A version cannot be read, so that it has no fields.
    #[error(
        "the version in {path} cannot be read as a deal; choose the other one with --take, or edit the file by hand"
    )]
    Unreadable {
        /// Its path below the pipeline's folder.
        path: String,
    },
    /// No text was found that says what was decided and nothing else.
    #[error("the two versions cannot be put into one file without changing something else too; edit the file by hand")]
    NoText,
    /// A value for a field that is not in question.
    #[error("`{0}` is not in question here; set it with `tussock set` afterwards")]
    NotAsked(String),
}

/// What the versions come to: where only one side changed something, that is taken.
///
/// # Errors
/// When a version cannot be read.
pub fn propose(versions: &Versions) -> Result<Proposal, SettleError> {
    let Versions { base, ours, theirs } = versions;
    let path = |side: &Option<Side>| side.as_ref().map(|side| side.path.clone());
    let mut place = match three_way(&path(base), &[path(ours), path(theirs)]) {
        Merged::Clear(path) => PlaceOutcome::Clear(path),
        Merged::Open => PlaceOutcome::Open,
    };
    let (before, mine, other) = (fields(base)?, fields(ours)?, fields(theirs)?);
    if let (PlaceOutcome::Clear(None), Some(_)) = (&place, base) {
        // Removed on one side: only right where the other side left the deal as it was.
        let left = [(ours, &mine), (theirs, &other)];
        if left.iter().any(|(side, fields)| side.is_some() && **fields != before) {
            place = PlaceOutcome::Open;
        }
    }
    let (ours_there, theirs_there) = (ours.is_some(), theirs.is_some());
    let (mut rows, mut same) = (Vec::new(), Fields::new());
    let all: Vec<&Fields> = [&before, &mine, &other].into_iter().flatten().collect();
    for field in paths(all) {
        let value = |fields: &Option<Fields>| fields.as_ref().and_then(|f| f.get(field)).cloned();
        let (old, one, two) = (value(&before), value(&mine), value(&other));
        let outcome = match (ours_there, theirs_there) {
            (true, true) => match merge_field(old.as_ref(), &[one.as_ref(), two.as_ref()]) {
                Merged::Clear(value) => Outcome::Clear(value),
                Merged::Open => Outcome::Open,
            },
            (true, false) => Outcome::Clear(one.clone()),
            (false, _) => Outcome::Clear(two.clone()),
        };
        let alike = (!ours_there || one == old) && (!theirs_there || two == old);
        match (alike, &old) {
            (true, Some(value)) => drop(same.insert(field.to_owned(), value.clone())),
            _ => rows.push(Row { field: field.to_owned(), base: old, ours: one, theirs: two, outcome }),
        }
    }
    Ok(Proposal { place, rows, same, ours_there, theirs_there })
}

fn fields(side: &Option<Side>) -> Result<Option<Fields>, SettleError> {
    let Some(side) = side else { return Ok(None) };
    match Content::read(side.text.as_bytes()) {
        Content::Fields(fields) => Ok(Some(fields)),
        Content::Unreadable => Err(SettleError::Unreadable { path: side.path.clone() }),
    }
}

/// What a person decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Where the deal goes.
    pub path: Option<String>,
    /// Which version counts wherever nothing else is said.
    pub take: Option<Which>,
    /// Which version counts for a field.
    pub fields: BTreeMap<String, Which>,
    /// Fields that get a value of their own afterwards, so that no version need be chosen.
    pub sets: Vec<String>,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Where the deal goes; `None`: it is removed.
    pub path: Option<String>,
    /// What its file says.
    pub fields: Fields,
}

/// Puts the answers to the open questions; `Ok(None)` while some are left.
///
/// # Errors
/// A value for a field that is not in question.
pub fn decide(versions: &Versions, proposal: &Proposal, answers: &Answers) -> Result<Option<Decision>, SettleError> {
    let asked = |field: &str| proposal.open_fields().any(|row| row.field == field);
    if let Some(other) = answers.sets.iter().chain(answers.fields.keys()).find(|field| !asked(field)) {
        return Err(SettleError::NotAsked(other.clone()));
    }
    let of = |which: Which| match which {
        Which::Ours => versions.ours.as_ref(),
        Which::Theirs => versions.theirs.as_ref(),
    };
    let path = match (&answers.path, &proposal.place, answers.take) {
        (Some(path), _, _) => Some(path.clone()),
        (None, PlaceOutcome::Clear(path), _) => path.clone(),
        (None, PlaceOutcome::Open, Some(take)) => of(take).map(|side| side.path.clone()),
        (None, PlaceOutcome::Open, None) => return Ok(None),
    };
    let mut fields = proposal.same.clone();
    for row in &proposal.rows {
        let value = match &row.outcome {
            Outcome::Clear(value) => value,
            Outcome::Open => match answers.fields.get(&row.field).copied().or(answers.take) {
                Some(Which::Ours) => &row.ours,
                Some(Which::Theirs) => &row.theirs,
                None if answers.sets.contains(&row.field) => &row.ours,
                None => return Ok(None),
            },
        };
        if let Some(value) = value {
            fields.insert(row.field.clone(), value.clone());
        }
    }
    Ok(Some(Decision { path, fields }))
}

impl Proposal {
    /// The fields that somebody has to decide.
    pub fn open_fields(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.outcome == Outcome::Open)
    }

    /// Whether both sides still have the deal.
    pub fn both_there(&self) -> bool {
        self.ours_there && self.theirs_there
    }
}

/// A text that says what was decided: the first of `merged` (the versions put together line by line, best first) that
/// does, else one version with the bytes of single fields changed.
///
/// # Errors
/// [`SettleError::NoText`] where no such text was found.
pub fn text(
    versions: &Versions,
    decision: &Decision,
    merged: &[String],
    order: &[FieldSpec],
) -> Result<String, SettleError> {
    let mut sides: Vec<&Side> = [&versions.ours, &versions.theirs].into_iter().flatten().collect();
    // The file that stays where it is keeps most of its bytes.
    sides.sort_by_key(|side| Some(&side.path) != decision.path.as_ref());
    let sides = || sides.iter().map(|side| &side.text);
    let says_it = |text: &String| match tree::read(text.as_bytes()) {
        Ok(document) => {
            let twice = document.problems.iter().any(|p| p.kind == ProblemKind::DuplicateKey);
            !twice && Content::read(text.as_bytes()).fields() == Some(&decision.fields)
        }
        Err(_) => false,
    };
    if let Some(found) = merged.iter().chain(sides()).find(|text| says_it(text)) {
        return Ok(found.clone());
    }
    sides().filter_map(|text| edited(text, &decision.fields, order)).find(says_it).ok_or(SettleError::NoText)
}

/// A text with those fields changed that are other than wanted.
fn edited(text: &str, wanted: &Fields, order: &[FieldSpec]) -> Option<String> {
    let Content::Fields(has) = Content::read(text.as_bytes()) else { return None };
    let mut text = text.to_owned();
    for path in paths([&has, wanted]).into_iter().filter(|path| has.get(*path) != wanted.get(*path)) {
        text = match wanted.get(path) {
            Some(value) => edit::set(&text, path, &new_value(value), order).ok()?,
            None => edit::remove(&text, path).ok()?,
        };
    }
    Some(text)
}

fn new_value(value: &Datum) -> NewValue {
    match value {
        // To YAML a date is a text, and as a text it would be quoted.
        Datum::Scalar(text, Core::Str) if parse_date(text).is_ok() => NewValue::Raw(text.clone()),
        Datum::Scalar(text, Core::Str) => NewValue::Text(text.clone()),
        other => NewValue::Raw(flow(other)),
    }
}

/// A value on one line of YAML.
fn flow(value: &Datum) -> String {
    match value {
        Datum::Scalar(text, Core::Str) => quote::flow_scalar(text),
        Datum::Scalar(text, _) => text.clone(),
        Datum::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Datum::Block(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", quote::flow_scalar(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(place: &str, text: &str) -> Option<Side> {
        let path = format!("{place}/acme.yaml");
        (!place.is_empty()).then(|| Side { path, stage: StageId::new(place).unwrap(), text: text.to_owned() })
    }

    fn versions(base: (&str, &str), ours: (&str, &str), theirs: (&str, &str)) -> Versions {
        let [base, ours, theirs] = [base, ours, theirs].map(|(place, text)| side(place, text));
        Versions { base, ours, theirs }
    }

    #[test]
    fn what_one_side_changed_is_taken_without_a_question() {
        let v = versions(
            ("brief", "a: 1 # why\nb: 1\nc: 1\n"),
            ("proposal", "a: 2 # why\nb: 1\n"),
            ("brief", "a: 1 # why\nb: 3\nc: 1\n"),
        );
        let proposal = propose(&v).unwrap();
        assert_eq!(proposal.place, PlaceOutcome::Clear(Some("proposal/acme.yaml".into())));
        let decision = decide(&v, &proposal, &Answers::default()).unwrap().unwrap();
        assert_eq!(text(&v, &decision, &[], &[]).unwrap(), "a: 2 # why\nb: 3\n");
    }

    #[test]
    fn what_both_sides_changed_is_asked() {
        let v = versions(("brief", "a: 1\nt: x\n"), ("proposal", "a: 2\nt: x\n"), ("contract", "a: 3\nt: x\n"));
        let proposal = propose(&v).unwrap();
        assert_eq!(proposal.place, PlaceOutcome::Open);
        assert_eq!(proposal.open_fields().map(|r| r.field.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(decide(&v, &proposal, &Answers::default()), Ok(None));
        let mut answers = Answers { path: Some("contract/acme.yaml".into()), ..Answers::default() };
        assert_eq!(decide(&v, &proposal, &answers), Ok(None));
        answers.take = Some(Which::Ours);
        let decision = decide(&v, &proposal, &answers).unwrap().unwrap();
        assert_eq!(decision.path.as_deref(), Some("contract/acme.yaml"));
        assert_eq!(text(&v, &decision, &[], &[]).unwrap(), "a: 2\nt: x\n");
        answers.sets = vec!["t".into()];
        assert_eq!(decide(&v, &proposal, &answers), Err(SettleError::NotAsked("t".into())));
    }

    #[test]
    fn a_removal_against_a_change_is_asked_and_against_nothing_is_not() {
        let untouched = versions(("brief", "a: 1\n"), ("", ""), ("brief", "a: 1\n"));
        assert_eq!(propose(&untouched).unwrap().place, PlaceOutcome::Clear(None));
        let changed = versions(("brief", "a: 1\n"), ("", ""), ("brief", "a: 2\n"));
        let proposal = propose(&changed).unwrap();
        assert_eq!((proposal.place.clone(), proposal.open_fields().count()), (PlaceOutcome::Open, 0));
        let take = |which| Answers { take: Some(which), ..Answers::default() };
        assert_eq!(decide(&changed, &proposal, &take(Which::Ours)).unwrap().unwrap().path, None);
        let kept = decide(&changed, &proposal, &take(Which::Theirs)).unwrap().unwrap();
        assert_eq!(text(&changed, &kept, &[], &[]).unwrap(), "a: 2\n");
    }

    #[test]
    fn lists_and_texts_of_several_lines_get_into_the_other_version() {
        let v = versions(
            ("brief", "a: 1\nlog:\n  - {on: 2026-01-01, what: call}\n"),
            ("brief", "a: 2\nlog:\n  - {on: 2026-01-01, what: call}\n"),
            ("brief", "a: 1\nlog:\n  - on: 2026-01-02\n    what: \"yes, they said\"\nnotes: |\n  one\n  two\n"),
        );
        let proposal = propose(&v).unwrap();
        let decision = decide(&v, &proposal, &Answers::default()).unwrap().unwrap();
        let text = text(&v, &decision, &[], &[]).unwrap();
        assert_eq!(Content::read(text.as_bytes()).fields(), Some(&decision.fields));
        assert!(text.starts_with("a: 2\n") && text.contains("notes: |\n  one\n  two\n"), "{text}");
    }

    #[test]
    fn a_text_with_a_key_twice_is_never_taken() {
        let v = versions(("brief", "a: 1\n"), ("brief", "a: 2\n"), ("brief", "a: 3\n"));
        let decision = Decision { path: None, fields: propose(&v).map(|_| fields(&v.ours)).unwrap().unwrap().unwrap() };
        assert_eq!(text(&v, &decision, &["a: 2\na: 3\n".into()], &[]).unwrap(), "a: 2\n");
    }

    #[test]
    fn a_version_that_cannot_be_read_is_named() {
        let v = versions(("brief", "a: 1\n"), ("brief", "a: [\n"), ("brief", "a: 3\n"));
        assert_eq!(propose(&v), Err(SettleError::Unreadable { path: "brief/acme.yaml".into() }));
    }
}
