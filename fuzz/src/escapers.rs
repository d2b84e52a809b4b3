//! Whatever a deal says, no sink lets through what its readers would take for more than text.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;
use tussock::check::{Files, Finding, Level, Report, Summary, rule};
use tussock::format::problem::Fix;
use tussock::format::span::Span;
use tussock::output::terminal::{cut, plain, width, wrap};
use tussock::output::{
    csv, findings_github, findings_gitlab, findings_json, findings_junit, findings_markdown, findings_rdjson,
    findings_sarif, html, json, text,
};
use tussock::report::markdown;
use tussock::report::page::Page;

/// No character that moves a cursor, turns text or cannot be seen, but for line ends and the joiners that scripts need.
pub fn harmless(shown: &str, sink: &str) {
    let hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    if let Some(c) = shown.chars().find(|c| hostile(*c)) {
        panic!("{c:?} reached {sink}: {shown:?}");
    }
}

/// Sends a text through every sink.
pub fn check(source: &[u8]) {
    let text = String::from_utf8_lossy(source);
    terminal(&text);
    code_span(&text);
    running_text(&text);
    page(&text);
    comma_separated(&text);
    escaped_json(&text);
    findings(&text);
}

fn terminal(text: &str) {
    let shown = plain(text);
    assert!(!shown.contains('\n'), "{shown:?}");
    no_command(&shown);
    harmless(&shown, "the terminal");
    for columns in [1, 7, 40] {
        assert!(width(&cut(&shown, columns)) <= columns.max(2), "{shown:?} in {columns}");
        wrap(&shown, columns).iter().for_each(|line| harmless(line, "the terminal"));
    }
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM
}

/// In a table as in a line, a code span is one span that says the text.
fn code_span(text: &str) {
    let span = markdown::code(text);
    harmless(&span, "a code span");
    let table = format!("| a | b |\n|---|---|\n| {span} | x |\n");
    let mut cells = 0;
    let mut said = None;
    for event in Parser::new_ext(&table, options()) {
        match event {
            Event::Start(Tag::TableCell) => cells += 1,
            Event::Code(code) if cells == 3 => {
                assert!(said.replace(code.into_string()).is_none(), "two spans: {span:?}")
            }
            Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow) | Event::End(_) | Event::Text(_) => {}
            other => panic!("{span:?} became {other:?}"),
        }
    }
    assert_eq!(cells, 4, "{span:?}");
    let plain = markdown::plain(text);
    let said = said.unwrap_or_else(|| panic!("no code in {span:?}"));
    let wanted = if plain.is_empty() { " " } else { &plain };
    assert_eq!(said, wanted, "{span:?}");
}

/// Running text is one paragraph without anything in it but text.
fn running_text(text: &str) {
    let written = markdown::text(text);
    harmless(&written.replace('\u{2060}', ""), "running text");
    for event in Parser::new_ext(&format!("{written}\n"), options()) {
        match event {
            Event::Text(_) | Event::Code(_) | Event::Start(Tag::Paragraph) | Event::End(_) => {}
            other => panic!("{written:?} became {other:?}"),
        }
    }
}

/// A page holds no tag that its own template has not, and no attribute that the text made.
fn page(text: &str) {
    let line = format!(
        "# {}\n\n| Deal |\n|---|\n| {} |\n\n- {}\n",
        markdown::text(text),
        markdown::code(text),
        markdown::code(text)
    );
    let made = |title: &str, markdown: String| {
        html::render(&Page { markdown, charts: Vec::new(), title: title.to_owned(), lang: "en".to_owned() }, None)
            .expect("a page")
    };
    let ours = tags(&made("", "# x\n\n| Deal |\n|---|\n| `x` |\n\n- `x`\n".to_owned()));
    let shown = made(text, line);
    harmless(&shown.replace('\u{2060}', ""), "a page");
    let names = |tags: &[String]| {
        tags.iter().map(|t| t.split([' ', '>']).next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    // A heading that is all blank is written as a code span, and one that is blank altogether as none.
    let spans = |tags: &[String]| {
        tags.iter().filter(|t| t.starts_with("span") || t.starts_with("/span")).cloned().collect::<BTreeSet<_>>()
    };
    let own = |tags: &[String]| names(tags).into_iter().filter(|t| !t.ends_with("span")).collect::<Vec<_>>();
    let shown = tags(&shown);
    assert_eq!(own(&shown), own(&ours), "{text:?}");
    assert!(spans(&shown).is_subset(&spans(&ours)), "{shown:?}");
}

/// Everything from a `<` to the next `>`.
fn tags(html: &str) -> Vec<String> {
    html.split('<').skip(1).map(|rest| rest.split_inclusive('>').next().unwrap_or_default().to_owned()).collect()
}

/// A table reads back, and no cell is a formula.
fn comma_separated(text: &str) {
    let cells = [csv::Cell::text(text), csv::Cell::integer(-1), csv::Cell::text(format!(" {text}"))];
    let written = csv::write(&["a", "b", "c"], &[cells.to_vec()]).expect("memory");
    let mut reader = ::csv::ReaderBuilder::new().from_reader(written.as_slice());
    let rows: Vec<_> = reader.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!((rows.len(), rows[0].len()), (1, 3), "{:?}", String::from_utf8_lossy(&written));
    let cell = rows[0][0].to_owned();
    let unseen = |c: char| c.is_whitespace() || c.is_control();
    assert!(
        !cell.trim_start_matches(unseen).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']),
        "a formula: {cell:?}"
    );
    assert_eq!(&rows[0][1], "-1");
}

fn escaped_json(text: &str) {
    let written = json::write(&serde_json::json!({ "k": text, text: 1 }));
    harmless(&written, "JSON");
    let read: Value = serde_json::from_str(&written).expect("JSON");
    assert!(text == "k" || read["k"] == text, "{written}");
}

/// A finding in which every text is hostile.
fn findings(hostile: &str) {
    let at = hostile.len() / 2;
    let mut finding = Finding::new(rule::find("encoding").expect("a rule"), hostile, Span::new(at, at + 1), hostile)
        .with_label(hostile)
        .with_help(hostile)
        .with_field(hostile)
        .with_related(hostile, Span::new(0, at), hostile)
        .with_related("other", Span::new(0, at), hostile);
    finding.fix = Some(Fix::guess(hostile, Span::new(0, 1), hostile).and(Span::at(at), hostile));
    let report = Report { findings: vec![finding], summary: Summary { errors: 1, files: 1, ..Summary::default() } };
    let files = Files::of_texts([(hostile, hostile), ("other", hostile)]);
    let shown = text::render(&report, &files, text::Look { colour: false, columns: 60 });
    harmless(&shown, "the terminal");
    shown.lines().for_each(no_command);
    let json = findings_json::render(&report, &files);
    harmless(&json, "JSON");
    let read: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["findings"][0]["message"], hostile);
    annotations(&findings_github::render(&report, &files));
    let sinks = [
        ("SARIF", findings_sarif::render(&report, &files)),
        ("GitLab's report", findings_gitlab::render(&report, &files)),
        ("rdjson", findings_rdjson::render(&report, &files)),
    ];
    for (sink, written) in sinks {
        harmless(&written, sink);
        serde_json::from_str::<Value>(&written).unwrap_or_else(|e| panic!("{sink} is no JSON: {e}: {written}"));
    }
    let junit = findings_junit::render(&report, &files, Level::Error);
    harmless(&junit, "JUnit");
    roxmltree::Document::parse(&junit).unwrap_or_else(|e| panic!("no XML: {e}: {junit}"));
    let page = findings_markdown::render(&report, &files);
    harmless(&page, "a summary");
    for event in Parser::new_ext(&page, options()) {
        if let Event::Html(_)
        | Event::InlineHtml(_)
        | Event::InlineMath(_)
        | Event::DisplayMath(_)
        | Event::FootnoteReference(_)
        | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_) | Tag::Table(_)) = event
        {
            panic!("{page:?} became {event:?}");
        }
    }
}

/// Whether a line begins as the commands do that GitHub's runner knows; all of them are named in ASCII.
fn is_command(line: &str) -> bool {
    line.trim_start().strip_prefix("::").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// What a build server's log takes for a command.
fn no_command(line: &str) {
    assert!(!is_command(line), "{line:?}");
    for mark in ["##[", "##vso[", "##teamcity["] {
        assert!(!line.contains(mark), "{line:?}");
    }
}

/// One command for the one finding, whose properties are those that we write.
fn annotations(log: &str) {
    harmless(log, "GitHub's log");
    let (commands, others): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| is_command(line));
    others.iter().for_each(|line| no_command(line));
    let [command] = commands[..] else { panic!("{} commands: {log:?}", commands.len()) };
    let (properties, _) = command.strip_prefix("::error ").and_then(|rest| rest.split_once("::")).expect("a command");
    let names: Vec<&str> = properties.split(',').map(|p| p.split('=').next().unwrap_or_default()).collect();
    assert!(names.starts_with(&["file", "line"]) && names.ends_with(&["title"]), "{command:?}");
    assert!(names.len() <= 6 && command.ends_with(|c: char| c != '\r') && !command.contains("##["), "{command:?}");
}
