//! A number with what must be known to trust it, or the reason why there is none.

use serde::Serialize;

/// An estimate of a rate or of a length of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Estimate<T> {
    /// There is enough to say a number.
    Known {
        /// The number.
        value: T,
        /// Finished observations behind it.
        n: usize,
        /// Lower bound of the 95 % interval; `None` where the data give none.
        low: Option<T>,
        /// Upper bound of the 95 % interval; `None` where the data give none.
        high: Option<T>,
    },
    /// Fewer finished observations than the floor asks for.
    TooEarly {
        /// Finished observations.
        n: usize,
    },
    /// The curve ends before the quantile is reached.
    NotReached {
        /// The quantile is larger than this.
        beyond: T,
        /// Finished observations.
        n: usize,
    },
}

impl<T: Copy> Estimate<T> {
    /// The number, where there is one.
    pub fn value(&self) -> Option<T> {
        match self {
            Estimate::Known { value, .. } => Some(*value),
            Estimate::TooEarly { .. } | Estimate::NotReached { .. } => None,
        }
    }
}

/// How many finished observations a number needs before it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Floors {
    /// For a share or a conversion.
    pub rate: usize,
    /// For a quantile of a length of time.
    pub quantile: usize,
}

impl Default for Floors {
    fn default() -> Self {
        Floors { rate: 5, quantile: 8 }
    }
}
