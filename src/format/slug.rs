//! Makes a deal's id from its title.

use deunicode::deunicode_char;

/// The longest id that is made, in characters.
const MOST: usize = 60;

/// Names that Windows keeps for devices, whatever follows their first dot.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The id for a title: its letters in Latin script and lower case, everything else as single dashes, at most 60
/// characters, cut between words where there are any. `None` when no letter or digit is left.
pub fn slug(title: &str) -> Option<String> {
    let mut slug = String::new();
    let mut dash = false;
    for character in title.chars() {
        // An apostrophe joins: `it's` is one word.
        if matches!(character, '\'' | '\u{2019}' | 'ъ' | 'Ъ' | 'ь' | 'Ь') {
            continue;
        }
        let Some(latin) = deunicode_char(character) else {
            dash = true;
            continue;
        };
        for byte in latin.bytes() {
            if byte.is_ascii_alphanumeric() {
                if dash && !slug.is_empty() {
                    slug.push('-');
                }
                dash = false;
                slug.push(byte.to_ascii_lowercase() as char);
            } else if byte != b'\'' || character.is_ascii() {
                dash = true;
            }
        }
        if slug.len() > 2 * MOST {
            break;
        }
    }
    if slug.len() > MOST {
        // A cut right before a dash ends a word; otherwise the word that was cut goes, unless it is the only one.
        let whole = slug.as_bytes()[MOST] == b'-';
        slug.truncate(MOST);
        if let (false, Some(dash)) = (whole, slug.rfind('-')) {
            slug.truncate(dash);
        }
    }
    if slug.is_empty() {
        return None;
    }
    if is_reserved(&slug) {
        slug.push_str("-deal");
    }
    Some(slug)
}

/// Whether a name, without what follows its first dot and in lower case, means a device on Windows and can be no file.
pub fn is_reserved(slug: &str) -> bool {
    let port =
        |name: &str| slug.strip_prefix(name).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    RESERVED.contains(&slug) || port("com") || port("lpt")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::ident::DealId;

    #[test]
    fn titles_of_any_script_give_ids() {
        let slug = |title| slug(title).unwrap_or_default();
        assert_eq!(slug("Corporate site redesign"), "corporate-site-redesign");
        assert_eq!(slug("Сайт для ООО «Ромашка»"), "sait-dlia-ooo-romashka");
        assert_eq!(slug("Объём работ: подъезд № 5"), "obiom-rabot-podezd-no-5");
        assert_eq!(slug("Crème brûlée – Straße, 2026!"), "creme-brulee-strasse-2026");
        assert_eq!(slug("It's   ACME's_site (v.2)"), "its-acmes-site-v-2");
        assert_eq!(slug("北京"), "bei-jing");
        assert_eq!(slug("🦄"), "unicorn");
    }

    #[test]
    fn a_title_without_letters_gives_none() {
        for title in ["", "   ", "!!!", "«»", "---", "\u{202e}\0\n", "../.."] {
            assert_eq!(slug(title), None, "{title:?}");
        }
    }

    #[test]
    fn long_titles_are_cut_between_words() {
        let slug = |title: &str| slug(title).unwrap_or_default();
        assert_eq!(slug(&"word ".repeat(30)), "word-word-word-word-word-word-word-word-word-word-word-word");
        assert_eq!(slug(&"a".repeat(100)), "a".repeat(60));
        assert_eq!(slug(&format!("{} {}", "a".repeat(60), "b".repeat(60))), "a".repeat(60));
        assert_eq!(slug(&format!("{} {}", "a".repeat(59), "b")), "a".repeat(59));
    }

    #[test]
    fn names_of_windows_devices_are_never_made() {
        for name in ["con", "PRN", "Aux", "nul", "com1", "LPT9", "com0"] {
            assert_eq!(slug(name).unwrap_or_default(), format!("{}-deal", name.to_lowercase()));
        }
        assert_eq!(slug("console").unwrap_or_default(), "console");
        assert_eq!(slug("com10").unwrap_or_default(), "com10");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_slug_is_a_deal_id(title in any::<String>()) {
            if let Some(slug) = slug(&title) {
                prop_assert!(slug.len() <= 65);
                prop_assert!(DealId::new(&slug).is_ok(), "{slug:?}");
            }
        }
    }
}
