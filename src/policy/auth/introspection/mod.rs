//! Tokens that say nothing by themselves: their issuer is asked (RFC 7662).
//!
//! Control asks, once for the whole process however many workers want to know, and remembers; each worker remembers too, so
//! that a repeat costs a hash. Tokens are never printed, and kept as digests alone.

pub mod breaker;
pub mod config;
pub mod facts;
pub mod question;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use reqwest::Url;
use sha2::{Digest as _, Sha256};

use crate::config::secret::Secret;
use crate::config::units::Span;
use crate::http::field::FieldId;
use crate::policy::auth::memory::{Digest, Memory, Pepper};
use crate::policy::auth::scheme::{Authorization, authorization, quoted};
use crate::policy::auth::{Authenticates, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::{Bench, Ground};
use crate::policy::principal::Principal;
use crate::policy::question::{Answer, Question};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::rt::clock;
use crate::shared::frozen::Frozen;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::AuthMetrics;
use crate::upstream::config::ClusterTlsConfig;

pub use config::IntrospectionConfig;
use facts::{Refused, Rules};
use question::{IntrospectQuestion, Introspected, ServerPlan};

/// Longest token that is asked about.
const TOKEN_BYTES_MAX: usize = 4096;
/// Beyond the server's own time, for the way to control and back.
const ANSWER_SLACK: Duration = Duration::from_secs(1);

/// Compiled.
pub struct IntrospectionPlan {
    realm: Box<str>,
    forwards: bool,
    server: Frozen<ServerPlan>,
}

/// The running authenticator.
pub struct Introspection {
    plan: Frozen<IntrospectionPlan>,
    bench: Rc<Bench>,
    metrics: Slot<AuthMetrics>,
    pepper: Pepper,
    good: RefCell<Memory<Rc<Principal>>>,
    bad: RefCell<Memory<Code>>,
}

impl Authenticates for Introspection {
    type Config = IntrospectionConfig;
    type Plan = IntrospectionPlan;

    fn compile(config: &IntrospectionConfig, name: &str, scope: &mut Scope<'_>) -> IntrospectionPlan {
        let url = url(&config.url, scope);
        let secret = scope.secret(&config.client_secret).unwrap_or_else(|| {
            let reason = format!("there is no secret `{}`", config.client_secret);
            scope.problem(
                "client_secret",
                reason,
                "add it under `secrets:`; the secret itself is not written here",
            );
            Secret::new("")
        });
        if config.client_id.is_empty() {
            scope.problem(
                "client_id",
                "the gateway has no name there",
                "write the one it is registered with",
            );
        }
        for (key, span) in [("timeout", config.timeout), ("breaker.open", config.breaker.open)] {
            if span.is_zero() {
                scope.problem(key, "there is no time", "write 2s, or how long it may take");
            }
        }
        let server = server(config, name, (url, secret), scope.around.base);
        IntrospectionPlan {
            realm: quoted(name).into(),
            forwards: config.forward,
            server: Frozen::new(server),
        }
    }

    fn start(plan: Frozen<IntrospectionPlan>, previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        let entries = plan.server.cache_entries;
        // What another server has said, or other rules have made of it, is forgotten.
        let kept = previous.filter(|previous| previous.plan.server.id == plan.server.id);
        let (pepper, good, bad) = match kept {
            Some(kept) => {
                let (good, bad) = (kept.good.replace(Memory::new(1)), kept.bad.replace(Memory::new(1)));
                (kept.pepper.clone(), good, bad)
            }
            None => (Pepper::random(), Memory::new(entries), Memory::new(entries)),
        };
        let metrics = ground.registry.authenticator(&plan.server.name, ground.bench.worker);
        Self {
            plan,
            bench: ground.bench.clone(),
            metrics,
            pepper,
            good: RefCell::new(good),
            bad: RefCell::new(bad),
        }
    }

    async fn identify(&self, exchange: &mut Exchange) -> Found {
        let token = match authorization(&exchange.request.fields, b"Bearer") {
            Authorization::Absent => return Found::Absent,
            Authorization::One(token) if is_token(token) => token,
            // RFC 6750 2: one way to show a token in a request.
            Authorization::One(_) | Authorization::Several => {
                return Found::Invalid(Code::CredentialsMalformed);
            }
        };
        let digest = self.pepper.digest(&[token]);
        let found = match self.remembered(&digest, clock::coarse_ms()) {
            Some(found) => found,
            None => {
                let token = Secret::new(String::from_utf8_lossy(token));
                // Boxed: it is rare, and would make the task of every exchange as large.
                Box::pin(self.ask(digest, token)).await
            }
        };
        if !self.plan.forwards && matches!(found, Found::Known(_)) {
            exchange.request.fields.remove(FieldId::Authorization);
        }
        found
    }

    fn challenge(&self, found: &Found) -> Option<String> {
        // RFC 6750 3.1: no error code where nothing was shown.
        let error = if matches!(found, Found::Invalid(_)) { ", error=\"invalid_token\"" } else { "" };
        Some(format!("Bearer realm={}{error}", self.plan.realm))
    }
}

impl Introspection {
    fn remembered(&self, digest: &Digest, now_ms: u64) -> Option<Found> {
        if let Some(known) = self.good.borrow().get(digest, now_ms) {
            self.metrics.remembered.add(1);
            return Some(Found::Known(known.clone()));
        }
        self.bad.borrow().get(digest, now_ms).map(|code| Found::Invalid(*code))
    }

    async fn ask(&self, digest: Digest, token: Secret) -> Found {
        let server = self.plan.server.clone();
        let within = Duration::from_millis(server.timeout_ms) + ANSWER_SLACK;
        let question = Question::Introspect(IntrospectQuestion { server, token });
        let answer = self.bench.questions.ask(question, within).await;
        let now_ms = clock::coarse_ms();
        match answer {
            Some(Answer::Introspect(Introspected::Known(principal, for_ms))) => {
                let known = Rc::new((*principal).clone());
                self.good.borrow_mut().put(digest, known.clone(), now_ms + for_ms);
                Found::Known(known)
            }
            Some(Answer::Introspect(Introspected::Refused(refused, for_ms))) => {
                let code = match refused {
                    Refused::Elsewhere => Code::TokenElsewhere,
                    Refused::Inactive | Refused::Malformed => Code::TokenInactive,
                };
                self.bad.borrow_mut().put(digest, code, now_ms + for_ms);
                Found::Invalid(code)
            }
            _ => Found::Unavailable(Code::IntrospectionUnavailable),
        }
    }
}

/// Whether it is a b64token (RFC 6750 2.1).
fn is_token(text: &[u8]) -> bool {
    let unpadded = text.len() - text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let is_character = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    unpadded > 0 && text.len() <= TOKEN_BYTES_MAX && text[..unpadded].iter().all(is_character)
}

fn url(text: &str, scope: &mut Scope<'_>) -> Url {
    const NOWHERE: &str = "http://127.0.0.1:9/";
    let wrong = match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => "has a name or password in it",
        Ok(url) if url.has_host() && matches!(url.scheme(), "https" | "http") => return url,
        _ => "is no URL that can be asked",
    };
    // Not the text: it may have a password in it.
    scope.problem("url", format!("this {wrong}"), "write https://id.example.com/introspect");
    Url::parse(NOWHERE).expect("this text is a URL")
}

fn server(
    config: &IntrospectionConfig,
    name: &str,
    (url, client_secret): (Url, Secret),
    base: Option<&Path>,
) -> ServerPlan {
    let millis = |span: Span| u64::try_from(span.duration().as_millis()).unwrap_or(u64::MAX);
    let mut hasher = Sha256::new();
    // The secret has its length in front: it could otherwise be read as a part of what follows.
    hasher.update((client_secret.expose().len() as u64).to_le_bytes());
    hasher.update(client_secret.expose());
    hasher.update(serde_json::to_vec(&(name, config)).unwrap_or_default());
    ServerPlan {
        id: hasher.finalize().into(),
        name: name.into(),
        url,
        client_id: config.client_id.clone(),
        client_secret,
        client_auth: config.client_auth,
        tls: absolute(&config.tls, base),
        timeout_ms: millis(config.timeout),
        rules: Rules {
            issuer: config.issuer.clone(),
            audiences: config.audiences.clone(),
            leeway_s: config.leeway.duration().as_secs(),
            tenant_claim: config.tenant_claim.clone(),
            plan_claim: config.plan_claim.clone(),
            roles_claim: config.roles_claim.clone(),
        },
        cache_max_ms: millis(config.cache_max),
        cache_negative_ms: millis(config.cache_negative),
        cache_entries: config.cache_entries.max(1) as usize,
        breaker: (config.breaker.failures, millis(config.breaker.open)),
        on_failure: config.on_failure,
        stale_max_ms: millis(config.stale_max),
    }
}

fn absolute(tls: &ClusterTlsConfig, base: Option<&Path>) -> ClusterTlsConfig {
    let joined = |path: &PathBuf| base.map_or_else(|| path.clone(), |base| base.join(path));
    let mut tls = tls.clone();
    tls.ca = tls.ca.as_ref().map(joined);
    if let Some(pair) = &mut tls.certificate {
        (pair.cert, pair.key) = (joined(&pair.cert), joined(&pair.key));
    }
    tls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::scope::placeholder;

    fn compiled(yaml: serde_json::Value) -> (IntrospectionPlan, Vec<String>) {
        let config: IntrospectionConfig = serde_json::from_value(yaml).expect("valid");
        let mut scope = Scope::new(&placeholder);
        let plan = Introspection::compile(&config, "sso", &mut scope);
        (plan, scope.problems.into_iter().map(|problem| problem.reason).collect())
    }

    fn written() -> serde_json::Value {
        serde_json::json!({"url": "https://id.example/introspect", "client_id": "gw", "client_secret": "s"})
    }

    #[test]
    fn what_is_written_alike_has_one_identity_and_nothing_else_has_it() {
        let (one, problems) = compiled(written());
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(one.server.id, compiled(written()).0.server.id);
        let mut other = written();
        other["audiences"] = serde_json::json!(["orders"]);
        assert_ne!(one.server.id, compiled(other).0.server.id);
    }

    #[test]
    fn urls_that_cannot_be_asked_are_told_without_their_passwords() {
        for bad in ["id.example", "ftp://id.example/", "unix:/x", "https://a:b@id.example/"] {
            let mut written = written();
            written["url"] = bad.into();
            let problems = compiled(written).1;
            assert!(problems.len() == 1 && !problems[0].contains("a:b"), "{bad}: {problems:?}");
        }
    }

    #[test]
    fn tokens_are_of_the_characters_that_tokens_have() {
        for good in ["abc", "a-b._~+/9==", "x="] {
            assert!(is_token(good.as_bytes()), "{good}");
        }
        let long = "a".repeat(TOKEN_BYTES_MAX + 1);
        for bad in ["", "=", "a b", "a=b", "a,b", "a\"", "\u{e4}", &long] {
            assert!(!is_token(bad.as_bytes()), "{bad}");
        }
    }
}
