//! Turns the nodes of a deal into typed values, and says what does not fit.

use std::fmt;

use super::date::{DateError, parse_date};
use super::ident::DealId;
use super::money::{Currency, Money, MoneyError, parse_decimal};
use super::nearest::nearest;
use super::pipeline::ExtraFields;
use super::problem::{Fix, Problem, ProblemKind};
use super::quote;
use super::schema::{FieldSpec, FieldType};
use super::slips::{self, Meant, Other};
use super::span::Span;
use super::tree::{Core, Entry, Mapping, Node, NodeKind, ScalarStyle, resolve};
use super::value::{Block, Field, Value};

/// Reads mappings by declared fields and gathers what does not fit.
pub struct Typing<'a> {
    /// Currency of bare numbers.
    pub currency: Currency,
    /// What to do with undeclared fields.
    pub extra: ExtraFields,
    /// What becomes of the texts of the tree.
    pub texts: Texts,
    /// Where problems go.
    pub problems: &'a mut Vec<Problem>,
}

/// What becomes of the names and texts of a tree when values are made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// The values get copies, and the tree stays as it is.
    Copied,
    /// The values get the texts themselves, which is half the work; the tree is of no use after that.
    Taken,
}

impl Texts {
    fn own(self, text: &mut String) -> String {
        match self {
            Texts::Copied => text.clone(),
            Texts::Taken => std::mem::take(text),
        }
    }
}

/// The dotted way to a value: `payments.2.amount`. It is written out only where a problem names it.
#[derive(Clone, Copy)]
struct Way<'w> {
    above: Option<&'w Way<'w>>,
    step: Step<'w>,
}

#[derive(Clone, Copy)]
enum Step<'w> {
    Key(&'w str),
    /// An item of a list, counted from 1.
    Item(usize),
}

impl<'w> Way<'w> {
    fn key(above: Option<&'w Way<'w>>, key: &'w str) -> Self {
        Way { above, step: Step::Key(key) }
    }
}

impl Way<'_> {
    /// The value's own key as it stands before it in a line, `close_date: `; empty for an item of a list.
    fn own_key(&self) -> String {
        match self.step {
            Step::Key(key) => format!("{key}: "),
            Step::Item(_) => String::new(),
        }
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}.")?;
        }
        match self.step {
            Step::Key(key) => f.write_str(key),
            Step::Item(number) => write!(f, "{number}"),
        }
    }
}

/// Finds declarations by name. Fields mostly stand in the order in which they are declared, so the search begins after
/// the last one that was found.
struct Declared<'f> {
    fields: &'f [FieldSpec],
    next: usize,
}

impl<'f> Declared<'f> {
    fn find(&mut self, name: &str) -> Option<&'f FieldSpec> {
        let (before, after) = self.fields.split_at(self.next.min(self.fields.len()));
        let same = |spec: &&FieldSpec| spec.name == name;
        let found = match after.iter().position(|spec| same(&spec)) {
            Some(at) => before.len() + at,
            None => before.iter().position(|spec| same(&spec))?,
        };
        self.next = found + 1;
        self.fields.get(found)
    }
}

impl Typing<'_> {
    /// The typed values of a deal. Keys that begin with `x-` are free and stay untyped. What is taken out of the tree on
    /// the way is [`Texts`]' affair.
    pub fn deal(&mut self, mapping: &mut Mapping, fields: &[FieldSpec]) -> Block {
        self.block(mapping, fields, None)
    }

    fn block(&mut self, mapping: &mut Mapping, fields: &[FieldSpec], above: Option<&Way<'_>>) -> Block {
        let mut block = Block { entries: Vec::with_capacity(mapping.entries.len()) };
        let mut declared = Declared { fields, next: 0 };
        // A block without anything in it: the fields that follow may have been meant for it.
        let mut empty: Option<&FieldSpec> = None;
        for entry in &mut mapping.entries {
            let inner = Way::key(above, &entry.key);
            let value = match declared.find(&entry.key) {
                Some(spec) => {
                    let nothing = entry.value.span.start == entry.value.span.end;
                    empty = Some(spec).filter(|_| nothing && matches!(spec.of, FieldType::Block(_)));
                    self.value(&mut entry.value, &spec.of, &inner)
                }
                None => {
                    if !entry.key.starts_with("x-") && self.extra != ExtraFields::Allow {
                        let problem = self.unknown(&entry.key, entry.key_span, fields, &inner);
                        if !mapping.flow
                            && let Some(block) = empty.filter(|block| has_field(block, &entry.key))
                        {
                            let (key, name) = (&entry.key, &block.name);
                            problem.help =
                                Some(format!("`{key}` is a field of `{name}`: begin its line with two more spaces"));
                            let title = format!("put {key} into {name}");
                            problem.fix = Some(Fix::guess(title, Span::at(entry.key_span.start), "  "));
                        }
                    }
                    self.untyped(&mut entry.value)
                }
            };
            block.entries.extend(value.map(|value| self.entry(entry, value)));
        }
        block
    }

    fn entry(&self, entry: &mut Entry, value: Value) -> (String, Span, Field) {
        let field = Field { value, span: entry.value.span };
        (self.texts.own(&mut entry.key), entry.key_span, field)
    }

    /// The value of a field nobody declared: numbers, dates and texts as they look.
    fn untyped(&self, node: &mut Node) -> Option<Value> {
        match &mut node.kind {
            NodeKind::Mapping(mapping) => {
                let mut block = Block::default();
                for entry in &mut mapping.entries {
                    let value = self.untyped(&mut entry.value);
                    block.entries.extend(value.map(|value| self.entry(entry, value)));
                }
                Some(Value::Block(block))
            }
            NodeKind::Sequence { items, .. } => {
                let typed = items.iter_mut().filter_map(|i| Some(Field { value: self.untyped(i)?, span: i.span }));
                Some(Value::List(typed.collect()))
            }
            NodeKind::Scalar { text, style } => Some(match resolve(text, *style) {
                Core::Null => return None,
                Core::Bool(truth) => Value::Boolean(truth),
                Core::Int => match text.parse() {
                    Ok(number) => Value::Integer(number),
                    Err(_) => Value::Text(self.texts.own(text)),
                },
                Core::Float => match parse_decimal(text) {
                    Ok(number) => Value::Number(number),
                    Err(_) => Value::Text(self.texts.own(text)),
                },
                Core::Str => Value::Text(self.texts.own(text)),
            }),
        }
    }

    fn unknown(&mut self, key: &str, span: Span, fields: &[FieldSpec], path: &Way<'_>) -> &mut Problem {
        let mut problem = Problem::new(ProblemKind::UnknownField, span, format!("there is no field `{path}`"))
            .with_label("not a field of this pipeline")
            .with_field(path.to_string());
        let near = nearest(key, fields.iter().map(|f| f.name.as_str()));
        problem = match near {
            Some(near) => problem.with_help(format!("did you mean `{near}`?")),
            None => problem.with_help("declare it under `fields` in pipeline.yaml, or begin its name with x-"),
        };
        let tidy = slips::unquoted(key);
        if let Some(field) = tidy.as_ref().and_then(|tidy| fields.iter().find(|f| f.name == *tidy)) {
            problem = problem
                .with_help(format!("write `{}:`, without those characters around it", field.name))
                .with_fix(Fix::safe(format!("write {}", field.name), span, field.name.as_str()));
        } else if let Some(near) = near {
            let close = fields.iter().filter(|f| strsim::damerau_levenshtein(&f.name, key) <= 1).count();
            if close == 1 && strsim::damerau_levenshtein(near, key) <= 1 {
                problem = problem.with_fix(Fix::safe(format!("write {near}"), span, near));
            }
        }
        let at = self.problems.len();
        self.problems.push(problem);
        &mut self.problems[at]
    }

    /// The typed value of one node; `None` when it is missing or does not fit (which is then a problem).
    fn value(&mut self, node: &mut Node, of: &FieldType, path: &Way<'_>) -> Option<Value> {
        let (text, style) = match (&mut node.kind, of) {
            (NodeKind::Mapping(mapping), FieldType::Block(fields)) => {
                return Some(Value::Block(self.block(mapping, fields, Some(path))));
            }
            (NodeKind::Mapping(mapping), FieldType::MapOf(of)) => {
                let mut block = Block::default();
                for entry in &mut mapping.entries {
                    let value = self.value(&mut entry.value, of, &Way::key(Some(path), &entry.key));
                    block.entries.extend(value.map(|value| self.entry(entry, value)));
                }
                return Some(Value::Block(block));
            }
            (NodeKind::Sequence { items, .. }, FieldType::List(of)) => {
                let mut typed = Vec::with_capacity(items.len());
                for (item, number) in items.iter_mut().zip(1..) {
                    let way = Way { above: Some(path), step: Step::Item(number) };
                    typed.extend(self.value(item, of, &way).map(|value| Field { value, span: item.span }));
                }
                return Some(Value::List(typed));
            }
            (NodeKind::Scalar { text, style }, _) => (text, *style),
            (NodeKind::Mapping(_), _) => {
                self.wrong(node.span, path, of, "a block of fields", None);
                return None;
            }
            (NodeKind::Sequence { .. }, _) => {
                self.wrong(node.span, path, of, "a list", None);
                return None;
            }
        };
        let core = resolve(text, style);
        if core == Core::Null || (text.trim().is_empty() && !matches!(of, FieldType::Text)) {
            return None;
        }
        self.scalar(text, style, core, node.span, of, path)
    }

    fn scalar(
        &mut self,
        text: &mut String,
        style: ScalarStyle,
        core: Core,
        span: Span,
        of: &FieldType,
        path: &Way<'_>,
    ) -> Option<Value> {
        match of {
            FieldType::Text => Some(Value::Text(self.texts.own(text))),
            FieldType::Person if text.trim().len() < text.len() => Some(Value::Text(text.trim().to_owned())),
            FieldType::Person => Some(Value::Text(self.texts.own(text))),
            FieldType::Path => self.path(text, span, path),
            FieldType::Link => {
                if text.starts_with("https://") || text.starts_with("http://") || text.starts_with("mailto:") {
                    return Some(Value::Text(self.texts.own(text)));
                }
                self.wrong(span, path, of, &cited(text), Some("a link begins with https://".into()));
                None
            }
            FieldType::Enum(words) => self.word(text, span, words, of, path),
            FieldType::Deal => match DealId::new(text) {
                Ok(id) => Some(Value::Deal(id)),
                Err(_) => {
                    self.wrong(span, path, of, &cited(text), Some("write the file's name without .yaml".into()));
                    None
                }
            },
            FieldType::Boolean => match core {
                Core::Bool(truth) => Some(Value::Boolean(truth)),
                _ => {
                    self.meant(span, path, of, text, slips::truth(text), "that is");
                    None
                }
            },
            FieldType::Integer => match (core, text.parse::<i64>()) {
                (Core::Int, Ok(number)) => Some(Value::Integer(number)),
                (Core::Int, Err(_)) => {
                    self.wrong(span, path, of, &cited(text), Some("it is too large to be held exactly".into()));
                    None
                }
                _ => {
                    let whole = |meant: &Meant| without_fraction(&meant.written).is_some();
                    let meant = slips::number(text)
                        .filter(whole)
                        .map(|meant| Meant { written: without_fraction(&meant.written).unwrap_or_default(), ..meant });
                    self.meant(span, path, of, text, meant, "that is the number");
                    None
                }
            },
            FieldType::Number => match (core, parse_decimal(text)) {
                (Core::Int | Core::Float, Ok(number)) => Some(Value::Number(number)),
                _ => {
                    self.meant(span, path, of, text, slips::number(text), "that is the number");
                    None
                }
            },
            FieldType::Money => match Money::parse(text, self.currency) {
                Ok(money) => Some(Value::Money(money)),
                Err(error) => {
                    let problem =
                        self.meant(span, path, of, text, slips::money(text, self.currency), "that is the amount");
                    problem.help.get_or_insert_with(|| money_help(&error));
                    None
                }
            },
            FieldType::Date => self.date(text, span, of, path),
            FieldType::List(_) => {
                let problem = self.wrong(span, path, of, &cited(text), Some("write a list: [one, two]".into()));
                let items: Vec<&str> = text.split([',', ';']).map(str::trim).filter(|item| !item.is_empty()).collect();
                if !text.contains(['\n', ':', '[', '{', '"']) && !items.is_empty() {
                    let items: Vec<String> = items.into_iter().map(quote::flow_scalar).collect();
                    let list = format!("[{}]", items.join(", "));
                    problem.help = Some(format!("write a list: `{}{list}`", path.own_key()));
                    problem.fix = Some(Fix::guess("write a list", span, list));
                }
                None
            }
            FieldType::Block(fields) => {
                let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
                let help = format!("it has the fields {}", names.join(", "));
                let problem = self.wrong(span, path, of, &cited(text), Some(help));
                let plain_line = style == ScalarStyle::Plain && text.len() == span.end - span.start;
                if let Some((key, rest)) = text.split_once(':').filter(|(key, _)| plain_line && names.contains(key)) {
                    problem.help = Some(format!("write `{key}: {rest}`, with a space after the colon"));
                    let colon = span.start + key.len();
                    problem.fix = Some(Fix::safe("put a space after the colon", Span::at(colon + 1), " "));
                }
                None
            }
            FieldType::MapOf(_) => {
                self.wrong(span, path, of, &cited(text), None);
                None
            }
        }
    }

    fn date(&mut self, text: &str, span: Span, of: &FieldType, path: &Way<'_>) -> Option<Value> {
        match parse_date(text) {
            Ok(date) => Some(Value::Date(date)),
            Err(error @ DateError::Impossible(_)) => {
                let mut problem = Problem::new(ProblemKind::ImpossibleDate, span, format!("`{path}`: {error}"))
                    .with_label("no such day")
                    .with_help(days_of_month(text).unwrap_or_else(|| "check the day and the month".into()))
                    .with_field(path.to_string());
                if let Some(meant) = slips::date(text) {
                    offer(&mut problem, path, &meant, "that is the day");
                }
                self.problems.push(problem);
                None
            }
            Err(DateError::Shape(_)) => {
                let problem = self.meant(span, path, of, text, slips::date(text), "that is the day");
                problem.help.get_or_insert_with(|| format!("write it as `{}2026-12-31`", path.own_key()));
                None
            }
        }
    }

    fn path(&mut self, text: &mut String, span: Span, path: &Way<'_>) -> Option<Value> {
        let plain = !text.starts_with('/')
            && !text.contains('\\')
            && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        if plain {
            return Some(Value::Text(self.texts.own(text)));
        }
        let help = "count the path from the repository's root, without .. and without a leading /";
        self.wrong(span, path, &FieldType::Path, &cited(text), Some(help.into()));
        None
    }

    fn word(
        &mut self,
        text: &mut String,
        span: Span,
        words: &[String],
        of: &FieldType,
        path: &Way<'_>,
    ) -> Option<Value> {
        if words.contains(text) {
            return Some(Value::Text(self.texts.own(text)));
        }
        let tidy = slips::unquoted(text).unwrap_or_else(|| text.clone());
        let same = words.iter().find(|word| word.to_lowercase() == tidy.to_lowercase());
        let near = nearest(text, words.iter().map(String::as_str));
        let problem = self.wrong(span, path, of, &cited(text), near.map(|n| format!("did you mean `{n}`?")));
        if let Some(word) = same.map(String::as_str).or(near) {
            let title = format!("write {word}");
            let written = quote::flow_scalar(word);
            problem.fix =
                Some(if same.is_some() { Fix::safe(title, span, written) } else { Fix::guess(title, span, written) });
            problem.help = Some(if same.is_some() {
                format!("write `{}{word}`", path.own_key())
            } else {
                format!("did you mean `{word}`?")
            });
        }
        None
    }

    /// A value of another type, with what it most likely means where that is known.
    fn meant(
        &mut self,
        span: Span,
        path: &Way<'_>,
        of: &FieldType,
        text: &str,
        meant: Option<Meant>,
        if_that_is: &str,
    ) -> &mut Problem {
        let help = if matches!(of, FieldType::Number | FieldType::Integer) { number_help(text) } else { None };
        let problem = self.wrong(span, path, of, &cited(text), help);
        if let Some(meant) = meant {
            offer(problem, path, &meant, if_that_is);
        }
        problem
    }

    fn wrong(&mut self, span: Span, path: &Way<'_>, of: &FieldType, found: &str, help: Option<String>) -> &mut Problem {
        let message = format!("`{path}` must be {}, found {found}", of.describe());
        let mut problem =
            Problem::new(ProblemKind::WrongType, span, message).with_label("does not fit").with_field(path.to_string());
        problem.help = help;
        let at = self.problems.len();
        self.problems.push(problem);
        &mut self.problems[at]
    }
}

/// Whether a block has a field of this name.
fn has_field(block: &FieldSpec, name: &str) -> bool {
    matches!(&block.of, FieldType::Block(fields) if fields.iter().any(|field| field.name == name))
}

/// Shows the line as it most likely should be, with the change that makes it so.
fn offer(problem: &mut Problem, path: &Way<'_>, meant: &Meant, if_that_is: &str) {
    let (key, written) = (path.own_key(), &meant.written);
    problem.help = Some(match &meant.other {
        Some(Other { this, written: other, words }) => {
            format!("write `{key}{written}` for {this}, or `{key}{other}` for {words}")
        }
        None if meant.certain => format!("write `{key}{written}`"),
        None => format!("write `{key}{written}`, if {if_that_is} meant"),
    });
    let title = format!("write {written}");
    problem.fix = Some(match meant.certain {
        true => Fix::safe(title, problem.span, written.as_str()),
        false => Fix::guess(title, problem.span, written.as_str()),
    });
}

/// A whole number without the point and the noughts behind it.
fn without_fraction(number: &str) -> Option<String> {
    let whole = number
        .split_once('.')
        .map_or(Some(number), |(whole, rest)| rest.bytes().all(|b| b == b'0').then_some(whole))?;
    whole.parse::<i64>().ok().map(|_| whole.to_owned())
}

fn cited(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn number_help(text: &str) -> Option<String> {
    match text.to_lowercase().trim_start_matches(['-', '+']) {
        ".inf" | ".nan" | "inf" | "nan" | "infinity" => Some("only finite numbers are taken".into()),
        _ if resolve(text, ScalarStyle::Plain) == Core::Float => {
            Some("it cannot be held exactly; write it in digits".into())
        }
        _ => None,
    }
}

fn money_help(error: &MoneyError) -> String {
    match error {
        MoneyError::TooLong(_) => "28 digits can be held exactly",
        MoneyError::UnknownCurrency(_) => "a currency is three capital letters of ISO 4217: EUR, USD, RUB",
        MoneyError::NotAnAmount(_) => "write digits with a point for the cents: 18000 or 18000.50 USD",
    }
    .into()
}

/// The last day of a month that is too short: `February 2026 has 28 days`.
fn days_of_month(text: &str) -> Option<String> {
    let first = parse_date(&format!("{}-01", text.get(..7)?)).ok()?;
    let days = first.checked_add_months(chrono::Months::new(1))?.signed_duration_since(first).num_days();
    Some(format!("{} has {days} days; check the day and the month", first.format("%B %Y")))
}
