//! Quantiles of numbers that are all known to their end. Lengths of time that may still last need [`super::survival`].

use super::estimate::Estimate;

/// The `p`-quantile (0 to 1) by rank: the smallest of the numbers that at least the share `p` of all do not exceed, the
/// same as the end of a Kaplan-Meier curve in which nothing is censored. Below `floor` numbers it is too early.
pub fn quantile<T: Copy + PartialOrd>(numbers: &[T], p: f64, floor: usize) -> Estimate<T> {
    let n = numbers.len();
    let mut sorted = numbers.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let rank = (p * n as f64).ceil().max(1.0) as usize;
    match sorted.get(rank.min(n).saturating_sub(1)) {
        Some(value) if n >= floor => Estimate::Known { value: *value, n, low: None, high: None },
        _ => Estimate::TooEarly { n },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counted_from_the_smallest() {
        let of = |p| quantile(&[30, 10, 20, 40], p, 1).value();
        assert_eq!([0.0, 0.25, 0.26, 0.5, 0.9, 1.0].map(of), [10, 10, 20, 20, 40, 40].map(Some));
    }

    #[test]
    fn few_numbers_say_nothing() {
        assert_eq!(quantile(&[1, 2, 3], 0.5, 4), Estimate::TooEarly { n: 3 });
        assert_eq!(quantile::<i64>(&[], 0.5, 0), Estimate::TooEarly { n: 0 });
    }
}
