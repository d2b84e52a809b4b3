//! The nearest of a few names to one that was misspelt.

/// A longer word is no slip of a finger, and comparing costs its length squared.
const LONGEST: usize = 200;

/// The candidate nearest to `word`, where one is near enough to be meant: at most a third of the letters differ, counting
/// a swap of neighbours as one difference. Ties go to the first in order.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let limit = (word.chars().count() / 3).max(1);
    let scored = candidates.map(|c| (strsim::damerau_levenshtein(&fold(word), &fold(c)), c));
    scored.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, c)| c)
}

// `close-date` and `Close_Date` are the same slip.
fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}
