//! Floor 5: clusters, endpoints, balancers, pools, attempts.

pub mod balance;
pub mod config;
