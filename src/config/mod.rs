//! The words configuration is written in: a YAML tree with positions, units, secrets, diagnostics, shape.
//!
//! Knows nothing of listeners, routes or clusters: those written forms live with what they configure, and
//! `control` puts them together. Nothing here reads the environment or the clock.

pub mod secret;
pub mod units;
