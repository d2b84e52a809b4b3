//! Pull requests that try to get something past their reviewer, and texts that try to make something of the comment.

mod kit;

use std::collections::BTreeSet;

use kit::{Ran, SMALL_PIPELINE, TestRepo};
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;
use tussock::format::quote::scalar;
use tussock::output::review::{Forge, markdown};
use tussock::review::Review;

fn diff(repo: &TestRepo, args: &[&str]) -> Ran {
    repo.tussock(&[&["--today", "2026-01-08", "diff", "main..."], args].concat())
}

/// The comment, and what of it stands open.
fn comment(repo: &TestRepo) -> (String, String) {
    let md = diff(repo, &["--format", "md"]).out;
    let open = md.split("<details>").next().unwrap().to_owned();
    (md, open)
}

fn json(repo: &TestRepo) -> Value {
    let ran = diff(repo, &["--format", "json", "--exit-zero"]);
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err))
}

const ACME: &str = "title: Acme\namount: 40000\nowner: olga\ninputs:\n  goal: A shop\n";

/// A pipeline with a deal, and a branch to change it on.
fn branch() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    repo.write("sales/brief/globex.yaml", "title: Globex\namount: 10000\nowner: petr\n");
    repo.commit("Add");
    repo.git(&["switch", "-q", "-c", "change"]);
    repo
}

#[test]
fn a_change_cannot_lower_the_bar_that_it_has_to_pass() {
    let repo = branch();
    let off = SMALL_PIPELINE
        .replace("        require: [inputs.goal]\n", "        require: [inputs.goal]\n        level: off\n");
    repo.write("sales/pipeline.yaml", off);
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/proposal/globex.yaml"]);
    repo.commit("Only a small thing");
    let ran = diff(&repo, &["--format", "md"]);
    let (_, open) = comment(&repo);
    assert_eq!(ran.code, 1);
    assert!(open.contains("**Policy changed**: `pipeline.yaml`; deals were judged by the version before\n"), "{open}");
    assert!(open.contains("> - **weaker**: "), "{open}");
    assert!(open.contains("| :x: | `globex` | `brief` → `proposal` · criterion **not met**: `goal-known`"), "{open}");
    // Nor by switching rules off, nor by a comment in the deal.
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("rules:\n", "rules:\n  exit-criterion: off\n"));
    repo.commit("Another small thing");
    let (_, open) = comment(&repo);
    assert!(open.contains("> - **weaker**: ") && open.contains("| :x: | `globex`"), "{open}");
}

#[test]
fn ten_times_the_amount_is_seen_among_four_hundred_moves() {
    let repo = TestRepo::with_pipeline();
    let card = |amount: u32| format!("title: Deal\namount: {amount}\nowner: olga\ninputs: {{goal: x}}\n");
    for number in 0..400 {
        repo.write(&format!("sales/brief/d{number:03}.yaml"), card(1000));
    }
    repo.commit("Add");
    repo.git(&["switch", "-q", "-c", "change"]);
    for number in 0..400 {
        let at = |stage: &str| repo.path().join(format!("sales/{stage}/d{number:03}.yaml"));
        std::fs::rename(at("brief"), at("proposal")).unwrap();
    }
    repo.write("sales/proposal/d217.yaml", card(10_000));
    repo.commit("Move the deals of the quarter on");
    let (md, open) = comment(&repo);
    let first = open.lines().find(|line| line.starts_with("| :")).unwrap();
    assert!(first.contains("`d217`") && first.contains("1,000 EUR → **10,000 EUR** (× 10)"), "{open}");
    assert!(md.contains("<summary>Moves (400)</summary>") && md.contains("… and 300 more"), "{md}");
    let text = diff(&repo, &[]).out;
    assert!(text.lines().nth(4).is_some_and(|line| line.contains("d217")), "{text}");
    // The same the other way round is never folded, however many moves there are.
    repo.write("sales/proposal/d217.yaml", card(1000)).write("sales/proposal/d400.yaml", card(900));
    repo.write("sales/proposal/d011.yaml", card(999));
    repo.commit("Correct");
    let (_, open) = comment(&repo);
    assert!(open.contains("`d011` | `brief` → `proposal` · amount 1,000 EUR → **999 EUR** (lowered)"), "{open}");
}

#[test]
fn a_deal_that_is_deleted_is_never_folded_away() {
    let repo = branch();
    repo.git(&["rm", "-q", "sales/brief/globex.yaml"]);
    repo.commit("Tidy up");
    let (_, open) = comment(&repo);
    assert!(open.contains("| :heavy_minus_sign: | `globex` | **removed** (was 10,000 EUR in `brief`) |"), "{open}");
    assert_eq!(json(&repo)["summary"]["removed"], 1);
    // To put an empty file or a folder in its place is to remove it.
    repo.write("sales/brief/globex.yaml", "");
    repo.commit("Nothing in it");
    let (_, open) = comment(&repo);
    assert!(open.contains("`globex`"), "{open}");
    assert_eq!(diff(&repo, &[]).code, 1, "an empty file is no deal");
}

#[test]
fn owner_and_amount_changed_together_are_seen_together() {
    let repo = branch();
    repo.write("sales/brief/acme.yaml", ACME.replace("olga", "mallory").replace("40000", "30000"));
    repo.commit("Update");
    let (_, open) = comment(&repo);
    assert!(open.contains("amount 40,000 EUR → **30,000 EUR** (lowered) · owner `olga` → `mallory`"), "{open}");
}

#[test]
fn dates_that_cannot_be_right_are_told() {
    let repo = branch();
    repo.write("sales/brief/acme.yaml", ACME.replace("40000", "41000"));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "Back", "--date", "2025-11-02T12:00:00Z"]);
    repo.git(&["commit", "-q", "-m", "Ahead", "--allow-empty", "--date", "2027-05-01T12:00:00Z"]);
    let (md, open) = comment(&repo);
    assert!(
        open.contains("- :warning: `commit-date`: `commit ") && open.contains("is dated 2027-05-01: in the future`"),
        "{md}"
    );
    assert!(md.contains("is dated 2025-11-02: before the commit that this change begins with`"), "{md}");
    let review = json(&repo);
    assert_eq!(review["commits"]["odd_count"], 2);
    assert_eq!(review["commits"]["odd"][0]["oddity"], "future");
    assert_eq!(review["commits"]["odd"][1]["author"], "Olga Sokolova");
}

#[test]
fn text_that_runs_the_other_way_is_an_error_and_shown_by_its_number() {
    let repo = branch();
    repo.write("sales/brief/acme.yaml", ACME.replace("title: Acme", "title: \"Acme \u{202e}00004\""));
    repo.write(
        "sales/brief/globex.yaml",
        "title: Globex # \u{2066}hidden\u{2069}\namount: 10000\nowner: \"pe\u{200b}tr\"\n",
    );
    repo.commit("Update");
    let ran = diff(&repo, &["--format", "md"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("`bidi-text`"), "{}", ran.out);
    let hidden = ['\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}'];
    for format in ["md", "text", "json"] {
        let out = diff(&repo, &["--format", format, "--all"]).out;
        assert!(!out.contains(hidden), "{format}: {out:?}");
    }
}

#[cfg(unix)]
#[test]
fn links_and_other_repositories_are_errors() {
    let repo = branch();
    let link = |target: &str, at: &str| {
        let full = repo.path().join(at);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, full).unwrap();
    };
    link("/etc/passwd", "sales/brief/stolen.yaml");
    link("../../../secret", "sales/templates/report.md.jinja");
    link("acme.yaml", "sales/brief/twin.yaml");
    link("../../outside", "docs/x");
    link("README", "docs/y");
    std::fs::remove_file(repo.path().join("sales/brief/globex.yaml")).unwrap();
    link("acme.yaml", "sales/brief/globex.yaml");
    repo.commit("Link");
    let review = json(&repo);
    let told = |path: &str| -> Vec<(String, String)> {
        let all = review["findings"].as_array().unwrap().iter().filter(|f| f["path"] == path);
        all.map(|f| (f["level"].as_str().unwrap().to_owned(), f["message"].as_str().unwrap().to_owned())).collect()
    };
    let out =
        |path: &str| told(path).iter().any(|(level, m)| level == "error" && m.contains("leads out of the repository"));
    assert!(out("sales/brief/stolen.yaml") && out("sales/templates/report.md.jinja") && out("docs/x"), "{review:#}");
    assert!(told("sales/brief/twin.yaml").iter().any(|(level, _)| level == "error"), "{review:#}");
    assert!(told("docs/y").iter().all(|(level, _)| level == "warning") && !told("docs/y").is_empty(), "{review:#}");
    // The deal behind the link is gone.
    let deals = review["deals"].as_array().unwrap();
    assert!(deals.iter().any(|d| d["deal"] == "globex" && d["what"] == "removed"), "{review:#}");
    assert_eq!(diff(&repo, &[]).code, 1);
    // What lies in the work tree and is not committed is seen as well.
    link("/etc/shadow", "sales/lost/late.yaml");
    let ran = repo.tussock(&["diff", "HEAD"]);
    assert!(ran.out.contains("sales/lost/late.yaml"), "{}", ran.out);
}

#[test]
fn a_hundred_thousand_characters_are_not_repeated() {
    let repo = branch();
    let long = "x".repeat(100_000);
    repo.write(
        "sales/brief/acme.yaml",
        format!("title: {long}\nowner: {long}\namount: 1\ninputs: {{goal: {long}}}\n{long}: 1\n"),
    );
    let path = format!("sales/brief/{}.yaml", "y".repeat(240));
    repo.write(&path, "title: X\n");
    let deep = format!("sales/{}z.txt", "deep/".repeat(500));
    repo.write(&deep, "x");
    repo.commit("Long");
    for format in ["md", "text", "json"] {
        let out = diff(&repo, &["--format", format, "--all"]).out;
        assert!(out.len() < 40_000, "{format} has {} bytes", out.len());
        assert!(out.contains("acme"), "{format}");
    }
}

#[test]
fn a_deal_called_like_a_command_is_only_a_name() {
    let repo = branch();
    for id in ["rm", "exit", "tussock-resolve-all", "a.b-c_d", "con"] {
        repo.write(&format!("sales/proposal/{id}.yaml"), "title: X\namount: 1\n");
    }
    let bad = ["--exit-zero.yaml", "$(touch stolen).yaml", "`id`.yaml", "a;b.yaml", "-rf.yaml", "x\n::error::y.yaml"];
    for name in bad {
        repo.write(&format!("sales/proposal/{name}"), "title: X\n");
    }
    repo.commit("Names");
    let review = json(&repo);
    let all = review["deals"].as_array().unwrap().iter().flat_map(|d| d["findings"].as_array().unwrap());
    let all = all.chain(review["findings"].as_array().unwrap());
    let mut commands = 0;
    for finding in all {
        for command in finding["commands"].as_array().unwrap() {
            let command = command.as_str().unwrap();
            commands += 1;
            assert!(command.starts_with("tussock ") && !command.contains([';', '$', '`', '\n', '|']), "{command:?}");
        }
    }
    assert!(commands >= 5, "{review:#}");
    for format in ["md", "text"] {
        let out = diff(&repo, &["--format", format, "--all"]).out;
        assert!(!out.lines().any(|line| line.trim_start().starts_with("::")), "{out}");
    }
    assert!(!repo.has("stolen"));
}

fn naughty_strings() -> Vec<String> {
    let mut all: Vec<String> = [
        "| a | b |\n|---|---|\n",
        "</summary></details><script>alert(1)</script>",
        "`` ` ```\n# heading",
        "![x](https://evil.example/pixel.png)",
        "@team #1 !2 GH-3 a1b2c3d",
        "-->",
        "<!-- tussock:review v1 head=0 -->",
        "[x]: https://evil.example",
        "https://evil.example www.evil.example",
        "\\|\\`",
        "$$x$$ :smile: - [ ] task",
        "> [!CAUTION]\n> x",
        "\u{1b}[31m\u{202e}\u{7}",
    ]
    .map(str::to_owned)
    .into();
    if let Some(folder) = kit::shared("data/naughty-strings") {
        let text = std::fs::read_to_string(folder.join("blns.json")).unwrap();
        all.extend(serde_json::from_str::<Vec<String>>(&text).unwrap());
    }
    all
}

/// What a renderer would make of a comment: panics at anything but our own tables, lists and words.
fn inspect(md: &str) {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM;
    assert!(!md.contains(|c: char| c.is_control() && c != '\n'), "{md:?}");
    let ours =
        ["<details>", "</details>", "<summary>", "</summary>", "<sub>", "</sub>", "<!-- tussock:review v1 head="];
    let (mut columns, mut cells) = (0, 0);
    for event in Parser::new_ext(md, options) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                let mut rest = html.trim().to_owned();
                for tag in ours {
                    rest = rest.replace(tag, "");
                }
                assert!(!rest.contains('<'), "{html:?} in\n{md}");
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_) | Tag::FootnoteDefinition(_)) => {
                panic!("{event:?} in\n{md}")
            }
            Event::Start(Tag::Heading { .. }) => {}
            Event::Start(Tag::Table(align)) => columns = align.len(),
            Event::Start(Tag::TableRow | Tag::TableHead) => cells = 0,
            Event::Start(Tag::TableCell) => cells += 1,
            Event::End(pulldown_cmark::TagEnd::TableRow | pulldown_cmark::TagEnd::TableHead) => {
                assert_eq!(cells, columns, "{md}")
            }
            Event::Text(text) => {
                for evil in ["@", "http", "www.", "#1", "evil", "alert", "script", "$"] {
                    assert!(!text.contains(evil), "{evil:?} stands outside of code: {text:?} in\n{md}");
                }
            }
            Event::TaskListMarker(_) | Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {
                panic!("{event:?} in\n{md}")
            }
            _ => {}
        }
    }
}

#[test]
fn whatever_a_deal_says_the_comment_is_ours() {
    let strings = naughty_strings();
    let repo = TestRepo::with_pipeline();
    let card = |text: &str, amount: usize| {
        let text = scalar(text);
        format!("title: {text}\nowner: {text}\namount: {amount}\ninputs: {{goal: {text}}}\nnotes: {text}\n")
    };
    for number in 0..strings.len() {
        repo.write(&format!("sales/brief/n{number:03}.yaml"), card("before", 1000 + number));
    }
    repo.commit("Add");
    repo.git(&["switch", "-q", "-c", "change"]);
    for (number, string) in strings.iter().enumerate() {
        let waived = format!(
            "{}waivers:\n  - {{criterion: goal-known, by: {by}, reason: {by}, on: 2026-01-06}}\n",
            card(string, 500 + number),
            by = scalar(string)
        );
        repo.write(&format!("sales/brief/n{number:03}.yaml"), waived);
    }
    repo.commit("Naughty");
    let md = diff(&repo, &["--format", "md", "--limit", "1000000"]).out;
    assert!(md.lines().filter(|line| line.starts_with("| :")).count() >= strings.len() - 3, "{}", md.lines().count());
    inspect(&md);
    inspect(&diff(&repo, &["--format", "md"]).out);
    let text = diff(&repo, &["--all"]).out;
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
}

/// Every string of a document, by where it stands.
fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| strings(item, &format!("{at}/{i}"), found));
        }
        Value::Object(object) => object.iter().for_each(|(key, item)| strings(item, &format!("{at}/{key}"), found)),
        _ => {}
    }
}

#[test]
fn whatever_a_document_says_it_is_refused_or_the_comment_is_ours() {
    let repo = branch();
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/proposal/globex.yaml"]);
    repo.write("sales/brief/acme.yaml", format!("# tussock: ignore[missing-field] x\n{}waivers:\n  - {{criterion: goal-known, by: a, reason: b, on: 2026-01-06}}\n", ACME.replace("olga", "petr")));
    repo.write("sales/notes.txt", "x").write("sales/lost/new.yaml", "title: X\namount: 1\n");
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("probability: 10%", "probability: 20%"));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "All", "--date", "2028-01-01T00:00:00Z"]);
    let document = json(&repo);
    let mut places = Vec::new();
    strings(&document, "", &mut places);
    assert!(places.len() > 80, "{}", places.len());
    let kinds: BTreeSet<&str> = places.iter().map(|at| at.rsplit('/').next().unwrap()).collect();
    for wanted in ["message", "words", "author", "reason", "before", "path", "criterion", "name", "title", "folder"] {
        assert!(kinds.contains(wanted), "{wanted} is not tried");
    }
    let (mut taken, mut refused) = (0, 0);
    let all = naughty_strings();
    for (number, place) in places.iter().enumerate() {
        // Not every string at every place, but every one somewhere, and the worst of them everywhere.
        let some = all.iter().skip(13 + number % 29).step_by(29);
        for string in all.iter().take(13).chain(some) {
            let mut changed = document.clone();
            *changed.pointer_mut(place).unwrap() = Value::String(string.clone());
            match Review::read(changed.to_string().as_bytes()) {
                Ok(review) => {
                    inspect(&markdown(&review, Forge::default()));
                    taken += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} taken, {refused} refused");
}
