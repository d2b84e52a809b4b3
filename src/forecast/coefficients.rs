//! How the deals of a region, a source or an owner differ from the others of their stage.
//!
//! For each value of a field the wins that were seen are set against those that the hazards of the stage would have
//! brought, whatever the field says. Their ratio multiplies the hazards. Both are the same for all deals together, so that
//! a field tells its values apart and moves nothing as a whole. Every value begins as if it had seen some deals that
//! behaved like all others, so that a few of them do not say much. With several fields each is reckoned with the
//! factors of the others (iterative proportional fitting), so that two fields that say the same do not count twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::history::event::ValidAt;
use crate::metrics::journey::Journeys;

use super::cells::{DAYS, Ending, Watched, each_watched};
use super::hazards::{Factors, Table};
use super::log::Past;
use crate::format::pipeline::Pipeline;

/// So many wins as expected each value begins with.
const WEIGHT: f64 = 10.0;

/// How often the fields are reckoned in turn.
const ROUNDS: usize = 3;

/// No factor lies outside.
const BOUNDS: (f64, f64) = (0.25, 4.0);

/// So many values of a field get a factor, the most frequent ones.
const VALUES: usize = 50;

/// A value of a field, and by how much its deals differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// The field, as a dotted name.
    pub field: String,
    /// The value.
    pub value: String,
    /// What the hazard of being won is multiplied with.
    pub factor_won: f64,
    /// Wins that were seen. A deal that visited several stages counts once, its visits in equal parts.
    pub won: f64,
    /// Wins that the other deals of the same stages would have brought.
    pub expected_won: f64,
    /// What the hazard of being lost is multiplied with.
    pub factor_lost: f64,
    /// Losses that were seen.
    pub lost: f64,
    /// Losses that the other deals would have brought.
    pub expected_lost: f64,
}

/// The coefficients of all fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coefficients {
    fields: Vec<Field>,
}

/// Those of a field.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    values: BTreeMap<String, Coefficient>,
}

/// A visit, as far as coefficients are concerned.
struct Subject {
    ending: Ending,
    /// Part of its deal, the visits of a deal together are 1.
    share: f64,
    /// The sums of the hazards that it went through.
    expected: (f64, f64),
    /// The number of its value in each field.
    values: Vec<Option<usize>>,
}

impl Coefficients {
    /// Reckons the coefficients of these fields. A visit counts with the value that the deal had when it began.
    pub fn of(
        pipeline: &Pipeline,
        journeys: &Journeys,
        past: &Past<'_>,
        table: &Table,
        fields: &[String],
    ) -> Coefficients {
        if fields.is_empty() {
            return Coefficients::default();
        }
        let names: Vec<Vec<&str>> = fields.iter().map(|field| frequent(journeys, past, field)).collect();
        let sums: Vec<Vec<(f64, f64)>> = (0..pipeline.won_index())
            .map(|stage| table.hazards(stage, 0).map(|hazards| hazards.sums().collect()).unwrap_or_default())
            .collect();
        let mut subjects = Vec::new();
        each_watched(pipeline, journeys, past.time().0, |deal, visits| {
            for watched in visits {
                let at = Some(ValidAt(watched.entered));
                let number = |(field, names): (&String, &Vec<&str>)| {
                    past.value(deal, field, at).and_then(|value| names.binary_search(&value).ok())
                };
                subjects.push(Subject {
                    ending: if watched.days_from(watched.entered) < DAYS { watched.ending } else { Ending::Undecided },
                    share: 1.0 / visits.len().max(1) as f64,
                    expected: expected(watched, sums.get(watched.stage).map(Vec::as_slice).unwrap_or_default()),
                    values: fields.iter().zip(&names).map(number).collect(),
                });
            }
        });
        fit(fields, &names, &subjects)
    }

    /// The factors of a deal whose fields have these values, in the order of the fields. A value that was never seen
    /// changes nothing.
    pub fn factors(&self, values: &[Option<&str>]) -> Factors {
        let known = self.fields.iter().zip(values).filter_map(|(field, value)| field.values.get((*value)?));
        known.fold(Factors::ONE, |all, own| Factors { won: all.won * own.factor_won, lost: all.lost * own.factor_lost })
    }

    /// The coefficient of each field for a deal with these values.
    pub fn of_values<'c>(&'c self, values: &'c [Option<&str>]) -> impl Iterator<Item = &'c Coefficient> {
        self.fields.iter().zip(values).filter_map(|(field, value)| field.values.get((*value)?))
    }

    /// The fields, in the order in which the pipeline names them.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// Every coefficient, by field, then by value.
    pub fn all(&self) -> impl Iterator<Item = &Coefficient> {
        self.fields.iter().flat_map(|field| field.values.values())
    }
}

/// The most frequent values of a field, by name.
fn frequent<'l>(journeys: &Journeys, past: &Past<'l>, field: &str) -> Vec<&'l str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (deal, _) in journeys.numbered() {
        for value in past.values(deal, field).collect::<BTreeSet<&str>>() {
            *counts.entry(value).or_default() += 1;
        }
    }
    let mut values: Vec<(&str, usize)> = counts.into_iter().collect();
    values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut names: Vec<&str> = values.into_iter().take(VALUES).map(|(value, _)| value).collect();
    names.sort_unstable();
    names
}

/// The sums of the hazards over the time that a visit was watched. The day on which it was seen last, undecided, counts
/// half.
fn expected(watched: &Watched, sums: &[(f64, f64)]) -> (f64, f64) {
    let days = watched.days_from(watched.entered);
    let upto = |day: usize| sums.get(day.min(sums.len().saturating_sub(1))).copied().unwrap_or_default();
    let last = upto(days);
    if watched.ending != Ending::Undecided || days >= DAYS {
        return last;
    }
    let before = days.checked_sub(1).map(upto).unwrap_or_default();
    ((last.0 + before.0) / 2.0, (last.1 + before.1) / 2.0)
}

fn fit(fields: &[String], names: &[Vec<&str>], subjects: &[Subject]) -> Coefficients {
    let coefficient = |field: &String, value: &&str| Coefficient {
        field: field.clone(),
        value: (*value).to_owned(),
        factor_won: 1.0,
        won: 0.0,
        expected_won: 0.0,
        factor_lost: 1.0,
        lost: 0.0,
        expected_lost: 0.0,
    };
    let mut found: Vec<Vec<Coefficient>> = fields
        .iter()
        .zip(names)
        .map(|(field, names)| names.iter().map(|value| coefficient(field, value)).collect())
        .collect();
    for _ in 0..ROUNDS {
        for field in 0..found.len() {
            for own in found.get_mut(field).into_iter().flatten() {
                (own.won, own.lost, own.expected_won, own.expected_lost) = (0.0, 0.0, 0.0, 0.0);
            }
            let (mut seen, mut foreseen) = ((0.0, 0.0), (0.0, 0.0));
            for subject in subjects {
                let others = subject.values.iter().enumerate().filter(|(other, _)| *other != field);
                let factors = others.fold(Factors::ONE, |all, (other, value)| {
                    let own = value.and_then(|value| found.get(other)?.get(value));
                    own.map_or(all, |own| Factors { won: all.won * own.factor_won, lost: all.lost * own.factor_lost })
                });
                let (won, lost) = match subject.ending {
                    Ending::Won => (subject.share, 0.0),
                    Ending::Lost => (0.0, subject.share),
                    Ending::Undecided => (0.0, 0.0),
                };
                let expected_won = subject.share * subject.expected.0 * factors.won;
                let expected_lost = subject.share * subject.expected.1 * factors.lost;
                seen = (seen.0 + won, seen.1 + lost);
                foreseen = (foreseen.0 + expected_won, foreseen.1 + expected_lost);
                let value = subject.values.get(field).copied().flatten();
                let Some(own) = value.and_then(|value| found.get_mut(field)?.get_mut(value)) else { continue };
                own.won += won;
                own.lost += lost;
                own.expected_won += expected_won;
                own.expected_lost += expected_lost;
            }
            // A won deal has been through more stages than a lost one, so each of its visits has a smaller part, and all
            // deals together would seem to lose too much.
            let scale = |seen: f64, foreseen: f64| if foreseen > 0.0 { seen / foreseen } else { 1.0 };
            let (scale_won, scale_lost) = (scale(seen.0, foreseen.0), scale(seen.1, foreseen.1));
            let factor = |seen: f64, expected: f64| ((seen + WEIGHT) / (expected + WEIGHT)).clamp(BOUNDS.0, BOUNDS.1);
            for own in found.get_mut(field).into_iter().flatten() {
                own.expected_won *= scale_won;
                own.expected_lost *= scale_lost;
                own.factor_won = factor(own.won, own.expected_won);
                own.factor_lost = factor(own.lost, own.expected_lost);
            }
        }
    }
    let field = |(name, values): (&String, Vec<Coefficient>)| Field {
        name: name.clone(),
        values: values.into_iter().map(|own| (own.value.clone(), own)).collect(),
    };
    Coefficients { fields: fields.iter().zip(found).map(field).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::fixture::{Story, log};
    use crate::forecast::log::Log;
    use crate::forecast::model::Model;
    use crate::format::forecast::ForecastSettings;
    use crate::history::event::KnownAt;
    use crate::metrics::fixture::{day, pipeline};

    /// Of 40 deals of the EU 30 are won on the tenth day, of 40 others 10; the rest is lost then.
    fn two_regions() -> Log {
        let ids: Vec<String> = (0..80).map(|i| format!("d{i:02}")).collect();
        let (won, lost) = ([("brief", 0), ("won", 10)], [("brief", 0), ("lost", 10)]);
        let (eu, us) = ([("region", "EU"), ("twin", "EU")], [("region", "US"), ("twin", "US")]);
        let story = |(i, id): (usize, &'static str)| -> Story<'static> {
            let is_won = if i < 40 { i < 30 } else { i < 50 };
            let way: &'static [(&str, i64)] = if is_won { Vec::leak(won.to_vec()) } else { Vec::leak(lost.to_vec()) };
            let fields: &'static [(&str, &str)] = if i < 40 { Vec::leak(eu.to_vec()) } else { Vec::leak(us.to_vec()) };
            (id, way, fields)
        };
        let stories: Vec<Story> =
            ids.iter().map(|id| -> &'static str { id.clone().leak() }).enumerate().map(story).collect();
        log(&stories)
    }

    fn coefficients(fields: &[&str], weight: f64) -> Coefficients {
        let (log, pipeline) = (two_regions(), pipeline(&["brief"]));
        let coefficients = fields.iter().map(|field| (*field).to_owned()).collect();
        let settings = ForecastSettings { coefficients, weight, ..ForecastSettings::default() };
        Model::fit(&pipeline, &settings, &log.until(KnownAt(day(20)))).coefficients().clone()
    }

    #[test]
    fn a_factor_is_wins_seen_over_wins_expected_with_ten_more_of_both() {
        let found = coefficients(&["region"], 0.0);
        let eu = found.all().next().unwrap();
        assert_eq!((eu.field.as_str(), eu.value.as_str(), eu.won, eu.lost), ("region", "EU", 30.0, 10.0));
        // Half of all deals are won on the tenth day, so 20 of these 40 were to be expected.
        assert!((eu.expected_won - 20.0).abs() < 1e-9 && (eu.factor_won - 40.0 / 30.0).abs() < 1e-9);
        assert!((eu.factor_lost - 20.0 / 30.0).abs() < 1e-9);
        let factors = found.factors(&[Some("US")]);
        assert!((factors.won - 20.0 / 30.0).abs() < 1e-9);
        assert_eq!(found.factors(&[Some("Moon")]), Factors::ONE);
        assert_eq!(found.factors(&[None]), Factors::ONE);
    }

    #[test]
    fn two_fields_that_say_the_same_hardly_count_twice() {
        let (one, two) = (coefficients(&["region"], 0.0), coefficients(&["region", "twin"], 0.0));
        let once = one.factors(&[Some("EU")]).won;
        let twice = two.factors(&[Some("EU"), Some("EU")]).won;
        assert!(twice < once * 1.15 && twice > once * 0.95, "{once} and {twice}");
    }

    #[test]
    fn a_field_that_is_the_same_in_all_deals_changes_nothing() {
        // Won deals go through three stages, lost ones are lost in the first.
        let ids: Vec<String> = (0..40).map(|i| format!("d{i:02}")).collect();
        let won = [("brief", 0), ("offer", 5), ("talks", 9), ("won", 14)];
        let lost = [("brief", 0), ("lost", 8)];
        let ways = |i: usize| -> &[(&str, i64)] { if i < 10 { &won } else { &lost } };
        let region = [("region", "EU")];
        let stories: Vec<Story> = ids.iter().enumerate().map(|(i, id)| (id.as_str(), ways(i), &region[..])).collect();
        let settings = ForecastSettings { coefficients: vec!["region".to_owned()], ..ForecastSettings::default() };
        let log = log(&stories);
        let model = Model::fit(&pipeline(&["brief", "offer", "talks"]), &settings, &log.until(KnownAt(day(30))));
        let found = model.coefficients().all().next().unwrap();
        assert!((found.won - 10.0).abs() < 1e-9 && (found.lost - 30.0).abs() < 1e-9, "{found:?}");
        assert!((found.factor_won - 1.0).abs() < 1e-9 && (found.factor_lost - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn the_value_counts_that_the_deal_had_when_the_visit_began() {
        let mut events = vec![];
        for i in 0..10 {
            let id = format!("d{i}");
            let stage = crate::format::ident::StageId::new("brief").unwrap();
            let created = crate::history::event::EventKind::Created { stage };
            events.push(crate::forecast::fixture::event(&id, 0, 0, created));
            let later = crate::history::event::EventKind::Changed {
                field: "region".into(),
                from: Some("EU".to_owned()),
                to: Some("US".to_owned()),
            };
            events.push(crate::forecast::fixture::event(&id, 5, 5, later));
        }
        let (from, to) = (["brief", "lost"]).map(|id| crate::format::ident::StageId::new(id).unwrap()).into();
        let direction = crate::history::event::Direction::End;
        let lost = crate::history::event::EventKind::Moved { from, to, direction };
        events.push(crate::forecast::fixture::event("d0", 10, 10, lost));
        let ids: Vec<String> = (0..10).map(|i| format!("d{i}")).collect();
        let born: Vec<_> = ids.iter().map(|id| (id.as_str(), "region", "EU")).collect();
        let log = Log::of(&crate::metrics::fixture::history(events, &born));
        let settings = ForecastSettings { coefficients: vec!["region".to_owned()], ..ForecastSettings::default() };
        let model = Model::fit(&pipeline(&["brief"]), &settings, &log.until(KnownAt(day(20))));
        let found: Vec<_> =
            model.coefficients().all().map(|own| (own.value.as_str(), own.expected_lost > 0.0)).collect();
        assert_eq!(found, [("EU", true), ("US", false)]);
    }
}
