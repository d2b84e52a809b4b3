//! The plain-text format: `pipeline.yaml`, deals, values with their positions, byte-preserving edits and the
//! expression language. Knows neither git nor the terminal nor the clock.

pub mod builtins;
pub mod calendar;
pub mod canonical;
pub mod date;
pub mod deal;
pub mod edit;
mod explain;
pub mod expr;
mod field_file;
pub mod forecast;
pub mod former;
pub mod ident;
pub mod judge;
pub mod load;
pub mod money;
pub mod nearest;
pub mod period;
pub mod pipeline;
pub mod pipeline_file;
pub mod prescan;
pub mod problem;
pub mod quick;
pub mod quote;
pub mod rates;
pub mod reader;
pub mod schema;
pub mod shell;
pub mod slug;
pub mod source;
pub mod span;
mod splice;
pub mod target;
pub mod tree;
pub mod typing;
pub mod value;
pub mod zone;
