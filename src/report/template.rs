//! Renders reports through minijinja: built-in templates, or the pipeline's own of the same name.
//!
//! Templates come from a repository and are not trusted: they see the report's data and nothing else, misspelt names are
//! errors, steps and output are bounded, and every text they print becomes a code span unless a filter made it safe.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::format::money::Currency;

use super::chart::Chart;
use super::chart::functions::{self, Drawn};
use super::lang::{Lang, NoValue, Part, capitalised, is_ours, parts};
use super::{ReportError, markdown, number};

/// Steps a template may take, whatever it prints.
const FUEL: u64 = 1_000_000;

/// Steps more for each deal that the report lists.
const FUEL_PER_ROW: u64 = 200;

/// Bytes a report may have, whatever it prints.
const MAX_OUTPUT: usize = 4 * 1024 * 1024;

/// Bytes more for each deal that the report lists.
const OUTPUT_PER_ROW: usize = 1024;

/// Bytes a template may have.
const MAX_TEMPLATE: usize = 256 * 1024;

/// The built-in templates, by name.
pub const BUILT_IN: [(&str, &str); 14] = [
    ("macros.md.jinja", include_str!("../../templates/report/macros.md.jinja")),
    ("overview.md.jinja", include_str!("../../templates/report/overview.md.jinja")),
    ("pipeline.md.jinja", include_str!("../../templates/report/pipeline.md.jinja")),
    ("funnel.md.jinja", include_str!("../../templates/report/funnel.md.jinja")),
    ("time.md.jinja", include_str!("../../templates/report/time.md.jinja")),
    ("health.md.jinja", include_str!("../../templates/report/health.md.jinja")),
    ("forecast.md.jinja", include_str!("../../templates/report/forecast.md.jinja")),
    ("backtest.md.jinja", include_str!("../../templates/report/backtest.md.jinja")),
    ("portfolio.md.jinja", include_str!("../../templates/report/portfolio.md.jinja")),
    ("waterfall.md.jinja", include_str!("../../templates/report/waterfall.md.jinja")),
    ("losses.md.jinja", include_str!("../../templates/report/losses.md.jinja")),
    ("effort.md.jinja", include_str!("../../templates/report/effort.md.jinja")),
    ("cash.md.jinja", include_str!("../../templates/report/cash.md.jinja")),
    ("agenda.md.jinja", include_str!("../../templates/report/agenda.md.jinja")),
];

/// What the names of built-in templates begin with where a template of the team's own extends or includes them.
const OURS: &str = "tussock/";

/// Filters of the engine that templates do not get: those that make texts of any size in one step, and those that mark
/// text as safe that is not.
const NO_FILTERS: [&str; 8] = ["format", "indent", "replace", "batch", "slice", "pprint", "tojson", "urlencode"];

/// What is rendered, and how.
pub struct Rendering<'a> {
    /// The report, which is also the name of its template.
    pub report: &'a str,
    /// How many deals it lists: a longer one may take more steps and more room.
    pub rows: usize,
    /// The language.
    pub lang: Lang,
    /// The pipeline's words.
    pub words: &'a BTreeMap<String, String>,
    /// The pipeline's own templates, by file name.
    pub own: &'a BTreeMap<String, String>,
}

/// Renders the template of a report with its data: the text, with a mark for each chart, and the charts.
///
/// # Errors
/// [`ReportError::Template`] and [`ReportError::TooLong`].
pub fn render(
    rendering: &Rendering<'_>,
    data: impl serde::Serialize + Send + Sync,
) -> Result<(String, Vec<Chart>), ReportError> {
    let own = rendering.own;
    let name = format!("{}.md.jinja", rendering.report);
    let fuel = FUEL.saturating_add(FUEL_PER_ROW.saturating_mul(rendering.rows as u64));
    let limit = MAX_OUTPUT.saturating_add(OUTPUT_PER_ROW.saturating_mul(rendering.rows));
    let fail = |error: &Error| explain(error, &name, fuel, own);
    let drawn = Drawn::default();
    let environment = environment(fuel, rendering, &drawn).map_err(|e| fail(&e))?;
    let template = environment.get_template(&name).map_err(|e| fail(&e))?;
    let mut output = Bounded { bytes: Vec::new(), limit, full: false };
    let rendered = template.render_captured_to(Value::from(Serde(data)), &mut output).map(|_| ());
    if output.full {
        return Err(ReportError::TooLong { template: place(&name, own), limit });
    }
    rendered.map_err(|e| fail(&e))?;
    let charts = std::mem::take(&mut *drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok((without_double_blanks(&String::from_utf8_lossy(&output.bytes)), charts))
}

/// Templates that leave out parts leave blank lines behind: a run of them becomes one, and none begins the text.
fn without_double_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines() {
        let line = line.trim_end();
        if !(line.is_empty() && blank) {
            out.push_str(line);
            out.push('\n');
        }
        blank = line.is_empty();
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// How a message calls a template.
fn place(name: &str, own: &BTreeMap<String, String>) -> String {
    if own.contains_key(name) { format!("templates/{name}") } else { format!("the built-in template {name}") }
}

fn explain(error: &Error, name: &str, fuel: u64, own: &BTreeMap<String, String>) -> ReportError {
    // The innermost error that knows its place is the one to mend: an import fails in the imported file.
    let mut at = (error.name().unwrap_or(name).to_owned(), error.line());
    let mut message = describe(error, fuel);
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(inner) = inner.downcast_ref::<Error>() {
            message = describe(inner, fuel);
            if let (Some(name), Some(line)) = (inner.name(), inner.line()) {
                at = (name.to_owned(), Some(line));
            }
        }
        source = inner.source();
    }
    ReportError::Template { template: place(&at.0, own), line: at.1.unwrap_or(1), message }
}

fn describe(error: &Error, fuel: u64) -> String {
    let kind = match error.kind() {
        ErrorKind::OutOfFuel => return format!("the template takes more than {fuel} steps"),
        kind => kind.to_string(),
    };
    // The detail can quote the template; it is shown on one line.
    error.detail().map_or(kind.clone(), |detail| format!("{kind}: {}", markdown::plain(detail)))
}

fn environment(fuel: u64, rendering: &Rendering<'_>, drawn: &Drawn) -> Result<Environment<'static>, Error> {
    let Rendering { lang, words, own, .. } = *rendering;
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(fuel));
    env.set_recursion_limit(50);
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    env.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
    // Whatever the template says of escaping, text that no filter made safe becomes a code span.
    env.set_formatter(move |output, _, value| match value.kind() {
        // What filters made safe is the most of a long table, and needs no copy.
        ValueKind::String if value.is_safe() => {
            output.write_str(value.as_str().unwrap_or_default()).map_err(Error::from)
        }
        _ => output.write_str(&printed(value, lang)?).map_err(Error::from),
    });
    NO_FILTERS.iter().for_each(|name| env.remove_filter(name));
    env.remove_global("debug");

    env.add_filter("code", |value: &Value| safe(markdown::code(&value.to_string())));
    env.add_filter("escape", move |value: &Value| printed(value, lang).map(safe));
    env.add_filter("e", move |value: &Value| printed(value, lang).map(safe));
    env.add_filter(
        "text",
        |value: &Value| {
            if value.is_safe() { value.clone() } else { safe(markdown::text(&value.to_string())) }
        },
    );
    env.add_filter("money", move |value: &Value| with_money(value, lang, number::money));
    env.add_filter("expected", move |value: &Value| with_money(value, lang, number::expected_money));
    let share = move |v: Option<f64>| v.map(|v| number::share(v, lang));
    env.add_filter("share", move |value: &Value| with_estimate(value, lang, false, share));
    env.add_filter("share_with_interval", move |value: &Value| with_estimate(value, lang, true, share));
    env.add_filter("duration", move |value: &Value, options: Kwargs| {
        let day = options.get::<Option<i64>>("day")?.unwrap_or(crate::metrics::DAY);
        options.assert_all_used()?;
        with_estimate(value, lang, false, |v| v.and_then(|v| v.to_i64()).map(|v| number::length_of(v, day, lang)))
    });
    env.add_filter("number", move |value: &Value| {
        safe(as_f64(value).map_or(number::NONE.to_owned(), |n| number::count(n, lang)))
    });
    env.add_filter("score", move |value: &Value| {
        safe(as_f64(value).map_or(number::NONE.to_owned(), |n| number::score(n, lang)))
    });
    let words = words.clone();
    let spoken = words.clone();
    env.add_function("word", move |value: &Value| word(lang, &spoken, value));
    let own_names: BTreeSet<String> = own.keys().cloned().collect();
    env.add_function("t", move |state: &State<'_, '_>, text: &str, values: Kwargs| {
        let name = state.name();
        let in_ours =
            name.starts_with(OURS) || (BUILT_IN.iter().any(|(ours, _)| *ours == name) && !own_names.contains(name));
        said(lang, &words, in_ours || is_ours(text), text, &values)
    });
    functions::add_to(&mut env, lang, drawn);
    // A template that extends ours finds it under a name that no other template has.
    let ours = |name: &str| BUILT_IN.iter().find(|(own, _)| *own == name).map(|(_, text)| (*text).to_owned());
    // Templates are read when they are asked for, so that a broken one that a report does not use is no error of it.
    let own = own.clone();
    env.set_loader(move |name| match own.get(name) {
        _ if name.starts_with(OURS) => Ok(ours(name.trim_start_matches(OURS))),
        Some(text) if text.len() > MAX_TEMPLATE => {
            let detail = format!("templates/{name} has more than {MAX_TEMPLATE} bytes");
            Err(Error::new(ErrorKind::InvalidOperation, detail))
        }
        Some(text) => Ok(Some(text.clone())),
        None => Ok(ours(name)),
    });
    Ok(env)
}

fn safe(text: String) -> Value {
    Value::from_safe_string(text)
}

/// What printing a value writes.
fn printed(value: &Value, lang: Lang) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String if value.is_safe() => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Number if value.is_integer() => Ok(number::thousands(&value.to_string(), lang)),
        ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::None => Ok(number::NONE.to_owned()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        _ => Ok(markdown::code(&value.to_string())),
    }
}

/// `t(text, name=value…)`: a text in the language of the report, its places filled with the values, or with the
/// pipeline's words. A text of ours is Markdown; any other may be what a deal says, and is escaped like that.
fn said(
    lang: Lang,
    words: &BTreeMap<String, String>,
    is_ours: bool,
    text: &str,
    values: &Kwargs,
) -> Result<Value, Error> {
    let n = values.peek::<Option<u64>>("n").unwrap_or(None);
    let parts = parts(lang.chosen(text, n));
    let last = parts.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len() + 32);
    for (at, part) in parts.iter().enumerate() {
        match *part {
            Part::Text(text) if is_ours => out.push_str(text),
            Part::Text(text) => out.push_str(&piece(text, at == 0, at == last)),
            Part::Place(name) => match values.peek::<Value>(name) {
                Ok(value) => out.push_str(&printed(&value, lang)?),
                Err(_) => out.push_str(&pipelines_word(words, name)?),
            },
        }
    }
    Ok(safe(out))
}

/// A piece of a text as running text, with the blanks where it borders on a place.
fn piece(text: &str, is_first: bool, is_last: bool) -> String {
    // A letter keeps blanks from an end of the line, and from what only counts there.
    let whole = [if is_first { "" } else { "x" }, text, if is_last { "" } else { "x" }].concat();
    let escaped = markdown::text(&whole);
    let begun = if is_first { &escaped } else { escaped.strip_prefix('x').unwrap_or(&escaped) };
    if is_last { begun.to_owned() } else { begun.strip_suffix('x').unwrap_or(begun).to_owned() }
}

/// The pipeline's word for a place; with a large first letter where the name has one.
fn pipelines_word(words: &BTreeMap<String, String>, name: &str) -> Result<String, Error> {
    let word = match words.get(name) {
        Some(word) => Some(markdown::text(word)),
        None => words.get(&name.to_lowercase()).map(|word| markdown::text(&capitalised(word))),
    };
    word.ok_or_else(|| Error::new(ErrorKind::UndefinedError, NoValue(name.to_owned()).to_string()))
}

/// `word(text)`: a word of the data, as the name of a field, in the language of the report where it is known there.
fn word(lang: Lang, words: &BTreeMap<String, String>, value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let text = value.to_string();
    let Some(known) = lang.known(&text) else { return Ok(safe(markdown::text(&text))) };
    let mut out = String::with_capacity(known.len());
    for part in parts(known) {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Place(name) => out.push_str(&pipelines_word(words, name)?),
        }
    }
    Ok(safe(out))
}

fn as_f64(value: &Value) -> Option<f64> {
    f64::try_from(value.clone()).ok()
}

/// The amount and currency of a `{amount, currency}` value; the amount is `None` where it is not known.
fn money_of(value: &Value) -> Result<(Option<Decimal>, Currency), Error> {
    let wrong = || Error::new(ErrorKind::InvalidOperation, format!("a {} is no money", value.kind()));
    let (amount, currency) = (value.get_attr("amount")?, value.get_attr("currency")?);
    let currency = currency.as_str().and_then(|c| Currency::new(c).ok()).ok_or_else(wrong)?;
    match amount.as_str() {
        Some(text) => Ok((Some(crate::format::money::parse_decimal(text).map_err(|_| wrong())?), currency)),
        None if amount.is_none() => Ok((None, currency)),
        None => Err(wrong()),
    }
}

fn with_money(value: &Value, lang: Lang, show: impl Fn(Decimal, Currency, Lang) -> String) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(safe(number::NONE.to_owned()));
    }
    let (amount, currency) = money_of(value)?;
    let too_large = || lang.text("too large, {currency}").replace("{currency}", &currency.to_string());
    Ok(safe(amount.map_or_else(too_large, |a| show(a, currency, lang))))
}

/// Shows an estimate, or a bare number, or nothing.
fn with_estimate(
    value: &Value,
    lang: Lang,
    interval: bool,
    show: impl Fn(Option<f64>) -> Option<String>,
) -> Result<Value, Error> {
    let one = |value: &Value| show(as_f64(value)).unwrap_or_else(|| number::NONE.to_owned());
    if value.is_none() || value.is_number() {
        return Ok(safe(one(value)));
    }
    let say = |text: &str, filled: &str| lang.say(text, None, |_| Some(filled.to_owned())).unwrap_or_default();
    let state = value.get_attr("state")?;
    let text = match state.as_str() {
        Some("known") => {
            let mut text = one(&value.get_attr("value")?);
            let (low, high) = (value.get_attr("low")?, value.get_attr("high")?);
            if interval && low.is_number() && high.is_number() {
                let (low, high) = (one(&low), one(&high));
                let _ = write!(text, " ({}–{high})", low.trim_end_matches(" %"));
            }
            text
        }
        Some("too_early") => say("too early (n = {n})", &value.get_attr("n")?.to_string()),
        Some("not_reached") => say("not reached (> {beyond})", &one(&value.get_attr("beyond")?)),
        _ => return Err(Error::new(ErrorKind::InvalidOperation, "neither an estimate nor a number")),
    };
    Ok(safe(text))
}

/// Output that refuses to grow beyond its limit in bytes.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            self.full = true;
            return Err(io::Error::other("the report is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
