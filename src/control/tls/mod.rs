//! Certificates, keys and roots: from files to what rustls needs.
//!
//! Reads, checks and compiles; watches the files of listeners and publishes what has become of them. What is broken is
//! reported and changes nothing.

mod client;
mod files;
mod listener;
mod names;
mod remarks;
mod upstream;
pub mod watch;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use client::{ClientFiles, client_config, no_server};
pub use files::TlsError;
pub use listener::{CertificateEntry, Inventory, listener_tls, protocols, server_config};
pub use remarks::remarks;
pub use upstream::{any_server, cluster_tls, endpoint_name};

/// The one provider: with X25519MLKEM768 as the group that is preferred.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
