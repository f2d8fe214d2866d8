//! How often: limits that are one number for all workers, and how they are kept.
//!
//! Each key of a limit has one worker that owns its account. Others borrow from it: credit is moved, never made. What is
//! here decides and counts; policies ask it, and the worker carries its messages.

pub mod account;
mod accounts;
pub mod admission;
pub mod borrowing;
pub mod config;
pub mod fields;
pub mod fleet;
pub mod hold;
pub mod key;
pub mod ledger;
pub mod lending;
pub mod loan;
pub mod log;
pub mod message;
pub mod part;
pub mod plan;
pub mod quota;
pub mod rule;
pub mod share;
pub mod sip;
pub mod table;
pub mod waiting;
pub mod worker;
