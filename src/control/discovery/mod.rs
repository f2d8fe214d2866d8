//! Endpoints that are found instead of written: sources that are asked or watched, and what becomes of their answers.
//!
//! Never a new generation: an answer replaces the set of endpoints of every generation that is alive.

pub mod feed;
