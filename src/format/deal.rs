//! A deal as its file says.

use chrono::NaiveDate;

use super::ident::{DealId, StageId};
use super::money::Money;
use super::tree::Document;
use super::value::{Block, Field, Value};

/// A deal that could be read. It may still have problems: fields with a wrong type are not among its values.
#[derive(Clone, Debug)]
pub struct Deal {
    /// Its id: the file's stem.
    pub id: DealId,
    /// The folder it lies in. Not always a stage of the pipeline.
    pub stage: StageId,
    /// Path below the pipeline's folder.
    pub path: String,
    /// The typed values.
    pub fields: Block,
    /// The file as a tree with positions.
    pub document: Document,
    /// What is wrong with it: of the document and of its values. Empty for a clean deal.
    pub problems: Vec<super::problem::Problem>,
}

/// A waiver that says what, who, why and when. Whether its criterion exists and takes one is another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiver<'d> {
    /// Id of the criterion.
    pub criterion: &'d str,
    /// Who answers for it.
    pub by: &'d str,
    /// Why.
    pub reason: &'d str,
    /// Since when.
    pub on: NaiveDate,
}

impl Deal {
    /// The value at a dotted path.
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.fields.at(path).map(|f| &f.value)
    }

    /// The field at a dotted path, with its place.
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.fields.at(path)
    }

    /// The text at a dotted path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.value(path).and_then(Value::as_text)
    }

    /// What people call it; its id where it has no title.
    pub fn title(&self) -> &str {
        self.text("title").filter(|t| !t.trim().is_empty()).unwrap_or(self.id.as_str())
    }

    /// Who owns it.
    pub fn owner(&self) -> Option<&str> {
        self.text("owner").filter(|t| !t.trim().is_empty())
    }

    /// What it is worth.
    pub fn amount(&self) -> Option<Money> {
        self.value("amount").and_then(Value::as_money)
    }

    /// Its complete waivers, in the order of the file. Incomplete ones count for nothing.
    pub fn waivers(&self) -> impl Iterator<Item = Waiver<'_>> {
        let items = self.value("waivers").and_then(Value::as_list).unwrap_or_default();
        items.iter().filter_map(|item| {
            let block = item.value.as_block()?;
            let text = |name: &str| block.get(name)?.value.as_text().filter(|t| !t.trim().is_empty());
            let on = block.get("on")?.value.as_date()?;
            Some(Waiver { criterion: text("criterion")?, by: text("by")?, reason: text("reason")?, on })
        })
    }

    /// The days of its activities up to a day, sorted.
    pub fn activity_days(&self, until: NaiveDate) -> Vec<NaiveDate> {
        let items = self.value("activity").and_then(Value::as_list).unwrap_or_default();
        let on = |item: &Field| item.value.as_block()?.get("on")?.value.as_date();
        let mut days: Vec<NaiveDate> = items.iter().filter_map(on).filter(|on| *on <= until).collect();
        days.sort_unstable();
        days
    }

    /// When the yes is expected.
    pub fn close_date(&self) -> Option<NaiveDate> {
        self.value("close_date").and_then(Value::as_date)
    }
}
