//! What control may tell a worker.

use std::net::TcpListener;

use crate::proxy::recording::Dump;
use crate::proxy::snapshot::Snapshot;
use crate::route::table::Table;
use crate::shared::frozen::Frozen;

/// What control may tell a worker. Looked at between events, within one tick of the deadlines' wheel.
pub enum Command {
    /// Run this from the next exchange on. Legal until [`Command::Drain`]. One after the other, in their order.
    Install(Box<Install>),
    /// Accept no more on this listener; what it has accepted is served on. Legal until [`Command::Drain`].
    Close(usize),
    /// End what still runs on this generation, which is not the one installed: at its next byte, or with a Close frame.
    Expire(u64),
    /// Tell what was recorded. Legal at any time.
    Dump(Dump),
    /// Accept no more, finish what is in flight, then end. Legal once.
    Drain,
}

/// A generation for one worker.
pub struct Install {
    /// What it is.
    pub snapshot: Frozen<Snapshot>,
    /// Its routers, one per listener; this worker's own.
    pub tables: Frozen<Vec<Table>>,
    /// Sockets of this worker for listeners that are new, or have moved, each with the listener's place.
    pub sockets: Vec<(usize, TcpListener)>,
}
