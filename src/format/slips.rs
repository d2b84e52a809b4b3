//! What somebody most likely meant by a number, an amount, a day or a word that is written another way than deals write
//! it: `12.000,50`, `€12k`, `3 Feb 2026`, `yes`. Nothing here is ever taken for the value, only offered.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::date::parse_date;
use super::money::{Currency, parse_decimal};

/// A reading of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    /// The value as a deal writes it.
    pub written: String,
    /// Whether no other reading is possible.
    pub certain: bool,
    /// For a day that could be another one: both readings, as `3 February` and `2 March`, and the other as a deal writes it.
    pub other: Option<Other>,
}

/// The other reading of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    /// The day that was taken, in words.
    pub this: String,
    /// The other day, as a deal writes it.
    pub written: String,
    /// The other day, in words.
    pub words: String,
}

impl Meant {
    fn new(written: impl Into<String>, certain: bool) -> Self {
        Meant { written: written.into(), certain, other: None }
    }
}

/// A text without what editors and spreadsheets put around and into it: quotes of any kind at both ends, blanks of other
/// kinds, dashes of other lengths.
fn tidy(text: &str) -> String {
    let quote = |c: char| matches!(c, '"' | '\'' | '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '«' | '»');
    let tidy: String = text
        .chars()
        .map(|c| match c {
            '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{200a}' | '\u{202f}' | '\t' => ' ',
            '\u{2010}'..='\u{2013}' | '\u{2212}' => '-',
            c => c,
        })
        .collect();
    tidy.trim().trim_matches(quote).trim().to_owned()
}

/// The text without quotes of any kind around it, where there are some.
pub(super) fn unquoted(text: &str) -> Option<String> {
    let tidy = tidy(text);
    (tidy != text && !tidy.is_empty()).then_some(tidy)
}

/// The number that a text with separators, a `k` or quotes around it means.
pub(super) fn number(text: &str) -> Option<Meant> {
    let mut body = tidy(text);
    let mut certain = true;
    for ending in [",-", ".-", ",--", ".--"] {
        if let Some(whole) = body.strip_suffix(ending) {
            body = whole.to_owned();
        }
    }
    let mut factor = Decimal::ONE;
    for (ending, worth) in [('k', 1_000), ('K', 1_000), ('m', 1_000_000), ('M', 1_000_000)] {
        if let Some(rest) = body.strip_suffix(ending) {
            (body, factor, certain) = (rest.trim_end().to_owned(), Decimal::from(worth), false);
            break;
        }
    }
    let (sign, digits) = match body.strip_prefix(['-', '+']) {
        Some(rest) => (body.get(..1)?.trim_matches('+').to_owned(), rest.trim_start().to_owned()),
        None => (String::new(), body),
    };
    let plain = Plain::of(&digits).or_else(|| without_exponent(&digits))?;
    let written = format!("{sign}{}", plain.written);
    let value = parse_decimal(&written).ok()?;
    let written = match factor == Decimal::ONE {
        true => written,
        false => value.checked_mul(factor)?.normalize().to_string(),
    };
    Some(Meant::new(written, certain && plain.certain))
}

/// Digits with a point, and whether they can mean nothing else.
struct Plain {
    written: String,
    certain: bool,
}

impl Plain {
    /// Digits with separators of thousands or a comma for the point.
    fn of(text: &str) -> Option<Plain> {
        if !text.chars().any(|c| c.is_ascii_digit())
            || !text.chars().all(|c| c.is_ascii_digit() || "., '’_".contains(c))
        {
            return None;
        }
        let last = text.rfind(['.', ',']);
        let apart = last.and_then(|at| text.get(at..at + 1)).unwrap_or(".");
        let (points, commas) = (text.matches('.').count(), text.matches(',').count());
        let only = last.is_some() && text.matches(apart).count() == 1;
        let (before, after) = last.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))).unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        // A fraction has no separators in it.
        let fraction = only && digits(after);
        let (whole, fraction, certain) = match (points, commas) {
            (0, 0) => (text, "", true),
            // Both signs: the last one is the point.
            (1.., 1..) if fraction => (before, after, true),
            (1.., 1..) => return None,
            // `12,50` has no other reading; `12,000` has two, unless nothing or more than a thousand stands before it.
            (0, 1) if after.len() == 3 && digits(before) && (1..=3).contains(&before.len()) && before != "0" => {
                return grouped(text, ',').map(|written| Plain { written, certain: false });
            }
            (0, 1) | (1, 0) if fraction => (before, after, commas == 0 || after.len() <= 2 || before == "0"),
            _ => (text, "", true),
        };
        let signs: Vec<char> = whole.chars().filter(|c| !c.is_ascii_digit()).collect();
        let (whole, neat) = match signs.first() {
            None if whole.is_empty() => ("0".to_owned(), true),
            None => (whole.to_owned(), true),
            Some(sign) if signs.iter().all(|s| s == sign) => match grouped(whole, *sign) {
                Some(digits) => (digits, true),
                None if *sign == ' ' => return None,
                None => (whole.chars().filter(char::is_ascii_digit).collect(), false),
            },
            Some(_) => return None,
        };
        let written = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
        Some(Plain { written, certain: certain && neat })
    }
}

/// The digits of a number in groups of three.
fn grouped(text: &str, sign: char) -> Option<String> {
    let mut groups = text.split(sign);
    let first = groups.next()?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let neat = (1..=3).contains(&first.len()) && digits(first) && groups.all(|g| g.len() == 3 && digits(g));
    neat.then(|| text.replace(sign, ""))
}

/// `1e3` as `1000`, where that can be held exactly.
fn without_exponent(text: &str) -> Option<Plain> {
    let exact = Decimal::from_scientific(text).ok()?;
    let written = exact.normalize().to_string();
    (text.contains(['e', 'E']) && parse_decimal(&written).ok()? == exact).then_some(Plain { written, certain: true })
}

/// The amount that a text means, with its currency where that is not the pipeline's.
pub(super) fn money(text: &str, of_pipeline: Currency) -> Option<Meant> {
    let text = tidy(text);
    let (body, currency) = without_currency(&text, of_pipeline)?;
    let number = number(&body)?;
    Some(match currency {
        None => number,
        Some((currency, true)) => Meant::new(format!("{} {currency}", number.written), number.certain),
        // A sign for the pipeline's own currency says nothing new.
        Some((currency, false)) if currency == of_pipeline => number,
        Some((currency, false)) => {
            Meant::new(format!("{} {currency}", number.written), number.certain && text.contains(['€', '£', '₽']))
        }
    })
}

/// A text without its currency; that is named by a code (true) or by a sign. `None` where what stands there is neither.
fn without_currency(text: &str, of_pipeline: Currency) -> Option<(String, Option<(Currency, bool)>)> {
    let dollars = ["USD", "CAD", "AUD", "NZD", "SGD", "HKD"];
    let own_dollar = dollars.contains(&of_pipeline.code());
    let signs = [("€", "EUR"), ("£", "GBP"), ("₽", "RUB"), ("$", if own_dollar { of_pipeline.code() } else { "USD" })];
    for (sign, code) in signs {
        if let Some(body) = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)) {
            return Some((body.trim().to_owned(), Some((Currency::new(code).ok()?, false))));
        }
    }
    let code = |part: &str| Currency::new(&part.to_uppercase()).ok();
    let letters = |part: &str| part.len() == 3 && part.bytes().all(|b| b.is_ascii_alphabetic());
    let after = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at)).filter(|(_, code)| letters(code));
    let before = text.split_at_checked(3).filter(|(code, _)| letters(code)).map(|(code, rest)| (rest, code));
    match after.or(before) {
        Some((body, name)) => Some((body.trim().to_owned(), Some((code(name)?, true)))),
        None => Some((text.to_owned(), None)),
    }
}

/// What yes and no are called, for fields of true or false.
pub(super) fn truth(text: &str) -> Option<Meant> {
    let word = tidy(text).to_lowercase();
    let certain = |truth: &str| Some(Meant::new(truth, true));
    match word.as_str() {
        "true" | "yes" | "y" | "on" | "да" | "ja" | "oui" | "sí" | "si" => certain("true"),
        "false" | "no" | "n" | "off" | "нет" | "nein" | "non" => certain("false"),
        "1" | "x" | "✓" | "✔" => Some(Meant::new("true", false)),
        "0" | "-" => Some(Meant::new("false", false)),
        _ => None,
    }
}

/// The months by their names; each name stands for its beginnings of three letters and more.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "января", "январь"],
    &["february", "februar", "февраля", "февраль"],
    &["march", "märz", "марта"],
    &["april", "апреля", "апрель"],
    &["may", "mai", "мая", "май"],
    &["june", "juni", "июня", "июнь"],
    &["july", "juli", "июля", "июль"],
    &["august", "августа"],
    &["september", "sept", "сентября", "сентябрь"],
    &["october", "oktober", "октября", "октябрь"],
    &["november", "ноября", "ноябрь"],
    &["december", "dezember", "декабря", "декабрь"],
];

/// The number of a month by its name.
fn month(word: &str) -> Option<u32> {
    let word = word.to_lowercase();
    if word.chars().count() < 3 {
        return None;
    }
    let at = MONTHS.iter().position(|names| names.iter().any(|name| name.starts_with(&word)))?;
    u32::try_from(at + 1).ok()
}

/// The day that another way of writing means.
pub(super) fn date(text: &str) -> Option<Meant> {
    let tidy = tidy(text);
    let with_time = tidy.split_once(['T', ' ']).filter(|(day, time)| day.len() >= 8 && time.contains(':'));
    if let Some((day, _)) = with_time {
        let day = if parse_date(day).is_ok() { day.to_owned() } else { date(day)?.written };
        return Some(Meant::new(day, false));
    }
    if parse_date(&tidy).is_ok() {
        return Some(Meant::new(tidy, true));
    }
    let number = |part: &str| part.parse::<u32>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
    if tidy.len() == 8 && number(&tidy).is_some() {
        let (year, rest) = tidy.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        return Some(Meant::new(written(number(year)?, number(month)?, number(day)?)?, true));
    }
    let parts: Vec<&str> = tidy.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
    let [a, b, c] = parts[..] else { return None };
    let ordinal = |part: &str| {
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|ending| part.strip_suffix(ending)).unwrap_or(part);
        number(digits)
    };
    let by_name = match (month(a), month(b)) {
        (None, Some(month)) if a.len() == 4 => Some((number(a)?, month, ordinal(c)?)),
        (None, Some(month)) => Some((number(c)?, month, ordinal(a)?)),
        (Some(month), None) => Some((number(c)?, month, ordinal(b)?)),
        _ => None,
    };
    if let Some((year, month, day)) = by_name {
        return (1000..=9999).contains(&year).then(|| written(year, month, day)).flatten().map(|w| Meant::new(w, true));
    }
    let (first, second, third) = (number(a)?, number(b)?, number(c)?);
    match (a.len(), c.len()) {
        (4, 1..=2) => match written(first, second, third) {
            Some(day) => Some(Meant::new(day, true)),
            None => written(first, third, second).map(|day| Meant::new(day, false)),
        },
        (1..=2, 4) => either(third, second, first, !tidy.contains('.')),
        (1..=2, 2) => either(2000 + third, second, first, !tidy.contains('.')).map(|m| Meant { certain: false, ..m }),
        _ => None,
    }
}

/// The day of a year, a month and a day that may be the other way round.
fn either(year: u32, month: u32, day: u32, both_are_usual: bool) -> Option<Meant> {
    match (written(year, month, day), written(year, day, month)) {
        (Some(this), Some(other)) if this != other && both_are_usual => {
            let other = Other { this: words(&this), words: words(&other), written: other };
            Some(Meant { written: this, certain: false, other: Some(other) })
        }
        (Some(this), Some(other)) => Some(Meant::new(this.clone(), this == other)),
        (Some(only), None) | (None, Some(only)) => Some(Meant::new(only, true)),
        (None, None) => None,
    }
}

/// A day as deals write it, where the calendar has it.
fn written(year: u32, month: u32, day: u32) -> Option<String> {
    let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    (1..=9999).contains(&year).then(|| day.format("%Y-%m-%d").to_string())
}

/// `3 February`.
fn words(day: &str) -> String {
    parse_date(day).map(|day| day.format("%-d %B").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(meant: Option<Meant>) -> String {
        let Some(Meant { written, certain, other }) = meant else { return "-".into() };
        let other = other.map(|o| format!(" ({}) or {} ({})", o.this, o.written, o.words)).unwrap_or_default();
        format!("{}{written}{other}", if certain { "" } else { "? " })
    }

    #[test]
    fn numbers_with_separators_are_read_where_they_can_be() {
        for (text, expected) in [
            ("12.000,50", "12000.50"),
            ("12,000.50", "12000.50"),
            ("1.234.567,5", "1234567.5"),
            ("12,000", "? 12000"),
            ("12,50", "12.50"),
            ("0,500", "0.500"),
            ("12000,50", "12000.50"),
            ("12,000,000", "12000000"),
            ("1.200.000", "1200000"),
            ("12 000", "12000"),
            ("12\u{a0}000,50", "12000.50"),
            ("12'000.50", "12000.50"),
            ("12_000", "12000"),
            ("1_00_000", "? 100000"),
            ("12k", "? 12000"),
            ("1.2M", "? 1200000"),
            ("12000,-", "12000"),
            ("-12,5", "-12.5"),
            ("\u{2212}3,5", "-3.5"),
            ("+1 000", "1000"),
            ("“12000”", "12000"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1e400", "-"),
            ("12,00,1", "? 12001"),
            ("1 2", "-"),
            ("1,2.3,4", "-"),
            ("a lot", "-"),
            ("", "-"),
            (",", "-"),
            ("--5", "-"),
            ("99999999999999999999999999999k", "-"),
        ] {
            assert_eq!(shown(number(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn amounts_keep_the_currency_that_their_sign_or_code_says() {
        let eur = Currency::new("EUR").unwrap();
        for (text, expected) in [
            ("€12k", "? 12000"),
            ("$100", "? 100 USD"),
            ("£1,250.00", "1250.00 GBP"),
            ("100 €", "100"),
            ("EUR 12000", "12000 EUR"),
            ("12000 usd", "12000 USD"),
            ("12000USD", "12000 USD"),
            ("12.000,50 USD", "12000.50 USD"),
            ("5 XXY", "-"),
            ("ca. 12000", "-"),
            ("12 000", "12000"),
        ] {
            assert_eq!(shown(money(text, eur)), expected, "{text:?}");
        }
        let cad = Currency::new("CAD").unwrap();
        assert_eq!(shown(money("$1,200.50", cad)), "1200.50");
        assert_eq!(shown(money("€5", cad)), "5 EUR");
    }

    #[test]
    fn days_are_read_in_the_ways_people_write_them() {
        for (text, expected) in [
            ("2026-2-3", "2026-02-03"),
            ("2026/02/03", "2026-02-03"),
            ("20260203", "2026-02-03"),
            ("2026\u{2013}02\u{2013}03", "2026-02-03"),
            ("‘2026-02-03’", "2026-02-03"),
            ("03/02/2026", "? 2026-02-03 (3 February) or 2026-03-02 (2 March)"),
            ("13/02/2026", "2026-02-13"),
            ("02/13/2026", "2026-02-13"),
            ("02/02/2026", "2026-02-02"),
            ("3.2.2026", "? 2026-02-03"),
            ("31.12.2026", "2026-12-31"),
            ("31.12.26", "? 2026-12-31"),
            ("3 Feb 2026", "2026-02-03"),
            ("3-Feb-2026", "2026-02-03"),
            ("Feb 3, 2026", "2026-02-03"),
            ("February 3rd, 2026", "2026-02-03"),
            ("2026 Feb 3", "2026-02-03"),
            ("3. März 2026", "2026-03-03"),
            ("3 февраля 2026", "2026-02-03"),
            ("2026-02-03T10:00:00Z", "? 2026-02-03"),
            ("2026-02-03 10:00", "? 2026-02-03"),
            ("2026-13-02", "? 2026-02-13"),
            ("2026-02-30", "-"),
            ("30 Feb 2026", "-"),
            ("31.02.2026", "-"),
            ("2026-02", "-"),
            ("next week", "-"),
            ("Q1 2026", "-"),
            ("3 Febr 26", "-"),
            ("٢٠٢٦-٠١-٠١", "-"),
            ("0000-01-01", "-"),
            ("99999999", "-"),
        ] {
            assert_eq!(shown(date(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn yes_and_no_are_true_and_false() {
        for (text, expected) in [
            ("NO", "false"),
            ("Yes", "true"),
            ("on", "true"),
            ("“true”", "true"),
            ("Да", "true"),
            ("1", "? true"),
            ("maybe", "-"),
        ] {
            assert_eq!(shown(truth(text)), expected, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_offered_can_be_read(text in "[-+0-9 .,'kKmMe€$£T:/a-f\u{a0}“”é]{0,16}|\\PC{0,12}") {
            let eur = Currency::new("EUR").unwrap();
            if let Some(meant) = number(&text) {
                prop_assert!(parse_decimal(&meant.written).is_ok(), "{meant:?}");
            }
            if let Some(meant) = money(&text, eur) {
                prop_assert!(super::super::money::Money::parse(&meant.written, eur).is_ok(), "{meant:?}");
            }
            if let Some(meant) = date(&text) {
                prop_assert!(parse_date(&meant.written).is_ok(), "{meant:?}");
            }
            let _ = truth(&text);
        }
    }
}
