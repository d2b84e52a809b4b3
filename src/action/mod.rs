//! What the writing commands do to deals: plans of changes, judged before anything is written. A plan knows texts and
//! paths, the transaction of `repo` makes a commit of it.

pub mod assign;
pub mod find;
pub mod formatting;
pub mod gate;
pub mod plan;
pub mod template;
