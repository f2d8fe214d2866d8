//! What a worker gives to the policies and authenticators that it starts.

use std::rc::Rc;

use crate::policy::auth::Authenticators;
use crate::policy::live::Live;
use crate::policy::post::{Letter, Post};
use crate::policy::question::{Posed, Questions};
use crate::policy::rate;
use crate::policy::rate::fleet::Told;
use crate::policy::rate::fleet::courier::Courier;
use crate::policy::revocation::{Principals, Revocations, Watch, Watched};
use crate::rt::buffer::Pool;
use crate::rt::clock;
use crate::rt::deadline::{Deadline, Deadlines};
use crate::shared::asking::Asker;
use crate::shared::{Frozen, Published};
use crate::telemetry::registry::Registry;
use crate::upstream::admission::shedder::Shedder;
use crate::upstream::cluster::Cluster;

/// Bytes a worker keeps in free buffers.
pub const FREE_BUFFER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What lives as long as the worker.
pub struct Bench {
    /// Its number, from 0.
    pub worker: usize,
    /// How many there are.
    pub workers: usize,
    /// What it asks of control.
    pub questions: Rc<Questions>,
    /// The way to other workers.
    pub post: Post,
    /// Its buffers.
    pub pool: Rc<Pool>,
    /// Its deadlines.
    pub deadlines: Rc<Deadlines>,
    /// Credentials that are good no more.
    pub revocations: Live<Revocations>,
    /// Exchanges and tunnels that are cut when their credentials are revoked.
    pub watched: Watched,
    /// What other hosts spend of limits.
    pub fleet: Rc<Courier>,
    /// What it refuses when it cannot keep up.
    pub shedder: Shedder,
    /// Its part of all limits on how often.
    pub rates: Rc<rate::worker::Worker>,
}

/// What crosses to a worker for its bench.
#[derive(Clone)]
pub struct Provisions {
    /// Questions to control.
    pub asker: Option<Asker<Posed>>,
    /// The way to all workers.
    pub post: Post,
    /// Credentials that are good no more.
    pub revocations: Published<Revocations>,
    /// What is told to other hosts.
    pub fleet: Option<Asker<Told>>,
}

impl Provisions {
    /// For trying out what a worker would do: nobody is there to ask.
    pub fn none() -> Self {
        let revocations = Published::new(Frozen::new(Revocations::default()));
        Self { asker: None, post: Post::default(), revocations, fleet: None }
    }
}

impl Bench {
    /// The bench of worker `worker` of `workers`.
    pub fn new(worker: usize, workers: usize, provisions: Provisions) -> Rc<Self> {
        let fleet = Rc::new(Courier::new((worker, workers), provisions.fleet));
        Rc::new(Self {
            worker,
            workers,
            questions: Questions::new(worker, provisions.asker),
            rates: rate::worker::Worker::new(worker, workers, provisions.post.clone(), fleet.clone()),
            post: provisions.post,
            pool: Pool::new(FREE_BUFFER_BYTES_MAX),
            deadlines: Deadlines::new(clock::coarse_ms()),
            shedder: Shedder::new(u64::MAX),
            revocations: Live::new(provisions.revocations),
            watched: Watched::default(),
            fleet,
        })
    }

    /// Watches over what goes on for these clients: `deadline` fires when their credentials are revoked, at once if they are
    /// already. None where nobody has shown who they are.
    pub fn watch(&self, principals: &Principals, deadline: &Deadline) -> Option<Watch> {
        if principals.is_empty() {
            return None;
        }
        let watch = self.watched.watch(principals, deadline.trigger());
        // They may have been revoked since they were let in.
        if principals.iter().any(|principal| self.revocations.get().has(principal)) {
            self.watched.revoke(&self.revocations.get());
        }
        Some(watch)
    }

    /// A letter has come.
    pub fn take(&self, letter: Letter) {
        match letter {
            Letter::Answer { ticket, answer } => self.questions.take(ticket, answer),
            Letter::Fleet(heard) => self.fleet.take(heard),
            Letter::Rates { from, messages } => self.rates.take(messages, from),
        }
    }

    /// Once a tick.
    pub fn tick(&self) {
        self.rates.tick();
        if self.revocations.refresh() {
            self.watched.revoke(&self.revocations.get());
        }
        self.fleet.tick();
    }
}

/// What policies and authenticators of one generation are started with.
pub struct Ground<'a> {
    /// The worker's.
    pub bench: &'a Rc<Bench>,
    /// Authenticators of the generation, once they are started.
    pub authenticators: &'a Authenticators,
    /// Its clusters, in the order of their names.
    pub clusters: &'a [Rc<Cluster>],
    /// Where to count.
    pub registry: &'a Registry,
}

impl Ground<'_> {
    /// The cluster of this name.
    pub fn cluster(&self, name: &str) -> Option<&Rc<Cluster>> {
        let found = self.clusters.binary_search_by(|cluster| (*cluster.plan.name).cmp(name));
        found.ok().map(|at| &self.clusters[at])
    }
}
