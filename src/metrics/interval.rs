//! Intervals of shares.

/// The 97.5 % quantile of the normal distribution: all intervals are two-sided 95 % ones.
pub const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval of the share `successes / n` (E. B. Wilson, 1927), 95 %; `None` for `n` = 0.
pub fn wilson(successes: usize, n: usize) -> Option<(f64, f64)> {
    (n > 0).then(|| wilson_share(successes as f64 / n as f64, n as f64))
}

/// Wilson's interval of a share that was estimated with the precision of `n` observations; `n` need not be whole, and
/// must be above 0. Both bounds lie in 0 to 1 and enclose `share`.
pub fn wilson_share(share: f64, n: f64) -> (f64, f64) {
    wilson_at(share, n, Z)
}

/// [`wilson_share`] with another quantile `z` of the normal distribution than that of 95 %.
pub fn wilson_at(share: f64, n: f64, z: f64) -> (f64, f64) {
    let z2 = z * z;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - half).clamp(0.0, share), (middle + half).clamp(share, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 5e-5, "{a} is not {b}");
    }

    #[test]
    fn agrees_with_published_numbers() {
        // Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for ((x, n), (low, high)) in [
            ((81, 263), (0.2553, 0.3662)),
            ((15, 148), (0.0624, 0.1605)),
            ((0, 20), (0.0, 0.1611)),
            ((1, 29), (0.0061, 0.1718)),
        ] {
            let (l, h) = wilson(x, n).unwrap();
            near(l, low);
            near(h, high);
        }
    }

    #[test]
    fn nothing_observed_has_no_interval() {
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn stays_inside_zero_and_one_and_encloses_the_share() {
        for n in 1..60 {
            for x in 0..=n {
                let share = x as f64 / n as f64;
                let (low, high) = wilson(x, n).unwrap();
                assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            }
        }
    }
}
