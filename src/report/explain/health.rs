//! The numbers of signs of trouble.

use std::collections::HashSet;

use rust_decimal::Decimal;

use crate::format::ident::DealId;
use crate::format::pipeline::EndKind;
use crate::metrics::funnel::Window;
use crate::metrics::journey::{Spot, Visit};
use crate::metrics::quiet::{Card, QuietDeal};
use crate::metrics::rows::Rows;
use crate::report::health::HealthReport;

use super::figure::Figure;
use super::ground::Ground;
use super::number::{Cause, Number, Pick, Way};

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &HealthReport) -> Vec<Number<'a>> {
    let health = &report.health.said;
    let mut all = Vec::new();
    let mut add = |word: &str, title: &str, meaning: &'static str, count: usize, picks: Vec<Pick>| {
        let formula = format!("{count} of {} that are open", ground.deals(health.open));
        let number = Number::new(format!("health.{word}"), title, Figure::Count(count), count, move || picks.clone());
        all.push(number.says(meaning, formula).claims(count, None));
    };
    let quiet = |deals: &Rows<QuietDeal>| -> Vec<Pick> {
        let pick = |deal: &QuietDeal| {
            let how = format!("quiet for {} d, {} d would be in order", deal.quiet_days, deal.allowed_days);
            Pick::yes(&deal.card.id, how, Cause::Here)
        };
        deals.iter().map(pick).collect()
    };
    add("stale", "Open deals that are stale", "stale", health.stale_count, quiet(&health.stale));
    add("silent", "Open deals that are silent", "silent", health.silent_count, quiet(&health.silent));
    let field = |id: &DealId, how: String, field: &'static str| Pick::yes(id, how, Cause::Field(field, i64::MAX));
    let overdue = health.overdue_close_dates.iter();
    let overdue =
        overdue.map(|own| field(&own.card.id, format!("due {}, {} days ago", own.due, own.days), "close_date"));
    let title = "Open deals past their close date";
    add("overdue_close_dates", title, title, health.overdue_close_dates_count, overdue.collect());
    let steps = health.overdue_next_steps.iter().map(|own| {
        let what = own.what.as_deref().unwrap_or("next step");
        field(&own.card.id, format!("{what}, due {}, {} days ago", own.due, own.days), "next_step.due")
    });
    let title = "Open deals past the day of their next step";
    add("overdue_next_steps", title, title, health.overdue_next_steps.len(), steps.collect());
    let none = health.no_next_step.iter();
    let none = none.map(|card: &Card| field(&card.id, format!("in {}", card.stage_title), "next_step.what"));
    let title = "Open deals without a next step";
    add("no_next_step", title, title, health.no_next_step_count, none.collect());
    let pushed = health.pushed.iter().map(|own| {
        let how = format!("put off {} times by {} days in all", own.pushes, own.days);
        field(&own.card.id, how, "close_date")
    });
    add("pushed", "Open deals whose close date was put off often", "pushed", health.pushed.len(), pushed.collect());

    let pipeline = ground.facts.pipeline;
    let window = Window {
        from: Some(pipeline.start_of(health.now.from)),
        until: Some(pipeline.end_of(health.now.to).saturating_add(1)),
    };
    for leak in &health.leakage {
        let Some(index) = pipeline.stages.iter().position(|stage| stage.id == leak.stage) else { continue };
        let silent: HashSet<DealId> =
            health.silent.iter().filter(|own| own.card.stage == leak.stage).map(|own| own.card.id.clone()).collect();
        let formula = format!(
            "({} lost from {} + {} silent in it now) / {} that were in it from {} to {}",
            leak.lost,
            leak.title,
            leak.silent,
            ground.deals(leak.deals),
            health.now.from,
            health.now.to
        );
        let title = format!("Share of deals in {} that leaked", leak.title);
        let value = Figure::Share(leak.share.clone());
        let number = Number::new(format!("health.leakage.{}", leak.stage), title, value, leak.deals, move || {
            leaked(ground, window, index, &silent)
        });
        // A deal may have been lost twice, or be silent after it came back.
        let times = Decimal::from((leak.lost + leak.silent) as u64);
        all.push(number.says("leakage", formula).floor(ground.facts.floors.rate).sums(Some(times)));
    }
    all
}

/// The deals that were in a stage at some time of the window, and how often each leaked out of it.
fn leaked(ground: &Ground<'_>, window: Window, index: usize, silent: &HashSet<DealId>) -> Vec<Pick> {
    let mut picks = Vec::new();
    for (id, journey) in ground.sorted() {
        let overlaps = |v: &Visit| {
            let begins_in_time = window.until.is_none_or(|until| v.entered < until);
            begins_in_time && window.from.is_none_or(|from| v.left.is_none_or(|left| left >= from))
        };
        let own = journey.visits.iter().filter(|v| v.spot == Spot::Stage(index));
        let Some(last) = own.filter(|v| overlaps(v)).next_back() else { continue };
        let pairs = journey.visits.windows(2);
        let lost: Vec<i64> = pairs
            .filter(|pair| matches!(pair, [from, to] if from.spot == Spot::Stage(index) && to.spot == Spot::End(EndKind::Lost)))
            .filter_map(|pair| pair.last().map(|to| to.entered))
            .filter(|at| window.holds(*at))
            .collect();
        let is_silent = silent.contains(id);
        let times = lost.len() + usize::from(is_silent);
        let (how, cause) = match (lost.last(), is_silent) {
            (Some(at), _) => ("lost from it", Cause::Stage(*at)),
            (None, true) => ("silent in it", Cause::Stage(last.entered)),
            (None, false) if last.left.is_none() => ("in it", Cause::Stage(last.entered)),
            (None, false) => ("left otherwise", Cause::Stage(last.left.unwrap_or(last.entered))),
        };
        let counts = if times > 0 { Way::Yes } else { Way::No };
        let part = Decimal::from(times as u64);
        picks.push(Pick { counts, ..Pick::yes(id, how, cause).part(Some(part)) });
    }
    picks
}
