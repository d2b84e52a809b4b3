//! Bar charts in Mermaid, in the words that Mermaid 10, 11 and 12 all take.

/// Characters of a label beyond which it is cut.
const MAX_LABEL: usize = 40;

/// Bars beyond which a chart says nothing to anybody.
const MAX_BARS: usize = 36;

/// The largest value a chart is drawn for: beyond it the renderer's own floats lose digits.
const MAX_VALUE: i128 = 1_000_000_000_000_000;

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it stands for; any text.
    pub label: String,
    /// How long it is.
    pub value: i128,
}

/// A chart as a fenced Mermaid block, with a blank line before and a line end after it. Empty where there is nothing to
/// draw: no bars, too many, all zero, a negative or an enormous one. The table beside it says all of it anyway.
pub fn bars(title: &str, axis: &str, bars: &[Bar], horizontal: bool) -> String {
    let largest = bars.iter().map(|b| b.value).max().unwrap_or(0);
    let drawable = |b: &Bar| (0..=MAX_VALUE).contains(&b.value);
    if largest <= 0 || bars.len() > MAX_BARS || !bars.iter().all(drawable) {
        return String::new();
    }
    let labels: Vec<String> = bars.iter().map(|b| label(&b.label)).collect();
    let values: Vec<String> = bars.iter().map(|b| b.value.to_string()).collect();
    let direction = if horizontal { " horizontal" } else { "" };
    format!(
        "\n\n```mermaid\nxychart-beta{direction}\n    title {}\n    x-axis [{}]\n    y-axis {} 0 --> {largest}\n    bar [{}]\n```\n",
        label(title),
        labels.join(", "),
        label(axis),
        values.join(", "),
    )
}

/// A text as a quoted label. A double quote cannot be escaped, a backtick begins formatted text, `%%{` begins a directive
/// anywhere, `#…;` is an entity: each is replaced by something that looks alike; what does not print is left out.
fn label(text: &str) -> String {
    let plain = super::markdown::plain(text);
    let looks = |c: char| match c {
        '"' | '`' => '\'',
        '<' => '‹',
        '>' => '›',
        '%' => '％',
        '#' => '＃',
        '\\' => '＼',
        '{' => '(',
        '}' => ')',
        c => c,
    };
    let safe: String = plain.trim().chars().map(looks).collect();
    let cut: String = match safe.char_indices().nth(MAX_LABEL) {
        Some((at, _)) => format!("{}…", safe.get(..at).unwrap_or_default().trim_end()),
        None => safe,
    };
    format!("\"{}\"", if cut.is_empty() { "?" } else { &cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: i128) -> Bar {
        Bar { label: label.to_owned(), value }
    }

    #[test]
    fn draws_quoted_labels_from_zero() {
        let chart = bars("Open deals", "deals", &[bar("Бриф", 3), bar("Say \"yes\"\n", 1)], true);
        assert_eq!(
            chart,
            "\n\n```mermaid\nxychart-beta horizontal\n    title \"Open deals\"\n    x-axis [\"Бриф\", \"Say 'yes'\"]\n    \
             y-axis \"deals\" 0 --> 3\n    bar [3, 1]\n```\n"
        );
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert_eq!(bars("t", "a", &[], false), "");
        assert_eq!(bars("t", "a", &[bar("x", 0)], false), "");
        assert_eq!(bars("t", "a", &[bar("x", 5), bar("y", -1)], false), "");
        assert_eq!(bars("t", "a", &[bar("x", i128::from(i64::MAX))], false), "");
    }

    #[test]
    fn labels_cannot_break_out() {
        assert_eq!(label("a\"]\n%%{init: {}}%% `x`"), "\"a'] ％％(init: ())％％ 'x'\"");
        assert_eq!(label(" "), "\"?\"");
        assert_eq!(label(&"x".repeat(50)).chars().count(), MAX_LABEL + 3);
    }
}
