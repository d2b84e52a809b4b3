//! A review for a terminal.

use anstyle::{AnsiColor, Style};

use crate::output::review::words::{
    Line, Part, Sign, about_forecast, change, compared, headline, mend, must_be_seen, number_of, policy, sign, values,
    verdict, weighted,
};
use crate::output::terminal::{Align, cut, plain, table, wrap};
use crate::output::text::Look;
use crate::review::document::{DealChange, FieldChange, Finding, Level, Review, Role, State};

/// The longest value of a file that is shown, in columns.
const MOST_OF_A_VALUE: usize = 60;

/// Deals beside those that must be seen that are shown without `all`.
const ROWS: usize = 30;

/// Deals of which the fields are shown without `all`.
const FIELDS: usize = 5;

/// The review as text. Tables are cut to the columns of `look`, where it has some; with `all` every deal is shown.
pub fn render(review: &Review, look: Look, columns: Option<usize>, all: bool) -> String {
    let sheet = Sheet { look, columns, review, all };
    let mut out = String::new();
    sheet.head(&mut out);
    if review.is_empty() && review.worst().is_none() {
        return out;
    }
    sheet.deals(&mut out);
    sheet.findings(&mut out);
    sheet.fixes(&mut out);
    sheet.moves(&mut out);
    sheet.fields(&mut out);
    sheet.others(&mut out);
    sheet.foot(&mut out);
    out
}

struct Sheet<'r> {
    look: Look,
    columns: Option<usize>,
    review: &'r Review,
    all: bool,
}

impl Sheet<'_> {
    fn styled(&self, style: Style, text: &str) -> String {
        if self.look.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// A line that may be broken at blanks.
    fn wrapped(&self, out: &mut String, indent: &str, text: &str) {
        for line in wrap(text, self.look.columns.saturating_sub(indent.len()).max(20)) {
            out.push_str(&format!("{indent}{line}\n"));
        }
    }

    fn heading(&self, out: &mut String, text: &str) {
        out.push_str(&format!("\n{}\n", self.bold(text)));
    }

    fn head(&self, out: &mut String) {
        let review = self.review;
        if review.is_empty() && review.worst().is_none() {
            out.push_str("All clear: nothing changed in the pipeline.\n");
            return;
        }
        let colour = match review.worst() {
            Some(Level::Error) => AnsiColor::Red,
            Some(Level::Warning) => AnsiColor::Yellow,
            _ => AnsiColor::Green,
        };
        out.push_str(&self.styled(colour.on_default().bold(), &verdict(&review.summary)));
        let money = headline(&review.forecast);
        if !money.is_empty() {
            let words = flat(&money);
            out.push_str(&format!(" · {}", self.bold(&words)));
        }
        out.push('\n');
        if let Some(policy) = policy(review) {
            let text = flat(&policy);
            let mut told = String::new();
            self.wrapped(&mut told, "", &text);
            out.push_str(&self.styled(AnsiColor::Yellow.on_default(), told.trim_end()));
            out.push('\n');
            for change in &review.policy.changes {
                let mark = if change.weaker { "weaker: " } else { "" };
                self.wrapped(out, "  ", &format!("{mark}{}", plain(&change.words)));
            }
        }
    }

    fn deals(&self, out: &mut String) {
        let review = self.review;
        let mut left = if self.all { usize::MAX } else { ROWS };
        let shown = |deal: &&DealChange| {
            must_be_seen(deal) || {
                let shown = left > 0;
                left -= usize::from(shown);
                shown
            }
        };
        let deals: Vec<&DealChange> = review.deals.iter().filter(shown).collect();
        if deals.is_empty() {
            return;
        }
        let row = |deal: &&DealChange| {
            let sign = match sign(deal) {
                Sign::Error => "✗",
                Sign::Warning => "!",
                Sign::Removed => "−",
                Sign::Created => "+",
                Sign::Moved => "→",
                Sign::Changed => "~",
            };
            let change = flat(&change(deal, review.redacted));
            vec![sign.to_owned(), deal.deal.clone(), weighted(&deal.weighted, review.redacted), change]
        };
        let rows: Vec<Vec<String>> = deals.iter().map(row).collect();
        let aligned = [Align::Left, Align::Left, Align::Right, Align::Left];
        let shown = table(&["", "Deal", "Weighted", "Change"], &rows, &aligned, self.columns);
        out.push('\n');
        for (at, line) in shown.lines().enumerate() {
            // Two lines of the table are its head.
            let sign = at.checked_sub(2).and_then(|at| deals.get(at)).map(|deal| sign(deal));
            let style = match sign {
                Some(Sign::Error) => AnsiColor::Red.on_default(),
                Some(Sign::Warning | Sign::Removed) => AnsiColor::Yellow.on_default(),
                _ => Style::new(),
            };
            out.push_str(&self.styled(style, line));
            out.push('\n');
        }
        let hidden = review.deals.len() + review.deals_left_out - deals.len();
        if hidden > 0 {
            out.push_str(&format!("… and {} (--all shows them)\n", number_of(hidden, "more deal", "more deals")));
        }
    }

    fn findings(&self, out: &mut String) {
        let of_deals = self.review.deals.iter().flat_map(|deal| &deal.findings);
        let all: Vec<&Finding> =
            of_deals.chain(&self.review.findings).filter(|f| f.level >= Level::Warning || self.all).collect();
        if all.is_empty() {
            return;
        }
        self.heading(out, "Found");
        let most = if self.all { usize::MAX } else { ROWS };
        for finding in all.iter().take(most) {
            let at = match (finding.path.as_str(), finding.line) {
                ("", _) => String::new(),
                (path, Some(line)) => format!("{}:{line}: ", plain(path)),
                (path, None) => format!("{}: ", plain(path)),
            };
            let level = match finding.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Info => "info",
            };
            let old = if finding.is_old { " (was there before)" } else { "" };
            let words = format!("{at}{level}[{}]: {}{old}", plain(&finding.rule), plain(&finding.message));
            self.wrapped(out, "  ", &words);
        }
        if all.len() > most {
            out.push_str(&format!("  … and {} more (--all shows them)\n", all.len() - most));
        }
    }

    fn fixes(&self, out: &mut String) {
        let of_deals = self.review.deals.iter().flat_map(|deal| &deal.findings);
        let errors = of_deals.chain(&self.review.findings).filter(|finding| finding.level == Level::Error);
        let mut told: Vec<String> = Vec::new();
        for finding in errors {
            let one = flat(&mend(finding));
            if !told.contains(&one) {
                told.push(one);
            }
            if told.len() > ROWS {
                break;
            }
        }
        if told.is_empty() {
            return;
        }
        self.heading(out, "To mend it");
        told.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    }

    fn moves(&self, out: &mut String) {
        let moved: Vec<&DealChange> = self.review.deals.iter().filter(|d| !d.criteria.is_empty()).collect();
        if moved.is_empty() {
            return;
        }
        self.heading(out, "Criteria of the moves");
        let most = if self.all { usize::MAX } else { ROWS };
        for deal in moved.iter().take(most) {
            let judged = deal.criteria.iter().map(|judged| {
                let mark = match judged.state {
                    State::Met => "✓",
                    State::Waived => "~",
                    _ => "✗",
                };
                format!("{mark} {}", plain(&judged.criterion))
            });
            let judged: Vec<String> = judged.collect();
            self.wrapped(out, "  ", &format!("{}: {}", plain(&deal.deal), judged.join(", ")));
            for waiver in &deal.waivers {
                let words = format!("waiver of {} by {}: {}", waiver.criterion, waiver.by, waiver.reason);
                self.wrapped(out, "    ", &plain(&words));
            }
        }
        if moved.len() > most {
            out.push_str(&format!("  … and {} more (--all shows them)\n", moved.len() - most));
        }
    }

    fn fields(&self, out: &mut String) {
        let review = self.review;
        // The owner and the close date stand in the table.
        let is_other = |field: &FieldChange| self.all || !matches!(field.field.as_str(), "owner" | "close_date");
        let changed: Vec<&DealChange> = review.deals.iter().filter(|d| d.fields.iter().any(is_other)).collect();
        if changed.is_empty() {
            return;
        }
        self.heading(out, "Fields");
        let most = if self.all { usize::MAX } else { FIELDS };
        for deal in changed.iter().take(most) {
            let told: Vec<String> = deal
                .fields
                .iter()
                .filter(|field| is_other(field))
                .map(|field| flat(&values(Line::default().value(field.field.clone()).own(" "), field, review.redacted)))
                .collect();
            self.wrapped(out, "  ", &format!("{}: {}", plain(&deal.deal), told.join(" · ")));
        }
        if changed.len() > most {
            out.push_str(&format!("  … and {} more (--all shows them)\n", changed.len() - most));
        }
    }

    fn others(&self, out: &mut String) {
        let review = self.review;
        let stale: Vec<&str> = review.deals.iter().filter(|d| d.stale).map(|d| d.deal.as_str()).collect();
        if !stale.is_empty() {
            self.heading(out, "Stale deals touched");
            self.wrapped(out, "  ", &plain(&stale.join(", ")));
        }
        let files: Vec<String> = review
            .files
            .iter()
            .filter(|file| file.role != Role::Pipeline || review.policy.changed)
            .map(|file| format!("{} {}", file.status, plain(&file.path)))
            .collect();
        if !files.is_empty() {
            self.heading(out, "Other files of the pipeline");
            let most = if self.all { usize::MAX } else { ROWS };
            files.iter().take(most).for_each(|file| out.push_str(&format!("  {file}\n")));
            if files.len() > most {
                out.push_str(&format!("  … and {} more (--all shows them)\n", files.len() - most));
            }
        }
    }

    fn foot(&self, out: &mut String) {
        let review = self.review;
        let mut words = vec![flat(&compared(review))];
        if review.summary.outside > 0 {
            let files = number_of(review.summary.outside, "file", "files");
            words.push(format!("{files} outside of the pipeline not looked at"));
        }
        words.extend(about_forecast(review));
        if review.redacted {
            words.push("amounts left out".to_owned());
        }
        out.push('\n');
        self.wrapped(out, "", &words.join(" · "));
    }
}

/// A line without marks.
fn flat(line: &Line) -> String {
    let part = |part: &Part| match part {
        Part::Own(words) | Part::Strong(words) => words.clone(),
        Part::Value(value) => cut(&plain(value), MOST_OF_A_VALUE),
        Part::Command(command) => plain(command),
    };
    line.0.iter().map(part).collect()
}
