//! What became of visits, counted by stage, by how long the deal had been there already, and by day from then on.
//!
//! A visit is watched anew from each age that it reaches: one that lasted 40 days counts from day 0, from day 7, from
//! day 14 and from day 30. What is counted from an age is what a deal of that age has before it, which is why old deals are
//! not taken for young ones (landmarking: van Houwelingen, 2007).
//!
//! What happened a year ago counts half: pipelines change, and what is long past tells less of the next months. The weight
//! is that of the day on which something happened, or did not, and not that of the day on which the visit began.

use crate::format::pipeline::{Pipeline, Status};
use crate::history::event::ValidAt;
use crate::metrics::DAY;
use crate::metrics::journey::{Journeys, Outcome, Spot};

/// So many days are counted from an age on.
pub const DAYS: usize = 730;

/// How a visit counts on the day on which it was last seen, still undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastDay {
    /// As half a visit: on average it was watched for half of that day (the actuarial estimate).
    Half,
    /// As a whole one, as the Aalen-Johansen estimator on whole days has it.
    Whole,
}

/// How a deal that was watched ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was won.
    Won,
    /// It was lost or went back to marketing.
    Lost,
    /// Not yet, or its file was removed.
    Undecided,
}

/// The visits to one stage that reached one age.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// Visits that were watched.
    pub visits: u32,
    /// Those of them whose deal was won on each day, counted from the age.
    pub won: Vec<u32>,
    /// Those whose deal was lost.
    pub lost: Vec<u32>,
    /// Those that were seen last on each day, undecided.
    pub undecided: Vec<u32>,
    faded: Faded,
}

/// The same counts, each visit with the weight of the day on which it reached the age.
#[derive(Clone, Debug, Default, PartialEq)]
struct Faded {
    visits: f64,
    won: Vec<f64>,
    lost: Vec<f64>,
    undecided: Vec<f64>,
}

/// The days after which what happened counts half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfLife(pub f64);

impl HalfLife {
    /// A year.
    pub const USUAL: HalfLife = HalfLife(365.0);
    /// All counts the same, however long ago it was, as the plain estimators have it.
    pub const ENDLESS: HalfLife = HalfLife(f64::INFINITY);

    /// The weight of what happened so many days ago: 1 for today.
    fn after(self, days: f64) -> f64 {
        (-days / self.0).exp2()
    }
}

/// All of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    as_of: i64,
    half_life: HalfLife,
    /// The ages in days, rising from 0.
    ages: Vec<u32>,
    /// By stage, then by age.
    cells: Vec<Cell>,
}

/// What there is to know of a visit from its beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The stage's index.
    pub stage: usize,
    /// When it began, in seconds since 1970.
    pub entered: i64,
    /// When the deal left the stage; the time of the last look where it had not.
    pub left: Option<i64>,
    /// When it was decided, or else when it was seen last.
    pub until: i64,
    /// How it was decided.
    pub ending: Ending,
}

impl Watched {
    /// Days from a time on after which it was decided, or else seen last.
    pub fn days_from(&self, time: i64) -> usize {
        usize::try_from(self.until.saturating_sub(time) / DAY).unwrap_or(0)
    }
}

/// The visits to stages of open deals that can be watched, with the number of their deal. A visit that began when no clock
/// can have shown it is left out. `each` gets all visits of a deal together.
pub fn each_watched(pipeline: &Pipeline, journeys: &Journeys, as_of: i64, mut each: impl FnMut(u32, &[Watched])) {
    let won_index = pipeline.won_index();
    let mut watched = Vec::new();
    for (deal, journey) in journeys.numbered() {
        watched.clear();
        let (ending, until) = match (journey.outcome, journey.decided) {
            (Outcome::Won, Some(at)) => (Ending::Won, at),
            (Outcome::Lost | Outcome::Recycled, Some(at)) => (Ending::Lost, at),
            (Outcome::Withdrawn, Some(at)) => (Ending::Undecided, at),
            _ => (Ending::Undecided, as_of),
        };
        for visit in journey.visits {
            if let Spot::Stage(stage) = visit.spot
                && visit.spot.status(won_index) == Status::Open
                && !ValidAt(visit.entered).is_odd()
                && visit.entered <= until
            {
                watched.push(Watched { stage, entered: visit.entered, left: visit.left, until, ending });
            }
        }
        each(deal, &watched);
    }
}

impl Cells {
    /// Counts the visits of what was known at `as_of` (seconds since 1970). `ages` are days; 0 is always among them.
    pub fn count(pipeline: &Pipeline, journeys: &Journeys, as_of: i64, ages: &[u32], half_life: HalfLife) -> Cells {
        let mut cells = Cells { as_of, half_life, ..Cells::none(pipeline.won_index(), ages) };
        each_watched(pipeline, journeys, as_of, |_, visits| {
            for watched in visits {
                cells.watch(watched);
            }
        });
        cells
    }

    fn none(stages: usize, ages: &[u32]) -> Cells {
        let mut ages: Vec<u32> = ages.iter().copied().filter(|age| *age > 0).collect();
        ages.push(0);
        ages.sort_unstable();
        ages.dedup();
        let faded = Faded { visits: 0.0, won: vec![0.0; DAYS], lost: vec![0.0; DAYS], undecided: vec![0.0; DAYS] };
        let empty = Cell { visits: 0, won: vec![0; DAYS], lost: vec![0; DAYS], undecided: vec![0; DAYS], faded };
        Cells { as_of: 0, half_life: HalfLife::ENDLESS, cells: vec![empty; stages * ages.len()], ages }
    }

    fn watch(&mut self, watched: &Watched) {
        for (bin, age) in self.ages.iter().enumerate() {
            let from = watched.entered.saturating_add(i64::from(*age) * DAY);
            // Everybody was there at the beginning, even who left at once.
            let was_there = *age == 0 || watched.left.is_none_or(|left| left > from);
            if !was_there || from > watched.until {
                break;
            }
            let weight = self.half_life.after(self.as_of.saturating_sub(from) as f64 / DAY as f64);
            if let Some(cell) = self.cells.get_mut(watched.stage * self.ages.len() + bin) {
                cell.watch(watched.days_from(from), watched.ending, weight);
            }
        }
    }

    /// How fast what happened loses weight.
    pub fn half_life(&self) -> HalfLife {
        self.half_life
    }

    /// The ages in days from which visits are watched, rising from 0.
    pub fn ages(&self) -> &[u32] {
        &self.ages
    }

    /// How many stages there are.
    pub fn stages(&self) -> usize {
        self.cells.len() / self.ages.len().max(1)
    }

    /// The place of the largest age that is not above this one.
    pub fn bin_of(&self, age: u32) -> usize {
        self.ages.partition_point(|edge| *edge <= age).saturating_sub(1)
    }

    /// The visits to a stage from an age on, by their places.
    pub fn cell(&self, stage: usize, bin: usize) -> Option<&Cell> {
        self.cells.get(stage * self.ages.len() + bin).filter(|_| bin < self.ages.len())
    }
}

/// What was seen on one day of a cell, by the weight of that day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Visits that were there to be decided.
    pub there: f64,
    /// Those whose deal was won.
    pub won: f64,
    /// Those whose deal was lost.
    pub lost: f64,
}

impl Cell {
    fn watch(&mut self, days: usize, ending: Ending, weight: f64) {
        self.visits += 1;
        self.faded.visits += weight;
        let (endings, faded) = match ending {
            Ending::Won => (&mut self.won, &mut self.faded.won),
            Ending::Lost => (&mut self.lost, &mut self.faded.lost),
            Ending::Undecided => (&mut self.undecided, &mut self.faded.undecided),
        };
        if let (Some(count), Some(faded)) = (endings.get_mut(days), faded.get_mut(days)) {
            *count += 1;
            *faded += weight;
        }
    }

    /// A cell of visits that ended on these days, each counting the same.
    #[cfg(test)]
    pub(super) fn of_days(won: &[(usize, u32)], lost: &[(usize, u32)], undecided: &[(usize, u32)]) -> Cell {
        let mut cell = Cells::none(1, &[]).cells.remove(0);
        for (ending, days) in [(Ending::Won, won), (Ending::Lost, lost), (Ending::Undecided, undecided)] {
            for (day, count) in days {
                (0..*count).for_each(|_| cell.watch(*day, ending, 1.0));
            }
        }
        cell
    }

    /// What was seen on each day.
    pub fn seen(&self, last_day: LastDay, half_life: HalfLife) -> impl Iterator<Item = Seen> + '_ {
        let share = match last_day {
            LastDay::Half => 0.5,
            LastDay::Whole => 0.0,
        };
        let Faded { visits, won, lost, undecided } = &self.faded;
        // The days of a visit come nearer to today one by one.
        let nearer_by = 1.0 / half_life.after(1.0);
        let counts = self.won.iter().zip(&self.lost).zip(&self.undecided).map(|((won, lost), open)| won + lost + open);
        let ended = won.iter().zip(lost).zip(undecided).zip(counts);
        ended.scan((*visits, self.visits, 1.0), move |(left, count, nearer), (((won, lost), undecided), gone)| {
            // Sums of fractions leave a little where nobody is left, and may take a little too much.
            let there = if *count == 0 { 0.0 } else { (*left - share * undecided).max(won + lost) };
            let seen = Seen { there: there * *nearer, won: won * *nearer, lost: lost * *nearer };
            *left -= won + lost + undecided;
            *count = count.saturating_sub(gone);
            *nearer *= nearer_by;
            Some(seen)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::spell::{Spell, Spells};
    use crate::metrics::fixture::{day, path, pipeline};
    use crate::metrics::journey::journeys;

    fn count(ages: &[u32], spells: &[Vec<Spell>], on: i64) -> Cells {
        let pipeline = pipeline(&["brief", "offer"]);
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        Cells::count(&pipeline, &journeys, day(on), ages, HalfLife::ENDLESS)
    }

    /// The days on which something was counted.
    fn days(counts: &[u32]) -> Vec<(usize, u32)> {
        counts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect()
    }

    /// How many were there to be decided on each day.
    fn there(cell: &Cell, last_day: LastDay) -> Vec<f64> {
        cell.seen(last_day, HalfLife::ENDLESS).map(|seen| seen.there).collect()
    }

    #[test]
    fn what_happened_half_a_life_ago_counts_half() {
        let pipeline = pipeline(&["brief", "offer"]);
        let spells = [path("old", &[("brief", 0), ("won", 20)]), path("new", &[("brief", 10), ("lost", 30)])];
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let cells = Cells::count(&pipeline, &journeys, day(30), &[], HalfLife(10.0));
        let cell = cells.cell(0, 0).unwrap();
        let seen: Vec<Seen> = cell.seen(LastDay::Half, HalfLife(10.0)).collect();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
        // On their first days both were there, 30 and 20 days ago; on their twentieth one was won ten days ago and the
        // other is lost today.
        close(seen[0].there, 0.125 + 0.25);
        close(seen[10].there, 0.25 + 0.5);
        close(seen[20].there, 0.5 + 1.0);
        close(seen[20].won, 0.5);
        close(seen[20].lost, 1.0);
        assert_eq!((cell.visits, days(&cell.won)), (2, vec![(20, 1)]));
    }

    #[test]
    fn a_visit_is_watched_anew_from_each_age_it_reaches() {
        let cells = count(&[7, 30], &[path("acme", &[("brief", 0), ("offer", 10), ("won", 25)])], 40);
        assert_eq!(cells.ages(), [0, 7, 30]);
        // Ten days in the first stage: from day 0 and from day 7, not from day 30.
        let won = |stage, bin| days(&cells.cell(stage, bin).unwrap().won);
        assert_eq!([won(0, 0), won(0, 1), won(0, 2)], [vec![(25, 1)], vec![(18, 1)], vec![]]);
        assert_eq!([won(1, 0), won(1, 1), won(1, 2)], [vec![(15, 1)], vec![(8, 1)], vec![]]);
        assert_eq!(cells.cell(0, 2).unwrap().visits, 0);
    }

    #[test]
    fn what_is_not_decided_yet_was_seen_for_half_of_its_last_day() {
        let spells = [path("open", &[("brief", 0)]), path("lost", &[("brief", 0), ("lost", 1)])];
        let cells = count(&[], &spells, 2);
        let cell = cells.cell(0, 0).unwrap();
        assert_eq!((days(&cell.lost), days(&cell.undecided)), (vec![(1, 1)], vec![(2, 1)]));
        assert_eq!(there(cell, LastDay::Half)[..4], [2.0, 2.0, 0.5, 0.0]);
        assert_eq!(there(cell, LastDay::Whole)[..4], [2.0, 2.0, 1.0, 0.0]);
    }

    #[test]
    fn removed_deals_are_watched_until_their_removal_and_recycled_ones_are_lost() {
        let spells = [
            path("gone", &[("brief", 0), ("-", 3)]),
            path("back", &[("brief", 0), ("recycled", 5)]),
            path("same-day", &[("brief", 6), ("won", 6)]),
        ];
        let cells = count(&[2], &spells, 20);
        let first = cells.cell(0, 0).unwrap();
        assert_eq!((first.visits, days(&first.won)), (3, vec![(0, 1)]));
        assert_eq!((days(&first.lost), days(&first.undecided)), (vec![(5, 1)], vec![(3, 1)]));
        assert_eq!(cells.cell(0, 1).unwrap().visits, 2);
    }

    #[test]
    fn a_win_that_was_taken_back_is_none() {
        let cells = count(&[], &[path("acme", &[("offer", 0), ("won", 4), ("offer", 6)])], 9);
        let cell = cells.cell(1, 0).unwrap();
        assert_eq!((cell.visits, days(&cell.won), days(&cell.undecided)), (2, vec![], vec![(3, 1), (9, 1)]));
    }

    #[test]
    fn what_lasts_longer_than_is_counted_stays_to_the_end() {
        let cells = count(&[], &[path("acme", &[("brief", 0), ("won", 2000)])], 3000);
        let cell = cells.cell(0, 0).unwrap();
        assert_eq!((cell.visits, days(&cell.won)), (1, vec![]));
        assert_eq!(there(cell, LastDay::Half).last(), Some(&1.0));
    }

    #[test]
    fn an_age_belongs_to_the_largest_edge_below_it() {
        let cells = count(&[30, 7, 7], &[], 0);
        assert_eq!([0, 6, 7, 29, 30, 5000].map(|age| cells.bin_of(age)), [0, 0, 1, 1, 2, 2]);
    }
}
