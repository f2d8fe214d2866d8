//! What came out for one contender in one row, and how two of them compare.

use crate::contender::Contender;
use crate::lane::Lane;

/// The samples of one contender, round by round.
pub struct Standing {
    /// Which.
    pub contender: Contender,
    /// As it stands in the report.
    pub label: String,
    /// The tuning that was chosen; empty if there was no choice.
    pub tuning: &'static str,
    /// None where a sample was thrown away.
    samples: Vec<Option<f64>>,
}

impl Standing {
    /// Nothing yet.
    pub fn new(lane: &Lane) -> Self {
        Self {
            contender: lane.contender,
            label: lane.label.clone(),
            tuning: lane.tuning.name,
            samples: Vec::new(),
        }
    }

    /// Adds the next round.
    pub fn add(&mut self, sample: Option<f64>) {
        self.samples.push(sample);
    }

    /// Number of samples that count.
    pub fn kept(&self) -> usize {
        self.samples.iter().flatten().count()
    }

    /// Number of samples that do not.
    pub fn thrown(&self) -> usize {
        self.samples.len() - self.kept()
    }

    /// Median of what counts.
    pub fn median(&self) -> Option<f64> {
        median(self.samples.iter().flatten().copied().collect())
    }

    /// Median of the ratios to `other`, of rounds in which both count.
    pub fn ratio(&self, other: &Self) -> Option<f64> {
        self.paired(other, |own, other| own / other)
    }

    /// Median of what this is above `other`, of rounds in which both count.
    pub fn above(&self, other: &Self) -> Option<f64> {
        self.paired(other, |own, other| own - other)
    }

    fn paired(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let rounds = self.samples.iter().zip(&other.samples);
        median(rounds.filter_map(|(own, other)| Some(compare((*own)?, (*other)?))).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}
