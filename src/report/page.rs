//! A report as its template left it: Markdown in which each chart stands as a mark, and the charts.
//!
//! It is what becomes Markdown with Mermaid, a page, or text for a terminal, and what crosses from one process to another.

use serde::{Deserialize, Serialize};

use super::chart::{Chart, mermaid};

/// What a fenced block says that stands for a chart.
///
/// Texts of deals are printed inside code spans, and never begin a line of their own: only a template can print a mark.
pub const MARK: &str = "tussock-chart";

/// A rendered report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The Markdown, with a mark for each chart.
    pub markdown: String,
    /// The charts by the index that their mark holds.
    pub charts: Vec<Chart>,
    /// What the page is called; any text.
    pub title: String,
    /// The language it is written in: `en`, `ru`.
    pub lang: String,
}

impl Page {
    /// The chart that a mark stands for; `None` where there is none, or none that can be drawn.
    pub fn chart(&self, index: usize) -> Option<&Chart> {
        self.charts.get(index).filter(|chart| chart.is_drawable())
    }

    /// Puts another page below this one, its headings one level lower.
    pub fn append(&mut self, below: Page) {
        let opening = format!("```{MARK}");
        let (mut in_mark, mut fence) = (false, None);
        self.markdown.push('\n');
        for line in below.markdown.lines() {
            let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
            match (in_mark.then(|| index_of(line)).flatten(), fence) {
                (Some(index), _) => self.markdown.push_str(&index.saturating_add(self.charts.len()).to_string()),
                (None, None) if line.starts_with('#') => self.markdown.push_str(&format!("#{line}")),
                (None, _) => self.markdown.push_str(line),
            }
            in_mark = line == opening;
            fence = match fence {
                None if ticks >= 3 => Some(ticks),
                Some(open) if ticks >= open && line.bytes().all(|byte| byte == b'`') => None,
                fence => fence,
            };
            self.markdown.push('\n');
        }
        self.charts.extend(below.charts);
    }

    /// The Markdown with Mermaid in the place of the marks. A mark without a chart leaves nothing behind.
    pub fn to_markdown(&self) -> String {
        let mut out = String::with_capacity(self.markdown.len() + 1024 * self.charts.len());
        let mut lines = self.markdown.split_inclusive('\n');
        let (opening, closing) = (format!("```{MARK}\n"), "```\n");
        let mut blank = true;
        while let Some(line) = lines.next() {
            let mut after = lines.clone();
            let marked = (line == opening).then(|| (after.next(), after.next()));
            if let Some((Some(index), Some(end))) = marked
                && end.trim_end() == closing.trim_end()
                && let Some(index) = index_of(index)
            {
                lines = after;
                let drawn = self.chart(index).map(mermaid::block).unwrap_or_default();
                blank = blank && drawn.is_empty();
                out.push_str(&drawn);
                continue;
            }
            // What a mark without a chart leaves behind is two blank lines.
            let empty = line == "\n";
            if !(empty && blank) {
                out.push_str(line);
            }
            blank = empty;
        }
        while out.ends_with("\n\n") {
            out.pop();
        }
        out
    }
}

/// The mark of a chart as a template prints it: a block of its own.
pub fn mark(index: usize) -> String {
    format!("\n\n```{MARK}\n{index}\n```\n")
}

/// The index in a mark; one that is too large for any chart is one that no chart has.
pub fn index_of(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::{Drawing, Figure, Figures};

    fn page(markdown: &str) -> Page {
        let figure = Figure { label: "Open".to_owned(), value: "12".to_owned(), note: "*now*".to_owned() };
        let drawing = Drawing::Figures(Figures { figures: vec![figure] });
        let chart = Chart { title: "t".to_owned(), alt: String::new(), drawing };
        let (title, lang) = ("Page".to_owned(), "en".to_owned());
        Page { markdown: markdown.to_owned(), charts: vec![chart], title, lang }
    }

    #[test]
    fn a_page_below_another_keeps_its_charts_and_goes_down_one_level() {
        let mut whole = page("# All\n");
        whole.append(page("# One\n\n```text\n# kept\n```\n\n```tussock-chart\n0\n```\n1\n## Two\n"));
        let wanted = "# All\n\n## One\n\n```text\n# kept\n```\n\n```tussock-chart\n1\n```\n1\n### Two\n";
        assert_eq!((whole.markdown.as_str(), whole.charts.len()), (wanted, 2));
    }

    #[test]
    fn a_chart_stands_where_its_mark_was() {
        let markdown = format!("# Title\n\nSome text{}\nMore\n", mark(0));
        assert_eq!(page(&markdown).to_markdown(), "# Title\n\nSome text\n\n- Open: **12** (&#42;now&#42;)\n\nMore\n");
    }

    #[test]
    fn a_mark_without_a_chart_leaves_nothing() {
        for index in ["1", "99999999999999999999999999", "007"] {
            let markdown = format!("a\n\n```{MARK}\n{index}\n```\n\nb\n");
            assert_eq!(page(&markdown).to_markdown(), "a\n\nb\n", "{index}");
        }
        assert_eq!(page(&mark(4)).to_markdown(), "");
    }

    #[test]
    fn what_only_looks_like_a_mark_stays_text() {
        for text in ["```tussock-chart\n", "```tussock-chart\n0\n", "```tussock-chart\nx\n```\n", "`tussock-chart` 0\n"]
        {
            assert_eq!(page(text).to_markdown(), text);
        }
    }

    #[test]
    fn a_page_crosses_as_json() {
        let page = page("x");
        let text = serde_json::to_string(&page).unwrap();
        assert_eq!(serde_json::from_str::<Page>(&text).unwrap(), page);
    }
}
