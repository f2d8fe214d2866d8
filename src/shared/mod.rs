//! Every way a value can cross from one thread to another.
//!
//! This folder is the whole list: what is not here (or in `control`) does not cross. Workers write only to their
//! own shard; control sums, replaces and sends.

// What workers ask of control.
pub mod asking;
// What every worker says of its load, for the others.
pub mod board;
// What may be done in excess, earned by requests.
pub mod budget;
// How many connections each address has.
pub mod callers;
// Names that shards are found by: grown and shrunk by control.
pub mod catalogue;
// Counters, gauges and histograms with one writer each.
pub mod counter;
// A value nobody writes.
pub mod frozen;
// How much the process says of itself.
pub mod level;
// Process-wide amounts lent to workers and given back.
pub mod ledger;
// Log lines on their way from a worker to the log writer.
pub mod line_ring;
// Bounded commands to a worker.
pub mod mailbox;
// Numbers for names.
pub mod names;
// What a worker says of former generations.
pub mod pinned;
// A permission of which there is one on the machine.
pub mod probe;
// A value control replaces and workers pick up.
pub mod published;
// The answer of a worker to control.
pub mod reply;
// One padded slot per worker.
pub mod sharded;

pub use board::{Board, Load};
pub use budget::{Budget, Earning};
pub use catalogue::Catalogue;
pub use counter::{Counter, Gauge, Histogram, HistogramSnapshot};
pub use frozen::Frozen;
pub use ledger::{Lease, Ledger};
pub use line_ring::{LineReader, LineWriter, line_ring};
pub use mailbox::Mailbox;
pub use names::{NameId, Names};
pub use pinned::Pinned;
pub use probe::{Probe, ProbeSlot};
pub use published::Published;
pub use reply::{Answered, Reply, reply};
pub use sharded::{Sharded, Slot};
