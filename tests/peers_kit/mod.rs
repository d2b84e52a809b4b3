//! A pipeline with a year and a half of invented history, the same at every run: deals that skip, return, are lost, come
//! back, vanish and reappear; clocks that disagree; two currencies; a merge; an import at the beginning.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::kit::TestRepo;

const PIPELINE: &str = "\
version: 1
title: Invented
currency: EUR
timezone: Europe/Berlin
won_at: delivery
stages:
  - {id: brief, title: Brief, probability: 10%, limit: 14d, sla: 24h}
  - {id: offer, title: Offer, limit: 21d}
  - {id: trial, title: Trial, optional: true}
  - {id: contract, title: Contract, probability: 60%, limit: 14d}
  - {id: delivery, title: Delivery}
  - {id: care, title: Care}
ends:
  - {id: won, kind: won}
  - {id: lost, kind: lost}
  - {id: recycled, kind: recycled}
fields:
  lost:
    reason: {enum: [price, timing, competitor, silent]}
    competitor: text
";

const STAGES: [&str; 6] = ["brief", "offer", "trial", "contract", "delivery", "care"];
/// 2025-01-06T09:00:00Z.
const BEGIN: i64 = 1_736_154_000;
/// 2026-06-30T16:00:00Z.
const END: i64 = 1_782_835_200;
const DAY: i64 = 86_400;
const DEALS: usize = 170;
/// Deals that are there from the first commit on.
const IMPORTED: usize = 14;

/// Numbers that look like chance and are the same at every run (an xorshift generator).
struct Dice(u64);

impl Dice {
    /// A number from 0 to `sides` - 1.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len() as u64) as usize]
    }

    /// A wait of some days, short ones more often, sometimes none at all.
    fn wait(&mut self) -> i64 {
        if self.roll(25) == 0 {
            return 0;
        }
        let days = (self.roll(24) * self.roll(24) / 6 + 1) as i64;
        days * DAY - self.roll(DAY as u64) as i64
    }
}

fn date(time: i64) -> String {
    chrono::DateTime::from_timestamp(time, 0).unwrap().date_naive().to_string()
}

#[derive(Clone)]
struct Card {
    number: usize,
    folder: String,
    owner: &'static str,
    amount: Option<u64>,
    currency: &'static str,
    close: Option<i64>,
    next_step: Option<i64>,
    effort: Vec<(i64, u64)>,
    activity: Vec<i64>,
    payments: Vec<(u64, i64, Option<i64>)>,
    lost: Option<(&'static str, Option<&'static str>)>,
    /// How often it came out of an end.
    reopened: usize,
}

impl Card {
    fn id(&self) -> String {
        format!("deal-{:03}", self.number)
    }

    fn path(&self) -> String {
        format!("sales/{}/{}.yaml", self.folder, self.id())
    }

    fn stage(&self) -> Option<usize> {
        STAGES.iter().position(|stage| *stage == self.folder)
    }

    fn text(&self) -> String {
        let mut text = format!("title: Deal {}\naccount: Client {}\n", self.number, self.number % 40);
        let mut line = |line: String| writeln!(text, "{line}").unwrap();
        line(format!("owner: {}", self.owner));
        if let Some(cents) = self.amount {
            line(format!("amount: {}.{:02}{}", cents / 100, cents % 100, self.currency));
        }
        if let Some(close) = self.close {
            line(format!("close_date: {}", date(close)));
        }
        if let Some(due) = self.next_step {
            line(format!("next_step: {{what: Call them, due: {}}}", date(due)));
        }
        line(format!("source: {}", ["search", "referral", "event"][self.number % 3]));
        if let Some((reason, competitor)) = self.lost {
            line(format!("lost:\n  reason: {reason}"));
            if let Some(competitor) = competitor {
                line(format!("  competitor: {competitor}"));
            }
        }
        if !self.effort.is_empty() {
            line("effort:".to_owned());
            for (on, quarters) in &self.effort {
                line(format!("  - {{on: {}, who: petr, hours: {}}}", date(*on), *quarters as f64 / 4.0));
            }
        }
        if !self.activity.is_empty() {
            line("activity:".to_owned());
            self.activity.iter().for_each(|on| line(format!("  - {{on: {}, who: olga, what: call}}", date(*on))));
        }
        if !self.payments.is_empty() {
            line("payments:".to_owned());
            for (cents, due, paid) in &self.payments {
                let paid = paid.map(|paid| format!(", paid_on: {}", date(paid))).unwrap_or_default();
                let amount = format!("{}.{:02}", cents / 100, cents % 100);
                line(format!("  - {{what: part, amount: {amount}, due: {}{paid}}}", date(*due)));
            }
        }
        text
    }
}

/// What one commit does: paths with their new text, or without, where they go away.
struct Change {
    time: i64,
    /// How far the author's clock is from the committer's.
    skew: i64,
    files: BTreeMap<String, Option<String>>,
}

/// The story of one deal, oldest first.
fn story(number: usize) -> Vec<Change> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
    dice.roll(2);
    let imported = number < IMPORTED;
    let mut time = BEGIN + 3600;
    if !imported {
        time += DAY + dice.roll(530) as i64 * DAY + dice.roll(DAY as u64) as i64;
    }
    let first = if imported { dice.roll(4) } else { [0, 0, 0, 0, 0, 1, 1, 3][dice.roll(8) as usize] };
    let mut card = Card {
        number,
        folder: STAGES[first as usize].to_owned(),
        owner: dice.of(&["olga", "jonas", "anna"]),
        amount: (dice.roll(12) > 0).then(|| 50_000 + dice.roll(5_000_000)),
        currency: if dice.roll(20) == 0 { " USD" } else { "" },
        close: (dice.roll(6) > 0).then(|| time + (20 + dice.roll(120) as i64) * DAY),
        next_step: (dice.roll(4) > 0).then(|| time + dice.roll(20) as i64 * DAY),
        effort: Vec::new(),
        activity: (0..dice.roll(3)).map(|_| time + dice.roll(5) as i64 * DAY).collect(),
        payments: Vec::new(),
        lost: None,
        reopened: 0,
    };
    let new = |card: &Card| BTreeMap::from([(card.path(), Some(card.text()))]);
    let mut changes = vec![Change { time, skew: 0, files: new(&card) }];
    loop {
        time += dice.wait();
        if time >= END {
            return changes;
        }
        // Some write late what happened before; some clocks run ahead.
        let skew = [0, 0, 0, 0, 0, 0, -3 * 3600, -2 * DAY, 5 * 3600][dice.roll(9) as usize];
        let before = card.path();
        match (card.stage(), dice.roll(100)) {
            (Some(stage), 0..42) => {
                let to = stage + [1, 1, 1, 1, 2, 3][dice.roll(6) as usize];
                card.folder = STAGES.get(to).copied().unwrap_or("won").to_owned();
                let due = time + 14 * DAY;
                if to >= 4 && card.payments.is_empty() {
                    let half = card.amount.unwrap_or(0) / 2;
                    card.payments = vec![(half, due, None), (half, due + 40 * DAY, None)];
                }
            }
            (Some(stage), 42..48) if stage > 0 => {
                card.folder = STAGES[dice.roll(stage as u64) as usize].to_owned();
            }
            (Some(stage), 48..60) if stage < 4 => {
                card.folder = "lost".to_owned();
                let reason = dice.of(&["price", "timing", "competitor", "silent"]);
                let competitor = (reason == "competitor").then(|| dice.of(&["Blue", "Green"]));
                card.lost = Some((reason, competitor));
            }
            (Some(stage), 60..63) if stage < 4 => card.folder = "recycled".to_owned(),
            (Some(_), 63..72) => card.amount = Some(50_000 + dice.roll(5_000_000)),
            (Some(_), 72..84) => {
                let from = card.close.unwrap_or(time);
                card.close = Some(from + (dice.roll(60) as i64 - 15) * DAY);
            }
            (Some(_), 84..88) => card.owner = dice.of(&["olga", "jonas", "anna"]),
            (Some(_), 88..93) => card.effort.push((time, 1 + dice.roll(40))),
            (Some(_), 93..96) => {
                if let Some(payment) = card.payments.iter_mut().find(|payment| payment.2.is_none()) {
                    payment.2 = Some(time);
                }
            }
            (Some(_), 96..98) => card.next_step = Some(time + dice.roll(20) as i64 * DAY),
            (Some(_), _) => {
                changes.push(Change { time, skew, files: BTreeMap::from([(before.clone(), None)]) });
                time += dice.wait() + 60;
                if dice.roll(3) == 0 || time >= END {
                    return changes;
                }
            }
            // From an end a few come back, once.
            (None, _) => {
                if card.reopened > 0 || dice.roll(8) > 0 {
                    return changes;
                }
                card.reopened += 1;
                card.lost = None;
                card.folder = STAGES[dice.roll(4) as usize].to_owned();
            }
        }
        let mut files = new(&card);
        if card.path() != before {
            files.insert(before, None);
        }
        changes.push(Change { time, skew, files });
    }
}

/// All changes by time. The imported deals come in one commit.
fn changes() -> Vec<Change> {
    let mut import = Change { time: BEGIN + 3600, skew: 0, files: BTreeMap::new() };
    let mut all = Vec::new();
    for number in 0..DEALS {
        let mut own = story(number).into_iter();
        if number < IMPORTED {
            import.files.append(&mut own.next().unwrap().files);
        }
        all.extend(own);
    }
    // A stable sort: what one deal did at the same second stays in its order.
    all.sort_by_key(|change| change.time);
    all.insert(0, import);
    all
}

/// The repository. Every thirtieth change is made on a branch and merged an hour later.
pub fn invented() -> TestRepo {
    let mut stream = String::from("feature done\n");
    let mut commit = |branch: &str, mark: usize, from: &str, author: i64, committer: i64, body: &str| {
        let author = format!("author Olga Sokolova <olga@example.com> {author} +0000");
        let committer = format!("committer Olga Sokolova <olga@example.com> {committer} +0000");
        let head = format!("commit refs/heads/{branch}\nmark :{mark}\n{author}\n{committer}\ndata 6\nChange\n");
        stream.push_str(&format!("{head}{from}{body}"));
    };
    let file = |path: &str, text: &str| format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len());
    commit("main", 1, "", BEGIN, BEGIN, &file("sales/pipeline.yaml", PIPELINE));
    let mut last = 1;
    let mut mark = 1;
    for (number, change) in changes().iter().enumerate() {
        let mut body = String::new();
        for (path, text) in &change.files {
            match text {
                Some(text) => body.push_str(&file(path, text)),
                None => writeln!(body, "D {path}").unwrap(),
            }
        }
        let author = change.time + change.skew;
        mark += 1;
        if number % 30 == 17 {
            commit("side", mark, &format!("from :{last}\n"), author, change.time, &body);
            let merge = format!("from :{last}\nmerge :{mark}\n");
            commit("main", mark + 1, &merge, change.time + 3600, change.time + 3600, &body);
            mark += 1;
        } else {
            commit("main", mark, &format!("from :{last}\n"), author, change.time, &body);
        }
        last = mark;
    }
    stream.push_str("done\n");

    let repo = TestRepo::new();
    let mut command = Command::new("git");
    repo.hermetic(&mut command).args(["fast-import", "--quiet", "--force"]).stdin(Stdio::piped());
    let mut git = command.spawn().expect("git starts");
    git.stdin.take().unwrap().write_all(stream.as_bytes()).expect("git takes the history");
    assert!(git.wait().expect("git ends").success(), "git does not take the history");
    repo.git(&["reset", "-q", "--hard", "main"]);
    repo
}
