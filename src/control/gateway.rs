//! A running gateway: sockets, workers, admin listener, log writer.
//!
//! Starts all of them or none, and stops them in the order that loses nothing: readiness falls, workers drain,
//! the log is flushed, the admin listener closes last.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::secret::Environment;
use crate::control::admin::{AdminState, Readiness, ReadinessState, WorkerDescription};
use crate::control::bind::{Bound, bind_all};
use crate::control::config::{Config, DriverConfig, SteeringConfig};
use crate::control::discovery::feeds::Feeds;
use crate::control::export::{Exporter, GenerationLabel, SlotNames, Sources};
use crate::control::log_writer::{LogTarget, LogWriter};
use crate::control::systemd::sockets::PassedSocket;
use crate::control::tls::Inventory;
use crate::control::tls::watch::Watch;
use crate::http::method::Method;
use crate::policy::reply::fault_names;
use crate::proxy::snapshot::Snapshot;
use crate::rt::affinity::allowed_cpus;
use crate::rt::clock;
use crate::rt::driver::{self, Driver};
use crate::rt::memory::raise_open_files;
use crate::shared::{Frozen, LineReader, LineWriter, Mailbox, Published, line_ring};
use crate::telemetry::Registry;
use crate::telemetry::metrics::METHOD_SLOTS;
use crate::worker::command::Command;
use crate::worker::placement::Neighbours;
use crate::worker::spawn::{Seat, spawn};

/// Bytes of log lines that wait for the writer, per worker.
const LOG_RING_BYTES: usize = 1 << 20;
/// Commands that wait for a worker.
const MAILBOX_CAPACITY: usize = 64;
/// How long all workers may take to start.
const START_BOUND: Duration = Duration::from_secs(20);
/// How long sources of endpoints may take to answer before requests come.
const FIRST_ANSWERS_BOUND: Duration = Duration::from_secs(3);
/// How long the log may take to be written out at the end.
const LOG_FLUSH_BOUND: Duration = Duration::from_secs(3);
/// Descriptors for listeners, rings, logs and the admin listener.
const DESCRIPTORS_RESERVED: u64 = 64;
/// How long the admin listener may take to close.
const ADMIN_CLOSE_BOUND: Duration = Duration::from_secs(2);
/// Beyond the drain's own limit, for the workers' last turn.
const DRAIN_SLACK: Duration = Duration::from_secs(2);

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("listener `{name}`: cannot listen on {addr}: {reason}")]
    Bind {
        /// Which one.
        name: String,
        /// Where.
        addr: SocketAddr,
        /// Why.
        reason: String,
    },
    /// `workers.driver: io_uring` and there is none.
    #[error("io_uring is asked for (workers.driver), but {0}; `driver: auto` falls back to epoll")]
    NoRing(String),
    /// Something the configuration names cannot be had.
    #[error("{0}")]
    Missing(String),
    /// A thread could not be started.
    #[error("worker {0}: {1}")]
    Worker(usize, io::Error),
    /// Anything else of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A running gateway.
pub struct Gateway {
    /// What runs.
    pub snapshot: Frozen<Snapshot>,
    /// Listeners by name, with the addresses they really have.
    pub listeners: Vec<(String, SocketAddr)>,
    /// The admin listener's address.
    pub admin: Option<SocketAddr>,
    /// How the workers wait for the kernel.
    pub driver: Driver,
    /// Why it is not io_uring, if it was wanted.
    pub ring_refusal: Option<String>,
    /// The workers' CPUs.
    pub cpus: Vec<u16>,
    /// What an operator should know of passed sockets.
    pub remarks: Vec<String>,
    /// Where the workers count.
    pub registry: Frozen<Registry>,
    readiness: Readiness,
    mailboxes: Vec<Mailbox<Command>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    log: Option<LogWriter>,
    certificates: Published<Inventory>,
    feeds: Feeds,
    certificate_watch: tokio::task::JoinHandle<()>,
    admin_task: Option<(tokio::task::JoinHandle<io::Result<()>>, tokio::sync::oneshot::Sender<()>)>,
}

impl Gateway {
    /// Starts everything and waits until all workers serve. Needs a tokio runtime around it. `snapshot` is what
    /// `config` compiles to; `passed` are listening sockets that somebody else has bound.
    pub async fn start(
        config: &Config,
        snapshot: Snapshot,
        environment: &Environment,
        wanted: DriverConfig,
        passed: Vec<PassedSocket>,
    ) -> Result<Self, StartError> {
        let started = Instant::now();
        let (driver, ring_refusal) = choose_driver(wanted)?;
        let cpus = choose_cpus(config)?;
        let token = admin_token(config, environment)?;
        let Bound { listeners, by_worker, admin, remarks } = bind_all(config, cpus.len(), passed)?;
        let registry = Frozen::new(Registry::new(cpus.len()));
        let feeds = Feeds::new(registry.clone(), environment);
        feeds.attach(config, &snapshot);
        feeds.first_answers(FIRST_ANSWERS_BOUND).await;
        let snapshot = Frozen::new(snapshot);
        let (writers, readers): (Vec<_>, Vec<_>) = cpus.iter().map(|_| line_ring(LOG_RING_BYTES)).unzip();
        let log = start_log(config, readers)?;
        let readiness = Readiness::new();
        let watch = Watch::new(config, &environment.base, &snapshot.tls);
        let certificates = watch.inventory();
        let mut gateway = Self {
            listeners,
            admin: None,
            driver,
            ring_refusal,
            readiness,
            mailboxes: Vec::new(),
            threads: Vec::new(),
            log,
            certificates,
            feeds,
            certificate_watch: tokio::spawn(watch.run()),
            admin_task: None,
            snapshot,
            cpus,
            remarks,
            registry: registry.clone(),
        };
        let neighbours =
            Neighbours::new(gateway.cpus.len(), config.workers.steering == SteeringConfig::Even)?;
        gateway.spawn_workers(&registry, &neighbours, by_worker, writers)?;
        gateway.wait_until_all_serve(&registry).await?;
        gateway.start_admin(config, admin, token, started)?;
        gateway.readiness.advance(ReadinessState::Ready);
        Ok(gateway)
    }

    fn spawn_workers(
        &mut self,
        registry: &Frozen<Registry>,
        neighbours: &Neighbours,
        sockets: Vec<Vec<TcpListener>>,
        writers: Vec<LineWriter>,
    ) -> Result<(), StartError> {
        for (index, (listeners, log)) in sockets.into_iter().zip(writers).enumerate() {
            let mailbox = Mailbox::new(MAILBOX_CAPACITY)?;
            self.mailboxes.push(mailbox.clone());
            let seat = Seat {
                index,
                count: self.cpus.len(),
                cpu: Some(self.cpus[index]),
                driver: self.driver,
                connections_max: connections_per_worker(self.cpus.len()),
                listeners,
                snapshot: self.snapshot.clone(),
                registry: registry.clone(),
                mailbox,
                neighbours: neighbours.clone(),
                log,
            };
            self.threads.push(spawn(seat).map_err(|error| StartError::Worker(index, error))?);
        }
        Ok(())
    }

    async fn wait_until_all_serve(&mut self, registry: &Registry) -> Result<(), StartError> {
        let by = Instant::now() + START_BOUND;
        let generation = self.snapshot.generation as i64;
        while !registry.workers().all(|worker| worker.generation.get() == generation) {
            if let Some(index) = self.threads.iter().position(JoinHandle::is_finished) {
                return Err(StartError::Worker(index, ended(self.threads.swap_remove(index))));
            }
            if Instant::now() > by {
                return Err(StartError::Missing(format!("the workers did not start within {START_BOUND:?}")));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn start_admin(
        &mut self,
        config: &Config,
        passed: Option<TcpListener>,
        token: Option<String>,
        started: Instant,
    ) -> Result<(), StartError> {
        let Some(admin) = &config.admin else { return Ok(()) };
        let bind_error = |error: io::Error| StartError::Bind {
            name: "admin".to_owned(),
            addr: admin.address.get(),
            reason: error.to_string(),
        };
        let listener =
            passed.map_or_else(|| TcpListener::bind(admin.address.get()), Ok).map_err(bind_error)?;
        self.admin = Some(listener.local_addr()?);
        let generation = Published::new(Frozen::new(GenerationLabel {
            number: self.snapshot.generation,
            hash: self.snapshot.hash.to_string(),
        }));
        let exporter = Exporter::new(Sources {
            registry: self.registry.clone(),
            names: slot_names(),
            version: env!("CARGO_PKG_VERSION"),
            started_unix_seconds: clock::wall_seconds(),
            generation: generation.clone(),
            log: self.log.as_ref().map(LogWriter::metrics),
            certificates: self.certificates.clone(),
            feeds: Some(self.feeds.clone()),
        });
        let workers = self.cpus.iter().map(|&cpu| self.describe_worker(cpu, started)).collect();
        let state = AdminState {
            registry: self.registry.clone(),
            exporter,
            readiness: self.readiness.clone(),
            config: Published::new(Frozen::new(serde_json::to_value(config).unwrap_or_default())),
            generation,
            workers: Published::new(Frozen::new(workers)),
            token,
        };
        let (close, closed) = tokio::sync::oneshot::channel();
        let task = crate::control::admin::serve(listener, Arc::new(state), async {
            // The sender is dropped with the gateway; either way it is time to close.
            let _ = closed.await;
        });
        self.admin_task = Some((tokio::spawn(task), close));
        Ok(())
    }

    fn describe_worker(&self, cpu: u16, started: Instant) -> WorkerDescription {
        let (name, options) = self.driver.describe().split_once(" (").unwrap_or((self.driver.describe(), ""));
        WorkerDescription {
            cpu: Some(cpu),
            driver: name.to_owned(),
            ring_options: options
                .trim_end_matches(')')
                .split(", ")
                .filter(|option| !option.is_empty())
                .map(str::to_owned)
                .collect(),
            started,
        }
    }

    /// Waits until a worker ends, which none does before a drain.
    pub async fn worker_ended(&mut self) -> StartError {
        loop {
            if let Some(index) = self.threads.iter().position(JoinHandle::is_finished) {
                return StartError::Worker(index, ended(self.threads.swap_remove(index)));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Opens the access log's file again, for rotation.
    pub fn reopen_log(&self) {
        if let Some(log) = &self.log {
            log.request_reopen();
        }
    }

    /// How long [`Gateway::stop`] may take.
    pub fn stop_bound(&self) -> Duration {
        self.snapshot.limits.drain_timeout + DRAIN_SLACK + LOG_FLUSH_BOUND + ADMIN_CLOSE_BOUND
    }

    /// Stops. False if exchanges were cut because the drain's time was up.
    pub async fn stop(mut self) -> bool {
        self.readiness.advance(ReadinessState::Draining);
        self.certificate_watch.abort();
        for mailbox in &self.mailboxes {
            // A full mailbox belongs to a worker that is stuck; the time limit below deals with it.
            let _ = mailbox.send(Command::Drain);
        }
        let by = Instant::now() + self.snapshot.limits.drain_timeout + DRAIN_SLACK;
        let began = Instant::now();
        while !self.threads.iter().all(JoinHandle::is_finished) && Instant::now() < by {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let in_time = began.elapsed() < self.snapshot.limits.drain_timeout
            && self.threads.iter().all(JoinHandle::is_finished);
        if let Some(log) = self.log.take() {
            log.stop(LOG_FLUSH_BOUND);
        }
        if let Some((task, close)) = self.admin_task.take() {
            let _ = close.send(());
            let _ = tokio::time::timeout(ADMIN_CLOSE_BOUND, task).await;
        }
        in_time
    }
}

fn ended(thread: JoinHandle<io::Result<()>>) -> io::Error {
    match thread.join() {
        Ok(Ok(())) => io::Error::other("ended before its time"),
        Ok(Err(error)) => error,
        Err(_) => io::Error::other("panicked; the message is above"),
    }
}

fn choose_driver(wanted: DriverConfig) -> Result<(Driver, Option<String>), StartError> {
    if wanted == DriverConfig::Epoll {
        return Ok((Driver::Epoll, None));
    }
    match driver::probe() {
        Ok(options) => Ok((Driver::IoUring(options), None)),
        Err(error) => {
            let reason = driver::explain_refusal(&error);
            match wanted {
                DriverConfig::IoUring => Err(StartError::NoRing(reason)),
                _ => Ok((Driver::Epoll, Some(reason))),
            }
        }
    }
}

fn choose_cpus(config: &Config) -> Result<Vec<u16>, StartError> {
    let allowed = allowed_cpus();
    if config.workers.cpus.is_empty() {
        return Ok(if allowed.is_empty() { vec![0] } else { allowed });
    }
    match config.workers.cpus.iter().find(|cpu| !allowed.contains(cpu)) {
        None => Ok(config.workers.cpus.clone()),
        Some(cpu) => Err(StartError::Missing(format!(
            "workers.cpus: CPU {cpu} is not among those this process may use ({allowed:?})"
        ))),
    }
}

fn admin_token(config: &Config, environment: &Environment) -> Result<Option<String>, StartError> {
    let Some(source) = config.admin.as_ref().and_then(|admin| admin.token.as_ref()) else { return Ok(None) };
    match source.read(environment) {
        Ok(secret) => Ok(Some(secret.expose().to_owned())),
        Err(error) => Err(StartError::Missing(format!("admin.token: {}", error.reason))),
    }
}

/// Three of four descriptors are for clients, in equal parts; the rest is for upstream connections and files.
fn connections_per_worker(workers: usize) -> u32 {
    let descriptors = raise_open_files().saturating_sub(DESCRIPTORS_RESERVED);
    u32::try_from(descriptors / 4 * 3 / workers.max(1) as u64).unwrap_or(u32::MAX).max(1)
}

fn start_log(config: &Config, readers: Vec<LineReader>) -> Result<Option<LogWriter>, StartError> {
    let Some(log) = &config.access_log else { return Ok(None) };
    LogWriter::start(LogTarget::parse(&log.to), readers)
        .map(Some)
        .map_err(|error| StartError::Missing(format!("access_log.to: cannot open `{}`: {error}", log.to)))
}

fn slot_names() -> SlotNames {
    let mut methods = [""; METHOD_SLOTS];
    for method in Method::ALL {
        methods[method.index()] = method.name();
    }
    SlotNames { methods, errors: fault_names() }
}
