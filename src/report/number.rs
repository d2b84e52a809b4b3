//! How numbers are written for people: in one place, without a locale.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::format::money::Currency;
use crate::metrics::DAY;

use super::lang::Lang;

/// What stands where there is no number.
pub const NONE: &str = "–";

/// An amount: `18,000 EUR`, `18,000.50 EUR`. Rounded to the currency's digits, half to even; the digits after the point
/// are written only where they are not zero.
pub fn money(amount: Decimal, currency: Currency, lang: Lang) -> String {
    let digits = currency.minor_digits();
    let rounded = amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven);
    let shown =
        if rounded.is_integer() { rounded.trunc().to_string() } else { format!("{rounded:.0$}", digits as usize) };
    format!("{} {currency}", thousands(&shown, lang))
}

/// An amount that is an expectation: whole units only, half to even.
pub fn expected_money(amount: Decimal, currency: Currency, lang: Lang) -> String {
    money(amount.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven), currency, lang)
}

/// What stands between each three digits: a blank that does not break lines where a comma is the decimal sign.
fn separator(lang: Lang) -> char {
    match lang {
        Lang::En => ',',
        Lang::Ru => '\u{a0}',
    }
}

/// What stands before the decimals.
fn point(lang: Lang) -> char {
    match lang {
        Lang::En => '.',
        Lang::Ru => ',',
    }
}

/// Groups the digits before the point by three. `number` is written with a point, as programs do.
pub fn thousands(number: &str, lang: Lang) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |r| ("-", r));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::with_capacity(number.len() + number.len() / 3);
    // A rounded negative can be zero, which has no sign.
    if rest.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        out.push_str(sign);
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(separator(lang));
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push(point(lang));
        out.push_str(fraction);
    }
    out
}

/// A share: `50 %`; with one digit below 1 % and above 99 %, so that nothing small is shown as nothing and nothing
/// uncertain as certain.
pub fn share(share: f64, lang: Lang) -> String {
    if !share.is_finite() {
        return NONE.to_owned();
    }
    // What adding up floats loses is neither an uncertainty nor something.
    let whole = share.round();
    let percent = if (share - whole).abs() < 1e-9 { whole * 100.0 } else { share * 100.0 };
    let fine = |size: f64| (size > 0.0 && size < 1.0) || (size > 99.0 && size < 100.0);
    if percent > 0.0 && fine(percent) {
        return format!("{} %", thousands(&format!("{:.1}", percent.clamp(0.1, 99.9)), lang));
    }
    format!("{} %", thousands(&format!("{:.0}", percent.round()), lang))
}

/// A score: three digits after the point.
pub fn score(number: f64, lang: Lang) -> String {
    if !number.is_finite() {
        return NONE.to_owned();
    }
    thousands(&format!("{number:.3}"), lang)
}

/// A length of time in seconds: `12 d`, `3.5 d` below ten days, `5 h` below one, `under 1 h`.
pub fn length(seconds: i64, lang: Lang) -> String {
    length_of(seconds, DAY, lang)
}

/// [`length`] where a day is so many seconds: in working time, those of a working day.
pub fn length_of(seconds: i64, day_seconds: i64, lang: Lang) -> String {
    let day_seconds = day_seconds.max(1);
    let (day, hour, short) = match lang {
        Lang::En => ("d", "h", "under 1 h"),
        Lang::Ru => ("дн.", "ч", "меньше 1 ч"),
    };
    let days = seconds as f64 / day_seconds as f64;
    if seconds < 3600 {
        short.to_owned()
    } else if seconds < day_seconds {
        format!("{} {hour}", seconds / 3600)
    } else if days < 9.95 {
        let tenths = (days * 10.0).round() / 10.0;
        format!("{} {day}", thousands(&tenths.to_string(), lang))
    } else {
        format!("{} {day}", thousands(&days.round().to_string(), lang))
    }
}

/// A number of things that need not be whole, always with one digit after the point so that columns line up: `2.4`,
/// `3.0`; nothing at all is `0`.
pub fn count(number: f64, lang: Lang) -> String {
    if !number.is_finite() {
        return NONE.to_owned();
    }
    let tenths = (number * 10.0).round() / 10.0;
    if number > 0.0 && tenths == 0.0 {
        return match lang {
            Lang::En => "under 0.1",
            Lang::Ru => "меньше 0,1",
        }
        .to_owned();
    }
    if tenths == 0.0 { "0".to_owned() } else { thousands(&format!("{tenths:.1}"), lang) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, code: &str) -> String {
        money(text.parse().unwrap(), Currency::new(code).unwrap(), Lang::En)
    }

    #[test]
    fn money_has_separators_and_only_digits_that_say_something() {
        assert_eq!(shown("18000", "EUR"), "18,000 EUR");
        assert_eq!(shown("18000.00", "EUR"), "18,000 EUR");
        assert_eq!(shown("18000.5", "EUR"), "18,000.50 EUR");
        assert_eq!(shown("1234567.125", "EUR"), "1,234,567.12 EUR");
        assert_eq!(shown("1234.5", "JPY"), "1,234 JPY");
        assert_eq!(shown("1.0005", "KWD"), "1 KWD");
        assert_eq!(shown("999", "EUR"), "999 EUR");
        assert_eq!(shown("-1000", "EUR"), "-1,000 EUR");
        assert_eq!(shown("-0.001", "EUR"), "0 EUR");
        assert_eq!(shown("9999999999999999999999999999", "EUR"), "9,999,999,999,999,999,999,999,999,999 EUR");
        assert_eq!(expected_money("7213.50".parse().unwrap(), Currency::new("EUR").unwrap(), Lang::En), "7,214 EUR");
    }

    #[test]
    fn shares_never_round_to_nothing_or_to_certainty() {
        let wanted = [
            (0.0, "0 %"),
            (0.5, "50 %"),
            (1.0 / 3.0, "33 %"),
            (1.0, "100 %"),
            (0.004, "0.4 %"),
            (0.00001, "0.1 %"),
            (0.9999, "99.9 %"),
            (1.0 - 1e-12, "100 %"),
            (1e-12, "0 %"),
            (-0.25, "-25 %"),
            (-0.001, "0 %"),
            (f64::NAN, "–"),
        ];
        for (value, text) in wanted {
            assert_eq!(share(value, Lang::En), text);
        }
    }

    #[test]
    fn lengths_are_as_exact_as_they_are_long() {
        let wanted = [
            (0, "under 1 h"),
            (5 * 3600 + 1, "5 h"),
            (DAY, "1 d"),
            (DAY * 7 / 2, "3.5 d"),
            (DAY * 10 - 1, "10 d"),
            (DAY * 12, "12 d"),
            (DAY * 1500, "1,500 d"),
        ];
        for (value, text) in wanted {
            assert_eq!(length(value, Lang::En), text);
        }
    }

    #[test]
    fn counts_keep_one_digit() {
        assert_eq!(
            [0.0, 0.01, 2.44, 3.0, 1234.56].map(|n| count(n, Lang::En)),
            ["0", "under 0.1", "2.4", "3.0", "1,234.6"]
        );
    }

    #[test]
    fn russian_has_a_comma_for_the_point_and_blanks_between_thousands() {
        let eur = Currency::new("EUR").unwrap();
        assert_eq!(money("1234567.5".parse().unwrap(), eur, Lang::Ru), "1\u{a0}234\u{a0}567,50 EUR");
        assert_eq!([share(0.004, Lang::Ru), share(0.5, Lang::Ru)], ["0,4 %", "50 %"]);
        assert_eq!([length(DAY * 7 / 2, Lang::Ru), length(0, Lang::Ru)], ["3,5 дн.", "меньше 1 ч"]);
        assert_eq!([0.01, 1234.56].map(|n| count(n, Lang::Ru)), ["меньше 0,1", "1\u{a0}234,6"]);
    }
}
