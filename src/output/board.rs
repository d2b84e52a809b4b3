//! The board for the terminal: stages side by side as far as they fit, the others below.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use rust_decimal::Decimal;

use super::terminal::{cut, plain, width, wrap};
use crate::format::money::Currency;
use crate::report::board::{Board, Card, Column, Mark, Sum};
use crate::report::lang::Lang;
use crate::report::number::{NONE, expected_money, money, thousands};

/// Columns of the terminal that a stage takes at least, and at most.
const NARROWEST: usize = 22;
const WIDEST: usize = 40;

/// A terminal that is narrower than this is not narrow but no terminal.
const SMALLEST: usize = 16;

/// Where there is room for one stage only, it is no wider than a line can be read.
const WIDEST_ALONE: usize = 60;

/// What stands between two stages.
const BETWEEN: &str = " │ ";

/// The marks with their characters and what they mean. Each is a character that every terminal has.
const MARKS: [(Mark, char, &str); 5] = [
    (Mark::OverLimit, '!', "longer in the stage than its limit"),
    (Mark::Slow, '%', "longer in the stage than 90 % of visits to it"),
    (Mark::NextStepOverdue, '>', "next step overdue"),
    (Mark::CloseDateOverdue, '#', "close date has passed"),
    (Mark::Oldest, '^', "the longest in a stage"),
];

/// A board as text of so many columns, with a line end after every line. All it says with colours, it also says without.
pub fn render(board: &Board, asked: &[String], colour: bool, columns: usize) -> String {
    let mut page = Page { out: String::new(), colour };
    let columns = columns.max(SMALLEST);
    let first = [&[board.title.clone(), board.today.to_string()], asked, &sum_of_all(&board.open)].concat();
    for line in packed(&first, " · ", columns) {
        page.line(&[Piece::styled(line, bold())]);
    }
    let (beside, room) = layout(board.columns.len(), columns);
    for group in board.columns.chunks(beside) {
        page.out.push('\n');
        let heads = group.iter().map(|column| head(column, room)).collect::<Vec<_>>();
        page.side_by_side(&even(heads), room);
        page.side_by_side(&vec![vec![vec![Piece::new("─".repeat(room))]]; group.len()], room);
        let cards = group.iter().map(|column| cards(column, room)).collect::<Vec<_>>();
        page.side_by_side(&cards, room);
    }
    let notes = legend(board);
    if !notes.is_empty() {
        page.out.push('\n');
    }
    for line in notes.iter().flat_map(|(words, between)| packed(words, between, columns)) {
        page.line(&[Piece::styled(line, Style::new().dimmed())]);
    }
    page.out
}

/// Words in lines of so many columns, made harmless, each kept in one piece where that can be.
fn packed(words: &[String], between: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.iter().map(|word| plain(word)) {
        match lines.last_mut().filter(|line| width(line) + width(between) + width(&word) <= columns) {
            Some(line) => line.extend([between, word.as_str()]),
            None => lines.extend(wrap(&word, columns)),
        }
    }
    lines
}

/// How many stages stand side by side, and how wide each is. The rows of stages are filled as evenly as can be.
fn layout(stages: usize, columns: usize) -> (usize, usize) {
    let gap = width(BETWEEN);
    let fit = ((columns + gap) / (NARROWEST + gap)).clamp(1, stages.max(1));
    let rows = stages.div_ceil(fit).max(1);
    let beside = stages.div_ceil(rows).max(1);
    let room = ((columns + gap) / beside).saturating_sub(gap).max(1);
    (beside, room.min(if fit == 1 { WIDEST_ALONE } else { WIDEST }))
}

fn sum_of_all(sum: &Sum) -> Vec<String> {
    let mut words = vec![
        format!(
            "{} open {}",
            thousands(&sum.deals.to_string(), Lang::En),
            if sum.deals == 1 { "deal" } else { "deals" }
        ),
        told(sum.amount.sum, sum.amount.currency, money),
        format!("weighted {}", told(sum.weighted.sum, sum.weighted.currency, expected_money)),
    ];
    words.extend(
        sum.other_currencies.iter().map(|other| format!("and {}", told(other.amount.sum, other.currency, money))),
    );
    words
}

fn told(sum: Option<Decimal>, code: Currency, format: fn(Decimal, Currency, Lang) -> String) -> String {
    sum.map_or_else(|| format!("? {code}"), |sum| format(sum, code, Lang::En))
}

/// Title and number, sum, weighted sum.
fn head(column: &Column, room: usize) -> Vec<Vec<Piece>> {
    let style = if column.won { bold().fg_color(Some(AnsiColor::Green.into())) } else { bold() };
    let number = thousands(&column.sum.deals.to_string(), Lang::En);
    let title = cut(&plain(&column.title), room.saturating_sub(width(&number) + 1));
    let mut lines = vec![apart(Piece::styled(title, style), vec![Piece::styled(number, style)], room)];
    if !column.known {
        lines.push(vec![Piece::styled(cut("no stage of the pipeline", room), AnsiColor::Yellow.on_default())]);
    }
    if column.sum.deals == 0 {
        return lines;
    }
    let Sum { amount, other_currencies, without_amount, .. } = &column.sum;
    // A sum of nothing is no news where other lines say why.
    if amount.sum != Some(Decimal::ZERO) || (other_currencies.is_empty() && *without_amount == 0) {
        let limit = column.limit.map_or_else(String::new, |limit| format!("limit {limit}"));
        let sum = short_money(amount.sum, amount.currency, room, false);
        let limit = if width(&sum) + width(&limit) < room { limit } else { String::new() };
        lines.push(apart(Piece::new(sum), vec![Piece::styled(limit, Style::new().dimmed())], room));
        let weighted = match column.won {
            true => "counts as won".to_owned(),
            false => {
                let rest = room.saturating_sub(width("weighted "));
                let rounded = column.sum.weighted.sum.map(|sum| sum.round());
                format!("weighted {}", short_money(rounded, amount.currency, rest, false))
            }
        };
        lines.push(vec![Piece::new(cut(&weighted, room))]);
    }
    for other in other_currencies {
        let and = if lines.len() > 1 { "and " } else { "" };
        let rest = room.saturating_sub(width(and));
        lines.push(vec![Piece::new(format!("{and}{}", short_money(other.amount.sum, other.currency, rest, false)))]);
    }
    if *without_amount > 0 {
        let without = format!("{} without amount", thousands(&without_amount.to_string(), Lang::En));
        lines.push(vec![Piece::styled(cut(&without, room), Style::new().dimmed())]);
    }
    lines
}

/// Heads of the same height, so that the lines below them are one.
fn even(mut heads: Vec<Vec<Vec<Piece>>>) -> Vec<Vec<Vec<Piece>>> {
    let most = heads.iter().map(Vec::len).max().unwrap_or_default();
    heads.iter_mut().for_each(|head| head.resize(most, Vec::new()));
    heads
}

fn cards(column: &Column, room: usize) -> Vec<Vec<Piece>> {
    let mut lines: Vec<Vec<Piece>> = column.cards.iter().flat_map(|card| card_lines(card, column, room)).collect();
    if column.more > 0 {
        let more = format!("… and {} more", thousands(&column.more.to_string(), Lang::En));
        lines.push(vec![Piece::styled(cut(&more, room), Style::new().dimmed())]);
    }
    lines
}

/// The title with the marks, and below it the amount, the owner and the days.
fn card_lines(card: &Card, column: &Column, room: usize) -> [Vec<Piece>; 2] {
    let stuck = card.marks.iter().any(|mark| is_stuck(*mark));
    let marks: Vec<Piece> = MARKS
        .iter()
        .filter(|(mark, _, _)| card.marks.contains(mark))
        .map(|(mark, sign, _)| Piece::styled(sign.to_string(), style(*mark)))
        .collect();
    let taken = marks.len() + usize::from(!marks.is_empty());
    let title = cut(&plain(&card.title), room.saturating_sub(taken));
    let title = Piece { text: title, style: stuck.then(bold) };

    let days = match (card.days_in_stage, card.at_least) {
        (None, _) => NONE.to_owned(),
        (Some(days), true) => format!(">{} d", thousands(&days.to_string(), Lang::En)),
        (Some(days), false) => format!("{} d", thousands(&days.to_string(), Lang::En)),
    };
    let days = Piece { text: days, style: stuck.then(|| style(Mark::OverLimit)) };
    let owner = cut(&plain(&card.initials), room / 3);
    let taken = 2 + width(&days.text) + 1 + if owner.is_empty() { 0 } else { width(&owner) + 1 };
    let bare = column.sum.amount.currency;
    let amount = match &card.amount {
        Some(amount) => short_money(amount.sum, amount.currency, room.saturating_sub(taken), amount.currency == bare),
        None => "no amount".to_owned(),
    };
    let words = [amount, owner].iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let words = cut(&format!("  {words}"), room.saturating_sub(width(&days.text) + 1));
    [apart(title, marks, room), apart(Piece::styled(words, Style::new().dimmed()), vec![days], room)]
}

/// An amount in at most `room` columns where that can be: in full, without its currency where that goes without saying,
/// in whole units, then in thousands, millions and so on.
fn short_money(sum: Option<Decimal>, code: Currency, room: usize, bare: bool) -> String {
    let Some(sum) = sum else { return cut(&told(sum, code, money), room) };
    let full = money(sum, code, Lang::En);
    let strip = |text: String| if bare { text.trim_end_matches(code.code()).trim_end().to_owned() } else { text };
    let mut tries = vec![full.clone(), strip(full), strip(expected_money(sum, code, Lang::En))];
    let mut rest = sum;
    for unit in ["k", "M", "bn", "tn"] {
        rest /= Decimal::ONE_THOUSAND;
        let digits = if rest.abs() < Decimal::ONE_HUNDRED { 1 } else { 0 };
        let number = thousands(&rest.round_dp(digits).normalize().to_string(), Lang::En);
        tries.push(strip(format!("{number} {unit} {code}")));
    }
    let last = tries.last().cloned().unwrap_or_default();
    tries.into_iter().find(|text| width(text) <= room).unwrap_or_else(|| cut(&last, room))
}

/// One text on the left, others on the right, blanks between them.
fn apart(left: Piece, right: Vec<Piece>, room: usize) -> Vec<Piece> {
    let taken: usize = width(&left.text) + right.iter().map(|piece| width(&piece.text)).sum::<usize>();
    let blanks = Piece::new(" ".repeat(room.saturating_sub(taken)));
    [left, blanks].into_iter().chain(right).collect()
}

/// What the marks and letters that were used mean, each list with what stands between its words.
fn legend(board: &Board) -> Vec<(Vec<String>, &'static str)> {
    let cards = || board.columns.iter().flat_map(|column| &column.cards);
    let used: BTreeSet<Mark> = cards().flat_map(|card| card.marks.iter().copied()).collect();
    let mut words: Vec<String> = MARKS
        .iter()
        .filter(|(mark, _, _)| used.contains(mark))
        .map(|(_, sign, meaning)| format!("{sign} {meaning}"))
        .collect();
    if cards().any(|card| card.at_least) {
        words.push(">9 d: came in with an import, and is older".to_owned());
    }
    if cards().any(|card| card.days_in_stage.is_none()) {
        words.push(format!("{NONE} days not known: history does not have it here yet"));
    }
    let letters: BTreeSet<&str> = cards().map(|card| card.initials.as_str()).collect();
    let owners = board.owners.iter().filter(|(short, owner)| letters.contains(short.as_str()) && short != owner);
    let owners = owners.map(|(short, owner)| format!("{short} {owner}")).collect::<Vec<_>>();
    [(words, " · "), (owners, ", ")].into_iter().filter(|(words, _)| !words.is_empty()).collect()
}

fn is_stuck(mark: Mark) -> bool {
    matches!(mark, Mark::OverLimit | Mark::Slow)
}

fn style(mark: Mark) -> Style {
    match mark {
        Mark::OverLimit | Mark::Slow => AnsiColor::Red.on_default().bold(),
        Mark::NextStepOverdue | Mark::CloseDateOverdue => AnsiColor::Yellow.on_default().bold(),
        Mark::Oldest => bold(),
    }
}

fn bold() -> Style {
    Style::new().bold()
}

/// A text with its style. It has been made harmless already.
#[derive(Clone, Debug)]
struct Piece {
    text: String,
    style: Option<Style>,
}

impl Piece {
    fn new(text: String) -> Self {
        Piece { text, style: None }
    }

    fn styled(text: String, style: Style) -> Self {
        Piece { text, style: Some(style) }
    }
}

struct Page {
    out: String,
    colour: bool,
}

impl Page {
    fn line(&mut self, pieces: &[Piece]) {
        // Nothing but blanks may stand at the end of a line, nor colours around nothing.
        let end = pieces.iter().rposition(|piece| !piece.text.trim().is_empty()).map_or(0, |last| last + 1);
        for (number, piece) in pieces.iter().take(end).enumerate() {
            let text = if number + 1 == end { piece.text.trim_end() } else { &piece.text };
            match piece.style.filter(|_| self.colour && !text.is_empty()) {
                Some(style) => self.out.push_str(&format!("{style}{text}{style:#}")),
                None => self.out.push_str(text),
            }
        }
        self.out.push('\n');
    }

    /// Columns of lines, each so wide.
    fn side_by_side(&mut self, columns: &[Vec<Vec<Piece>>], room: usize) {
        let most = columns.iter().map(Vec::len).max().unwrap_or_default();
        for row in 0..most {
            let mut line: Vec<Piece> = Vec::new();
            for (number, column) in columns.iter().enumerate() {
                if number > 0 {
                    line.push(Piece::new(BETWEEN.to_owned()));
                }
                let cell = column.get(row).map(Vec::as_slice).unwrap_or_default();
                let taken: usize = cell.iter().map(|piece| width(&piece.text)).sum();
                line.extend_from_slice(cell);
                line.push(Piece::new(" ".repeat(room.saturating_sub(taken))));
            }
            self.line(&line);
        }
    }
}
