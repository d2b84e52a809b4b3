//! Typed values of a deal's fields, each with its place in the file.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::ident::DealId;
use super::money::Money;
use super::span::Span;

/// A value of a field after type checking. A null or empty value is no value: the field is missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Free text; also people, paths and one word of an enum.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number that need not be whole.
    Number(Decimal),
    /// An amount with its currency.
    Money(Money),
    /// A calendar day.
    Date(NaiveDate),
    /// `true` or `false`.
    Boolean(bool),
    /// The id of another deal.
    Deal(DealId),
    /// A list.
    List(Vec<Field>),
    /// A block of fields.
    Block(Block),
}

/// A value with its bytes in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The value.
    pub value: Value,
    /// The bytes of the value.
    pub span: Span,
}

/// Fields by name, in the order of the file. Values that are null, or that have the wrong type (which was reported),
/// are not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Name, bytes of the name, and value.
    pub entries: Vec<(String, Span, Field)>,
}

impl Block {
    /// The field of a name.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.entries.iter().find(|(n, _, _)| n == name).map(|(_, _, f)| f)
    }

    /// The field at a dotted path: `lost.reason`.
    pub fn at(&self, path: &str) -> Option<&Field> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(f, r)| (f, Some(r)));
        let field = self.get(first)?;
        match (rest, &field.value) {
            (None, _) => Some(field),
            (Some(rest), Value::Block(block)) => block.at(rest),
            (Some(_), _) => None,
        }
    }
}

impl Value {
    /// Whether there is something in it: a text that is not blank, a list or block with a filled value.
    pub fn is_filled(&self) -> bool {
        match self {
            Value::Text(text) => !text.trim().is_empty(),
            Value::List(items) => items.iter().any(|i| i.value.is_filled()),
            Value::Block(block) => block.entries.iter().any(|(_, _, f)| f.value.is_filled()),
            _ => true,
        }
    }

    /// The text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The day of a date value.
    pub fn as_date(&self) -> Option<NaiveDate> {
        if let Value::Date(date) = self { Some(*date) } else { None }
    }

    /// The amount of a money value.
    pub fn as_money(&self) -> Option<Money> {
        if let Value::Money(money) = self { Some(*money) } else { None }
    }

    /// The block of a block value.
    pub fn as_block(&self) -> Option<&Block> {
        if let Value::Block(block) = self { Some(block) } else { None }
    }

    /// The items of a list value.
    pub fn as_list(&self) -> Option<&[Field]> {
        if let Value::List(items) = self { Some(items) } else { None }
    }
}

impl Value {
    /// A few words for a message; `None` for lists and blocks, which no message can show in a few words.
    pub fn short(&self) -> Option<String> {
        match self {
            Value::Text(text) if text.chars().count() > 40 => {
                Some(format!("{:?}…", text.chars().take(40).collect::<String>()))
            }
            Value::Text(text) => Some(format!("{text:?}")),
            Value::Integer(number) => Some(number.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Money(money) => Some(money.to_string()),
            Value::Date(date) => Some(date.to_string()),
            Value::Boolean(truth) => Some(truth.to_string()),
            Value::Deal(id) => Some(id.to_string()),
            Value::List(_) | Value::Block(_) => None,
        }
    }
}
