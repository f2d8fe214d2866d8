//! What of a former generation still runs on a worker.

/// What of a former generation still runs on one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    /// Which generation.
    pub generation: u64,
    /// Exchanges and switched connections that began on it.
    pub exchanges: u64,
    /// Bytes of bodies that went to clients on it.
    pub bytes: u64,
}
