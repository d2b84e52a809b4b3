//! Follows what each piece of an expression is made of, so that a misspelt part is found when the pipeline is read:
//! attributes in filters, what hangs on brackets, filter and test names given as texts.

use std::ops::Range;

use super::ExprError;
use super::engine::{FILTERS, TESTS, closing, unknown_filter, unknown_test};
use super::lexer::{Kind, Token};
use super::names::{KEYWORDS, Known};
use crate::format::nearest::nearest;
use crate::format::schema::{self, FieldType};

/// More parts than any path of a card has. A filter follows the path for every item of a list.
const MAX_PARTS: usize = 8;

/// Checks a whole expression.
pub fn check(source: &str, tokens: &[Token], known: &Known<'_>) -> Result<(), ExprError> {
    Walk { source, tokens, known }.pieces(0, tokens.len()).map(|_| ())
}

struct Walk<'s, 'k> {
    source: &'s str,
    tokens: &'s [Token],
    known: &'s Known<'k>,
}

/// What a piece is: the declared type, where it is known.
type Shape = Option<FieldType>;

impl<'s> Walk<'s, '_> {
    fn word(&self, i: usize) -> &'s str {
        self.tokens.get(i).map_or("", |t| &self.source[t.range.clone()])
    }

    fn kind(&self, i: usize) -> Option<Kind> {
        self.tokens.get(i).map(|t| t.kind)
    }

    fn range(&self, i: usize) -> Range<usize> {
        self.tokens.get(i).map_or(0..0, |t| t.range.clone())
    }

    /// The text between the quotes of a token.
    fn quoted(&self, i: usize) -> Option<&'s str> {
        let word = self.word(i);
        (self.kind(i) == Some(Kind::Text)).then(|| word.get(1..word.len() - 1)).flatten()
    }

    /// Walks over everything from `at` to `end`; the shape of it, where it is one piece.
    fn pieces(&self, mut at: usize, end: usize) -> Result<Shape, ExprError> {
        let begin = at;
        let mut only = None;
        while at < end {
            let first = at;
            let shape;
            match self.kind(at) {
                Some(Kind::Word) if self.word(at) == "is" => {
                    // The name of a test is no field.
                    at += if self.word(at + 1) == "not" { 3 } else { 2 };
                    continue;
                }
                Some(Kind::Word) if KEYWORDS.contains(&self.word(at)) => {
                    at += 1;
                    continue;
                }
                Some(Kind::Word) => (at, shape) = self.name(at)?,
                Some(Kind::Open) => {
                    let close = closing(self.tokens, at).min(end);
                    let inner = self.pieces(at + 1, close)?;
                    shape = inner.filter(|_| self.word(at) == "(");
                    at = close + 1;
                }
                Some(Kind::Text | Kind::Number) => {
                    shape = None;
                    at += 1;
                }
                _ => {
                    at += 1;
                    continue;
                }
            }
            let hung;
            (at, hung) = self.hanging(first, at, end, shape)?;
            only = hung.filter(|_| first == begin && at >= end);
        }
        Ok(only)
    }

    /// A dotted name or a call.
    fn name(&self, first: usize) -> Result<(usize, Shape), ExprError> {
        let mut at = first + 1;
        if self.word(at) == "(" {
            let close = closing(self.tokens, at);
            self.pieces(at + 1, close)?;
            let shape = match self.word(first) {
                "money" => Some(FieldType::Money),
                "date" => Some(FieldType::Date),
                _ => None,
            };
            return Ok((close + 1, shape));
        }
        if self.word(first) == "today" {
            return Ok((at, Some(FieldType::Date)));
        }
        let Some(spec) = self.known.fields.iter().find(|f| f.name == self.word(first)) else {
            // `deal` and what is not declared: the names were checked, there is nothing more to know.
            while self.word(at) == "." {
                at += 2;
            }
            return Ok((at, None));
        };
        Ok((at, Some(spec.of.clone())))
    }

    /// What hangs on a piece: `.name`, `[…]`, `(…)` and filters.
    fn hanging(&self, first: usize, mut at: usize, end: usize, mut shape: Shape) -> Result<(usize, Shape), ExprError> {
        while at < end {
            let so_far = &self.source[self.range(first).start..self.range(at - 1).end];
            let whole = format!("`{so_far}` has");
            match self.word(at) {
                "." => {
                    shape = self.part(shape, self.word(at + 1), self.range(at + 1), &whole)?;
                    at += 2;
                }
                "[" => {
                    let close = closing(self.tokens, at);
                    self.pieces(at + 1, close)?;
                    shape = match (self.quoted(at + 1), shape) {
                        (Some(name), shape) if close == at + 2 => self.part(shape, name, self.range(at + 1), &whole)?,
                        (None, Some(FieldType::List(of))) if close == at + 2 => Some(*of),
                        _ => None,
                    };
                    at = close + 1;
                }
                "(" => {
                    let close = closing(self.tokens, at);
                    self.pieces(at + 1, close)?;
                    (at, shape) = (close + 1, None);
                }
                "|" => (at, shape) = self.filter(at + 1, shape, &format!("the items of `{so_far}` have"))?,
                _ => break,
            }
        }
        Ok((at, shape))
    }

    /// A filter with its arguments, on a piece of this shape.
    fn filter(&self, name: usize, shape: Shape, whose: &str) -> Result<(usize, Shape), ExprError> {
        let mut end = name + 1;
        let mut attribute = None;
        let mut first = None;
        if self.word(end) == "(" {
            let open = end;
            let close = closing(self.tokens, open);
            self.pieces(open + 1, close)?;
            first = Some(open + 1).filter(|i| *i < close);
            attribute =
                (open + 1..close).find(|i| self.word(*i) == "attribute" && self.word(i + 1) == "=").map(|i| i + 2);
            end = close + 1;
        }
        let word = self.word(name);
        let test = match word {
            "select" | "reject" => first,
            "selectattr" | "rejectattr" => {
                attribute = first;
                first.filter(|i| self.word(i + 1) == ",").map(|i| i + 2)
            }
            _ => None,
        };
        if let Some((at, test)) = test.and_then(|at| Some((at, self.quoted(at)?)))
            && !TESTS.contains(&test)
        {
            return Err(unknown_test(self.range(at), test));
        }
        if word == "map"
            && attribute.is_none()
            && let Some((at, filter)) = first.and_then(|at| Some((at, self.quoted(at)?)))
            && !FILTERS.contains(&filter)
        {
            return Err(unknown_filter(self.range(at), filter));
        }
        if let Some(at) = attribute
            && self.quoted(at).is_none_or(|path| path.split('.').count() > MAX_PARTS)
        {
            return Err(ExprError::new(
                self.range(at),
                format!("an attribute is a name in quotes, of at most {MAX_PARTS} parts"),
            ));
        }
        let mut item = match &shape {
            Some(FieldType::List(of)) => Some((**of).clone()),
            _ => None,
        };
        if let Some((at, path)) = attribute.and_then(|at| Some((at, self.quoted(at)?))) {
            let mut inner = item.clone();
            for part in path.split('.') {
                inner = match inner {
                    Some(FieldType::List(of)) if part.bytes().all(|b| b.is_ascii_digit()) => Some(*of),
                    inner => self.part(inner, part, self.range(at), whose)?,
                };
            }
            if word == "map" {
                return Ok((end, inner.map(|of| FieldType::List(Box::new(of)))));
            }
        }
        let shape = match word {
            "select" | "reject" | "selectattr" | "rejectattr" | "list" | "sort" | "default" => shape,
            "first" | "last" | "min" | "max" => item.take(),
            _ => None,
        };
        Ok((end, shape))
    }

    /// A part of a piece by name.
    fn part(&self, shape: Shape, name: &str, at: Range<usize>, whose: &str) -> Result<Shape, ExprError> {
        let parts: Vec<String> = match shape {
            None => return Ok(None),
            Some(FieldType::MapOf(of)) => return Ok(Some(*of)),
            Some(FieldType::Block(inner)) => match inner.iter().find(|f| f.name == name) {
                Some(spec) => return Ok(Some(spec.of.clone())),
                None if self.known.extra_allowed => return Ok(None),
                None => inner.iter().map(|f| f.name.clone()).collect(),
            },
            Some(FieldType::Money) => match name {
                "value" => return Ok(Some(FieldType::Number)),
                "currency" => return Ok(Some(FieldType::Text)),
                _ => vec!["value".into(), "currency".into()],
            },
            Some(FieldType::Date) => match name {
                "year" | "month" | "day" => return Ok(Some(FieldType::Integer)),
                _ => vec!["year".into(), "month".into(), "day".into()],
            },
            Some(FieldType::List(of)) => {
                let inside = if let FieldType::Block(inner) = &*of { schema::paths(inner) } else { Vec::new() };
                let error = ExprError::new(at, format!("{whose} no field `{name}`: a list has none, its items may"));
                let example = inside.iter().find(|p| *p == name).map_or("name", |n| n.as_str());
                return Err(error.with_help(format!(
                    "take it of all items with map(attribute=\"{example}\"), or of one with first"
                )));
            }
            Some(other) => {
                return Err(ExprError::new(at, format!("{whose} no field `{name}`: it is {}", other.describe())));
            }
        };
        let error = ExprError::new(at, format!("{whose} no field `{name}`"));
        Err(match nearest(name, parts.iter().map(String::as_str)) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("fields are {}", parts.join(", "))),
        })
    }
}
