//! What one worker counts about a variant of a route.

use crate::shared::{Counter, Histogram};

/// What one worker counts about a variant of a route.
#[derive(Debug, Default)]
pub struct VariantMetrics {
    /// Exchanges that are over.
    pub requests: Counter,
    /// Of those, the ones answered with 400 to 499.
    pub client_errors: Counter,
    /// Of those, the ones answered with 500 and above, and gRPC calls that failed in such a way.
    pub server_errors: Counter,
    /// From the sent request to the complete response head, where one came.
    pub head: Histogram,
}

/// Status of gRPC calls that failed as a status of 500 and above says it: DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE.
const GRPC_FAILURES: [u16; 3] = [4, 13, 14];

impl VariantMetrics {
    /// Counts an exchange. `head_nanos` is 0 where no head came.
    #[inline]
    pub fn count(&self, status: u16, grpc_status: Option<u16>, head_nanos: u64) {
        self.requests.add(1);
        if status >= 500 || grpc_status.is_some_and(|status| GRPC_FAILURES.contains(&status)) {
            self.server_errors.add(1);
        } else if status >= 400 {
            self.client_errors.add(1);
        }
        if head_nanos > 0 {
            self.head.record(head_nanos);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_counts_by_how_it_ended() {
        let metrics = VariantMetrics::default();
        for (status, grpc, head) in
            [(200, None, 5), (404, None, 5), (503, None, 0), (200, Some(14), 7), (200, Some(5), 1)]
        {
            metrics.count(status, grpc, head);
        }
        let counts = [&metrics.requests, &metrics.client_errors, &metrics.server_errors].map(Counter::get);
        assert_eq!(counts, [5, 1, 2]);
        assert_eq!(metrics.head.snapshot().count(), 4);
    }
}
