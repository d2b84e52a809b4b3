//! The one place where text that is not ours becomes Markdown.

use crate::format::log_command::without_brackets;

/// A character that must be shown by its number: controls, line and paragraph separators, and marks that reorder or hide
/// text. Joiners stay, scripts and emoji need them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff0}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

/// A text on one line: line ends become blanks, hidden characters are shown as `\u{…}`. What a build server would obey is
/// broken up, since a page may be printed into a log.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hidden(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    without_brackets(out)
}

/// A text as a code span, which no renderer reads anything into: no link, image, HTML, mention or formula. For table
/// cells: each pipe has a backslash, which GFM takes away again in a table.
pub fn code(text: &str) -> String {
    span(text, true)
}

/// As [`code`], for everywhere but in tables.
pub fn code_outside_tables(text: &str) -> String {
    span(text, false)
}

fn span(text: &str, in_table: bool) -> String {
    // Most texts need no more than a fence on either side.
    let usual = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'`' | b'|' | b'[');
    if !text.is_empty() && text.bytes().all(usual) && !text.starts_with(' ') && !text.ends_with(' ') {
        return ["`", text, "`"].concat();
    }
    let text = plain(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let edge = |c: char| c == '`' || c == ' ';
    let blank = text.chars().all(|c| c == ' ');
    // One blank at each side of a span is taken away, unless all is blank; so what begins and ends with one needs two.
    let pad = !blank && (text.starts_with(edge) || text.ends_with(edge));
    let body = match text.as_str() {
        "" => " ".to_owned(),
        text if in_table => text.replace('|', "\\|"),
        text => text.to_owned(),
    };
    let pad = if pad { " " } else { "" };
    format!("{fence}{pad}{body}{pad}{fence}")
}

/// A text as running text, for headings, stage titles and the words of a pipeline: what could be read as Markdown or HTML
/// is written as an entity, and `@` and `#` are followed by a word joiner, so that nobody is called and nothing linked.
pub fn text(text: &str) -> String {
    let text = plain(text);
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return code(&text);
    }
    let mut out = String::with_capacity(trimmed.len());
    for (at, c) in trimmed.char_indices() {
        let before = &trimmed[..at];
        let special = match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '!' | '|' | '~' | '&' | '@' | ':'
            | '$' | '^' => true,
            // Only what begins a line can be a list or an underline; only `www.` a link.
            '-' | '+' | '=' => before.is_empty(),
            '.' if before.to_ascii_lowercase().ends_with("www") => true,
            '.' | ')' => before.bytes().all(|b| b.is_ascii_digit()) && !trimmed[at + 1..].starts_with(|c| c != ' '),
            _ => false,
        };
        if special {
            out.push_str(&format!("&#{};", u32::from(c)))
        } else {
            out.push(c)
        }
        if matches!(c, '@' | '#') {
            out.push('\u{2060}');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_spans_hold_anything() {
        let wanted = [
            ("ACME", "`ACME`"),
            ("a|b", r"`a\|b`"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("", "` `"),
            (" ", "` `"),
            (" x ", "`  x  `"),
            ("two\r\nlines", "`two lines`"),
            ("<b>@team #1", "`<b>@team #1`"),
            ("\u{1b}[31m\u{202e}", r"`\u{1b}[31m\u{202e}`"),
        ];
        for (text, span) in wanted {
            assert_eq!(code(text), span);
        }
        assert_eq!(code_outside_tables("a|b"), "`a|b`");
        assert_eq!(code("x ##[add-mask]0"), "`x ## [add-mask]0`");
    }

    #[test]
    fn running_text_stays_readable_and_says_nothing_to_a_renderer() {
        let wanted = [
            ("Collecting the inputs (phase 1)", "Collecting the inputs (phase 1)"),
            ("Ждем предоплату", "Ждем предоплату"),
            ("a|b", "a&#124;b"),
            ("**x** <i>", "&#42;&#42;x&#42;&#42; &#60;i&#62;"),
            ("@team", "&#64;\u{2060}team"),
            ("- item", "&#45; item"),
            ("1. item", "1&#46; item"),
            ("1.5 rooms", "1.5 rooms"),
            ("www.example.com", "www&#46;example.com"),
            ("https://x", "https&#58;//x"),
            ("  ", "`  `"),
        ];
        for (own, escaped) in wanted {
            assert_eq!(text(own), escaped);
        }
    }
}
