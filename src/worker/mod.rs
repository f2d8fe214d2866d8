//! The pinned thread: its loop, its accepting, what control tells it.
//!
//! Owns everything of one CPU. Shares with others only what came through `shared`.

pub mod accept;
pub mod command;
pub mod evenness;
pub mod placement;
pub mod pulse;
pub mod secure;
pub mod spawn;
