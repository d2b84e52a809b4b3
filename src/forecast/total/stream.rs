//! New business: how much money deals bring that do not exist yet.

use super::grid::Grid;

/// The probability that new business exceeds the room that it is given on the grid, as a logarithm: 1e-12.
const BEYOND: f64 = 27.631_021_115_928_547;

/// Amounts by which that room is found, at most.
const FEW: usize = 256;

/// The least shape that is worked with.
const LEAST_SHAPE: f64 = 1e-3;

/// Wins to come from deals that are not there yet.
///
/// Their number is Poisson with a rate that is itself gamma with the shape `shape`, that is negative binomial; their
/// amounts are drawn from `amounts`, each as likely as the others. Both are independent of the deals that are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// How many wins are expected.
    pub expected: f64,
    /// The shape of the rate's gamma distribution, above 0; infinite where the rate is known for sure.
    pub shape: f64,
    /// Amounts of won deals, in units of the currency.
    pub amounts: Vec<f64>,
}

/// A stream that can bring something, with amounts in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    expected: f64,
    shape: f64,
    amounts: Vec<f64>,
    pub mean: f64,
    pub variance: f64,
    /// What it exceeds with a probability of at most 1e-12.
    pub most: f64,
}

impl Flow {
    /// `None` where nothing can come.
    pub fn new(stream: &Stream) -> Option<Self> {
        let mut amounts: Vec<f64> = stream.amounts.iter().map(|amount| super::sound(*amount)).collect();
        amounts.sort_by(f64::total_cmp);
        let count = amounts.len() as f64;
        let (expected, largest) = (super::sound(stream.expected), *amounts.last()?);
        if expected <= 0.0 || largest <= super::LEAST {
            return None;
        }
        let shape = if stream.shape > 0.0 { stream.shape.max(LEAST_SHAPE) } else { f64::INFINITY };
        let mean = amounts.iter().sum::<f64>() / count;
        let square = amounts.iter().map(|amount| amount * amount).sum::<f64>() / count;
        let mut flow = Flow {
            expected,
            shape,
            mean: expected * mean,
            variance: expected * square + (expected * mean) * (expected * mean) / shape,
            most: 0.0,
            amounts,
        };
        flow.most = flow.bound(largest);
        Some(flow)
    }

    /// The amounts that count.
    pub fn amounts(&self) -> impl Iterator<Item = f64> {
        self.amounts.iter().copied().filter(|amount| *amount > super::LEAST)
    }

    /// Chernoff's bound: what is exceeded with a probability of at most `e^(cumulant(s) - s x)`, for the best of some `s`.
    fn bound(&self, largest: f64) -> f64 {
        // Of many amounts the largest of each run of them: that bounds them all.
        let run = self.amounts.len().div_ceil(FEW).max(1);
        let tops: Vec<f64> =
            self.amounts.chunks(run).filter_map(|chunk| chunk.last().map(|top| top / largest)).collect();
        let at = |s: f64| {
            let gain = tops.iter().map(|top| (s * top).exp_m1()).sum::<f64>() / tops.len() as f64;
            let cumulant = if self.shape.is_infinite() {
                self.expected * gain
            } else {
                // Below the pole of the negative binomial's moment generating function only.
                let share = self.expected / self.shape * gain;
                if share >= 1.0 { f64::INFINITY } else { -self.shape * (-share).ln_1p() }
            };
            (cumulant + BEYOND) / s
        };
        let tried = (0..200).map(|power| at(40.0 * 0.87_f64.powi(power)));
        // One win must find room even where it is next to impossible.
        tried.fold(f64::INFINITY, f64::min).max(1.0) * largest
    }

    /// The characteristic function on the grid.
    pub fn characteristic(&self, grid: &Grid) -> Vec<(f64, f64)> {
        let mut probabilities = vec![0.0; grid.points()];
        let each = 1.0 / self.amounts.len() as f64;
        for amount in &self.amounts {
            let place = grid.place(*amount);
            probabilities[place.point] += each * (1.0 - place.above);
            if place.above > 0.0 {
                probabilities[place.point + 1] += each * place.above;
            }
        }
        let mut values = grid.characteristic(&probabilities);
        for value in &mut values {
            let (re, im) = (self.expected * (value.0 - 1.0), self.expected * value.1);
            let (size, angle) = if self.shape.is_infinite() {
                (re.exp(), im)
            } else {
                let (re, im) = (1.0 - re / self.shape, -im / self.shape);
                ((-self.shape * re.hypot(im).ln()).exp(), -self.shape * im.atan2(re))
            };
            *value = (size * angle.cos(), size * angle.sin());
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_for_new_business_is_enough_and_not_much_more() {
        // Poisson with mean 4: more than 24 with 1.3e-12, more than 25 with 2e-13, by hand from the terms.
        let flow = Flow::new(&Stream { expected: 4.0, shape: f64::INFINITY, amounts: vec![10.0] }).unwrap();
        assert!((240.0..300.0).contains(&flow.most), "{}", flow.most);
        // Geometric with mean 1: more than n with 2^-(n + 1), so 39 are enough.
        let flow = Flow::new(&Stream { expected: 1.0, shape: 1.0, amounts: vec![1.0] }).unwrap();
        assert!((39.0..55.0).contains(&flow.most), "{}", flow.most);
    }

    #[test]
    fn nothing_comes_of_a_stream_without_wins_or_amounts() {
        let stream = |expected, shape, amounts: &[f64]| Stream { expected, shape, amounts: amounts.to_vec() };
        for nothing in [
            stream(0.0, 2.0, &[1.0]),
            stream(-3.0, 2.0, &[1.0]),
            stream(f64::NAN, 2.0, &[1.0]),
            stream(1.0, 2.0, &[]),
            stream(1.0, 2.0, &[0.0, -5.0, f64::NAN]),
        ] {
            assert!(Flow::new(&nothing).is_none(), "{nothing:?}");
        }
        assert_eq!(Flow::new(&stream(1.0, f64::NAN, &[1.0])).map(|flow| flow.variance), Some(1.0));
    }
}
