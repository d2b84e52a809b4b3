//! Kaplan-Meier and Aalen-Johansen against lifelines and scikit-survival; `tests/reference/survival.py` made the values.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use serde_json::Value;
use tussock::metrics::survival::{Observation, Quantile, aalen_johansen, kaplan_meier};

fn near(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{what}: {a} is not {b}");
}

fn time(quantile: Quantile) -> Option<f64> {
    match quantile {
        Quantile::At(time) => Some(time as f64),
        Quantile::NotReached(_) => None,
    }
}

#[test]
fn curves_agree_with_independent_programs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/survival.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not here");
        return;
    };
    let reference: Value = serde_json::from_str(&text).unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let seen: Vec<Observation> = case["observations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let cause = row[1].as_u64().unwrap();
                Observation { time: row[0].as_i64().unwrap(), cause: cause.checked_sub(1).map(|c| c as usize) }
            })
            .collect();

        let curve = kaplan_meier(&seen);
        for point in case["survival"].as_array().unwrap() {
            near(curve.survival_at(point[0].as_i64().unwrap()), point[1].as_f64().unwrap(), name);
        }
        assert_eq!(time(curve.median()), case["median"].as_f64(), "{name}");
        assert_eq!(time(curve.quantile(0.9)), case["p90"].as_f64(), "{name}");
        let (low, high) = curve.quantile_interval(0.5);
        assert_eq!(low.map(|t| t as f64), case["median_low"].as_f64(), "{name}");
        assert_eq!(high.map(|t| t as f64), case["median_high"].as_f64(), "{name}");

        let incidence = aalen_johansen(&seen, 2);
        for point in case["incidence"].as_array().unwrap() {
            let at = point[0].as_i64().unwrap();
            near(incidence.at(at, 0), point[1].as_f64().unwrap(), name);
            near(incidence.at(at, 1), point[2].as_f64().unwrap(), name);
        }
    }
}
