//! The rows of the table: what work, at how many connections, and what must be reached.
//!
//! The only place that knows the targets. A row is added by adding it to [`ROWS`].

use std::fmt;
use std::time::Duration;

use crate::contender::{Bodies, Contender};
use crate::talk::Talk;
use crate::work::Work;

/// A row of the table.
pub struct Row {
    /// As it is given to `--rows`.
    pub name: &'static str,
    /// As it stands in the report.
    pub about: &'static str,
    /// How it is measured.
    pub measure: Measure,
    /// What must be reached.
    pub musts: &'static [Must],
}

/// How a row is measured.
#[derive(Clone, Copy)]
pub enum Measure {
    /// CPU time per exchange of every contender.
    Exchanges {
        /// What is sent.
        work: fn() -> Work,
        /// Clients, each with one request at a time.
        connections: usize,
        /// Which tunings of the peers are tried.
        bodies: Bodies,
        /// True if the origin listens on a unix socket.
        on_unix: bool,
    },
    /// Latency added at the 99th percentile, at the same rate for all.
    Latency {
        /// Clients.
        connections: usize,
        /// The rate, as a share of what nginx can do.
        load: f64,
    },
    /// CPU time per exchange with few and with many routes, Ringgate alone.
    Routes {
        /// Few.
        few: usize,
        /// Many.
        many: usize,
        /// Clients.
        connections: usize,
    },
    /// CPU time per exchange without and with everything against failing services, of which none fails, Ringgate alone.
    Careful {
        /// Clients.
        connections: usize,
    },
    /// CPU time per exchange of one process with two workers, beside two processes with one each.
    Cores {
        /// Clients in all.
        connections: usize,
    },
    /// Resident memory per idle connection.
    Idle {
        /// How many are opened.
        connections: usize,
    },
    /// Time from start to first answer.
    Start,
}

/// Something that must be reached.
#[derive(Debug, Clone, Copy)]
pub enum Must {
    /// CPU time, or latency added, at most this share of that contender's.
    Ratio(Contender, f64),
    /// CPU time at most this many microseconds above the floor.
    AboveFloor(f64),
    /// Of two settings of Ringgate, the second at most this share of the first.
    Pair(f64),
    /// Bytes per idle connection.
    IdleBytes(f64),
    /// Time to first answer.
    StartWithin(Duration),
}

/// As it stands in the report: `0.80 nginx`.
impl fmt::Display for Must {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(peer, limit) => write!(out, "{limit:.2} {}", peer.name()),
            Self::AboveFloor(limit) => write!(out, "{limit:.1} us above floor"),
            Self::Pair(limit) => write!(out, "{limit:.2}"),
            Self::IdleBytes(limit) => write!(out, "{:.0} KiB", limit / 1024.0),
            Self::StartWithin(limit) => write!(out, "{} ms", limit.as_millis()),
        }
    }
}

use Contender::{Envoy, Haproxy, Nginx};

const SMALL: &[Must] =
    &[Must::Ratio(Nginx, 0.80), Must::Ratio(Haproxy, 0.75), Must::Ratio(Envoy, 0.40), Must::AboveFloor(1.0)];

/// Every row there is.
pub const ROWS: &[Row] = &[
    exchanges("small-32", "128 B answers, 32 connections", || Work::download(128), 32, Bodies::Small, SMALL),
    exchanges("small-64", "128 B answers, 64 connections", || Work::download(128), 64, Bodies::Small, SMALL),
    exchanges(
        "small-256",
        "128 B answers, 256 connections",
        || Work::download(128),
        256,
        Bodies::Small,
        SMALL,
    ),
    exchanges("1k", "1 KiB answers, 64 connections", || Work::download(1024), 64, Bodies::Small, SMALL),
    exchanges(
        "16k",
        "16 KiB answers, 64 connections",
        || Work::download(16 * 1024),
        64,
        Bodies::Answers,
        &[Must::Ratio(Nginx, 0.80)],
    ),
    exchanges(
        "1m",
        "1 MiB answers, 16 connections",
        || Work::download(1024 * 1024),
        16,
        Bodies::Answers,
        &[Must::Ratio(Nginx, 0.80), Must::Ratio(Haproxy, 1.0)],
    ),
    exchanges(
        "chunked",
        "chunked answers of 16 x 1 KiB, 64 connections",
        || Work::chunked(16),
        64,
        Bodies::Answers,
        &[Must::Ratio(Nginx, 0.60)],
    ),
    exchanges(
        "upload-64k",
        "64 KiB requests, 64 connections",
        || Work::upload(64 * 1024),
        64,
        Bodies::Requests,
        &[Must::Ratio(Nginx, 0.80)],
    ),
    exchanges(
        "upload-1m",
        "1 MiB requests, 16 connections",
        || Work::upload(1024 * 1024),
        16,
        Bodies::Requests,
        &[Must::Ratio(Nginx, 0.80)],
    ),
    Row {
        name: "unix",
        about: "128 B answers, 64 connections, upstream on a unix socket",
        measure: Measure::Exchanges {
            work: || Work::download(128),
            connections: 64,
            bodies: Bodies::Small,
            on_unix: true,
        },
        musts: &[Must::Ratio(Nginx, 0.70)],
    },
    exchanges(
        "tls",
        "128 B answers over TLS 1.3, 64 connections",
        || Work::download(128).over(Talk::Secure),
        64,
        Bodies::Small,
        &[Must::Ratio(Nginx, 0.80)],
    ),
    exchanges(
        "handshake",
        "a full TLS 1.3 handshake, one request and a close, 64 at a time",
        || Work::download(128).over(Talk::Handshakes),
        64,
        Bodies::Small,
        &[Must::Ratio(Nginx, 0.60)],
    ),
    exchanges(
        "h2",
        "128 B answers over HTTP/2 in clear, 8 connections x 32 streams",
        || Work::download(128).over(Talk::Multiplexed { streams: 32 }),
        8,
        Bodies::Small,
        &[Must::Ratio(Nginx, 0.70)],
    ),
    exchanges(
        "guarded",
        "a token that repeats, two rate limits, two fields, an access log; 128 B answers, 64 connections",
        || Work::download(128).over(Talk::Guarded),
        64,
        Bodies::Small,
        &[],
    ),
    Row {
        name: "p99",
        about: "latency added at p99, 64 connections, 70 % of nginx's capacity",
        measure: Measure::Latency { connections: 64, load: 0.7 },
        musts: &[Must::Ratio(Nginx, 1.0)],
    },
    Row {
        name: "cores",
        about: "two workers against two processes of one worker, 64 connections",
        measure: Measure::Cores { connections: 64 },
        musts: &[Must::Pair(1.05)],
    },
    Row {
        name: "routes",
        about: "10,000 routes against 10, 64 connections",
        measure: Measure::Routes { few: 10, many: 10_000, connections: 64 },
        musts: &[Must::Pair(1.02)],
    },
    Row {
        name: "careful",
        about: "checks, breakers, outliers, limits, retries, hedging, fallback, a split: nothing fails, 64 connections",
        measure: Measure::Careful { connections: 64 },
        musts: &[Must::Pair(1.05)],
    },
    Row {
        name: "idle",
        about: "memory per idle connection, 10,000 connections",
        measure: Measure::Idle { connections: 10_000 },
        musts: &[Must::IdleBytes(6.0 * 1024.0)],
    },
    Row {
        name: "start",
        about: "start to first answer",
        measure: Measure::Start,
        musts: &[Must::StartWithin(Duration::from_millis(50))],
    },
];

const fn exchanges(
    name: &'static str,
    about: &'static str,
    work: fn() -> Work,
    connections: usize,
    bodies: Bodies,
    musts: &'static [Must],
) -> Row {
    Row { name, about, measure: Measure::Exchanges { work, connections, bodies, on_unix: false }, musts }
}
