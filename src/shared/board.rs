//! What every worker says of its load, for the others to read when they have a connection to place.
//!
//! Owns six numbers a worker, side by side on few cache lines: a look at 64 workers is 20 lines, not 64. Written
//! when a connection comes or goes and once a tick, never on the path of a request. Numbers may be a moment old
//! and need not fit each other: they say where a connection goes, never whether it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The loads of all workers. A clone is a handle to the same board.
#[derive(Debug, Clone)]
pub struct Board(Arc<[Entry]>);

#[derive(Debug, Default)]
struct Entry {
    awake: AtomicU32,
    open: AtomicU32,
    open_max: AtomicU32,
    busy_percent: AtomicU32,
    beat_ms: AtomicU32,
    /// Connections on their way; the one number that others write too.
    coming: AtomicU32,
}

/// What a worker says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections that have moved within about a second.
    pub awake: u32,
    /// All its connections.
    pub open: u32,
    /// Connections it may have; 0 if it takes none from others.
    pub open_max: u32,
    /// Share of the time in which it ran or waited for its CPU.
    pub busy_percent: u32,
    /// When it last said so, in milliseconds that wrap after 49 days.
    pub beat_ms: u32,
}

impl Board {
    /// A board for this many workers, none of which takes anything until it has said so.
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Entry::default()).collect())
    }

    /// Replaces what worker `index` says. For that worker alone.
    pub fn publish(&self, index: usize, load: Load) {
        let entry = &self.0[index];
        entry.awake.store(load.awake, Ordering::Relaxed);
        entry.open.store(load.open, Ordering::Relaxed);
        entry.open_max.store(load.open_max, Ordering::Relaxed);
        entry.busy_percent.store(load.busy_percent, Ordering::Relaxed);
        entry.beat_ms.store(load.beat_ms, Ordering::Relaxed);
    }

    /// Counts one connection that is on its way to worker `index`, so that a burst does not all go there.
    pub fn announce(&self, index: usize) {
        self.0[index].coming.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes back what was announced to worker `index`: it has arrived, or went elsewhere after all.
    pub fn settle(&self, index: usize) {
        self.0[index].coming.fetch_sub(1, Ordering::Relaxed);
    }

    /// What all workers say, in their order, put into `loads`.
    pub fn read(&self, loads: &mut Vec<Load>) {
        loads.clear();
        loads.extend(self.0.iter().map(Entry::load));
    }

    /// Number of workers.
    pub fn workers(&self) -> usize {
        self.0.len()
    }
}

impl Entry {
    fn load(&self) -> Load {
        let coming = self.coming.load(Ordering::Relaxed);
        Load {
            awake: self.awake.load(Ordering::Relaxed).saturating_add(coming),
            open: self.open.load(Ordering::Relaxed).saturating_add(coming),
            open_max: self.open_max.load(Ordering::Relaxed),
            busy_percent: self.busy_percent.load(Ordering::Relaxed),
            beat_ms: self.beat_ms.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_counts_until_it_is_settled_whatever_the_worker_says() {
        let board = Board::new(2);
        let said = Load { awake: 3, open: 5, open_max: 100, busy_percent: 7, beat_ms: 9 };
        board.announce(1);
        board.publish(1, said);
        let mut loads = vec![Load::default(); 7];
        board.read(&mut loads);
        assert_eq!(loads, [Load::default(), Load { awake: 4, open: 6, ..said }]);
        board.settle(1);
        board.read(&mut loads);
        assert_eq!(loads[1], said);
    }
}
