//! A running gateway: sockets, workers, admin listener, log writer.
//!
//! Starts all of them or none, and stops them in the order that loses nothing: readiness falls, workers drain,
//! the log is flushed, the admin listener closes last.

mod door;
mod machine;
mod opening;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use door::Door;

use crate::config::secret::Environment;
use crate::control::admin::{Readiness, ReadinessState};
use crate::control::answers::{Means, answer_all};
use crate::control::bind::{Bound, bind_all};
use crate::control::check::Loaded;
use crate::control::chronicle::Chronicle;
use crate::control::config::{Config, DriverConfig, SteeringConfig};
use crate::control::crew::Crew;
use crate::control::desk::{Change, Desk};
use crate::control::discovery::feeds::Feeds;
use crate::control::fleet::{self, FleetDesk};
use crate::control::generation::Generation;
use crate::control::health::HealthDesk;
use crate::control::log_desk::LogDesk;
use crate::control::revocations::RevocationDesk;
use crate::control::sources::{Source, SourceState};
use crate::control::steward::{Charge, FIRST_ANSWERS_BOUND, Shown, Steward};
use crate::control::systemd::sockets::PassedSocket;
use crate::policy::ground::Provisions;
use crate::policy::post::Post;
use crate::proxy::snapshot::Snapshot;
use crate::rt::driver::Driver;
use crate::shared::asking::asking;
use crate::shared::level;
use crate::shared::{Frozen, LineWriter, Mailbox, Published, line_ring};
use crate::telemetry::Registry;
use crate::worker::command::Command;
use crate::worker::placement::Neighbours;
use crate::worker::spawn::{Seat, spawn};
use machine::{choose_cpus, choose_driver, connections_per_worker};
use opening::{first_generation, start_log};

/// Bytes of log lines that wait for the writer, per worker.
const LOG_RING_BYTES: usize = 1 << 20;
/// Questions of all workers that wait for control.
const QUESTIONS_MAX: usize = 16_384;
/// Commands that wait for a worker.
const MAILBOX_CAPACITY: usize = 64;
/// How long all workers may take to start.
const START_BOUND: Duration = Duration::from_secs(20);
/// How long the log may take to be written out at the end.
const LOG_FLUSH_BOUND: Duration = Duration::from_secs(3);
/// Batches of a worker on their way to whoever counts: one, but for the last ones.
const FLEET_BATCHES_MAX: usize = 16;
/// How long it may take to tell other hosts the last, and to write quotas.
const FLEET_CLOSE_BOUND: Duration = Duration::from_secs(2);
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
    /// What runs, and what others are shown of it.
    pub shown: Shown,
    /// The way in for changes.
    pub desk: Desk,
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
    log: LogDesk,
    source: Published<SourceState>,
    history: Option<PathBuf>,
    drain: mpsc::Receiver<Change>,
    answers: Option<tokio::task::JoinHandle<()>>,
    means: Means,
    fleet: Option<tokio::task::JoinHandle<()>>,
    steward: Option<tokio::task::JoinHandle<()>>,
    admin_task: Option<(tokio::task::JoinHandle<io::Result<()>>, tokio::sync::oneshot::Sender<()>)>,
}

impl Gateway {
    /// Starts everything and waits until all workers serve. Needs a tokio runtime around it. `snapshot` is what
    /// `loaded` compiles to; `passed` are listening sockets that somebody else has bound.
    pub async fn start(
        loaded: &Loaded,
        snapshot: Snapshot,
        source: Source,
        environment: &Environment,
        wanted: DriverConfig,
        passed: Vec<PassedSocket>,
    ) -> Result<Self, StartError> {
        let chronicle = Chronicle::default();
        Self::start_with(chronicle, (loaded, snapshot), source, environment, wanted, passed).await
    }

    /// The same, with a place where generations are written down.
    pub async fn start_with(
        chronicle: Chronicle,
        (loaded, snapshot): (&Loaded, Snapshot),
        source: Source,
        environment: &Environment,
        wanted: DriverConfig,
        passed: Vec<PassedSocket>,
    ) -> Result<Self, StartError> {
        let config = &loaded.config;
        let base = loaded.document.environment(environment);
        let (driver, ring_refusal) = choose_driver(wanted)?;
        let cpus = choose_cpus(config)?;
        let door =
            Door::prepare(config, &base, chronicle.history().and_then(|history| history.folder().parent()))?;
        level::set(config.log.level.into());
        let Bound { listeners, by_worker, admin, remarks } = bind_all(config, cpus.len(), passed)?;
        let registry = Frozen::new(Registry::new(cpus.len()));
        let feeds = Feeds::new(registry.clone(), &base);
        feeds.attach(config, &snapshot);
        feeds.first_answers(FIRST_ANSWERS_BOUND).await;
        let snapshot = Frozen::new(snapshot);
        let (writers, readers): (Vec<_>, Vec<_>) = cpus.iter().map(|_| line_ring(LOG_RING_BYTES)).unzip();
        let log = LogDesk::new(readers);
        start_log(&log, config)?;
        let (desk, orders) = Desk::new();
        let (drain_asked, drain) = mpsc::channel(1);
        let folder = chronicle.history().and_then(|history| history.folder().parent());
        let revocations = RevocationDesk::open(folder).map_err(StartError::Missing)?;
        revocations.attach(&config.revocations, &base.base);
        revocations.first_lists(FIRST_ANSWERS_BOUND).await;
        let fleet = FleetDesk::open(folder);
        let health = HealthDesk::start(registry.clone())?;
        let shown = Shown::new(snapshot.clone(), feeds, revocations, fleet, health);
        shown.health.attach(config, &snapshot);
        shown.releases.begin(folder, config, &snapshot).map_err(StartError::Missing)?;
        if let Some(folder) = folder {
            shown.keepers.keys.open(folder).map_err(StartError::Missing)?;
        }
        shown.keepers.remember_in(folder);
        shown.keepers.attach(&snapshot, &base.base);
        shown.keepers.first_values(FIRST_ANSWERS_BOUND).await;
        let mut gateway = Self {
            shown,
            desk,
            listeners,
            admin: None,
            driver,
            ring_refusal,
            cpus,
            remarks,
            registry,
            readiness: Readiness::new(),
            mailboxes: Vec::new(),
            threads: Vec::new(),
            log,
            source: source.state(),
            history: chronicle.history().map(|history| history.folder().to_owned()),
            drain,
            answers: None,
            means: Means::default(),
            fleet: None,
            steward: None,
            admin_task: None,
        };
        let first = first_generation(loaded, snapshot, base.base, gateway.cpus.len())?;
        gateway.shown.fleet.follow(&first);
        let crew = gateway.spawn_workers(config, &first, by_worker, writers)?;
        gateway.wait_until_all_serve(first.number).await?;
        let steward = Steward::new(Charge {
            crew,
            first,
            source,
            environment: environment.clone(),
            shown: gateway.shown.clone(),
            log: gateway.log.clone(),
            chronicle,
            audit: door.audit.clone(),
            drain: drain_asked,
            recorder: gateway.recorder(),
        });
        gateway.steward = Some(tokio::spawn(steward.run(orders)));
        gateway.open_door(door, admin)?;
        gateway.readiness.advance(ReadinessState::Ready);
        Ok(gateway)
    }

    fn spawn_workers(
        &mut self,
        config: &Config,
        first: &Generation,
        sockets: Vec<Vec<TcpListener>>,
        writers: Vec<LineWriter>,
    ) -> Result<Crew, StartError> {
        let steers = config.workers.steering == SteeringConfig::Even;
        let neighbours = Neighbours::new(self.cpus.len(), steers)?;
        let provisions = self.provisions()?;
        let mut pinned = Vec::new();
        for (index, (sockets, log)) in sockets.into_iter().zip(writers).enumerate() {
            let mailbox = Mailbox::new(MAILBOX_CAPACITY)?;
            self.mailboxes.push(mailbox.clone());
            pinned.push(Published::new(Frozen::new(Vec::new())));
            let seat = Seat {
                index,
                count: self.cpus.len(),
                cpu: Some(self.cpus[index]),
                driver: self.driver,
                connections_max: connections_per_worker(self.cpus.len()),
                // The first generation has its listeners in the order written.
                sockets: sockets.into_iter().enumerate().collect(),
                snapshot: first.snapshot.clone(),
                tables: first.tables[index].clone(),
                pinned: pinned[index].clone(),
                registry: self.registry.clone(),
                mailbox,
                neighbours: neighbours.clone(),
                provisions: provisions.clone(),
                log,
            };
            self.threads.push(spawn(seat).map_err(|error| StartError::Worker(index, error))?);
        }
        let addresses: Vec<SocketAddr> = self.listeners.iter().map(|(_, addr)| *addr).collect();
        Ok(Crew::new(self.mailboxes.clone(), pinned, self.registry.clone(), config, &addresses))
    }

    /// What policies of all workers share; and the task that answers what they ask.
    fn provisions(&mut self) -> Result<Provisions, StartError> {
        let post = Post::new(self.cpus.len())?;
        let (asker, asked) = asking(QUESTIONS_MAX);
        self.means.key_sets = self.shown.keepers.key_desk();
        self.answers = Some(tokio::spawn(answer_all(asked, post.clone(), self.means.clone())));
        self.shown.fleet.restore(&post, self.cpus.len());
        let (teller, told) = asking(FLEET_BATCHES_MAX * self.cpus.len());
        let fleet = fleet::run(self.shown.fleet.clone(), told, post.clone(), self.cpus.len());
        self.fleet = Some(tokio::spawn(fleet));
        let revocations = self.shown.revocations.published();
        Ok(Provisions { asker: Some(asker), post, revocations, fleet: Some(teller) })
    }

    async fn wait_until_all_serve(&mut self, generation: u64) -> Result<(), StartError> {
        let by = Instant::now() + START_BOUND;
        let generation = generation as i64;
        while !self.registry.workers().all(|worker| worker.generation.get() == generation) {
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

    /// Waits until somebody orders the process to end.
    ///
    /// # Errors
    /// When a worker ends by itself, which none does before a drain.
    pub async fn until_ordered_to_end(&mut self) -> Result<Change, StartError> {
        loop {
            if let Some(index) = self.threads.iter().position(JoinHandle::is_finished) {
                return Err(StartError::Worker(index, ended(self.threads.swap_remove(index))));
            }
            let pause = Duration::from_millis(200);
            // Without an order in time there is none yet; without a steward there will be none.
            match tokio::time::timeout(pause, self.drain.recv()).await {
                Ok(Some(change)) => return Ok(change),
                Ok(None) => tokio::time::sleep(pause).await,
                Err(_) => {}
            }
        }
    }

    /// Opens the access log's file again, for rotation.
    pub fn reopen_log(&self) {
        self.log.reopen();
    }

    /// How long [`Gateway::stop`] may take.
    pub fn stop_bound(&self) -> Duration {
        self.drain_timeout() + DRAIN_SLACK + FLEET_CLOSE_BOUND + LOG_FLUSH_BOUND + ADMIN_CLOSE_BOUND
    }

    fn drain_timeout(&self) -> Duration {
        self.shown.snapshot.load().1.limits.drain_timeout
    }

    /// Stops. False if exchanges were cut because the drain's time was up.
    pub async fn stop(mut self) -> bool {
        self.readiness.advance(ReadinessState::Draining);
        if let Some(steward) = self.steward.take() {
            steward.abort();
        }
        // Not the answers: exchanges that are in flight may need them.
        for mailbox in &self.mailboxes {
            // A full mailbox belongs to a worker that is stuck; the time limit below deals with it.
            let _ = mailbox.send(Command::Drain);
        }
        let limit = self.drain_timeout();
        let by = Instant::now() + limit + DRAIN_SLACK;
        let began = Instant::now();
        while !self.threads.iter().all(JoinHandle::is_finished) && Instant::now() < by {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if let Some(answers) = self.answers.take() {
            answers.abort();
        }
        let in_time = began.elapsed() < limit && self.threads.iter().all(JoinHandle::is_finished);
        if let Some(fleet) = self.fleet.take() {
            // It ends by itself once no worker can tell it anything more.
            let _ = tokio::time::timeout(FLEET_CLOSE_BOUND, fleet).await;
        }
        self.log.stop(LOG_FLUSH_BOUND);
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
