//! The story of one deal for the terminal.

use anstyle::{AnsiColor, Style};

use super::terminal::{plain, width, wrap};
use crate::report::story::{Moment, Stay, Story, Tone};

/// Below so many columns, what happened stands under its time and not beside it.
const NARROW: usize = 64;

/// A story as text, with a line end after every line. Where `columns` is `None`, no line is broken.
pub fn render(story: &Story, colour: bool, columns: Option<usize>) -> String {
    let mut page = Page { out: String::new(), colour, columns };
    page.line(Some(Style::new().bold()), 0, &story.title);
    page.line(None, 0, &story.standing.join(" · "));
    page.out.push('\n');
    let beside = columns.is_none_or(|columns| columns >= NARROW);
    let after = story.moments.iter().map(|m| width(&m.after)).max().unwrap_or_default();
    for moment in &story.moments {
        page.moment(moment, beside, after);
    }
    if let Some(total) = &story.total {
        page.out.push('\n');
        page.line(Some(Style::new().bold()), 0, "Where the time went");
        let several = story.stays.len() > 1;
        let rows: Vec<&Stay> = story.stays.iter().chain(Some(total).filter(|_| several)).collect();
        page.stays(&rows);
    }
    if !story.notes.is_empty() {
        page.out.push('\n');
    }
    for note in &story.notes {
        page.line(None, 0, note);
    }
    page.out
}

struct Page {
    out: String,
    colour: bool,
    columns: Option<usize>,
}

impl Page {
    /// A text in a style; what does not fit goes on in the next lines, so far to the right.
    fn line(&mut self, style: Option<Style>, hang: usize, text: &str) {
        let text = plain(text);
        let room = self.columns.map(|columns| columns.saturating_sub(hang).max(20));
        let lines = room.map_or_else(|| vec![text.clone()], |room| wrap(&text, room));
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                self.out.push_str(&" ".repeat(hang));
            }
            let line = line.replace(UNBROKEN, " ");
            match style.filter(|_| self.colour) {
                Some(style) => self.out.push_str(&format!("{style}{line}{style:#}\n")),
                None => self.out.push_str(&format!("{line}\n")),
            }
        }
    }

    fn moment(&mut self, moment: &Moment, beside: bool, widest: usize) {
        let Moment { when, after, who, told } = moment;
        let pad = " ".repeat(widest - width(after).min(widest));
        let mut hang = 4;
        if beside {
            let head = format!("{when}  {pad}{after}  ");
            hang = width(&head);
            self.out.push_str(&head);
        } else {
            let gap = if after.is_empty() { "" } else { "  " };
            self.out.push_str(&format!("{when}{gap}{after}\n{}", " ".repeat(hang)));
        }
        for (number, (tone, words)) in told.iter().enumerate() {
            if number > 0 {
                self.out.push_str(&" ".repeat(hang));
            }
            let by = if number == 0 && !who.is_empty() { by(who) } else { String::new() };
            self.line(style(*tone), hang, &format!("{words}{by}"));
        }
    }

    fn stays(&mut self, rows: &[&Stay]) {
        let widest =
            |text: fn(&Stay) -> &str| rows.iter().map(|row| width(&plain(text(row)))).max().unwrap_or_default();
        let length = widest(|row| &row.length);
        let room = self.columns.map_or(usize::MAX, |columns| columns.saturating_sub(length + 4).max(8));
        let place = widest(|row| &row.place).min(room);
        for row in rows {
            let name = super::terminal::cut(&plain(&row.place), place);
            let pad = " ".repeat(place - width(&name).min(place));
            let gap = " ".repeat(length - width(&row.length).min(length));
            let line = format!("  {name}{pad}  {gap}{}  {}", row.length, row.remark);
            let line = match self.columns {
                Some(columns) => super::terminal::cut(line.trim_end(), columns),
                None => line.trim_end().to_owned(),
            };
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }
}

/// A blank that no line is broken at.
const UNBROKEN: char = '\u{a0}';

/// Who it was, kept in one piece.
fn by(who: &str) -> String {
    format!(" ·{UNBROKEN}{}", who.replace(' ', &UNBROKEN.to_string()))
}

fn style(tone: Tone) -> Option<Style> {
    match tone {
        Tone::Detail => None,
        Tone::Step => Some(Style::new().bold()),
        Tone::Good => Some(AnsiColor::Green.on_default().bold()),
        Tone::Bad => Some(AnsiColor::Red.on_default().bold()),
        Tone::Odd => Some(AnsiColor::Yellow.on_default().bold()),
    }
}
