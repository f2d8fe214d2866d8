//! What workers count about copies of requests, by the route they are copies of.

use crate::shared::{Counter, Gauge, Histogram};

/// What one worker counts about the copies of a route's requests.
#[derive(Debug, Default)]
pub struct ShadowMetrics {
    /// Copies that got an answer.
    pub answered: Counter,
    /// Copies that no endpoint took.
    pub unreachable: Counter,
    /// Copies whose answer did not come in time.
    pub late: Counter,
    /// Copies whose answer ended in the middle, or was no HTTP.
    pub broken: Counter,
    /// Requests not copied because they are too large.
    pub too_large: Counter,
    /// Requests not copied because too many copies were in flight.
    pub too_many: Counter,
    /// Requests not copied because the worker was busy.
    pub busy: Counter,
    /// Requests not copied because they never came to their end.
    pub incomplete: Counter,
    /// Copies whose answer was the same.
    pub matched: Counter,
    /// Copies whose answer was another.
    pub mismatched: Counter,
    /// Of those, such with another status.
    pub statuses: Counter,
    /// Of those, such with other fields.
    pub fields: Counter,
    /// Of those, such with another body.
    pub bodies: Counter,
    /// Copies whose answer was compared but for its body: too large, or in a coding.
    pub bodies_left: Counter,
    /// Answers to copies that were not compared because the original got none, or not in time.
    pub alone: Counter,
    /// Copies in flight now.
    pub in_flight: Gauge,
    /// From the copy being sent to the end of its answer.
    pub duration: Histogram,
}
