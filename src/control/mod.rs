//! The one slow thread: configuration in, snapshots out, admin and export.
//!
//! May block, lock and allocate. Nothing here is on the path of a request.

pub mod admin;
pub mod answers;
pub mod audit;
pub mod bind;
pub mod check;
pub mod chronicle;
pub mod compile;
mod compile_admin;
mod compile_care;
mod compile_clusters;
mod compile_doors;
mod compile_fleet;
mod compile_identity;
mod compile_places;
mod compile_recording;
mod compile_shadow;
pub mod config;
pub mod crew;
pub mod desk;
pub mod diff;
pub mod discovery;
pub mod doctor;
pub mod document;
pub mod explain;
pub mod export;
pub mod fleet;
pub mod gateway;
pub mod generation;
pub mod history;
pub mod http_client;
pub mod keepers;
pub mod listener_config;
pub mod log_desk;
pub mod log_writer;
pub mod recorder;
pub mod replay;
pub mod resolve;
pub mod revocations;
pub mod rollout;
pub mod sources;
pub mod stamp;
pub mod start;
pub mod steward;
pub mod systemd;
pub mod tls;
