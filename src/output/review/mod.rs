//! Reviews: what a change does to a pipeline, for a terminal and for the comment of a pull request.

mod markdown;
mod text;
mod words;

pub use markdown::{Forge, render as markdown};
pub use text::render as text;
