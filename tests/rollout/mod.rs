//! Changes under traffic: history on disk, staged rollout, taking back, the start from what was good.

mod broken;
mod history;
mod orders;
mod restart;
mod steps;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{Gateway, Wire};

/// Connections of the load: enough that both workers have some, few enough to leave CPU for the gateway.
const CONNECTIONS: usize = 12;
/// Between two requests of a connection.
const PAUSE: Duration = Duration::from_millis(4);

/// A gateway with two workers, a file that is written anew, and a folder for what outlives it.
pub struct Staged {
    pub gateway: Gateway,
    pub file: PathBuf,
    pub state: Arc<tempfile::TempDir>,
}

impl Staged {
    /// Starts with this configuration, of which `admin` and `workers` are given.
    #[track_caller]
    pub fn start(yaml: &str) -> Self {
        let state = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let file = state.path().join("gateway.yaml");
        std::fs::write(&file, whole(yaml)).expect("ours");
        Self::start_again(state)
    }

    /// Starts with the file and the history that are there.
    #[track_caller]
    pub fn start_again(state: Arc<tempfile::TempDir>) -> Self {
        let file = state.path().join("gateway.yaml");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let folder = state.path().join("state").display().to_string();
        let environment = [("RINGGATE_STATE".to_owned(), folder)];
        Self { gateway: Gateway::start_file(&file, directory, &environment), file, state }
    }

    /// Ends it, and starts it again.
    #[track_caller]
    pub fn restart(self) -> Self {
        let Self { gateway, state, .. } = self;
        gateway.drain();
        Self::start_again(state)
    }

    /// Writes a configuration, which is seen to have changed.
    pub fn write(&self, yaml: &str) {
        let partial = self.state.path().join("gateway.yaml.new");
        std::fs::write(&partial, whole(yaml)).expect("ours");
        std::fs::rename(partial, &self.file).expect("ours");
    }

    /// Waits until standard error says something; gives the line.
    #[track_caller]
    pub fn says(&self, what: &str, within: Duration) -> String {
        let by = Instant::now() + within;
        loop {
            let said = self.gateway.stderr();
            // A line may have been written in part only.
            let mut lines = said.split_inclusive('\n');
            if let Some(line) = lines.find(|line| line.contains(what) && line.ends_with('\n')) {
                return line.trim_end().to_owned();
            }
            assert!(Instant::now() < by, "it does not say `{what}`:\n{said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn whole(yaml: &str) -> String {
    format!("admin: {{address: '127.0.0.1:0'}}\n{yaml}")
}

/// Two routes, one of which changes: `orders` goes to this endpoint with these further settings, `health` is answered.
pub fn orders(endpoint: impl std::fmt::Display, more: &str, changes: &str) -> String {
    format!(
        "changes: {{{changes}}}\n\
         listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         clusters: {{origin: {{endpoints: ['{endpoint}']}}}}\n\
         routes:\n\
         - {{name: orders, match: {{prefix: /orders}}, cluster: origin{more}}}\n\
         - {{name: health, match: {{path: /health}}, respond: {{status: 200, body: fine}}}}\n"
    )
}

/// One answer: when it came, on which connection, of which route, with which status.
#[derive(Debug, Clone, Copy)]
pub struct Got {
    pub at: Instant,
    pub connection: usize,
    pub is_orders: bool,
    pub status: u16,
}

/// Clients that ask both routes in turn, each on its own connection, until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Got>>>,
}

impl Load {
    pub fn on(gateway: &Gateway) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |connection| {
            let (stop, address) = (Arc::clone(&stop), gateway.public());
            std::thread::spawn(move || {
                let mut wire = Wire::connect(address);
                let mut all = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    for (target, is_orders) in [("/orders/7", true), ("/health", false)] {
                        let status = wire.get(target).status;
                        all.push(Got { at: Instant::now(), connection, is_orders, status });
                        std::thread::sleep(PAUSE);
                    }
                }
                all
            })
        };
        Self { clients: (0..CONNECTIONS).map(client).collect(), stop }
    }

    /// Everything that was answered. A connection that broke fails the test.
    #[track_caller]
    pub fn stop(self) -> Vec<Got> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().expect("its connection held")).collect()
    }
}
