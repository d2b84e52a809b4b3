//! Where hours of work went, and who would be cut off.

use std::io;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::expr::Expression;
use crate::format::ident::CriterionId;
use crate::format::judge::Circumstances;
use crate::format::pipeline::{Criterion, CriterionTest, Pipeline};
use crate::format::source::{FileEntry, Source};
use crate::metrics::effort::{self, Effort, effort};
use crate::metrics::journey::journeys;

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::DaysOf;
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    ("hours", "sum of the hours under effort, of the days that were asked for"),
    ("stages", "hours by the stage in which the deal was when the day of the entry began"),
    ("per_thousand", "hours divided by amount, times 1,000"),
    ("before_payment", "hours up to the day of the first payment that was received; all where there was none"),
    ("won_median", "median of the hours of won deals that work was done for"),
    ("lost_p90", "hours that nine of ten lost deals with work do not exceed"),
    ("lost_after_much", "lost deals with more hours than won_median or than lost_p90"),
    ("cut_off", "open deals without a payment that do not meet a criterion which looks at effort, of whatever level"),
];

/// A criterion that looks at effort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its id.
    pub criterion: CriterionId,
    /// What it says.
    pub text: String,
    /// `error` refuses a move, `warning` and `info` tell, `off` is silent.
    pub level: &'static str,
}

/// Where hours of work went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffortReport {
    /// The first day on which work counts; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last such day; `None`: up to now.
    pub to: Option<NaiveDate>,
    /// The criteria of the pipeline that look at effort.
    pub rules: Vec<Rule>,
    /// The hours.
    pub effort: Part<Effort>,
}

impl Body for EffortReport {
    const NAME: &'static str = "effort";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("stages", "/effort/stages"),
        ("people", "/effort/people"),
        ("outcomes", "/effort/outcomes"),
        ("deals", "/effort/list"),
        ("lost-after-much", "/effort/lost_after_much"),
        ("cut-off", "/effort/cut_off"),
    ];

    fn rows(&self) -> usize {
        self.effort.list.len() + self.effort.lost_after_much.len() + self.effort.cut_off.len()
    }

    fn restrict(&mut self, profile: Profile) {
        let effort = &mut self.effort.said;
        effort.list.truncate(profile.deals());
        effort.lost_after_much.truncate(profile.deals());
        effort.cut_off.truncate(profile.deals());
        if !profile.sees_names() {
            effort.people.clear();
        }
    }
}

/// Adds up the hours of the days that were asked for.
pub fn make(facts: &Facts<'_>) -> EffortReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    let rules = rules(facts.pipeline);
    let fails = |deal: &Deal| -> Vec<CriterionId> {
        let circumstances = Circumstances { today: facts.today, source: &NoFiles, days_in_stage: None, visited: None };
        let fails = |expression: &Expression| {
            // What cannot be said for want of an amount is no verdict; that nothing was paid or done is one.
            let answer = expression.evaluate(facts.pipeline, deal, &circumstances);
            let told = |field: &String| ["payments", "effort"].contains(&field.as_str());
            answer.is_ok_and(|a| !a.holds && a.missing.iter().chain(&a.missing_one_of).all(told))
        };
        rules.iter().filter(|(_, expression)| fails(expression)).map(|(criterion, _)| criterion.id.clone()).collect()
    };
    let span = facts.asked.span;
    let told = effort(&effort::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys: &journeys,
        day: facts.today,
        span,
        fails: &fails,
        floors: facts.floors,
    });
    let rule = |(criterion, _): &(&Criterion, &Expression)| Rule {
        criterion: criterion.id.clone(),
        text: criterion.text.clone(),
        level: criterion.level.as_str(),
    };
    EffortReport {
        from: span.and_then(|span| DaysOf::from(span).from),
        to: span.map(|span| span.to),
        rules: rules.iter().map(rule).collect(),
        effort: facts.part(told),
    }
}

/// The criteria that look at effort and can be answered by the deal alone.
fn rules(pipeline: &Pipeline) -> Vec<(&Criterion, &Expression)> {
    let reads_effort = |expression: &Expression| {
        let reads = expression.fields().iter().any(|path| path == "effort" || path.starts_with("effort."));
        reads && !expression.uses_days_in_stage() && !expression.uses_files()
    };
    let mut rules = Vec::new();
    for criterion in pipeline.criteria() {
        if let CriterionTest::Check(expression) = &criterion.test
            && reads_effort(expression)
        {
            rules.push((criterion, expression));
        }
    }
    rules
}

/// A place without files, for expressions that ask for none.
struct NoFiles;

impl Source for NoFiles {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        Ok(Vec::new())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::NotFound, path.to_owned()))
    }

    fn repository_has(&self, _: &str) -> bool {
        false
    }
}
