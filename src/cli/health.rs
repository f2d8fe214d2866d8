//! `ringgate health`: is the gateway on this machine well, as a health check asks.
//!
//! One GET to the admin listener, one line, exit code 0 or 1: nothing else needs to be in a container's image. The
//! paths it asks need no token.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::config::units::Span;

/// Ask a running gateway whether it is well.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate health --config /etc/ringgate/gateway.yaml      alive? where its `admin` listens
  ringgate health --admin 127.0.0.1:9901 --ready           does it want traffic?

Exit codes: 0 it is well, 1 it is not or does not answer, 64 wrong usage (or a configuration without `admin`).
/healthz and /readyz need no token.")]
pub struct Health {
    /// The gateway's YAML file; its `admin.address` is asked.
    #[arg(short, long, required_unless_present = "admin", conflicts_with = "admin")]
    config: Option<PathBuf>,
    /// The admin listener's address.
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// Ask whether it wants traffic (/readyz) instead of whether it lives (/healthz).
    #[arg(long)]
    ready: bool,
    /// For all of it: connecting, asking and the answer.
    #[arg(long, default_value = "2s")]
    timeout: Span,
}

/// An answer of the admin listener is shorter.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

impl Health {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let addr = match self.addr() {
            Ok(addr) => addr,
            Err(reason) => {
                eprintln!("error: {reason}");
                return Ok(ExitCode::from(super::EXIT_USAGE));
            }
        };
        let path = if self.ready { "/readyz" } else { "/healthz" };
        match ask(addr, path, self.timeout.duration()) {
            Ok(said) => {
                println!("{said}");
                Ok(ExitCode::SUCCESS)
            }
            Err(reason) => {
                println!("not {}: http://{addr}{path}: {reason}", if self.ready { "ready" } else { "alive" });
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn addr(&self) -> Result<SocketAddr, String> {
        if let Some(addr) = self.admin {
            return Ok(reachable(addr));
        }
        let file = self.config.as_ref().ok_or("--config or --admin is needed")?;
        let loaded = crate::control::check::load(file, &super::environment())
            .map_err(|diagnostics| format!("{}: cannot be used\n{diagnostics}", file.display()))?;
        let admin = loaded.config.admin.ok_or_else(|| format!("{}: no `admin` listener", file.display()))?;
        match admin.address.get() {
            addr if addr.port() == 0 => Err(format!("{}: admin.address has no fixed port", file.display())),
            addr => Ok(reachable(addr)),
        }
    }
}

/// "Every address" is one to listen on; this machine is asked at its own.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, addr.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, addr.port())),
        _ => addr,
    }
}

/// The first line of a good answer's body, or why there is none.
fn ask(addr: SocketAddr, path: &str, timeout: Duration) -> Result<String, String> {
    let by = Instant::now() + timeout;
    let answer = exchange(addr, path, by).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            format!("no answer within {timeout:?}")
        }
        _ => error.to_string(),
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("not an HTTP answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    let said = body.lines().next().unwrap_or_default();
    if status == "200" { Ok(said.to_owned()) } else { Err(format!("status {status}: {said}")) }
}

fn exchange(addr: SocketAddr, path: &str, by: Instant) -> std::io::Result<String> {
    let left = || by.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut stream = TcpStream::connect_timeout(&addr, left())?;
    stream.set_write_timeout(Some(left()))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    loop {
        if Instant::now() >= by {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left()))?;
        match (&mut stream).take(ANSWER_BYTES_MAX - answer.len() as u64).read(&mut piece)? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_this_machine_where_every_address_is_listened_on() {
        let asked = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(asked("0.0.0.0:9901"), "127.0.0.1:9901");
        assert_eq!(asked("[::]:9901"), "[::1]:9901");
        assert_eq!(asked("192.0.2.1:9901"), "192.0.2.1:9901");
    }
}
