//! Endpoints that are found instead of written: sources that are asked or watched, and what becomes of their answers.
//!
//! Never a new generation: an answer replaces the set of endpoints of every generation that is alive.

mod consul;
mod etcd;
pub mod feed;
mod kubernetes;
mod registry;
#[cfg(test)]
mod registry_tests;
