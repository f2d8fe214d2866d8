//! All that can be done about services that fail, as it is written in a configuration: what its benches have in common.

/// At the top level.
pub const TOP: &str = "shedding: {target: 100ms}";

/// Of the cluster, line by line. Health checks are for whoever has an origin that answers them.
pub const CLUSTER: [&str; 7] = [
    "outliers: {consecutive_failures: 5, failures: 50%, latency: {times: 3, by: 50ms}}",
    "breaker: {slow: {after: 2s}}",
    "endpoint_breaker: {slow: {after: 2s}}",
    "slow_start: {window: 10s}",
    "balance: peak_ewma",
    "limits: {requests: 10000, pending: 1000, adaptive: {floor: 100, ceiling: 10000}}",
    "timeouts: {total: 30s, deadline_header: x-deadline-ms}",
];

/// Of the route, in place of its cluster.
pub const ROUTE: [&str; 6] = [
    "split: {variants: {stable: {cluster: origin, weight: 9}, canary: {cluster: origin, weight: 1}}}",
    "retries: {}",
    "hedge: {after: 500ms}",
    "breaker: {slow: {after: 2s}}",
    "fallback: {respond: {status: 503}}",
    "policies: {priority: {class: high}}",
];
