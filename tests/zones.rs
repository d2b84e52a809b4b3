//! Our time zones against those of another library, which reads the database of zones in another way.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use tussock::format::zone::Zone;

/// The first second of 1970 and of 2038.
const SPAN: (i64, i64) = (0, 2_145_916_800);

const DAY: i64 = 86_400;

/// What the editions of the database tell differently: ours is 2026e, theirs 2025b. Clocks in parts of Canada stay on
/// summer time from 2026 on, those of Morocco and Moldova change in another way, and a few old changes are known better.
const CHANGED: [(&str, &str, &str); 20] = [
    ("Africa/Casablanca", "2026-09-19", "2038-01-01"),
    ("Africa/El_Aaiun", "2026-09-19", "2038-01-01"),
    ("America/Bogota", "1992-05-01", "1992-05-05"),
    ("America/Edmonton", "2026-10-31", "2038-01-01"),
    ("America/Ensenada", "1970-04-25", "1975-10-28"),
    ("America/Inuvik", "2026-10-31", "2038-01-01"),
    ("America/Rainy_River", "2026-10-31", "2038-01-01"),
    ("America/Santa_Isabel", "1970-04-25", "1975-10-28"),
    ("America/Tijuana", "1970-04-25", "1975-10-28"),
    ("America/Vancouver", "2026-10-31", "2038-01-01"),
    ("America/Winnipeg", "2026-10-31", "2038-01-01"),
    ("America/Yellowknife", "2026-10-31", "2038-01-01"),
    ("Asia/Tehran", "1979-05-25", "1979-05-29"),
    ("Canada/Central", "2026-10-31", "2038-01-01"),
    ("Canada/Mountain", "2026-10-31", "2038-01-01"),
    ("Canada/Pacific", "2026-10-31", "2038-01-01"),
    ("Europe/Chisinau", "2022-03-26", "2038-01-01"),
    ("Europe/Tiraspol", "2022-03-26", "2038-01-01"),
    ("Iran", "1979-05-25", "1979-05-29"),
    ("Mexico/BajaNorte", "1970-04-25", "1975-10-28"),
];

/// Whether both editions of the database tell the same of a zone at an instant.
fn is_told_alike(name: &str, instant: i64) -> bool {
    let day = utc(instant).date_naive();
    let at = |text: &str| text.parse::<NaiveDate>().unwrap();
    !CHANGED.iter().any(|(zone, from, to)| *zone == name && at(from) <= day && day < at(to))
}

/// Zones both know.
fn shared() -> Vec<(Tz, Zone)> {
    TZ_VARIANTS.iter().filter_map(|peer| Some((*peer, Zone::named(peer.name())?))).collect()
}

fn utc(instant: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(instant, 0).unwrap()
}

fn ahead(peer: Tz, instant: i64) -> i64 {
    i64::from(peer.offset_from_utc_datetime(&utc(instant).naive_utc()).fix().local_minus_utc())
}

/// The instants at which the offset of a zone changes, found by looking at it every third day and halving.
fn changes(ahead: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut from = SPAN.0;
    while from < SPAN.1 {
        let to = from + 3 * DAY;
        if ahead(from) != ahead(to) {
            let (mut low, mut high) = (from, to);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if ahead(middle) == ahead(from) { low = middle } else { high = middle }
            }
            found.push(high);
        }
        from = to;
    }
    found
}

/// The first instant at which the clocks show this local time, or the one at which they are put forward over it.
fn first_instant(peer: Tz, local: NaiveDateTime) -> i64 {
    match peer.from_local_datetime(&local).earliest() {
        Some(instant) => instant.timestamp(),
        None => {
            let shown = |instant: i64| instant + ahead(peer, instant);
            let wanted = local.and_utc().timestamp();
            let (mut low, mut high) = (wanted - 2 * DAY, wanted + 2 * DAY);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if shown(middle) < wanted { low = middle } else { high = middle }
            }
            high
        }
    }
}

/// What differs between the two at an instant and around it.
fn difference(peer: Tz, zone: &Zone, instant: i64) -> Option<String> {
    if !is_told_alike(peer.name(), instant) {
        return None;
    }
    if zone.ahead(instant) != ahead(peer, instant) {
        return Some(format!("offset at {instant}: {} and {}", zone.ahead(instant), ahead(peer, instant)));
    }
    let theirs = utc(instant).with_timezone(&peer);
    if zone.at(utc(instant)).naive_local() != theirs.naive_local() {
        return Some(format!("clock at {instant}"));
    }
    let day = theirs.date_naive();
    if zone.day_of(instant) != day {
        return Some(format!("day of {instant}: {} and {day}", zone.day_of(instant)));
    }
    for day in [day, day + Days::new(1)] {
        let (ours, theirs) = (zone.start_of(day), first_instant(peer, day.and_time(NaiveTime::MIN)));
        if ours != theirs {
            return Some(format!("start of {day}: {ours} and {theirs}"));
        }
    }
    // The local time of this instant, and the same reading of the clock before and after a change by an hour or less.
    for shift in [0, -3600, -1800, -1, 1, 1800, 3600] {
        let local = utc(instant + ahead(peer, instant) + shift).naive_utc();
        let (ours, theirs) = (zone.instant_of(local), first_instant(peer, local));
        if ours != theirs {
            return Some(format!("instant of {local}: {ours} and {theirs}"));
        }
    }
    None
}

#[test]
fn agree_on_both_sides_of_every_change_of_every_zone() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for (peer, zone) in shared() {
        let mut changes_of_both = changes(|instant| ahead(peer, instant));
        changes_of_both.extend(changes(|instant| zone.ahead(instant)));
        let around: BTreeSet<i64> =
            changes_of_both.iter().flat_map(|change| [change - 1, *change, change + 1]).collect();
        for instant in around {
            checked += 1;
            wrong.extend(difference(peer, &zone, instant).map(|what| format!("{peer}: {what}")));
        }
    }
    assert!(checked > 50_000, "{checked}");
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn all_zones_of_the_other_are_known() {
    let ours: BTreeSet<String> = Zone::names().into_iter().collect();
    let unknown: Vec<&str> = TZ_VARIANTS.iter().map(|peer| peer.name()).filter(|name| !ours.contains(*name)).collect();
    assert_eq!(unknown, [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agree_at_any_instant(instant in SPAN.0..SPAN.1) {
        for (peer, zone) in shared() {
            let found = difference(peer, &zone, instant);
            prop_assert!(found.is_none(), "{}: {:?}", peer, found);
        }
    }
}
