//! Numbers that look random and are the same at every run.

pub struct Dice(u64);

impl Dice {
    /// The dice of one operation of one story: an operation throws the same, whatever was left out before it.
    pub fn new(story: u64, operation: usize) -> Dice {
        let mut dice =
            Dice(story.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (operation as u64).wrapping_mul(0xd1b5_4a32_d192_ed03));
        dice.below(2);
        dice
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    /// Once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}
