//! A median and the interval in which it lies, without a belief about how noise is distributed.
//!
//! The interval is that of two order statistics (the sign test turned round): as narrow as the samples allow while the
//! true median is outside of it in at most one case of fifteen.

use std::fmt;

/// Largest chance that the true median is outside. With five samples that is from the least to the largest.
const MISS_MAX: f64 = 0.065;

/// A median.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// The median of the samples.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of samples.
    pub count: usize,
}

impl Estimate {
    /// None without samples. With fewer than five the interval is all there is, and promises less.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (count, middle) = (values.len(), values.len() / 2);
        let median = match count {
            0 => return None,
            len if len % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
            _ => values[middle],
        };
        let rank = rank(count);
        Some(Self { median, low: values[rank], high: values[count - 1 - rank], count })
    }

    /// The same in another unit.
    pub fn scaled(&self, factor: f64) -> Self {
        let Self { median, low, high, count } = *self;
        Self { median: median * factor, low: low * factor, high: high * factor, count }
    }

    /// Whether the interval lies on one side of `limit`.
    pub fn resolves(&self, limit: f64) -> bool {
        limit < self.low || limit >= self.high
    }
}

/// `0.81 [0.79, 0.83]`, with the precision of the formatter, and with its sign if that is asked for.
impl fmt::Display for Estimate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = out.precision().unwrap_or(2);
        let number = |value: f64| {
            if out.sign_plus() { format!("{value:+.digits$}") } else { format!("{value:.digits$}") }
        };
        let median = number(self.median);
        let interval = format!(" [{}, {}]", number(self.low), number(self.high));
        out.write_str(&median)?;
        if self.count > 1 { out.write_str(&interval) } else { Ok(()) }
    }
}

/// The largest rank from either end such that the median is seldom outside: a binomial tail with one half.
fn rank(count: usize) -> usize {
    // Chance that exactly `at` of the samples are below the median, as `at` grows.
    let (mut exactly, mut below) = (0.5_f64.powi(count as i32), 0.0);
    let mut rank = 0;
    for at in 0..count / 2 {
        below += exactly;
        if 2.0 * below > MISS_MAX {
            break;
        }
        rank = at;
        exactly *= (count - at) as f64 / (at + 1) as f64;
    }
    rank
}
