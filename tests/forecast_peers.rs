//! The arithmetic of the forecast against independent programs: scikit-survival, lifelines, fast-poibin, NumPy,
//! scikit-learn and scoringrules.
//!
//! What they said of the cases made here is kept in `tests/reference/forecast_peers.json`, with the versions of the
//! programs, and holds without Python too. Where a Python with them is found (`TUSSOCK_PEERS=/path/to/python`, else
//! `python3`) they are asked anew, and about the shared repositories too. After a change of the cases or of the script:
//! `TUSSOCK_BLESS=1 cargo nextest run --test forecast_peers`.

mod kit;
#[path = "../benches/forecast_truth/simulator/mod.rs"]
mod simulator;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use simulator::deals::{Deal, Spot, World};
use simulator::dice::Dice;
use simulator::facts;
use simulator::law::Law;
use tussock::forecast::backtest::score::{self, Said};
use tussock::forecast::cells::{Cells, DAYS, HalfLife, LastDay};
use tussock::forecast::hazards::{Factors, Prior, Table};
use tussock::forecast::log::Log;
use tussock::forecast::total::{Bet, Distribution, Stream, distribution};
use tussock::format::load::load_pipeline;
use tussock::format::pipeline::Pipeline;
use tussock::history::event::KnownAt;
use tussock::history::{self, History, Options};
use tussock::repo::discover::find;
use tussock::repo::objects::GitObjects;
use tussock::repo::revision::head;
use tussock::repo::snapshot::Snapshot;

/// The largest difference of two chances that are the same.
const TOLERANCE: f64 = 1e-12;
/// The same of a score of two hundred deals, which the other program works out by another sum.
const TOGETHER: f64 = 1e-6;
/// Ages from which visits are watched, as the script has them.
const AGES: [u32; 7] = [0, 7, 14, 30, 60, 90, 180];
/// The last day of what the made-up pipelines have behind them.
const CUT: u32 = 503;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// A Python that has the programs; prints why there is none.
fn python() -> Option<OsString> {
    let named = std::env::var_os("TUSSOCK_PEERS");
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let packages = "import lifelines, sksurv, fast_poibin, sklearn, scoringrules, yaml";
    match Command::new(&python).args(["-c", packages]).output() {
        Ok(ran) if ran.status.success() => Some(python),
        _ if named.is_some() => panic!("{} has not all of tests/reference/requirements.txt", python.display()),
        _ => {
            println!("skipped: no Python with the packages of tests/reference/requirements.txt");
            None
        }
    }
}

/// What the programs say.
fn answers(python: &OsString, arguments: &[&Path]) -> Value {
    let ran = Command::new(python).arg(reference("forecast_peers.py")).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A made-up pipeline of about so many deals, the first of them, and what is to be known of it.
fn made_up(size: u32, seed: u64) -> (Law, World) {
    let law = Law::usual();
    let world = World::of(&law, size, CUT, CUT + 90, seed);
    (law, world)
}

/// What became of the visits to a stage from an age on, told by the steps of the deals: the days until it was decided, or
/// last seen, and how.
fn visits(deals: &[Deal], stage: usize, age: u32) -> Vec<[i64; 2]> {
    let end = facts::end_of(CUT);
    let time = |day: u32, second: u32| facts::BEGIN + i64::from(day) * 86_400 + i64::from(second);
    let mut found = Vec::new();
    for deal in deals {
        let steps: Vec<_> = deal.steps.iter().filter(|step| step.day <= CUT).collect();
        let Some(last) = steps.last() else { continue };
        let (until, how) = match last.to {
            Spot::Won => (time(last.day, last.second), 1),
            Spot::Lost => (time(last.day, last.second), 2),
            Spot::Stage(_) => (end, 0),
        };
        for (number, step) in steps.iter().enumerate().filter(|(_, step)| step.to == Spot::Stage(stage)) {
            let from = time(step.day, step.second) + i64::from(age) * 86_400;
            let left = steps.get(number + 1).map(|next| time(next.day, next.second));
            if from <= until && (age == 0 || left.is_none_or(|left| left > from)) {
                found.push([(until - from) / 86_400, how]);
            }
        }
    }
    found
}

/// The hazards by nothing but what was seen, as the Aalen-Johansen estimator has them.
fn exact(pipeline: &Pipeline, history: &History, as_of: i64) -> (Cells, Table) {
    let journeys = Log::of(history).until(KnownAt(as_of)).journeys(pipeline);
    let cells = Cells::count(pipeline, &journeys, as_of, &AGES, HalfLife::ENDLESS);
    let priors = vec![Prior { won: 0.5, decided_in: 60.0 }; cells.stages()];
    let table = Table::new(&cells, &priors, 0.0, LastDay::Whole);
    (cells, table)
}

/// Holds the incidence of a stage from an age on against the rows of the answer: days, won by then, lost by then. Gives the
/// largest difference.
fn compare_incidence(what: &str, table: &Table, stage: usize, age: u32, rows: &Value) -> f64 {
    let bin = AGES.iter().position(|edge| *edge == age).unwrap();
    let hazards = table.hazards(stage, bin).unwrap();
    let rows: Vec<_> = rows.as_array().unwrap().iter().filter(|row| row[0].as_u64().unwrap() <= DAYS as u64).collect();
    let days: Vec<u32> = rows.iter().map(|row| row[0].as_u64().unwrap() as u32).collect();
    let mut largest = 0.0_f64;
    for (ours, row) in hazards.within(&days, Factors::ONE).iter().zip(rows) {
        let off = (ours.won - number(&row[1])).abs().max((ours.lost - number(&row[2])).abs());
        assert!(
            off <= TOLERANCE,
            "{what}, stage {stage} from day {age} on: {ours:?}, the independent program says {row}"
        );
        largest = largest.max(off);
    }
    largest
}

/// The cases, each with what is asked of the programs.
fn cases() -> Vec<Value> {
    let mut cases = Vec::new();
    let (_, world) = made_up(200, 1);
    for stage in 0..5 {
        for age in AGES {
            let visits = visits(&world.deals, stage, age);
            if !visits.is_empty() {
                cases.push(json!({"kind": "incidence", "stage": stage, "age": age, "visits": visits}));
            }
        }
        cases.push(json!({"kind": "survival", "stage": stage, "visits": visits(&world.deals, stage, 0)}));
    }
    let mut dice = Dice::new(2, 1);
    // Numbers that a text tells without rounding.
    let mut chance = || f64::from(1 + dice.below(1023)) / 1024.0;
    for deals in [1, 12, 40, 300] {
        let chances: Vec<f64> = (0..deals).map(|_| chance()).collect();
        cases.push(json!({"kind": "count", "chances": chances}));
    }
    // All ways in which deals with chances in quarters can end, each as likely as the others.
    for amounts in [vec![100.0], vec![1.0, 2.0, 4.0], vec![500.0, 750.0, 1250.0, 90.0, 12_000.0]] {
        let bets: Vec<Value> =
            amounts.iter().enumerate().map(|(i, amount)| bet((i % 3 + 1) as f64 / 4.0, *amount)).collect();
        let of = |end: usize, i: usize| if end >> (2 * i) & 3 <= i % 3 { amounts[i] } else { 0.0 };
        let ends = 0..1_usize << (2 * amounts.len());
        let members: Vec<f64> = ends.map(|end| (0..amounts.len()).map(|i| of(end, i)).sum()).collect();
        let whole: f64 = amounts.iter().sum();
        let came = [0.0, whole / 8.0, amounts[0], whole / 2.0, whole, whole * 2.0];
        cases.push(json!({"kind": "ensemble", "bets": bets, "members": members, "came": came}));
    }
    // What comes of many deals of one size, by the chances of the numbers of wins.
    let chances: Vec<f64> = (0..200).map(|_| chance()).collect();
    cases.push(json!({"kind": "weighted", "chances": chances, "came": [0, 60, 95, 100, 104, 150, 200]}));
    for (seed, (deals, dependence)) in [(30, 0.0), (30, 0.02), (30, 0.3), (400, 0.05), (3000, 0.02)].iter().enumerate()
    {
        let mut dice = Dice::new(3, *deals as u64);
        let bets: Vec<Value> = (0..*deals)
            .map(|_| bet(f64::from(1 + dice.below(700)) / 1024.0, (8000.0 * (0.9 * dice.normal()).exp()).round()))
            .collect();
        let whole: f64 = bets.iter().map(|bet| number(&bet["chance"]) * number(&bet["amount"])).sum();
        let stream = json!({"expected": 6.5, "shape": 12.0, "amounts": [3000, 7000, 12_000, 30_000]});
        cases.push(json!({
            "kind": "money", "bets": bets, "dependence": dependence, "seed": seed, "draws": if *deals > 1000 { 20_000 } else { 200_000 },
            "stream": if seed % 2 == 1 { stream } else { Value::Null },
            "levels": [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95],
            "sums": [0.0, (whole / 2.0).round(), (whole * 0.8).round(), whole.round(), (whole * 1.4).round()],
        }));
    }
    let mut dice = Dice::new(4, 1);
    for steps in [10, 64, 1024] {
        // With few steps there are many ties, and some that were certain and wrong.
        let said: Vec<f64> = (0..500).map(|_| f64::from(dice.below(steps + 1)) / f64::from(steps)).collect();
        let came: Vec<bool> = said.iter().map(|chance| dice.unit() < chance * 0.7 + 0.1).collect();
        cases.push(json!({"kind": "scores", "chances": said, "came": came, "bins": 10}));
    }
    let said: Vec<_> = (0..60)
        .map(|i| ([0.1, 0.5, 0.9][i % 3], f64::from(dice.below(4000)) / 4.0, f64::from(dice.below(4000)) / 4.0))
        .collect();
    cases.push(json!({"kind": "pinball", "said": said}));
    cases
}

fn bet(chance: f64, amount: f64) -> Value {
    json!({"chance": chance, "amount": amount})
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(number).collect()
}

/// The bets of a case.
fn bets(case: &Value) -> Vec<Bet> {
    let bet = |bet: &Value| Bet { chance: number(&bet["chance"]), amount: number(&bet["amount"]) };
    case["bets"].as_array().unwrap().iter().map(bet).collect()
}

/// Deals of one size.
fn units(case: &Value) -> Vec<Bet> {
    numbers(&case["chances"]).into_iter().map(|chance| Bet { chance, amount: 1.0 }).collect()
}

/// Holds some numbers against those that were said, to a share of the largest of them. Gives the largest difference, as
/// such a share.
fn compare_numbers(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) -> f64 {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest.max(1e-9);
    assert!(off <= tolerance, "{what} is off by {off:e}: {ours:?}, the independent program says {theirs:?}");
    off
}

/// Holds a distribution against a sum that was drawn many times. Gives the largest difference in errors of the draw.
fn compare_money(case: &Value, said: &Value) -> f64 {
    let stream = (!case["stream"].is_null()).then(|| Stream {
        expected: number(&case["stream"]["expected"]),
        shape: number(&case["stream"]["shape"]),
        amounts: numbers(&case["stream"]["amounts"]),
    });
    let ours = distribution(&bets(case), stream.as_ref(), number(&case["dependence"]));
    let what = format!("{} deals, dependence {}", case["bets"].as_array().unwrap().len(), case["dependence"]);
    let mut largest = 0.0_f64;
    let mut near = |name: &str, own: f64, value: &Value, error: &Value| {
        let off = (own - number(value)).abs() / number(error);
        assert!(off <= 4.5, "{what}: {name} is {own}, the draw says {value} give or take {error}");
        largest = largest.max(off);
    };
    near("the mean", ours.mean(), &said["mean"][0], &said["mean"][1]);
    near("the deviation", ours.sd(), &said["sd"][0], &said["sd"][1]);
    for row in said["shares"].as_array().unwrap() {
        near(&format!("the chance of at most {}", row[0]), ours.cdf(number(&row[0])), &row[1], &row[2]);
    }
    for row in said["quantiles"].as_array().unwrap() {
        let (own, low, high) = (ours.quantile(number(&row[0])), number(&row[1]), number(&row[2]));
        // The steps of the grid are not seen by the draw.
        let slack = ours.sd() / 500.0;
        assert!(
            (low - slack..=high + slack).contains(&own),
            "{what}: the quantile {} is {own}, not {low} to {high}",
            row[0]
        );
    }
    largest
}

/// Holds all scores of some chances against what scikit-learn says.
fn compare_scores(case: &Value, said: &Value) -> f64 {
    let came = case["came"].as_array().unwrap().iter().map(|came| came.as_bool().unwrap());
    let own: Vec<Said> =
        numbers(&case["chances"]).into_iter().zip(came).map(|(chance, came)| Said { chance, came }).collect();
    let one =
        |name: &str, ours: Option<f64>| compare_numbers(name, &[ours.unwrap()], &[number(&said[name])], TOLERANCE);
    let bins = score::calibration(&own, case["bins"].as_u64().unwrap() as usize);
    let curve: Vec<f64> = bins.iter().flat_map(|bin| [bin.said, bin.came]).collect();
    let theirs: Vec<f64> = said["calibration"].as_array().unwrap().iter().flat_map(numbers).collect();
    [
        one("brier", score::brier(&own)),
        one("log_loss", score::log_loss(&own)),
        one("auc", score::auc(&own)),
        compare_numbers("calibration", &curve, &theirs, TOLERANCE),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

fn crps(said: &Distribution, case: &Value) -> Vec<f64> {
    numbers(&case["came"]).into_iter().map(|came| said.crps(came)).collect()
}

/// Holds what the library says of the cases against what the programs said.
fn compare(cases: &[Value], said: &[Value]) {
    assert_eq!(cases.len(), said.len());
    let (law, world) = made_up(200, 1);
    let pipeline = facts::pipeline(&law, "");
    let (cells, table) = exact(&pipeline, &facts::history(&law, &world), facts::end_of(CUT));
    let mut largest = std::collections::BTreeMap::new();
    for (case, said) in cases.iter().zip(said) {
        let kind = case["kind"].as_str().unwrap();
        let stage = || case["stage"].as_u64().unwrap() as usize;
        let off = match kind {
            "incidence" => {
                let age = case["age"].as_u64().unwrap() as u32;
                let bin = AGES.iter().position(|edge| *edge == age).unwrap();
                let counted = cells.cell(stage(), bin).unwrap().visits as usize;
                assert_eq!(counted, case["visits"].as_array().unwrap().len(), "stage {} from day {age} on", stage());
                compare_incidence("made up", &table, stage(), age, said)
            }
            "survival" => {
                let rows = said.as_array().unwrap();
                let days: Vec<u32> = rows.iter().map(|row| row[0].as_u64().unwrap() as u32).collect();
                let hazards = table.hazards(stage(), 0).unwrap();
                let mut largest = 0.0_f64;
                for (ours, row) in hazards.within(&days, Factors::ONE).iter().zip(rows) {
                    let off = (ours.open - number(&row[1])).abs();
                    assert!(off <= TOLERANCE, "stage {}: {ours:?}, the independent program says {row}", stage());
                    largest = largest.max(off);
                }
                largest
            }
            "count" => {
                let ours = distribution(&units(case), None, 0.0);
                let theirs = numbers(said);
                let own: Vec<f64> = (0..theirs.len()).map(|wins| ours.cdf(wins as f64)).collect();
                compare_numbers("the number of wins", &own, &theirs, TOLERANCE)
            }
            "ensemble" => {
                compare_numbers("CRPS", &crps(&distribution(&bets(case), None, 0.0), case), &numbers(said), TOLERANCE)
            }
            "weighted" => {
                compare_numbers("CRPS", &crps(&distribution(&units(case), None, 0.0), case), &numbers(said), TOGETHER)
            }
            "money" => compare_money(case, said),
            "scores" => compare_scores(case, said),
            "pinball" => {
                let rows = case["said"].as_array().unwrap().iter().map(numbers);
                let own: Vec<f64> = rows.map(|row| score::pinball(row[0], row[1], row[2])).collect();
                compare_numbers("quantile loss", &own, &numbers(said), TOLERANCE)
            }
            other => panic!("nothing is known of {other}"),
        };
        let entry = largest.entry(kind.to_owned()).or_insert((0, 0.0_f64));
        *entry = (entry.0 + 1, entry.1.max(off));
    }
    for (kind, (count, off)) in largest {
        println!("{kind}: {count} cases, largest difference {off:e}");
    }
}

#[test]
fn the_forecast_says_what_independent_programs_said() {
    let text = std::fs::read_to_string(reference("forecast_peers.json"));
    let stored: Value = serde_json::from_str(&text.expect("tests/reference/forecast_peers.json is there")).unwrap();
    let cases = cases();
    let told: Vec<Value> = stored["cases"].as_array().unwrap().clone();
    assert_eq!(told.len(), cases.len(), "the cases are others: make the stored values anew, as said above");
    for (case, told) in cases.iter().zip(&told) {
        assert_eq!(case, &told["case"], "the cases are others: make the stored values anew, as said above");
    }
    let said: Vec<Value> = told.iter().map(|told| told["said"].clone()).collect();
    compare(&cases, &said);
}

#[test]
fn independent_programs_agree_with_the_forecast() {
    let Some(python) = python() else { return };
    let cases = cases();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cases.json");
    std::fs::write(&file, serde_json::to_vec(&cases).unwrap()).unwrap();
    let told = answers(&python, &[&file]);
    let said = told["answers"].as_array().unwrap();
    if std::env::var_os("TUSSOCK_BLESS").is_some() {
        let line = |(case, said): (&Value, &Value)| json!({"case": case, "said": said}).to_string();
        let lines: Vec<String> = cases.iter().zip(said).map(line).collect();
        let text = format!("{{\"programs\":{},\n\"cases\":[\n{}\n]}}\n", told["programs"], lines.join(",\n"));
        std::fs::write(reference("forecast_peers.json"), text).unwrap();
    }
    compare(&cases, said);
}

/// Makes a repository with one of the shared generators and holds the incidence of all its stages against scikit-survival,
/// which gets the visits by the program's event log.
fn compare_repository(script: &str, more: &[&str]) {
    let Some(python) = python() else { return };
    let Some(script) = kit::shared(&format!("tools/{script}")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("repo");
    let ran = Command::new(&python).arg(&script).arg(&folder).args(more).env("GIT_CONFIG_GLOBAL", "/dev/null").output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    let home = find(&folder, None).unwrap();
    let tip = head(&home).unwrap().and_then(|head| head.commit).unwrap();
    let pipeline = load_pipeline(&Snapshot::of_commit(&home, tip).unwrap()).unwrap();
    let repository = home.place().unwrap().open().unwrap();
    let objects = GitObjects::open(&repository).unwrap();
    let objects = objects.reading(tip, &home.prefix);
    let chronicle = history::read(&objects, tip, &home.prefix, &pipeline, &Options::default(), None).unwrap();
    let history = chronicle.history();
    let (cells, table) = exact(&pipeline, &history, history.tip_known_at.unwrap().0);

    let program = Path::new(env!("CARGO_BIN_EXE_tussock"));
    let said = answers(&python, &[Path::new("--repository"), &folder, Path::new("--tussock"), program]);
    let (mut largest, mut all) = (0.0_f64, 0);
    for said in said["answers"].as_array().unwrap() {
        let (stage, age) = (said["stage"].as_u64().unwrap() as usize, said["age"].as_u64().unwrap() as u32);
        let bin = AGES.iter().position(|edge| *edge == age).unwrap();
        let visits = u64::from(cells.cell(stage, bin).unwrap().visits);
        assert_eq!(visits, said["visits"].as_u64().unwrap(), "stage {stage} from day {age} on");
        all += visits;
        largest = largest.max(compare_incidence("repository", &table, stage, age, &said["incidence"]));
    }
    assert!(all > 1000, "only {all} visits were compared");
    println!("{all} visits by age, largest difference {largest:e}");
}

#[test]
fn scikit_survival_agrees_on_a_replayed_change_log() {
    compare_repository("pipedrive_repo.py", &[]);
}

#[test]
fn scikit_survival_agrees_on_a_published_sales_set() {
    compare_repository("maven_repo.py", &[]);
}

#[test]
fn scikit_survival_agrees_on_a_generated_pipeline_with_merges() {
    compare_repository("gen_repo.py", &["--deals", "400", "--commits", "3000", "--years", "1", "--merge-every", "40"]);
}
