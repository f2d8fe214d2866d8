//! What the suite stands on: a gateway process, wire-level clients, scripted and real origins.
//!
//! Nothing here shares code with the gateway: the response parser, the chunk reader and the body pattern are
//! written anew, so that a mistake of the gateway's codec cannot hide in the tests' own.

mod authority;
mod cli;
pub mod frames;
mod gateway;
pub mod h2;
mod h2_frames;
mod head;
pub mod hpack;
mod issuer;
mod nginx;
mod origin;
mod pattern;
mod process;
mod response;
mod server;
mod setup;
mod tools;
mod wire;

#[cfg(test)]
mod tests;

pub use authority::Authority;
pub use cli::{Finished, ringgate};
pub use gateway::Gateway;
pub use head::Request;
pub use issuer::Issuer;
pub use nginx::{Nginx, free_address};
pub use origin::{Dialogue, FaultOrigin, echo};
pub use pattern::Pattern;
pub use process::Process;
pub use response::{Framing, Response};
pub use server::Server;
pub use setup::{Setup, first_cpu};
pub use tools::{curl, large, python, python_beside, tool};
pub use wire::Wire;

use std::time::{Duration, Instant};

/// Longest that anything on the loopback may take before a test calls it hung. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until `holds`, for as long as [`PATIENCE`]; says what did not come true.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
