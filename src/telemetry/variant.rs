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

impl VariantMetrics {
    /// Counts an exchange: whether the service failed, whatever the client was told. `head_nanos` is 0 where no head came.
    #[inline]
    pub fn count(&self, is_failure: bool, status: u16, head_nanos: u64) {
        self.requests.add(1);
        if is_failure {
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
        for (is_failure, status, head) in [(false, 200, 5), (false, 404, 5), (true, 503, 0), (true, 200, 7)] {
            metrics.count(is_failure, status, head);
        }
        let counts = [&metrics.requests, &metrics.client_errors, &metrics.server_errors].map(Counter::get);
        assert_eq!(counts, [4, 1, 2]);
        assert_eq!(metrics.head.snapshot().count(), 3);
    }
}
