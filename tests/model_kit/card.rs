//! One deal of the model: a few fields and a body, with the exact text that its file must have, and what becomes of it
//! when two people change it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// The fields of a card, in the order of the card.
pub const FIELDS: [&str; 7] = ["title", "owner", "amount", "region", "inputs.goal", "proposal.sent_on", "lost.reason"];
/// Numbers of fields that gates ask for.
pub const GOAL: usize = 4;
pub const SENT: usize = 5;
pub const REASON: usize = 6;

/// Lines of a body: so many that a deal whose fields all change is still alike to git, and one with another body is not.
const BODY: u32 = 8;

/// A value with the comment that stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub value: String,
    pub comment: Option<u32>,
}

/// A deal's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub values: [Option<Line>; FIELDS.len()],
    /// Which body it has. No two deals ever have the same one.
    pub body: u32,
}

/// What git makes of two versions of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Merges to this.
    Clean(Card),
    /// Merges to this, or conflicts because the changes lie side by side.
    Either(Card),
    /// Conflicts.
    Conflict,
}

impl Card {
    pub fn new(title: &str, body: u32) -> Card {
        let mut card = Card { values: Default::default(), body };
        card.values[0] = Some(Line { value: title.to_owned(), comment: None });
        card
    }

    /// As `tussock set` does it: what is written behind the old value stays.
    pub fn set(&mut self, field: usize, value: &str) {
        let comment = self.values[field].as_ref().and_then(|line| line.comment);
        self.values[field] = Some(Line { value: value.to_owned(), comment });
    }

    pub fn has(&self, field: usize) -> bool {
        self.values[field].is_some()
    }

    pub fn value(&self, field: usize) -> Option<&str> {
        self.values[field].as_ref().map(|line| line.value.as_str())
    }

    /// The lines of the body.
    pub fn notes(body: u32) -> Rc<str> {
        thread_local! {
            static KNOWN: RefCell<HashMap<u32, Rc<str>>> = RefCell::default();
        }
        KNOWN.with_borrow_mut(|known| known.entry(body).or_insert_with(|| Card::body(body)).clone())
    }

    fn body(body: u32) -> Rc<str> {
        let line = |n: u32| {
            let mut seed = u64::from(body) * 64 + u64::from(n) + 1;
            let words = (0..6).map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("w{:09x}", (seed >> 20) & 0xf_ffff_ffff)
            });
            words.collect::<Vec<_>>().join(" ") + "\n"
        };
        (0..BODY).map(line).collect::<String>().into()
    }

    /// Every line of the file by its number in a card that has all.
    fn lines(&self) -> BTreeMap<usize, String> {
        let mut lines = BTreeMap::new();
        for (number, line) in self.values.iter().enumerate() {
            let Some(line) = line else { continue };
            let comment = line.comment.map_or_else(String::new, |c| format!("  # said in call {c}"));
            let name = match FIELDS[number].split_once('.') {
                Some((block, name)) => {
                    lines.insert(2 * number, format!("{block}:"));
                    format!("  {name}")
                }
                None => FIELDS[number].to_owned(),
            };
            lines.insert(2 * number + 1, format!("{name}: {}{comment}", line.value));
        }
        let first = 2 * FIELDS.len();
        lines.insert(first, "notes: |".to_owned());
        lines.extend(Card::notes(self.body).lines().enumerate().map(|(n, line)| (first + 1 + n, format!("  {line}"))));
        lines
    }

    /// The file.
    pub fn text(&self) -> String {
        self.lines().values().map(|line| format!("{line}\n")).collect()
    }

    /// Reads the text of a card with one of these bodies.
    pub fn read(text: &str, bodies: &[u32]) -> Card {
        let (head, notes) = text.split_once("notes: |\n").unwrap_or_else(|| panic!("no notes in {text:?}"));
        let notes: String = notes.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        let body = bodies.iter().find(|body| *Card::notes(**body) == *notes);
        let mut card =
            Card { values: Default::default(), body: *body.unwrap_or_else(|| panic!("whose notes? {text}")) };
        let mut block = "";
        for line in head.lines() {
            let (name, rest) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} in {text}"));
            if rest.is_empty() {
                block = name;
                continue;
            }
            let full = name.strip_prefix("  ").map_or(name.to_owned(), |name| format!("{block}.{name}"));
            let number = FIELDS.iter().position(|field| **field == *full).unwrap_or_else(|| panic!("{full} in {text}"));
            let (value, comment) = match rest.split_once("  # said in call ") {
                Some((value, call)) => (value, Some(call.parse().expect("the number of a call"))),
                None => (rest, None),
            };
            card.values[number] = Some(Line { value: value.trim_start().to_owned(), comment });
        }
        // Where both sides have added lines at one place, either may come first.
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<String>>();
        assert_eq!(sorted(&card.text()), sorted(text), "it has lines that are not the card's");
        assert_eq!(card.text().lines().count(), text.lines().count(), "it has lines twice: {text}");
        card
    }

    /// The values and the body, without what is written behind them.
    pub fn bare(&self) -> (Vec<Option<&str>>, u32) {
        ((0..FIELDS.len()).map(|field| self.value(field)).collect(), self.body)
    }

    /// Where lines of `self` were changed on the way to `other`, as ranges of line numbers of `self`.
    fn changes(&self, other: &Card) -> Vec<(usize, usize)> {
        let (mine, theirs) = (self.lines(), other.lines());
        let mut found = Vec::new();
        let mut at = 0;
        for number in 0..=2 * FIELDS.len() + BODY as usize {
            let (old, new) = (mine.get(&number), theirs.get(&number));
            let wide = usize::from(old.is_some());
            if old != new {
                found.push((at, at + wide));
            }
            at += wide;
        }
        found
    }
}

/// What becomes of a file that two people have changed.
pub fn merge(base: &Card, ours: &Card, theirs: &Card) -> Content {
    if ours == theirs || theirs == base {
        return Content::Clean(ours.clone());
    }
    if ours == base {
        return Content::Clean(theirs.clone());
    }
    let mut merged = ours.clone();
    for number in 0..FIELDS.len() {
        let (b, o, t) = (&base.values[number], &ours.values[number], &theirs.values[number]);
        if o == b {
            merged.values[number].clone_from(t);
        } else if t != b && o != t {
            return Content::Conflict;
        }
    }
    if ours.body == base.body {
        merged.body = theirs.body;
    } else if theirs.body != base.body && ours.body != theirs.body {
        return Content::Conflict;
    }
    let (ours, theirs) = (base.changes(ours), base.changes(theirs));
    let beside = ours.iter().any(|o| theirs.iter().any(|t| o.1 >= t.0 && t.1 >= o.0));
    if beside { Content::Either(merged) } else { Content::Clean(merged) }
}

/// Of one thing that two people have changed or not: what is kept where `take` decides what both have changed.
pub fn keep<T: PartialEq + Clone>(base: &T, ours: &T, theirs: &T, take: Side) -> T {
    if ours == theirs || theirs == base {
        return ours.clone();
    }
    match (ours == base, take) {
        (true, _) | (_, Side::Theirs) => theirs.clone(),
        _ => ours.clone(),
    }
}

/// Whose version decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Ours,
    Theirs,
}
