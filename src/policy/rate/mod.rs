//! How often: accounts of limits, and how several workers and hosts spend from one.

pub mod fleet;
