//! A model of a pipeline in git, and random stories that are told to it and to the real thing.

pub mod branches;
pub mod card;
pub mod days;
pub mod detour;
pub mod dice;
pub mod graph;
pub mod objects;
pub mod oracle;
pub mod story;
pub mod tool;
pub mod undo;
pub mod world;
