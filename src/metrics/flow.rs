//! How deals flow: how many visits to each place led to which other one.

use serde::Serialize;

use crate::format::pipeline::{EndKind, Pipeline, Stage};

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

/// A place that deals come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What people call it.
    pub label: String,
    /// `stage`, `won`, `lost`, or `end` for one that is neither won nor lost.
    pub place: &'static str,
}

/// The flow of deals through a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flow {
    /// The places: the stages in order, then won, lost and recycled. All ends of one kind are one place.
    pub nodes: Vec<Node>,
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
    let end = |kind: &EndKind| {
        let (usual, place) = match kind {
            EndKind::Won => ("won", "won"),
            EndKind::Lost => ("lost", "lost"),
            EndKind::Recycled => ("recycled", "end"),
        };
        let mut own = pipeline.ends.iter().filter(|e| e.kind == *kind);
        let label = match (own.next(), own.next()) {
            (Some(end), None) => end.title.clone(),
            _ => usual.to_owned(),
        };
        Node { label, place }
    };
    let stage = |stage: &Stage| Node { label: stage.title.clone(), place: "stage" };
    let nodes = pipeline.stages.iter().map(stage).chain(kinds.iter().map(end));
    let links = counts.iter().enumerate().filter(|(_, value)| **value > 0);
    let links = links.map(|(at, value)| Link { from: at / size, to: at % size, value: *value });
    Flow { links: links.collect(), nodes: nodes.collect() }
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
        let nodes = flow(&pipeline, &journeys, Window::default()).nodes;
        assert_eq!(nodes.iter().map(|n| n.place).collect::<Vec<_>>(), ["stage", "stage", "won", "lost", "end"]);
    }
}
