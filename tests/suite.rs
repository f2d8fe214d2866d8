//! The suite: the real binary, driven from outside over real sockets.
//!
//! Every test starts its own gateway (and origin) on free ports of the loopback, so that each may run alone, in a
//! process of its own, in any order. What they share is `harness`; it knows nothing of the gateway's code.

#![allow(clippy::missing_panics_doc)]

mod harness;

mod admin;
mod auth;
mod balance;
mod care;
mod clients;
mod conformance;
mod control;
mod discovery;
mod fault;
mod fleet;
mod gateway;
mod h2;
mod health;
mod http2_upstream;
mod jwt;
mod l4;
mod policy;
mod property;
mod release;
mod reload;
mod replay;
mod revocation;
mod rollout;
mod shadow;
mod shed;
mod sources;
mod tls;
mod tuning;
mod upgrade;
mod upstream;
