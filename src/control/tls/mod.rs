//! Certificates, keys and roots: from files to what rustls needs.
//!
//! Reads, checks and compiles; watches the files of listeners and publishes what has become of them. What is broken is
//! reported and changes nothing.

mod files;
mod listener;
mod names;
mod remarks;
mod upstream;
pub mod watch;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use files::TlsError;
pub use listener::{CertificateEntry, Inventory, listener_tls, protocols, server_config};
pub use remarks::remarks;
pub use upstream::{any_server, client_config, cluster_tls, endpoint_name, no_server};

/// The one provider: with X25519MLKEM768 as the group that is preferred.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
