//! The languages that reports are written in.
//!
//! Templates hold the English text; a catalogue has what stands for it in another language. A text may have several
//! forms for different numbers, divided by `|`, and places in braces that are filled with values or with the pipeline's
//! own words.

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub use crate::format::pipeline::Lang;

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
    ("recycled", "recycled", "возвращено"),
    ("stage", "stage", "этап"),
    ("stages", "stages", "этапы"),
    ("stages_of", "stages", "этапов"),
    ("owner", "owner", "менеджер"),
    ("owners", "owners", "менеджеры"),
    ("account", "account", "клиент"),
    ("accounts", "accounts", "клиенты"),
    ("amount", "amount", "сумма"),
    ("amounts", "amounts", "суммы"),
];

/// The cases of those words that Russian sentences need: `_of` answers "of whom", `_to` "to whom", `_in` "in whom". A
/// pipeline that renames a word gives them in its `labels` too.
const RUSSIAN_CASES: [(&str, &str); 9] = [
    ("deal_of", "сделки"),
    ("deals_to", "сделкам"),
    ("stage_of", "этапа"),
    ("stage_to", "этапу"),
    ("stage_in", "этапе"),
    ("stages_to", "этапам"),
    ("stages_in", "этапах"),
    ("amount_of", "суммы"),
    ("amount_to", "сумме"),
];

/// A place in a text for which there is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no value for {{{0}}}")]
pub struct NoValue(pub String);

impl Lang {
    /// What stands for an English text of ours; the text itself where nothing does.
    pub fn text(self, english: &str) -> &str {
        self.known(english).unwrap_or(english)
    }

    /// What stands for an English text in the catalogue of this language, if anything does.
    pub fn known(self, english: &str) -> Option<&'static str> {
        match self {
            Lang::En => None,
            Lang::Ru => russian().get(english).map(String::as_str),
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
        if self == Lang::Ru {
            russian_cases(labels, &mut words);
        }
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

    /// What a text says in this language: the form for `n` where it has several.
    pub fn chosen(self, english: &str, n: Option<u64>) -> &str {
        let known = self.known(english);
        let text = known.unwrap_or(english);
        let Some(n) = n else { return text };
        // A text that is not translated keeps the forms of English.
        let form = if known.is_some() { self.form(n) } else { Lang::En.form(n) };
        text.split('|').nth(form).or_else(|| text.split('|').next_back()).unwrap_or(text)
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
        let form = self.chosen(english, n);
        let mut out = String::with_capacity(form.len() + 32);
        for part in parts(form) {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(name) => out.push_str(&value(name).ok_or_else(|| NoValue(name.to_owned()))?),
            }
        }
        Ok(out)
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What is said as it stands.
    Text(&'a str),
    /// The name of a place that a value is put into.
    Place(&'a str),
}

/// The parts of a text in their order. A brace that is not closed is text.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        if !before.is_empty() {
            out.push(Part::Text(before));
        }
        out.push(Part::Place(name));
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Part::Text(rest));
    }
    out
}

/// Whether a text is one of those that reports are made of.
pub fn is_ours(english: &str) -> bool {
    russian().contains_key(english)
}

/// Adds the cases of the words. A word that a pipeline renamed without giving the case stays as it is.
fn russian_cases(labels: &BTreeMap<String, String>, words: &mut BTreeMap<String, String>) {
    for (name, usual) in RUSSIAN_CASES.iter().filter(|(name, _)| !labels.contains_key(*name)) {
        let base = name.rsplit_once('_').map_or(*name, |(base, _)| base);
        let one = base.strip_suffix('s').unwrap_or(base);
        let renamed = [base, one].iter().any(|name| labels.contains_key(*name));
        let word = words.get(base).filter(|_| renamed).map_or(*usual, String::as_str).to_owned();
        words.insert((*name).to_owned(), word);
    }
    // An adjective fits the usual words only.
    for (end, usual) in [("won", "выигранных сделок"), ("lost", "проигранных сделок")]
    {
        let renamed = [end, "deal", "deals", "deals_of"].iter().any(|name| labels.contains_key(*name));
        let word = |name: &str| words.get(name).map_or("", String::as_str);
        let own = format!("{} с итогом «{}»", word("deals_of"), word(end));
        let name = format!("{end}_deals_of");
        if !labels.contains_key(&name) {
            words.insert(name, if renamed { own } else { usual.to_owned() });
        }
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
        assert_eq!(Lang::En.say("{a}{b} c{", None, |name| Some(name.repeat(2))).unwrap(), "aabb c{");
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
        let of = |name: &str| words[name].as_str();
        assert_eq!([of("deal"), of("deals"), of("deals_of")], ["кандидат", "кандидаты", "кандидатов"]);
        assert_eq!([of("deal_of"), of("deals_to"), of("stage_in")], ["кандидат", "кандидаты", "этапе"]);
        assert_eq!(of("won_deals_of"), "кандидатов с итогом «выиграно»");
        let words = Lang::Ru.words(&labels(&[("deal", "кандидат"), ("deal_of", "кандидата")]));
        assert_eq!([&words["deal_of"], &words["deals_to"]], ["кандидата", "кандидат"]);
        let usual = Lang::Ru.words(&BTreeMap::new());
        assert_eq!(
            [&usual["deals_of"], &usual["deal_of"], &usual["lost_deals_of"]],
            ["сделок", "сделки", "проигранных сделок"]
        );
        assert!(!Lang::En.words(&BTreeMap::new()).contains_key("deal_of"));
        assert_eq!(capitalised("этап"), "Этап");
    }
}
