//! Random stories of a team, told to a small model and to git and tussock: after every operation both must hold the
//! same deals in the same stages with the same bytes.
//!
//! `TUSSOCK_MODEL` sets how many operations there are, `all` for twenty thousand; `TUSSOCK_MODEL_STORY` is the number of
//! the story to begin with, and alone tells that story again.

mod history_kit;
mod kit;
mod model_kit;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use kit::TestRepo;
use model_kit::card::Card;
use model_kit::story::{Difference, Tally, shorten, tell};

/// Operations in one story.
const LENGTH: usize = 100;
/// Operations where nothing else is asked for.
const FEW: usize = 2_000;
/// Operations of a whole run: now and then one finds nothing to be done on, and twenty thousand shall be left.
const ALL: usize = 20_500;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Operations, how often what was done, and the first difference with its story.
type Ended = (usize, BTreeMap<&'static str, usize>, Option<(u64, Difference)>);

fn fail(story: u64, difference: Difference) -> ! {
    let (needed, Difference { message, told }) = shorten(story, difference);
    panic!(
        "story {story} differs from the model; again with TUSSOCK_MODEL_STORY={story}\n\n\
         what is needed of it (operations {needed:?}):\n{}\n\n{message}",
        told.join("\n")
    );
}

#[test]
fn random_stories_end_as_the_model_says() {
    let first = variable("TUSSOCK_MODEL_STORY").map(|text| text.parse().expect("the number of a story"));
    let operations = match variable("TUSSOCK_MODEL").as_deref() {
        None if first.is_some() => LENGTH,
        None => FEW,
        Some("all") => ALL,
        Some(text) => text.parse().expect("TUSSOCK_MODEL is `all` or a number"),
    };
    let first = first.unwrap_or(1);
    let stories = first..first + operations.div_ceil(LENGTH) as u64;
    let next = AtomicU64::new(first);
    let ended: Mutex<Ended> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let story = next.fetch_add(1, Ordering::Relaxed);
                    if !stories.contains(&story) || ended.lock().expect("no panic").2.is_some() {
                        return;
                    }
                    let told = tell(story, LENGTH, &Default::default());
                    let mut ended = ended.lock().expect("no panic");
                    match told {
                        Ok(Tally { operations, counts }) => {
                            ended.0 += operations;
                            for (name, n) in counts {
                                *ended.1.entry(name).or_default() += n;
                            }
                        }
                        Err(difference) => drop(ended.2.get_or_insert((story, difference))),
                    }
                }
            });
        }
    });
    let (done, counts, difference) = ended.into_inner().expect("no panic");
    if let Some((story, difference)) = difference {
        fail(story, difference);
    }
    println!("{done} operations in {} stories without a difference", stories.count());
    for (name, n) in counts {
        println!("{n:8} {name}");
    }
}

#[test]
fn a_deal_that_a_squash_brought_in_rewritten_elsewhere_is_not_taken_for_removed() {
    let repo = TestRepo::with_pipeline();
    let card = |body| Card::new("Deal d1", body).text();
    repo.write("sales/brief/d1.yaml", card(1)).commit("Begin");
    repo.git(&["switch", "-q", "-c", "north"]);
    repo.write("sales/proposal/d1.yaml", card(2));
    repo.git(&["rm", "-q", "sales/brief/d1.yaml"]);
    repo.commit("Move and rewrite");
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/brief/d1.yaml", card(3)).commit("Rewrite");
    assert_eq!(repo.try_git(&["merge", "-q", "--squash", "north"]).code, 1);
    repo.ok(&["resolve", "d1", "--take", "theirs"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "D  sales/brief/d1.yaml\nA  sales/proposal/d1.yaml\n");
    assert_eq!(repo.read("sales/proposal/d1.yaml"), card(2));
}
