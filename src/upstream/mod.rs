//! Under construction.

/// The written form.
pub mod config;
