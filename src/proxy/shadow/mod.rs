//! Copies of requests for a service that is to be tried.
//!
//! A share of a route's requests goes to another cluster as well, marked by a field; the client knows nothing of it and
//! waits for nothing. What comes back is held against the answer that the client got, and thrown away. In the order of
//! its life: `running` decides whether a request is copied, `copy` takes it as it goes by, `send` is the copy's own task,
//! `pair` the answer it will be held against, `compare` does so, and `sample` is what the operator sees of it.

pub mod compare;
pub mod config;
pub mod copy;
pub mod difference;
pub mod json_path;
pub mod pair;
pub mod plan;
pub mod running;
pub mod sample;
mod send;
pub mod share;
