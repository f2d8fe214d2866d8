//! The words configuration is written in: a YAML tree with positions, units, secrets, diagnostics, shape.
//!
//! Knows nothing of listeners, routes or clusters: those written forms live with what they configure, and
//! `control` puts them together. Nothing here reads the environment or the clock.

// What is wrong, where, why, and what to write instead.
pub mod diagnostic;
// Text to tree.
pub mod parse;
mod render;
// Values that are never printed.
pub mod secret;
// Tree against schema.
pub mod shape;
// The texts a configuration was read from.
pub mod source;
// "Did you mean".
pub mod suggest;
// A YAML tree that knows where each of its nodes is written.
pub mod tree;
// Quantities and addresses.
pub mod units;
