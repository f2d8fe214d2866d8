//! A gateway process: the binary under test with a configuration of the test's.
//!
//! Owns the process and the addresses it announced. Port 0 everywhere: the real ports are read from its output, so
//! any number of tests run side by side.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{PATIENCE, Process, Response, Wire, ringgate};

/// A running gateway. Derefs to its process.
pub struct Gateway {
    process: Process,
    public: SocketAddr,
    admin: Option<SocketAddr>,
}

impl Gateway {
    /// Starts a gateway with this configuration and waits until it is ready.
    #[track_caller]
    pub fn start(yaml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, yaml).expect("the directory is ours");
        Self::start_file(&file, directory, &[])
    }

    /// Starts a gateway with this file, whose other files belong into `directory`, and this environment.
    #[track_caller]
    pub fn start_file(file: &Path, directory: tempfile::TempDir, environment: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.arg("run").arg(file).envs(environment.iter().cloned());
        if let Ok(driver) = std::env::var("RINGGATE_TEST_DRIVER") {
            command.args(["--driver", &driver]);
        }
        let process = Process::start(command, directory);
        process.line("ready");
        let announced = process.stdout();
        let public =
            announced.iter().find(|line| line.starts_with("listening ")).and_then(|line| address(line));
        let admin = announced.iter().find(|line| line.starts_with("admin ")).and_then(|line| address(line));
        Self { process, public: public.expect("a listener was announced"), admin }
    }

    /// The first listener's address.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// The address of the listener with this name.
    #[track_caller]
    pub fn listener(&self, name: &str) -> SocketAddr {
        let line = self.process.line(&format!("listening {name} "));
        address(&line).expect("the line ends with a URL")
    }

    /// The admin listener's address.
    #[track_caller]
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("an admin listener was announced")
    }

    /// A new client connection.
    #[track_caller]
    pub fn wire(&self) -> Wire {
        Wire::connect(self.public)
    }

    /// Sends one request on a connection of its own and reads the answer.
    #[track_caller]
    pub fn send(&self, request: impl AsRef<[u8]>) -> Response {
        let mut wire = self.wire();
        wire.send(request);
        wire.read()
    }

    /// A plain GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// A GET with further fields, each line ended by CRLF.
    #[track_caller]
    pub fn get_with(&self, target: &str, fields: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"))
    }

    /// A GET to the admin listener.
    #[track_caller]
    pub fn admin_get(&self, target: &str) -> Response {
        Wire::connect(self.admin())
            .ask(format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))
    }

    /// The sum of all samples that match `name` or `name{label="value",...}`; further labels are summed over.
    #[track_caller]
    pub fn metric(&self, selector: &str) -> f64 {
        let page = self.admin_get("/metrics").text();
        let (name, labels) = selector.split_once('{').unwrap_or((selector, "}"));
        let wanted: Vec<&str> =
            labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()).collect();
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        samples.filter_map(|line| sample(line, name, &wanted)).sum()
    }

    /// Waits until a metric has this value; shows the page if it never does.
    #[track_caller]
    pub fn metric_becomes(&self, selector: &str, value: f64) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.metric(selector) != value {
            let page = || self.admin_get("/metrics").text();
            assert!(std::time::Instant::now() < deadline, "{selector} is not {value}:\n{}", page());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks for a graceful end and asserts that it comes, with exit code 0.
    #[track_caller]
    pub fn drain(mut self) {
        self.process.signal(libc::SIGTERM);
        self.ends_with(0);
    }

    /// Asserts that the process ends by itself with this exit code.
    #[track_caller]
    pub fn ends_with(&mut self, code: i32) {
        let status = self.process.exit_within(PATIENCE).expect("the gateway did not end");
        assert_eq!(status.code(), Some(code), "{status}");
    }

    /// Tells it something by one of the program's own commands, which has to succeed. Gives what that said.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> String {
        self.command_ends(arguments, 0)
    }

    /// The same for a command that ends with `code`.
    #[track_caller]
    pub fn command_ends(&self, arguments: &[&str], code: i32) -> String {
        let admin = self.admin().to_string();
        let finished = ringgate(&[arguments, &["--admin", &admin]].concat());
        assert_eq!(finished.code, code, "{arguments:?}: {}", finished.said());
        finished.said()
    }

    /// The process, mutably: to wait for its end.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Deref for Gateway {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// The address in the URL that a line ends with.
fn address(line: &str) -> Option<SocketAddr> {
    line.split_whitespace().find_map(|word| word.split_once("://")?.1.trim_end_matches('/').parse().ok())
}

fn sample(line: &str, name: &str, wanted: &[&str]) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?,
        None => ("", rest.strip_prefix(' ')?),
    };
    let matches = wanted.iter().all(|label| labels.split(',').any(|had| had == *label));
    matches.then(|| value.split_whitespace().next()?.parse().ok())?
}
