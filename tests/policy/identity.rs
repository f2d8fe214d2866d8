//! `identity`: what services are told of who is asking, and whose word it is.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::Known;
use crate::harness::{FaultOrigin, Gateway, Setup};

const FIELDS: &str = "identity: {headers: {X-User: '${identity.subject}', X-Org: '${identity.tenant}', X-Tier: \
                      '${identity.plan}', X-Scopes: '${identity.scopes}', X-Unit: '${claim.org.unit}', X-Via: \
                      '${identity.authenticator}/${identity.method}'}}";
const CLAIMS: [&str; 4] = ["tenant=acme", "plan=gold", "scope=a b", "org={\"unit\": 7}"];

#[test]
fn fields_tell_who_is_asking() {
    let known = Known::start(FIELDS, "");
    known.get("/", &CLAIMS, "").has_status(200);
    let request = known.origin.only_request();
    for (name, value) in [
        ("x-user", "ann"),
        ("x-org", "acme"),
        ("x-tier", "gold"),
        ("x-scopes", "a b"),
        ("x-unit", "7"),
        ("x-via", "tokens/jwt"),
    ] {
        assert_eq!(request.field(name), Some(value), "{name}");
    }
}

#[test]
fn what_is_not_known_is_not_told_and_what_clients_say_of_it_is_dropped_on_every_route() {
    let origin = FaultOrigin::echo();
    let routes = format!(
        "
  - name: told
    match: {{path: /told}}
    cluster: origin
    policies: {{authenticate: {{any_of: [tokens], optional: true}}, {FIELDS}}}
  - name: open
    match: {{path: /open}}
    cluster: origin"
    );
    let known = Known::started(Setup::before(origin.address()).routes(&routes), origin);
    let spoofs =
        "X-User: root\r\nx_user: root\r\nX_Org: root\r\nx-scopes: root\r\nX-Gateway-Token: a.b.c\r\n";
    known.get("/told", &[], spoofs).has_status(200);
    known.gateway.get_with("/told", spoofs).has_status(200);
    known.gateway.get_with("/open", spoofs).has_status(200);
    let requests = known.origin.requests();
    assert_eq!(requests[0].field("x-user"), Some("ann"));
    for request in &requests {
        let all: Vec<_> = request.fields.iter().filter(|(_, value)| value == "root").collect();
        assert!(all.is_empty(), "{} {all:?}", request.target);
        for name in ["x-org", "x-scopes"] {
            assert_eq!(request.field(name), None, "{} {name}", request.target);
        }
    }
    assert_eq!((requests[1].field("x-user"), requests[2].field("x-user")), (None, None));
    assert_eq!(requests[2].field("x-gateway-token"), Some("a.b.c"), "no route has a token under this name");
}

#[test]
fn a_value_that_no_field_can_carry_is_left_out_whole_and_counted() {
    let known =
        Known::start("identity: {headers: {X-Name: '${claim.name}', X-User: '${identity.subject}'}}", "");
    for name in ["name=\"a\\r\\nX-Admin: 1\"", "name=\" a\"", "name={}"] {
        known.get("/", &[name], "").has_status(200);
        let request = known.origin.requests().pop().expect("it goes on");
        assert_eq!((request.field("x-name"), request.field("x-admin")), (None, None), "{name}");
        assert_eq!(request.field("x-user"), Some("ann"));
    }
    known.gateway.metric_becomes("ringgate_identity_values_left_out_total", 3.0);
}

#[test]
fn headers_may_tell_it_too() {
    let policy = "headers: {request: {set: {X-A: 'u=${identity.subject}', X-B: '${claim.none}'}}}";
    let known = Known::start(policy, "");
    known.get("/", &[], "X-A: old\r\nX-B: old\r\n").has_status(200);
    let request = known.origin.only_request();
    assert_eq!((request.field("x-a"), request.field("x-b")), (Some("u=ann"), None));
}

/// The claims of a token that the gateway has signed, verified by the keys that it publishes.
fn verified(gateway: &Gateway, token: &str) -> Value {
    let response = gateway.get("/keys").has_status(200);
    assert_eq!(response.field("content-type"), Some("application/jwk-set+json"));
    let set: JwkSet = serde_json::from_slice(&response.body).expect("a set of keys");
    let name = decode_header(token).expect("a token").kid.expect("it names its key");
    let key = DecodingKey::from_jwk(set.find(&name).expect("the key is published")).expect("a key");
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&["orders"]);
    rules.set_issuer(&["gate"]);
    decode::<Value>(token, &key, &rules).expect("it verifies").claims
}

fn with_token(token: &str) -> Known {
    let origin = FaultOrigin::echo();
    let routes = format!(
        "
  - name: all
    match: {{prefix: /}}
    cluster: origin
    policies: {{authenticate: {{any_of: [tokens], optional: true}}, identity: {{token: {token}}}}}
  - name: keys
    match: {{path: /keys}}
    jwks: {{}}"
    );
    Known::started(Setup::before(origin.address()).one_worker().routes(&routes), origin)
}

#[test]
fn a_token_of_the_gateway_verifies_by_the_keys_it_publishes() {
    let known = with_token("{audience: orders, issuer: gate, claims: {unit: org.unit}}");
    let bearer = known.issuer.token("ann", &CLAIMS);
    let fields = format!("Authorization: Bearer {bearer}\r\nX-Gateway-Token: forged\r\n");
    let tokens: Vec<String> = (0..3)
        .map(|_| {
            known.gateway.get_with("/", &fields).has_status(200);
            let request = known.origin.requests().pop().expect("it goes on");
            assert_eq!(request.fields_named("x-gateway-token").len(), 1);
            request.field("x-gateway-token").expect("a token").to_owned()
        })
        .collect();
    assert!(tokens[0] == tokens[1] && tokens[1] == tokens[2], "one token serves many requests");
    known.gateway.metric_becomes("ringgate_own_tokens_signed_total", 1.0);
    known.gateway.metric_becomes("ringgate_own_tokens_reused_total", 2.0);
    let claims = verified(&known.gateway, &tokens[0]);
    for (name, value) in [
        ("sub", json!("ann")),
        ("tenant", json!("acme")),
        ("plan", json!("gold")),
        ("scope", json!("a b")),
        ("unit", json!(7)),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
    known.gateway.get_with("/", "X-Gateway-Token: forged\r\n").has_status(200);
    assert_eq!(known.origin.requests().pop().unwrap().field("x-gateway-token"), None);
}

#[test]
fn a_token_may_take_the_place_of_the_client_s() {
    let known = with_token("{header: Authorization, audience: orders, issuer: gate}");
    known.get("/", &[], "").has_status(200);
    let request = known.origin.only_request();
    let token = request.field("authorization").and_then(|value| value.strip_prefix("Bearer "));
    assert_eq!(verified(&known.gateway, token.expect("a bearer token"))["sub"], "ann");
    known.gateway.get_with("/", "Authorization: Basic YTpi\r\n").has_status(200);
    assert_eq!(known.origin.requests().pop().unwrap().field("authorization"), None);
}

#[test]
fn keys_are_kept_over_a_restart_in_the_gateway_s_own_folder() {
    let state = tempfile::tempdir().unwrap();
    let keys = |state: Option<&std::path::Path>| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gateway.yaml");
        let routes = "  - {name: keys, match: {path: /keys}, jwks: {}}";
        std::fs::write(&file, Setup::before("127.0.0.1:9").routes(routes).yaml()).unwrap();
        let environment: Vec<_> =
            state.iter().map(|state| ("RINGGATE_STATE".to_owned(), state.display().to_string())).collect();
        let gateway = Gateway::start_file(&file, directory, &environment);
        let text = gateway.get("/keys").has_status(200).text();
        gateway.drain();
        text
    };
    let first = keys(Some(state.path()));
    assert!(first.contains(r#""kty":"EC""#) && !first.contains(r#""d""#), "{first}");
    assert_eq!(keys(Some(state.path())), first);
    assert_ne!(keys(None), keys(None));
    let kept = std::fs::metadata(state.path().join("own-keys.json")).expect("the keys are kept");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept.permissions()) & 0o777, 0o600);
}

#[test]
fn a_key_of_the_operator_is_used_by_all_hosts() {
    let directory = tempfile::tempdir().unwrap();
    crate::harness::ringgate(&["token", "keys", "--out", &directory.path().display().to_string()])
        .succeeded();
    let file = directory.path().join("private.pem").display().to_string();
    let start = || {
        Setup::before("127.0.0.1:9")
            .top(&format!("own_keys: {{file: '{file}'}}"))
            .routes("  - {name: keys, match: {path: /keys}, jwks: {}}")
            .start()
    };
    let (one, other) = (start(), start());
    let keys = one.get("/keys").has_status(200).json()["keys"].clone();
    assert_eq!(keys.as_array().map(Vec::len), Some(1));
    assert_eq!(other.get("/keys").json()["keys"], keys);
}

#[test]
fn names_that_are_not_the_gateway_s_to_set_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.yaml");
    for (policy, said) in [
        ("{headers: {Authorization: '${identity.subject}'}}", "clients show who they are in `Authorization`"),
        ("{headers: {Content-Length: '${identity.subject}'}}", "belongs to one connection"),
        ("{headers: {X-A: fixed}}", "tells nothing of who is asking"),
        ("{headers: {X-A: '${identity.name}'}}", "there is no variable `identity.name`"),
        ("{token: {lifetime: 2h}}", "a token cannot be good for 2h"),
        ("{token: {claims: {sub: x}}}", "`sub` is written by the gateway"),
        ("{}", "nothing is told"),
    ] {
        let yaml = Setup::before("127.0.0.1:9").route(&format!("policies: {{identity: {policy}}}")).yaml();
        std::fs::write(&file, yaml).unwrap();
        let finished = crate::harness::ringgate(&["check", &file.display().to_string()]);
        assert!(finished.code == 1 && finished.said().contains(said), "{policy}: {}", finished.said());
    }
}
