//! Who is compared: Ringgate with limits and without, nginx and Envoy as they come.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::machine;
use crate::process::Group;
use crate::socket::{self, Address};

/// A program that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// Ringgate that finds out what the service can do, and keeps a part for what is critical.
    Adaptive,
    /// Ringgate with a written limit and a queue.
    Limited,
    /// Ringgate without limits.
    Ringgate,
    /// nginx.
    Nginx,
    /// Envoy.
    Envoy,
}

/// A running gateway. Dropping it ends it.
pub struct Running {
    _group: Group,
    address: Address,
}

/// How long one may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

impl Contender {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Adaptive, Self::Limited, Self::Ringgate, Self::Nginx, Self::Envoy];

    /// As it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "Ringgate, adaptive",
            Self::Limited => "Ringgate, 12 and 24 waiting",
            Self::Ringgate => "Ringgate, no limits",
            Self::Nginx => "nginx",
            Self::Envoy => "Envoy",
        }
    }

    /// Where its program is, if it is installed.
    pub fn program(self) -> Option<PathBuf> {
        match self {
            Self::Adaptive | Self::Limited | Self::Ringgate => Some(env!("CARGO_BIN_EXE_ringgate").into()),
            Self::Nginx => find("nginx"),
            Self::Envoy => find("envoy"),
        }
    }

    /// What Ringgate's cluster has besides its endpoint.
    fn limits(self) -> &'static str {
        match self {
            Self::Adaptive => "limits: {adaptive: {floor: 2, ceiling: 500}, reserves: {critical: 20%}}",
            Self::Limited => {
                "limits: {requests: 12, pending: 24, pending_timeout: 200ms, reserves: {critical: 20%}}"
            }
            _ => "",
        }
    }

    fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Adaptive | Self::Limited | Self::Ringgate => {
                ("ringgate.yaml", include_str!("ringgate.yaml"))
            }
            Self::Nginx => ("nginx.conf", include_str!("nginx.conf")),
            Self::Envoy => ("envoy.yaml", include_str!("envoy.yaml")),
        }
    }
}

impl Running {
    /// Starts one in front of a service, and waits until it answers connections.
    pub fn start(contender: Contender, upstream: &Address, dir: &Path) -> anyhow::Result<Self> {
        let address = socket::listen(&Address::any())?.1;
        let (Address::Tcp(own), Address::Tcp(service)) = (&address, upstream) else {
            bail!("gateways and services listen on TCP")
        };
        let (file, template) = contender.template();
        let mut text = template.to_owned();
        for (name, value) in [
            ("address", own.to_string()),
            ("port", own.port().to_string()),
            ("upstream", service.to_string()),
            ("upstream_port", service.port().to_string()),
            ("limits", contender.limits().to_owned()),
            ("dir", dir.display().to_string()),
            ("cpu", machine::GATEWAY_CPU.to_string()),
        ] {
            text = text.replace(&format!("{{{{{name}}}}}"), &value);
        }
        let path = dir.join(file);
        std::fs::write(&path, text)?;
        let program = contender.program().context("it is not installed")?;
        let mut command = Command::new(program);
        match contender {
            Contender::Nginx => command.arg("-c").arg(path),
            Contender::Envoy => command
                .args(["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error", "-c"])
                .arg(path),
            _ => command.arg("run").arg(path),
        };
        let mut group = Group::start(command, &[machine::GATEWAY_CPU], &dir.join("output"))?;
        let began = Instant::now();
        while socket::connect(&address).is_err() {
            group.check()?;
            if began.elapsed() > START_TIMEOUT {
                bail!("it does not listen");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Self { _group: group, address })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
