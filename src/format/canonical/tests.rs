use super::*;
use crate::format::builtins;
use crate::format::schema::FieldType;

fn fields() -> Vec<FieldSpec> {
    let text = |name: &str| FieldSpec::new(name, FieldType::Text);
    let inputs = FieldType::Block(vec![text("goal"), text("budget"), text("deadline")]);
    let proposal = FieldType::Block(vec![text("sent_on"), text("file")]);
    let mut fields = builtins::fields();
    let head = builtins::head(&fields);
    fields.splice(head..head, [FieldSpec::new("inputs", inputs), FieldSpec::new("proposal", proposal)]);
    fields
}

/// Formats, twice.
fn formatted(text: &str) -> String {
    let once = format(text, &fields()).unwrap_or_else(|e| panic!("{e} in\n{text}"));
    assert_eq!(format(&once, &fields()).as_deref(), Ok(once.as_str()), "the second time differs");
    once
}

#[test]
fn fields_stand_in_the_order_of_the_card_at_every_depth() {
    let text = "\
notes: Last
x-b: 1
inputs:
  budget: 2
  goal: 1
x-a: 2
mood: good
activity:
  - {who: olga, on: 2026-01-02}
  - what: call
    on: 2026-01-03
approvals:
  start: {on: 2026-01-04, by: boss}
title: First
";
    assert_eq!(
        formatted(text),
        "\
title: First
inputs:
  goal: 1
  budget: 2
activity:
  - {on: 2026-01-02, who: olga}
  - on: 2026-01-03
    what: call
approvals:
  start: {by: boss, on: 2026-01-04}
notes: Last
mood: good
x-b: 1
x-a: 2
"
    );
}

#[test]
fn comments_go_with_their_fields() {
    let text = "\
# All about ACME

# who answers
owner: olga   # since May
inputs:   # from the call
  # in figures
  budget: 5  # rough
  goal: x
  # deadline: not yet
# the name
title: ACME
# the end
";
    assert_eq!(
        formatted(text),
        "\
# All about ACME

# the name
title: ACME
# who answers
owner: olga   # since May
inputs:   # from the call
  goal: x
  # in figures
  budget: 5  # rough
  # deadline: not yet
# the end
"
    );
}

#[test]
fn comments_in_lists_go_with_their_items() {
    let text = "\
activity:
# the first
- # said Olga
  # about when
  who: olga
  # when
  on: 2026-01-02
- {what: call} # short
# the last
-
  what: mail
  # no more
title: x
";
    assert_eq!(
        formatted(text),
        "\
title: x
activity:
  # the first
  # said Olga
  # when
  - on: 2026-01-02
    # about when
    who: olga
  - {what: call} # short
  # the last
  - what: mail
    # no more
"
    );
}

#[test]
fn brackets_open_where_the_pipeline_declares_a_block() {
    assert_eq!(
        formatted("{title: x, inputs: {budget: '5, or 6', goal: \"y\"}, next_step: {due: 2026-01-01, what: Call}}"),
        "title: x\nnext_step: {what: Call, due: 2026-01-01}\ninputs:\n  goal: \"y\"\n  budget: '5, or 6'\n"
    );
    assert_eq!(
        formatted("effort: [{hours: 1, on: 2026-01-01}, {hours: 2}]\nwas: [a, b]\nx-geo: {lat: 1, lon: 2}\n"),
        "effort:\n  - {on: 2026-01-01, hours: 1}\n  - {hours: 2}\nwas: [a, b]\nx-geo: {lat: 1, lon: 2}\n"
    );
}

#[test]
fn brackets_over_several_lines_become_one_or_open() {
    assert_eq!(formatted("was: [a,\n  b]\n"), "was: [a, b]\n");
    assert_eq!(formatted("was: [a, # old\n  b]\n"), "was:\n  - a # old\n  - b\n");
    let word = "w".repeat(60);
    assert_eq!(
        formatted(&format!("activity:\n  - {{note: {word},\n     what: {word}}} # x\n")),
        format!("activity:\n  # x\n  - what: {word}\n    note: {word}\n")
    );
    let long = format!("activity:\n  - {{what: {word}, note: {word}}}\n");
    assert_eq!(formatted(&long), long);
}

#[test]
fn texts_keep_their_lines() {
    let text = "\
notes: |  # as told
      One

        indented
      Two
inputs:
    goal: >-
        folded
        text
    budget: plain
            over lines
    deadline: \"in quotes

      over lines\"
title: |2
    two blanks first
";
    assert_eq!(
        formatted(text),
        "\
title: |2
    two blanks first
inputs:
  goal: >-
    folded
    text
  budget: plain
    over lines
  deadline: \"in quotes

    over lines\"
notes: |  # as told
  One

    indented
  Two
"
    );
}

#[test]
fn a_text_that_keeps_its_last_lines_does_so_anywhere() {
    assert_eq!(formatted("notes: |+\n  a\n\n\ntitle: x\n"), "title: x\nnotes: |+\n  a\n\n\n");
    assert_eq!(formatted("notes: |\n  a\n\n\n\ntitle: x\n"), "title: x\nnotes: |\n  a\n");
    assert_eq!(formatted("notes: |\n  a\n     \ntitle: x\n"), "title: x\nnotes: |\n  a\n     \n");
    assert_eq!(formatted("notes: |\n  a"), "notes: |\n  a\n");
}

#[test]
fn at_most_one_blank_line_stays() {
    assert_eq!(
        formatted("\n\ntitle: x\n\n\n\naccount: y\ninputs:\n\n  goal: z\n\n\n  budget: 1   \n\n\n"),
        "title: x\n\naccount: y\ninputs:\n  goal: z\n\n  budget: 1\n"
    );
}

#[test]
fn line_ends_stay_and_a_byte_order_mark_goes() {
    assert_eq!(
        formatted("owner: a\r\n# c \r\ntitle: b\r\nnotes: |\r\n  x\r\n  y"),
        "# c\r\ntitle: b\r\nowner: a\r\nnotes: |\r\n  x\r\n  y\r\n"
    );
    assert_eq!(formatted("\u{feff}title: b"), "title: b\n");
    assert_eq!(formatted("\u{feff}# c\nowner: a\ntitle: b\n"), "title: b\n# c\nowner: a\n");
}

#[test]
fn a_line_of_dashes_stays_at_the_top() {
    assert_eq!(formatted("# a\n--- # b\n# c\n\nowner: x\ntitle: y\n"), "# a\n--- # b\n# c\n\ntitle: y\nowner: x\n");
}

#[test]
fn what_is_broken_is_left_alone() {
    let error = |text: &str| format(text, &fields()).expect_err("refused").to_string();
    assert_eq!(error("title: a\ntitle: b\n"), "it must be mended first, line 2: `title` stands twice in one block");
    assert!(error("title: a: b\n").contains("line 1: "), "{}", error("title: a: b\n"));
    assert!(error("<<<<<<< HEAD\ntitle: a\n=======\ntitle: b\n>>>>>>> x\n").contains("line 1: "));
    assert!(error("").contains("empty"));
}
