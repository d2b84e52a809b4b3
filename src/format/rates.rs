//! Exchange rates: the file that `rates` in `pipeline.yaml` names.
//!
//! A table in CSV with the columns `date,currency,rate`: from that day on, one unit of the currency is worth so many units
//! of the pipeline's currency. Lines that begin with `#` say nothing, nor do empty ones.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use super::date::parse_date;
use super::money::{Currency, MoneyError, parse_decimal};
use super::problem::{Problem, ProblemKind};
use super::span::Span;

/// The first line of the table.
pub const HEADER: &str = "date,currency,rate";

/// More problems than this are not told: whoever has so many has another kind of file.
const MOST_PROBLEMS: usize = 50;

/// Exchange rates to one currency, by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// What one unit of another currency is told in.
    pub currency: Currency,
    /// By currency, oldest first.
    by: BTreeMap<Currency, BTreeMap<NaiveDate, Decimal>>,
}

/// What one unit of a currency was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// In units of the other currency; above 0.
    #[serde(serialize_with = "as_text")]
    pub rate: Decimal,
    /// The day since which it holds.
    pub since: NaiveDate,
}

/// Decimals are texts in JSON, so that no reader passes them through a float.
fn as_text<S: Serializer>(rate: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(rate)
}

/// The file of rates of a pipeline, as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct RatesFile {
    /// Path below the pipeline's folder.
    pub path: String,
    /// Its text, where it could be read and is UTF-8.
    pub text: Option<String>,
    /// Why there are no rates.
    pub fault: Option<RatesFault>,
}

/// Why a file gives no rates.
#[derive(Clone, Debug, PartialEq)]
pub enum RatesFault {
    /// There is no such file, or it cannot be read: why, in words.
    Absent(String),
    /// What is wrong in it.
    Broken(Vec<Problem>),
}

impl Rates {
    /// Reads the file. `currency` is the pipeline's.
    ///
    /// # Errors
    /// All that is wrong with it, the first fifty: a table with one line left out would give another rate, not none.
    pub fn read(bytes: &[u8], currency: Currency) -> Result<Rates, Vec<Problem>> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            let problem = Problem::new(ProblemKind::Encoding, Span::new(at, at + 1), "the file is not UTF-8 text");
            vec![problem.with_help("save it as UTF-8")]
        })?;
        let mut reader =
            Reader { rates: Rates { currency, by: BTreeMap::new() }, seen: BTreeMap::new(), problems: Vec::new() };
        let mut headed = false;
        let mut at = 0;
        for whole in text.split_inclusive('\n') {
            let start = at;
            at += whole.len();
            let line = whole.strip_suffix('\n').unwrap_or(whole);
            let line = line.strip_suffix('\r').unwrap_or(line);
            // Spreadsheets put a mark of the encoding before the first line.
            let (start, line) = match line.strip_prefix('\u{feff}') {
                Some(rest) if start == 0 => (line.len() - rest.len(), rest),
                _ => (start, line),
            };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !std::mem::replace(&mut headed, true) {
                if line != HEADER {
                    let span = Span::new(start, start + line.len());
                    reader.problems.push(
                        Problem::new(ProblemKind::RatesFile, span, format!("the first line is not `{HEADER}`"))
                            .with_label("the names of the columns belong here")
                            .with_help(format!(
                                "begin the file with `{HEADER}`; each line below is as `2026-06-30,USD,0.92`"
                            )),
                    );
                    break;
                }
                continue;
            }
            if reader.problems.len() >= MOST_PROBLEMS {
                break;
            }
            if let Err(problem) = reader.line(start, line) {
                reader.problems.push(*problem);
            }
        }
        if !headed {
            let problem = Problem::new(ProblemKind::RatesFile, Span::default(), "the file of rates is empty");
            return Err(vec![problem.with_help(format!("begin it with `{HEADER}`"))]);
        }
        if reader.problems.is_empty() { Ok(reader.rates) } else { Err(reader.problems) }
    }

    /// What one unit of `from` is worth in [`Rates::currency`] on a day: the last rate of that day or before. `None`
    /// where there is none yet.
    pub fn at(&self, from: Currency, day: NaiveDate) -> Option<Quote> {
        let (since, rate) = self.by.get(&from)?.range(..=day).next_back()?;
        Some(Quote { rate: *rate, since: *since })
    }

    /// The currencies for which there is any rate.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.by.keys().copied()
    }
}

struct Reader {
    rates: Rates,
    /// Where each date and currency stands.
    seen: BTreeMap<(NaiveDate, Currency), Span>,
    problems: Vec<Problem>,
}

impl Reader {
    fn line(&mut self, start: usize, line: &str) -> Result<(), Box<Problem>> {
        let whole = Span::new(start, start + line.len());
        let wrong = |span, message: String| Box::new(Problem::new(ProblemKind::RatesFile, span, message));
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
            let problem = Problem::new(ProblemKind::ConflictMarker, whole, "a merge left its marks in this file");
            return Err(Box::new(problem.with_help("keep the lines of one side, or of both, and take the marks out")));
        }
        let fields: Vec<&str> = line.split(',').collect();
        let [date, code, rate] = fields[..] else {
            let help = match (fields.len(), line.contains([';', '\t'])) {
                (1, true) => "separate them by commas, and write the rate with a point",
                (4, _) => "write the rate with a point: `2026-06-30,USD,0.92`",
                _ => "as in `2026-06-30,USD,0.92`",
            };
            let message = "a line has a date, a currency and a rate".to_owned();
            return Err(Box::new(wrong(whole, message).with_label("not three values").with_help(help)));
        };
        let (date_span, code_span, rate_span) = (
            Span::new(start, start + date.len()),
            Span::new(start + date.len() + 1, start + date.len() + 1 + code.len()),
            Span::new(start + line.len() - rate.len(), start + line.len()),
        );
        let day = parse_date(date).map_err(|error| {
            Box::new(wrong(date_span, error.to_string()).with_label("a day is written as 2026-06-30"))
        })?;
        let currency = Currency::new(code).map_err(|error| wrong(code_span, error.to_string()))?;
        if currency == self.rates.currency {
            let message = format!("{currency} is the pipeline's own currency");
            let help = format!("a rate says how many {currency} one unit of another currency is worth");
            return Err(Box::new(wrong(code_span, message).with_label("worth 1 of itself").with_help(help)));
        }
        let number = rate.starts_with(|c: char| c.is_ascii_digit()).then(|| parse_decimal(rate));
        let rate = match number {
            Some(Ok(number)) if number > Decimal::ZERO => number,
            Some(Err(error @ MoneyError::TooLong(_))) => return Err(wrong(rate_span, error.to_string())),
            _ => {
                let message = format!("{rate:?} is not a rate");
                let problem = wrong(rate_span, message).with_label("not a number above 0");
                return Err(Box::new(
                    problem.with_help("digits with a point, as in 0.92; where there is no rate there is no line"),
                ));
            }
        };
        match self.seen.entry((day, currency)) {
            Entry::Vacant(place) => place.insert(whole),
            Entry::Occupied(first) => {
                let problem = wrong(whole, format!("{currency} has two rates of {day}")).with_label("the second one");
                return Err(Box::new(
                    problem.with_related(*first.get(), "the first one").with_help("keep one of them"),
                ));
            }
        };
        self.rates.by.entry(currency).or_default().insert(day, rate);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::new("EUR").unwrap()
    }

    fn read(text: &str) -> Result<Rates, Vec<Problem>> {
        Rates::read(text.as_bytes(), eur())
    }

    fn told(text: &str) -> Vec<(String, String)> {
        let problems = read(text).unwrap_err();
        problems.into_iter().map(|p| (text[p.span.start..p.span.end].to_owned(), p.message)).collect()
    }

    fn at(rates: &Rates, code: &str, day: &str) -> Option<(String, String)> {
        let quote = rates.at(Currency::new(code).unwrap(), day.parse().unwrap())?;
        Some((quote.rate.to_string(), quote.since.to_string()))
    }

    #[test]
    fn the_last_rate_up_to_the_day_holds() {
        let text = "\u{feff}# European Central Bank\r\ndate,currency,rate\r\n2026-06-30,USD,0.92\r\n2026-01-02,USD,0.9\r\n\r\n\
                    2026-06-29,JPY,0.0061";
        let rates = read(text).unwrap();
        let quote = |rate: &str, since: &str| Some((rate.to_owned(), since.to_owned()));
        assert_eq!(at(&rates, "USD", "2026-07-04"), quote("0.92", "2026-06-30"));
        assert_eq!(at(&rates, "USD", "2026-06-30"), quote("0.92", "2026-06-30"));
        assert_eq!(at(&rates, "USD", "2026-06-29"), quote("0.9", "2026-01-02"));
        assert_eq!(at(&rates, "USD", "2026-01-01"), None);
        assert_eq!(at(&rates, "GBP", "2026-07-04"), None);
        assert_eq!(rates.currencies().map(|c| c.to_string()).collect::<Vec<_>>(), ["JPY", "USD"]);
        assert_eq!(read("date,currency,rate").unwrap().currencies().count(), 0);
    }

    #[test]
    fn every_line_that_is_wrong_is_told_with_its_place() {
        let text = "date,currency,rate\n2026-02-30,USD,0.92\n30.06.2026,USD,0.92\n2026-06-30,TRL,0.92\n2026-06-30,usd,0.92\n\
                    2026-06-30,EUR,1\n2026-06-30,USD,N/A\n2026-06-30,USD,0\n2026-06-30,USD,-1\n2026-06-30,USD,1e3\n\
                    2026-06-30,USD, 1\n2026-06-30,USD,0,92\n2026-06-30;USD;0.92\n\"2026-06-30\",USD,1\n";
        let places: Vec<String> = told(text).into_iter().map(|(place, _)| place).collect();
        let wanted = [
            "2026-02-30",
            "30.06.2026",
            "TRL",
            "usd",
            "EUR",
            "N/A",
            "0",
            "-1",
            "1e3",
            " 1",
            "2026-06-30,USD,0,92",
            "2026-06-30;USD;0.92",
            "\"2026-06-30\"",
        ];
        assert_eq!(places, wanted);
    }

    #[test]
    fn two_rates_of_a_day_are_no_rate() {
        let text = "date,currency,rate\n2026-06-30,USD,0.92\n2026-06-30,USD,0.92\n";
        let problems = read(text).unwrap_err();
        assert_eq!(problems[0].message, "USD has two rates of 2026-06-30");
        assert_eq!(problems[0].related[0].0, Span::new(19, 38));
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(told("")[0].1, "the file of rates is empty");
        assert_eq!(told("# nothing\n\n")[0].1, "the file of rates is empty");
        assert_eq!(told("Date,USD,JPY\n2026-10-30,1.1172,175.68\n").len(), 1);
        assert_eq!(told("date,currency,rate\n<<<<<<< ours\n")[0].1, "a merge left its marks in this file");
        assert!(Rates::read(b"date,currency,rate\n\xff\xfe", eur()).is_err());
        assert!(read("date,currency,rate\n2026-06-30,U\u{202e}D,1\n\u{1b}[2J\n").is_err());
        let long = format!("date,currency,rate\n{}", "x\n".repeat(10_000));
        assert_eq!(read(&long).unwrap_err().len(), MOST_PROBLEMS);
    }
}
