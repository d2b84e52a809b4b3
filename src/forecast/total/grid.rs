//! The grid of amounts, and the transform between it and characteristic functions.

use std::f64::consts::PI;

/// Points of a grid, at most. A power of two, as the transform wants it.
const POINTS: usize = 4_096;

/// What a remainder of two amounts may be, as a share of the largest amount, to be none.
const REMAINDER: f64 = 1e-9;

/// Points that lie `step` apart, from 0 on, with what is needed to go from the grid to characteristic functions and back.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Distance of two points, in units of the currency.
    pub step: f64,
    /// Whether all amounts lie on points.
    pub exact: bool,
    /// Cosine and sine of all multiples of one turn divided by the number of points.
    circle: Vec<(f64, f64)>,
}

impl Grid {
    /// A grid for sums from 0 to `span`, with points that lie `step` apart at most if there are enough of them. Its points
    /// are the multiples of `unit`, a common unit of all amounts, if there are enough for that. `parts` amounts may lie
    /// between two points.
    pub fn new(unit: Option<f64>, span: f64, step: f64, parts: usize) -> Self {
        let enough = |step: f64, room: usize| (span / step).ceil() + room as f64 <= POINTS as f64;
        let points = |step: f64, room: usize| ((span / step).ceil() as usize + room).next_power_of_two().min(POINTS);
        if let Some(unit) = unit.filter(|unit| enough(*unit, 2)) {
            return Grid { step: unit, exact: true, circle: circle(points(unit, 2)) };
        }
        // The upper parts of amounts add up: of many to a mean, and to much more than 8 standard deviations never.
        let room = parts.min(8 * parts.isqrt()) + 2;
        let points = if enough(step, room) { points(step, room) } else { POINTS };
        Grid { step: span / (points - room) as f64, exact: false, circle: circle(points) }
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.circle.len()
    }

    /// Frequencies of a characteristic function that tell it whole: half of the points and one, as those of the other half
    /// are the same with the opposite sign.
    pub fn frequencies(&self) -> usize {
        self.points() / 2 + 1
    }

    /// The angle of one step at a frequency.
    pub fn angle(&self, frequency: usize) -> f64 {
        2.0 * PI * frequency as f64 / self.points() as f64
    }

    /// Where an amount lies on the grid.
    pub fn place(&self, amount: f64) -> Place {
        let at = amount / self.step;
        let low = if self.exact { at.round() } else { at.floor() };
        Place { point: low as usize, above: if self.exact { 0.0 } else { at - low } }
    }

    /// The characteristic function of an amount at a frequency: a mean of those of its two points.
    pub fn turn(&self, place: Place, frequency: usize) -> (f64, f64) {
        let mask = self.points() - 1;
        let low = self.circle[(place.point * frequency) & mask];
        if place.above == 0.0 {
            return low;
        }
        let high = self.circle[((place.point + 1) * frequency) & mask];
        (low.0 + (high.0 - low.0) * place.above, low.1 + (high.1 - low.1) * place.above)
    }

    /// The characteristic function of probabilities on the points, at the first half of the frequencies.
    pub fn characteristic(&self, probabilities: &[f64]) -> Vec<(f64, f64)> {
        let mut values: Vec<(f64, f64)> = probabilities.iter().map(|p| (*p, 0.0)).collect();
        values.resize(self.points(), (0.0, 0.0));
        self.transform(&mut values, 1.0);
        values.truncate(self.frequencies());
        values
    }

    /// The probabilities on the points from a characteristic function at the first half of the frequencies.
    pub fn probabilities(&self, half: &[(f64, f64)]) -> Vec<f64> {
        let points = self.points();
        let mut values = vec![(0.0, 0.0); points];
        for (at, (re, im)) in half.iter().copied().enumerate().take(points / 2 + 1) {
            values[at] = (re, im);
            if at > 0 {
                values[points - at] = (re, -im);
            }
        }
        self.transform(&mut values, -1.0);
        values.iter().map(|(re, _)| (re / points as f64).max(0.0)).collect()
    }

    /// The discrete Fourier transform with `e^(sign 2πi jk / n)`, in place, by halves (Cooley and Tukey, 1965). There is one
    /// per distribution, so that a plain one, whose bits are the same on every processor, does.
    fn transform(&self, values: &mut [(f64, f64)], sign: f64) {
        let points = values.len();
        let shift = usize::BITS - points.trailing_zeros();
        for at in 1..points {
            let mirrored = at.reverse_bits() >> shift;
            if at < mirrored {
                values.swap(at, mirrored);
            }
        }
        let mut half = 1;
        while half < points {
            let stride = points / (2 * half);
            for block in values.chunks_exact_mut(2 * half) {
                let (lower, upper) = block.split_at_mut(half);
                for (at, (low, high)) in lower.iter_mut().zip(upper).enumerate() {
                    let (cos, sin) = self.circle[at * stride];
                    let sin = sign * sin;
                    let turned = (high.0 * cos - high.1 * sin, high.0 * sin + high.1 * cos);
                    *high = (low.0 - turned.0, low.1 - turned.1);
                    *low = (low.0 + turned.0, low.1 + turned.1);
                }
            }
            half *= 2;
        }
    }
}

/// An amount on the grid: a point, and which share of its probability belongs to the next point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// The point at or below the amount.
    pub point: usize,
    /// What belongs to the point above, 0 to 1.
    pub above: f64,
}

fn circle(points: usize) -> Vec<(f64, f64)> {
    let turn = |at: usize| {
        let (sin, cos) = (2.0 * PI * at as f64 / points as f64).sin_cos();
        (cos, sin)
    };
    (0..points).map(turn).collect()
}

/// The largest amount of which all others, in ascending order, are whole multiples, by Euclid's algorithm. `None` if there
/// would be too many multiples of it for a grid.
pub(super) fn common_unit(amounts: &[f64]) -> Option<f64> {
    let largest = *amounts.last()?;
    let mut unit = 0.0;
    for amount in amounts {
        let (mut a, mut b) = (*amount, unit);
        while b > REMAINDER * largest {
            let rest = a % b;
            // A remainder that is nearly the divisor is one of rounding.
            (a, b) = (b, if b - rest < REMAINDER * largest { 0.0 } else { rest });
        }
        unit = a;
        if unit * (POINTS as f64) < largest {
            return None;
        }
    }
    let whole = |amount: &f64| (amount / unit - (amount / unit).round()).abs() < 1e-6;
    amounts.iter().all(whole).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_with_a_common_unit_lie_on_its_multiples() {
        let unit = common_unit(&[1_500.0, 2_000.0, 7_500.0]);
        assert_eq!(unit, Some(500.0));
        let grid = Grid::new(unit, 11_000.0, 3.0, 9);
        assert!(grid.exact);
        assert_eq!((grid.step, grid.points()), (500.0, 32));
        assert_eq!(grid.place(7_500.0), Place { point: 15, above: 0.0 });
        let unit = common_unit(&[0.1, 0.3, 0.7]).unwrap();
        assert!((unit - 0.1).abs() < 1e-12, "{unit}");
        assert!(!Grid::new(Some(unit), 1_000.0, 1.0, 9).exact, "there are 10,000 multiples");
    }

    #[test]
    fn amounts_without_one_are_split_so_that_their_mean_stays() {
        assert_eq!(common_unit(&[1_234.567, 9_876.543]), None);
        let grid = Grid::new(None, 50_000.0, 100.0, 9);
        assert!(!grid.exact);
        assert_eq!(grid.points(), 512);
        assert_eq!(Grid::new(None, 50_000.0, 1.0, 9).points(), 4_096);
        let place = grid.place(9_876.543);
        assert!(((place.point as f64 + place.above) * grid.step - 9_876.543).abs() < 1e-9);
        let top = grid.place(50_000.0);
        assert!(top.point + 1 < grid.points());
    }

    #[test]
    fn a_transform_and_back_gives_the_probabilities() {
        let grid = Grid::new(Some(1.0), 13.0, 1.0, 9);
        let given: Vec<f64> = (0..16).map(|at| f64::from(at * at % 7) / 45.0).collect();
        let there = grid.characteristic(&given);
        for (frequency, found) in there.iter().enumerate() {
            let terms = given.iter().enumerate().map(|(at, p)| {
                let (sin, cos) = (grid.angle(frequency) * at as f64).sin_cos();
                (p * cos, p * sin)
            });
            let by_hand = terms.fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1));
            assert!((found.0 - by_hand.0).abs() < 1e-14 && (found.1 - by_hand.1).abs() < 1e-14);
        }
        for (found, given) in grid.probabilities(&there).iter().zip(&given) {
            assert!((found - given).abs() < 1e-15);
        }
    }
}
