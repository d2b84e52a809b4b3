//! The model: what the past of a pipeline says of each of its open deals.

use crate::format::forecast::ForecastSettings;
use crate::format::pipeline::{Pipeline, Status};
use crate::history::event::ValidAt;
use crate::metrics::DAY;
use crate::metrics::journey::{Journeys, Outcome, Spot};

use super::cells::{Cells, HalfLife, LastDay};
use super::chance::priors;
use super::coefficients::Coefficients;
use super::hazards::{Chances, Factors, Hazards, Prior, Table};
use super::log::Past;

/// The days within which half of the deals of a stage are taken to be decided where the pipeline file does not say.
pub const DECIDED_IN: f64 = 60.0;

/// What the past says.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    as_of: i64,
    won_index: usize,
    priors: Vec<Prior>,
    /// Whether the pipeline file leaves the chance of any stage open.
    priors_assumed: bool,
    cells: Cells,
    table: Table,
    coefficients: Coefficients,
    closed: usize,
}

/// An open deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDeal {
    /// Its number in the log.
    pub deal: u32,
    /// The index of its stage.
    pub stage: usize,
    /// For how many whole days it has been there, as far as is known.
    pub age: u32,
}

impl Model {
    /// Learns from what was known. `journeys` are those of `past`, read by `pipeline`.
    pub fn of(pipeline: &Pipeline, settings: &ForecastSettings, past: &Past<'_>, journeys: &Journeys) -> Model {
        let as_of = past.time().0;
        let cells = Cells::count(pipeline, journeys, as_of, &settings.ages, HalfLife::USUAL);
        let assumed = priors(pipeline);
        let prior = |((won, _), stage): (&(f64, bool), &crate::format::pipeline::Stage)| Prior {
            won: *won,
            decided_in: stage.decided_in.map_or(DECIDED_IN, |period| period.days()),
        };
        let own_priors: Vec<Prior> = assumed.iter().zip(&pipeline.stages).map(prior).collect();
        let table = Table::new(&cells, &own_priors, settings.weight, LastDay::Half);
        let coefficients = Coefficients::of(pipeline, journeys, past, &table, &settings.coefficients);
        Model {
            as_of,
            won_index: pipeline.won_index(),
            priors: own_priors,
            priors_assumed: assumed.iter().any(|(_, assumed)| *assumed),
            cells,
            table,
            coefficients,
            closed: journeys.iter().filter(|journey| journey.is_closed()).count(),
        }
    }

    /// Learns from what was known; [`Model::of`] where the journeys are there already.
    pub fn fit(pipeline: &Pipeline, settings: &ForecastSettings, past: &Past<'_>) -> Model {
        Model::of(pipeline, settings, past, &past.journeys(pipeline))
    }

    /// The deals that are open in a stage, by number.
    pub fn open_deals(&self, journeys: &Journeys) -> impl Iterator<Item = OpenDeal> {
        let Model { as_of, won_index, .. } = *self;
        journeys.numbered().filter_map(move |(deal, journey)| {
            let now = journey.current().filter(|_| journey.outcome == Outcome::Open)?;
            let Spot::Stage(stage) = now.spot else { return None };
            (now.spot.status(won_index) == Status::Open).then_some(OpenDeal {
                deal,
                stage,
                age: age(as_of, now.entered),
            })
        })
    }

    /// What becomes of an open deal within each of these numbers of days, which rise, by the values that its fields have.
    pub fn chances_of(&self, past: &Past<'_>, open: &OpenDeal, days: &[u32]) -> Vec<Chances> {
        let values = self.values_of(past, open.deal);
        self.within(open.stage, open.age, self.coefficients.factors(&values), days)
    }

    /// The values that the fields of the coefficients have in a deal.
    pub fn values_of<'l>(&self, past: &Past<'l>, deal: u32) -> Vec<Option<&'l str>> {
        self.coefficients.fields().map(|field| past.value(deal, field, None)).collect()
    }

    /// What becomes of a deal that has been in a stage for `age` days, within each of these numbers of days, which rise.
    /// Between two ages from which visits are counted it lies on a straight line: who takes a deal of 29 days for one of 14
    /// waits for much that has not happened in the meantime.
    pub fn within(&self, stage: usize, age: u32, factors: Factors, days: &[u32]) -> Vec<Chances> {
        let Some(hazards) = self.hazards(stage, age) else { return vec![Chances::NONE; days.len()] };
        let younger = hazards.within(days, factors);
        let bin = self.cells.bin_of(age);
        let ages = self.cells.ages();
        let (Some(from), Some(to)) = (ages.get(bin), ages.get(bin + 1)) else { return younger };
        let Some(older) = self.table.hazards(stage, bin + 1).filter(|_| age > *from) else { return younger };
        let share = f64::from(age - from) / f64::from(to - from);
        let between = |(young, old): (Chances, Chances)| young.towards(old, share);
        younger.into_iter().zip(older.within(days, factors)).map(between).collect()
    }

    /// The hazards of a deal that has been in a stage for `age` days.
    pub fn hazards(&self, stage: usize, age: u32) -> Option<&Hazards> {
        self.table.hazards(stage, self.cells.bin_of(age))
    }

    /// How much of the hazards of the first day was seen rather than assumed, 0 to 1.
    pub fn evidence(&self, stage: usize, age: u32) -> f64 {
        self.hazards(stage, age).map_or(0.0, Hazards::evidence)
    }

    /// What was counted.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The coefficients.
    pub fn coefficients(&self) -> &Coefficients {
        &self.coefficients
    }

    /// What is assumed of the stages before anything was seen.
    pub fn priors(&self) -> &[Prior] {
        &self.priors
    }

    /// Whether the pipeline file leaves the chance of any stage open.
    pub fn priors_assumed(&self) -> bool {
        self.priors_assumed
    }

    /// How many deals were closed.
    pub fn closed(&self) -> usize {
        self.closed
    }
}

/// For how many whole days something has lasted; 0 where no clock can have shown its beginning.
pub fn age(as_of: i64, entered: i64) -> u32 {
    if ValidAt(entered).is_odd() {
        return 0;
    }
    u32::try_from(as_of.saturating_sub(entered).max(0) / DAY).unwrap_or(u32::MAX)
}
