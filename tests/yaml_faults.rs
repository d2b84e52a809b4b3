//! What the reader says about the faults that people, editors and attackers put into a deal.

use proptest::prelude::*;
use tussock::format::problem::{Problem, ProblemKind};
use tussock::format::span::LineIndex;
use tussock::format::tree::{Node, NodeKind, read, read_as};

fn problems(source: &str) -> Vec<Problem> {
    match read(source.as_bytes()) {
        Ok(document) => document.problems,
        Err(problems) => problems,
    }
}

/// Every problem as `line:column kind: message [bytes] | help | fixed text`.
fn shown(source: &str) -> String {
    let index = LineIndex::new(source);
    let lines: Vec<String> = problems(source)
        .iter()
        .map(|p| {
            let at = index.position(source, p.span.start);
            let mut line = format!("{}:{} {}: {}", at.line, at.column, p.kind.as_str(), p.message);
            line += &format!(" [{}]", &source[p.span.start..p.span.end]);
            if let Some(help) = &p.help {
                line += &format!(" | {help}");
            }
            if let Some(fix) = &p.fix {
                let fixed = fix.apply(source).expect("a fix of this text");
                line += &format!(" | {} {fixed:?}", if fix.safe { "fix" } else { "unsafe fix" });
            }
            line
        })
        .collect();
    lines.join("\n")
}

/// Each source with all that is said about it; nothing for what is fine.
const CASES: &[(&str, &str)] = &[
    (
        "title: ACME: phase 2\nowner: olga\n",
        "1:12 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"ACME: phase 2\" | fix \"title: \\\"ACME: phase 2\\\"\\nowner: olga\\n\"",
    ),
    (
        "title: ACME: phase 2 # note\n",
        "1:12 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"ACME: phase 2\" | fix \"title: \\\"ACME: phase 2\\\" # note\\n\"",
    ),
    (
        "title: ACME: phase\n  two\n",
        "1:12 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes",
    ),
    (
        "title: ACME:\n",
        "1:12 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"ACME:\" | fix \"title: \\\"ACME:\\\"\\n\"",
    ),
    (
        "inputs:\n  goal: x: y\n  b: z: w\nt: @x\n",
        "2:10 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"x: y\" | fix \"inputs:\\n  goal: \\\"x: y\\\"\\n  b: z: w\\nt: @x\\n\"\n\
             3:7 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"z: w\" | fix \"inputs:\\n  goal: x: y\\n  b: \\\"z: w\\\"\\nt: @x\\n\"\n\
             4:4 yaml-syntax: a value cannot start with `@` [@] | put the value in quotes: \"@x\" | fix \"inputs:\\n  goal: x: y\\n  b: z: w\\nt: \\\"@x\\\"\\n\"",
    ),
    (
        "- a\n",
        "1:1 yaml-syntax: not a deal: the file is a list [- a] | a deal is lines of `key: value`, such as `title: …`",
    ),
    (
        "a: @x\n",
        "1:4 yaml-syntax: a value cannot start with `@` [@] | put the value in quotes: \"@x\" | fix \"a: \\\"@x\\\"\\n\"",
    ),
    (
        "a: `x`\n",
        "1:4 yaml-syntax: a value cannot start with a backtick [`] | put the value in quotes: \"`x`\" | fix \"a: \\\"`x`\\\"\\n\"",
    ),
    (
        "a: %x\n",
        "1:4 yaml-syntax: a value cannot start with `%` [%] | put the value in quotes: \"%x\" | fix \"a: \\\"%x\\\"\\n\"",
    ),
    (
        "a: *urgent* call\n",
        "1:4 yaml-syntax: a value cannot start with `*` [*] | put the value in quotes: \"*urgent* call\" | fix \"a: \\\"*urgent* call\\\"\\n\"",
    ),
    (
        "a: *urgent\n",
        "1:4 yaml-unsupported: a YAML alias: a value must not start with `*` [*urgent] | put the value in quotes if the `*` is part of the text | fix \"a: \\\"*urgent\\\"\\n\"",
    ),
    (
        "a: !important\n",
        "1:4 yaml-unsupported: a YAML tag: a value must not start with `!` [!important] | put the value in quotes if the `!` is part of the text; delete the tag otherwise | unsafe fix \"a: \\\"!important\\\"\\n\"",
    ),
    (
        "a: !x y\n",
        "1:4 yaml-unsupported: a YAML tag: a value must not start with `!` [!x] | put the value in quotes if the `!` is part of the text; delete the tag otherwise | unsafe fix \"a: \\\"!x y\\\"\\n\"",
    ),
    (
        "a: &x y\n",
        "1:4 yaml-unsupported: a YAML anchor: a value must not start with `&` [&x] | put the value in quotes if the `&` is part of the text; delete the anchor otherwise | unsafe fix \"a: \\\"&x y\\\"\\n\"",
    ),
    (
        "a: & b\n",
        "1:4 yaml-syntax: a value cannot start with `&` [&] | put the value in quotes: \"& b\" | fix \"a: \\\"& b\\\"\\n\"",
    ),
    (
        "a: * b\n",
        "1:4 yaml-syntax: a value cannot start with `*` [*] | put the value in quotes: \"* b\" | fix \"a: \\\"* b\\\"\\n\"",
    ),
    (
        "a: ! b\n",
        "1:4 yaml-unsupported: a YAML tag: a value must not start with `!` [!] | put the value in quotes if the `!` is part of the text; delete the tag otherwise | unsafe fix \"a: \\\"! b\\\"\\n\"",
    ),
    (
        "a: ,x\n",
        "1:4 yaml-syntax: a value cannot start with `,` [,] | put the value in quotes: \",x\" | fix \"a: \\\",x\\\"\\n\"",
    ),
    (
        "a: ]\n",
        "1:4 yaml-syntax: a value cannot start with `]` []] | put the value in quotes: \"]\" | fix \"a: \\\"]\\\"\\n\"",
    ),
    (
        "a: }x\n",
        "1:4 yaml-syntax: a value cannot start with `}` [}] | put the value in quotes: \"}x\" | fix \"a: \\\"}x\\\"\\n\"",
    ),
    (
        "a: ? b\n",
        "1:4 yaml-syntax: a value cannot start with `?` [?] | put the value in quotes: \"? b\" | fix \"a: \\\"? b\\\"\\n\"",
    ),
    (
        "a: - b\n",
        "1:4 yaml-syntax: a list starts with its dash on a line of its own [-] | start the list below the key, or put the value in quotes if the dash is part of the text",
    ),
    (
        "a: | foo\n",
        "1:4 yaml-syntax: after `|` the text starts on the next line [|] | put the value in quotes: \"| foo\" | fix \"a: \\\"| foo\\\"\\n\"",
    ),
    (
        "a: > 5\n",
        "1:4 yaml-syntax: after `>` the text starts on the next line [>] | put the value in quotes: \"> 5\" | fix \"a: \\\"> 5\\\"\\n\"",
    ),
    (
        "a: >5\n",
        "1:4 yaml-syntax: after `>` the text starts on the next line [>5] | put the value in quotes | fix \"a: \\\">5\\\"\\n\"",
    ),
    (
        "a: 50%: x\n",
        "1:7 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"50%: x\" | fix \"a: \\\"50%: x\\\"\\n\"",
    ),
    (
        "a:\n\tb: 1\n",
        "2:1 yaml-syntax: a tab in the indentation; YAML takes spaces only [\t] | write two spaces for the tab | fix \"a:\\n  b: 1\\n\"",
    ),
    (
        "a: x\n\tb\n",
        "2:1 yaml-syntax: a tab in the indentation; YAML takes spaces only [\t] | write two spaces for the tab | fix \"a: x\\n  b\\n\"",
    ),
    (
        "\ta: 1\n",
        "1:1 yaml-syntax: a tab in the indentation; YAML takes spaces only [\t] | write two spaces for the tab | unsafe fix \"  a: 1\\n\"",
    ),
    (
        "a:\n  b: 1\n\tc: 2\n",
        "3:1 yaml-syntax: a tab in the indentation; YAML takes spaces only [\t] | write two spaces for the tab | fix \"a:\\n  b: 1\\n  c: 2\\n\"",
    ),
    (
        "a: b\nfoo\n",
        "2:1 yaml-syntax: this line has no colon, so it is neither a field nor part of the value above [foo] | write `key: value`; indent the line if it goes on with the value above",
    ),
    (
        "a: 1\nb:2\n",
        "2:2 yaml-syntax: a space is missing after the colon of `b` [:] | write `b: 2` | fix \"a: 1\\nb: 2\\n\"",
    ),
    ("a:b\n", "1:2 yaml-syntax: a space is missing after the colon of `a` [:] | write `a: b` | fix \"a: b\\n\""),
    (
        "a:b\nc: d\n",
        "1:2 yaml-syntax: a space is missing after the colon of `a` [:] | write `a: b` | fix \"a: b\\nc: d\\n\"",
    ),
    (
        "a: 1\nb:2\nc: 3\n",
        "2:2 yaml-syntax: a space is missing after the colon of `b` [:] | write `b: 2` | fix \"a: 1\\nb: 2\\nc: 3\\n\"",
    ),
    (
        "a: 1\nfoo bar\nc: 3\n",
        "2:1 yaml-syntax: this line has no colon, so it is neither a field nor part of the value above [foo bar] | write `key: value`; indent the line if it goes on with the value above",
    ),
    (
        "a: 'x\nb: 1\n",
        "1:4 yaml-syntax: the quote that opens here is not closed on its line ['] | close it; the lines of a longer text in quotes must be indented",
    ),
    (
        "a: \"x\nb: 1\n",
        "1:4 yaml-syntax: the quote that opens here is not closed on its line [\"] | close it; the lines of a longer text in quotes must be indented",
    ),
    (
        "a: \"x\" y\n",
        "1:8 yaml-syntax: more text follows the closing quote [y] | put the whole value in one pair of quotes; inside \"…\" a quote is written \\\"",
    ),
    (
        "a: 'it's'\n",
        "1:8 yaml-syntax: more text follows the closing quote [s] | put the whole value in one pair of quotes; inside '…' an apostrophe is written twice",
    ),
    (
        "a: \"x: y\": z\n",
        "1:10 yaml-syntax: more text follows the closing quote [:] | put the whole value in one pair of quotes",
    ),
    (
        "a: \"C:\\dir\"\n",
        "1:7 yaml-syntax: a backslash in \"…\" must start an escape that YAML knows [\\d] | write `\\\\` for a backslash, or use single quotes: '…'",
    ),
    (
        "a: \"\\u12\"\n",
        "1:5 yaml-syntax: a backslash in \"…\" must start an escape that YAML knows [\\u] | write `\\\\` for a backslash, or use single quotes: '…'",
    ),
    (
        "a: [1, 2\nb: 1\n",
        "1:4 yaml-syntax: `[` is not closed before the next field begins [[] | write `]` where it ends; lines between brackets must be indented",
    ),
    (
        "a: {b: 1\nc: 2\n",
        "1:4 yaml-syntax: `{` is not closed before the next field begins [{] | write `}` where it ends; lines between brackets must be indented",
    ),
    (
        "a: [\n  1\n]\n",
        "3:1 yaml-syntax: the closing bracket stands at the left edge of its block []] | indent it, or put it at the end of the line above",
    ),
    (
        "a: [1, 2\n",
        "1:4 yaml-syntax: `[` is not closed before the next field begins [[] | write `]` where it ends; lines between brackets must be indented",
    ),
    ("a: {b: 1]\n", "1:4 yaml-syntax: `{` is closed by another bracket [{] | write `}`"),
    (
        "a: {b: x: y}\n",
        "1:9 yaml-syntax: a comma or `}` is missing before this [:] | put the value in quotes: \"x: y\" | unsafe fix \"a: {b: \\\"x: y\\\"}\\n\"",
    ),
    (
        "a: [b: c]\n",
        "1:5 yaml-unsupported: a key with a value stands in a list without braces [b] | write `{key: value}`, or put the text in quotes if it only has a colon in it",
    ),
    (
        "a: {x}\n",
        "1:5 yaml-syntax: `x` stands in braces without a colon and a value [x] | write `key: value`; a text with a comma in it needs quotes",
    ),
    (
        "a: {what: Call, due}\n",
        "1:17 yaml-syntax: `due` stands in braces without a colon and a value [due] | write `key: value`; a text with a comma in it needs quotes",
    ),
    ("a: [x]y\n", "1:7 yaml-syntax: more text follows after the end of the value [y] | put the whole value in quotes"),
    ("a: {b: @x}\n", "1:8 yaml-syntax: a value cannot start with `@` [@] | put the value in quotes"),
    (
        "a: {b: \"x\" y}\n",
        "1:12 yaml-syntax: more text follows the closing quote [y] | put the whole value in one pair of quotes; inside \"…\" a quote is written \\\"",
    ),
    (
        "a: {b: \"x}\n",
        "1:8 yaml-syntax: the quote that opens here is not closed on its line [\"] | close it; the lines of a longer text in quotes must be indented",
    ),
    (
        "a: b\n c: d\n",
        "2:2 yaml-syntax: `c` is indented below a field that already has a value [c] | line it up with the field above, or delete that field's value to make it a block | unsafe fix \"a: b\\nc: d\\n\"",
    ),
    (
        "a:\n   b: 1\n  c: 2\n",
        "3:3 yaml-syntax: this line's indentation fits none of the lines above it [c: 2] | line it up with `b` if it belongs to the same block, or with the fields outside of it | unsafe fix \"a:\\n   b: 1\\n   c: 2\\n\"",
    ),
    (
        "a: b # c\n  d\n",
        "1:6 yaml-syntax: a comment stands in the middle of a text [#] | put the comment on a line of its own above the key, or the value in quotes",
    ),
    ("a: b#c\n", ""),
    ("a: \"b\"#c\n", "1:7 yaml-syntax: a comment needs a space before its `#` [#] | put the value in quotes"),
    ("? a\n: b\n", "1:3 yaml-unsupported: a key written with `?` [a] | write `key: value` on one line"),
    ("? [x]\n: y\n", "1:3 yaml-unsupported: a list or block in the place of a key [[] | write a name before the colon"),
    ("[a]: b\n", "1:1 yaml-unsupported: a list or block in the place of a key [[] | write a name before the colon"),
    (
        "1: x\n",
        "1:1 yaml-unsupported: the key `1` is a number, not a name [1] | put it in quotes: `\"1\"` | fix \"\\\"1\\\": x\\n\"",
    ),
    (
        "true: x\n",
        "1:1 yaml-unsupported: the key `true` is true or false, not a name [true] | put it in quotes: `\"true\"` | fix \"\\\"true\\\": x\\n\"",
    ),
    (
        "~: x\n",
        "1:1 yaml-unsupported: the key `~` is null, not a name [~] | put it in quotes: `\"~\"` | fix \"\\\"~\\\": x\\n\"",
    ),
    (": x\n", "1:1 yaml-syntax: a colon without a name before it [:] | write `key: value`"),
    (
        "1.5: x\n",
        "1:1 yaml-unsupported: the key `1.5` is a number, not a name [1.5] | put it in quotes: `\"1.5\"` | fix \"\\\"1.5\\\": x\\n\"",
    ),
    (
        "<<: x\n",
        "1:1 yaml-unsupported: a merge key `<<` [<<] | write the fields out: a deal must be readable line by line",
    ),
    (
        "*a : x\n",
        "1:1 yaml-unsupported: a YAML alias: a value must not start with `*` [*a] | put the value in quotes if the `*` is part of the text",
    ),
    (
        "%YAML 1.1\n---\na: b\n",
        "1:1 yaml-unsupported: a YAML directive (a line that starts with `%`) [%YAML 1.1] | delete the line",
    ),
    (
        "a: 1\n---\nb: 1\n",
        "2:1 yaml-unsupported: a second YAML document begins here; a file holds one [---] | delete the line with `---` or `...`, or put what follows into a file of its own",
    ),
    (
        "a: 1\n...\nb: 1\n",
        "3:1 yaml-unsupported: a second YAML document begins here; a file holds one [] | delete the line with `---` or `...`, or put what follows into a file of its own",
    ),
    ("a: 1\n...\n", ""),
    ("---\na: 1\n", ""),
    ("", "1:1 yaml-syntax: not a deal: the file is empty [] | a deal is lines of `key: value`, such as `title: …`"),
    (
        "# c\n",
        "1:1 yaml-syntax: not a deal: the file holds only comments [] | a deal is lines of `key: value`, such as `title: …`",
    ),
    (
        "x\n",
        "1:1 yaml-syntax: not a deal: the file is one text [x] | a deal is lines of `key: value`, such as `title: …`",
    ),
    (
        "- a\n- b\n",
        "1:1 yaml-syntax: not a deal: the file is a list [- a\n\
             - b] | a deal is lines of `key: value`, such as `title: …`",
    ),
    (
        "null\n",
        "1:1 yaml-syntax: not a deal: the file is one text [null] | a deal is lines of `key: value`, such as `title: …`",
    ),
    ("\n\n", "1:1 yaml-syntax: not a deal: the file is empty [] | a deal is lines of `key: value`, such as `title: …`"),
    (
        "---\n",
        "1:4 yaml-syntax: not a deal: the file is empty [] | a deal is lines of `key: value`, such as `title: …`",
    ),
    (
        "\u{feff}",
        "1:1 yaml-syntax: not a deal: the file is empty [] | a deal is lines of `key: value`, such as `title: …`\n\
             1:1 encoding: the file starts with a byte order mark [\u{feff}] | delete it: it is invisible and means nothing in UTF-8 | fix \"\"",
    ),
    ("{a: 1}\n", ""),
    (
        "a: 1\na: 2\nb: {c: 1, \"c\": 2}\nd:\n  e: 1\n  'e': 2\n",
        "2:1 duplicate-key: `a` stands twice in one block [a] | keep one of the two: `a: 1` or `a: 2` | unsafe fix \"a: 1\\nb: {c: 1, \\\"c\\\": 2}\\nd:\\n  e: 1\\n  'e': 2\\n\"\n3:11 duplicate-key: `c` stands twice in one block [\"c\"] | keep one of the two: `c: 1` or `c: 2`\n6:3 duplicate-key: `e` stands twice in one block ['e'] | keep one of the two: `e: 1` or `e: 2` | unsafe fix \"a: 1\\na: 2\\nb: {c: 1, \\\"c\\\": 2}\\nd:\\n  e: 1\\n\"",
    ),
    (
        "a: x\0y\nb: y: z\n",
        "1:5 encoding: the control character U+0000, which no text needs [\0] | delete it | unsafe fix \"a: xy\\nb: y: z\\n\"\n\
             2:5 yaml-syntax: a colon and a space inside a value, which YAML takes for another key [:] | put the value in quotes: \"y: z\" | fix \"a: x\\0y\\nb: \\\"y: z\\\"\\n\"",
    ),
    (
        "\u{feff}a: x\n",
        "1:1 encoding: the file starts with a byte order mark [\u{feff}] | delete it: it is invisible and means nothing in UTF-8 | fix \"a: x\\n\"",
    ),
    (
        "a: x\n\u{feff}b: y\n",
        "2:1 encoding: a byte order mark (U+FEFF) in the middle of the text [\u{feff}] | delete it: it is invisible | unsafe fix \"a: x\\nb: y\\n\"",
    ),
];

#[test]
fn every_fault_has_its_place_its_words_and_its_help() {
    let wrong: Vec<String> = CASES
        .iter()
        .map(|(source, expected)| (source, shown(source), expected))
        .filter(|(_, shown, expected)| shown != *expected)
        .map(|(source, shown, expected)| format!("{source:?}\n  says     {shown:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn safe_fixes_mend_the_file() {
    let mut fixed = 0;
    for (source, _) in CASES {
        let mut text = (*source).to_owned();
        for _ in 0..10 {
            let Some(fix) = problems(&text).into_iter().find_map(|p| p.fix.filter(|f| f.safe)) else { break };
            text = fix.apply(&text).expect("a fix of this text");
            fixed += 1;
        }
        let left = problems(&text);
        assert!(left.iter().all(|p| !p.fix.as_ref().is_some_and(|f| f.safe)), "{source:?} became {text:?}: {left:?}");
    }
    assert!(fixed > 20, "{fixed}");
}

#[test]
fn a_duplicate_key_shows_both_places_and_the_first_holds() {
    let source = "amount: 1\ninputs:\n  goal: x\n  \"goal\": y\n\"amount\": 2\n";
    let document = read(source.as_bytes()).expect("readable");
    let found: Vec<_> = document
        .problems
        .iter()
        .map(|p| (p.field.as_deref(), &source[p.span.start..], p.related[0].0, p.related[0].1.as_str()))
        .map(|(field, second, first, words)| (field, second.split('\n').next(), &source[first.start..first.end], words))
        .collect();
    assert_eq!(
        found,
        [
            (Some("inputs.goal"), Some("\"goal\": y"), "goal", "first here"),
            (Some("amount"), Some("\"amount\": 2"), "amount", "first here"),
        ]
    );
    assert_eq!(document.root.entries.len(), 2);
    let amount = document.root.get("amount").expect("an amount");
    assert_eq!(&source[amount.span.start..amount.span.end], "1");
}

#[test]
fn duplicates_in_a_long_block_are_found_too() {
    let mut source: String = (0..100).map(|i| format!("k{i}: 1\n")).collect();
    source += "k3: 2\nk99: 2\n";
    let found = problems(&source);
    assert_eq!(found.iter().filter(|p| p.kind == ProblemKind::DuplicateKey).count(), 2);
}

#[test]
fn another_file_than_a_deal_is_named() {
    let problems = read_as(b"", "pipeline file").expect_err("refused");
    assert_eq!(problems[0].message, "not a pipeline file: the file is empty");
}

#[test]
fn more_than_32_levels_and_more_than_10000_nodes_are_refused() {
    let nested = |depth: usize| format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(31).as_bytes()).is_ok());
    assert_eq!(problems(&nested(32))[0].message, "lists and blocks lie in one another more than 32 deep");
    let block = |depth: usize| (0..depth).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
    assert!(read(block(32).as_bytes()).is_ok());
    assert_eq!(problems(&block(33))[0].kind, ProblemKind::YamlUnsupported);
    let list = |items: usize| format!("a: [{}]\n", "1, ".repeat(items));
    assert!(read(list(9_997).as_bytes()).is_ok());
    assert_eq!(problems(&list(9_998))[0].message, "the file holds more than 10000 keys and values");
}

#[test]
fn a_key_of_two_thousand_characters_is_refused_with_a_short_message() {
    let found = problems(&format!("{}: 1\n", "k".repeat(2000)));
    assert_eq!(found.len(), 1);
    assert!(found[0].message.len() < 150, "{}", found[0].message);
}

#[test]
fn a_text_full_of_brackets_is_a_text() {
    let source = format!("notes: |\n  {}\ntitle: \"{}\"  # {}\n", "[{".repeat(60), "[".repeat(60), "{".repeat(60));
    assert!(read(source.as_bytes()).is_ok());
}

/// The bytes of all values, in order.
fn cuts<'t>(text: &'t str, node: &Node, found: &mut Vec<&'t str>) {
    found.push(&text[node.span.start..node.span.end]);
    match &node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::Sequence { items, .. } => items.iter().for_each(|i| cuts(text, i, found)),
        NodeKind::Mapping(mapping) => mapping.entries.iter().for_each(|e| cuts(text, &e.value, found)),
    }
}

#[test]
fn spans_are_exact() {
    let cases: &[(&str, &[&str])] = &[
        ("\u{feff}é: \"ж\" # c\n", &["\"ж\""]),
        ("a: 'x'   # c\nb: y  \r\n", &["'x'", "y"]),
        ("a:   # c\nb:\nc: ~\n", &["", "", "~"]),
        ("a: one\n  two # c\n", &["one\n  two"]),
        ("a:\n- x # - y\n-\n- - z\n  - \n", &["- x # - y\n-\n- - z\n  -", "x", "", "- z\n  -", "z", ""]),
        ("a: # - no\n  # - no\n  - b: 1\n    c:\n  # d\n", &["- b: 1\n    c:", "b: 1\n    c:", "1", ""]),
        ("a: |\n  x\n\n  y  \n\n\nb: >-  # c\r\n  z\r\n", &["|\n  x\n\n  y  ", ">-  # c\r\n  z"]),
        ("a:\n  - |2\n      x\n  - >\n", &["- |2\n      x\n  - >", "|2\n      x", ">"]),
        ("a: {b: [1, {c: }], 'd':2}\n", &["{b: [1, {c: }], 'd':2}", "[1, {c: }]", "1", "{c: }", "", "2"]),
        ("a:\n  b:\n    c: 1\n\n  # d\ne: 2\n", &["b:\n    c: 1", "c: 1", "1", "2"]),
    ];
    for (source, expected) in cases {
        let document = read(source.as_bytes()).unwrap_or_else(|p| panic!("{source:?}: {p:?}"));
        let mut found = Vec::new();
        document.root.entries.iter().for_each(|e| cuts(source, &e.value, &mut found));
        assert_eq!(&found, expected, "{source:?}");
    }
    let text = "a:   # c\nb: {c: , d: 1}\n";
    let document = read(text.as_bytes()).expect("readable");
    assert_eq!(document.root.entries[0].value.span.start, 2);
    assert_eq!((document.span.start, &text[document.span.start..document.span.end]), (0, "a:   # c\nb: {c: , d: 1}"));
}

#[test]
fn a_fix_never_replaces_characters_that_were_covered_for_the_parser() {
    let found = problems("a: b: \u{1}c\n");
    assert_eq!(found.len(), 2);
    assert!(found[0].kind == ProblemKind::YamlSyntax && found[0].fix.is_none(), "{found:?}");
}

/// Reads anything without a panic; every place that is named lies between two characters.
fn assert_places(source: &[u8]) {
    let problems = match read(source) {
        Ok(document) => document.problems,
        Err(problems) => {
            assert!(!problems.is_empty(), "{source:?} is refused without a word");
            problems
        }
    };
    for problem in problems {
        let spans = problem
            .related
            .iter()
            .map(|(s, _)| *s)
            .chain(problem.fix.iter().flat_map(|f| f.edits.iter().map(|e| e.span)))
            .chain([problem.span]);
        for span in spans {
            assert!(span.start <= span.end && span.end <= source.len(), "{problem:?}");
            if let Ok(text) = std::str::from_utf8(source) {
                assert!(text.get(span.start..span.end).is_some(), "{problem:?} in {text:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_looks_like_yaml_makes_the_reader_panic(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("a: "), Just("é: "), Just("b:"), Just("\n"), Just("\n"), Just("  "), Just("- "), Just("? "), Just("[") , Just("]"),
                Just("{"), Just("}"), Just(", "), Just("\""), Just("'"), Just("\\"), Just("\\u00"), Just("ж"), Just("🦄"), Just("|"),
                Just(">-"), Just(">5"), Just("#"), Just(" # c"), Just("&x "), Just("*x "), Just("!t "), Just("%"), Just("@"), Just("`"),
                Just("\t"), Just("\r\n"), Just("---\n"), Just("...\n"), Just("\u{feff}"), Just("\u{2028}"), Just("x y"), Just("1"),
                Just("<<: "), Just("<<<<<<< "), Just("a:b"), Just("\u{0}"), Just(": "), Just("~"),
            ],
            0..24,
        )
    ) {
        assert_places(parts.concat().as_bytes());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        assert_places(&bytes);
    }
}
