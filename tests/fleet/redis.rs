//! A real redis-server that is killed, paused and started again at the same address.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::harness::{Process, eventually, free_address};

/// A redis-server that keeps nothing on disk.
pub struct Redis {
    address: SocketAddr,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Redis {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further arguments.
    #[track_caller]
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
        let mut redis = Self { address: free_address(), arguments, process: None };
        redis.begin();
        redis
    }

    /// Starts it again, with nothing of what it had.
    #[track_caller]
    pub fn begin(&mut self) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.args(["--port", &self.address.port().to_string()]).arg("--dir").arg(directory.path());
        command.args(&self.arguments);
        self.process = Some(Process::start(command, directory));
        eventually("redis listens", || TcpStream::connect(self.address).is_ok());
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops it where it is: connections stay, and nothing is answered.
    pub fn pause(&self) {
        self.process.as_ref().expect("it runs").signal(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.as_ref().expect("it runs").signal(libc::SIGCONT);
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What redis-cli says to this; a line for each value.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> Vec<String> {
        let output = Command::new("redis-cli")
            .args(["-p", &self.address.port().to_string()])
            .args(arguments)
            .output()
            .expect("redis-cli is installed");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        said.lines().map(str::to_owned).collect()
    }

    /// Names of its keys, sorted.
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.ask(&["KEYS", "*"]);
        keys.retain(|key| !key.is_empty());
        keys.sort();
        keys
    }
}
