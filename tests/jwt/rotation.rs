//! Keys that change: fetched once for the whole box, kept when their server fails, forgotten when they go.

use std::sync::{Arc, Mutex};

use super::{Guarded, ISSUER, Issuer};
use crate::harness::{Dialogue, FaultOrigin, eventually};

/// A server of keys, which can be told what to say.
struct KeyServer {
    origin: FaultOrigin,
    said: Arc<Mutex<Option<String>>>,
}

impl KeyServer {
    fn start(jwks: Option<String>) -> Self {
        let said = Arc::new(Mutex::new(jwks));
        let spoken = said.clone();
        let origin = FaultOrigin::start(move |dialogue: &mut Dialogue| {
            while let Some(request) = dialogue.request() {
                let said = spoken.lock().unwrap().clone();
                let (status, body) = match said {
                    None => ("503 Service Unavailable", String::new()),
                    Some(_) if request.target.starts_with("/.well-known/") => {
                        let issuer = format!("http://{}", request.field("host").expect("HTTP/1.1"));
                        let described =
                            serde_json::json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
                        ("200 OK", described.to_string())
                    }
                    Some(jwks) => ("200 OK", jwks),
                };
                let length = body.len();
                if !dialogue.send(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")) {
                    return;
                }
            }
        });
        Self { origin, said }
    }

    fn say(&self, jwks: Option<String>) {
        *self.said.lock().unwrap() = jwks;
    }

    fn url(&self) -> String {
        format!("http://{}", self.origin.address())
    }

    fn asked(&self) -> usize {
        self.origin.requests().len()
    }

    fn guarded(&self, cool_down: &str) -> Guarded {
        Guarded::start(
            &format!("keys: {{jwks_url: '{}/keys'}}\nfetch: {{cool_down: {cool_down}}}", self.url()),
            "",
        )
    }
}

#[test]
fn a_new_key_is_fetched_when_the_first_token_of_it_comes() {
    let issuer = Issuer::new("ES256");
    let server = KeyServer::start(Some(issuer.jwks()));
    let guarded = server.guarded("1s");
    let old = issuer.token(&[]);
    guarded.ask(&old).has_status(200);
    assert_eq!(server.asked(), 1);
    issuer.add("EdDSA", "next");
    server.say(Some(issuer.jwks()));
    let new = issuer.token_by("next.pem", &[]);
    // The first fetch may be less than the cool-down ago.
    eventually("the new key is known", || guarded.ask(&new).status == 200);
    guarded.ask(&old).has_status(200);
    assert!(server.asked() <= 5, "{}", server.asked());
    assert_eq!(
        guarded.gateway.metric(&format!("ringgate_key_set_keys{{source=\"{}/keys\"}}", server.url())),
        2.0
    );
}

#[test]
fn tokens_of_unknown_keys_make_nobody_fetch_again_and_again() {
    let issuer = Issuer::new("ES256");
    let server = KeyServer::start(Some(issuer.jwks()));
    let guarded = server.guarded("1h");
    guarded.ask(&issuer.token(&[])).has_status(200);
    let before = server.asked();
    let strangers: Vec<String> = (0..5).map(|_| Issuer::new("EdDSA").token(&[])).collect();
    for _ in 0..20 {
        for token in &strangers {
            guarded.ask(token).has_problem(401, "token_invalid");
        }
    }
    assert!(server.asked() <= before + 1, "{} times", server.asked() - before);
    guarded.ask(&issuer.token(&[])).has_status(200);
}

#[test]
fn keys_stay_when_their_server_fails() {
    let issuer = Issuer::new("ES256");
    let server = KeyServer::start(Some(issuer.jwks()));
    let guarded = server.guarded("1s");
    guarded.ask(&issuer.token(&[])).has_status(200);
    server.say(None);
    let stranger = Issuer::new("EdDSA").token(&[]);
    eventually("the failure shows", || {
        let answer = guarded.ask(&stranger);
        answer.status == 503 && answer.json()["code"] == "keys_unavailable"
    });
    guarded.ask(&issuer.token(&["--claim", "n=1"])).has_status(200);
    let failures = format!("ringgate_key_set_failures_total{{source=\"{}/keys\"}}", server.url());
    assert!(guarded.gateway.metric(&failures) >= 1.0);
    let said = guarded.gateway.stderr();
    assert!(said.contains("cannot be had") && said.contains("1 at hand stay in use"), "{said}");
    // Nonsense is no better than silence.
    server.say(Some("<html>".to_owned()));
    guarded.ask(&issuer.token(&["--claim", "n=2"])).has_status(200);
}

#[test]
fn without_any_keys_the_answer_is_503_until_there_are_some() {
    let issuer = Issuer::new("ES256");
    let server = KeyServer::start(None);
    let guarded = server.guarded("1s");
    let answer = guarded.ask(&issuer.token(&[])).has_problem(503, "keys_unavailable");
    assert!(answer.field("retry-after").is_some());
    guarded.gateway.get("/").has_problem(401, "credentials_missing");
    server.say(Some(issuer.jwks()));
    eventually("the keys are there", || guarded.ask(&issuer.token(&[])).status == 200);
}

#[test]
fn a_key_that_is_taken_back_takes_its_tokens_with_it() {
    let issuer = Issuer::new("ES256");
    issuer.add("EdDSA", "next");
    let guarded = Guarded::by_file(&issuer, "");
    let (old, new) = (issuer.token(&[]), issuer.token_by("next.pem", &[]));
    for token in [&old, &new, &old] {
        guarded.ask(token).has_status(200);
    }
    let mut set: serde_json::Value = serde_json::from_str(&issuer.jwks()).expect("JSON");
    set["keys"].as_array_mut().expect("a list").remove(0);
    std::fs::write(issuer.path("jwks.json"), set.to_string()).expect("ours");
    eventually("the old key is gone", || guarded.ask(&old).status == 401);
    guarded.ask(&new).has_status(200);
}

#[test]
fn an_issuer_tells_where_its_keys_are() {
    let issuer = Issuer::new("ES256");
    let server = KeyServer::start(Some(issuer.jwks()));
    let url = server.url();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let origin = FaultOrigin::echo();
    let file = directory.path().join("gateway.yaml");
    let yaml = format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         authenticators: {{partners: {{jwt: {{issuer: '{url}', audiences: [orders], keys: discovery}}}}}}\n\
         clusters: {{origin: {{endpoints: ['{}']}}}}\n\
         routes: [{{name: all, cluster: origin, policies: {{authenticate: {{any_of: [partners]}}}}}}]\n",
        origin.address()
    );
    std::fs::write(&file, yaml).expect("the directory is ours");
    let gateway = crate::harness::Gateway::start_file(&file, directory, &[]);
    let ask = |token: &str| gateway.get_with("/", &format!("Authorization: Bearer {token}\r\n"));
    ask(&issuer.token(&["--claim", &format!("iss={url}")])).has_status(200);
    ask(&issuer.token(&["--claim", &format!("iss={ISSUER}")])).has_problem(401, "token_invalid");
}
