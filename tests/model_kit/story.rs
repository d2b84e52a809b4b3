//! Stories: so many random operations in one repository, each followed by a look at everything.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::world::{Told, World};

/// An operation; false when there was nothing to do it on, and nothing was done.
type Do = fn(&mut World) -> bool;

/// What can happen and how often it does, of a hundred.
const OPERATIONS: [(&str, usize, Do); 20] = [
    ("tool", 30, World::tool),
    ("tool, committed by hand", 3, World::staged_by_tool),
    ("undo", 3, World::undo),
    ("rename", 1, World::rename),
    ("fmt", 1, World::fmt),
    ("by hand", 14, World::by_hand),
    ("beside changes of a person", 6, World::beside),
    ("unrelated commit", 2, World::unrelated),
    ("amend", 3, World::amend),
    ("branch", 4, World::branch),
    ("switch", 10, World::switch),
    ("merge", 8, World::merge),
    ("squash merge", 2, World::squash),
    ("rebase", 3, World::rebase),
    ("cherry-pick", 3, World::cherry_pick),
    ("revert", 3, World::revert),
    ("stash", 2, World::stash),
    ("reset", 1, World::reset),
    ("pack", 1, World::pack),
    ("in the middle of something else", 2, World::out_of_state),
];

/// So many operations are tried until one finds something to be done on.
const TRIES: usize = 5;

fn choose(world: &mut World) -> (&'static str, Do) {
    let mut throw = world.dice.below(OPERATIONS.iter().map(|(_, often, _)| often).sum());
    for (name, often, operation) in OPERATIONS {
        if throw < often {
            return (name, operation);
        }
        throw -= often;
    }
    unreachable!("the sum is that of all")
}

/// How a story went.
#[derive(Default)]
pub struct Tally {
    pub operations: usize,
    pub counts: BTreeMap<&'static str, usize>,
}

/// A difference between the model and the real thing.
pub struct Difference {
    pub message: String,
    pub told: Vec<String>,
}

thread_local! {
    /// What a story that is being told has failed with, and where.
    static TELLING: Cell<bool> = const { Cell::new(false) };
    static FAILED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A story that fails is told again many times to shorten it, which shall not be printed each time.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if TELLING.get() {
                FAILED.set(Some(panic.to_string()));
            } else {
                usual(panic);
            }
        }));
    });
}

/// Tells a story of so many operations, without those to `skip`.
pub fn tell(story: u64, operations: usize, skip: &BTreeSet<usize>) -> Result<Tally, Difference> {
    quiet();
    TELLING.set(true);
    let told = Told::default();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(story, told.clone());
        let mut tally = Tally::default();
        for number in (1..=operations).filter(|number| !skip.contains(number)) {
            world.begin(story, number);
            let name = (0..TRIES).find_map(|_| {
                let (name, operation) = choose(&mut world);
                world.tell(format!("# {name}"));
                operation(&mut world).then_some(name)
            });
            let Some(name) = name else { continue };
            world.verify();
            *tally.counts.entry(name).or_default() += 1;
            tally.operations += 1;
            if number % 10 == 0 {
                world.same_history();
            }
            if number % 25 == 0 {
                world.same_list();
            }
        }
        world.same_history();
        world.same_log();
        tally.counts.extend(world.counts.iter().map(|(name, n)| (*name, *n)));
        tally
    }));
    TELLING.set(false);
    ended.map_err(|_| Difference {
        message: FAILED.take().unwrap_or_default(),
        told: told.lock().map(|told| told.clone()).unwrap_or_default(),
    })
}

/// Leaves out of a story that fails what is not needed for it to fail; returns the operations that are.
pub fn shorten(story: u64, first: Difference) -> (Vec<usize>, Difference) {
    let numbers = first.told.iter().filter_map(|line| line.strip_prefix("# ")?.parse::<usize>().ok());
    let last = numbers.max().unwrap_or_default();
    let mut skip: BTreeSet<usize> = BTreeSet::new();
    let mut found = first;
    let mut chunk = last.div_ceil(2);
    while chunk > 0 {
        for from in (1..=last).step_by(chunk) {
            let mut more = skip.clone();
            more.extend(from..(from + chunk).min(last + 1));
            if more.len() > skip.len()
                && let Err(difference) = tell(story, last, &more)
            {
                (skip, found) = (more, difference);
            }
        }
        chunk /= 2;
    }
    ((1..=last).filter(|number| !skip.contains(number)).collect(), found)
}
