//! The texts that findings point into.

use std::collections::BTreeMap;

use super::Checked;
use crate::format::load::{Listing, Reading};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::rates::RatesFile;
use crate::format::source::Source;

/// The texts of a pipeline's files by path, and what messages call each path.
#[derive(Clone)]
pub struct Files<'a> {
    texts: BTreeMap<&'a str, &'a str>,
    source: Option<&'a dyn Source>,
    /// What comes before a path to make its name; the source says it where there is none.
    prefix: Option<String>,
}

impl<'a> Files<'a> {
    /// The files of a reading.
    pub fn of(reading: &'a Reading, source: &'a dyn Source) -> Self {
        let mut texts = BTreeMap::from([(PIPELINE_FILE, reading.pipeline_text.as_str())]);
        texts.extend(reading.rates.as_ref().and_then(text_of));
        texts.extend(reading.deals.iter().map(|d| (d.path.as_str(), d.document.text.as_str())));
        texts.extend(reading.unreadable.iter().filter_map(|u| Some((u.path.as_str(), u.text.as_deref()?))));
        Files { texts, source: Some(source), prefix: None }
    }

    /// The files that findings of a check deal by deal point into.
    pub fn of_checked(listing: &'a Listing, checked: &'a Checked, source: &'a dyn Source) -> Self {
        let mut texts = BTreeMap::from([(PIPELINE_FILE, listing.pipeline_text.as_str())]);
        texts.extend(listing.rates.as_ref().and_then(text_of));
        texts.extend(checked.texts.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        texts.extend(checked.unreadable.iter().filter_map(|u| Some((u.path.as_str(), u.text.as_deref()?))));
        Files { texts, source: Some(source), prefix: None }
    }

    /// Only the pipeline file, for one that could not be read.
    pub fn of_pipeline_file(text: &'a str, source: &'a dyn Source) -> Self {
        Files { texts: BTreeMap::from([(PIPELINE_FILE, text)]), source: Some(source), prefix: None }
    }

    /// No texts, only what paths are called, for findings about whole files.
    pub fn names_of(source: &'a dyn Source) -> Self {
        Files { texts: BTreeMap::new(), source: Some(source), prefix: None }
    }

    /// Texts by path, each called by its path.
    pub fn of_texts(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Files { texts: texts.into_iter().collect(), source: None, prefix: None }
    }

    /// The text at a path below the pipeline's folder; `None` where it could not be read as text.
    pub fn text(&self, path: &str) -> Option<&'a str> {
        self.texts.get(path).copied()
    }

    /// The same files, called by their paths from the root of the repository, where the pipeline's folder is `folder`
    /// (empty at the root): that is how forges and scripts know them, wherever the program was started.
    pub fn called_from(self, folder: &str) -> Self {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Files { prefix: Some(prefix), ..self }
    }

    /// What messages call a path below the pipeline's folder.
    pub fn name(&self, path: &str) -> String {
        match (&self.prefix, self.source) {
            (Some(prefix), _) => format!("{prefix}{path}"),
            (None, Some(source)) => source.display(path),
            (None, None) => path.to_owned(),
        }
    }
}

fn text_of(rates: &RatesFile) -> Option<(&str, &str)> {
    Some((rates.path.as_str(), rates.text.as_deref()?))
}
