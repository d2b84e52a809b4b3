//! Reports in Russian: every text is there, says the same numbers, and is Russian.

mod kit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kit::TestRepo;
use tussock::report::Kind;
use tussock::report::lang::{Lang, Part, parts};

/// Names of fields that every pipeline or most of them have: headings of what `--by` splits.
const FIELDS: [&str; 18] = [
    "account",
    "amount",
    "category",
    "close_date",
    "competitor",
    "currency",
    "forecast.category",
    "forecast.confidence",
    "loss.competitor",
    "loss.reason",
    "lost.competitor",
    "lost.reason",
    "next_step.due",
    "next_step.what",
    "owner",
    "reason",
    "source",
    "title",
];

/// Words of the data that templates translate: months that are none, ends that have no name of their own.
const WORDS: [&str; 8] = ["overdue", "no date", "won", "lost", "recycled", "open", "gone", "stage"];

/// Words in Latin letters that a Russian text may hold.
const LATIN: [&str; 4] = ["tussock", "YAML", "UTF", "n"];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

/// The files below a folder of the project with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(project(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(project("")).unwrap().display().to_string();
        if path.is_dir() {
            found.extend(files(&name, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn catalogue() -> BTreeMap<String, String> {
    serde_yaml::from_str(&read(project("templates/report/ru.yaml"))).unwrap()
}

/// The texts in quotation marks that follow `call` in a source, as the source means them, and what else follows it.
fn arguments(source: &str, call: &str) -> (Vec<String>, Vec<String>) {
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    for (at, _) in source.match_indices(call) {
        if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = source[at + call.len()..].trim_start();
        let Some(quoted) = rest.strip_prefix('"') else {
            others.push(rest.split([')', ',', '|']).next().unwrap().to_owned());
            continue;
        };
        let mut text = String::new();
        let mut letters = quoted.chars();
        loop {
            match letters.next().expect("a text ends") {
                '\\' => text.extend(letters.next()),
                '"' => break,
                letter => text.push(letter),
            }
        }
        texts.push(text);
    }
    (texts, others)
}

/// Every English text that a report can say.
fn english() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = Kind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    all.extend(FIELDS.iter().chain(&WORDS).map(|word| (*word).to_owned()));
    for path in files("templates/report", ".jinja") {
        let (texts, others) = arguments(&read(&path), "t(");
        all.extend(texts);
        let own = others.iter().filter(|other| *other != "item.text").collect::<Vec<_>>();
        assert!(
            own.is_empty(),
            "{}: t() is for texts of ours; word() is for those of the data: {own:?}",
            path.display()
        );
    }
    for path in files("src/report", ".rs").iter().filter(|path| !path.ends_with("lang.rs")) {
        for call in ["say(", "lang.text("] {
            all.extend(arguments(&read(path), call).0);
        }
    }
    all.extend(tussock::check::rule::all().iter().map(|rule| rule.summary.to_owned()));
    all
}

#[test]
fn every_text_has_its_russian_and_nothing_else_is_kept() {
    let (english, catalogue) = (english(), catalogue());
    assert!(english.len() > 500, "{}", english.len());
    let missing: Vec<_> = english.iter().filter(|text| !catalogue.contains_key(*text)).collect();
    assert!(missing.is_empty(), "without Russian: {missing:#?}");
    let unused: Vec<_> = catalogue.keys().filter(|text| !english.contains(*text)).collect();
    assert!(unused.is_empty(), "said by no report: {unused:#?}");
    let lines = read(project("templates/report/ru.yaml")).lines().filter(|line| line.starts_with('"')).count();
    assert_eq!(lines, catalogue.len(), "a text stands twice");
}

/// The words that a pipeline may rename, without case and number: `{won_deals_of}` holds `won` and `deal`.
fn own_words(name: &str) -> Option<BTreeSet<String>> {
    let name = name.to_lowercase();
    let words = Lang::Ru.words(&BTreeMap::new());
    if !words.contains_key(&name) {
        return None;
    }
    let mut found = BTreeSet::new();
    for part in name.split('_').filter(|part| !["of", "to", "in"].contains(part)) {
        let one = part.strip_suffix('s').unwrap_or(part);
        found.insert(if words.contains_key(one) { one } else { part }.to_owned());
    }
    Some(found)
}

/// The places of a form that take values and the numbers that it says itself, in their order, and the pipeline's words.
fn said(form: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut values, mut words) = (Vec::new(), BTreeSet::new());
    for part in parts(form) {
        match part {
            Part::Text(text) => {
                values.extend(digits(text).map(str::to_owned));
            }
            Part::Place(name) => match own_words(name) {
                Some(own) => words.extend(own),
                None => values.push(name.to_owned()),
            },
        }
    }
    (values, words)
}

fn digits(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty())
}

#[test]
fn both_languages_put_the_same_values_in_the_same_order() {
    // What stands for a word of the data is the pipeline's word; three texts say as a word what English
    // has in another way.
    let freer = [
        "Expected wins",
        "Won {amount}",
        "{Deals} there",
        "owner",
        "account",
        "amount",
        "stage",
        "won",
        "lost",
        "recycled",
    ];
    for (english, russian) in catalogue() {
        let forms: Vec<&str> = english.split('|').collect();
        let own: Vec<&str> = russian.split('|').collect();
        let wanted: &[usize] = if forms.len() == 1 { &[1] } else { &[1, 3] };
        assert!(wanted.contains(&own.len()), "{english}: {} forms", own.len());
        let (values, words) = said(forms[forms.len() - 1]);
        for form in own {
            let (own_values, own_words) = said(form);
            assert_eq!(own_values, values, "{english}\n{form}");
            assert!(own_words == words || freer.contains(&english.as_str()), "{english}\n{form}\n{own_words:?}");
        }
    }
}

/// Words of two Latin letters and more that are not in code spans, entities or among those that may stand.
fn latin_words(markdown: &str, allowed: &[&str]) -> Vec<String> {
    let text: String = markdown.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    text.split(|c: char| !c.is_alphabetic())
        .filter(|word| word.len() > 1 && word.chars().any(|c| c.is_ascii_alphabetic()))
        .filter(|word| !allowed.contains(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_catalogue_is_in_russian() {
    for (english, russian) in catalogue() {
        let own: String =
            parts(&russian).iter().filter_map(|p| if let Part::Text(t) = p { Some(*t) } else { None }).collect();
        assert_eq!(latin_words(&own, &LATIN), [""; 0], "{english}");
        assert_eq!(russian.matches('`').count() % 2, 0, "{russian}");
        assert_eq!(russian.matches("**").count() % 2, 0, "{russian}");
        let stars = |text: &str| text.replace("\\*", "").matches('*').count() / text.split('|').count();
        assert_eq!(stars(&russian) % 2, 0, "{russian}");
    }
}

#[test]
fn every_report_says_the_same_numbers_in_both_languages() {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    let report = |name: &str, language: &str, more: &[&str]| {
        let mut args = vec!["-C", "trial", "report", name, "--format", "md", "--lang", language];
        args.extend(more);
        repo.ok(&args)
    };
    // What the demo itself writes: its title, its stages, its currency, its time zone and its kinds of activity.
    let mut allowed: BTreeSet<String> = BTreeSet::new();
    let file = repo.read("trial/pipeline.yaml");
    allowed.extend(file.split(|c: char| !c.is_alphabetic()).map(str::to_owned));
    allowed.extend(["tussock", "mermaid", "sub", "call", "mail", "meeting", "note"].map(str::to_owned));
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let asked: [(&str, &[&str]); 13] = [
        ("overview", &[]),
        ("pipeline", &[]),
        ("pipeline", &["--by", "account"]),
        ("funnel", &["--full", "--period", "quarter", "--conversion", "imputed"]),
        ("time", &["--period", "quarter"]),
        ("forecast", &["--by", "owner"]),
        ("waterfall", &["--period", "quarter"]),
        ("losses", &["--period", "quarter"]),
        ("effort", &[]),
        ("cash", &[]),
        ("agenda", &["--owner", "olga"]),
        ("agenda", &[]),
        ("health", &[]),
    ];
    for (name, more) in asked {
        let (english, russian) = (report(name, "en", more), report(name, "ru", more));
        let (english, russian) = (without_diagrams(&english), without_diagrams(&russian));
        assert_ne!(english, russian);
        for (line, own) in english.lines().zip(russian.lines()) {
            let bare = |line: &str| line.replace([',', '.', '\u{a0}', '\u{202f}'], "").replace("1 000", "1000");
            let (line, own) = (bare(line), bare(own));
            assert_eq!(digits(&line).collect::<Vec<_>>(), digits(&own).collect::<Vec<_>>(), "{name}\n{line}\n{own}");
        }
        assert_eq!(english.lines().count(), russian.lines().count(), "{name}");
        assert_eq!(latin_words(&russian, &allowed), [""; 0], "{name}:\n{russian}");
    }
}

/// A report without its diagrams, whose words are keywords of Mermaid.
fn without_diagrams(markdown: &str) -> String {
    let mut inside = false;
    let keep = |line: &&str| {
        let fence = line.starts_with("```");
        inside = if fence { !inside } else { inside };
        !inside && !fence
    };
    markdown.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

#[test]
fn diagrams_are_labelled_in_russian() {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    let report = repo.ok(&["-C", "trial", "report", "forecast", "--format", "md", "--lang", "ru"]);
    assert!(report.contains("title \"Выиграно к концу каждого месяца: в половине случаев не меньше, "), "{report}");
}

#[test]
fn a_pipeline_may_say_its_language_and_who_asks_may_say_another() {
    let repo = TestRepo::new();
    repo.ok(&["init", "people", "--template", "hiring", "--lang", "ru"]);
    let report = |args: &[&str]| repo.ok(&[&["-C", "people", "report", "pipeline"], args].concat());
    assert!(report(&[]).contains("В работе **0 кандидатов**"), "{}", report(&[]));
    assert!(report(&["--lang", "en"]).contains("open, worth"), "{}", report(&["--lang", "en"]));
    let page = repo.ok(&["portfolio", "--repo", "people"]);
    assert!(page.contains("# Все воронки"), "{page}");
    let mut asking = std::process::Command::new("env");
    asking.args(["TUSSOCK_LANG=en", env!("CARGO_BIN_EXE_tussock"), "-C", "people", "report", "pipeline"]);
    let asked = repo.run(&mut asking);
    assert!(asked.out.contains("open, worth"), "{}{}", asked.out, asked.err);
    let file = repo.read("people/pipeline.yaml").replace("lang: ru", "lang: fr");
    repo.write("people/pipeline.yaml", file);
    let refused = repo.tussock(&["-C", "people", "validate"]);
    let refused = format!("{}{}", refused.out, refused.err);
    assert!(refused.contains("\"fr\" is no language of reports"), "{refused}");
}
