//! A review as the comment of a pull request: what must be seen stands open, the rest folds away, and nothing that a file
//! says is read as Markdown.

use crate::output::review::words::{
    Line, Part, Sign, about_forecast, change, compared, headline, mend, must_be_seen, number_of, policy, sign, values,
    verdict, weighted,
};
use crate::output::terminal::cut;
use crate::report::markdown::{code, plain};
use crate::review::document::{DealChange, Finding, Level, Review, Role, State, What};

/// The longest value of a file that is shown, in columns.
const MOST_OF_A_VALUE: usize = 60;

/// Deals beside those that must be seen that stand open.
const OPEN_ROWS: usize = 15;

/// Lines in a part that folds.
const FOLDED_ROWS: usize = 100;

/// Ways to mend errors that are told.
const MENDED: usize = 12;

/// What a forge takes.
#[derive(Clone, Copy, Debug)]
pub struct Forge {
    /// The most characters of a comment.
    pub limit: usize,
}

impl Default for Forge {
    fn default() -> Self {
        Forge { limit: 65_536 }
    }
}

/// A part of a comment that can be made shorter from its end.
struct Section {
    before: String,
    rows: Vec<String>,
    /// Rows that there are beside these.
    more: usize,
    after: String,
}

impl Section {
    fn text(&self) -> String {
        if self.rows.is_empty() && self.more == 0 {
            return String::new();
        }
        let mut out = self.before.clone();
        self.rows.iter().for_each(|row| out.push_str(row));
        if self.more > 0 {
            out.push_str(&self.rest());
        }
        out.push_str(&self.after);
        out
    }

    fn rest(&self) -> String {
        let words = format!("… and {}", number_of(self.more, "more", "more"));
        if self.before.contains("|---|") { format!("| | | {words} | |\n") } else { format!("- {words}\n") }
    }

    /// Takes rows away until so many characters fewer are left, where there are as many.
    fn shorten(&mut self, mut excess: usize) -> usize {
        while excess > 0
            && let Some(row) = self.rows.pop()
        {
            self.more += 1;
            excess = excess.saturating_sub(row.chars().count());
        }
        excess
    }
}

/// The review as Markdown.
pub fn render(review: &Review, forge: Forge) -> String {
    let tag = tag(review);
    if review.is_empty() && review.worst().is_none() {
        return format!("{tag}\nPipeline review: all clear, nothing changed in the pipeline.\n");
    }
    let mut sections = sections(review);
    let head = format!("{tag}\n{}", head(review));
    let foot = foot(review);
    let length = |sections: &[Section]| -> usize {
        let own: usize = sections.iter().map(|section| section.text().chars().count()).sum();
        head.chars().count() + own + foot.chars().count()
    };
    for at in (0..sections.len()).rev() {
        // What tells how many are left out takes room too.
        let excess = (length(&sections) + 200).saturating_sub(forge.limit);
        if excess == 0 {
            break;
        }
        if let Some(section) = sections.get_mut(at) {
            section.shorten(excess);
        }
    }
    let body: String = sections.iter().map(Section::text).collect();
    format!("{head}{body}{foot}")
}

/// By this a comment is found again, and whether it is of an older state.
fn tag(review: &Review) -> String {
    let head = review.head.commit.as_ref().map_or("worktree", |commit| commit.as_str());
    format!("<!-- tussock:review v1 head={head} -->")
}

fn line(line: &Line) -> String {
    written(line, shown)
}

fn written(line: &Line, value: fn(&str) -> String) -> String {
    let part = |part: &Part| match part {
        Part::Own(words) => words.clone(),
        Part::Strong(words) => format!("**{words}**"),
        Part::Value(text) => value(text),
        Part::Command(text) => outside(&code(&plain(text))),
    };
    line.0.iter().map(part).collect()
}

/// A value of a file as a code span in a table.
fn cell(value: &str) -> String {
    code(&cut(&plain(value), MOST_OF_A_VALUE))
}

/// A value of a file as a code span outside of a table.
fn shown(value: &str) -> String {
    outside(&cell(value))
}

/// A code span as it is outside of a table, where a pipe needs no backslash.
fn outside(code: &str) -> String {
    code.replace("\\|", "|")
}

/// A sentence that names values of files.
fn sentence(text: &str) -> String {
    outside(&code(&cut(&plain(text), 3 * MOST_OF_A_VALUE)))
}

fn head(review: &Review) -> String {
    let mut out = format!("### Pipeline review: {}", verdict(&review.summary));
    let money = headline(&review.forecast);
    if !money.is_empty() {
        out.push_str(&format!(" · {}", line(&money)));
    }
    out.push_str("\n\n");
    if let Some(policy) = policy(review) {
        out.push_str(&format!("> [!WARNING]\n> {}\n", line(&policy)));
        for change in &review.policy.changes {
            let mark = if change.weaker { "**weaker**: " } else { "" };
            out.push_str(&format!("> - {mark}{}\n", sentence(&change.words)));
        }
        out.push('\n');
    }
    out
}

fn sections(review: &Review) -> Vec<Section> {
    vec![
        seen(review),
        open_findings(review),
        fixes(review),
        beside(review),
        moves(review),
        field_changes(review),
        files(review),
        stale(review),
        notes(review),
    ]
}

const TABLE: &str = "| | Deal | Change | Weighted |\n|---|---|---|--:|\n";

fn row(row: &DealChange, redacted: bool) -> String {
    let sign = match sign(row) {
        Sign::Error => ":x:",
        Sign::Warning => ":warning:",
        Sign::Removed => ":heavy_minus_sign:",
        Sign::Created => ":heavy_plus_sign:",
        Sign::Moved => ":arrow_right:",
        Sign::Changed => ":pencil2:",
    };
    let change = written(&change(row, redacted), cell);
    format!("| {sign} | {} | {change} | {} |\n", cell(&row.deal), unbroken(&weighted(&row.weighted, redacted)))
}

/// A number that no line ends in.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// The deals that must be seen, whatever else there is, and those of the largest change of money.
fn seen(review: &Review) -> Section {
    let mut left = OPEN_ROWS;
    let open = |deal: &&DealChange| {
        must_be_seen(deal) || {
            let shown = left > 0 && deal.what != What::Touched;
            left -= usize::from(shown);
            shown
        }
    };
    let rows: Vec<String> = review.deals.iter().filter(open).map(|deal| row(deal, review.redacted)).collect();
    let more = review.deals.len() + review.deals_left_out - rows.len();
    // Deals that changed nothing but their layout are told below.
    let more = if rows.is_empty() { 0 } else { more };
    Section { before: TABLE.to_owned(), rows, more, after: "\n".to_owned() }
}

fn open_findings(review: &Review) -> Section {
    let rows = review.findings.iter().filter(|finding| finding.level >= Level::Warning).map(|finding| {
        let sign = if finding.level == Level::Error { ":x:" } else { ":warning:" };
        format!("- {sign} {}: {}\n", shown(&finding.rule), sentence(&finding.message))
    });
    Section { before: String::new(), rows: rows.collect(), more: 0, after: "\n".to_owned() }
}

fn fixes(review: &Review) -> Section {
    let mut told: Vec<String> = Vec::new();
    let all = review.deals.iter().flat_map(|deal| &deal.findings).chain(&review.findings);
    let mut more = 0;
    for finding in all.filter(|finding| finding.level == Level::Error && finding.rule != "commit-date") {
        let one = line(&mend(finding));
        if told.contains(&one) {
            continue;
        }
        if told.len() < MENDED {
            told.push(one);
        } else {
            more += 1;
        }
    }
    if told.is_empty() {
        return Section { before: String::new(), rows: Vec::new(), more: 0, after: String::new() };
    }
    let more = if more > 0 { format!(" · … and {more} more") } else { String::new() };
    let row = format!("**Fix:** {}{more}\n\n", told.join(" · "));
    Section { before: String::new(), rows: vec![row], more: 0, after: String::new() }
}

/// A part that folds. Its summary is ours alone.
fn folded(summary: &str, rows: Vec<String>) -> Section {
    let more = rows.len().saturating_sub(FOLDED_ROWS);
    let rows: Vec<String> = rows.into_iter().take(FOLDED_ROWS).collect();
    let before = format!("<details><summary>{summary}</summary>\n\n");
    Section { before, rows, more, after: "\n</details>\n\n".to_owned() }
}

/// New deals that do not stand open.
fn beside(review: &Review) -> Section {
    let created: Vec<&DealChange> = review.deals.iter().filter(|deal| deal.what == What::Created).collect();
    let rows =
        created.iter().map(|deal| format!("- {}: {}\n", shown(&deal.deal), line(&change(deal, review.redacted))));
    folded(&format!("New deals ({})", review.summary.created), rows.collect())
}

fn moves(review: &Review) -> Section {
    let moved = review.deals.iter().filter(|deal| deal.is_moved());
    let rows = moved.map(|deal| {
        let stages = |stages: &[String]| stages.iter().map(|stage| shown(stage)).collect::<Vec<_>>().join(", ");
        let mut row = format!("- {}: {} → {}", shown(&deal.deal), stages(&deal.from), stages(&deal.to));
        if deal.way.as_deref().is_some_and(|way| matches!(way, "skip" | "back" | "reopened")) {
            let words = match deal.way.as_deref() {
                Some("skip") => "over a stage",
                Some("back") => "back",
                _ => "opened again",
            };
            row.push_str(&format!(" ({words})"));
        }
        for (state, words) in [
            (State::Met, "met"),
            (State::Missing, "**missing**"),
            (State::NotSatisfied, "**not satisfied**"),
            (State::Failed, "**failed**"),
            (State::Waived, "**waived**"),
        ] {
            let of_state = deal.criteria.iter().filter(|judged| judged.state == state);
            let ids: Vec<String> = of_state.map(|judged| shown(&judged.criterion)).collect();
            if !ids.is_empty() {
                row.push_str(&format!(" · {words}: {}", ids.join(", ")));
            }
        }
        for waiver in &deal.waivers {
            let (criterion, by, reason) = (shown(&waiver.criterion), shown(&waiver.by), shown(&waiver.reason));
            row.push_str(&format!(" · waiver of {criterion} by {by}: {reason}"));
        }
        row + "\n"
    });
    folded(&format!("Moves ({})", review.summary.moved), rows.collect())
}

fn field_changes(review: &Review) -> Section {
    let changed = review.deals.iter().filter(|deal| !matches!(deal.what, What::Created | What::Removed));
    let mut deals = 0;
    let mut rows = Vec::new();
    for deal in changed {
        let mut told: Vec<String> = Vec::new();
        if let (Some(before), Some(after)) = (deal.amount.before, deal.amount.after)
            && before != after
        {
            let (before, after) = (super::words::amount(before), super::words::amount(after));
            told.push(format!("amount {before} → {after}"));
        }
        told.extend(
            deal.fields.iter().map(|field| {
                line(&values(Line::default().value(field.field.clone()).own(" "), field, review.redacted))
            }),
        );
        if !told.is_empty() {
            deals += 1;
            rows.push(format!("- {}: {}\n", shown(&deal.deal), told.join(" · ")));
        }
    }
    folded(&format!("Amount, date, owner and other changes ({deals})"), rows)
}

fn files(review: &Review) -> Section {
    let rows = review.files.iter().map(|file| {
        let what = match file.status {
            'A' => "new",
            'D' => "removed",
            'T' => "of another kind",
            _ => "changed",
        };
        let role = match file.role {
            Role::Pipeline => " (the pipeline file)",
            Role::Rates => " (the file of rates)",
            Role::Template => " (a template of reports)",
            Role::Other => "",
        };
        format!("- {} {what}{role}\n", shown(&file.path))
    });
    folded(&format!("Other files of the pipeline ({})", review.summary.files), rows.collect())
}

fn stale(review: &Review) -> Section {
    let touched: Vec<&DealChange> = review.deals.iter().filter(|deal| deal.stale).collect();
    let rows = touched.iter().map(|deal| format!("- {}\n", shown(&deal.deal))).collect();
    folded(&format!("Stale deals touched ({})", touched.len()), rows)
}

/// Findings that are only notes, and deals of which only the layout changed.
fn notes(review: &Review) -> Section {
    let is_note = |finding: &&Finding| finding.level == Level::Info || !finding.is_fresh();
    let of_deals = review.deals.iter().flat_map(|deal| &deal.findings);
    let all = of_deals.chain(&review.findings).filter(is_note);
    let note = |finding: &Finding| {
        let old = if finding.is_old { " (was there before)" } else { "" };
        format!("- {}: {}{old}\n", shown(&finding.rule), sentence(&finding.message))
    };
    let mut rows: Vec<String> = all.map(note).collect();
    let touched = review.deals.iter().filter(|deal| deal.what == What::Touched && !must_be_seen(deal));
    rows.extend(touched.map(|deal| format!("- {}: only comments or layout\n", shown(&deal.deal))));
    folded(&format!("Notes ({})", rows.len()), rows)
}

fn foot(review: &Review) -> String {
    let mut words = line(&compared(review));
    if review.summary.outside > 0 {
        let files = number_of(review.summary.outside, "file", "files");
        words.push_str(&format!(" · {files} outside of the pipeline not looked at"));
    }
    if let Some(about) = about_forecast(review) {
        words.push_str(&format!(" · {about}"));
    }
    if review.redacted {
        words.push_str(" · amounts left out");
    }
    format!("<sub>{words} · tussock {}</sub>\n", env!("CARGO_PKG_VERSION"))
}
