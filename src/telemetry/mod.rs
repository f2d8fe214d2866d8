//! Counters, histograms, the access record and the ids that tie them together.
//!
//! Recording only: nothing here allocates in the steady state, formats with `std::fmt` or reads a clock, and
//! nothing here renders. Export and writing to files are control's.

// A request head as it may be kept.
pub mod head_text;
// JSON strings and numbers, without `std::fmt`.
mod json;
// What workers count of HTTP/2 connections.
pub mod http2;
// What workers count.
pub mod metrics;
// Stand-ins for what must not be seen.
pub mod pseudonym;
// The access record and its line.
pub mod record;
// What never appears in a log.
pub mod redaction;
// Names to counters.
pub mod registry;
// Ids of requests.
pub mod request_id;
// Why something is tried again.
pub mod retry;
// Which exchanges are logged.
pub mod sampler;
// What is counted of variants of a route.
pub mod variant;
// Why requests are turned away.
pub mod shed;
// What workers count of copies of requests.
pub mod shadow;
// RFC 3339 from a cache.
pub mod timestamp;
// W3C trace context.
pub mod trace_context;
// Why an upgraded connection ended.
pub mod upgrade_end;
// What workers count of clusters and endpoints.
mod upstream_metrics;
// A value as an operator may see it.
pub mod value_text;
// Cheap random numbers, not for secrets.
pub mod xorshift;

pub use head_text::{FieldText, HeadText};
pub use json::write_ip;
pub use metrics::{DoorMetrics, EndpointMetrics, PolicyMetrics, RouteMetrics, TunnelMetrics, WorkerMetrics};
pub use pseudonym::Pseudonyms;
pub use record::{AccessRecord, UpstreamRecord};
pub use redaction::Redaction;
pub use registry::Registry;
pub use request_id::{RequestId, RequestIds};
pub use sampler::Sampler;
pub use shadow::ShadowMetrics;
pub use timestamp::{Timestamp, TimestampCache};
pub use trace_context::{TraceContext, TraceIds};
