//! What must hold for any input, one module for each fuzz target. The tests of the program run the same checks on the
//! inputs that were found, so nothing here needs the fuzzer.

pub mod escapers;
pub mod expressions;
pub mod reader;
