//! What a report costs once history is there: visits, funnel, state, forecast and text, each by itself. Prints a Markdown
//! table; judges nothing. How to run it: `benches/README.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tussock::forecast::chance::chances;
use tussock::forecast::log::Log;
use tussock::format::ident::{DealId, StageId};
use tussock::format::load::load;
use tussock::format::pipeline::Pipeline;
use tussock::history::event::{Direction, Event, EventKind, KnownAt, ValidAt};
use tussock::history::spell::{Book, Spells};
use tussock::history::track::Tracks;
use tussock::history::{self, Options};
use tussock::metrics::estimate::Floors;
use tussock::metrics::funnel::{Window, of_journeys};
use tussock::metrics::journey::journeys;
use tussock::repo::discover::find;
use tussock::repo::objects::{Author, GitObjects, ObjectId};
use tussock::repo::revision::head;
use tussock::repo::snapshot::Snapshot;
use tussock::report::asked::Asked;
use tussock::report::data::{Files, Source};
use tussock::report::lang::Lang;
use tussock::report::pipeline::PipelineReport;
use tussock::report::{Body, Facts, Kind, Report, markdown, number};

/// Runs of each part; the quickest counts, as nothing but disturbance makes one slower.
const RUNS: usize = 9;

fn main() {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("| what | part | time |");
    println!("| --- | --- | ---: |");
    if let Some(folder) = env::var_os("TUSSOCK_BENCH_REPOSITORY") {
        repository(&PathBuf::from(folder));
    }
    synthetic();
}

fn timed<T>(what: &str, part: &str, mut run: impl FnMut() -> T) -> T {
    let mut best = Duration::MAX;
    let mut result = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        let made = black_box(run());
        best = best.min(start.elapsed());
        result = Some(made);
    }
    println!("| {what} | {part} | {:.2} ms |", best.as_secs_f64() * 1000.0);
    result.expect("it ran at least once")
}

/// The parts of the reports of a repository.
fn repository(folder: &Path) {
    let home = find(folder, None).unwrap();
    let tip = head(&home).unwrap().and_then(|head| head.commit).unwrap();
    let snapshot = Snapshot::of_commit(&home, tip).unwrap();
    let reading = load(&snapshot).unwrap();
    let repository = home.place().unwrap().open().unwrap();
    let objects = GitObjects::open(&repository).unwrap();
    let objects = objects.reading(tip, &home.prefix);
    let chronicle = history::read(&objects, tip, &home.prefix, &reading.pipeline, &Options::default(), None).unwrap();
    let history = chronicle.history();
    let what = format!("{} deals, {} events", reading.deals.len(), history.events.len());
    let spells = timed(&what, "visits", || chronicle.spells(true));
    let as_of = history.tip_known_at.unwrap();
    numbers(&what, &reading.pipeline, &spells, as_of.0);
    let source = Source {
        commit: Some(tip.to_string()),
        deals: reading.deals.len(),
        files: Some(Files::default()),
        uncommitted: None,
        clamped: history.clamped_valid,
        jumps: history.skips,
        version: "0".to_owned(),
    };
    let tracks = timed(&what, "values over time", || Tracks::of(&history));
    let log = timed(&what, "what was known at any time", || Log::of(&history));
    let asked = Asked { full: true, by: vec!["owner".to_owned()], ..Asked::default() };
    let facts = Facts {
        pipeline: &reading.pipeline,
        deals: &reading.deals,
        all: &reading.deals,
        unread: &[],
        spells: &spells,
        all_spells: &spells,
        removed: &[],
        told: &[],
        tracks: &tracks,
        log: Some(&log),
        backtest: None,
        as_of,
        today: reading.pipeline.day_of(as_of.0),
        source: &source,
        waivers: &[],
        attention: &[],
        history: None,
        before: None,
        floors: Floors::default(),
        asked: &asked,
    };
    let own = BTreeMap::new();
    for kind in Kind::ALL {
        let asked = match kind {
            Kind::Pipeline => asked.clone(),
            _ => Asked { by: Vec::new(), ..asked.clone() },
        };
        let facts = Facts { asked: &asked, ..facts };
        let report = timed(&what, &format!("`report {}`", kind.name()), || Report::make(*kind, &facts));
        timed(&what, &format!("{} as Markdown", report.name()), || report.to_markdown(&own).unwrap());
        timed(&what, &format!("{} as JSON", report.name()), || report.to_json().unwrap());
        if let Body::Pipeline(data) = &report.body {
            rows(&what, &report, data);
        }
    }
}

/// The counting that every report does.
fn numbers(what: &str, pipeline: &Pipeline, spells: &Spells, as_of: i64) {
    let journeys = timed(what, "journeys", || journeys(pipeline, spells));
    timed(what, "funnel", || of_journeys(pipeline, &journeys, as_of, Window::default(), Floors::default()));
    timed(what, "chances", || chances(pipeline, &journeys, as_of));
}

/// A table with a row for each open deal, by a template and by a program.
fn rows(what: &str, report: &Report, data: &PipelineReport) {
    let template = "{% for deal in state.deals %}\n\
                    | {{ deal.id }} | {{ deal.title }} | {{ deal.owner }} | {{ deal.stage_title|text }} | {{ \
                    deal.amount|money }} | {{ deal.close_date }} | {{ deal.days_in_stage }} |\n{% endfor %}\n";
    let own = BTreeMap::from([("pipeline.md.jinja".to_owned(), template.to_owned())]);
    let what = format!("{what}, {} rows", data.state.deals.len());
    if let Err(error) = report.to_markdown(&own) {
        println!("| {what} | table by a template | {error} |");
    } else {
        timed(&what, "table by a template", || report.to_markdown(&own).unwrap());
    }
    timed(&what, "table by a program", || {
        let mut out = String::new();
        for deal in data.state.deals.iter() {
            let amount = deal.amount.and_then(|total| Some(number::money(total.sum?, total.currency, Lang::En)));
            let date = deal.close_date.map_or_else(String::new, |date| date.to_string());
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {date} | {} |",
                markdown::code(deal.id.as_str()),
                markdown::code(&deal.title),
                markdown::code(deal.owner.as_deref().unwrap_or_default()),
                markdown::text(&deal.stage_title),
                amount.unwrap_or_default(),
                deal.days_in_stage.unwrap_or_default(),
            )
            .unwrap();
        }
        out
    });
}

/// Fifty thousand deals with the events of six years, without a repository.
fn synthetic() {
    const DEALS: u32 = 50_000;
    const YEARS: i64 = 6 * 365 * 86_400;
    let pipeline = {
        let text = "version: 1\ntitle: Bench\ncurrency: EUR\nstages:\n  - id: lead\n    title: Lead\n  - id: qualified\n    title: \
                    Qualified\n  - id: proposal\n    title: Proposal\n  - id: negotiation\n    title: Negotiation\n  - id: \
                    contract\n    title: Contract\nends:\n  - id: won\n    title: Won\n    kind: won\n  - id: lost\n    \
                    title: Lost\n    kind: lost\n";
        tussock::format::pipeline_file::read(text.as_bytes()).unwrap().0
    };
    let stages: Vec<StageId> = pipeline.places().map(|place| place.id().clone()).collect();
    let deals: Vec<DealId> =
        (0..DEALS).map(|n| DealId::new(&format!("company-{n:06}-{:04x}", n * 7919 % 65_521)).unwrap()).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    // Who, when, and to which place (`None`: a field changes).
    let mut happened: Vec<(i64, u32, Option<usize>)> = Vec::new();
    for deal in 0..DEALS {
        let mut at = draw(YEARS as u64) as i64;
        happened.push((at, deal, Some(0)));
        let mut place = 0;
        while place < 5 && at < YEARS {
            for _ in 0..draw(4) {
                at += draw(20 * 86_400) as i64;
                happened.push((at, deal, None));
            }
            at += draw(40 * 86_400) as i64;
            place = match draw(10) {
                0 => 6,
                1 if place > 0 => place - 1,
                2 => (place + 2).min(5),
                _ => place + 1,
            };
            happened.push((at, deal, Some(place)));
        }
        for _ in 0..draw(8) {
            happened.push((at, deal, None));
        }
    }
    happened.retain(|(at, ..)| *at < YEARS);
    happened.sort_by_key(|(at, ..)| *at);
    let author = Arc::new(Author { name: "Olga".to_owned(), email: "olga@example.com".to_owned() });
    let field: Arc<str> = "amount".into();
    let mut place: Vec<Option<usize>> = vec![None; DEALS as usize];
    let mut events = Vec::with_capacity(happened.len());
    for (at, deal, to) in &happened {
        let now = &mut place[*deal as usize];
        let kind = match (*now, *to) {
            (_, None) => EventKind::Changed { field: field.clone(), from: None, to: None },
            (None, Some(to)) => EventKind::Created { stage: stages[to].clone() },
            (Some(from), Some(to)) => {
                EventKind::Moved { from: stages[from].clone(), to: stages[to].clone(), direction: Direction::Forward }
            }
        };
        *now = to.or(*now);
        events.push(Event {
            deal: deals[*deal as usize].clone(),
            kind,
            at: ValidAt(*at),
            known_at: KnownAt(*at),
            author: author.clone(),
            commit: ObjectId::from_bytes(&[7; 20]).unwrap(),
            clamped: false,
        });
    }
    let moves = happened.iter().filter(|(.., to)| to.is_some()).count();
    let what = format!("made up: {DEALS} deals, {} events, {moves} visits", events.len());
    timed(&what, "visits from events", || Spells::of(&events, &[], &BTreeSet::new()));
    let spells = timed(&what, "visits from numbers", || {
        let mut book = Book::default();
        let mut seen = vec![false; DEALS as usize];
        for (at, deal, to) in &happened {
            let Some(to) = to else { continue };
            if std::mem::replace(&mut seen[*deal as usize], true) {
                book.go(*deal, *to as u32, ValidAt(*at));
            } else {
                book.enter(*deal, *to as u32, ValidAt(*at), false);
            }
        }
        book.spells(Vec::new(), stages.clone())
    });
    assert_eq!(spells.stay_count(), moves);
    numbers(&what, &pipeline, &spells, YEARS);
}
