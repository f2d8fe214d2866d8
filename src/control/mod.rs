//! The one slow thread: it may block, lock and allocate, and it is never on the path of a request.

/// The operator's listener: metrics, health, effective configuration.
pub mod admin;
/// Metrics as text.
pub mod export;
/// Log lines from the workers to a file.
pub mod log_writer;
