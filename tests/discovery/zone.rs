//! A real DNS server (dnsmasq) whose zone changes while it runs.
//!
//! Answers for names under `test` and refuses all others; records live for a second.

use std::fmt::Write;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

use crate::harness::{Process, eventually, free_address};

/// A running name server, or one that is away.
pub struct Zone {
    address: SocketAddr,
    directory: tempfile::TempDir,
    process: Option<Process>,
    services: Vec<String>,
}

impl Zone {
    /// Answers that these names have these addresses.
    #[track_caller]
    pub fn start(hosts: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut zone = Self { address: free_address(), directory, process: None, services: Vec::new() };
        zone.write(hosts);
        zone.come_back();
        zone
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes which names have which addresses, all at once.
    pub fn write(&self, hosts: &[(&str, &str)]) {
        let mut text = String::new();
        for (name, address) in hosts {
            let _ = writeln!(text, "{address} {name}");
        }
        std::fs::write(self.directory.path().join("hosts"), text).expect("the directory is ours");
        if let Some(process) = &self.process {
            process.signal(libc::SIGHUP);
        }
    }

    /// Changes the hosts of services: name, target, port, priority, weight.
    #[track_caller]
    pub fn serve(&mut self, services: &[(&str, &str, u16, u16, u16)]) {
        let line = |(name, target, port, priority, weight): &(&str, &str, u16, u16, u16)| {
            format!("--srv-host={name},{target},{port},{priority},{weight}")
        };
        self.services = services.iter().map(line).collect();
        self.go_away();
        self.come_back();
    }

    /// Stops answering.
    pub fn go_away(&mut self) {
        self.process = None;
    }

    /// Answers again.
    #[track_caller]
    pub fn come_back(&mut self) {
        let program = "/usr/sbin/dnsmasq";
        let program = if std::path::Path::new(program).exists() { program } else { "dnsmasq" };
        let mut command = Command::new(program);
        command.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--no-resolv",
            "--no-hosts",
        ]);
        command.args(["--bind-interfaces", "--local-ttl=1", "--local=/test/", "--log-facility=-"]);
        // SAFETY: geteuid takes nothing, changes nothing and cannot fail.
        if unsafe { libc::geteuid() } == 0 {
            command.arg("--user=root");
        }
        command.arg(format!("--listen-address={}", self.address.ip()));
        command.arg(format!("--port={}", self.address.port()));
        command.arg(format!("--addn-hosts={}", self.directory.path().join("hosts").display()));
        command.args(&self.services);
        self.process = Some(Process::start(command, tempfile::tempdir().expect("a temporary directory")));
        let address = self.address;
        eventually("dnsmasq answers", || answers(address));
    }
}

/// Asks for the addresses of the root, whatever they are.
fn answers(server: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01";
    let mut answer = [0; 512];
    let _ = socket.set_read_timeout(Some(std::time::Duration::from_millis(200)));
    socket.send_to(question, server).is_ok() && socket.recv(&mut answer).is_ok()
}
