//! The written form of the pinned threads that carry traffic.
//!
//! Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pinned threads.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkersConfig {
    /// CPUs to pin one worker each to. Default: every CPU this process may use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u16>,
    /// Event loop. `auto` takes io_uring where the kernel admits it and epoll elsewhere.
    pub driver: DriverConfig,
    /// Which worker serves a new connection.
    pub steering: SteeringConfig,
}

/// Which worker serves a new connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SteeringConfig {
    /// A worker that has more to do than another hands a new connection over.
    #[default]
    Even,
    /// Every connection stays where the kernel put it.
    Off,
}

/// Which event loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriverConfig {
    /// io_uring if it can be had, else epoll.
    #[default]
    Auto,
    /// io_uring; the gateway does not start without it.
    IoUring,
    /// epoll.
    Epoll,
}
