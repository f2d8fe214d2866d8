//! The store with a keeper of one authenticator, and no gateway around.

use super::*;
use crate::control::keepers::api_keys::keep;
use crate::policy::auth::api_key::ApiKeySource;
use crate::policy::auth::api_key::keys::{ApiKeys, Lookup};
use crate::policy::auth::api_key::text::KeyHash;
use crate::shared::{Frozen, Published};

const OF_FILE: &[u8] = b"sk_live_0123456789abcdef0123";
const ADDED: &[u8] = b"sk_live_abcdef01234567890123";

fn row(key: &[u8]) -> KeyRow {
    let json = serde_json::json!({ "hash": KeyHash::of(key), "owner": "acme" });
    serde_json::from_value(json).expect("a row")
}

struct Kept {
    folder: tempfile::TempDir,
    store: KeyStore,
    input: Published<ApiKeys>,
}

impl Kept {
    /// With one key in a file, and a keeper.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.yaml");
        std::fs::write(&file, format!("of-file: {{hash: '{}', owner: acme}}\n", KeyHash::of(OF_FILE)))
            .unwrap();
        Self::again(folder).await
    }

    async fn again(folder: tempfile::TempDir) -> Self {
        let store = KeyStore::default();
        store.open(folder.path()).unwrap();
        let input = Published::new(Frozen::new(ApiKeys::default().partial()));
        let source = ApiKeySource { name: "a".into(), files: vec![folder.path().join("keys.yaml")] };
        tokio::spawn(keep(source, store.clone(), input.clone()));
        while input.generation() == 1 {
            tokio::task::yield_now().await;
        }
        Self { folder, store, input }
    }

    fn takes(&self, key: &[u8]) -> bool {
        let (_, keys) = self.input.load();
        matches!(keys.find(key), Lookup::Row(at) if !keys.rows()[at].1.disabled && !keys.is_revoked(at))
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

#[test]
fn what_is_said_of_keys_holds_at_once_and_across_restarts() {
    run(async {
        let kept = Kept::start().await;
        assert!(kept.takes(OF_FILE) && !kept.takes(ADDED));
        kept.store.add("a", "added", row(ADDED)).await.unwrap();
        assert!(kept.takes(ADDED));
        kept.store.set_state("a", "of-file", KeyState::Disabled).await.unwrap();
        assert!(!kept.takes(OF_FILE));
        let again = Kept::again(kept.folder).await;
        assert!(!again.takes(OF_FILE) && again.takes(ADDED));
        again.store.set_state("a", "of-file", KeyState::Active).await.unwrap();
        again.store.set_state("a", "added", KeyState::Revoked).await.unwrap();
        assert!(again.takes(OF_FILE) && !again.takes(ADDED));
        let refused = again.store.set_state("a", "added", KeyState::Active).await.unwrap_err();
        assert_eq!(refused.code, "key_revoked");
        let text = std::fs::read_to_string(again.folder.path().join(FILE)).unwrap();
        assert!(text.contains("sha256:") && !text.contains("sk_live"), "{text}");
    });
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    run(async {
        let kept = Kept::start().await;
        let store = &kept.store;
        for (told, code) in [
            (store.add("b", "x", row(ADDED)).await, "no_such_authenticator"),
            (store.add("a", "of-file", row(ADDED)).await, "key_exists"),
            (store.add("a", "other", row(OF_FILE)).await, "key_exists"),
            (store.add("a", "a_b", row(ADDED)).await, "bad_key"),
            (store.add("a", "x", KeyRow { owner: String::new(), ..row(ADDED) }).await, "bad_key"),
            (store.set_state("a", "x", KeyState::Disabled).await, "no_such_key"),
            (KeyStore::default().add("a", "x", row(ADDED)).await, "no_state"),
        ] {
            assert_eq!(told.unwrap_err().code, code);
        }
        assert!(kept.takes(OF_FILE) && !kept.takes(ADDED));
    });
}

#[test]
fn a_damaged_store_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "{\"a\": ").unwrap();
    let told = KeyStore::default().open(folder.path()).unwrap_err();
    assert!(told.contains("damaged in line 1"), "{told}");
}
