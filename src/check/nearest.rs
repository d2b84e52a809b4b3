//! The nearest of a few names to a misspelt one.

/// The candidate with the fewest edits from `word`, if it is near enough to be meant: at most a third of the letters
/// differ. The first of several equally near ones.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name longer than any id is no slip of the pen, and the distance is quadratic in its length.
    if word.len() > 200 {
        return None;
    }
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&word, &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let stages = ["brief", "proposal", "contract"];
        assert_eq!(nearest("propsal", stages), Some("proposal"));
        assert_eq!(nearest("Brief", stages), Some("brief"));
        assert_eq!(nearest("archive", stages), None);
        assert_eq!(nearest(&"x".repeat(100_000), stages), None);
    }
}
