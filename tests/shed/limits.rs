//! Limits of clusters: exact over all workers, with and without waiting.

use std::sync::Barrier;
use std::time::Duration;

use super::Service;
use crate::harness::{Gateway, Setup};

/// So many requests at the same time, each on a connection of its own. Gives status and code of each.
fn at_once(gateway: &Gateway, count: usize) -> Vec<(u16, String)> {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let ask = || {
            let mut wire = gateway.wire();
            barrier.wait();
            let answer = wire.get("/");
            let code = if answer.status == 200 { String::new() } else { answer.json()["code"].to_string() };
            (answer.status, code)
        };
        let clients: Vec<_> = (0..count).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    })
}

#[test]
fn no_more_than_may_be_reach_a_cluster_whichever_worker_they_come_to() {
    let service = Service::start(100, Duration::from_millis(300));
    let gateway = Setup::before(service.origin.address()).cluster("limits: {requests: 5}").start();
    let answers = at_once(&gateway, 30);
    assert!(service.had_most() <= 5, "{} at once", service.had_most());
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    assert!(served >= 5, "{served} of 30");
    assert!(answers.iter().all(|(status, code)| *status == 200 || code == "\"cluster_full\""), "{answers:?}");
    let turned_away = (30 - served) as f64;
    gateway.metric_becomes("ringgate_shed_total{class=\"normal\",reason=\"cluster_full\"}", turned_away);
    gateway.metric_becomes("ringgate_cluster_in_use{cluster=\"origin\"}", 0.0);
    assert_eq!(gateway.metric("ringgate_cluster_limit{cluster=\"origin\"}"), 5.0);
}

#[test]
fn those_who_wait_get_their_turn_and_nobody_else_is_let_wait() {
    let service = Service::start(100, Duration::from_millis(200));
    let limits = "limits: {requests: 4, pending: 8, pending_timeout: 20s}";
    let gateway = Setup::before(service.origin.address()).cluster(limits).start();
    let answers = at_once(&gateway, 30);
    assert!(service.had_most() <= 4, "{} at once", service.had_most());
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    assert!((12..30).contains(&served), "four at once and eight that wait, and whoever comes late: {served}");
    assert!(answers.iter().all(|(status, code)| *status == 200 || code == "\"pending_full\""), "{answers:?}");
    gateway.metric_becomes("ringgate_cluster_waiting{cluster=\"origin\"}", 0.0);
    assert!(gateway.metric("ringgate_cluster_waited_total{cluster=\"origin\"}") >= 8.0);
}

#[test]
fn whoever_has_waited_long_enough_is_told_and_may_ask_again_on_the_same_connection() {
    let service = Service::start(100, Duration::from_secs(2));
    let limits = "limits: {requests: 1, pending: 1, pending_timeout: 100ms}";
    let gateway = Setup::before(service.origin.address()).cluster(limits).start();
    let mut first = gateway.wire();
    first.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    service.origin.receives(1);
    let mut second = gateway.wire();
    let refused = second.get("/").has_problem(503, "pending_timeout");
    assert_eq!((refused.field("retry-after"), refused.says_close()), (Some("1"), false));
    first.read().has_status(200);
    gateway.metric_becomes("ringgate_cluster_in_use{cluster=\"origin\"}", 0.0);
    second.get("/").has_status(200);
}

#[test]
fn an_endpoint_has_no_more_than_it_may_and_the_others_take_what_it_cannot() {
    let services = [Duration::from_millis(300); 2].map(|work| Service::start(100, work));
    let setup = services.iter().fold(Setup::default(), |setup, one| setup.endpoint(one.origin.address()));
    let gateway = setup.cluster("limits: {endpoint_requests: 3}").start();
    let answers = at_once(&gateway, 20);
    for service in &services {
        assert!((1..=3).contains(&service.had_most()), "{} at once", service.had_most());
    }
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    assert!(served >= 6, "{served} of 20");
    assert!(
        answers.iter().all(|(status, code)| *status == 200 || code == "\"endpoints_full\""),
        "{answers:?}"
    );
    let turned_away = (20 - served) as f64;
    gateway.metric_becomes("ringgate_shed_total{class=\"normal\",reason=\"endpoints_full\"}", turned_away);
    gateway.get("/").has_status(200);
}

#[test]
fn connections_with_all_endpoints_of_a_cluster_are_no_more_than_may_be() {
    let services = [Duration::from_millis(200); 2].map(|work| Service::start(100, work));
    let setup = services.iter().fold(Setup::default(), |setup, one| setup.endpoint(one.origin.address()));
    let gateway = setup.cluster("limits: {connections: 4}\n    timeouts: {connect: 20s}").start();
    let answers = at_once(&gateway, 16);
    assert!(answers.iter().all(|(status, _)| *status == 200), "all waited for a connection: {answers:?}");
    let had: usize = services.iter().map(Service::had_most).sum();
    assert!(had <= 8, "four at once, whichever endpoint has them: {had}");
    let open = gateway.metric("ringgate_pool_connections{cluster=\"origin\"}");
    assert!(open <= 4.0, "{open} are open");
}

#[test]
fn an_adaptive_limit_keeps_a_burdened_service_at_what_it_can_do() {
    // Four at once, 20 ms each: 200 a second.
    let service = Service::start(4, Duration::from_millis(20));
    let limits = "limits: {adaptive: {floor: 2, ceiling: 200, probe_every: 2s}}";
    let gateway = Setup::before(service.origin.address()).cluster(limits).start();
    let served: usize = std::thread::scope(|scope| {
        let ask = || {
            let mut wire = gateway.wire();
            let count = |_: &i32| {
                let served = wire.get("/").status == 200;
                if !served {
                    std::thread::sleep(Duration::from_millis(20));
                }
                served
            };
            (0..150).filter(count).count()
        };
        let clients: Vec<_> = (0..40).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).sum()
    });
    let refused = gateway.metric("ringgate_shed_total{class=\"normal\",reason=\"cluster_slow\"}");
    assert!(served >= 100 && refused >= 20.0, "{served} served, {refused} refused");
    let found = gateway.metric("ringgate_cluster_adaptive_limit{cluster=\"origin\"}");
    assert!((2.0..40.0).contains(&found), "{found}: there are 40 clients");
    assert!(service.had_most() <= 40, "as many as there are clients");
}
