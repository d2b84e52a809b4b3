//! Turns the nodes of a deal into typed values, and says what does not fit.

use std::fmt;

use rust_decimal::Decimal;

use super::date::{DateError, parse_date};
use super::ident::DealId;
use super::money::{Currency, Money, MoneyError, parse_decimal};
use super::nearest::nearest;
use super::pipeline::ExtraFields;
use super::problem::{Fix, Problem, ProblemKind};
use super::schema::{FieldSpec, FieldType};
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
        for entry in &mut mapping.entries {
            let inner = Way::key(above, &entry.key);
            let value = match declared.find(&entry.key) {
                Some(spec) => self.value(&mut entry.value, &spec.of, &inner),
                None => {
                    if !entry.key.starts_with("x-") && self.extra != ExtraFields::Allow {
                        self.unknown(&entry.key, entry.key_span, fields, &inner);
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

    fn unknown(&mut self, key: &str, span: Span, fields: &[FieldSpec], path: &Way<'_>) {
        let mut problem = Problem::new(ProblemKind::UnknownField, span, format!("there is no field `{path}`"))
            .with_label("not a field of this pipeline")
            .with_field(path.to_string());
        let near = nearest(key, fields.iter().map(|f| f.name.as_str()));
        problem = match near {
            Some(near) => problem.with_help(format!("did you mean `{near}`?")),
            None => problem.with_help("declare it under `fields` in pipeline.yaml, or begin its name with x-"),
        };
        if let Some(near) = near {
            let close = fields.iter().filter(|f| strsim::damerau_levenshtein(&f.name, key) <= 1).count();
            if close == 1 && strsim::damerau_levenshtein(near, key) <= 1 {
                problem = problem.with_fix(Fix::safe(format!("write {near}"), span, near));
            }
        }
        self.problems.push(problem);
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
        let quoted = style != ScalarStyle::Plain;
        match of {
            FieldType::Text => Some(Value::Text(self.texts.own(text))),
            FieldType::Person if text.trim().len() < text.len() => Some(Value::Text(text.trim().to_owned())),
            FieldType::Person => Some(Value::Text(self.texts.own(text))),
            FieldType::Path => self.path(text, span, path),
            FieldType::Link => {
                if text.starts_with("https://") || text.starts_with("http://") || text.starts_with("mailto:") {
                    return Some(Value::Text(self.texts.own(text)));
                }
                self.wrong(span, path, of, &quote(text), Some("a link begins with https://".into()));
                None
            }
            FieldType::Enum(words) => self.word(text, span, words, of, path),
            FieldType::Deal => match DealId::new(text) {
                Ok(id) => Some(Value::Deal(id)),
                Err(_) => {
                    self.wrong(span, path, of, &quote(text), Some("write the file's name without .yaml".into()));
                    None
                }
            },
            FieldType::Boolean => match core {
                Core::Bool(truth) => Some(Value::Boolean(truth)),
                _ => {
                    let help = match text.to_lowercase().as_str() {
                        "yes" | "y" | "on" => Some("write `true`".into()),
                        "no" | "n" | "off" => Some("write `false`".into()),
                        "true" | "false" if quoted => Some("write it without quotes".into()),
                        _ => None,
                    };
                    self.wrong(span, path, of, &quote(text), help);
                    None
                }
            },
            FieldType::Integer => match (core, text.parse::<i64>()) {
                (Core::Int, Ok(number)) => Some(Value::Integer(number)),
                (Core::Int, Err(_)) => {
                    self.wrong(span, path, of, &quote(text), Some("it is too large to be held exactly".into()));
                    None
                }
                _ => {
                    self.wrong(span, path, of, &quote(text), number_help(text, quoted));
                    None
                }
            },
            FieldType::Number => match (core, parse_decimal(text)) {
                (Core::Int | Core::Float, Ok(number)) => Some(Value::Number(number)),
                _ => {
                    self.wrong(span, path, of, &quote(text), number_help(text, quoted));
                    None
                }
            },
            FieldType::Money => match Money::parse(text, self.currency) {
                Ok(money) => Some(Value::Money(money)),
                Err(error) => {
                    self.wrong(span, path, of, &quote(text), money_help(text, &error));
                    None
                }
            },
            FieldType::Date => self.date(text, span, of, path),
            FieldType::List(_) => {
                self.wrong(span, path, of, &quote(text), Some("write a list: [one, two]".into()));
                None
            }
            FieldType::Block(fields) => {
                let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
                self.wrong(span, path, of, &quote(text), Some(format!("it has the fields {}", names.join(", "))));
                None
            }
            FieldType::MapOf(_) => {
                self.wrong(span, path, of, &quote(text), None);
                None
            }
        }
    }

    fn date(&mut self, text: &str, span: Span, of: &FieldType, path: &Way<'_>) -> Option<Value> {
        match parse_date(text) {
            Ok(date) => Some(Value::Date(date)),
            Err(error @ DateError::Impossible(_)) => {
                let problem = Problem::new(ProblemKind::ImpossibleDate, span, format!("`{path}`: {error}"))
                    .with_label("no such day")
                    .with_help("check the day and the month")
                    .with_field(path.to_string());
                self.problems.push(problem);
                None
            }
            Err(DateError::Shape(_)) => {
                let guess = guess_date(text).map(|d| format!("if that is the day meant, write {d}"));
                self.wrong(span, path, of, &quote(text), guess.or_else(|| Some("write it as 2026-12-31".into())));
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
        self.wrong(span, path, &FieldType::Path, &quote(text), Some(help.into()));
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
        let near = nearest(text, words.iter().map(String::as_str));
        self.wrong(span, path, of, &quote(text), near.map(|n| format!("did you mean `{n}`?")));
        None
    }

    fn wrong(&mut self, span: Span, path: &Way<'_>, of: &FieldType, found: &str, help: Option<String>) {
        let message = format!("`{path}` must be {}, found {found}", of.describe());
        let mut problem =
            Problem::new(ProblemKind::WrongType, span, message).with_label("does not fit").with_field(path.to_string());
        problem.help = help;
        self.problems.push(problem);
    }
}

fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn number_help(text: &str, quoted: bool) -> Option<String> {
    if quoted && parse_decimal(text).is_ok() {
        return Some("write it without quotes".into());
    }
    match text.to_lowercase().trim_start_matches(['-', '+']) {
        ".inf" | ".nan" | "inf" | "nan" | "infinity" => Some("only finite numbers are taken".into()),
        _ => match plain_number(text).or_else(|| without_exponent(text)) {
            Some(number) => Some(format!("write {number}, if that is the number meant")),
            None if resolve(text, ScalarStyle::Plain) == Core::Float => {
                Some("it cannot be held exactly; write it in digits".into())
            }
            None => None,
        },
    }
}

fn money_help(text: &str, error: &MoneyError) -> Option<String> {
    match error {
        MoneyError::UnknownCurrency(code) if code.chars().all(|c| c.is_ascii_lowercase()) && code.len() == 3 => {
            Some(format!("currency codes are written in capitals: {}", code.to_uppercase()))
        }
        MoneyError::TooLong(_) => Some("28 digits can be held exactly".into()),
        MoneyError::UnknownCurrency(_) | MoneyError::NotAnAmount(_) => match (plain_money(text), error) {
            (Some(money), _) => Some(format!("write {money}, if that is the amount meant")),
            (None, MoneyError::UnknownCurrency(_)) => {
                Some("a currency is three capital letters of ISO 4217: EUR, USD, RUB".into())
            }
            _ => Some("write digits with a point for the cents: 18000 or 18000.50 USD".into()),
        },
    }
}

/// The amount that a text most likely means: `USD 18 000` is `18000 USD`. Only ever offered, never taken.
fn plain_money(text: &str) -> Option<String> {
    let text = text.trim();
    let is_code = |part: &str| Currency::new(part).is_ok();
    let after = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at)).filter(|(_, code)| is_code(code));
    let before = text.split_at_checked(3).filter(|(code, _)| is_code(code)).map(|(code, rest)| (rest, code));
    match after.or(before) {
        Some((number, code)) => Some(format!("{} {code}", plain_number(number)?)),
        None => plain_number(text),
    }
}

/// The number that a text with separators, a currency sign or a `k` most likely means. Only ever offered, never taken.
fn plain_number(text: &str) -> Option<String> {
    let mut body = text.trim().trim_matches(['€', '$', '£', '₽', ' ']).to_lowercase();
    let factor = match body.pop()? {
        'k' => Decimal::from(1_000),
        'm' => Decimal::from(1_000_000),
        last => {
            body.push(last);
            Decimal::ONE
        }
    };
    let mut body: String = body.chars().filter(|c| !matches!(c, '_' | ' ' | '\'' | '\u{a0}' | '\u{202f}')).collect();
    let (points, commas) = (body.matches('.').count(), body.matches(',').count());
    let decimals = |sign: char, body: &str| body.rsplit(sign).next().map_or(0, str::len);
    if points > 0 && commas > 0 {
        let last = if body.rfind('.') > body.rfind(',') { '.' } else { ',' };
        let other = if last == '.' { ',' } else { '.' };
        body = body.replace(other, "").replace(last, ".");
    } else if commas == 1 && decimals(',', &body) != 3 {
        body = body.replace(',', ".");
    } else if commas >= 1 || points > 1 {
        body = body.replace([',', '.'], "");
    }
    if body.starts_with('.') {
        body.insert(0, '0');
    }
    if body.ends_with('.') {
        body.pop();
    }
    let number = parse_decimal(&body).ok()?.checked_mul(factor)?;
    Some(number.normalize().to_string())
}

/// `1e3` as `1000`, where that can be held exactly.
fn without_exponent(text: &str) -> Option<String> {
    let exact = Decimal::from_scientific(text).ok()?;
    let shown = exact.normalize().to_string();
    (parse_decimal(&shown).ok()? == exact).then_some(shown)
}

/// The day that another way of writing most likely means, where only one reading is possible.
fn guess_date(text: &str) -> Option<String> {
    let day_part = text.split(['T', ' ']).next()?;
    if day_part.len() == 10 && parse_date(day_part).is_ok() {
        return Some(day_part.to_owned());
    }
    let parts: Vec<&str> = day_part.split(['-', '/', '.']).collect();
    let [a, b, c] = parts[..] else { return None };
    if !parts.iter().all(|p| !p.is_empty() && p.len() <= 4 && p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let number = |p: &str| p.parse::<u32>().ok();
    let (year, month, day) = if a.len() == 4 {
        (a, number(b)?, number(c)?)
    } else if c.len() == 4 && (day_part.contains('.') || number(a)? > 12) {
        (c, number(b)?, number(a)?)
    } else if c.len() == 4 && number(b)? > 12 {
        (c, number(a)?, number(b)?)
    } else {
        return None;
    };
    let written = format!("{year}-{month:02}-{day:02}");
    parse_date(&written).is_ok().then_some(written)
}
