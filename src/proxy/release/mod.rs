//! Several versions of a service behind one route: who gets which.
//!
//! [`config`] is how it is written, [`shares`] how much each variant gets, [`sequence`] in which order, [`sticky`] who
//! stays with one; [`splitter`] is all of it on a worker. Nothing here waits, reads a clock, or decides whether a variant
//! does well: shares are moved by control.

pub mod config;
pub mod plan;
pub mod sequence;
pub mod shares;
pub mod splitter;
pub mod sticky;
