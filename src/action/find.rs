//! Finds deals by the ids people type.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::format::deal::Deal;
use crate::format::former::former_ids;
use crate::format::ident::{DealId, StageId};
use crate::format::load::Reading;
use crate::format::nearest::nearest;
use crate::format::pipeline::{Pipeline, Place, deal_path};

/// Why an id or a stage leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// No deal has the id.
    #[error("there is no deal `{id}`{}", hint(.near))]
    Deal {
        /// What was asked for.
        id: String,
        /// The nearest id.
        near: Option<String>,
    },
    /// Two files have the id.
    #[error("the deal `{id}` is in {} places: {}; `tussock resolve {id}` keeps one of them", .paths.len(), .paths.join(", "))]
    Twice {
        /// The id.
        id: String,
        /// Where the files are.
        paths: Vec<String>,
    },
    /// The deal's file cannot be read.
    #[error("the deal `{id}` cannot be read; `tussock validate {path}` says why")]
    Unreadable {
        /// The id.
        id: String,
        /// Its file.
        path: String,
    },
    /// Several stages or ends have the title.
    #[error("{name:?} is the title of several stages: {}; name one by its id", .ids.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The ids.
        ids: Vec<String>,
    },
    /// No stage or end has the name.
    #[error("there is no stage `{name}`{}; stages are {}", hint(.near), .all.join(", "))]
    Stage {
        /// What was asked for.
        name: String,
        /// The nearest name.
        near: Option<String>,
        /// All stages and ends.
        all: Vec<String>,
    },
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or_else(String::new, |n| format!(", did you mean `{n}`?"))
}

/// The deals of a reading by their ids, for commands that name many.
pub struct Deals<'r> {
    readable: HashMap<&'r str, Vec<&'r Deal>>,
    broken: HashMap<DealId, Vec<&'r str>>,
    reading: &'r Reading,
}

impl<'r> Deals<'r> {
    /// All deals of a reading.
    pub fn of(reading: &'r Reading) -> Self {
        let mut readable: HashMap<&str, Vec<&Deal>> = HashMap::with_capacity(reading.deals.len());
        for deal in &reading.deals {
            readable.entry(deal.id.as_str()).or_default().push(deal);
        }
        let mut broken: HashMap<DealId, Vec<&str>> = HashMap::new();
        for path in reading.unreadable.iter().map(|u| u.path.as_str()) {
            if let Some((_, id)) = deal_path(path) {
                broken.entry(id).or_default().push(path);
            }
        }
        Deals { readable, broken, reading }
    }

    /// The deal of an id.
    ///
    /// # Errors
    /// When there is none (with the nearest id), more than one, or its file cannot be read.
    pub fn get(&self, id: &str) -> Result<&'r Deal, NotFound> {
        let found = self.readable.get(id).map_or(&[][..], Vec::as_slice);
        let broken = self.broken.get(id).map_or(&[][..], Vec::as_slice);
        match (found, broken) {
            ([deal], []) => Ok(deal),
            ([], [path]) => Err(NotFound::Unreadable { id: id.to_owned(), path: (*path).to_owned() }),
            ([], []) => {
                let renamed = self.reading.deals.iter().find(|deal| former_ids(&deal.document.root).contains(&id));
                let near = match renamed {
                    Some(deal) => Some(deal.id.as_str()),
                    None => near_deal(id, self.reading.deals.iter().map(|d| d.id.as_str())),
                };
                let near = near.map(str::to_owned);
                Err(NotFound::Deal { id: id.to_owned(), near })
            }
            _ => {
                // A file that cannot be read may be the newer one: nobody but a person can choose.
                let paths = found.iter().map(|d| d.path.as_str()).chain(broken.iter().copied());
                Err(NotFound::Twice { id: id.to_owned(), paths: paths.map(str::to_owned).collect() })
            }
        }
    }
}

/// The deal of an id.
///
/// # Errors
/// See [`Deals::get`].
pub fn deal<'r>(reading: &'r Reading, id: &str) -> Result<&'r Deal, NotFound> {
    Deals::of(reading).get(id)
}

/// The deal that may have been meant: the nearest id or, failing that, the only one that begins so.
pub fn near_deal<'a>(id: &str, ids: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let begun = || {
        let mut longer = ids.clone().filter(|other| !id.is_empty() && other.starts_with(id));
        longer.next().filter(|_| longer.next().is_none())
    };
    nearest(id, ids.clone()).or_else(begun)
}

/// The stage or end of a name: its id or, where that is unique, its title in any case.
///
/// # Errors
/// When there is none, with the nearest.
pub fn place<'p>(pipeline: &'p Pipeline, name: &str) -> Result<Place<'p>, NotFound> {
    if let Some(place) = pipeline.place(name) {
        return Ok(place);
    }
    let titled: Vec<Place<'p>> = pipeline.places().filter(|p| folded(p.title()) == folded(name)).collect();
    match titled[..] {
        [place] => return Ok(place),
        [] => {}
        _ => {
            let ids = titled.iter().map(|p| p.id().to_string()).collect();
            return Err(NotFound::Ambiguous { name: name.to_owned(), ids });
        }
    }
    let all: Vec<String> = pipeline.places().map(|p| p.id().to_string()).collect();
    let renamed = pipeline.current_name(name).map(ToString::to_string);
    let near = renamed.or_else(|| nearest(name, all.iter().map(String::as_str)).map(str::to_owned));
    Err(NotFound::Stage { name: name.to_owned(), near, all })
}

/// A title without case, Unicode form and space around it.
fn folded(title: &str) -> String {
    title.trim().nfc().collect::<String>().to_lowercase()
}

/// Where a deal of this id lies in a place, below the pipeline's folder. Ends are split by year.
pub fn path_in(place: Place<'_>, id: &DealId, year: i32) -> String {
    match place {
        Place::Stage(_, stage) => format!("{}/{id}.yaml", stage.id),
        Place::End(end) => format!("{}/{year}/{id}.yaml", end.id),
    }
}

/// The place after this one: the next stage, or after the last the first end of kind won.
pub fn next_place<'p>(pipeline: &'p Pipeline, stage: &StageId) -> Option<Place<'p>> {
    let index = pipeline.stages.iter().position(|s| s.id == *stage)?;
    match pipeline.stages.get(index + 1) {
        Some(next) => Some(Place::Stage(index + 1, next)),
        None => pipeline.ends.iter().find(|e| e.kind == crate::format::pipeline::EndKind::Won).map(Place::End),
    }
}
