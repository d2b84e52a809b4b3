//! CSV as RFC 4180 has it, safe to open in a spreadsheet.

use std::io;

use rust_decimal::Decimal;
use serde_json::Value;

use super::terminal::is_hostile;

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text, guarded against being taken for a formula.
    Text(String),
    /// A number, written as it is.
    Number(String),
}

impl Cell {
    /// A cell of text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A decimal, all its digits.
    pub fn decimal(number: Decimal) -> Self {
        Cell::Number(number.to_string())
    }

    /// A whole number.
    pub fn integer(number: impl Into<i64>) -> Self {
        Cell::Number(number.into().to_string())
    }

    /// A number with so many digits after the point; empty where it is not finite.
    pub fn float(number: f64, digits: usize) -> Self {
        if number.is_finite() { Cell::Number(format!("{number:.digits$}")) } else { Cell::empty() }
    }

    /// Nothing.
    pub fn empty() -> Self {
        Cell::Text(String::new())
    }
}

/// A table as CSV in UTF-8 with CRLF line ends. Text that a spreadsheet would run as a formula gets a `'` before it.
///
/// # Errors
/// When the writer refuses a record, which a table in memory gives it no cause to.
pub fn write(headers: &[&str], rows: &[Vec<Cell>]) -> io::Result<Vec<u8>> {
    let mut writer = writer();
    writer.write_record(headers.iter().map(|h| guarded(h)))?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Number(number) if is_number(number) => number.clone(),
            Cell::Number(text) | Cell::Text(text) => guarded(text),
        }))?;
    }
    writer.into_inner().map_err(|e| e.into_error())
}

/// A table of JSON values: texts are guarded, numbers and amounts are written as they are.
///
/// # Errors
/// As [`write()`].
pub fn values(headers: &[String], rows: &[Vec<Value>]) -> io::Result<Vec<u8>> {
    let mut writer = writer();
    writer.write_record(headers.iter().map(|h| guarded(h)))?;
    for row in rows {
        for value in row {
            match value {
                Value::Null => writer.write_field("")?,
                Value::String(text) if is_number(text) => writer.write_field(text)?,
                Value::String(text) => writer.write_field(guarded(text))?,
                other => writer.write_field(other.to_string())?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map_err(|e| e.into_error())
}

fn writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new())
}

/// Rows of text without a header, guarded as in [`write()`]: for tables that are too long to be held as a whole.
///
/// # Errors
/// As there.
pub fn text_rows<'t, R: IntoIterator<Item = &'t str>>(rows: impl IntoIterator<Item = R>) -> io::Result<Vec<u8>> {
    let mut writer = writer();
    for row in rows {
        for cell in row {
            if is_run(cell) {
                writer.write_field(guarded(cell))?;
            } else {
                writer.write_field(cell)?;
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map_err(|e| e.into_error())
}

fn is_number(text: &str) -> bool {
    let body = text.strip_prefix('-').unwrap_or(text);
    body.starts_with(|c: char| c.is_ascii_digit()) && body.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Text with a `'` before it where a spreadsheet would take it for a formula, as OWASP advises.
fn guarded(text: &str) -> String {
    if is_run(text) { format!("'{text}") } else { text.to_owned() }
}

/// Whether a spreadsheet would take a text for a formula. Some pass over blanks and what cannot be seen before it.
fn is_run(text: &str) -> bool {
    let unseen = |c: char| c.is_whitespace() || is_hostile(c);
    text.starts_with(['\t', '\r', '\n'])
        || text.trim_start_matches(unseen).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_quoted_and_guarded_and_numbers_stay_numbers() {
        let rows = vec![
            vec![Cell::text("acme, \"the\" client"), Cell::decimal(Decimal::new(-1250, 2))],
            vec![Cell::text("=HYPERLINK(\"http://x\")"), Cell::integer(-3)],
            vec![Cell::text("＝1+1"), Cell::float(f64::NAN, 2)],
            vec![Cell::text("two\nlines"), Cell::float(0.5, 3)],
            vec![Cell::text("\u{b}@SUM(A1)"), Cell::empty()],
            vec![Cell::Number("=1+1".to_owned())],
        ];
        let text = String::from_utf8(write(&["deal", "@amount"], &rows).unwrap()).unwrap();
        let expected = "deal,'@amount\r\n\"acme, \"\"the\"\" client\",-12.50\r\n\"'=HYPERLINK(\"\"http://x\"\")\",-3\r\n\
                        '＝1+1,\r\n\"two\nlines\",0.500\r\n'\u{b}@SUM(A1),\r\n'=1+1\r\n";
        assert_eq!(text, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn what_is_written_reads_back(cells in prop::collection::vec(prop::collection::vec(any::<String>(), 2), 0..8)) {
            let rows: Vec<Vec<Cell>> = cells.iter().map(|r| r.iter().map(Cell::text).collect()).collect();
            let bytes = write(&["a", "b"], &rows).unwrap();
            let mut reader = csv::ReaderBuilder::new().from_reader(bytes.as_slice());
            let texts = cells.iter().map(|row| row.iter().map(String::as_str));
            prop_assert_eq!(&text_rows(texts).unwrap()[..], &bytes["a,b\r\n".len()..]);
            let read: Vec<Vec<String>> =
                reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
            let expected: Vec<Vec<String>> = cells.iter().map(|r| r.iter().map(|c| guarded(c)).collect()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
