//! The authenticator on one worker, with keys as control publishes them.

use super::*;
use crate::net::addr::PeerAddr;
use crate::policy::auth::api_key::moment::Moment;
use crate::policy::auth::api_key::text::KeyHash;
use crate::policy::scope::placeholder;

const NOW: u64 = 1_000;
const KEY: &str = "sk_live_0123456789abcdef0123";

fn row(change: impl FnOnce(&mut KeyRow)) -> KeyRow {
    let mut row = KeyRow {
        hash: KeyHash::of(KEY.as_bytes()),
        owner: "acme".to_owned(),
        tenant: None,
        plan: Some("gold".to_owned()),
        scopes: vec!["orders:read".to_owned()],
        roles: Vec::new(),
        expires: None,
        disabled: false,
        note: None,
    };
    change(&mut row);
    row
}

fn running(keys: ApiKeys, forwards: bool) -> ApiKey {
    let plan = ApiKeyPlan {
        name: "partners".into(),
        place: Place {
            header: Some(b"x-api-key"[..].into()),
            query: Some(b"key"[..].into()),
            ..Place::default()
        },
        forwards,
        challenge: None,
        keys: Published::new(Frozen::new(keys)),
    };
    let keys = Live::new(plan.keys.clone());
    let principals = RefCell::new(vec![None; keys.get().rows().len()]);
    ApiKey { plan: Frozen::new(plan), keys, principals }
}

fn with(row: KeyRow) -> ApiKey {
    running(ApiKeys::new(vec![("k1".to_owned(), row)]).unwrap(), false)
}

fn exchange(field: Option<&str>) -> Exchange {
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
    if let Some(value) = field {
        exchange.request.fields.append(b"X-API-Key", value.as_bytes());
    }
    exchange
}

/// Polls a future that has nothing to wait for.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("it waits for something"),
    }
}

#[test]
fn a_known_key_is_its_owner_and_does_not_go_on() {
    let authenticator = with(row(|_| {}));
    let mut exchange = exchange(Some(KEY));
    let Found::Known(first) = now(authenticator.identify(&mut exchange)) else { panic!("it is known") };
    assert_eq!(
        (&*first.subject, first.key_id.as_deref(), first.plan.as_deref()),
        ("acme", Some("k1"), Some("gold"))
    );
    assert_eq!((first.method, &*first.authenticator), (Method::ApiKey, "partners"));
    assert_eq!(exchange.request.fields.len(), 0);
    let Found::Known(again) = authenticator.judge(KEY.as_bytes(), NOW) else { panic!("it is known") };
    assert!(Rc::ptr_eq(&first, &again), "it is lent, not made anew");
}

#[test]
fn it_goes_on_where_that_is_configured() {
    let authenticator = running(ApiKeys::new(vec![("k1".to_owned(), row(|_| {}))]).unwrap(), true);
    let mut exchange = exchange(Some(KEY));
    assert!(matches!(now(authenticator.identify(&mut exchange)), Found::Known(_)));
    assert_eq!(exchange.request.fields.len(), 1);
}

#[test]
fn each_reason_has_its_code() {
    let expired = with(row(|row| row.expires = Some(Moment(NOW))));
    let disabled = with(row(|row| row.disabled = true));
    let known = with(row(|_| {}));
    for (authenticator, text, code) in [
        (&expired, KEY, Code::ApiKeyExpired),
        (&disabled, KEY, Code::ApiKeyDisabled),
        (&known, "sk_live_0123456789abcdef0124", Code::ApiKeyUnknown),
        (&known, "rg_acme_cutoff", Code::ApiKeyMalformed),
        (&known, "", Code::ApiKeyMalformed),
    ] {
        let found = authenticator.judge(text.as_bytes(), NOW);
        assert!(matches!(found, Found::Invalid(told) if told == code), "{text}: {found:?}");
    }
    assert!(matches!(expired.judge(KEY.as_bytes(), NOW - 1), Found::Known(_)));
    assert!(matches!(now(known.identify(&mut exchange(None))), Found::Absent));
}

#[test]
fn before_the_files_are_read_nobody_can_tell() {
    let authenticator = running(ApiKeys::default().partial(), false);
    assert!(matches!(authenticator.judge(KEY.as_bytes(), NOW), Found::Unavailable(_)));
}

#[test]
fn keys_are_taken_up_when_they_are_published() {
    let authenticator = with(row(|_| {}));
    assert!(matches!(now(authenticator.identify(&mut exchange(Some(KEY)))), Found::Known(_)));
    let plans = [row(|row| row.hash = KeyHash::of(b"other")), row(|row| row.plan = None)];
    let ids = ["k0", "k1"].map(str::to_owned);
    let next = ApiKeys::new(ids.into_iter().zip(plans).collect()).unwrap();
    authenticator.plan.keys.publish(Frozen::new(next));
    let Found::Known(found) = now(authenticator.identify(&mut exchange(Some(KEY)))) else { panic!("known") };
    assert_eq!((found.key_id.as_deref(), found.plan.as_deref()), (Some("k1"), None));
}

#[test]
fn a_configuration_that_would_show_keys_or_find_none_is_told() {
    for (json, why) in [
        (r#"{"query": ""}"#, "has no name"),
        (r#"{"header": "Authorization"}"#, "has a scheme"),
        (r#"{"scheme": "ApiKey"}"#, "is for a `header`"),
        (r#"{"header": "a b"}"#, "cannot be the name"),
    ] {
        let config: ApiKeyConfig = serde_json::from_str(json).expect("valid");
        let mut scope = Scope::new(&placeholder);
        ApiKey::compile(&config, "a", &mut scope);
        assert!(
            scope.problems.iter().any(|problem| problem.reason.contains(why)),
            "{json}: {:?}",
            scope.problems
        );
    }
    let config: ApiKeyConfig =
        serde_json::from_str(r#"{"query": "api_key", "header": "Authorization", "scheme": "ApiKey"}"#)
            .unwrap();
    let mut scope = Scope::new(&placeholder);
    let plan = ApiKey::compile(&config, "a", &mut scope);
    assert_eq!((scope.problems, plan.challenge.as_deref()), (Vec::new(), Some("ApiKey realm=\"a\"")));
}
