//! One worker's end of the access log: sampling, the line's bytes, the ring to the writer thread.
//!
//! A full ring loses the line and counts it; a worker never waits for a disk.

use crate::shared::line_ring::LineWriter;
use crate::telemetry::record::AccessRecord;
use crate::telemetry::redaction::Redaction;
use crate::telemetry::sampler::Sampler;
use crate::telemetry::timestamp::{Timestamp, TimestampCache};

/// Room for a line to begin with; a longer one makes it grow once.
const LINE_BYTES: usize = 2048;

/// One worker's end of the access log.
pub struct AccessLog {
    sampler: Sampler,
    times: TimestampCache,
    line: Vec<u8>,
    ring: LineWriter,
}

impl AccessLog {
    /// Writes to `ring`, so many of a hundred.
    pub fn new(ring: LineWriter, sample: f64, seed: u64) -> Self {
        Self {
            sampler: Sampler::new(sample, seed),
            times: TimestampCache::default(),
            line: Vec::with_capacity(LINE_BYTES),
            ring,
        }
    }

    /// Logs so many of a hundred from now on.
    pub fn resample(&mut self, sample: f64) {
        self.sampler.set_share(sample);
    }

    /// Whether an exchange with this status is logged.
    pub fn keeps(&mut self, status: u16) -> bool {
        self.sampler.keeps(status)
    }

    /// The text of a time, from a cache of the current second.
    pub fn timestamp(&mut self, unix_millis: u64) -> Timestamp {
        self.times.at(unix_millis)
    }

    /// Writes a line. False if the ring was full and it is lost.
    pub fn write(&mut self, record: &AccessRecord<'_>, redaction: &Redaction) -> bool {
        self.line.clear();
        record.write_json(redaction, &mut self.line);
        self.ring.push(&self.line)
    }
}
