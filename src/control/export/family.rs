//! One metric family being written: its comment lines, then its samples.
//!
//! A thin layer over prometheus-client's encoder that keeps the collector a readable list. It knows nothing of
//! what is measured.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::shared::HistogramSnapshot;

/// Label names and values of a sample.
pub type Labels<'a, const N: usize> = [(&'a str, &'a str); N];

/// A family whose comment lines are written.
pub struct Family<'a>(MetricEncoder<'a>);

impl<'a> Family<'a> {
    /// Begins a family of counters; their samples get `_total`.
    pub fn counter(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
    ) -> Result<Self, fmt::Error> {
        Ok(Self(encoder.encode_descriptor(name, help, None, MetricType::Counter)?))
    }

    /// Begins a family of gauges.
    pub fn gauge(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
    ) -> Result<Self, fmt::Error> {
        Ok(Self(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?))
    }

    /// Begins a family of histograms.
    pub fn histogram(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
    ) -> Result<Self, fmt::Error> {
        Ok(Self(encoder.encode_descriptor(name, help, None, MetricType::Histogram)?))
    }

    /// Begins and ends a family of one info; its sample gets `_info`.
    pub fn info<const N: usize>(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
        labels: Labels<'_, N>,
    ) -> fmt::Result {
        encoder.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }

    /// A counter's sample.
    pub fn count<const N: usize>(&mut self, labels: Labels<'_, N>, value: u64) -> fmt::Result {
        self.sample(labels, |encoder| encoder.encode_counter::<NoLabelSet, _, u64>(&value, None))
    }

    /// A counter's sample that is not whole.
    pub fn count_seconds<const N: usize>(&mut self, labels: Labels<'_, N>, seconds: f64) -> fmt::Result {
        self.sample(labels, |encoder| encoder.encode_counter::<NoLabelSet, _, u64>(&seconds, None))
    }

    /// A gauge's sample.
    pub fn level<const N: usize>(&mut self, labels: Labels<'_, N>, value: i64) -> fmt::Result {
        self.sample(labels, |encoder| encoder.encode_gauge(&value))
    }

    /// A gauge's sample that is not whole.
    pub fn level_part<const N: usize>(&mut self, labels: Labels<'_, N>, value: f64) -> fmt::Result {
        self.sample(labels, |encoder| encoder.encode_gauge(&value))
    }

    /// A histogram's samples.
    pub fn durations<const N: usize>(
        &mut self,
        labels: Labels<'_, N>,
        durations: &HistogramSnapshot,
    ) -> fmt::Result {
        let (sum, buckets) = (durations.sum_nanos as f64 / 1e9, durations.seconds());
        self.sample(labels, |encoder| {
            encoder.encode_histogram::<NoLabelSet>(sum, durations.count(), &buckets, None)
        })
    }

    fn sample<const N: usize>(
        &mut self,
        labels: Labels<'_, N>,
        write: impl FnOnce(&mut MetricEncoder) -> fmt::Result,
    ) -> fmt::Result {
        // An empty set of labels would be written as `{}`.
        if N == 0 { write(&mut self.0) } else { write(&mut self.0.encode_family(&labels)?) }
    }
}
