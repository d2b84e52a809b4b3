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
    assert_eq!(formatted("x-a: |+\n  a\n\nwas: [b]\n\n# c\n\nx-b: 1\n"), "was: [b]\nx-a: |+\n  a\n\n# c\n\nx-b: 1\n");
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

#[test]
fn the_guard_sees_another_value_or_comment() {
    let root = |text: &str| read(text).expect("a deal").root;
    let same = |one: &str, other: &str| same_fields(&root(one), &root(other));
    assert!(same("a: 1\nb: {c: [x, ~]}\n", "b:\n  c:\n    - x\n    -\na: 1\n"));
    for other in
        ["a: 1\n", "a: 1\nb: 3\n", "a: 1\nb: \"2\"\n", "a: 1\nb: [2]\n", "a: 1\nb: {c: 2}\n", "a: 1\nb: 2\nc: 3\n"]
    {
        assert!(!same("a: 1\nb: 2\n", other), "{other}");
    }
    assert!(!same("a: [1, 2]\n", "a: [2, 1]\n"));
    let words = |text: &str| comments::all(text, &root(text)).join(" ");
    assert_eq!(words("# b\na: 'no # one'  # a \nc: |  # d\n  no # one\n# b\n"), "# a # b # b # d");
}

/// Makes deals from a row of numbers, as people could write them: fields in any order, comments and blank lines anywhere,
/// every style of value, any indentation.
struct Author<'n> {
    numbers: &'n [u32],
    text: String,
    comments: usize,
}

const NAMES: [&str; 20] = [
    "title",
    "owner",
    "inputs",
    "goal",
    "budget",
    "activity",
    "on",
    "who",
    "what",
    "note",
    "notes",
    "mood",
    "x-a",
    "approvals",
    "start",
    "by",
    "next_step",
    "due",
    "proposal",
    "was",
];

impl Author<'_> {
    fn one_of(&mut self, most: u32) -> u32 {
        let Some((number, rest)) = self.numbers.split_first() else { return 0 };
        self.numbers = rest;
        number % most
    }

    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("# comment {} of 'it: \"", self.comments)
    }

    /// Blank lines and comments before a field or item.
    fn before(&mut self, column: usize) {
        for _ in 0..self.one_of(12).saturating_sub(8) {
            let (blank, deeper) = (self.one_of(2), self.one_of(8) / 7);
            if blank == 1 {
                self.text.push_str(if deeper == 1 { "  \n" } else { "\n" });
            } else {
                let margin = " ".repeat(column + 3 * deeper as usize);
                let comment = self.comment();
                self.text.push_str(&format!("{margin}{comment}\n"));
            }
        }
    }

    /// The end of a line.
    fn end(&mut self) {
        if self.one_of(5) == 4 {
            let blanks = " ".repeat(1 + self.one_of(3) as usize);
            let comment = self.comment();
            self.text.push_str(&format!("{blanks}{comment}"));
        } else if self.one_of(9) == 8 {
            self.text.push(' ');
        }
        self.text.push('\n');
    }

    fn fields(&mut self, column: usize, depth: usize, inline: bool) {
        let (count, mut at, step) = (1 + self.one_of(4), self.one_of(20), [1, 3, 7, 9][self.one_of(4) as usize]);
        for i in 0..count {
            if !(inline && i == 0) {
                self.before(column);
                self.text.push_str(&" ".repeat(column));
            }
            self.text.push_str(NAMES[at as usize % NAMES.len()]);
            self.text.push(':');
            at += step;
            self.value(column, depth, false);
        }
        self.before(column);
    }

    /// A value after `key:` or `-`.
    fn value(&mut self, column: usize, depth: usize, item: bool) {
        let margin = " ".repeat(column + 1 + self.one_of(4) as usize);
        match self.one_of(if depth < 3 { 17 } else { 12 }) {
            0..=2 => self.line(" a word"),
            3 => self.line(" 'a, # b: {c}'"),
            4 => self.line(" \"x: y\""),
            5 => self.line(""),
            6 => self.line(" [a, {who: b, on: c}, [d]]"),
            7 => self.line(" {who: 1, on: [2, 3], x-a: , what: {due: 4, note: 5}}"),
            8 => {
                self.text.push_str(" {who: 1,");
                self.end();
                self.before(column + 1);
                self.text.push_str(&format!("{margin}on: 2 ,"));
                self.end();
                self.text.push_str(&format!("{margin}what: [a,"));
                self.end();
                self.text.push_str(&format!("{margin} b]"));
                self.end();
                self.text.push_str(&format!("{margin}}}"));
                self.end();
            }
            9 => {
                let sign = ["|", "|-", "|+", ">", ">+", ">-"][self.one_of(6) as usize];
                self.text.push_str(&format!(" {sign}"));
                self.end();
                let first = [String::new(), "\n".to_owned()][self.one_of(2) as usize].clone();
                self.text.push_str(&format!("{first}{margin}one # no comment\n"));
                for _ in 0..self.one_of(4) {
                    let more = ["", "two", "  three ", "- four: x"][self.one_of(4) as usize];
                    let margin = if more.is_empty() { "" } else { &margin };
                    self.text.push_str(&format!("{margin}{more}\n"));
                }
            }
            10 => {
                self.text.push_str(&format!(" several\n{margin}words\n\n{margin}over lines"));
                self.end();
            }
            11 => {
                self.text.push_str(&format!(" \"several\n\n{margin}words # inside \\\n{margin}  quotes\""));
                self.end();
            }
            12 | 13 if item => {
                self.text.push(' ');
                self.fields(column + 2, depth + 1, true);
            }
            12..=14 => {
                self.end();
                self.fields(margin.len(), depth + 1, false);
            }
            _ => {
                self.end();
                let column = if item { margin.len() } else { margin.len() - 1 };
                for _ in 0..=self.one_of(3) {
                    self.before(column);
                    self.text.push_str(&format!("{}-", " ".repeat(column)));
                    self.value(column, depth + 1, true);
                }
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.end();
    }
}

fn written(numbers: &[u32]) -> String {
    let mut author = Author { numbers, text: String::new(), comments: 0 };
    author.fields(0, 0, false);
    author.text
}

/// The characters of a text in alphabetical order, without those that only lay it out.
fn ink(text: &str) -> Vec<char> {
    let mut ink: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && !"{}[],-".contains(*c)).collect();
    ink.sort_unstable();
    ink
}

/// How many made-up deals could be read.
fn assert_formats_made_up(numbers: &[u32]) -> bool {
    let text = written(numbers);
    if read(&text).is_err() {
        return false;
    }
    let once = format(&text, &fields()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let twice = format(&once, &fields()).unwrap_or_else(|e| panic!("{e}\n{once}"));
    assert!(once == twice, "the second time differs:\n{text}\n---\n{once}\n---\n{twice}");
    assert!(ink(&once) == ink(&text), "something was lost or gained:\n{text}\n---\n{once}");
    let value = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).ok();
    if let Some(before) = value(&text) {
        assert!(value(&once).as_ref() == Some(&before), "another value:\n{text}\n---\n{once}");
    }
    let crlf = format(&text.replace('\n', "\r\n"), &fields());
    assert!(crlf == Ok(once.replace('\n', "\r\n")), "CRLF differs:\n{text}\n---\n{once}\n---\n{crlf:?}");
    true
}

#[test]
fn most_made_up_deals_can_be_read() {
    let numbers = |seed: u32| {
        (0..200).map(move |i: u32| seed.wrapping_mul(2_654_435_761).wrapping_add(i * i * 40_503 + i * 7 + seed) >> 7)
    };
    let read = (0..300).filter(|seed| assert_formats_made_up(&numbers(*seed).collect::<Vec<_>>())).count();
    assert!(read > 250, "{read} of 300");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn no_deal_loses_anything_and_the_second_time_changes_nothing(
        numbers in proptest::collection::vec(proptest::prelude::any::<u32>(), 0..160)
    ) {
        assert_formats_made_up(&numbers);
    }
}

#[test]
fn the_largest_files_are_formatted_at_once() {
    let long = "w".repeat(40);
    let one_line: String = (0..4_900).map(|i| format!("k{i}: {long}, ")).collect();
    let one_line = format!("inputs: {{{one_line}z: 1}}\n");
    let comments: String = (0..3_000).map(|i| format!("# about {i}\n\nk{i}: 1  # {long}\n")).collect();
    let deep: String = (0..28).map(|i| format!("{}k:\n", " ".repeat(i))).collect();
    let deep = format!("{deep}{}- {{a: [{}1]}}\n", " ".repeat(28), "1, ".repeat(9_000));
    let blank = format!("notes: |\n  x\n{}title: x\n", " \n".repeat(100_000));
    for text in [one_line, comments, deep, blank] {
        let begun = std::time::Instant::now();
        let once = format(&text, &fields()).unwrap_or_else(|e| panic!("{e}: {}", &text[..60]));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?} for {}", begun.elapsed(), &text[..60]);
        assert!(format(&once, &fields()) == Ok(once));
    }
}
