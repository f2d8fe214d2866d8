//! Key sets against a scripted server and against files.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::control::http_client::scripted::{Reply, Scripted};
use crate::policy::auth::jwt::algorithm::Algorithm;
use crate::policy::auth::jwt::config::KeyFetchConfig;
use crate::policy::auth::jwt::signing::SigningKey;

struct Kept {
    input: Published<KeySet>,
    desk: KeyDesk,
    source: KeySetSource,
    task: tokio::task::JoinHandle<()>,
}

impl Kept {
    fn start(place: KeySetPlace, cool_down: Duration) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut source = KeySetSource::new(place, &KeyFetchConfig::default());
        source.cool_down = cool_down;
        let input = Published::new(Frozen::new(KeySet::unknown()));
        let desk = KeyDesk::default();
        let task = tokio::spawn(keep(input.clone(), source.clone(), Path::new(".").into(), desk.clone()));
        Self { input, desk, source, task }
    }

    async fn becomes(&self, what: &str, holds: impl Fn(&KeySet) -> bool) {
        let by = Instant::now() + Duration::from_secs(15);
        while !holds(&self.input.load().1) {
            assert!(Instant::now() < by, "never came true: {what}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask(&self) -> bool {
        self.desk.ask(&self.source.id()).await
    }

    fn state(&self) -> KeySetState {
        self.desk.states().remove(0)
    }

    async fn fails(&self) -> String {
        let by = Instant::now() + Duration::from_secs(15);
        loop {
            let failure = self.desk.states().into_iter().find_map(|state| state.failure);
            if let Some(failure) = failure {
                return failure;
            }
            assert!(Instant::now() < by, "never failed");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn jwk() -> Value {
    SigningKey::generate(Algorithm::EdDsa).unwrap().0.public_jwk().unwrap()
}

fn set(keys: &[&Value]) -> String {
    json!({ "keys": keys }).to_string()
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn keys_are_fetched_and_fetched_again_when_asked_for_but_not_too_often() {
    let (one, two) = (jwk(), jwk());
    let mut answers = VecDeque::from([set(&[&one]), set(&[&one, &two])]);
    let server = Scripted::start(move |_| Reply::new(200, answers.pop_front().unwrap_or_default()));
    let kept = Kept::start(KeySetPlace::Url(server.url("http", "/keys")), Duration::ZERO);
    kept.becomes("one key", |keys| keys.keys().len() == 1).await;
    assert!(kept.ask().await);
    assert_eq!(kept.input.load().1.keys().len(), 2, "who has waited finds the newest");
    let patient = Scripted::start(move |_| Reply::new(200, set(&[&one])));
    let kept = Kept::start(KeySetPlace::Url(patient.url("http", "/keys")), LONG);
    kept.becomes("a key", |keys| keys.is_known()).await;
    for _ in 0..20 {
        assert!(kept.ask().await, "they are the newest there are");
    }
    assert_eq!(patient.seen().len(), 1);
}

#[tokio::test]
async fn keys_stay_when_their_server_fails_or_says_nonsense() {
    let one = jwk();
    let mut answers = VecDeque::from([
        Reply::new(200, set(&[&one])).field("ETag", "\"v1\""),
        Reply::new(500, "out of order"),
        Reply::new(200, "<html>").field("ETag", "\"v2\""),
        Reply::new(200, "x".repeat(BYTES_MAX + 1)),
        Reply::new(302, "").field("Location", "http://192.0.2.1/keys"),
        Reply::new(304, ""),
    ]);
    let server = Scripted::start(move |_| answers.pop_front().unwrap_or_else(|| Reply::new(503, "")));
    let kept = Kept::start(KeySetPlace::Url(server.url("http", "/keys")), Duration::ZERO);
    kept.becomes("a key", |keys| keys.is_known()).await;
    for said in ["status 500", "not a JWK set", "larger than", "redirect"] {
        assert!(!kept.ask().await, "{said}");
        let failure = kept.state().failure.unwrap();
        assert!(failure.contains(said), "{failure}");
    }
    assert!(kept.ask().await, "what has not changed is the newest");
    let state = kept.state();
    assert!(state.failure.is_none() && state.keys == 1 && state.changes == 1, "{state:?}");
    assert_eq!(kept.input.load().1.keys().len(), 1);
    assert!(server.seen().iter().skip(1).all(|request| request.contains("if-none-match: \"v1\"")));
}

#[tokio::test]
async fn an_issuer_tells_where_its_keys_are_but_speaks_for_itself_alone() {
    let one = jwk();
    let (sent, issuer) = std::sync::mpsc::channel::<String>();
    let mut known: Option<String> = None;
    let server = Scripted::start(move |request| {
        let issuer = known.get_or_insert_with(|| issuer.recv().unwrap());
        let body = match request.split(' ').nth(1) {
            Some("/a/.well-known/openid-configuration") => {
                json!({"issuer": format!("{issuer}/a"), "jwks_uri": format!("{issuer}/keys")}).to_string()
            }
            Some("/b/.well-known/openid-configuration") => {
                json!({"issuer": "https://other.example", "jwks_uri": format!("{issuer}/keys")}).to_string()
            }
            Some("/c/.well-known/openid-configuration") => {
                json!({"issuer": format!("{issuer}/c"), "jwks_uri": "http://192.0.2.1/keys"}).to_string()
            }
            _ => set(&[&one]),
        };
        Reply::new(200, body)
    });
    let own = server.url("http", "");
    sent.send(own.clone()).unwrap();
    let kept = Kept::start(KeySetPlace::Discovery(format!("{own}/a")), LONG);
    kept.becomes("a key", |keys| keys.is_known()).await;
    for (path, said) in [("b", "another issuer's"), ("c", "without TLS")] {
        let kept = Kept::start(KeySetPlace::Discovery(format!("{own}/{path}")), LONG);
        let failure = kept.fails().await;
        assert!(failure.contains(said), "{failure}");
        assert!(!kept.ask().await);
        assert!(!kept.input.load().1.is_known());
    }
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes_and_the_task_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, set(&[&jwk()])).unwrap();
    let kept = Kept::start(KeySetPlace::File(path.clone()), LONG);
    kept.becomes("one key", |keys| keys.keys().len() == 1).await;
    std::fs::write(&path, set(&[&jwk(), &jwk(), &jwk()])).unwrap();
    kept.becomes("three keys", |keys| keys.keys().len() == 3).await;
    std::fs::remove_file(&path).unwrap();
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(kept.input.load().1.keys().len(), 3, "what is gone for a moment is not believed");
    let Kept { input, task, desk, .. } = kept;
    drop(input);
    tokio::time::timeout(Duration::from_secs(15), task).await.expect("ends").expect("no panic");
    assert!(desk.states().is_empty());
}
