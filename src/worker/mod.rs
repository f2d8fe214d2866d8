//! The pinned thread: its loop, its accepting, what control tells it.
//!
//! Owns everything of one CPU. Shares with others only what came through `shared`.

pub mod accept;
pub mod command;
pub mod doors;
pub mod evenness;
pub mod install;
pub mod letters;
pub mod placement;
pub mod pulse;
pub mod spawn;
pub mod strain;
