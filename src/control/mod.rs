//! The one slow thread: configuration in, snapshots out, admin and export.
//!
//! May block, lock and allocate. Nothing here is on the path of a request.

pub mod admin;
pub mod audit;
pub mod bind;
pub mod check;
pub mod compile;
mod compile_admin;
mod compile_doors;
pub mod config;
pub mod desk;
pub mod doctor;
pub mod document;
pub mod explain;
pub mod export;
pub mod gateway;
pub mod listener_config;
pub mod log_writer;
pub mod resolve;
pub mod systemd;
pub mod tls;
