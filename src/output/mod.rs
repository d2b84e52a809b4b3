//! What people and programs get to see: one sink a file, each with its one escaping function.

pub mod board;
pub mod changes;
pub mod csv;
mod excerpt;
pub mod findings_json;
pub mod html;
pub mod json;
mod markup;
pub mod page_text;
pub mod review;
pub mod rules_page;
pub mod story;
pub mod svg;
pub mod terminal;
pub mod text;
