//! Endpoints that are found instead of written: sources that are asked or watched, and what becomes of their answers.
//!
//! Never a new generation: an answer replaces the set of endpoints of every generation that is alive. What a source says
//! goes three ways: [`guard`] refuses addresses, [`settle`] decides what is believed and when, [`feeds`] publishes.

mod consul;
pub mod dns;
mod etcd;
pub mod feed;
pub mod feeds;
pub mod file;
pub mod guard;
mod kubernetes;
mod line;
mod registry;
#[cfg(test)]
mod registry_tests;
pub mod settle;
pub mod view;
