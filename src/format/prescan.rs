//! A look at a file's bytes before any parser sees them: size, encoding, line ends, conflict markers, nesting.
//!
//! The limits hold here because parsers can be hurt by what comes after: a hundred thousand `[` keep several of them
//! busy for seconds or overflow their stack.

use std::borrow::Cow;

use super::problem::{Fix, Problem, ProblemKind};
use super::span::Span;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// How deep blocks and lists may lie in one another, the top-level mapping counted as one.
pub const MAX_DEPTH: usize = 32;

/// How many keys, values, lists and blocks a file may hold.
pub const MAX_NODES: usize = 10_000;

/// Brackets open at once, quotes and comments not told apart. Far above [`MAX_DEPTH`], so that a text full of brackets
/// passes; the exact depth is counted while the tree is built.
const MAX_OPEN_BRACKETS: usize = 512;

/// List dashes in a row at the start of one line.
const MAX_DASHES: usize = 64;

/// Problems of one kind that are listed one by one before the rest is only counted.
const MAX_LISTED: usize = 20;

/// What the look at the bytes found.
#[derive(Debug)]
pub struct Scan<'a> {
    /// The whole text, a byte order mark included.
    pub text: &'a str,
    /// The text for the parser: a letter of the same length stands for every character that it would stop at.
    pub readable: Cow<'a, str>,
    /// Where those letters are.
    pub masked: Vec<Span>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Whether one of the problems keeps the file from being read.
    pub fatal: bool,
}

/// Looks at the bytes. An error means that no parser may see them.
pub fn scan(source: &[u8]) -> Result<Scan<'_>, Vec<Problem>> {
    if source.len() > MAX_BYTES {
        return Err(vec![too_large(source.len())]);
    }
    let text = utf8(source)?;
    let mut characters = Characters::default();
    let mut markers = Vec::new();
    let mut nesting = Nesting::default();
    let mut line_start = true;
    let mut at = 0;
    while at < source.len() {
        if line_start {
            line_start = false;
            at = nesting.line(source, at);
            if let Some(marker) = Marker::at(source, at) {
                markers.push(marker);
            }
            if at >= source.len() {
                break;
            }
        }
        match source[at] {
            b'\n' => line_start = true,
            b'[' | b'{' => nesting.open(at),
            b']' | b'}' => nesting.close(),
            b'\t' => {}
            b'\r' if source.get(at + 1) == Some(&b'\n') => {}
            0..0x20 | 0x7f | 0xc2 | 0xe2 | 0xef => characters.look(text, at),
            _ => {}
        }
        at += 1;
    }
    let conflicts = conflicts(text, &markers);
    let fatal = characters.fatal || !conflicts.is_empty();
    let parser_may_see = conflicts.is_empty() && !characters.line_ends && nesting.problem.is_none();
    let readable = if characters.masked.is_empty() { Cow::Borrowed(text) } else { mask(text, &characters.masked) };
    let masked = std::mem::take(&mut characters.masked);
    let mut problems = characters.finish();
    problems.extend(conflicts);
    problems.extend(nesting.problem);
    problems.sort_by_key(|p| p.span);
    if parser_may_see { Ok(Scan { text, readable, masked, problems, fatal }) } else { Err(problems) }
}

fn too_large(size: usize) -> Problem {
    let (size, most) = (size.div_ceil(1024), MAX_BYTES / 1024);
    Problem::new(
        ProblemKind::YamlUnsupported,
        Span::at(0),
        format!("the file has {size} KiB; at most {most} KiB are read"),
    )
    .with_help("put long texts into files of their own and name them in the deal")
}

/// The text with letters for the characters of `spans`, each as long in bytes as what it stands for.
pub(super) fn mask<'a>(text: &'a str, spans: &[Span]) -> Cow<'a, str> {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        masked.push_str(&text[done..span.start]);
        masked.extend(text[span.start..span.end].chars().map(|c| match c.len_utf8() {
            1 => 'x',
            2 => 'é',
            3 => 'あ',
            _ => '𐐨',
        }));
        done = span.end;
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

fn utf8(source: &[u8]) -> Result<&str, Vec<Problem>> {
    const HELP: &str = "save the file as UTF-8";
    let utf16 = |offset| {
        Problem::new(
            ProblemKind::Encoding,
            Span::new(offset, offset + 1),
            format!("the file is not UTF-8 (byte {offset}); it looks like UTF-16"),
        )
        .with_help(HELP)
    };
    if source.starts_with(&[0xff, 0xfe]) || source.starts_with(&[0xfe, 0xff]) {
        return Err(vec![utf16(0)]);
    }
    // Latin letters in UTF-16 are valid UTF-8 with a NUL at every other place.
    let head = &source[..source.len().min(64)];
    let nuls = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    if head.len() >= 4 && (nuls(0) * 5 >= head.len() * 2 || nuls(1) * 5 >= head.len() * 2) {
        return Err(vec![utf16(head.iter().position(|b| *b == 0).unwrap_or(0))]);
    }
    std::str::from_utf8(source).map_err(|error| {
        let offset = error.valid_up_to();
        let line = source[..offset].iter().filter(|b| **b == b'\n').count() + 1;
        let guess = if error.error_len().is_none() {
            "the file ends in the middle of a character"
        } else if looks_cyrillic(&source[offset..]) {
            "it looks like Windows-1251"
        } else {
            "it looks like Latin-1 (Windows-1252)"
        };
        let problem = Problem::new(
            ProblemKind::Encoding,
            Span::new(offset, offset + 1),
            format!("the file is not UTF-8 (byte {offset}, line {line}); {guess}"),
        )
        .with_help(HELP);
        vec![problem]
    })
}

/// Cyrillic words in Windows-1251 are runs of bytes from 0xC0 up; accents in Latin-1 stand alone between ASCII letters.
fn looks_cyrillic(bytes: &[u8]) -> bool {
    let run = bytes.iter().take_while(|b| **b >= 0xc0 || **b == 0xb8 || **b == 0xa8).count();
    run >= 3
}

/// Characters that have no place in a file.
#[derive(Default)]
struct Characters {
    problems: Vec<Problem>,
    masked: Vec<Span>,
    unlisted: usize,
    fatal: bool,
    line_ends: bool,
}

impl Characters {
    fn look(&mut self, text: &str, at: usize) {
        let Some(character) = text.get(at..).and_then(|t| t.chars().next()) else { return };
        let span = Span::new(at, at + character.len_utf8());
        let code = character as u32;
        let problem = |message: String| Problem::new(ProblemKind::Encoding, span, message);
        let problem = match character {
            '\u{feff}' if at == 0 => problem("the file starts with a byte order mark".into())
                .with_help("delete it: it is invisible and means nothing in UTF-8")
                .with_fix(Fix::safe("delete the byte order mark", span, "")),
            '\u{feff}' => problem("a byte order mark (U+FEFF) in the middle of the text".into())
                .with_help("delete it: it is invisible")
                .with_fix(Fix::guess("delete the byte order mark", span, "")),
            '\r' => {
                self.line_ends = true;
                problem("a line that ends with a carriage return alone".into())
                    .with_help("end lines with LF or CRLF")
                    .with_fix(Fix::safe("end the line with a line feed", span, "\n"))
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' => {
                let name = match character {
                    '\u{85}' => "next line",
                    '\u{2028}' => "line separator",
                    _ => "paragraph separator",
                };
                problem(format!("the line end U+{code:04X} ({name}), which editors show differently")).with_help(
                    format!("end lines with LF or CRLF; inside a value write it in double quotes as \\u{code:04X}"),
                )
            }
            '\0'..'\u{20}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                problem(format!("the control character U+{code:04X}, which no text needs"))
                    .with_help("delete it")
                    .with_fix(Fix::guess("delete the character", span, ""))
            }
            _ => return,
        };
        if !(character == '\u{feff}' && at == 0) {
            self.fatal = true;
            self.masked.push(span);
        }
        if self.problems.len() < MAX_LISTED { self.problems.push(problem) } else { self.unlisted += 1 }
    }

    fn finish(mut self) -> Vec<Problem> {
        if let (true, Some(last)) = (self.unlisted > 0, self.problems.last_mut()) {
            last.message = format!("{}, and {} more characters like it", last.message, self.unlisted);
        }
        self.problems
    }
}

/// Brackets and dashes, counted roughly.
#[derive(Default)]
struct Nesting {
    open: usize,
    problem: Option<Problem>,
}

impl Nesting {
    fn open(&mut self, at: usize) {
        self.open += 1;
        if self.open > MAX_OPEN_BRACKETS {
            self.refuse(at);
        }
    }

    fn close(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Counts the dashes at the start of a line; returns where its blanks end.
    fn line(&mut self, source: &[u8], start: usize) -> usize {
        let blanks = |from: usize| from + source[from..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let first = blanks(start);
        let (mut at, mut dashes) = (first, 0);
        while matches!(source.get(at), Some(b'-' | b'?' | b':')) && matches!(source.get(at + 1), Some(b' ' | b'\t')) {
            dashes += 1;
            at = blanks(at + 1);
            if dashes > MAX_DASHES {
                self.refuse(at.min(source.len().saturating_sub(1)));
                break;
            }
        }
        first
    }

    fn refuse(&mut self, at: usize) {
        if self.problem.is_none() {
            self.problem = Some(too_deep(Span::new(at, at + 1)));
        }
    }
}

/// The problem of a file that nests too deep.
pub(super) fn too_deep(span: Span) -> Problem {
    Problem::new(
        ProblemKind::YamlUnsupported,
        span,
        format!("lists and blocks lie in one another more than {MAX_DEPTH} deep"),
    )
    .with_help("a deal needs two or three levels; put the rest into a file of its own")
}

/// A line that begins with seven or eight of `<`, `|`, `=` or `>`.
struct Marker {
    of: u8,
    span: Span,
}

impl Marker {
    fn at(source: &[u8], at: usize) -> Option<Marker> {
        let of = *source.get(at).filter(|b| matches!(b, b'<' | b'|' | b'=' | b'>'))?;
        let rest = &source[at..];
        let run = rest.iter().take_while(|b| **b == of).count();
        let ends = matches!(rest.get(run), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
        if !matches!(run, 7 | 8) || !ends {
            return None;
        }
        let line = rest.iter().take_while(|b| !matches!(b, b'\r' | b'\n')).count();
        Some(Marker { of, span: Span::new(at, at + line) })
    }
}

/// Whether a text has what a merge leaves that nobody finished.
pub fn has_conflict(text: &str) -> bool {
    let blank = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut at = 0;
    let markers: Vec<Marker> = text
        .split_inclusive('\n')
        .filter_map(|line| {
            let marker = Marker::at(text.as_bytes(), at + blank(line));
            at += line.len();
            marker
        })
        .collect();
    !conflicts(text, &markers).is_empty()
}

/// One problem for each conflict, with the lines that part its versions. A line of `=` alone is a heading in many texts
/// and is only taken for a marker between the others.
fn conflicts(text: &str, markers: &[Marker]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut open = false;
    for marker in markers {
        let words = text[marker.span.start..marker.span.end].trim();
        match marker.of {
            b'<' => {
                open = true;
                problems.push(
                    conflict(marker.span, "a merge conflict that was not resolved")
                        .with_label(format!("one version begins: {words}")),
                );
            }
            b'>' if open => {
                open = false;
                if let Some(last) = problems.last_mut() {
                    last.related.push((marker.span, format!("the other version ends: {words}")));
                }
            }
            b'>' => problems.push(conflict(marker.span, "what is left of a merge conflict")),
            of if open => {
                if let Some(last) = problems.last_mut() {
                    let words = if of == b'=' { "the other version begins" } else { "what both began with" };
                    last.related.push((marker.span, words.into()));
                }
            }
            _ => {}
        }
    }
    problems.truncate(MAX_LISTED);
    problems
}

fn conflict(span: Span, message: &str) -> Problem {
    Problem::new(ProblemKind::ConflictMarker, span, message)
        .with_help("keep the version that holds, delete the other one and the marker lines")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &[u8]) -> Vec<Problem> {
        scan(source).expect_err("refused")
    }

    #[test]
    fn a_file_over_the_size_is_refused_before_it_is_read() {
        let problems = refused(&vec![b'#'; MAX_BYTES + 1]);
        assert_eq!(problems[0].message, "the file has 257 KiB; at most 256 KiB are read");
        assert!(scan(&vec![b'#'; MAX_BYTES]).is_ok());
    }

    #[test]
    fn other_encodings_are_named_with_the_byte() {
        let message = |bytes: &[u8]| refused(bytes)[0].message.clone();
        assert_eq!(
            message(b"a: 1\ntitle: caf\xe9 x\n"),
            "the file is not UTF-8 (byte 15, line 2); it looks like Latin-1 (Windows-1252)"
        );
        assert_eq!(
            message(b"title: \xd1\xe0\xe9\xf2 \xe4\xeb\xff\n"),
            "the file is not UTF-8 (byte 7, line 1); it looks like Windows-1251"
        );
        assert_eq!(message(b"\xff\xfea\0:\0 \x001\0"), "the file is not UTF-8 (byte 0); it looks like UTF-16");
        assert_eq!(message(b"a\0:\0 \x001\0\n\0"), "the file is not UTF-8 (byte 1); it looks like UTF-16");
        assert_eq!(
            message(b"title: \xd0"),
            "the file is not UTF-8 (byte 7, line 1); the file ends in the middle of a character"
        );
    }

    #[test]
    fn a_byte_order_mark_is_named_and_can_be_deleted() {
        let scan = scan("\u{feff}a: 1\n".as_bytes()).expect("readable");
        assert!(!scan.fatal);
        let fix = scan.problems[0].fix.clone().expect("a fix");
        assert_eq!(fix, Fix::safe("delete the byte order mark", Span::new(0, 3), ""));
    }

    #[test]
    fn control_characters_are_all_found() {
        let scan = scan("a: x\0y\nb: \u{1b}[31m\nc: \u{9b}\nd: \u{7f}\n".as_bytes()).expect("readable when masked");
        assert!(scan.fatal);
        let found: Vec<_> = scan.problems.iter().map(|p| p.span).collect();
        assert_eq!(found, [Span::new(4, 5), Span::new(10, 11), Span::new(19, 21), Span::new(25, 26)]);
        assert_eq!(scan.readable.len(), scan.text.len());
        assert!(!scan.readable.contains('\0'));
    }

    #[test]
    fn very_many_control_characters_are_counted() {
        let scan = scan(&[1; 1000]).expect("readable when masked");
        assert_eq!(scan.problems.len(), MAX_LISTED);
        assert!(scan.problems[MAX_LISTED - 1].message.ends_with("and 980 more characters like it"));
    }

    #[test]
    fn tabs_and_both_usual_line_ends_are_fine() {
        let scan = scan(b"a:\t1\r\nb: 2\n").expect("readable");
        assert!(scan.problems.is_empty());
    }

    #[test]
    fn other_line_ends_are_refused() {
        assert!(refused(b"a: 1\rb: 2\r")[0].message.contains("carriage return"));
        for end in ["\u{85}", "\u{2028}", "\u{2029}"] {
            let scan = scan(format!("a: 1{end}b: 2\n").leak().as_bytes()).expect("readable when masked");
            assert!(scan.fatal && scan.problems[0].message.contains("line end"), "{:?}", scan.problems);
        }
    }

    #[test]
    fn conflict_markers_of_seven_or_eight_are_found_with_both_versions() {
        for (open, mid, end) in [("<<<<<<<", "=======", ">>>>>>>"), ("<<<<<<<<", "========", ">>>>>>>>")] {
            let text = format!("a: 1\n{open} HEAD\nb: 2\n||||||| base\nb: 1\n{mid}\nb: 3\n{end} other\n");
            let problems = refused(text.as_bytes());
            assert_eq!(problems.len(), 1);
            assert_eq!(problems[0].label, format!("one version begins: {open} HEAD"));
            let related: Vec<_> = problems[0].related.iter().map(|(s, _)| &text[s.start..s.end]).collect();
            assert_eq!(related, ["||||||| base", mid, &format!("{end} other")]);
        }
    }

    #[test]
    fn conflict_markers_inside_a_block_of_text_are_found() {
        let text = "notes: |\n  <<<<<<< HEAD\n  one\n  =======\n  two\n  >>>>>>> x\n";
        assert_eq!(refused(text.as_bytes())[0].kind, ProblemKind::ConflictMarker);
        assert_eq!(refused(b"notes: |\n\t  >>>>>>> x\r\n")[0].message, "what is left of a merge conflict");
    }

    #[test]
    fn headings_arrows_and_tables_are_no_conflict() {
        for line in ["=======", "<<<<<<", "<<<<<<<<<", "<<<<<<<x", "|||||||", "a <<<<<<< b", "========="] {
            assert!(scan(format!("notes: |\n  {line}\n").as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn deep_nesting_never_reaches_a_parser() {
        let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in ["[".repeat(100_000), "- ".repeat(20_000), "{a: ".repeat(20_000), "? ".repeat(9_000), closed] {
            assert!(refused(text.as_bytes())[0].message.contains("more than 32 deep"));
        }
        assert!(scan(format!("notes: |\n  {}\n", "[ ".repeat(200)).as_bytes()).is_ok());
    }
}
