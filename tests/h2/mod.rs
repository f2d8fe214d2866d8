//! HTTP/2 with clients: other people's (curl, nghttp, h2load, httpx), and one in raw frames for what those would not do.

mod bodies;
mod cut;
mod floods;
mod life;
mod malformed;
mod messages;
mod pairings;
mod peers;
mod starved;
mod websocket;

use serde_json::Value;

use crate::harness::{FaultOrigin, Gateway, Setup, eventually, h2::H2};

/// A gateway of one worker that logs, and a reader of its log.
struct Logged {
    gateway: Gateway,
    file: tempfile::NamedTempFile,
}

impl Logged {
    /// Before this origin, with lines at the top level.
    #[track_caller]
    fn before(origin: &FaultOrigin, top: &str) -> Self {
        Self::with(Setup::before(origin.address()).top(top))
    }

    #[track_caller]
    fn with(setup: Setup) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let log = format!("access_log: {{to: '{}'}}", file.path().display());
        Self { gateway: setup.one_worker().top(&log).start(), file }
    }

    fn client(&self) -> H2 {
        H2::connect(self.gateway.public())
    }

    /// Waits for this many lines.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<Value> {
        let text = || std::fs::read_to_string(self.file.path()).expect("the log is there");
        eventually(&format!("{count} log lines"), || text().lines().count() >= count);
        text().lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// How many connections have ended for a reason.
    fn ends(&self, reason: &str) -> f64 {
        self.gateway.metric(&format!("ringgate_http2_connections_ended_total{{reason=\"{reason}\"}}"))
    }

    /// Waits until connections have ended this often for a reason.
    #[track_caller]
    fn ended(&self, reason: &str, count: usize) {
        let selector = format!("ringgate_http2_connections_ended_total{{reason=\"{reason}\"}}");
        self.gateway.metric_becomes(&selector, count as f64);
    }
}
