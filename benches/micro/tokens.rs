//! What a token costs: the first time, by algorithm, and every further time.

use std::hint::black_box;

use futures_util::FutureExt;
use ringgate::net::addr::PeerAddr;
use ringgate::policy::auth::jwt::Jwt;
use ringgate::policy::auth::jwt::algorithm::Algorithm;
use ringgate::policy::auth::jwt::config::JwtConfig;
use ringgate::policy::auth::jwt::keys::KeySet;
use ringgate::policy::auth::jwt::plan::JwtPlan;
use ringgate::policy::auth::jwt::signing::SigningKey;
use ringgate::policy::auth::{Authenticates, Authenticators, Found};
use ringgate::policy::exchange::Exchange;
use ringgate::policy::ground::{Bench, Ground, Provisions};
use ringgate::policy::scope::Scope;
use ringgate::rt::clock;
use ringgate::shared::Frozen;
use ringgate::telemetry::Registry;
use serde_json::{Value, json};

use super::row;

/// What identity providers put into a token: about 800 bytes in all.
fn claims() -> Value {
    json!({
        "iss": "https://id.example.com/realms/shop", "aud": ["orders", "account"], "sub": "f3c5a3f0-8b8e-4a54-9d30-0a1b6d9a4b11",
        "exp": clock::wall_seconds() + 3600, "iat": clock::wall_seconds(), "jti": "5d0cd1b1-47a4-4a7b-8f1a-6c8d6f0f7e55",
        "sid": "0b7e4a6e-2f5e-4a0f-9f3f-2a7c0d0b2f10", "azp": "web", "scope": "openid orders:read orders:write profile",
        "realm_access": {"roles": ["customer", "auditor"]}, "tenant": "acme", "email_verified": true
    })
}

fn plan(key: SigningKey) -> JwtPlan {
    let config: JwtConfig = serde_json::from_value(json!({
        "issuer": "https://id.example.com/realms/shop", "audiences": ["orders"],
        "keys": {"jwks_file": "keys.json"}, "claims": {"tenant": "tenant", "roles": "realm_access.roles"}
    }))
    .expect("a valid form");
    let plan = JwtPlan::compile(&config, "customers", &mut Scope::new(&|_| None));
    plan.keys.publish(Frozen::new(KeySet::new(vec![key.into_verifying()])));
    plan
}

/// Rows of the table.
pub fn rows() {
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Es256] {
        let (key, _) = SigningKey::generate(algorithm).expect("randomness");
        let token = key.sign("at+jwt", claims().as_object().expect("an object")).expect("a token");
        let plan = plan(key);
        let (_, keys) = plan.keys.load();
        row(&format!("verify a token of {} B, {}", token.len(), algorithm.name()), || {
            assert!(plan.verify(black_box(token.as_bytes()), &keys, clock::wall_ms() / 1000).is_ok());
        });
    }
    repeated();
}

fn repeated() {
    let (key, _) = SigningKey::generate(Algorithm::Es256).expect("randomness");
    let token = key.sign("at+jwt", claims().as_object().expect("an object")).expect("a token");
    let (registry, bench) = (Registry::new(1), Bench::new(0, 1, Provisions::none()));
    let authenticators = Authenticators::default();
    let ground =
        Ground { bench: &bench, authenticators: &authenticators, clusters: &[], registry: &registry };
    let jwt = Jwt::start(Frozen::new(plan(key)), None, &ground);
    let mut exchange = Exchange::new(PeerAddr(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
    exchange.request.set_line(b"GET", b"/");
    row("identify without a token", || {
        assert!(matches!(jwt.identify(black_box(&mut exchange)).now_or_never(), Some(Found::Absent)));
    });
    exchange.request.fields.append(b"Authorization", format!("Bearer {token}").as_bytes());
    row(&format!("identify by a remembered token of {} B", token.len()), || {
        assert!(matches!(jwt.identify(black_box(&mut exchange)).now_or_never(), Some(Found::Known(_))));
    });
}
