//! What control may tell a worker.

use crate::proxy::recording::Dump;
use crate::proxy::snapshot::Snapshot;
use crate::shared::frozen::Frozen;

/// What control may tell a worker. Looked at between events, within one tick of the deadlines' wheel.
pub enum Command {
    /// Run this from the next exchange on. Legal until [`Command::Drain`].
    Install(Frozen<Snapshot>),
    /// Tell what was recorded. Legal at any time.
    Dump(Dump),
    /// Accept no more, finish what is in flight, then end. Legal once.
    Drain,
}
