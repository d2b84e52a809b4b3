//! The event log as rows for tables, CSV and JSON.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use super::event::{Event, EventKind};
use super::record::{History, Summary};

/// One event as a row. Absent values are empty texts, as process-mining tools want them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogRow {
    /// The deal, by the id it has today.
    pub deal: String,
    /// `created`, `moved`, `changed`, `removed`, `restored` or `renamed`; `found` for a deal that was there already where
    /// a shallow clone begins.
    pub event: &'static str,
    /// The field that changed.
    pub field: String,
    /// The stage, value or id before.
    pub from: String,
    /// The stage, value or id after.
    pub to: String,
    /// When it happened, RFC 3339 in UTC.
    pub at: String,
    /// When the reported branch came to know it, RFC 3339 in UTC.
    pub known_at: String,
    /// The author's e-mail address, or the name where there is no address.
    pub author: String,
    /// The commit.
    pub commit: String,
}

/// All events as rows, oldest first.
pub fn rows(history: &History) -> impl Iterator<Item = LogRow> + '_ {
    history.events.iter().map(|event| row_of(history, event))
}

/// One event of a history as a row.
pub fn row_of(history: &Summary, event: &Event) -> LogRow {
    let row = row(event);
    if is_at_edge(history, event) { LogRow { event: "found", ..row } } else { row }
}

/// Whether a deal did not come in with this event, but was there already where a shallow clone begins.
pub fn is_at_edge(history: &Summary, event: &Event) -> bool {
    history.incomplete
        && matches!(event.kind, EventKind::Created { .. })
        && history.first_known_at == Some(event.known_at)
        && history.imports.contains(&event.commit)
}

/// One event as a row.
pub fn row(event: &Event) -> LogRow {
    let (field, from, to) = match &event.kind {
        EventKind::Created { stage } | EventKind::Restored { stage } => {
            (String::new(), String::new(), stage.to_string())
        }
        EventKind::Moved { from, to, .. } => (String::new(), from.to_string(), to.to_string()),
        EventKind::Changed { field, from, to } => {
            (field.to_string(), from.clone().unwrap_or_default(), to.clone().unwrap_or_default())
        }
        EventKind::Removed { stage } => (String::new(), stage.to_string(), String::new()),
        EventKind::Renamed { from } => (String::new(), from.to_string(), event.deal.to_string()),
    };
    let author = if event.author.email.is_empty() { &event.author.name } else { &event.author.email };
    LogRow {
        deal: event.deal.to_string(),
        event: event.kind.as_str(),
        field,
        from,
        to,
        at: rfc3339(event.at.0),
        known_at: rfc3339(event.known_at.0),
        author: author.clone(),
        commit: event.commit.to_string(),
    }
}

/// Seconds since 1970 as `2026-01-05T09:00:00Z`. Times of commits are kept within the years 1 to 9999, which all can be
/// written so; any other number is written as it is.
pub fn rfc3339(seconds: i64) -> String {
    match DateTime::from_timestamp(seconds, 0) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Secs, true),
        None => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_a_z() {
        assert_eq!(rfc3339(1_767_603_600), "2026-01-05T09:00:00Z");
        assert_eq!(rfc3339(crate::repo::objects::LATEST), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(crate::repo::objects::EARLIEST), "0001-01-01T00:00:00Z");
    }
}
