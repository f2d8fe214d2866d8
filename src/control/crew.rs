//! The workers, as control commands them: which generation each is to run, and on what it listens.
//!
//! Sockets are opened here, before anything is changed, so that an address that cannot be had stops the whole change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::config::Config;
use super::generation::Generation;
use super::rollout::sample::Reading;
use crate::net::listener::{bind_for_workers, is_taken};
use crate::proxy::snapshot::Snapshot;
use crate::shared::{Frozen, Mailbox, Pinned, Published};
use crate::telemetry::Registry;
use crate::worker::command::{Command, Install};

/// How long a worker may take to run what it was given. Ten thousand routes take it a fraction of a second.
const INSTALL_BOUND: Duration = Duration::from_secs(10);

/// The workers.
pub struct Crew {
    mailboxes: Vec<Mailbox<Command>>,
    pinned: Vec<Published<Vec<Pinned>>>,
    registry: Frozen<Registry>,
    /// On what each worker listens: places of listeners, with addresses as they are written.
    open: Vec<BTreeMap<usize, SocketAddr>>,
    /// The address that each place really has, by the one that is written.
    real: BTreeMap<(usize, SocketAddr), SocketAddr>,
}

/// Sockets for a generation: for each worker, by place.
pub struct Prepared(Vec<BTreeMap<usize, TcpListener>>);

impl Prepared {
    /// For so many workers that have all they listen on.
    pub fn nothing(workers: usize) -> Self {
        Self(vec_of(workers))
    }
}

/// An address that cannot be listened on.
pub struct Unlistenable {
    /// Which listener, as it is written.
    pub at: usize,
    /// Why.
    pub reason: String,
}

impl Crew {
    /// Workers that run `snapshot` of `config` already, and listen on `addresses`, which are in the order written.
    pub fn new(
        mailboxes: Vec<Mailbox<Command>>,
        pinned: Vec<Published<Vec<Pinned>>>,
        registry: Frozen<Registry>,
        config: &Config,
        addresses: &[SocketAddr],
    ) -> Self {
        let written: Vec<_> = config.listeners.iter().map(|listener| listener.address.get()).collect();
        let open: BTreeMap<usize, SocketAddr> = written.iter().copied().enumerate().collect();
        let real = open.iter().zip(addresses).map(|((&at, &written), &real)| ((at, written), real)).collect();
        Self { open: vec![open; mailboxes.len()], mailboxes, pinned, registry, real }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// Never: a gateway has a worker.
    pub fn is_empty(&self) -> bool {
        self.mailboxes.is_empty()
    }

    /// Opens what a generation listens on and the workers do not yet.
    ///
    /// # Errors
    /// The first address that cannot be had; then nothing is open.
    pub fn prepare(&mut self, config: &Config, snapshot: &Snapshot) -> Result<Prepared, Unlistenable> {
        let mut prepared: Vec<BTreeMap<usize, TcpListener>> = vec_of(self.len());
        for (at, listener) in config.listeners.iter().enumerate() {
            let written = listener.address.get();
            let Some(place) = snapshot.listener(&listener.name) else { continue };
            let lacking: Vec<usize> =
                (0..self.len()).filter(|&worker| self.open[worker].get(&place) != Some(&written)).collect();
            if lacking.is_empty() {
                continue;
            }
            let is_ours = self.open.iter().any(|open| open.get(&place) == Some(&written));
            let addr = self.real.get(&(place, written)).copied().filter(|_| is_ours).unwrap_or(written);
            let refused = |reason: String| Unlistenable { at, reason };
            if !is_ours && addr.port() != 0 && is_taken(addr) {
                return Err(refused("another process listens there already".to_owned()));
            }
            let sockets = bind_for_workers(addr, listener.backlog, lacking.len())
                .map_err(|error| refused(error.to_string()))?;
            let real = sockets[0].local_addr().map_err(|error| refused(error.to_string()))?;
            self.real.insert((place, written), real);
            for (worker, socket) in lacking.into_iter().zip(sockets) {
                prepared[worker].insert(place, socket);
            }
        }
        Ok(Prepared(prepared))
    }

    /// Gives a worker a generation to run. False if it takes nothing any more.
    pub fn install(&mut self, worker: usize, generation: &Generation, prepared: &mut Prepared) -> bool {
        let sockets = std::mem::take(&mut prepared.0[worker]);
        let snapshot = &generation.snapshot;
        for listener in &generation.config.listeners {
            if let Some(place) = snapshot.listener(&listener.name) {
                self.open[worker].insert(place, listener.address.get());
            }
        }
        let install = Install {
            snapshot: snapshot.clone(),
            tables: generation.tables[worker].clone(),
            sockets: sockets.into_iter().collect(),
        };
        self.mailboxes[worker].send(Command::Install(Box::new(install))).is_ok()
    }

    /// Waits until these workers run a generation. Gives those that do not after a while.
    pub async fn wait(&self, workers: &[usize], number: u64) -> Vec<usize> {
        let by = Instant::now() + INSTALL_BOUND;
        loop {
            let runs = |worker: usize| self.registry.worker(worker).generation.get() == number as i64;
            let late: Vec<usize> = workers.iter().copied().filter(|&worker| !runs(worker)).collect();
            if late.is_empty() || Instant::now() > by {
                return late;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Closes listeners that a generation does not have, once all workers run it.
    pub fn close_gone(&mut self, snapshot: &Snapshot) {
        for (mailbox, open) in self.mailboxes.iter().zip(&mut self.open) {
            let gone: BTreeSet<usize> =
                open.keys().copied().filter(|&place| !snapshot.is_open[place]).collect();
            for place in gone {
                if mailbox.send(Command::Close(place)).is_ok() {
                    open.remove(&place);
                }
            }
        }
        self.real.retain(|(place, _), _| snapshot.is_open[*place]);
    }

    /// Ends what still runs on a former generation.
    pub fn expire(&self, number: u64) {
        for mailbox in &self.mailboxes {
            // A worker whose mailbox is full is told again when the next look finds it still there.
            let _ = mailbox.send(Command::Expire(number));
        }
    }

    /// The addresses that listeners really have, in the order written.
    pub fn addresses(&self, config: &Config, snapshot: &Snapshot) -> Vec<(String, SocketAddr)> {
        let real = |name: &str, written| {
            let place = snapshot.listener(name)?;
            self.real.get(&(place, written)).copied()
        };
        let listeners = config.listeners.iter();
        listeners
            .map(|listener| {
                let written = listener.address.get();
                (listener.name.clone(), real(&listener.name, written).unwrap_or(written))
            })
            .collect()
    }

    /// What every worker has done so far.
    pub fn reading(&self) -> Reading {
        Reading::take(&self.registry)
    }

    /// Which generation each worker runs.
    pub fn running(&self) -> Vec<u64> {
        self.registry.workers().map(|worker| worker.generation.get().cast_unsigned()).collect()
    }

    /// What former generations still carry, over all workers.
    pub fn pinned(&self) -> BTreeMap<u64, Pinned> {
        let mut all: BTreeMap<u64, Pinned> = BTreeMap::new();
        for pinned in &self.pinned {
            for one in pinned.load().1.iter() {
                let sum = all.entry(one.generation).or_insert(Pinned { exchanges: 0, bytes: 0, ..*one });
                sum.exchanges += one.exchanges;
                sum.bytes += one.bytes;
            }
        }
        all
    }
}

fn vec_of<T: Default>(count: usize) -> Vec<T> {
    (0..count).map(|_| T::default()).collect()
}
