//! The machine: CPUs, ring options, buffers, the coarse clock, deadlines.
//!
//! Owns everything that knows about the host and the event loop. Knows nothing of HTTP or of the product's
//! configuration.

pub mod affinity;
pub mod buffer;
pub mod clock;
pub mod deadline;
pub mod driver;
pub mod join;
pub mod memory;
pub mod say;
