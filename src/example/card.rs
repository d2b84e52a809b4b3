//! A deal's card while its story goes on: fields by name, written out in the pipeline's order.

use serde_yaml::{Mapping, Value};

use crate::format::schema::{FieldSpec, FieldType};
use crate::format::{builtins, date, quote};

/// The fields of one deal at one moment.
#[derive(Clone, Debug, Default)]
pub struct Card {
    fields: Mapping,
}

impl Card {
    /// Writes a field by its dotted name; the blocks around it come into being as needed.
    ///
    /// # Errors
    /// When a part of the path is no block.
    pub fn set(&mut self, path: &str, value: Value) -> Result<(), String> {
        let (block, name) = self.block_of(path)?;
        block.insert(name.into(), value);
        Ok(())
    }

    /// Adds an item to the end of a list, which comes into being as needed.
    ///
    /// # Errors
    /// When the field is no list.
    pub fn append(&mut self, path: &str, item: Value) -> Result<(), String> {
        let (block, name) = self.block_of(path)?;
        let list = block.entry(name.into()).or_insert_with(|| Value::Sequence(Vec::new()));
        match list {
            Value::Sequence(items) => {
                items.push(item);
                Ok(())
            }
            _ => Err(format!("{path} is no list")),
        }
    }

    /// Takes a field away.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove(&mut self, path: &str) -> Result<(), String> {
        let (block, name) = self.block_of(path)?;
        block.shift_remove(name).map(|_| ()).ok_or_else(|| format!("{path} is not there to be removed"))
    }

    fn block_of<'p>(&mut self, path: &'p str) -> Result<(&mut Mapping, &'p str), String> {
        let mut block = &mut self.fields;
        let mut rest = path;
        while let Some((first, more)) = rest.split_once('.') {
            let inner = block.entry(first.into()).or_insert_with(|| Value::Mapping(Mapping::new()));
            block = inner.as_mapping_mut().ok_or_else(|| format!("{first} in {path} is no block"))?;
            rest = more;
        }
        Ok((block, rest))
    }

    /// The card as text, fields in the order of `fields`.
    ///
    /// # Errors
    /// Names a field that is not among `fields`.
    pub fn write(&self, fields: &[FieldSpec]) -> Result<String, String> {
        let mut text = String::new();
        block(&self.fields, fields, 0, &mut text)?;
        Ok(text)
    }
}

fn block(values: &Mapping, fields: &[FieldSpec], indent: usize, text: &mut String) -> Result<(), String> {
    if let Some(stranger) = values.keys().find(|k| !fields.iter().any(|f| Some(f.name.as_str()) == k.as_str())) {
        return Err(format!("there is no field {stranger:?}"));
    }
    let margin = " ".repeat(indent);
    for field in fields {
        let Some(value) = values.get(field.name.as_str()) else { continue };
        let name = &field.name;
        match (value, &field.of) {
            // The next step is one thought and stands on one line.
            (Value::Mapping(inner), FieldType::Block(specs)) if field.name != builtins::ON_ONE_LINE => {
                text.push_str(&format!("{margin}{name}:\n"));
                block(inner, specs, indent + 2, text)?;
            }
            (Value::Mapping(inner), FieldType::MapOf(_)) => {
                text.push_str(&format!("{margin}{name}:\n"));
                for (key, value) in inner {
                    text.push_str(&format!("{margin}  {}: {}\n", name_of(key), flow(value)));
                }
            }
            (Value::Sequence(items), _) => {
                text.push_str(&format!("{margin}{name}:\n"));
                items.iter().for_each(|item| text.push_str(&format!("{margin}  - {}\n", flow(item))));
            }
            (Value::String(words), _) => text.push_str(&format!("{margin}{name}: {}\n", scalar(words, quote::scalar))),
            _ => text.push_str(&format!("{margin}{name}: {}\n", flow(value))),
        }
    }
    Ok(())
}

/// A value on one line, safe inside brackets.
fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(words) => scalar(words, quote::flow_scalar),
        Value::Sequence(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Mapping(inner) => {
            let pairs: Vec<String> = inner.iter().map(|(k, v)| format!("{}: {}", name_of(k), flow(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Tagged(tagged) => flow(&tagged.value),
    }
}

/// A text on one line; a date stays bare, as people write it.
fn scalar(words: &str, quoted: fn(&str) -> String) -> String {
    if date::parse_date(words).is_ok() { words.to_owned() } else { quoted(words) }
}

/// The name of a field or of a criterion. They are plain words (`on` among them) and stay bare, as people write them.
fn name_of(key: &Value) -> String {
    key.as_str().map_or_else(|| flow(key), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<FieldSpec> {
        let mut fields = builtins::fields();
        let inner = vec![FieldSpec::new("goal", FieldType::Text), FieldSpec::new("budget", FieldType::Text)];
        fields.insert(4, FieldSpec::new("inputs", FieldType::Block(inner)));
        fields
    }

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).expect("YAML")
    }

    #[test]
    fn a_card_is_written_in_the_order_of_the_fields() {
        let mut card = Card::default();
        card.append("activity", yaml("{on: 2026-01-02, note: 'first, and last'}")).expect("a list");
        card.set("inputs.budget", yaml("10 thousand")).expect("a block");
        card.set("approvals.start", yaml("{by: boss, on: 2026-01-03}")).expect("a block");
        card.set("next_step", yaml("{what: Call, due: 2026-01-04}")).expect("a field");
        card.set("inputs.goal", yaml("'more: much more'")).expect("a block");
        card.set("title", yaml("Site")).expect("a field");
        card.set("amount", yaml("18000")).expect("a field");
        assert_eq!(
            card.write(&fields()).expect("all known"),
            "title: Site\namount: 18000\ninputs:\n  goal: \"more: much more\"\n  budget: 10 thousand\n\
             next_step: {what: Call, due: 2026-01-04}\nactivity:\n  - {on: 2026-01-02, note: \"first, and last\"}\n\
             approvals:\n  start: {by: boss, on: 2026-01-03}\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut card = Card::default();
        card.set("title", yaml("Site")).expect("a field");
        assert_eq!(card.append("title", yaml("x")), Err("title is no list".into()));
        assert_eq!(card.set("title.short", yaml("x")), Err("title in title.short is no block".into()));
        assert_eq!(card.remove("amount"), Err("amount is not there to be removed".into()));
        card.set("titel", yaml("x")).expect("any name for now");
        assert!(card.write(&fields()).expect_err("misspelt").contains("titel"));
    }
}
