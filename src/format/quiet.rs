//! What counts as something that happens to a deal.

use chrono::NaiveDate;

use super::pipeline::Pipeline;

/// The fields whose change counts, beside the stage and activities. A commit that mends a typing error, or another owner,
/// does not make a quiet deal lively.
pub const MEANINGFUL: [&str; 4] = ["amount", "close_date", "next_step.what", "next_step.due"];

/// When something that counts last happened to a deal, in seconds since 1970, up to `until`; `None` where nothing has, or
/// nothing is known. `told` is when history last tells of a change, up to then; `days` are the days of its activities,
/// sorted. An activity has a day only, and counts until that day is over.
pub fn last_change(pipeline: &Pipeline, told: Option<i64>, days: &[NaiveDate], until: i64) -> Option<i64> {
    let day = pipeline.day_of(until);
    let acted = days.get(..days.partition_point(|on| *on <= day)).and_then(|days| days.last());
    told.max(acted.map(|on| pipeline.end_of(*on).min(until)))
}
