//! Reads the `fields` of a pipeline file.

use super::builtins;
use super::expr;
use super::ident::StageId;
use super::nearest::nearest;
use super::pipeline_file::Reader;
use super::schema::{FieldSpec, FieldType};
use super::tree::{Entry, Mapping, Node, NodeKind};

const TYPES: [&str; 10] = ["text", "integer", "number", "money", "date", "boolean", "person", "path", "link", "deal"];
/// What can stand beside the type of a field.
const ABOUT: [&str; 4] = ["required", "required_from", "label", "help"];

/// Reads field declarations.
pub(super) struct FieldReader<'r, 'a> {
    pub reader: &'r mut Reader<'a>,
    pub stages: &'r [StageId],
}

impl FieldReader<'_, '_> {
    /// All fields of a pipeline in the order of the card: the declared ones in their order, before them the built-ins
    /// that head every card (title to next step) and are not declared, after them the other built-ins.
    pub fn all(&mut self, mapping: &Mapping) -> Vec<FieldSpec> {
        let builtins = builtins::fields();
        let mut fields: Vec<FieldSpec> = mapping
            .entries
            .iter()
            .filter_map(|entry| {
                let builtin = builtins.iter().find(|b| b.name == entry.key);
                if expr::is_taken(&entry.key) {
                    let message =
                        format!("`{}` cannot be the name of a field: expressions mean something else by it", entry.key);
                    self.reader.problem(
                        entry.key_span,
                        message,
                        Some(format!("call it `{}_`, or put it into a block", entry.key)),
                    );
                    return None;
                }
                let spec = self.field(entry, builtin)?;
                if let Some(builtin) = builtin.filter(|b| !narrows(&b.of, &spec.of)) {
                    let (was, now) = (builtin.of.describe(), spec.of.describe());
                    let message = format!("`{}` is built in as {was} and cannot become {now}", entry.key);
                    let help = "reports count on it; leave its type out, or choose another name";
                    self.reader.problem(entry.value.span, message, Some(help.into()));
                }
                Some(spec)
            })
            .collect();
        let undeclared = |part: &[FieldSpec], fields: &[FieldSpec]| -> Vec<FieldSpec> {
            part.iter().filter(|b| !fields.iter().any(|f| f.name == b.name)).cloned().collect()
        };
        let (head, tail) = builtins.split_at(builtins::head(&builtins));
        let tail = undeclared(tail, &fields);
        let mut card = undeclared(head, &fields);
        card.append(&mut fields);
        card.extend(tail);
        card
    }

    fn field(&mut self, entry: &Entry, builtin: Option<&FieldSpec>) -> Option<FieldSpec> {
        let name = &entry.key;
        let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let good = name.as_bytes().first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && name.as_bytes().iter().all(plain);
        if !good && !name.starts_with("x-") {
            let help = "use letters, digits and _; names for people go into `label`";
            self.reader.problem(entry.key_span, format!("`{name}` cannot be the name of a field"), Some(help.into()));
            return None;
        }
        let mut spec = match &entry.value.kind {
            NodeKind::Mapping(mapping) => self.declared(name, mapping, &entry.value, builtin)?,
            NodeKind::Scalar { text, .. } if text.is_empty() => match builtin {
                Some(builtin) => builtin.clone(),
                None => {
                    self.unknown_type(&entry.value, name, "");
                    return None;
                }
            },
            _ => FieldSpec::new(name, self.of(&entry.value, name)?),
        };
        spec.span = Some(entry.key_span);
        Some(spec)
    }

    /// A mapping says either what the field is (`{type: text, required: true}`) or which fields are in the block.
    fn declared(
        &mut self,
        name: &str,
        mapping: &Mapping,
        node: &Node,
        builtin: Option<&FieldSpec>,
    ) -> Option<FieldSpec> {
        let about_only = builtin.is_some() && mapping.entries.iter().all(|e| ABOUT.contains(&e.key.as_str()));
        if !about_only && !is_declaration(mapping) {
            return Some(FieldSpec::new(name, FieldType::Block(self.inner(mapping))));
        }
        let of = match builtin {
            Some(builtin) if about_only => builtin.of.clone(),
            _ => self.of(node, name)?,
        };
        let mut spec = FieldSpec::new(name, of);
        spec.required = mapping.get("required").and_then(|n| self.reader.boolean(n, "required")).unwrap_or(false);
        spec.label = mapping.get("label").and_then(|n| self.reader.text(n, "label")).map(str::to_owned);
        spec.help = mapping.get("help").and_then(|n| self.reader.text(n, "help")).map(|t| t.trim().to_owned());
        if let Some(node) = mapping.get("required_from") {
            let stage = self.reader.text(node, "required_from").unwrap_or("").to_owned();
            match self.stages.iter().find(|s| **s == *stage) {
                Some(stage) => spec.required_from = Some(stage.clone()),
                None if self.stages.is_empty() => {}
                None => {
                    let near = nearest(&stage, self.stages.iter().map(StageId::as_str));
                    let help = near.map(|n| format!("did you mean `{n}`?"));
                    self.reader.problem(node.span, format!("required_from names {stage:?}, which is no stage"), help);
                }
            }
        }
        Some(spec)
    }

    fn inner(&mut self, mapping: &Mapping) -> Vec<FieldSpec> {
        mapping.entries.iter().filter_map(|e| self.field(e, None)).collect()
    }

    fn of(&mut self, node: &Node, name: &str) -> Option<FieldType> {
        match &node.kind {
            NodeKind::Scalar { text, .. } => {
                let of = simple(text);
                if of.is_none() {
                    self.unknown_type(node, name, text);
                }
                of
            }
            NodeKind::Sequence { .. } => {
                let help = "write {enum: [one, two]} for a choice, {list: text} for a list";
                self.reader.problem(node.span, format!("`{name}` has a list for a type"), Some(help.into()));
                None
            }
            NodeKind::Mapping(mapping) if is_declaration(mapping) => self.declaration(mapping, name),
            NodeKind::Mapping(mapping) => Some(FieldType::Block(self.inner(mapping))),
        }
    }

    fn declaration(&mut self, mapping: &Mapping, name: &str) -> Option<FieldType> {
        let mut known = vec!["type", "enum", "list", "fields"];
        known.extend(ABOUT);
        self.reader.unknown_keys(mapping, &known, &format!("the field `{name}`"));
        if let Some(node) = mapping.get("enum") {
            let NodeKind::Sequence { items, .. } = &node.kind else { return None };
            let words: Vec<String> =
                items.iter().filter_map(|i| self.reader.text(i, "a word of an enum").map(str::to_owned)).collect();
            if words.is_empty() {
                self.reader.problem(node.span, format!("the enum of `{name}` has no words"), None);
            }
            return Some(FieldType::Enum(words));
        }
        if let Some(node) = mapping.get("list") {
            return self.of(node, name).map(|of| FieldType::List(Box::new(of)));
        }
        if let Some(node) = mapping.get("fields") {
            let inner = self.reader.mapping(node, "fields")?;
            return Some(FieldType::Block(self.inner(inner)));
        }
        self.of(mapping.get("type")?, name)
    }

    fn unknown_type(&mut self, node: &Node, name: &str, found: &str) {
        let near = nearest(found, TYPES.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("types are {}, {{enum: […]}}, {{list: TYPE}} and blocks of fields", TYPES.join(", ")),
        };
        let message = if found.is_empty() { format!("`{name}` has no type") } else { format!("{found:?} is no type") };
        self.reader.problem(node.span, message, Some(help));
    }
}

/// Whether a pipeline may declare a built-in field of one type with another: what reports read of it stays readable.
fn narrows(builtin: &FieldType, declared: &FieldType) -> bool {
    use FieldType::{Block, Date, Deal, Enum, Integer, Link, List, Money, Number, Path, Person, Text};
    match (builtin, declared) {
        (Text | Person | Enum(_), Text | Person | Enum(_) | Link | Path) => true,
        // The seller's opinion is shown and never calculated with.
        (Enum(_), Integer | Number) => true,
        (Number, Number | Integer) | (Money, Money) | (Date, Date) | (Deal, Deal) => true,
        (List(builtin), List(declared)) => narrows(builtin, declared),
        (Block(builtin), Block(declared)) => declared
            .iter()
            .all(|field| builtin.iter().find(|b| b.name == field.name).is_none_or(|b| narrows(&b.of, &field.of))),
        (builtin, declared) => builtin == declared,
    }
}

fn simple(word: &str) -> Option<FieldType> {
    Some(match word {
        "text" => FieldType::Text,
        "integer" => FieldType::Integer,
        "number" => FieldType::Number,
        "money" => FieldType::Money,
        "date" => FieldType::Date,
        "boolean" => FieldType::Boolean,
        "person" => FieldType::Person,
        "path" => FieldType::Path,
        "link" => FieldType::Link,
        "deal" => FieldType::Deal,
        _ => return None,
    })
}

/// Whether a mapping declares one field rather than a block of fields. A block may have a field called `type` or `list`,
/// so the shape decides: in a block every value is a type.
fn is_declaration(mapping: &Mapping) -> bool {
    let of = |key: &str| mapping.get(key).map(|n| &n.kind);
    if matches!(of("enum"), Some(NodeKind::Sequence { .. })) {
        return true;
    }
    let type_like = |node: &Node| match &node.kind {
        NodeKind::Scalar { text, .. } => simple(text).is_some(),
        NodeKind::Mapping(_) => true,
        NodeKind::Sequence { .. } => false,
    };
    let only = |key: &str| {
        let others = mapping.entries.iter().filter(|e| e.key != key);
        others.into_iter().all(|e| ABOUT.contains(&e.key.as_str()) || !type_like(&e.value))
    };
    let fields_block = matches!(of("fields"), Some(NodeKind::Mapping(_)));
    (of("type").is_some() && only("type")) || (of("list").is_some() && only("list")) || (fields_block && only("fields"))
}
