//! Generations of one worker: putting a new one together, swapping it in, seeing former ones out.
//!
//! A generation is built and dropped in pieces, with the worker's clients served in between. What has begun on a generation
//! ends on it; its `Rc` tells how much that is, at no cost to anything that runs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::proxy::assembly::{Assembly, Dismantling};
use crate::proxy::installed::Installed;
use crate::proxy::local::Local;
use crate::rt::clock;
use crate::shared::{Frozen, Pinned, Published};
use crate::telemetry::registry::Registry;
use crate::worker::command::Install;
use crate::worker::doors::Doors;
use crate::worker::placement::Placement;

/// How long clients may have to wait for a piece of work on a generation.
const PIECE_NANOS: u64 = 100_000;
/// Between two such pieces.
const PAUSE: Duration = Duration::from_millis(1);

/// Where a worker's generations come from and go to.
pub struct Installer {
    registry: Frozen<Registry>,
    local: Rc<Local>,
    placement: Rc<Placement>,
    doors: Rc<Doors>,
    queue: RefCell<VecDeque<Install>>,
    is_busy: Cell<bool>,
    /// Generations that something may still run on.
    former: RefCell<Vec<Rc<Installed>>>,
    /// What is said of them to control.
    pinned: Published<Vec<Pinned>>,
    said: RefCell<Vec<Pinned>>,
}

impl Installer {
    /// Of the worker of `local`. What former generations still carry is told through `pinned`.
    pub fn new(
        registry: Frozen<Registry>,
        local: Rc<Local>,
        placement: Rc<Placement>,
        doors: Rc<Doors>,
        pinned: Published<Vec<Pinned>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            registry,
            local,
            placement,
            doors,
            queue: RefCell::default(),
            is_busy: Cell::new(false),
            former: RefCell::default(),
            pinned,
            said: RefCell::default(),
        })
    }

    /// Takes a generation on, after those that wait already.
    pub fn take(self: &Rc<Self>, install: Install) {
        self.queue.borrow_mut().push_back(install);
        if !self.is_busy.replace(true) {
            let installer = self.clone();
            monoio::spawn(async move {
                loop {
                    let next = installer.queue.borrow_mut().pop_front();
                    let Some(install) = next else { break };
                    installer.install(install).await;
                }
                installer.is_busy.set(false);
            });
        }
    }

    async fn install(&self, Install { snapshot, tables, sockets }: Install) {
        let generation = snapshot.generation;
        let current = self.local.installed();
        let mut assembly = Assembly::new(snapshot, tables, self.local.bench.clone(), Some(current));
        pieces(|| assembly.step(&self.registry)).await;
        let former = self.local.install(assembly.finish(&self.registry));
        self.local.metrics.generation.set(generation as i64);
        if !self.local.is_draining.get() {
            for (at, socket) in sockets {
                self.doors.open(&self.local, &self.placement, at, socket);
            }
        }
        self.former.borrow_mut().push(former);
    }

    /// Ends what still runs on a former generation.
    pub fn expire(&self, generation: u64) {
        for former in self.former.borrow().iter().filter(|it| it.snapshot.generation == generation) {
            former.pins.is_expired.set(true);
        }
        self.local.nudge_tunnels();
    }

    /// Sees generations out that nothing runs on any more, and tells of the others. Now and then.
    pub fn keep_house(self: &Rc<Self>) {
        let mut former = self.former.borrow_mut();
        let mut pinned = Vec::new();
        let all = std::mem::take(&mut *former);
        for generation in all {
            match Dismantling::of(generation) {
                Ok(mut dismantling) => {
                    monoio::spawn(async move { pieces(|| dismantling.step()).await });
                }
                Err(generation) => {
                    pinned.push(Pinned {
                        generation: generation.snapshot.generation,
                        exchanges: Rc::strong_count(&generation) as u64 - 1,
                        bytes: generation.pins.carried.get(),
                    });
                    former.push(generation);
                }
            }
        }
        if *self.said.borrow() != pinned {
            self.pinned.publish(Frozen::new(pinned.clone()));
            self.said.replace(pinned);
        }
    }
}

/// Does a work in pieces, until one says that it was the last.
async fn pieces(mut step: impl FnMut() -> bool) {
    loop {
        let began_nanos = clock::nanos();
        while clock::nanos() - began_nanos < PIECE_NANOS {
            if step() {
                return;
            }
        }
        monoio::time::sleep(PAUSE).await;
    }
}
