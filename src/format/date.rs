//! Dates as `YYYY-MM-DD`, durations as `14d` or `24h`, and shares as `5%`.

use chrono::NaiveDate;

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// Not four digits, two digits, two digits with `-` between.
    #[error("{0:?} is not a date, write it as YYYY-MM-DD")]
    Shape(String),
    /// The shape is right, but no calendar has the day.
    #[error("{0} does not exist in the calendar")]
    Impossible(String),
}

/// Reads a date of exactly the shape `YYYY-MM-DD`, years 1 to 9999.
///
/// # Errors
/// [`DateError::Shape`] for another shape, [`DateError::Impossible`] for a day that does not exist.
pub fn parse_date(text: &str) -> Result<NaiveDate, DateError> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() });
    if !shape {
        return Err(DateError::Shape(text.to_owned()));
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let year = number(0..4) as i32;
    match NaiveDate::from_ymd_opt(year, number(5..7), number(8..10)) {
        Some(date) if year > 0 => Ok(date),
        _ => Err(DateError::Impossible(text.to_owned())),
    }
}

/// A length of time in whole hours, as `pipeline.yaml` writes it: `14d`, `24h`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// The length in hours.
    pub hours: u32,
}

impl Period {
    /// Reads `Nh`, `Nd` or `Nw` with N from 1 to 10,000.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let number = text.strip_suffix(unit)?;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let count: u32 = number.parse().ok().filter(|n| (1..=10_000).contains(n))?;
        let hours = match unit {
            'h' => count,
            'd' => count * 24,
            'w' => count * 24 * 7,
            _ => return None,
        };
        Some(Period { hours })
    }

    /// The length in days, fractions included.
    pub fn days(self) -> f64 {
        f64::from(self.hours) / 24.0
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.hours.is_multiple_of(24) { write!(f, "{}d", self.hours / 24) } else { write!(f, "{}h", self.hours) }
    }
}

/// Reads a share as `pipeline.yaml` writes it: `5%`, `12.5%`; the result lies in 0 to 1. The percent sign is required,
/// so that 0.3 and 30 cannot be taken for each other.
pub fn parse_share(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim_end();
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    number.parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p)).map(|p| p / 100.0)
}
