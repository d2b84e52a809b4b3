//! `.mailmap`: who people are under all the names and addresses that they commit with.
//!
//! libgit2 has a reader of its own, which tells capital letters apart where git does not.

use std::collections::HashMap;

use super::objects::Author;

/// The lines of a `.mailmap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailmap {
    /// By the address in commits, in small letters.
    by_email: HashMap<String, Entry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// For commits with this address under whatever name.
    any: Real,
    /// For commits with this address under one name, by the name in small letters.
    by_name: HashMap<String, Real>,
}

/// The real name and address, as far as the line gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Real {
    name: Option<String>,
    email: Option<String>,
}

impl Mailmap {
    /// Reads the text of a `.mailmap`. As in git, a later line adds to an earlier one for the same person, and lines that
    /// are none of the four forms say nothing.
    pub fn parse(text: &str) -> Self {
        let mut map = Mailmap::default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let Some((name, email, rest)) = person(line) else { continue };
            let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (real, old_name, old_email) = match person(rest) {
                Some((old_name, old_email, _)) => {
                    (Real { name: filled(name), email: filled(email) }, filled(old_name), old_email)
                }
                None => (Real { name: filled(name), email: None }, None, email),
            };
            let entry = map.by_email.entry(old_email.to_lowercase()).or_default();
            let place = match old_name {
                Some(old_name) => entry.by_name.entry(old_name.to_lowercase()).or_default(),
                None => &mut entry.any,
            };
            place.name = real.name.or(place.name.take());
            place.email = real.email.or(place.email.take());
        }
        map
    }

    /// Who this really is.
    pub fn resolve(&self, author: &Author) -> Author {
        let Some(entry) = self.by_email.get(&author.email.to_lowercase()) else { return author.clone() };
        let real = entry.by_name.get(&author.name.to_lowercase()).unwrap_or(&entry.any);
        Author {
            name: real.name.clone().unwrap_or_else(|| author.name.clone()),
            email: real.email.clone().unwrap_or_else(|| author.email.clone()),
        }
    }
}

/// Splits `Name <address> rest`.
fn person(text: &str) -> Option<(&str, &str, &str)> {
    let (name, after) = text.split_once('<')?;
    let (email, rest) = after.split_once('>')?;
    Some((name.trim(), email.trim(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_forms_are_read_without_regard_to_case() {
        let map = Mailmap::parse(
            "# people\nOlga Petrova <olga@old.example>\n<petr@new.example> <petr@old.example>\n\
             Ann Lee <ann@new.example> <ann@old.example>\nBoss <boss@x.example> The Boss <shared@x.example>\nbroken <line\n",
        );
        let resolve = |name: &str, email: &str| {
            let author = map.resolve(&Author { name: name.into(), email: email.into() });
            format!("{} <{}>", author.name, author.email)
        };
        assert_eq!(resolve("olga", "OLGA@old.example"), "Olga Petrova <OLGA@old.example>");
        assert_eq!(resolve("Petr", "petr@old.example"), "Petr <petr@new.example>");
        assert_eq!(resolve("a", "ann@old.example"), "Ann Lee <ann@new.example>");
        assert_eq!(resolve("the boss", "shared@x.example"), "Boss <boss@x.example>");
        assert_eq!(resolve("someone", "shared@x.example"), "someone <shared@x.example>");
        assert_eq!(resolve("", ""), " <>");
    }
}
