//! Metrics of what authenticators live on: keys, files, servers that are asked about tokens.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::Family;
use crate::control::answers::introspection::{Figures, IntrospectionDesk};
use crate::control::keepers::api_keys::store::KeyStore;
use crate::rt::clock;
use crate::shared::Counter;

/// What is shown.
pub struct Credentials {
    /// Keys and files.
    pub keys: KeyStore,
    /// Servers.
    pub introspection: IntrospectionDesk,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

type Outcome = (&'static str, fn(&Figures) -> &Counter);

const OUTCOMES: [Outcome; 6] = [
    ("known", |figures| &figures.known),
    ("refused", |figures| &figures.refused),
    ("failed", |figures| &figures.failed),
    ("remembered", |figures| &figures.remembered),
    ("stale", |figures| &figures.stale),
    ("held_back", |figures| &figures.held_back),
];

impl Collector for Credentials {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        self.keys(encoder)?;
        self.files(encoder)?;
        self.servers(encoder)
    }
}

impl Credentials {
    fn keys(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let now_s = clock::wall_seconds();
        let mut all = Vec::new();
        self.keys.for_each(|name, keys, _| {
            let mut counts = [("active", 0), ("disabled", 0), ("expired", 0), ("revoked", 0)];
            for key in keys {
                let is_over = key.row.expires.is_some_and(|expires| now_s >= expires.0);
                let place = match (key.is_revoked, key.row.disabled, is_over) {
                    (true, ..) => 3,
                    (_, true, _) => 1,
                    (.., true) => 2,
                    _ => 0,
                };
                counts[place].1 += 1;
            }
            all.push((name.to_owned(), counts));
        });
        if all.is_empty() {
            return Ok(());
        }
        let mut family = Family::gauge(encoder, "ringgate_api_keys", "API keys that are known.")?;
        for (name, counts) in &all {
            for (state, count) in counts {
                family.level([("authenticator", name.as_str()), ("state", state)], *count)?;
            }
        }
        Ok(())
    }

    fn files(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let files = self.keys.files();
        if files.is_empty() {
            return Ok(());
        }
        let help = "Whether a file of keys or passwords is in use as it is; 0: what it said before is.";
        let mut family = Family::gauge(encoder, "ringgate_credential_file_good", help)?;
        for file in &files {
            family.level([("file", file.file.as_str())], i64::from(file.error.is_none()))?;
        }
        let help = "Times that a file of keys or passwords could not be read or understood.";
        let mut family = Family::counter(encoder, "ringgate_credential_file_failures", help)?;
        for file in &files {
            family.count([("file", file.file.as_str())], file.failures)?;
        }
        Ok(())
    }

    fn servers(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut all = Vec::new();
        self.introspection.for_each(|name, figures, is_open| {
            let counts = OUTCOMES.map(|(outcome, counter)| (outcome, counter(figures).get()));
            all.push((name.to_owned(), counts, is_open));
        });
        if all.is_empty() {
            return Ok(());
        }
        let help = "Questions about tokens that no worker could answer by itself.";
        let mut family = Family::counter(encoder, "ringgate_introspections", help)?;
        for (name, counts, _) in &all {
            for (outcome, count) in counts {
                family.count([("authenticator", name.as_str()), ("outcome", outcome)], *count)?;
            }
        }
        let help = "Whether the server is left alone because it fails.";
        let mut family = Family::gauge(encoder, "ringgate_introspection_breaker_open", help)?;
        for (name, _, is_open) in &all {
            family.level([("authenticator", name.as_str())], i64::from(*is_open))?;
        }
        Ok(())
    }
}
