//! The inputs that fuzzing found, and those it begins with, checked as the fuzz targets check them.

#[path = "../fuzz/src/escapers.rs"]
mod escapers;
#[path = "../fuzz/src/expressions.rs"]
mod expressions;
#[path = "../fuzz/src/reader.rs"]
mod reader;

use std::path::Path;

/// Gives every file below these folders of the project to a check; answers with their number.
fn each(folders: &[&str], check: fn(&[u8])) -> usize {
    let mut folders: Vec<_> = folders.iter().map(|f| Path::new(env!("CARGO_MANIFEST_DIR")).join(f)).collect();
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                println!("{}", path.display());
                check(&std::fs::read(&path).expect("a file"));
                seen += 1;
            }
        }
    }
    seen
}

#[test]
fn the_reader_holds_what_the_fuzz_target_asks_of_it() {
    assert!(each(&["tests/fuzz_corpus/reader", "tests/rules"], reader::check) > 60);
}

#[test]
fn expressions_hold_what_the_fuzz_target_asks_of_them() {
    assert!(each(&["tests/fuzz_corpus/expressions", "fuzz/seeds/expressions"], expressions::check) > 20);
}

#[test]
fn escapers_hold_what_the_fuzz_target_asks_of_them() {
    assert!(each(&["tests/fuzz_corpus/escapers", "fuzz/seeds/escapers"], escapers::check) > 20);
    escapers::check(b"");
}
