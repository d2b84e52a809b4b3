//! The types a field can have, the fields that are built in, and the fields a pipeline declares.

use super::ident::StageId;
use super::span::Span;

/// The type of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// An amount, with or without a currency.
    Money,
    /// `YYYY-MM-DD`.
    Date,
    /// `true` or `false`.
    Boolean,
    /// Somebody: a name or an e-mail address.
    Person,
    /// A file of the repository, counted from its root.
    Path,
    /// A web address.
    Link,
    /// The id of another deal.
    Deal,
    /// One of a few words.
    Enum(Vec<String>),
    /// A list of one type.
    List(Box<FieldType>),
    /// A block of named fields.
    Block(Vec<FieldSpec>),
    /// Any fields of any name below it: only for built-ins whose keys the pipeline sets (`approvals`).
    MapOf(Box<FieldType>),
}

impl FieldType {
    /// What a message calls it: `a date (YYYY-MM-DD)`.
    pub fn describe(&self) -> String {
        match self {
            FieldType::Text => "text".into(),
            FieldType::Integer => "a whole number".into(),
            FieldType::Number => "a number".into(),
            FieldType::Money => "an amount (18000 or 18000 USD)".into(),
            FieldType::Date => "a date (YYYY-MM-DD)".into(),
            FieldType::Boolean => "true or false".into(),
            FieldType::Person => "a person (a name or an e-mail address)".into(),
            FieldType::Path => "a path in the repository".into(),
            FieldType::Link => "a link (https://…)".into(),
            FieldType::Deal => "the id of a deal".into(),
            FieldType::Enum(words) => format!("one of {}", words.join(", ")),
            FieldType::List(of) => format!("a list of {}", of.describe()),
            FieldType::Block(_) | FieldType::MapOf(_) => "a block of fields".into(),
        }
    }
}

/// A field: its name, its type and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSpec {
    /// The key in the deal.
    pub name: String,
    /// Its type.
    pub of: FieldType,
    /// Required in every deal.
    pub required: bool,
    /// Required in this stage and all later ones (ends of kind lost and recycled excepted).
    pub required_from: Option<StageId>,
    /// What people call it.
    pub label: Option<String>,
    /// What belongs into it.
    pub help: Option<String>,
    /// Where `pipeline.yaml` declares it; `None` for a built-in.
    pub span: Option<Span>,
}

impl FieldSpec {
    /// An optional field without label or help.
    pub fn new(name: &str, of: FieldType) -> Self {
        FieldSpec {
            name: name.to_owned(),
            of,
            required: false,
            required_from: None,
            label: None,
            help: None,
            span: None,
        }
    }
}

/// What is declared of the keys of a block, and with that their order on the card.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'f> {
    /// These fields, in this order.
    Fields(&'f [FieldSpec]),
    /// Any keys, each of this type.
    Each(&'f FieldType),
    /// Nothing.
    Free,
}

impl<'f> Keys<'f> {
    /// The keys of a value of a type.
    pub fn of(of: Option<&'f FieldType>) -> Self {
        match of {
            Some(FieldType::Block(fields)) => Keys::Fields(fields),
            Some(FieldType::MapOf(of)) => Keys::Each(of),
            _ => Keys::Free,
        }
    }

    /// The type of a key's value, where it is declared.
    pub fn declared(self, key: &str) -> Option<&'f FieldType> {
        match self {
            Keys::Fields(fields) => fields.iter().find(|f| f.name == key).map(|f| &f.of),
            Keys::Each(of) => Some(of),
            Keys::Free => None,
        }
    }

    /// The keys below a key.
    pub fn below(self, key: &str) -> Self {
        Keys::of(self.declared(key))
    }

    /// Where a key stands on the card: the declared ones first, then those that nobody declared, then `x-…`. Keys of the
    /// same rank stay in the order of the file.
    pub fn rank(self, key: &str) -> usize {
        let Keys::Fields(fields) = self else { return 0 };
        let undeclared = || fields.len() + usize::from(key.starts_with("x-"));
        fields.iter().position(|f| f.name == key).unwrap_or_else(undeclared)
    }
}

/// The declaration at a dotted path. A path through a list or a map finds the field of its items.
pub fn find<'a>(fields: &'a [FieldSpec], path: &str) -> Option<&'a FieldSpec> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(f, r)| (f, Some(r)));
    let spec = fields.iter().find(|f| f.name == first)?;
    match (rest, &spec.of) {
        (None, _) => Some(spec),
        (Some(rest), FieldType::Block(inner)) => find(inner, rest),
        (Some(rest), FieldType::List(of)) => match &**of {
            FieldType::Block(inner) => find(inner, rest),
            _ => None,
        },
        (Some(rest), FieldType::MapOf(of)) => match (&**of, rest.split_once('.')) {
            (FieldType::Block(inner), Some((_, rest))) => find(inner, rest),
            (_, None) => Some(spec),
            _ => None,
        },
        (Some(_), _) => None,
    }
}

/// The list on the way of a dotted path to a field of its items; a deal has no single value there.
pub fn list_above<'p>(fields: &[FieldSpec], path: &'p str) -> Option<&'p str> {
    let ends = path.match_indices('.').map(|(at, _)| &path[..at]);
    ends.into_iter().find(|above| find(fields, above).is_some_and(|spec| matches!(spec.of, FieldType::List(_))))
}

/// Whether a dotted path names a field that needs no declaration: one whose name, or the name of a block on the way to
/// it, begins with `x-`.
pub fn is_free(path: &str) -> bool {
    path.split('.').any(|part| part.starts_with("x-"))
}

/// The dotted paths of all fields and, through blocks and lists of blocks, of all fields in them.
pub fn paths(fields: &[FieldSpec]) -> Vec<String> {
    let mut found = Vec::new();
    for field in fields {
        found.push(field.name.clone());
        let inner = match &field.of {
            FieldType::Block(inner) => inner,
            FieldType::List(of) => match &**of {
                FieldType::Block(inner) => inner,
                _ => continue,
            },
            _ => continue,
        };
        found.extend(paths(inner).into_iter().map(|p| format!("{}.{p}", field.name)));
    }
    found
}
