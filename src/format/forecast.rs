//! How a pipeline is forecast, as `forecast:` in `pipeline.yaml` says it.

use std::fmt;

use chrono::{Days, NaiveDate};
use serde::{Serialize, Serializer};

use super::date::{Period, parse_date};
use super::nearest::nearest;
use super::period::Period as Calendar;
use super::pipeline::ExtraFields;
use super::pipeline_file::Reader;
use super::schema::{self, FieldSpec, FieldType};
use super::span::Span;
use super::tree::{Core, Node, NodeKind, resolve};

const KEYS: [&str; 7] = ["horizon", "ages", "weight", "coefficients", "drift", "dependence", "new_business"];

/// No forecast looks further ahead, in days: two years.
pub const MOST_DAYS: u32 = 730;

/// No pipeline forecasts by more fields: each one splits the same few deals again.
pub const MOST_COEFFICIENTS: usize = 4;

/// No deal's age is told apart more finely.
const MOST_AGES: usize = 16;

/// The most that a prior may weigh, in deals.
const MOST_WEIGHT: f64 = 1000.0;

/// Beyond this all deals are won or lost as one, and no range means anything.
const MOST_DEPENDENCE: f64 = 0.95;

/// The sellers' own opinion, which is shown beside a forecast and never part of it.
pub const OPINIONS: [&str; 2] = ["category", "confidence"];

/// How far ahead a forecast looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// So many days, 1 to [`MOST_DAYS`].
    Days(u32),
    /// To the end of this month.
    Month,
    /// To the end of this quarter of the fiscal year.
    Quarter,
    /// To the end of this fiscal year.
    Year,
    /// To the end of this day.
    Until(NaiveDate),
}

/// Why a text is no horizon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HorizonError {
    /// It is nothing of what a horizon can be.
    #[error("{0:?} is no horizon, write 90d, 12w, month, quarter, year or a day as 2026-12-31")]
    Shape(String),
    /// It is too far away, or no time at all.
    #[error("a horizon of {0} is out of range, it can be 1 to {MOST_DAYS} days")]
    Range(String),
    /// The day is over.
    #[error("the horizon {0} is no day after {1}, from which the forecast looks ahead")]
    Past(NaiveDate, NaiveDate),
}

impl Horizon {
    /// Reads `90d`, `12w`, `month`, `quarter`, `year` or a day.
    ///
    /// # Errors
    /// When it is none of these, or days out of range.
    pub fn parse(text: &str) -> Result<Horizon, HorizonError> {
        match text {
            "month" => return Ok(Horizon::Month),
            "quarter" => return Ok(Horizon::Quarter),
            "year" => return Ok(Horizon::Year),
            _ => {}
        }
        if let Ok(day) = parse_date(text) {
            return Ok(Horizon::Until(day));
        }
        let number = text.strip_suffix(['d', 'w']).filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if number.is_none() {
            return Err(HorizonError::Shape(text.to_owned()));
        }
        let days = Period::parse(text).map(|period| period.hours / 24).filter(|days| (1..=MOST_DAYS).contains(days));
        days.map(Horizon::Days).ok_or_else(|| HorizonError::Range(text.to_owned()))
    }

    /// The last day that a forecast made on the day `today` looks at, at most [`MOST_DAYS`] later. `fiscal_year_start` is
    /// the first month of the fiscal year.
    pub fn until(self, today: NaiveDate, fiscal_year_start: u32) -> NaiveDate {
        let after = |days: u32| today.checked_add_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MAX);
        let end = |period: Calendar| period.span_of(today, fiscal_year_start).to;
        let wanted = match self {
            Horizon::Days(days) => after(days),
            Horizon::Month => end(Calendar::Month),
            Horizon::Quarter => end(Calendar::Quarter),
            Horizon::Year => end(Calendar::Year),
            Horizon::Until(day) => day,
        };
        wanted.clamp(today, after(MOST_DAYS))
    }

    /// How many days lie between `today` and that last day: 0 on the last day of a month, where the horizon is its end, and
    /// never more than [`MOST_DAYS`].
    pub fn days_from(self, today: NaiveDate, fiscal_year_start: u32) -> u32 {
        let days = self.until(today, fiscal_year_start).signed_duration_since(today).num_days();
        u32::try_from(days).unwrap_or_default().min(MOST_DAYS)
    }

    /// The horizon, where a forecast made on the day `today` can look at it.
    ///
    /// # Errors
    /// When its day is over, or too far away.
    pub fn seen_from(self, today: NaiveDate) -> Result<Horizon, HorizonError> {
        match self {
            Horizon::Until(day) if day <= today => Err(HorizonError::Past(day, today)),
            Horizon::Until(day) if self.until(today, 1) < day => Err(HorizonError::Range(day.to_string())),
            horizon => Ok(horizon),
        }
    }
}

impl Default for Horizon {
    fn default() -> Self {
        Horizon::Days(90)
    }
}

impl fmt::Display for Horizon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Horizon::Days(days) => write!(f, "{days}d"),
            Horizon::Month => f.write_str("month"),
            Horizon::Quarter => f.write_str("quarter"),
            Horizon::Year => f.write_str("year"),
            Horizon::Until(day) => day.fmt(f),
        }
    }
}

impl Serialize for Horizon {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a pipeline is forecast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastSettings {
    /// How far ahead it looks where nobody asks otherwise; never a single day.
    pub horizon: Horizon,
    /// Days in a stage at which a deal begins to count as older: rising, the first one 0, the last one at most
    /// [`MOST_DAYS`].
    pub ages: Vec<u32>,
    /// How many deals of the past the prior weighs as much as, 0 to 1000.
    pub weight: f64,
    /// Dotted fields whose values make a deal more or less likely to be won, at most [`MOST_COEFFICIENTS`].
    pub coefficients: Vec<String>,
    /// Whether the forecasts of the last weeks correct this one.
    pub drift: bool,
    /// How much deals are won and lost together, 0 (each for itself) to 0.95.
    pub dependence: f64,
    /// Whether deals that are not there yet are part of it, on a line of their own.
    pub new_business: bool,
}

impl Default for ForecastSettings {
    fn default() -> Self {
        ForecastSettings {
            horizon: Horizon::default(),
            ages: vec![0, 7, 14, 30, 60, 90, 180],
            weight: 10.0,
            coefficients: Vec::new(),
            drift: true,
            dependence: 0.05,
            new_business: true,
        }
    }
}

impl Reader<'_> {
    /// Reads the value of `forecast:`; what is wrong with it stays as it is without the key, since the file is refused
    /// anyway. `fields` are those of the pipeline.
    pub(super) fn forecast(&mut self, node: &Node, fields: &[FieldSpec], extra: ExtraFields) -> ForecastSettings {
        let mut settings = ForecastSettings::default();
        let Some(mapping) = self.mapping(node, "forecast") else { return settings };
        self.unknown_keys(mapping, &KEYS, "forecast");
        if let Some(node) = mapping.get("horizon") {
            settings.horizon = self.horizon(node).unwrap_or_default();
        }
        if let Some(node) = mapping.get("ages")
            && let Some(ages) = self.ages(node)
        {
            settings.ages = ages;
        }
        if let Some(node) = mapping.get("weight")
            && let Some(weight) = self.between(node, "weight", MOST_WEIGHT, "10 deals is the usual weight of a prior")
        {
            settings.weight = weight;
        }
        if let Some(node) = mapping.get("coefficients") {
            settings.coefficients = self.coefficients(node, fields, extra);
        }
        if let Some(node) = mapping.get("drift") {
            settings.drift = self.boolean(node, "drift").unwrap_or(true);
        }
        if let Some(node) = mapping.get("dependence")
            && let Some(share) =
                self.between(node, "dependence", MOST_DEPENDENCE, "0.05 is usual, and 0 means each deal for itself")
        {
            settings.dependence = share;
        }
        if let Some(node) = mapping.get("new_business") {
            settings.new_business = self.boolean(node, "new_business").unwrap_or(true);
        }
        settings
    }

    fn horizon(&mut self, node: &Node) -> Option<Horizon> {
        let help = "write 90d, 12w, month, quarter or year";
        let Some(text) = self.text(node, "horizon") else {
            self.problem(node.span, "the horizon is missing", Some(help.into()));
            return None;
        };
        match Horizon::parse(text) {
            Ok(Horizon::Until(day)) => {
                let message = format!("the horizon {day} would be over some day");
                self.problem(node.span, message, Some(format!("{help}; one day is for `tussock forecast --horizon`")));
                None
            }
            Ok(horizon) => Some(horizon),
            Err(HorizonError::Range(_)) => {
                self.problem(node.span, format!("the horizon must be 1 to {MOST_DAYS} days"), None);
                None
            }
            Err(_) => {
                self.problem(node.span, format!("{text:?} is no horizon"), Some(help.into()));
                None
            }
        }
    }

    /// Ages in days, from 0 on.
    fn ages(&mut self, node: &Node) -> Option<Vec<u32>> {
        let help = "write [0, 7, 14, 30, 60, 90, 180]";
        if !matches!(node.kind, NodeKind::Sequence { .. }) {
            self.problem(node.span, "ages must be a list of days", Some(help.into()));
            return None;
        }
        let mut ages = vec![0];
        for (text, span) in self.texts(node, "an age") {
            let whole = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let Some(age) = text.parse::<u32>().ok().filter(|age| whole && *age <= MOST_DAYS) else {
                let message = format!("{text:?} is no age, it is a whole number of days from 0 to {MOST_DAYS}");
                self.problem(span, message, None);
                return None;
            };
            match ages.last() {
                // The first one goes without saying.
                Some(0) if age == 0 && ages.len() == 1 => {}
                Some(last) if age <= *last => {
                    self.problem(span, format!("the age {age} must be above the one before it"), Some(help.into()));
                    return None;
                }
                _ => ages.push(age),
            }
        }
        if ages.len() > MOST_AGES {
            self.problem(node.span, format!("there can be at most {MOST_AGES} ages"), Some(help.into()));
            return None;
        }
        Some(ages)
    }

    /// A number from 0 to `most`.
    fn between(&mut self, node: &Node, what: &str, most: f64, help: &str) -> Option<f64> {
        let number = match &node.kind {
            NodeKind::Scalar { text, style } => match resolve(text, *style) {
                Core::Int | Core::Float => text.parse::<f64>().ok(),
                _ => None,
            },
            _ => None,
        };
        let inside = number.filter(|n| (0.0..=most).contains(n));
        if inside.is_none() {
            self.problem(node.span, format!("{what} must be a number from 0 to {most}"), Some(help.into()));
        }
        inside
    }

    fn coefficients(&mut self, node: &Node, fields: &[FieldSpec], extra: ExtraFields) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (name, span) in self.texts(node, "coefficients") {
            if found.contains(&name) {
                self.problem(span, format!("`{name}` is there twice"), None);
            } else if self.is_coefficient(&name, span, fields, extra) {
                found.push(name);
            }
        }
        if found.len() > MOST_COEFFICIENTS {
            let help = "each field splits the same deals again; keep those that matter most";
            let message = format!("there can be at most {MOST_COEFFICIENTS} coefficients");
            self.problem(node.span, message, Some(help.into()));
            found.truncate(MOST_COEFFICIENTS);
        }
        found
    }

    /// Whether the values of a field can be counted by. Says why not.
    fn is_coefficient(&mut self, name: &str, span: Span, fields: &[FieldSpec], extra: ExtraFields) -> bool {
        let wrong = if OPINIONS.contains(&name) {
            Some((format!("`{name}` is the sellers' own opinion"), "a forecast is made without it".to_owned()))
        } else if let Some(list) = schema::list_above(fields, name) {
            Some((format!("`{name}` is in the list `{list}`, so a deal has no single value of it"), ONE_OF_FEW.into()))
        } else {
            match schema::find(fields, name).map(|field| &field.of) {
                Some(
                    FieldType::Text
                    | FieldType::Integer
                    | FieldType::Boolean
                    | FieldType::Person
                    | FieldType::Deal
                    | FieldType::Enum(_),
                ) => None,
                Some(of) => Some((format!("`{name}` is {}", of.describe()), ONE_OF_FEW.into())),
                None if extra != ExtraFields::Deny || schema::is_free(name) => None,
                None => {
                    let paths = schema::paths(fields);
                    let near = nearest(name, paths.iter().map(String::as_str));
                    let help = near.map_or_else(
                        || "declare it under `fields`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    Some((format!("there is no field `{name}`"), help))
                }
            }
        };
        match wrong {
            None => true,
            Some((message, help)) => {
                self.problem(span, message, Some(help));
                false
            }
        }
    }
}

const ONE_OF_FEW: &str = "a coefficient is a field of which many deals have the same value, such as region or source";

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn horizons_read_as_they_are_written() {
        let read = |text: &str| Horizon::parse(text).map(|h| h.to_string()).map_err(|e| e.to_string());
        for text in ["1d", "90d", "730d", "month", "quarter", "year", "2026-12-31"] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        assert_eq!(read("12w").as_deref(), Ok("84d"));
        assert_eq!(read("0d").unwrap_err(), "a horizon of 0d is out of range, it can be 1 to 730 days");
        assert!(matches!(Horizon::parse("105w"), Err(HorizonError::Range(_))));
        assert!(matches!(Horizon::parse("99999999999d"), Err(HorizonError::Range(_))));
        for text in ["", "d", "90", "-5d", "90h", "months", "2026-02-30", "é", "９d"] {
            assert!(matches!(Horizon::parse(text), Err(HorizonError::Shape(_))), "{text}");
        }
    }

    #[test]
    fn a_horizon_ends_with_its_month_quarter_or_year() {
        let today = day("2026-11-22");
        let until = |horizon: Horizon, start: u32| horizon.until(today, start).to_string();
        assert_eq!(until(Horizon::Days(90), 1), "2027-02-20");
        assert_eq!(until(Horizon::Month, 1), "2026-11-30");
        assert_eq!(until(Horizon::Quarter, 1), "2026-12-31");
        // The fiscal quarters from March on end with May, August, November and February.
        assert_eq!(until(Horizon::Quarter, 3), "2026-11-30");
        assert_eq!(until(Horizon::Year, 1), "2026-12-31");
        assert_eq!(until(Horizon::Year, 4), "2027-03-31");
        assert_eq!(until(Horizon::Until(day("2026-12-01")), 1), "2026-12-01");
        let days = [Horizon::Days(90), Horizon::Month, Horizon::Quarter, Horizon::Until(day("2026-12-01"))];
        assert_eq!(days.map(|h| h.days_from(today, 1)), [90, 8, 39, 9]);
        assert_eq!(Horizon::Month.days_from(day("2026-11-30"), 1), 0);
        assert_eq!(Horizon::Month.days_from(day("2028-02-01"), 1), 28);
    }

    #[test]
    fn a_day_that_is_over_or_too_far_away_is_no_horizon() {
        let today = day("2026-11-22");
        let seen = |text: &str| Horizon::Until(day(text)).seen_from(today).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(seen("2026-11-23"), Ok(()));
        assert_eq!(seen("2028-11-21"), Ok(()));
        assert_eq!(
            seen("2026-11-22").unwrap_err(),
            "the horizon 2026-11-22 is no day after 2026-11-22, from which the forecast looks ahead"
        );
        assert_eq!(seen("2028-11-22").unwrap_err(), "a horizon of 2028-11-22 is out of range, it can be 1 to 730 days");
        // Where nobody asked, nothing overflows.
        assert_eq!(Horizon::Until(day("1999-01-01")).days_from(today, 1), 0);
        assert_eq!(Horizon::Until(NaiveDate::MAX).days_from(today, 1), 730);
        assert_eq!(Horizon::Days(90).days_from(NaiveDate::MAX, 1), 0);
    }
}
