//! What the engine says, in the oracle's words, and the first difference of the two.

use tussock::history::History;
use tussock::history::event::EventKind;
use tussock::history::export::row;

use super::telling::{Telling, Told};

/// What the engine says.
pub fn engine(history: &History) -> Telling {
    let mut events = Vec::new();
    let mut ignored = history.ignored.iter().peekable();
    let silent = |silent: &tussock::history::IgnoredMove| Told {
        deal: silent.deal.to_string(),
        event: "ignored",
        field: String::new(),
        from: silent.from.to_string(),
        to: silent.to.to_string(),
        at: silent.at.0,
        known_at: silent.known_at.0,
        author: String::new(),
        commit: silent.commit.to_string(),
    };
    for (number, event) in history.events.iter().enumerate() {
        while let Some(found) = ignored.next_if(|found| found.after <= number) {
            events.push(silent(found));
        }
        let row = row(event);
        // A stage that was come back to is a stage that was come to, whatever is written in the CSV.
        assert!(!matches!(event.kind, EventKind::Changed { .. }) || !row.field.is_empty());
        events.push(Told {
            deal: row.deal,
            event: row.event,
            field: row.field,
            from: row.from,
            to: row.to,
            at: event.at.0,
            known_at: event.known_at.0,
            author: row.author,
            commit: row.commit,
        });
    }
    events.extend(ignored.map(silent));
    let standings = history.standings.iter();
    Telling {
        events,
        standings: standings.map(|(id, s)| (id.to_string(), s.stage.to_string(), s.blob.to_string())).collect(),
        commits: history.commits,
        clamped_known: history.clamped_known,
        clamped_valid: history.clamped_valid,
        ignored_commits: history.ignored_commits,
        unreadable: history.unreadable,
        bulk: history.bulk.iter().map(|(id, n)| (id.to_string(), *n)).collect(),
        imports: history.imports.iter().map(ToString::to_string).collect(),
    }
}

/// Where two tellings part; `None` where they are the same.
pub fn difference(engine: &History, oracle: &Telling) -> Option<String> {
    let engine = self::engine(engine);
    if engine == *oracle {
        return None;
    }
    let mut text = String::new();
    let (ours, theirs) = (&engine.events, &oracle.events);
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    if ours != theirs {
        text += &format!("the first {same} of {} and {} events are the same\n", ours.len(), theirs.len());
        let deal = ours.get(same).or(theirs.get(same)).map(|told| told.deal.clone()).unwrap_or_default();
        for (who, told) in [("engine", ours), ("oracle", theirs)] {
            text += &format!("{who}, next: {:?}\n", told.get(same));
            for told in told.iter().filter(|told| told.deal == deal) {
                let Told { deal, event, field, from, to, at, known_at, commit, .. } = told;
                text += &format!(
                    "  {who}: {deal} {event} {field} {from} -> {to} at {at} known {known_at} by {}\n",
                    &commit[..8]
                );
            }
        }
    }
    let rest = |t: &Telling| {
        format!(
            "commits {} clamped {} {} ignored {} unreadable {} bulk {:?} imports {:?}",
            t.commits, t.clamped_known, t.clamped_valid, t.ignored_commits, t.unreadable, t.bulk, t.imports
        )
    };
    text += &format!("engine: {}\noracle: {}\n", rest(&engine), rest(oracle));
    for (id, ours) in engine.standings.iter().map(|s| (&s.0, s)) {
        let theirs = oracle.standings.iter().find(|s| s.0 == *id);
        if theirs != Some(ours) {
            text += &format!("{id} stands: engine {ours:?}, oracle {theirs:?}\n");
        }
    }
    Some(text)
}
