//! Configurations of the tests: one listener, one cluster, one route, and what a test adds to each.
//!
//! Additions are YAML as a user writes it, so that a test shows the configuration it is about.

use std::fmt::Display;

use super::Gateway;

/// A configuration being written.
#[derive(Clone, Default)]
pub struct Setup {
    endpoints: Vec<String>,
    top: String,
    cluster: String,
    route: String,
    routes: Option<String>,
    workers: Option<String>,
    listener: String,
}

impl Setup {
    /// A gateway in front of one origin.
    pub fn before(endpoint: impl Display) -> Self {
        Self::default().endpoint(endpoint)
    }

    /// One more endpoint of the cluster `origin`.
    pub fn endpoint(mut self, endpoint: impl Display) -> Self {
        self.endpoints.push(format!("\"{endpoint}\""));
        self
    }

    /// An endpoint with a weight.
    pub fn weighted(mut self, endpoint: impl Display, weight: u32) -> Self {
        self.endpoints.push(format!("{{address: \"{endpoint}\", weight: {weight}}}"));
        self
    }

    /// An endpoint of which there is more to say: `tier: 1, zone: a`.
    pub fn placed(mut self, endpoint: impl Display, place: &str) -> Self {
        self.endpoints.push(format!("{{address: \"{endpoint}\", {place}}}"));
        self
    }

    /// A line of the listener: `tcp: {cluster: origin}`, which also leaves out the route.
    pub fn listener(mut self, line: &str) -> Self {
        if line.starts_with("tcp:") {
            self.routes.get_or_insert_with(|| "  []".to_owned());
        }
        self.listener.push_str(&format!(", {line}"));
        self
    }

    /// A line at the top level: `limits: {head_timeout: 300ms}`.
    pub fn top(mut self, line: &str) -> Self {
        self.top.push_str(line);
        self.top.push('\n');
        self
    }

    /// A line of the cluster: `timeouts: {head: 300ms}`.
    pub fn cluster(mut self, line: &str) -> Self {
        self.cluster.push_str(&format!("    {line}\n"));
        self
    }

    /// A line of the route: `policies: {...}`.
    pub fn route(mut self, line: &str) -> Self {
        self.route.push_str(&format!("    {line}\n"));
        self
    }

    /// Other routes than the one that takes everything: list items, indented by two.
    pub fn routes(mut self, items: &str) -> Self {
        self.routes = Some(items.trim_matches('\n').to_owned());
        self
    }

    /// One worker instead of one per CPU, for tests that count upstream connections.
    pub fn one_worker(mut self) -> Self {
        self.workers = Some(format!("workers: {{cpus: [{}]}}", first_cpu()));
        self
    }

    /// The configuration as it is written to the file.
    pub fn yaml(&self) -> String {
        let default_route =
            format!("  - name: all\n    match: {{prefix: /}}\n    cluster: origin\n{}", self.route);
        let endpoints = match &*self.endpoints.join(", ") {
            "" => String::new(),
            endpoints => format!("    endpoints: [{endpoints}]\n"),
        };
        format!(
            "listeners: [{{name: public, address: \"127.0.0.1:0\"{}}}]\nadmin: {{address: \"127.0.0.1:0\"}}\n\
             {}\n{}clusters:\n  origin:\n{}{}routes:\n{}\n",
            self.listener,
            self.workers.as_deref().unwrap_or(""),
            self.top,
            endpoints,
            self.cluster,
            self.routes.as_ref().unwrap_or(&default_route),
        )
    }

    /// Starts a gateway with it.
    #[track_caller]
    pub fn start(&self) -> Gateway {
        Gateway::start(&self.yaml())
    }
}

/// The first CPU that this process may use.
pub fn first_cpu() -> u16 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let list =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("the kernel tells it");
    let digits: String = list.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a list begins with a number")
}
