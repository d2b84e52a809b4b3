//! History and lists as tussock tells them, against a reading of every tree in full.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tussock::history::export::rows;

use super::card::{Card, FIELDS, GOAL, REASON, SENT};
use super::graph::stage;
use super::world::World;
use crate::history_kit::{read, settled};

/// One line of the log.
struct Row {
    deal: String,
    event: String,
    from: String,
    to: String,
    field: String,
    known_at: String,
    commit: String,
}

impl World {
    /// The events of the whole line lead from state to state, each commit of one parent tells exactly what it did, and
    /// the amounts told lead from the first to the last.
    pub fn same_history(&mut self) {
        self.count("histories compared by the library");
        let history = read(&self.repo);
        let rows = rows(&history).map(|r| Row {
            deal: r.deal,
            event: r.event.to_owned(),
            from: r.from,
            to: r.to,
            field: r.field,
            known_at: r.known_at,
            commit: r.commit,
        });
        self.compare_rows(rows.collect());
    }

    /// The same of what the program prints.
    pub fn same_log(&mut self) {
        self.count("histories compared by the program");
        let printed = self.repo.ok(&["log", "--format", "csv"]);
        let mut reader = csv::Reader::from_reader(printed.as_bytes());
        let headers = reader.headers().expect("headers").clone();
        let rows = reader.records().map(|record| {
            let record = record.expect("a row");
            let cell = |name: &str| {
                let at = headers.iter().position(|h| h == name).expect("a column");
                record[at].to_owned()
            };
            Row {
                deal: cell("deal"),
                event: cell("event"),
                from: cell("from"),
                to: cell("to"),
                field: cell("field"),
                known_at: cell("known_at"),
                commit: cell("commit"),
            }
        });
        let rows = rows.collect();
        self.compare_rows(rows);
    }

    fn compare_rows(&self, rows: Vec<Row>) {
        let line = self.graph.line();
        let trees = line.iter().map(|id| {
            let deals = &self.graph.commits[*id].tree.deals;
            deals.iter().map(|(id, places)| (id.clone(), places.keys().cloned().collect::<BTreeSet<_>>())).collect()
        });
        let states = settled(trees);
        let mut now: BTreeMap<String, String> = BTreeMap::new();
        let mut told: BTreeMap<&str, BTreeSet<(String, String, String)>> = BTreeMap::new();
        let mut amounts: BTreeMap<&str, &str> = BTreeMap::new();
        let mut rows_left = rows.iter().peekable();
        for (number, id) in line.iter().enumerate() {
            let time = self.graph.commits[*id].time;
            // Several commits of one moment, as a rebase makes them, are known together.
            if line.get(number + 1).is_some_and(|next| self.graph.commits[*next].time == time) {
                continue;
            }
            let until = tussock::history::export::rfc3339(time);
            while let Some(row) = rows_left.next_if(|row| row.known_at <= until) {
                let (deal, from, to) = (row.deal.clone(), row.from.clone(), row.to.clone());
                match row.event.as_str() {
                    "created" | "restored" => assert_eq!(now.insert(deal, to), None, "{} {}", row.deal, row.commit),
                    "moved" => assert_eq!(now.insert(deal, to), Some(from), "{} {}", row.deal, row.commit),
                    "removed" => assert_eq!(now.remove(&deal), Some(from), "{} {}", row.deal, row.commit),
                    "changed" => {
                        if row.field == "amount"
                            && let Some(was) = amounts.insert(&row.deal, &row.to)
                        {
                            assert_eq!(was, row.from, "amount of {} in {}", row.deal, row.commit);
                        }
                        continue;
                    }
                    other => panic!("{other} {}", row.deal),
                }
                if row.event != "moved" {
                    amounts.remove(row.deal.as_str());
                }
                told.entry(&row.commit).or_default().insert((row.deal.clone(), row.from.clone(), row.to.clone()));
            }
            assert_eq!(now, states[number], "after {id}");
        }
        assert!(rows_left.next().is_none(), "events after the last commit");
        let none = BTreeMap::new();
        for (number, id) in line.iter().enumerate().filter(|(_, id)| self.graph.commits[**id].parents.len() < 2) {
            let before = number.checked_sub(1).map_or(&none, |n| &states[n]);
            let after = &states[number];
            let deals: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let of = |state: &BTreeMap<String, String>, deal: &str| state.get(deal).cloned().unwrap_or_default();
            let steps: BTreeSet<(String, String, String)> = deals
                .into_iter()
                .map(|deal| (deal.clone(), of(before, deal), of(after, deal)))
                .filter(|(_, from, to)| from != to)
                .collect();
            assert_eq!(told.remove(*id).unwrap_or_default(), steps, "events of {id}");
        }
        for (deal, amount) in amounts {
            let place = self.graph.tree().place(deal);
            let last = place.and_then(|(_, card)| card.value(2)).unwrap_or_default();
            assert_eq!(amount, last, "the last amount of {deal}");
        }
    }

    /// `list` prints exactly the deals of the model, `show` prints each field of one, `validate` finds no duplicate and no
    /// file that cannot be read.
    pub fn same_list(&mut self) {
        self.count("lists, cards and findings compared by the program");
        let tree = self.graph.tree().clone();
        let columns = format!("id,stage,path,{}", FIELDS.join(","));
        let printed = self.repo.ok(&["list", "--all", "--format", "json", "--columns", &columns]);
        let printed: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(printed["unreadable"], Value::Array(Vec::new()));
        let shown = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Object(money) => money.get("amount").map(|a| a.as_str().map_or(a.to_string(), str::to_owned)),
            other => Some(other.to_string()),
        };
        let listed: BTreeSet<Vec<Option<String>>> = printed["deals"]
            .as_array()
            .expect("deals")
            .iter()
            .map(|deal| ["id", "stage", "path"].iter().chain(&FIELDS).map(|name| shown(&deal[*name])).collect())
            .collect();
        let wanted: BTreeSet<Vec<Option<String>>> = tree
            .deals
            .iter()
            .flat_map(|(id, places)| places.iter().map(move |(folder, card)| (id, folder, card)))
            .map(|(id, folder, card)| {
                let head = [id.clone(), stage(folder).to_owned(), format!("{folder}/{id}.yaml")];
                let values = (0..FIELDS.len()).map(|n| card.value(n).map(str::to_owned));
                head.into_iter().map(Some).chain(values).collect()
            })
            .collect();
        assert_eq!(listed, wanted);
        if let Some(id) = self.a_deal(&tree) {
            let (folder, card) = tree.place(&id).expect("in one place");
            let printed = self.repo.ok(&["show", &id, "--json"]);
            let printed: Value = serde_json::from_str(&printed).expect("JSON");
            assert_eq!(printed["stage"], stage(folder));
            assert_eq!(printed["path"], format!("{folder}/{id}.yaml"));
            for (number, field) in FIELDS.iter().enumerate() {
                let value = field.split('.').fold(&printed["fields"], |at, name| &at[name]);
                assert_eq!(shown(value).as_deref(), card.value(number), "{id} {field}");
            }
        }
        let ran = self.repo.tussock(&["validate", "--format", "json"]);
        let printed: Value = serde_json::from_str(&ran.out).expect("JSON");
        let findings = printed["findings"].as_array().expect("findings");
        let of = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let found: BTreeSet<(String, String)> = findings.iter().map(|f| (of(f, "deal"), of(f, "rule"))).collect();
        let wanted: BTreeSet<(String, String)> = tree
            .deals
            .keys()
            .filter_map(|id| {
                let (folder, card) = tree.place(id)?;
                let rule = rule_against(stage(folder), card)?;
                // Deals in a folder that is no stage are found together.
                let id = if rule == "unknown-stage" { String::new() } else { id.clone() };
                Some((id, rule.to_owned()))
            })
            .collect();
        assert_eq!(found, wanted, "findings: {}", ran.out);
    }
}

/// The rule that finds something in a deal of this stage.
fn rule_against(stage: &str, card: &Card) -> Option<&'static str> {
    let unmet = match stage {
        "proposal" => !card.has(GOAL),
        "contract" | "won" => !card.has(GOAL) || !card.has(SENT),
        "lost" => return (!card.has(REASON)).then_some("entry-criterion"),
        "parking" => return Some("unknown-stage"),
        _ => false,
    };
    unmet.then_some("exit-criterion")
}
