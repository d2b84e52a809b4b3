//! Numbers that look random and are the same on every machine.

use std::f64::consts::TAU;

/// SplitMix64 (Steele, Lea and Flood, 2014), with the few distributions that a sales pipeline needs.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice for one purpose: those of another world or another purpose throw something else.
    pub fn new(world: u64, purpose: u64) -> Dice {
        let mut dice = Dice(world.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let mixed = dice.next();
        Dice(mixed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly between 0 and 1, neither of them included.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// One of `0..n`, each as likely.
    pub fn below(&mut self, n: u32) -> u32 {
        ((self.unit() * f64::from(n)) as u32).min(n.saturating_sub(1))
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    /// A count with this mean: how many waits of mean 1 fit into it.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let mut passed = -self.unit().ln();
        let mut count = 0;
        while passed < mean {
            count += 1;
            passed -= self.unit().ln();
        }
        count
    }

    /// One of several, by their shares, which add up to 1.
    pub fn pick(&mut self, shares: impl IntoIterator<Item = f64>) -> usize {
        let thrown = self.unit();
        let mut below = 0.0;
        let mut last = 0;
        for (number, share) in shares.into_iter().enumerate() {
            below += share;
            last = number;
            if thrown < below {
                break;
            }
        }
        last
    }
}
