//! Texts in commands that a person is told to type.

/// A text as a shell takes it for one word.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '=' | '+' | ':' | ',');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_quoted_where_needed() {
        assert_eq!(shell_word("amount=18000"), "amount=18000");
        assert_eq!(shell_word("note=it's $HOME"), r"'note=it'\''s $HOME'");
    }
}
