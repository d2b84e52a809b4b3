//! Lists that are too long to be turned into a template's values whole.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Serde, Value, serializing_for_value};
use serde::{Serialize, Serializer};

/// A list whose rows a template turns into its own values only when it comes to them: most templates print the first
/// few of fifty thousand. To all others it is a plain list.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<T>(Arc<Vec<T>>);

impl<T> From<Vec<T>> for Rows<T> {
    fn from(rows: Vec<T>) -> Self {
        Rows(Arc::new(rows))
    }
}

impl<T> Deref for Rows<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Clone> Rows<T> {
    /// Leaves only the first rows.
    pub fn truncate(&mut self, rows: usize) {
        if self.len() > rows {
            Arc::make_mut(&mut self.0).truncate(rows);
        }
    }
}

impl<T: Serialize + fmt::Debug + Clone + Send + Sync + 'static> Serialize for Rows<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializing_for_value() {
            Value::from_object(self.clone()).serialize(serializer)
        } else {
            serializer.collect_seq(self.iter())
        }
    }
}

impl<T: Serialize + fmt::Debug + Clone + Send + Sync + 'static> Object for Rows<T> {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let row = self.get(key.as_usize()?)?;
        Some(Value::from(Serde(row)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len())
    }
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, context};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Row {
        id: String,
    }

    fn rows() -> Rows<Row> {
        Rows::from(["a", "b", "c"].map(|id| Row { id: id.to_owned() }).to_vec())
    }

    #[test]
    fn to_json_they_are_a_list() {
        assert_eq!(serde_json::to_string(&rows()).unwrap(), r#"[{"id":"a"},{"id":"b"},{"id":"c"}]"#);
    }

    #[test]
    fn to_a_template_they_are_a_list_too() {
        #[derive(Serialize)]
        struct Data {
            rows: Rows<Row>,
        }
        let data = Value::from(Serde(Data { rows: rows() }));
        let says = |template: &str| Environment::new().render_str(template, context! { d => data.clone() }).unwrap();
        assert_eq!(says("{% for row in d.rows %}{{ row.id }}{% endfor %}"), "abc");
        assert_eq!(says("{% for row in d.rows[:2] %}{{ row.id }}{% endfor %} {{ d.rows|length }}"), "ab 3");
        assert_eq!(
            says("{{ d.rows[1].id }}{{ d.rows|last|attr('id') }}{{ d.rows|map(attribute='id')|join }}"),
            "bcabc"
        );
        assert_eq!(says("{% if d.rows %}some{% endif %}"), "some");
    }

    #[test]
    fn only_the_first_can_be_kept() {
        let mut some = rows();
        some.truncate(1);
        assert_eq!((some.len(), rows().len()), (1, 3));
    }
}
