//! The running authenticator: what it finds in requests, what it remembers, how it challenges.

use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::signing::SigningKey;
use super::*;
use crate::net::addr::PeerAddr;
use crate::policy::auth::Authenticators;
use crate::policy::ground::{Bench, Provisions};
use crate::shared::Published;
use crate::telemetry::registry::Registry;

struct Fixture {
    key: SigningKey,
    published: Published<KeySet>,
    plan: Frozen<JwtPlan>,
    registry: Registry,
}

impl Fixture {
    fn new(changes: &Value) -> Self {
        let mut written =
            json!({"issuer": "i", "audiences": ["a"], "keys": {"jwks_url": "https://id.example"}});
        for (name, value) in changes.as_object().unwrap() {
            written[name] = value.clone();
        }
        let config = serde_json::from_value(written).unwrap();
        let mut scope = Scope::new(&|_| None);
        let plan = JwtPlan::compile(&config, "partners", &mut scope);
        assert_eq!(scope.problems, []);
        let (key, text) = SigningKey::generate(algorithm::Algorithm::Es256).unwrap();
        let verifying = SigningKey::read(&text, None).unwrap().into_verifying();
        plan.keys.publish(Frozen::new(KeySet::new(vec![verifying])));
        let published = plan.keys.clone();
        Self { key, published, plan: Frozen::new(plan), registry: Registry::new(1) }
    }

    fn start(&self, previous: Option<&Jwt>) -> Jwt {
        let bench = Bench::new(0, 1, Provisions::none());
        let authenticators = Authenticators::default();
        let ground = Ground {
            bench: &bench,
            authenticators: &authenticators,
            clusters: &[],
            registry: &self.registry,
        };
        Jwt::start(self.plan.clone(), previous, &ground)
    }

    fn token(&self, changes: &Value) -> String {
        let mut claims: Map<String, Value> = Map::new();
        claims.extend(json!({"iss": "i", "aud": "a", "sub": "ann"}).as_object().unwrap().clone());
        claims.insert("exp".to_owned(), (clock::wall_seconds() + 300).into());
        claims.extend(changes.as_object().unwrap().clone());
        self.key.sign("JWT", &claims).unwrap()
    }

    fn remembered(&self) -> u64 {
        self.registry.authenticator("partners", 0).remembered.get()
    }
}

fn request(token: &str) -> Exchange {
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().unwrap()));
    exchange.request.set_line(b"GET", b"/");
    exchange.request.fields.append(b"Authorization", format!("Bearer {token}").as_bytes());
    exchange
}

fn identify(jwt: &Jwt, exchange: &mut Exchange) -> Found {
    jwt.identify(exchange).now_or_never().expect("nothing to wait for")
}

fn code(jwt: &Jwt, token: &str) -> Option<Code> {
    match identify(jwt, &mut request(token)) {
        Found::Invalid(code) | Found::Unavailable(code) => Some(code),
        Found::Known(_) | Found::Absent => None,
    }
}

#[test]
fn a_token_is_verified_once_and_remembered() {
    let fixture = Fixture::new(&json!({}));
    let jwt = fixture.start(None);
    let token = fixture.token(&json!({}));
    for times in 0..3 {
        let found = identify(&jwt, &mut request(&token));
        assert!(matches!(found, Found::Known(who) if &*who.subject == "ann"));
        assert_eq!(fixture.remembered(), times);
    }
    assert_eq!(code(&jwt, &format!("{token}A")), Some(Code::TokenInvalid));
    assert_eq!(code(&jwt, &token[..token.len() - 1]), Some(Code::TokenInvalid));
}

#[test]
fn a_key_that_goes_takes_its_tokens_with_it() {
    let fixture = Fixture::new(&json!({}));
    let jwt = fixture.start(None);
    let token = fixture.token(&json!({}));
    assert_eq!(code(&jwt, &token), None);
    let (other, _) = SigningKey::generate(algorithm::Algorithm::Es256).unwrap();
    fixture.published.publish(Frozen::new(KeySet::new(vec![other.into_verifying()])));
    assert_eq!(code(&jwt, &token), Some(Code::KeysUnavailable), "perhaps there are newer ones");
    fixture.published.publish(Frozen::new(KeySet::new(Vec::new())));
    assert!(code(&jwt, &token).is_some());
}

#[test]
fn the_next_generation_remembers_unless_it_judges_by_other_rules() {
    let fixture = Fixture::new(&json!({}));
    let jwt = fixture.start(None);
    assert_eq!(code(&jwt, &fixture.token(&json!({}))), None);
    assert_eq!(fixture.start(Some(&jwt)).memory.borrow().len(), 1);
    let stricter = Fixture::new(&json!({"audiences": ["b"]}));
    assert!(stricter.start(Some(&jwt)).memory.borrow().is_empty());
}

#[test]
fn without_keys_nothing_can_be_told() {
    let fixture = Fixture::new(&json!({}));
    fixture.published.publish(Frozen::new(KeySet::unknown()));
    let jwt = fixture.start(None);
    assert_eq!(code(&jwt, &fixture.token(&json!({}))), Some(Code::KeysUnavailable));
    assert!(matches!(
        identify(&jwt, &mut Exchange::new(PeerAddr("192.0.2.1:5".parse().unwrap()))),
        Found::Absent
    ));
}

#[test]
fn answers_tell_little_and_counters_tell_why() {
    let fixture = Fixture::new(&json!({}));
    let jwt = fixture.start(None);
    let cases = [
        (json!({"exp": 1}), Code::TokenExpired, Reason::Expired),
        (json!({"iss": "j"}), Code::TokenInvalid, Reason::Issuer),
        (json!({"aud": "b"}), Code::TokenInvalid, Reason::Audience),
        (json!({"nbf": 99_999_999_999u64}), Code::TokenInvalid, Reason::Early),
    ];
    for (claims, expected, reason) in cases {
        assert_eq!(code(&jwt, &fixture.token(&claims)), Some(expected), "{claims}");
        assert_eq!(fixture.registry.authenticator("partners", 0).reasons[reason as usize].get(), 1);
    }
    assert!(jwt.memory.borrow().is_empty(), "what does not hold is not remembered");
    let mut twice = request("a.b.c");
    twice.request.fields.append(b"Authorization", b"Bearer a.b.c");
    assert!(matches!(identify(&jwt, &mut twice), Found::Invalid(Code::TokenRepeated)));
    assert!(Reason::ALL.len() <= crate::telemetry::metrics::AUTH_REASONS);
}

#[test]
fn challenges_are_those_of_rfc_6750() {
    let fixture = Fixture::new(&json!({"realm": "orders"}));
    let jwt = fixture.start(None);
    let challenge = |found: Found| jwt.challenge(&found).unwrap();
    assert_eq!(challenge(Found::Absent), r#"Bearer realm="orders""#);
    let expired =
        r#"Bearer realm="orders", error="invalid_token", error_description="the token has expired""#;
    assert_eq!(challenge(Found::Invalid(Code::TokenExpired)), expired);
    assert!(challenge(Found::Invalid(Code::TokenRepeated)).contains(r#"error="invalid_request""#));
    assert!(challenge(Found::Invalid(Code::TokenInvalid)).contains(r#"error="invalid_token""#));
}

#[test]
fn the_token_goes_on_or_not_as_it_is_configured() {
    for (forward, is_left) in [(true, true), (false, false)] {
        let fixture = Fixture::new(&json!({"forward": forward}));
        let mut exchange = request(&fixture.token(&json!({})));
        assert!(matches!(identify(&fixture.start(None), &mut exchange), Found::Known(_)));
        assert_eq!(!exchange.request.fields.is_empty(), is_left);
        let mut others = request(&fixture.token(&json!({"iss": "another"})));
        assert!(matches!(identify(&fixture.start(None), &mut others), Found::Invalid(_)));
        assert!(!others.request.fields.is_empty(), "another authenticator may know it");
    }
    let fixture = Fixture::new(&json!({"from": {"query": "access_token"}}));
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().unwrap()));
    let target = format!("/?access_token={}&a=1", fixture.token(&json!({})));
    exchange.request.set_line(b"GET", target.as_bytes());
    exchange.query = Some(crate::http::field::Span { start: 2, end: target.len() as u32 });
    assert!(matches!(identify(&fixture.start(None), &mut exchange), Found::Known(_)));
    assert_eq!((exchange.request.target(), exchange.query()), (&b"/?a=1"[..], Some(&b"a=1"[..])));
}
