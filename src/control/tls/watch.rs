//! Certificates replaced on disk: taken up without a restart and without touching open connections.
//!
//! Looks at the files every few seconds. What has changed and then stayed the same for one look is read; a pair that does not
//! fit is reported, and the one in use goes on being used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listener::{CertificateEntry, Inventory, protocols, server_config};
use crate::control::config::Config;
use crate::control::config::tls::ListenerTlsConfig;
use crate::control::stamp::{Stamp, stamp};
use crate::net::tls::certificate::Description;
use crate::net::tls::plan::ListenerTls;
use crate::proxy::snapshot::Snapshot;
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Frozen, Published};

/// Between two looks: what is renewed has days left, and a look is some calls of stat.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The certificates of all listeners, and what they were when they were last read.
pub struct Watch {
    base: PathBuf,
    listeners: Vec<Watched>,
    inventory: Published<Inventory>,
}

struct Watched {
    name: String,
    config: ListenerTlsConfig,
    protocols: Vec<Vec<u8>>,
    tls: ListenerTls,
    read: Vec<Option<Stamp>>,
    seen: Vec<Option<Stamp>>,
    descriptions: Vec<Description>,
}

impl Watch {
    /// Begins with the files as they are, which were read a moment ago. What there is to say of them goes to `inventory`.
    pub fn new(config: &Config, base: &Path, running: &Snapshot, inventory: Published<Inventory>) -> Self {
        let listeners: Vec<Watched> = config
            .listeners
            .iter()
            .filter_map(|listener| {
                let tls = running.tls_of(&listener.name);
                let config = listener.tls.clone()?;
                let protocols = protocols(listener);
                // Before the files are read: what changes in between is read again.
                let stamps = stamps(&config, base);
                let descriptions =
                    server_config(&config, &protocols, base, None).map(|(_, it)| it).unwrap_or_default();
                Some(Watched {
                    name: listener.name.clone(),
                    config,
                    protocols,
                    tls: tls?.clone(),
                    read: stamps.clone(),
                    seen: stamps,
                    descriptions,
                })
            })
            .collect();
        let watch = Self { base: base.to_owned(), listeners, inventory };
        watch.publish(0, 0);
        watch
    }

    /// Looks again and again. Ends at once where there is nothing to look at.
    pub async fn run(mut self) {
        while !self.listeners.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
            for (level, said) in self.look() {
                say_at(level, format_args!("{said}"));
            }
        }
    }

    /// One look. What there is to say of it, by its weight.
    fn look(&mut self) -> Vec<(Level, String)> {
        let mut said = Vec::new();
        let (mut reloads, mut failures) = (0, 0);
        for listener in &mut self.listeners {
            let now = stamps(&listener.config, &self.base);
            let is_settled = listener.seen == now;
            listener.seen.clone_from(&now);
            if now == listener.read || !is_settled {
                continue;
            }
            listener.read = now;
            // Tickets of before stay good.
            let (_, current) = listener.tls.config.load();
            match server_config(
                &listener.config,
                &listener.protocols,
                &self.base,
                Some(current.ticketer.clone()),
            ) {
                Ok((server, descriptions)) => {
                    listener.tls.config.publish(Frozen::new(server));
                    listener.descriptions = descriptions;
                    reloads += 1;
                    said.push((
                        Level::Info,
                        format!("listener `{}`: new certificates are in use", listener.name),
                    ));
                }
                Err(errors) => {
                    failures += 1;
                    for error in errors {
                        let (name, reason) = (&listener.name, error.reason);
                        said.push((
                            Level::Error,
                            format!("listener `{name}`: {reason}; the certificates before stay in use"),
                        ));
                    }
                }
            }
        }
        if !said.is_empty() {
            self.publish(reloads, failures);
        }
        said
    }

    fn publish(&self, reloads: u64, failures: u64) {
        let (_, before) = self.inventory.load();
        let entries = self.listeners.iter().flat_map(|listener| {
            listener.descriptions.iter().enumerate().map(|(index, it)| CertificateEntry {
                listener: listener.name.clone(),
                index: index.to_string(),
                name: it.names.first().cloned().unwrap_or_default(),
                not_after: it.not_after,
            })
        });
        self.inventory.publish(Frozen::new(Inventory {
            certificates: entries.collect(),
            reloads: before.reloads + reloads,
            reload_failures: before.reload_failures + failures,
        }));
    }
}

fn stamps(config: &ListenerTlsConfig, base: &Path) -> Vec<Option<Stamp>> {
    let pairs = config.certificates.iter();
    let mut paths: Vec<&Path> =
        pairs.flat_map(|it| [Some(&*it.cert), Some(&*it.key), it.ocsp.as_deref()]).flatten().collect();
    if let Some(clients) = &config.client_certificates {
        paths.extend([Some(&*clients.ca), clients.crl.as_deref()].into_iter().flatten());
    }
    paths.into_iter().map(|path| stamp(&base.join(path)).ok()).collect()
}
