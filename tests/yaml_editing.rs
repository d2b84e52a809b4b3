//! Edits of single fields: what they write, and that they touch nothing else.

use proptest::prelude::*;
use tussock::format::edit::{EditError, NewValue, append, remove, set};
use tussock::format::schema::{FieldSpec, FieldType};

fn order() -> Vec<FieldSpec> {
    let text = |name: &str| FieldSpec::new(name, FieldType::Text);
    let inputs = FieldType::Block(vec![text("goal"), text("budget"), text("deadline")]);
    let next = FieldType::Block(vec![text("what"), text("due")]);
    vec![
        text("title"),
        text("account"),
        text("owner"),
        FieldSpec::new("next_step", next),
        FieldSpec::new("inputs", inputs),
        FieldSpec::new("activity", FieldType::List(Box::new(FieldType::Text))),
        text("notes"),
    ]
}

fn text(value: &str) -> NewValue {
    NewValue::Text(value.to_owned())
}

fn raw(value: &str) -> NewValue {
    NewValue::Raw(value.to_owned())
}

fn set_text(source: &str, path: &str, value: &str) -> String {
    set(source, path, &text(value), &order()).unwrap_or_else(|e| panic!("{path} in {source:?}: {e}"))
}

fn set_raw(source: &str, path: &str, value: &str) -> String {
    set(source, path, &raw(value), &order()).unwrap_or_else(|e| panic!("{path} in {source:?}: {e}"))
}

fn appended(source: &str, path: &str, value: &str) -> String {
    append(source, path, &raw(value), &order()).unwrap_or_else(|e| panic!("{path} in {source:?}: {e}"))
}

fn removed(source: &str, path: &str) -> String {
    remove(source, path).unwrap_or_else(|e| panic!("{path} in {source:?}: {e}"))
}

#[test]
fn a_scalar_is_replaced_and_its_comment_and_spaces_stay() {
    let source = "# Deal\ntitle:   'Old'   # name\n\nowner: olga  \n";
    assert_eq!(set_text(source, "title", "New"), "# Deal\ntitle:   New   # name\n\nowner: olga  \n");
    assert_eq!(set_text(source, "owner", "a: b"), "# Deal\ntitle:   'Old'   # name\n\nowner: \"a: b\"  \n");
    assert_eq!(set_text("title: one\n  two # c\nowner: x\n", "title", "v"), "title: v # c\nowner: x\n");
}

#[test]
fn an_empty_value_is_filled() {
    assert_eq!(set_text("title:\nowner: x\n", "title", "v"), "title: v\nowner: x\n");
    assert_eq!(set_text("title:  \nowner: x\n", "title", "v"), "title: v\nowner: x\n");
    assert_eq!(set_text("title:   # c\r\nowner: x\r\n", "title", "v"), "title: v   # c\r\nowner: x\r\n");
    assert_eq!(set_text("title:\r\nowner: x\r\n", "title", "v"), "title: v\r\nowner: x\r\n");
    assert_eq!(set_text("title:", "title", "v"), "title: v");
    assert_eq!(set_text("a: {b: , c: }\n", "a.b", "v"), "a: {b: v, c: }\n");
}

#[test]
fn a_new_card_grows_from_nothing_in_the_order_of_the_card() {
    let mut card = String::new();
    for (path, value) in
        [("owner", "olga"), ("inputs.budget", "9 EUR"), ("title", "T"), ("inputs.goal", "g"), ("x-y", "z")]
    {
        card = set_text(&card, path, value);
    }
    assert_eq!(card, "title: T\nowner: olga\ninputs:\n  goal: g\n  budget: 9 EUR\nx-y: z\n");
    assert_eq!(set_text(&card, "account", "A"), card.replace("owner", "account: A\nowner"));
    assert_eq!(set_text(&card, "notes", "Note"), card.replace("x-y", "notes: Note\nx-y"));
}

#[test]
fn comments_only_and_byte_order_marks_are_kept() {
    assert_eq!(set_text("# A deal\n", "title", "T"), "# A deal\ntitle: T\n");
    assert_eq!(set_text("# A deal", "title", "T"), "# A deal\ntitle: T\n");
    assert_eq!(set_text("\u{feff}", "title", "T"), "\u{feff}title: T\n");
    assert_eq!(set_text("\u{feff}owner: x\r\n", "title", "T"), "\u{feff}title: T\r\nowner: x\r\n");
    assert_eq!(set_text("---\nowner: x\n", "title", "T"), "---\ntitle: T\nowner: x\n");
}

#[test]
fn a_missing_final_newline_stays_missing() {
    assert_eq!(set_text("title: T", "owner", "x"), "title: T\nowner: x");
    assert_eq!(set_text("title: T\r\na: b", "owner", "x"), "title: T\r\nowner: x\r\na: b");
    assert_eq!(removed("title: T\nowner: x", "owner"), "title: T\n");
}

#[test]
fn the_files_own_indentation_is_followed() {
    let source = "inputs:\n    goal: g\nowner: x\n";
    assert_eq!(set_text(source, "lost.reason", "price"), format!("{source}lost:\n    reason: price\n"));
    assert_eq!(set_text(source, "inputs.budget", "b"), "inputs:\n    goal: g\n    budget: b\nowner: x\n");
}

#[test]
fn comments_stay_with_their_fields() {
    let source = "title: T\n# who\nowner: x  # she\ninputs:  # asked\n  goal: g\n  # more to ask\n\n# free\nnotes: n\n";
    assert_eq!(set_text(source, "account", "A"), source.replace("# who", "account: A\n# who"));
    assert_eq!(set_text(source, "inputs.budget", "b"), source.replace("  # more", "  budget: b\n  # more"));
    assert_eq!(appended(source, "activity", "a"), source.replace("\n\n# free", "\nactivity:\n  - a\n\n# free"));
}

#[test]
fn flow_mappings_are_edited_in_place() {
    let source = "next_step: {what: Call, due: 2026-11-25}  # soon\n";
    assert_eq!(set_raw(source, "next_step.due", "2026-12-01"), source.replace("11-25", "12-01"));
    assert_eq!(set_text(source, "next_step.what", "a, b"), source.replace("Call", "\"a, b\""));
    assert_eq!(set_text("next_step: {due: x}\n", "next_step.what", "v"), "next_step: {what: v, due: x}\n");
    assert_eq!(set_text("next_step: {what: x}\n", "next_step.due", "v"), "next_step: {what: x, due: v}\n");
    assert_eq!(set_text("next_step: { }\n", "next_step.due", "v"), "next_step: {due: v}\n");
    assert_eq!(set_text("a: {b: {}}\n", "a.b.c.d", "v"), "a: {b: {c: {d: v}}}\n");
    assert_eq!(set_text("{}\n", "title", "v"), "{title: v}\n");
    assert_eq!(set_text("a: {b: }\n", "a.b.c", "v"), "a: {b: {c: v}}\n");
    assert_eq!(removed(source, "next_step.what"), "next_step: {due: 2026-11-25}  # soon\n");
    assert_eq!(removed(source, "next_step.due"), "next_step: {what: Call}  # soon\n");
    assert_eq!(removed("a: {b: c}\n", "a.b"), "a: {}\n");
}

#[test]
fn blocks_on_the_way_are_made() {
    assert_eq!(set_text("inputs:\n", "inputs.goal", "g"), "inputs:\n  goal: g\n");
    assert_eq!(set_text("inputs: ~ # c\nx: z\n", "inputs.goal", "g"), "inputs: # c\n  goal: g\nx: z\n");
    assert_eq!(set_text("inputs: null\r\n", "inputs.goal", "g"), "inputs:\r\n  goal: g\r\n");
    assert_eq!(set_text("", "a.b.c", "g"), "a:\n  b:\n    c: g\n");
}

#[test]
fn texts_of_several_lines_become_blocks() {
    assert_eq!(set_text("title: T\n", "notes", "one\n\ntwo\n"), "title: T\nnotes: |\n  one\n\n  two\n");
    assert_eq!(set_text("title: T\r\n", "notes", "one\ntwo"), "title: T\r\nnotes: |-\r\n  one\r\n  two\r\n");
    assert_eq!(set_text("notes: x  # c\na: b\n", "notes", "one\ntwo\n"), "notes: |  # c\n  one\n  two\na: b\n");
    assert_eq!(set_text("inputs:\n  goal: x\n", "inputs.goal", "one\ntwo\n"), "inputs:\n  goal: |\n    one\n    two\n");
    assert_eq!(set_text("a: {b: x}\n", "a.b", "one\ntwo\n"), "a: {b: \"one\\ntwo\\n\"}\n");
    for hidden in [" one\ntwo\n", "one \ntwo", "\none\n", "one\n\n", "a\tb\nc", "a\u{202e}\nb", "<<<<<<< a\nb\n"] {
        assert_eq!(set_text("", "notes", hidden).lines().count(), 1, "{hidden:?}");
    }
}

#[test]
fn a_block_of_text_is_replaced_whole() {
    let source = "notes: |  # free\n  one\n\n  two\n\n# tail\ntitle: T\n";
    assert_eq!(set_text(source, "notes", "x"), "notes: x  # free\n\n# tail\ntitle: T\n");
    assert_eq!(set_text(source, "notes", "x\ny\n"), "notes: |  # free\n  x\n  y\n\n# tail\ntitle: T\n");
    assert_eq!(set_text("notes: >-\r\n  a\r\n  b\r\nt: x\r\n", "notes", "x"), "notes: x\r\nt: x\r\n");
    assert_eq!(set_text("notes: |+\n  a\n\nt: x\n", "owner", "o"), "owner: o\nnotes: |+\n  a\n\nt: x\n");
    assert_eq!(set_text("notes: |+\n  a\n\nt: x\n", "z", "o"), "notes: |+\n  a\n\nt: x\nz: o\n");
    assert_eq!(set_text("notes: |+\n  a\n\n", "z", "o"), "notes: |+\n  a\n\nz: o\n");
}

#[test]
fn a_list_or_block_can_be_replaced_unless_it_has_comments() {
    assert_eq!(set_raw("a:\n  - x\n  - y\nb: c\n", "a", "[z]"), "a: [z]\nb: c\n");
    assert_eq!(set_raw("a: [x,\n  y]  # c\nb: c\n", "a", "z"), "a: z  # c\nb: c\n");
    let error = set("a:\n  # why\n  - x\n", "a", &text("z"), &[]).expect_err("refused");
    assert_eq!(error, EditError::Comments("a".into()));
}

#[test]
fn items_are_appended_in_the_style_of_the_list() {
    assert_eq!(appended("a:\n  - x  # c\n\nb: c\n", "a", "y"), "a:\n  - x  # c\n  - y\n\nb: c\n");
    assert_eq!(appended("a:\n- x\n-\nb: c\n", "a", "y"), "a:\n- x\n-\n- y\nb: c\n");
    assert_eq!(appended("a:\n  - x", "a", "y"), "a:\n  - x\n  - y");
    assert_eq!(appended("a: [x, {b: c}]  # d\n", "a", "y"), "a: [x, {b: c}, y]  # d\n");
    assert_eq!(appended("a: [ ]\n", "a", "y"), "a: [y]\n");
    assert_eq!(appended("a:  # c\nb: c\n", "a", "y"), "a:  # c\n  - y\nb: c\n");
    assert_eq!(appended("title: T\nnotes: n\n", "activity", "{on: x}"), "title: T\nactivity:\n  - {on: x}\nnotes: n\n");
    assert_eq!(appended("", "a.b", "y"), "a:\n  b:\n    - y\n");
    assert_eq!(appended("a: {b: }\n", "a.b", "y"), "a: {b: [y]}\n");
    assert_eq!(appended("a: {}\n", "a.b", "y"), "a: {b: [y]}\n");
    assert_eq!(append("a: [x]\n", "a", &text("y, z\n"), &[]).expect("appended"), "a: [x, \"y, z\\n\"]\n");
    assert_eq!(
        appended("a:\n  - b: |\n      x\n    # c\nd: e\n", "a", "y"),
        "a:\n  - b: |\n      x\n    # c\n  - y\nd: e\n"
    );
}

#[test]
fn fields_are_removed_with_their_lines_and_no_others() {
    assert_eq!(removed("a: {x: 1,}\n", "a.x"), "a: {}\n");
    assert_eq!(removed("a: {x: 1 , }\n", "a.x"), "a: { }\n");
    assert_eq!(removed("a: {x: 1, y: 2,}\n", "a.y"), "a: {x: 1,}\n");
    let source = "title: T  # c\n# who\nowner: x\nlost:\n  reason: price\n\nnotes: |\n  a\n\n  b\nz: 1\n";
    assert_eq!(removed(source, "title"), source.replace("title: T  # c\n", ""));
    assert_eq!(removed(source, "owner"), source.replace("owner: x\n", ""));
    assert_eq!(removed(source, "notes"), source.replace("notes: |\n  a\n\n  b\n", ""));
    assert_eq!(removed(source, "lost.reason"), source.replace("lost:\n  reason: price\n", ""));
    assert_eq!(removed("\u{feff}a: 1\r\nb: 2\r\n", "a"), "\u{feff}b: 2\r\n");
    assert_eq!(removed("# c\na: 1\n", "a"), "# c\n");
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_changes() {
    let message = |result: Result<String, EditError>| result.expect_err("refused").to_string();
    let value = text("x");
    assert_eq!(
        message(set("a: 1\n", "a.b", &value, &[])),
        "`a` holds a value, so it has no fields of its own; remove it first"
    );
    assert_eq!(message(append("a: {b: c}\n", "a", &value, &[])), "`a` holds a block, not a list; remove it first");
    assert_eq!(message(remove("a: 1\n", "b.c")), "there is no `b.c` in the file");
    assert_eq!(
        message(set("a: 1\na: 2\n", "a", &value, &[])),
        "`a` stands twice in the file; delete one of the two lines first"
    );
    assert_eq!(set("a: 1\na: 2\n", "b", &value, &[]).expect("set"), "a: 1\nb: x\na: 2\n");
    assert_eq!(
        message(set("a: 1\nb: c: d\n", "a", &value, &[])),
        "the file cannot be edited before it is mended: line 2: a colon and a space inside a value, which YAML takes \
         for another key"
    );
    for path in ["", ".", "a.", ".a", "a..b", " "] {
        assert_eq!(set("a: 1\n", path, &value, &[]), Err(EditError::BadPath(path.into())));
    }
    for bad in ["", "a: b", "x # c", "a\nb", "[", "- a", "&a b", "|", "'", "{a: 1, a: 2}"] {
        assert!(matches!(set("", "a", &raw(bad), &[]), Err(EditError::BadValue { .. })), "{bad}");
    }
    assert!(set("a: {b: c}\n", "a.b", &raw("x, y"), &[]).is_err());
    assert_eq!(set("", "a", &text(&"x".repeat(300_000)), &[]), Err(EditError::TooLarge));
}

/// Applies to serde_yaml's value what the edit is meant to do.
fn at<'v>(value: &'v mut serde_yaml::Value, keys: &[&str]) -> Option<&'v mut serde_yaml::Value> {
    let mut value = value;
    for key in keys {
        if value.is_null() {
            *value = serde_yaml::Value::Mapping(Default::default());
        }
        value = value.as_mapping_mut()?.entry((*key).into()).or_insert(serde_yaml::Value::Null);
    }
    Some(value)
}

/// What serde_yaml reads. A block of text at the end of a file without a last line end has one in our reading and none
/// in serde_yaml's, so the line end is added.
fn oracle(source: &str) -> serde_yaml::Value {
    let end = if source.ends_with('\n') { "" } else { "\n" };
    serde_yaml::from_str(&format!("{}{end}", source.trim_start_matches('\u{feff}')))
        .unwrap_or_else(|e| panic!("{source:?}: {e}"))
}

fn scalar_source() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        Just("12".to_owned()),
        Just("'it''s'".to_owned()),
        Just("\"a # b\"".to_owned()),
        Just("~".to_owned()),
        Just(String::new()),
        Just("[x, {a: b}, 'c']".to_owned()),
        Just("{a: 1, b: [c]}".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("2026-01-02".to_owned()),
    ]
}

/// Lines of a random document; each top-level key once, sometimes with a block, a list or a text below it.
fn document() -> impl Strategy<Value = String> {
    let field = (scalar_source(), 0..9u8, prop_oneof![Just(""), Just("  # c"), Just(" ")], 0..3usize);
    let keys = ["a", "b", "c", "d", "e"];
    (proptest::collection::vec(field, 0..5), any::<bool>(), any::<bool>(), any::<bool>(), 1..4usize).prop_map(
        move |(fields, crlf, final_newline, bom, step)| {
            let pad = " ".repeat(step);
            let mut text = String::new();
            for (key, (value, shape, tail, blank)) in keys.iter().zip(fields) {
                text += &"\n".repeat(usize::from(blank == 2));
                text += if blank == 1 { "# about\n" } else { "" };
                text += &match shape {
                    0 => format!("{key}:{tail}\n{pad}b: {value}{tail}\n{pad}# in\n{pad}a:\n{pad}{pad}c: {value}\n"),
                    1 => format!("{key}:\n{pad}- {value}{tail}\n{pad}- b: {value}\n{pad}  c: 1\n"),
                    2 => format!("{key}:\n- {value}\n# mid\n- x{tail}\n"),
                    3 => format!("{key}: |{tail}\n{pad}one\n\n{pad}  two # x\n"),
                    4 => format!("{key}: |+\n{pad}one\n\n"),
                    5 => format!("{key}: >-\n{pad}one\n{pad}two\n"),
                    6 => format!("{key}: one\n{pad}two{tail}\n"),
                    _ => format!("{key}: {value}{tail}\n"),
                };
            }
            if !final_newline {
                text.truncate(text.trim_end_matches('\n').len());
            }
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            if bom { format!("\u{feff}{text}") } else { text }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_edit_of_any_document_goes_wrong(
        source in document(),
        path in "[a-e]{1}(\\.[a-c]){0,2}",
        new in prop_oneof![
            "[a-z:# ,'\\[]{0,6}".prop_map(NewValue::Text),
            Just(text("one\n two\n\nthree\n")),
            Just(text("one\ntwo")),
            Just(raw("12")),
            Just(raw("{a: [1]}")),
        ],
        how in 0..3u8,
    ) {
        let keys: Vec<&str> = path.split('.').collect();
        let (last, way) = keys.split_last().expect("a key");
        let mut meant = oracle(&source);
        let value = match &new {
            NewValue::Text(text) => serde_yaml::Value::String(text.clone()),
            NewValue::Raw(raw) => oracle(raw),
        };
        let result = match how {
            0 => set(&source, &path, &new, &order()),
            1 => append(&source, &path, &new, &order()),
            _ => remove(&source, &path),
        };
        let Ok(result) = result else { return Ok(()) };
        match how {
            0 => *at(&mut meant, &keys).expect("a place") = value,
            1 => {
                let list = at(&mut meant, &keys).expect("a place");
                if list.is_null() {
                    *list = serde_yaml::Value::Sequence(Vec::new());
                }
                list.as_sequence_mut().expect("a list").push(value);
            }
            _ => {
                at(&mut meant, way).and_then(|m| m.as_mapping_mut()).expect("a block").shift_remove(*last);
            }
        }
        let mut found = oracle(&result);
        if how == 2 {
            // A block goes with its last field.
            for depth in (1..keys.len()).rev() {
                let empty = at(&mut meant, &keys[..depth]).is_some_and(|v| v.as_mapping().is_some_and(|m| m.is_empty()));
                if empty && at(&mut found.clone(), &keys[..depth]).is_some_and(|v| v.is_null()) {
                    at(&mut meant, &keys[..depth - 1]).and_then(|m| m.as_mapping_mut()).expect("a block").shift_remove(keys[depth - 1]);
                }
            }
            if meant.as_mapping().is_some_and(|m| m.is_empty()) && found.is_null() {
                found = meant.clone();
            }
        }
        prop_assert_eq!(&found, &meant, "{:?} became {:?}", source, result);
        // Every line of the old text that does not belong to the field is still there, in order.
        let mut lines = result.lines();
        let first = keys[0];
        let mut mine = false;
        for line in source.lines().map(|l| l.trim_start_matches('\u{feff}')) {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                mine = line.starts_with(first);
            }
            if !mine && !line.trim().is_empty() {
                prop_assert!(lines.any(|l| l.trim_start_matches('\u{feff}') == line), "{:?} is gone from {:?}", line, result);
            }
        }
    }
}
