//! Under construction.

/// What a configuration means: names resolve, values fit together.
pub mod check;
/// The written form of a whole configuration.
pub mod config;
/// Files to a configuration.
pub mod document;
