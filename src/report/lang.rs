//! The languages that reports are written in.
//!
//! Templates hold the English text; a catalogue has what stands for it in another language. A text may have several
//! forms for different numbers, divided by `|`, and places in braces that are filled with values or with the pipeline's
//! own words.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A language of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

/// English texts and what stands for them in Russian.
const RUSSIAN: &str = include_str!("../../templates/report/ru.yaml");

/// The words that a pipeline may replace by its own, by language. `deals_of` is what follows a number or "of" where the
/// language has a case for it.
const USUAL: [(&str, &str, &str); 15] = [
    ("deal", "deal", "сделка"),
    ("deals", "deals", "сделки"),
    ("deals_of", "deals", "сделок"),
    ("won", "won", "выиграно"),
    ("lost", "lost", "проиграно"),
    ("recycled", "recycled", "возвращено в маркетинг"),
    ("stage", "stage", "этап"),
    ("stages", "stages", "этапы"),
    ("stages_of", "stages", "этапов"),
    ("owner", "owner", "ответственный"),
    ("owners", "owners", "ответственные"),
    ("account", "account", "клиент"),
    ("accounts", "accounts", "клиенты"),
    ("amount", "amount", "сумма"),
    ("amounts", "amounts", "суммы"),
];

/// A place in a text for which there is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no value for {{{0}}}")]
pub struct NoValue(pub String);

impl Lang {
    /// The word on the command line, and the value of HTML's `lang`.
    pub fn as_str(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ru => "ru",
        }
    }

    /// What stands for an English text of ours; the text itself where nothing does.
    pub fn text(self, english: &str) -> &str {
        match self {
            Lang::En => english,
            Lang::Ru => russian().get(english).map_or(english, String::as_str),
        }
    }

    /// The usual words of the language, and the pipeline's own in their place. A plural that a pipeline does not give is
    /// made of its singular.
    pub fn words(self, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let usual = |(name, en, ru): &(&str, &str, &str)| {
            let word = match self {
                Lang::En => en,
                Lang::Ru => ru,
            };
            ((*name).to_owned(), (*word).to_owned())
        };
        let mut words: BTreeMap<String, String> = USUAL.iter().map(usual).collect();
        for (name, ..) in USUAL.iter().filter(|(name, ..)| !labels.contains_key(*name)) {
            let plural = name.strip_suffix("s_of").map(|one| (one, format!("{one}s")));
            let own = match (plural, name.strip_suffix('s')) {
                (Some((one, many)), _) => labels.get(&many).cloned().or_else(|| labels.get(one).map(|w| plural_of(w))),
                (None, Some(one)) => labels.get(one).map(|word| plural_of(word)),
                (None, None) => None,
            };
            words.extend(own.map(|word| ((*name).to_owned(), word)));
        }
        words.extend(labels.iter().map(|(key, word)| (key.clone(), word.clone())));
        words
    }

    /// Which of a text's forms belongs to a number, counted from 0.
    fn form(self, n: u64) -> usize {
        match self {
            Lang::En => usize::from(n != 1),
            Lang::Ru => match (n % 10, n % 100) {
                (1, rest) if rest != 11 => 0,
                (2..=4, rest) if !(12..=14).contains(&rest) => 1,
                _ => 2,
            },
        }
    }

    /// A text in this language: the form for `n` where it has several, its places filled by `value`.
    ///
    /// # Errors
    /// [`NoValue`].
    pub fn say(
        self,
        english: &str,
        n: Option<u64>,
        mut value: impl FnMut(&str) -> Option<String>,
    ) -> Result<String, NoValue> {
        let text = self.text(english);
        // A text that is not translated keeps the forms of English.
        let form = if std::ptr::eq(text, english) { Lang::En.form(n.unwrap_or(0)) } else { self.form(n.unwrap_or(0)) };
        let form = match n {
            Some(_) => text.split('|').nth(form).or_else(|| text.split('|').next_back()).unwrap_or(text),
            None => text,
        };
        let mut out = String::with_capacity(form.len() + 32);
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            out.push_str(&value(name).ok_or_else(|| NoValue(name.to_owned()))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The plural of a word that somebody else chose: only English makes it by rule, and only mostly.
fn plural_of(word: &str) -> String {
    if word.is_ascii() { format!("{word}s") } else { word.to_owned() }
}

/// A text with its first letter large.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn russian() -> &'static BTreeMap<String, String> {
    static TEXTS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    // A broken catalogue is a broken build, which a test finds; a reader then gets English.
    TEXTS.get_or_init(|| serde_yaml::from_str(RUSSIAN).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lang: Lang, text: &str, n: u64) -> String {
        lang.say(text, Some(n), |name| (name == "n").then(|| n.to_string())).unwrap()
    }

    #[test]
    fn the_catalogue_can_be_read() {
        let texts: BTreeMap<String, String> = serde_yaml::from_str(RUSSIAN).unwrap();
        assert!(!texts.is_empty());
    }

    #[test]
    fn numbers_choose_the_form() {
        let english = [0, 1, 2, 11, 21].map(|n| said(Lang::En, "{n} deal|{n} deals", n));
        assert_eq!(english, ["0 deals", "1 deal", "2 deals", "11 deals", "21 deals"]);
        let forms = [0, 1, 2, 4, 5, 11, 12, 14, 21, 22, 25, 101, 111, 112].map(|n| Lang::Ru.form(n));
        assert_eq!(forms, [2, 0, 1, 1, 2, 2, 2, 2, 0, 1, 2, 0, 2, 2]);
        assert_eq!(said(Lang::Ru, "{n} strange thing|{n} strange things", 21), "21 strange things");
    }

    #[test]
    fn a_place_without_a_value_is_an_error_and_a_lone_brace_is_text() {
        assert_eq!(Lang::En.say("{x}", None, |_| None), Err(NoValue("x".to_owned())));
        assert_eq!(Lang::En.say("a { b", None, |_| None).unwrap(), "a { b");
        assert_eq!(Lang::En.say("a | b", None, |_| None).unwrap(), "a | b");
    }

    #[test]
    fn a_pipeline_has_its_own_words_and_their_plurals() {
        let labels = |words: &[(&str, &str)]| {
            words.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let words = Lang::En.words(&labels(&[("deal", "candidate"), ("won", "hired"), ("extra", "x")]));
        let of = |name: &str| words[name].as_str();
        assert_eq!(
            [of("deals"), of("deals_of"), of("won"), of("stages"), of("extra")],
            ["candidates", "candidates", "hired", "stages", "x"]
        );
        let words =
            Lang::Ru.words(&labels(&[("deal", "кандидат"), ("deals", "кандидаты"), ("deals_of", "кандидатов")]));
        assert_eq!([&words["deal"], &words["deals"], &words["deals_of"]], ["кандидат", "кандидаты", "кандидатов"]);
        assert_eq!(Lang::Ru.words(&BTreeMap::new())["deals_of"], "сделок");
        assert_eq!(capitalised("этап"), "Этап");
    }
}
