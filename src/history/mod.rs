//! Commits become events, events become spells.

pub mod event;
pub mod spell;
