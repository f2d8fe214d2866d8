//! Ringgate: an API gateway with one pinned io_uring event loop per CPU core.
//!
//! This page is the annotated table of contents. Folders are floors: a file imports its own folder and
//! lower floors only (`tests/tidy.rs` holds that). The code map with the life of a request, the invariants
//! and the decisions is `src/README.md`; how the gateway is used and behaves is `README.md`.
//!
//! To follow a request, read [`worker::accept`], [`proxy::connection`], [`proxy::serve`], [`route::table`],
//! [`policy::chain`], [`proxy::forward`], [`proxy::relay`] and [`proxy::record`], in this order.

// Floor 10: the command line.
pub mod cli;
// Floor 2: the words configuration is written in: document tree, units, secrets, diagnostics.
pub mod config;
// Floor 9: what may be slow: check, compile, publish, admin, export, and the log's writer.
pub mod control;
// Floor 4: HTTP values and codecs without sockets.
pub mod http;
// Floor 4: sockets: listeners, transports, peer addresses.
pub mod net;
// Floor 6: what may refuse, answer or alter an exchange.
pub mod policy;
// Floor 7: an exchange from request head to access record.
pub mod proxy;
// Floor 5: host, path and predicates to a route.
pub mod route;
// Floor 3: the machine: CPUs, ring options, buffers, clock, deadlines, signals.
pub mod rt;
// Floor 0: every way a value can cross from one thread to another. Atomics and locks live here and in
// [`control`] alone.
pub mod shared;
// Floor 1: counters, histograms, the access record. Recording only; rendering is [`control`]'s.
pub mod telemetry;
// Floor 5: clusters, endpoints, balancers, pools, attempts.
pub mod upstream;
// Floor 8: the pinned thread: spawn, accept, install, drain.
pub mod worker;
