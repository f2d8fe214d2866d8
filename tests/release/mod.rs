//! Releases behind a route: splits, ramps, blue and green, client profiles, through the running gateway.

mod commands;
mod profiles;
mod ramps;
mod splits;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::harness::{FaultOrigin, Gateway, Issuer};

/// A gateway with two variants of a service, a file that is written anew, and a folder for what outlives it.
struct Shop {
    gateway: Gateway,
    folder: Arc<tempfile::TempDir>,
    file: PathBuf,
    old: Arc<FaultOrigin>,
    new: Arc<FaultOrigin>,
}

/// Longer than anything takes that is waited for.
const SOON: Duration = Duration::from_secs(30);

/// Somebody who issues tokens, and what makes a gateway ask for them.
struct Tokens {
    issuer: Issuer,
    _folder: tempfile::TempDir,
}

impl Tokens {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self { issuer: Issuer::new(folder.path()), _folder: folder }
    }

    fn wanted(&self) -> String {
        let authenticator = self.issuer.authenticator("");
        format!("{authenticator}\ndefaults: {{policies: {{authenticate: {{any_of: [tokens]}}}}}}")
    }

    /// The field with a token of this subject.
    #[track_caller]
    fn field(&self, subject: &str, claims: &[&str]) -> String {
        format!("Authorization: Bearer {}\r\n", self.issuer.token(subject, claims))
    }
}

fn answering(body: &str) -> Arc<FaultOrigin> {
    Arc::new(FaultOrigin::saying(body))
}

impl Shop {
    /// Route `shop` with this `split` over clusters `v1` and `v2`, which answer `old` and `new`.
    #[track_caller]
    fn start(split: &str) -> Self {
        Self::with("", split, (answering("old"), answering("new")))
    }

    #[track_caller]
    fn with(more: &str, split: &str, (old, new): (Arc<FaultOrigin>, Arc<FaultOrigin>)) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, yaml(more, split, &old, &new)).expect("ours");
        Self { gateway: start(&folder), folder, file, old, new }
    }

    /// Writes the configuration anew and has it brought into force.
    #[track_caller]
    fn rewrite(&self, more: &str, split: &str) {
        std::fs::write(&self.file, yaml(more, split, &self.old, &self.new)).expect("ours");
        self.gateway.command(&["reload", "--now"]);
    }

    /// Ends it, and starts it again.
    #[track_caller]
    fn restart(self) -> Self {
        let Self { gateway, folder, file, old, new } = self;
        gateway.drain();
        Self { gateway: start(&folder), folder, file, old, new }
    }

    /// How many of so many requests, each on a connection of its own, the new variant answers.
    #[track_caller]
    fn new_of(&self, requests: usize, fields: &str) -> usize {
        (0..requests).filter(|_| self.gateway.get_with("/shop", fields).text() == "new").count()
    }

    /// Waits until a release is in this phase; gives how it stands.
    #[track_caller]
    fn becomes(&self, phase: &str) -> serde_json::Value {
        let by = Instant::now() + SOON;
        loop {
            let release = self.gateway.admin_get("/releases/shop").json();
            if release["phase"] == phase {
                return release;
            }
            assert!(Instant::now() < by, "it does not become {phase}: {release}\n{}", self.gateway.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[track_caller]
fn start(folder: &Arc<tempfile::TempDir>) -> Gateway {
    let state = folder.path().join("state").display().to_string();
    let directory = tempfile::tempdir().expect("a temporary directory");
    Gateway::start_file(
        &folder.path().join("gateway.yaml"),
        directory,
        &[("RINGGATE_STATE".to_owned(), state)],
    )
}

fn yaml(more: &str, split: &str, old: &FaultOrigin, new: &FaultOrigin) -> String {
    format!(
        "admin: {{address: '127.0.0.1:0'}}\n{more}\n\
         listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         clusters: {{v1: {{endpoints: ['{}']}}, v2: {{endpoints: ['{}']}}}}\n\
         routes:\n- {{name: shop, match: {{prefix: /shop}}, split: {split}}}\n",
        old.address(),
        new.address(),
    )
}
