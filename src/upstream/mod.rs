//! Where requests go: clusters, endpoints, balancers, pools.
//!
//! Owns upstream connections between and during exchanges. What is written to them and read from them is
//! the proxy's.

pub mod admission;
pub mod ask;
pub mod balance;
pub mod cluster;
pub mod config;
mod connection;
pub mod endpoint;
mod endpoint_plan;
pub mod entry;
pub mod h2;
pub mod running;
pub mod set;
pub mod spread;
pub mod verdict;
