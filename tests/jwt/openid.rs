//! Keys of a real OpenID provider that change while everything goes on.
//!
//! Needs node and npm; says so and passes where there are none.

use std::process::Command;

use serde_json::Value;

use crate::auth::openid_provider::installed;
use crate::harness::{FaultOrigin, Gateway, Process, curl, eventually, ringgate};

fn provider() -> Option<(Process, String)> {
    let mut command = Command::new("node");
    command.arg(installed("openid_rotation.mjs")?);
    let process = Process::start(command, tempfile::tempdir().expect("a temporary directory"));
    let url = process.line("ready ")["ready ".len()..].to_owned();
    Some((process, url))
}

fn token(provider: &str) -> String {
    let form = "grant_type=client_credentials&scope=orders:read&resource=urn:orders";
    let answer = curl(&["--user", "app:secret-of-the-app", "--data", form, &format!("{provider}/token")]);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn gateway(provider: &str, origin: &FaultOrigin) -> Gateway {
    Gateway::start(&format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
         authenticators: {{partners: {{jwt: {{issuer: '{provider}', audiences: [orders], keys: discovery, \
         types: [at+jwt], fetch: {{cool_down: 1s}}}}}}}}\nclusters: {{origin: {{endpoints: ['{}']}}}}\n\
         routes: [{{name: all, cluster: origin, policies: {{authenticate: {{any_of: [partners]}}}}}}]\n",
        origin.address()
    ))
}

#[test]
fn a_real_provider_changes_its_key_and_nobody_is_turned_away_for_long() {
    let Some((process, provider)) = provider() else { return };
    let origin = FaultOrigin::echo();
    let gateway = gateway(&provider, &origin);
    let status = |token: &str| gateway.get_with("/", &format!("Authorization: Bearer {token}\r\n")).status;
    let old = token(&provider);
    assert_eq!(status(&old), 200, "{}", ringgate(&["token", "read", &old]).succeeded());
    for keys in 2..4 {
        assert_eq!(curl(&[&format!("{provider}/rotate")]), "rotated");
        let new = token(&provider);
        assert_ne!(new.split('.').next(), old.split('.').next(), "it is signed with another key");
        eventually("the new key is known", || status(&new) == 200);
        assert_eq!(status(&old), 200, "the old one is still there");
        let source = format!("the description of {provider}");
        assert_eq!(gateway.metric(&format!("ringgate_key_set_keys{{source=\"{source}\"}}")), f64::from(keys));
    }
    let another = token(&provider);
    process.signal(libc::SIGKILL);
    assert_eq!(status(&another), 200, "keys stay when the provider is gone");
}
