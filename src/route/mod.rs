//! Floor 5: from host, path and conditions to a route.
//!
//! [`path`] normalises, [`plan`] compiles what a route wants, [`table`] finds the route of a request,
//! [`rewrite`] makes the target that goes upstream or back to the client. [`reference`](mod@reference) is the
//! slow matcher that explains, and that property tests compare the table with.

pub mod conditions;
pub mod config;
pub mod host;
pub mod methods;
pub mod params;
pub mod path;
pub mod pattern;
pub mod plan;
pub mod profile;
mod radix;
pub mod reference;
pub mod rewrite;
pub mod table;
pub mod template;
mod trie;

#[cfg(test)]
mod rewrite_tests;
#[cfg(test)]
mod table_tests;
