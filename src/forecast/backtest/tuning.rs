//! Which settings would have forecast better.
//!
//! They are chosen on the first two thirds of the cut-offs and scored on the last third, beside those that the file had. A
//! cut-off whose horizon reaches into the last third has no part in the choice: what came of it is partly what the others
//! are scored by.

use rayon::prelude::*;
use serde::Serialize;

use crate::forecast::total::Totals;
use crate::format::forecast::{ForecastSettings, MOST_COEFFICIENTS, OPINIONS};
use crate::format::money::Currency;
use crate::format::pipeline::Pipeline;
use crate::format::schema::FieldType;
use crate::metrics::total::Total;

use super::bootstrap::{Difference, ENOUGH_PERIODS, Paired, Verdict, paired};
use super::cutoffs::{self, Cutoff, Step};
use super::look::{Look, Said, Scene, Ways};
use super::method::Method;
use super::score::{self, Coverage};
use super::scores::{Sum, range};
use super::{Bench, Changed};

/// Weights of the prior that are tried.
pub const WEIGHTS: [f64; 5] = [1.0, 3.0, 10.0, 30.0, 100.0];

/// Degrees of dependence that are tried.
pub const DEPENDENCES: [f64; 7] = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];

/// Fields that are tried, at most.
const MOST_TRIED: usize = 8;

/// The settings that are chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// How many deals the prior weighs as much as.
    pub weight: f64,
    /// How much deals are won and lost together.
    pub dependence: f64,
    /// The fields that make a difference.
    pub coefficients: Vec<String>,
}

impl Settings {
    fn of(settings: &ForecastSettings) -> Settings {
        let ForecastSettings { weight, dependence, coefficients, .. } = settings;
        Settings { weight: *weight, dependence: *dependence, coefficients: coefficients.clone() }
    }
}

/// A number that was tried, and the loss with it on the first two thirds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The number.
    pub value: f64,
    /// The loss: the mean surprise for a weight, the mean ranked probability score for a dependence.
    pub loss: f64,
}

/// A field that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriedField {
    /// Its name.
    pub field: String,
    /// Mean surprise with it, beside the fields chosen before it, minus without it.
    #[serde(flatten)]
    pub difference: Paired,
    /// Whether it was taken: only where the interval lies below 0.
    pub taken: bool,
}

/// Scores on the last third.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// The mean square of the errors.
    pub brier: Option<f64>,
    /// The mean surprise.
    pub log_loss: Option<f64>,
    /// The mean ranked probability score of the sums.
    pub crps: Option<Total>,
    /// How often what came lay inside the range from P10 to P90.
    pub coverage: Option<Coverage>,
}

/// What the choice of settings gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuning {
    /// Cut-offs that the settings were chosen on.
    pub chosen_on: usize,
    /// Cut-offs that they were scored on.
    pub scored_on: usize,
    /// The weights that were tried.
    pub weights: Vec<Tried>,
    /// The degrees of dependence.
    pub dependences: Vec<Tried>,
    /// The fields, in the order in which they were tried last.
    pub fields: Vec<TriedField>,
    /// What the last pipeline file says.
    pub file: Settings,
    /// What was chosen.
    pub chosen: Settings,
    /// The scores with the file of each time.
    pub with_file: Scores,
    /// The scores with the chosen settings.
    pub with_chosen: Scores,
    /// Mean surprise with the chosen ones minus with the file.
    pub log_loss: Option<Paired>,
    /// Mean ranked probability score with the chosen ones minus with the file.
    pub crps: Option<Paired>,
    /// Which is better; `first` are the chosen ones.
    pub verdict: Verdict,
    /// The lines that put them into `pipeline.yaml`, below `forecast:`; none where they are no better, or the same.
    pub lines: Vec<String>,
}

/// The fields that are tried: those that the file names, and its own fields of few values. The history must be read with
/// them.
pub fn candidates(pipeline: &Pipeline) -> Vec<String> {
    let mut names = pipeline.forecast.coefficients.clone();
    let own = pipeline.fields.iter().filter(|field| matches!(field.of, FieldType::Enum(_) | FieldType::Boolean));
    for field in own {
        if !names.contains(&field.name) && !OPINIONS.contains(&field.name.as_str()) {
            names.push(field.name.clone());
        }
    }
    names.truncate(MOST_TRIED);
    names
}

/// Chooses settings and scores them; `None` where there is too little to choose by. `looks` are those with the settings of
/// the file.
pub(super) fn tune(bench: &Bench<'_>, cutoffs: &[Cutoff], looks: &[Look], step: Step) -> Option<Tuning> {
    let block = cutoffs::block(cutoffs.iter(), step);
    let (first, last) = cutoffs.split_at_checked(cutoffs.len() * 2 / 3)?;
    let begin = last.first()?.at;
    let first: Vec<Cutoff> = first.iter().copied().filter(|cutoff| cutoff.until <= begin).collect();
    if first.len().div_ceil(block) < ENOUGH_PERIODS {
        return None;
    }
    let today = &bench.eras.last()?.pipeline;
    let (file, currency) = (&today.forecast, today.currency);
    let mut chosen = Changed::default();
    let fields = choose_fields(bench, &first, block, &mut chosen);
    let weights = choose_weight(bench, &first, &mut chosen);
    let dependences = choose_dependence(bench, &first, &mut chosen);

    let with_file: Vec<&Look> = looks.iter().filter(|look| look.cutoff.at >= begin).collect();
    let windows = bench.windows(last, &chosen);
    bench.expect(last.len());
    let look = |cutoff: &Cutoff| {
        let look = Look::at(bench, *cutoff, &windows, &chosen, Ways::Forecast);
        bench.step();
        look
    };
    let with_chosen: Vec<Look> = last.par_iter().filter_map(look).collect();
    let with_chosen: Vec<&Look> = with_chosen.iter().collect();
    let (log_loss, crps) = compared(&with_chosen, &with_file, block);
    let settings = chosen.of(file);
    let verdict = verdict(log_loss, crps);
    let lines = if verdict == Verdict::Second { Vec::new() } else { lines(file, &settings, log_loss, crps) };
    Some(Tuning {
        chosen_on: first.len(),
        scored_on: with_file.len(),
        weights,
        dependences,
        fields,
        file: Settings::of(file),
        chosen: Settings::of(&settings),
        with_file: scores(&with_file, currency),
        with_chosen: scores(&with_chosen, currency),
        log_loss,
        crps,
        verdict,
        lines,
    })
}

/// By cut-off, the surprise with each of several settings, and how many deals there were.
fn surprises(bench: &Bench<'_>, cutoffs: &[Cutoff], tried: &[Changed]) -> Vec<(Vec<f64>, usize)> {
    bench.expect(cutoffs.len());
    let of = |cutoff: &Cutoff| {
        let scene = Scene::at(bench, *cutoff)?;
        let sum = |changed: &Changed| {
            let (_, chances) = scene.chances(changed);
            let said =
                chances.iter().zip(&scene.deals).map(|(chance, deal)| score::Said { chance: *chance, came: deal.won });
            said.map(|said| said.surprise()).sum()
        };
        let sums: Vec<f64> = tried.iter().map(sum).collect();
        bench.step();
        Some((sums, scene.deals.len()))
    };
    cutoffs.par_iter().filter_map(of).collect()
}

/// Takes one field after the other, the one first that lowers the surprise most, as long as one surely does.
fn choose_fields(bench: &Bench<'_>, cutoffs: &[Cutoff], block: usize, chosen: &mut Changed) -> Vec<TriedField> {
    let Some(era) = bench.eras.last() else { return Vec::new() };
    let mut left = candidates(&era.pipeline);
    let mut taken: Vec<String> = Vec::new();
    let mut found: Vec<TriedField> = Vec::new();
    while !left.is_empty() && taken.len() < MOST_COEFFICIENTS {
        let with = |more: Option<&String>| Changed {
            coefficients: Some(taken.iter().chain(more).cloned().collect()),
            ..Changed::default()
        };
        let tried: Vec<Changed> =
            std::iter::once(with(None)).chain(left.iter().map(|field| with(Some(field)))).collect();
        let surprises = surprises(bench, cutoffs, &tried);
        let of = |(at, field): (usize, &String)| {
            let difference = |(sums, n): &(Vec<f64>, usize)| {
                Some(Difference { sum: sums.get(at + 1)? - sums.first()?, weight: *n as f64 })
            };
            let differences: Vec<Difference> = surprises.iter().filter_map(difference).collect();
            Some(TriedField { field: field.clone(), difference: paired(&differences, block)?, taken: false })
        };
        let mut round: Vec<TriedField> = left.iter().enumerate().filter_map(of).collect();
        round.sort_by(|a, b| a.difference.mean.total_cmp(&b.difference.mean));
        match round.first_mut().filter(|best| best.difference.verdict() == Verdict::First) {
            Some(best) => {
                best.taken = true;
                taken.push(best.field.clone());
                left.retain(|field| *field != best.field);
                found.push(best.clone());
            }
            None => {
                found.extend(round);
                break;
            }
        }
    }
    chosen.coefficients = Some(taken);
    found
}

/// Takes the weight with the smallest surprise; of two the same the larger one.
fn choose_weight(bench: &Bench<'_>, cutoffs: &[Cutoff], chosen: &mut Changed) -> Vec<Tried> {
    let tried: Vec<Changed> =
        WEIGHTS.iter().map(|weight| Changed { weight: Some(*weight), ..chosen.clone() }).collect();
    let surprises = surprises(bench, cutoffs, &tried);
    let n: usize = surprises.iter().map(|(_, n)| n).sum();
    let loss = |at: usize| surprises.iter().filter_map(|(sums, _)| sums.get(at)).sum::<f64>() / n.max(1) as f64;
    let found: Vec<Tried> =
        WEIGHTS.iter().enumerate().map(|(at, weight)| Tried { value: *weight, loss: loss(at) }).collect();
    chosen.weight = found.iter().rev().min_by(|a, b| a.loss.total_cmp(&b.loss)).map(|best| best.value);
    found
}

/// Takes the dependence with the smallest ranked probability score of the sums.
fn choose_dependence(bench: &Bench<'_>, cutoffs: &[Cutoff], chosen: &mut Changed) -> Vec<Tried> {
    let windows = bench.windows(cutoffs, chosen);
    bench.expect(cutoffs.len());
    let of = |cutoff: &Cutoff| {
        let scene = Scene::at(bench, *cutoff)?;
        let (model, plain) = scene.chances(chosen);
        let drift = bench.drift(cutoff, &windows);
        let chances = if drift.is_some() { scene.won(&model, drift.as_ref()) } else { plain };
        let stream = scene.stream(&model, drift.as_ref());
        let came = match stream {
            Some(_) => scene.came_all(),
            None => super::look::rough(scene.came()),
        };
        let totals = Totals::prepare(&scene.bets(&chances), stream.as_ref());
        let scores: Vec<f64> = DEPENDENCES.iter().map(|rho| totals.at(*rho).crps(came)).collect();
        bench.step();
        Some(scores)
    };
    let scores: Vec<Vec<f64>> = cutoffs.par_iter().filter_map(of).collect();
    let loss = |at: usize| scores.iter().filter_map(|scores| scores.get(at)).sum::<f64>() / scores.len().max(1) as f64;
    let found: Vec<Tried> =
        DEPENDENCES.iter().enumerate().map(|(at, rho)| Tried { value: *rho, loss: loss(at) }).collect();
    // Without any score there is nothing to choose by.
    let best = found.iter().min_by(|a, b| a.loss.total_cmp(&b.loss));
    chosen.dependence = best.filter(|_| !scores.is_empty()).map(|best| best.value);
    found
}

fn scores(looks: &[&Look], currency: Currency) -> Scores {
    let said: Vec<score::Said> = looks.iter().flat_map(|look| look.scored(Method::Forecast)).collect();
    let sums: Vec<Said> = looks.iter().filter_map(|look| sum(look)).collect();
    let ranges = range(Sum::All, &sums, currency);
    Scores {
        brier: score::brier(&said),
        log_loss: score::log_loss(&said),
        crps: ranges.as_ref().and_then(|ranges| ranges.crps),
        coverage: ranges.map(|ranges| ranges.coverage),
    }
}

/// What was said of all that is won, or of the open deals where new business is left out.
fn sum(look: &Look) -> Option<Said> {
    look.all.or_else(|| look.open.first().copied().flatten())
}

fn compared(chosen: &[&Look], file: &[&Look], block: usize) -> (Option<Paired>, Option<Paired>) {
    let surprise = |(one, other): (&&Look, &&Look)| {
        let of = |look: &Look| look.scored(Method::Forecast).map(|said| said.surprise()).sum::<f64>();
        Difference { sum: of(one) - of(other), weight: one.deals.len() as f64 }
    };
    let crps =
        |(one, other): (&&Look, &&Look)| Some(Difference { sum: sum(one)?.crps - sum(other)?.crps, weight: 1.0 });
    let pairs = || chosen.iter().zip(file);
    let surprises: Vec<Difference> = pairs().map(surprise).collect();
    let sums: Vec<Difference> = pairs().filter_map(crps).collect();
    (paired(&surprises, block), paired(&sums, block))
}

/// Better in one and worse in none, or the other way round; else nobody can tell.
fn verdict(log_loss: Option<Paired>, crps: Option<Paired>) -> Verdict {
    let verdicts = [log_loss, crps].map(|paired| paired.map_or(Verdict::TooFew, |paired| paired.verdict()));
    let has = |verdict| verdicts.contains(&verdict);
    match (has(Verdict::First), has(Verdict::Second)) {
        (true, false) => Verdict::First,
        (false, true) => Verdict::Second,
        (true, true) => Verdict::Undecided,
        (false, false) if has(Verdict::TooFew) => Verdict::TooFew,
        (false, false) => Verdict::Undecided,
    }
}

/// The lines of the pipeline file that differ, where on the whole they did no harm.
fn lines(
    file: &ForecastSettings,
    chosen: &ForecastSettings,
    log_loss: Option<Paired>,
    crps: Option<Paired>,
) -> Vec<String> {
    let is_better = |paired: Option<Paired>| paired.is_none_or(|paired| paired.mean <= 0.0);
    let mut lines = Vec::new();
    if chosen.weight.total_cmp(&file.weight).is_ne() && is_better(log_loss) {
        lines.push(format!("weight: {}", chosen.weight));
    }
    if chosen.coefficients != file.coefficients && is_better(log_loss) {
        lines.push(format!("coefficients: [{}]", chosen.coefficients.join(", ")));
    }
    if chosen.dependence.total_cmp(&file.dependence).is_ne() && is_better(crps) {
        lines.push(format!("dependence: {}", chosen.dependence));
    }
    lines
}
