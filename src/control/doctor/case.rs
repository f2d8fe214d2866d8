//! What is examined: a machine, what a configuration needs of it, and what the kernel answered when asked.
//!
//! Owns the questions that cannot be answered by reading files, and asks them in passing: a ring is set up and taken
//! down, an address is bound and let go, nothing listens.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::host::{Host, cpu_list};
use crate::control::config::{Config, DriverConfig, LimitsConfig};
use crate::rt::driver::{self, RingOptions};

/// What a configuration needs of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// `workers.cpus`; empty for all that may be used.
    pub cpus: Vec<u16>,
    /// `workers.driver`.
    pub driver: DriverConfig,
    /// `limits.connections`, per worker.
    pub connections: u32,
    /// Every listener, the operator's too.
    pub listeners: Vec<Listener>,
}

/// An address that is to be listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// Where.
    pub addr: SocketAddr,
    /// Its backlog; the operator's listener has none of its own.
    pub backlog: Option<u16>,
}

impl Needs {
    /// What this configuration needs; without one, what an empty one would.
    pub fn of(config: Option<&Config>) -> Self {
        let Some(config) = config else {
            let connections = LimitsConfig::default().connections;
            return Self { cpus: Vec::new(), driver: DriverConfig::Auto, connections, listeners: Vec::new() };
        };
        let public = config.listeners.iter().map(|listener| Listener {
            name: listener.name.clone(),
            addr: listener.address.get(),
            backlog: Some(listener.backlog),
        });
        let admin = config.admin.iter().map(|admin| Listener {
            name: super::super::bind::ADMIN.to_owned(),
            addr: admin.address.get(),
            backlog: None,
        });
        Self {
            cpus: config.workers.cpus.clone(),
            driver: config.workers.driver,
            connections: config.limits.connections,
            listeners: public.chain(admin).collect(),
        }
    }
}

/// An answer of the kernel: yes, or the number of its error.
pub type Answer = Result<(), i32>;

/// What the kernel answered. Empty where it was not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probes {
    /// Each set of ring options, best first.
    pub rings: Vec<(RingOptions, Answer)>,
    /// Whether each listener's address can be bound, in their order.
    pub binds: Vec<Answer>,
    /// Whether the clock is kept in step with the world's.
    pub is_clock_synchronised: Option<bool>,
}

impl Probes {
    /// Asks the kernel of this machine.
    pub fn ask(needs: &Needs) -> Self {
        let number = |error: io::Error| error.raw_os_error().unwrap_or(libc::EINVAL);
        Self {
            rings: driver::probe_each().map(|(options, answer)| (options, answer.map_err(number))).to_vec(),
            binds: needs.listeners.iter().map(|listener| bind(listener.addr).map_err(number)).collect(),
            is_clock_synchronised: is_clock_synchronised(),
        }
    }
}

/// Binds as the gateway would and lets go; it does not listen, so no client can come to it.
fn bind(addr: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&addr.into())
}

fn is_clock_synchronised() -> Option<bool> {
    // SAFETY: an all-zero timex is a valid one, and asks (modes 0) instead of setting.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `timex` is valid and writable; without modes the call changes nothing of the clock.
    let state = unsafe { libc::adjtimex(&mut timex) };
    (state >= 0).then_some(state != TIME_ERROR)
}

/// adjtimex(2): the clock is not synchronised.
const TIME_ERROR: libc::c_int = 5;

/// An examination under way.
#[derive(Debug)]
pub struct Case<'a> {
    /// The machine.
    pub host: &'a Host,
    /// What is needed of it.
    pub needs: &'a Needs,
    /// What its kernel answered.
    pub probes: &'a Probes,
    /// CPUs that the process may use.
    pub allowed: Vec<u16>,
    /// CPUs that workers are pinned to.
    pub workers: Vec<u16>,
}

impl<'a> Case<'a> {
    /// Settles which CPUs the workers have.
    pub fn new(host: &'a Host, needs: &'a Needs, probes: &'a Probes) -> Self {
        let allowed = cpu_list(&host.status("Cpus_allowed_list").unwrap_or_default());
        let workers = if needs.cpus.is_empty() { allowed.clone() } else { needs.cpus.clone() };
        Self { host, needs, probes, allowed, workers }
    }

    /// Number of workers, at least one.
    pub fn worker_count(&self) -> u64 {
        self.workers.len().max(1) as u64
    }

    /// Client connections of all workers together.
    pub fn connections(&self) -> u64 {
        self.worker_count() * u64::from(self.needs.connections)
    }
}
