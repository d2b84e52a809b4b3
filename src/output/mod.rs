//! What people and programs get to see: one sink a file, each with its one escaping function.

pub mod board;
pub mod changes;
pub mod csv;
mod excerpt;
pub mod findings_github;
pub mod findings_gitlab;
pub mod findings_json;
pub mod findings_junit;
pub mod findings_markdown;
pub mod findings_rdjson;
pub mod findings_sarif;
pub mod html;
pub mod json;
mod markup;
pub mod page_text;
mod places;
pub mod review;
pub mod rules_page;
pub mod schema;
pub mod story;
pub mod svg;
pub mod terminal;
pub mod text;
