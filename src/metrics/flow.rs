//! How deals flow: how many visits to each place led to which other one.

use serde::Serialize;

use crate::format::pipeline::{EndKind, Pipeline};

use super::funnel::Window;
use super::journey::{Journeys, Spot};

/// A way that deals went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The place they left, by its number in [`Flow::nodes`].
    pub from: usize,
    /// Where they went.
    pub to: usize,
    /// How many visits.
    pub value: usize,
}

/// The flow of deals through a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flow {
    /// What people call the places: the stages in order, then won, lost and recycled by their kind. All ends of one kind are
    /// one place.
    pub nodes: Vec<String>,
    /// The ways, by where they begin and where they lead. Moves from and to folders that are no stage are in none.
    pub links: Vec<Link>,
}

/// The moves inside the window.
pub fn flow(pipeline: &Pipeline, journeys: &Journeys, window: Window) -> Flow {
    let stages = pipeline.stages.len();
    let kinds = [EndKind::Won, EndKind::Lost, EndKind::Recycled];
    let place = |spot: Spot| match spot {
        Spot::Stage(index) => Some(index),
        Spot::End(kind) => kinds.iter().position(|k| *k == kind).map(|k| stages + k),
        Spot::Unknown => None,
    };
    let size = stages + kinds.len();
    let mut counts = vec![0_usize; size * size];
    for journey in journeys.iter() {
        for pair in journey.visits.windows(2) {
            let [from, to] = pair else { continue };
            if !from.moved_on || !window.holds(to.entered) {
                continue;
            }
            if let (Some(a), Some(b)) = (place(from.spot), place(to.spot))
                && a != b
                && let Some(count) = counts.get_mut(a * size + b)
            {
                *count += 1;
            }
        }
    }
    let title = |kind: &EndKind| {
        let usual = match kind {
            EndKind::Won => "won",
            EndKind::Lost => "lost",
            EndKind::Recycled => "recycled",
        };
        let mut own = pipeline.ends.iter().filter(|e| e.kind == *kind);
        match (own.next(), own.next()) {
            (Some(end), None) => end.title.clone(),
            _ => usual.to_owned(),
        }
    };
    let titles = pipeline.stages.iter().map(|s| s.title.clone()).chain(kinds.iter().map(title));
    let links = counts.iter().enumerate().filter(|(_, value)| **value > 0);
    let links = links.map(|(at, value)| Link { from: at / size, to: at % size, value: *value });
    Flow { links: links.collect(), nodes: titles.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{day, path, pipeline};
    use super::super::journey::journeys;
    use super::*;
    use crate::history::spell::Spells;

    #[test]
    fn every_move_inside_the_window_is_in_one_link() {
        let pipeline = pipeline(&["a", "b"]);
        let spells = [
            path("x", &[("a", 0), ("b", 1), ("a", 2), ("b", 3), ("won", 4)]),
            path("y", &[("a", 0), ("lost", 9)]),
            path("z", &[("a", 0), ("attic", 1)]),
            path("gone", &[("a", 0), ("-", 1)]),
        ];
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let links = |window: Window| -> Vec<_> {
            flow(&pipeline, &journeys, window).links.iter().map(|l| (l.from, l.to, l.value)).collect()
        };
        assert_eq!(links(Window::default()), [(0, 1, 2), (0, 3, 1), (1, 0, 1), (1, 2, 1)]);
        assert_eq!(links(Window { from: Some(day(3)), until: Some(day(5)) }), [(0, 1, 1), (1, 2, 1)]);
        assert_eq!(flow(&pipeline, &journeys, Window::default()).nodes, ["a", "b", "won", "lost", "recycled"]);
    }
}
