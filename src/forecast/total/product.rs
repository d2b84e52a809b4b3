//! The characteristic function of the total: a product over deals, and a mean over the common factor.

use super::Group;
use super::factor::Factor;
use super::grid::Grid;
use super::rest::Shape;

/// Values of the factor that are worked out side by side, so that the processor does several at once.
const LANES: usize = 8;

/// Deals between two looks at how much of a product is left.
const STRIDE: usize = 16;

/// A product whose weighted size is below this is left at 0: all of them together cannot change a probability by 1e-15.
const NOTHING: f64 = 1e-16;

type Lane = [f64; LANES];

/// The mean over the factor, at the first half of the grid's frequencies. `shapes` are the deals that are taken together,
/// one for each value of the factor, or none at all.
pub(super) fn mixed(grid: &Grid, groups: &[Group], factor: &Factor, shapes: &[Shape]) -> Vec<(f64, f64)> {
    let chances: Vec<Vec<f64>> = groups.iter().map(|group| factor.chances(group.chance)).collect();
    let places: Vec<_> = groups.iter().map(|group| grid.place(group.amount)).collect();
    let blocks: Vec<Block> =
        (0..factor.len().div_ceil(LANES)).map(|at| Block::new(at, &chances, factor, shapes)).collect();
    let mut turns: Vec<(f64, f64)> = Vec::with_capacity(groups.len());
    let one = |frequency: usize| {
        turns.clear();
        let mut sum = (0.0, 0.0);
        for block in &blocks {
            let mut product = block.start(grid.angle(frequency));
            let mut done = 0;
            while done < groups.len() && product.size() > NOTHING * NOTHING {
                let until = (done + STRIDE).min(groups.len());
                // Angles are the same for all blocks: they are found once, as far as one of them needs them.
                for place in &places[turns.len().min(until)..until] {
                    let (cos, sin) = grid.turn(*place, frequency);
                    turns.push((cos - 1.0, sin));
                }
                for at in done..until {
                    product.times(turns[at], &block.chances[at], groups[at].count);
                }
                done = until;
            }
            if done == groups.len() {
                sum.0 += product.re.iter().sum::<f64>();
                sum.1 += product.im.iter().sum::<f64>();
            }
        }
        sum
    };
    (0..grid.frequencies()).map(one).collect()
}

/// Some values of the factor side by side.
struct Block {
    weights: Lane,
    shapes: Vec<Shape>,
    /// By deal.
    chances: Vec<Lane>,
}

impl Block {
    fn new(at: usize, chances: &[Vec<f64>], factor: &Factor, shapes: &[Shape]) -> Self {
        let first = at * LANES;
        let lane = |values: &[f64]| {
            let mut lane = [0.0; LANES];
            lane.iter_mut().zip(values.iter().skip(first)).for_each(|(to, value)| *to = *value);
            lane
        };
        Block {
            weights: lane(factor.weights()),
            shapes: shapes.iter().skip(first).take(LANES).copied().collect(),
            chances: chances.iter().map(|given| lane(given)).collect(),
        }
    }

    /// The weights times the functions of the deals that are taken together.
    fn start(&self, angle: f64) -> Product {
        let mut product = Product { re: self.weights, im: [0.0; LANES] };
        for (lane, shape) in self.shapes.iter().enumerate() {
            let (size, turn) = shape.characteristic(angle);
            let size = size.exp() * self.weights[lane];
            let (sin, cos) = if size > NOTHING { turn.sin_cos() } else { (0.0, 0.0) };
            (product.re[lane], product.im[lane]) = (size * cos, size * sin);
        }
        product
    }
}

struct Product {
    re: Lane,
    im: Lane,
}

impl Product {
    /// The largest of the squared sizes.
    fn size(&self) -> f64 {
        self.re.iter().zip(&self.im).map(|(re, im)| re * re + im * im).fold(0.0, f64::max)
    }

    /// Times `1 + chance turn`, `count` times.
    fn times(&mut self, turn: (f64, f64), chances: &Lane, mut count: u32) {
        let mut power =
            Product { re: chances.map(|chance| 1.0 + chance * turn.0), im: chances.map(|chance| chance * turn.1) };
        loop {
            if count & 1 == 1 {
                self.multiply(&power);
            }
            count >>= 1;
            if count == 0 {
                return;
            }
            power.square();
        }
    }

    fn multiply(&mut self, by: &Product) {
        for lane in 0..LANES {
            let (re, im) = (self.re[lane], self.im[lane]);
            self.re[lane] = re * by.re[lane] - im * by.im[lane];
            self.im[lane] = re * by.im[lane] + im * by.re[lane];
        }
    }

    fn square(&mut self) {
        for lane in 0..LANES {
            let (re, im) = (self.re[lane], self.im[lane]);
            self.re[lane] = re * re - im * im;
            self.im[lane] = 2.0 * re * im;
        }
    }
}
