//! What came out for one contender in one row, and how two of them compare.

use crate::contender::Contender;
use crate::estimate::Estimate;
use crate::lane::Lane;

/// What came out of a row.
pub struct Outcome {
    /// By contender.
    pub standings: Vec<Standing>,
    /// Further Markdown, for below the table.
    pub details: Option<String>,
}

impl From<Vec<Standing>> for Outcome {
    fn from(standings: Vec<Standing>) -> Self {
        Self { standings, details: None }
    }
}

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
        Self::labelled(lane, &lane.label)
    }

    /// Nothing yet, of what goes by another name than the lane.
    pub fn labelled(lane: &Lane, label: &str) -> Self {
        Self {
            contender: lane.contender,
            label: label.to_owned(),
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
    pub fn median(&self) -> Option<Estimate> {
        Estimate::of(self.samples.iter().flatten().copied().collect())
    }

    /// Median of the ratios to `other`, of rounds in which both count.
    pub fn ratio(&self, other: &Self) -> Option<Estimate> {
        self.paired(other, |own, other| own / other)
    }

    /// Median of what this is above `other`, of rounds in which both count.
    pub fn above(&self, other: &Self) -> Option<Estimate> {
        self.paired(other, |own, other| own - other)
    }

    fn paired(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> Option<Estimate> {
        let rounds = self.samples.iter().zip(&other.samples);
        Estimate::of(rounds.filter_map(|(own, other)| Some(compare((*own)?, (*other)?))).collect())
    }
}
