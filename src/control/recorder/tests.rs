//! Records in words, which of them are told, and workers that do not answer.

use std::thread::JoinHandle;

use super::*;
use crate::http::method::Method;
use crate::policy::reply::Code;
use crate::proxy::recording::{Recording, RecordingPlan};
use crate::telemetry::Redaction;

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn record(registry: &Registry, id: &str, route: &str) -> DecisionRecord {
    let mut record = DecisionRecord {
        number: 1,
        began_ms: 1_000,
        generation: 3,
        duration_nanos: 2_500_000,
        protocol: "HTTP/1.1",
        method: Method::Get,
        listener: registry.name_id("public"),
        route: registry.name_id(route),
        status: 200,
        ..DecisionRecord::default()
    };
    record.id.put(id.as_bytes());
    record.path.put(b"/orders/7");
    record
}

fn view(record: &DecisionRecord, registry: &Registry) -> DecisionView {
    DecisionView::of(record, 0, |id| registry.name(id), &Redaction::default())
}

#[test]
fn a_record_says_what_happened_in_names_and_words() {
    let registry = Registry::new(1);
    let mut record = record(&registry, "id-1", "orders");
    record.cluster = registry.name_id("shop");
    record.endpoint.put(b"10.0.0.1:80");
    (record.attempts, record.is_reused, record.head_nanos) = (1, true, 1_234_567);
    let view = view(&record, &registry);
    assert_eq!(view.time, "1970-01-01T00:00:01.000Z");
    assert_eq!((view.head_ms, view.duration_ms), (Some(1.234), 2.5));
    assert_eq!(view.why, "Answered 200 by 10.0.0.1:80 of cluster `shop`.");
    let text = view.to_string();
    for line in ["request     GET /orders/7", "route       orders", "  connect   none", "answer      200\n"] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    let json = serde_json::to_value(&view).unwrap();
    assert!(json.get("code").is_none() && json["route"] == "orders");
    assert_eq!(serde_json::from_value::<DecisionView>(json).unwrap(), view);
}

#[test]
fn says_who_refused_and_why() {
    let registry = Registry::new(1);
    let mut refused = record(&registry, "id-1", "orders");
    refused.fault = Some(Code::AddressDenied.into());
    refused.policy = Some("ip_filter");
    let by_policy = view(&refused, &registry).why;
    assert!(by_policy.starts_with("Policy ip_filter of route `orders` refused it: "), "{by_policy}");
    let mut unrouted = record(&registry, "id-2", "");
    unrouted.fault = Some(Code::NoRoute.into());
    assert_eq!(view(&unrouted, &registry).why, "Refused before any route: No route matches this request.");
    let mut late = record(&registry, "id-3", "orders");
    late.fault = Some(Code::UpstreamHeadTimeout.into());
    late.cluster = registry.name_id("shop");
    late.endpoint.put(b"10.0.0.1:80");
    late.attempts = 2;
    assert_eq!(
        view(&late, &registry).why,
        "Cluster `shop`, 2 attempts, the last with 10.0.0.1:80: The service did not answer in time."
    );
}

#[test]
fn a_long_path_ends_between_segments() {
    let registry = Registry::new(1);
    let mut record = record(&registry, "id-1", "orders");
    record.path.put(b"/fetch/somewhere/https:/user:S3CR3TS3CR3TS3CR3T@host/x");
    let shown = view(&record, &registry).path.unwrap();
    assert_eq!(shown, "/fetch/somewhere/https:/...");
}

/// A worker that has nothing to do but to answer.
fn worker(mailbox: Mailbox<Command>, plan: &RecordingPlan) -> JoinHandle<()> {
    let plan = RecordingPlan { decisions: plan.decisions, heads: plan.heads, ..RecordingPlan::default() };
    std::thread::spawn(move || {
        let recording = Recording::new(&plan);
        loop {
            for command in mailbox.drain() {
                match command {
                    Command::Dump(dump) => recording.answer(dump),
                    _ => return,
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

#[test]
fn a_worker_that_is_stuck_is_named_and_holds_nobody_up_for_long() {
    let mailboxes: Vec<_> = (0..3).map(|_| Mailbox::new(4).unwrap()).collect();
    let plan = RecordingPlan { decisions: 4, heads: 4, ..RecordingPlan::default() };
    let workers = [worker(mailboxes[0].clone(), &plan), worker(mailboxes[2].clone(), &plan)];
    let recorder = Recorder { mailboxes: mailboxes.clone(), ..Recorder::of_nobody() };
    let began = std::time::Instant::now();
    let (heads, decisions) = on_a_runtime(async {
        (recorder.heads().await, recorder.recent_decisions(&DecisionFilter::default()).await)
    });
    assert!(began.elapsed() < ANSWER_BOUND * 3, "{:?}", began.elapsed());
    assert_eq!((heads.silent, decisions.silent), (BTreeSet::from([1]), BTreeSet::from([1])));
    assert!(heads.found.is_empty() && decisions.found.is_empty());
    assert!(on_a_runtime(recorder.decision_json("nobody")).is_none());
    for at in [0, 2] {
        assert!(mailboxes[at].send(Command::Drain).is_ok());
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn a_filter_that_means_nothing_is_refused() {
    for (text, is_right) in [
        (r#"{"limit": 1000, "status": "599"}"#, true),
        (r#"{"status": "4xx"}"#, true),
        (r#"{"limit": 1001}"#, false),
        (r#"{"status": "6xx"}"#, false),
        (r#"{"status": "40"}"#, false),
        (r#"{"status": ""}"#, false),
    ] {
        assert_eq!(serde_json::from_str::<DecisionFilter>(text).unwrap().check().is_ok(), is_right, "{text}");
    }
}

#[test]
fn a_filter_admits_what_it_names() {
    let registry = Registry::new(1);
    let view = view(&record(&registry, "id-1", "orders"), &registry);
    let filter = |text: &str| serde_json::from_str::<DecisionFilter>(text).unwrap();
    for text in [
        "{}",
        r#"{"route": "orders"}"#,
        r#"{"status": "200"}"#,
        r#"{"status": "2xx", "generation": 3}"#,
        r#"{"slower_than_ms": 2.5}"#,
        r#"{"code": ""}"#,
    ] {
        assert!(filter(text).admits(&view), "{text}");
    }
    for text in [
        r#"{"route": ""}"#,
        r#"{"status": "5xx"}"#,
        r#"{"status": "20"}"#,
        r#"{"slower_than_ms": 2.6}"#,
        r#"{"policy": "ip_filter"}"#,
    ] {
        assert!(!filter(text).admits(&view), "{text}");
    }
}
