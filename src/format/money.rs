//! Money: a decimal with a currency, read from the source text and never through a float.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

/// A currency by its ISO 4217 code, three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency of a code.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] when ISO 4217 does not list the code.
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        let unknown = || MoneyError::UnknownCurrency(code.to_owned());
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| unknown())?;
        iso_currency::Currency::from_code(code).ok_or_else(unknown)?;
        Ok(Currency(bytes))
    }

    /// The three-letter code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Digits after the point in everyday use (2 for EUR, 0 for JPY, 3 for KWD).
    pub fn minor_digits(&self) -> u32 {
        iso_currency::Currency::from_code(self.code()).and_then(|c| c.exponent()).map_or(2, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

/// An amount in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// How much.
    pub amount: Decimal,
    /// Of what.
    pub currency: Currency,
}

/// Why a text is no money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional sign and point.
    #[error("{0:?} is not an amount")]
    NotAnAmount(String),
    /// More digits than a decimal of 28 digits holds exactly.
    #[error("{0:?} has more digits than can be held exactly (28)")]
    TooLong(String),
    /// A code that ISO 4217 does not list.
    #[error("{0:?} is not a currency code of ISO 4217")]
    UnknownCurrency(String),
}

/// Reads a decimal: an optional minus, digits, and optionally a point with digits. No exponent, no separators.
///
/// # Errors
/// When the text has another shape, or more digits than fit exactly.
pub fn parse_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = body.split_once('.').map_or((body, None), |(w, f)| (w, Some(f)));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|f| !digits(f)) {
        return Err(MoneyError::NotAnAmount(text.to_owned()));
    }
    Decimal::from_str_exact(text).map_err(|_| MoneyError::TooLong(text.to_owned()))
}

impl Money {
    /// Reads `18000`, `18000.50` or `18000 USD`; a bare number takes `default`.
    ///
    /// # Errors
    /// When the text is neither; nothing is guessed from separators or signs.
    pub fn parse(text: &str, default: Currency) -> Result<Self, MoneyError> {
        let text = text.trim();
        let (number, currency) = match text.split_once(' ') {
            Some((number, code)) => (number, Currency::new(code.trim())?),
            None => (text, default),
        };
        Ok(Money { amount: parse_decimal(number)?, currency })
    }

    /// Compares two amounts of one currency; `None` where the currencies differ.
    pub fn compare(&self, other: &Money) -> Option<Ordering> {
        (self.currency == other.currency).then(|| self.amount.cmp(&other.amount))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}
