//! The desk against servers that play a part.

use serde_json::json;

use super::*;
use crate::config::secret::Secret;
use crate::control::http_client::Url;
use crate::control::http_client::scripted::{Reply, Scripted};
use crate::policy::auth::introspection::config::ClientAuth;
use crate::policy::auth::introspection::facts::Rules;
use crate::upstream::config::ClusterTlsConfig;

const TOKEN: &str = "t0ken+that/is~secret==";

fn plan(url: &str, change: impl FnOnce(&mut ServerPlan)) -> Frozen<ServerPlan> {
    let mut plan = ServerPlan {
        id: [1; 32],
        name: "sso".into(),
        url: Url::parse(url).unwrap(),
        client_id: "gate way".to_owned(),
        client_secret: Secret::new("s:cret"),
        client_auth: ClientAuth::Basic,
        tls: ClusterTlsConfig::default(),
        timeout_ms: 5_000,
        rules: Rules::default(),
        cache_max_ms: 60_000,
        cache_negative_ms: 10_000,
        cache_entries: 10,
        breaker: (2, 60_000),
        on_failure: OnFailure::Refuse,
        stale_max_ms: 60_000,
    };
    change(&mut plan);
    Frozen::new(plan)
}

fn ask(desk: &IntrospectionDesk, plan: &Frozen<ServerPlan>, token: &str) -> Introspected {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let question = IntrospectQuestion { server: plan.clone(), token: Secret::new(token) };
    runtime.block_on(desk.answer(&question))
}

fn active(sub: &str) -> Reply {
    Reply::new(200, json!({"active": true, "sub": sub}).to_string())
}

fn outcome(told: &Introspected) -> String {
    match told {
        Introspected::Known(principal, _) => principal.subject.to_string(),
        Introspected::Refused(refused, _) => format!("{refused:?}"),
        Introspected::Unavailable => "unavailable".to_owned(),
    }
}

#[test]
fn asks_once_as_the_rfcs_have_it_and_remembers() {
    let server = Scripted::start(|_| active("ann"));
    let (desk, plan) = (IntrospectionDesk::default(), plan(&server.url("http", "/introspect"), |_| {}));
    for _ in 0..3 {
        let told = ask(&desk, &plan, TOKEN);
        assert!(matches!(&told, Introspected::Known(_, for_ms) if (1..=60_000).contains(for_ms)));
        assert_eq!(outcome(&told), "ann");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].starts_with("POST /introspect HTTP/1.1\r\n"), "{}", seen[0]);
    // `gate%20way:s%3Acret`
    assert!(seen[0].contains("authorization: Basic Z2F0ZSUyMHdheTpzJTNBY3JldA=="), "{}", seen[0]);
    assert!(seen[0].contains("content-type: application/x-www-form-urlencoded"));
    assert!(seen[0].ends_with("\r\n\r\ntoken=t0ken%2Bthat%2Fis%7Esecret%3D%3D&token_type_hint=access_token"));
    desk.for_each(|name, figures, is_open| {
        let counts = (figures.known.get(), figures.remembered.get(), is_open);
        assert_eq!((name, counts), ("sso", (1, 2, false)));
    });
}

#[test]
fn credentials_may_stand_in_the_form() {
    let server = Scripted::start(|_| active("ann"));
    let plan = plan(&server.url("http", "/"), |plan| plan.client_auth = ClientAuth::Form);
    assert_eq!(outcome(&ask(&IntrospectionDesk::default(), &plan, "t")), "ann");
    let seen = server.seen().remove(0);
    assert!(seen.ends_with("&client_id=gate%20way&client_secret=s%3Acret"), "{seen}");
    assert!(!seen.contains("authorization"), "{seen}");
}

#[test]
fn bad_tokens_are_remembered_too() {
    let server = Scripted::start(|_| Reply::new(200, r#"{"active": false}"#));
    let (desk, plan) = (IntrospectionDesk::default(), plan(&server.url("http", "/"), |_| {}));
    for _ in 0..2 {
        assert_eq!(outcome(&ask(&desk, &plan, "t")), "Inactive");
    }
    assert_eq!(outcome(&ask(&desk, &plan, "u")), "Inactive");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn an_answer_is_not_remembered_beyond_the_tokens_end() {
    let server = Scripted::start(|_| {
        Reply::new(200, json!({"active": true, "sub": "ann", "exp": clock::wall_seconds() + 5}).to_string())
    });
    let plan = plan(&server.url("http", "/"), |_| {});
    let told = ask(&IntrospectionDesk::default(), &plan, "t");
    assert!(matches!(told, Introspected::Known(_, for_ms) if for_ms <= 5_000));
}

#[test]
fn a_server_that_fails_is_left_alone_after_some_failures() {
    for reply in
        [Reply::new(500, "x"), Reply::new(401, "x"), Reply::new(200, "[]"), Reply::new(200, "<html>")]
    {
        let server = Scripted::start(move |_| reply.clone());
        let (desk, plan) = (IntrospectionDesk::default(), plan(&server.url("http", "/"), |_| {}));
        for token in ["a", "b", "c", "d"] {
            assert_eq!(outcome(&ask(&desk, &plan, token)), "unavailable");
        }
        assert_eq!(server.seen().len(), 2, "the breaker is open");
        desk.for_each(|_, figures, is_open| {
            assert_eq!((figures.failed.get(), figures.held_back.get(), is_open), (2, 2, true));
        });
    }
}

#[test]
fn one_probe_closes_the_breaker_again() {
    let mut answers = 0;
    let server = Scripted::start(move |_| {
        answers += 1;
        if answers <= 2 { Reply::new(503, "") } else { active("ann") }
    });
    let (desk, plan) =
        (IntrospectionDesk::default(), plan(&server.url("http", "/"), |plan| plan.breaker = (2, 50)));
    for _ in 0..2 {
        ask(&desk, &plan, "t");
    }
    std::thread::sleep(Duration::from_millis(80));
    assert_eq!(outcome(&ask(&desk, &plan, "t")), "ann");
    desk.for_each(|_, _, is_open| assert!(!is_open));
}

#[test]
fn remembered_answers_go_on_where_that_is_wanted_and_no_others() {
    let mut answers = 0;
    let server = Scripted::start(move |_| {
        answers += 1;
        if answers <= 1 { active("ann") } else { Reply::new(500, "") }
    });
    let change = |plan: &mut ServerPlan| (plan.on_failure, plan.cache_max_ms) = (OnFailure::Stale, 1);
    let (desk, plan) = (IntrospectionDesk::default(), plan(&server.url("http", "/"), change));
    ask(&desk, &plan, "t");
    std::thread::sleep(Duration::from_millis(20));
    let told = ask(&desk, &plan, "t");
    assert!(matches!(&told, Introspected::Known(_, STALE_STEP_MS)), "{}", outcome(&told));
    assert_eq!(outcome(&ask(&desk, &plan, "u")), "unavailable");
}

#[test]
fn a_server_that_is_slow_or_gone_is_a_failure() {
    let server = Scripted::start(|_| active("ann").after(Duration::from_secs(5)));
    let slow = plan(&server.url("http", "/"), |plan| plan.timeout_ms = 50);
    assert_eq!(outcome(&ask(&IntrospectionDesk::default(), &slow, "t")), "unavailable");
    // Nobody listens on the port that has just been closed.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = plan(&format!("http://{gone}/"), |_| {});
    assert_eq!(outcome(&ask(&IntrospectionDesk::default(), &gone, "t")), "unavailable");
}

#[test]
fn servers_that_are_not_asked_any_more_leave() {
    let desk = IntrospectionDesk::default();
    for number in 0..=SERVERS_MAX as u8 {
        let plan = plan("http://127.0.0.1:9/", |plan| {
            plan.id = [number; 32];
            plan.name = number.to_string().into();
        });
        desk.server(&plan).lock().used_ms = u64::from(number);
    }
    let mut names = Vec::new();
    desk.for_each(|name, _, _| names.push(name.to_owned()));
    assert_eq!(names.len(), SERVERS_MAX);
    assert!(!names.contains(&"0".to_owned()));
}
