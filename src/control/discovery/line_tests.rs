//! Lines: from answers to sets of endpoints, on a clock of the test's own.

use super::*;
use crate::config::secret::Environment;
use crate::control::check::load_and_compile_text;

const HEAD: &str =
    "listeners: [{name: a, address: '127.0.0.1:0'}]\nroutes: [{name: r, match: {prefix: /}, cluster: c}]\n";

/// A line of the cluster `c` in this form, with what one generation looks at.
fn line(form: &str, shared: &mut Shared) -> (Line, Published<EndpointSet>) {
    let text = format!("{HEAD}clusters: {{c: {{{form}}}}}\n");
    let compiled = load_and_compile_text("t.yaml", &text, &Environment::default(), 1);
    let (loaded, snapshot) = compiled.unwrap_or_else(|faults| panic!("{faults}"));
    let live = snapshot.clusters[0].live.clone();
    let mut line = Line::new("c", &loaded.config.clusters["c"], None);
    line.add(&live, shared);
    (line, live)
}

fn answer(rounds: u64, found: &[(&str, &str, u32)]) -> Answer {
    let found = found.iter().map(|(address, label, weight)| Found {
        weight: *weight,
        ..Found::plain(address.parse().unwrap(), (*label).to_owned())
    });
    Answer { endpoints: Some(found.collect()), rounds, ..Answer::default() }
}

/// Label, address, weight and the name in TLS of every endpoint that is chosen from.
fn told(live: &Published<EndpointSet>) -> Vec<String> {
    let (_, set) = live.load();
    let told = |plan: &EndpointPlan| {
        let name = plan.tls_name.as_ref().map(|name| name.to_str().into_owned());
        format!("{} {} {} {}", plan.label, plan.addr, plan.weight, name.unwrap_or_default())
    };
    set.chosen().iter().map(told).collect()
}

#[test]
fn certificates_are_for_the_name_that_was_asked_for() {
    let mut shared = Shared::default();
    let form = "discover: {dns: {name: orders.test., port: 443}}, tls: {verify: false}";
    let (mut line, live) = line(form, &mut shared);
    line.follow(&answer(1, &[("10.0.0.1:443", "10.0.0.1:443", 1)]), true, Instant::now(), &mut shared);
    assert_eq!(told(&live), ["10.0.0.1:443 10.0.0.1:443 1 orders.test"]);
}

#[test]
fn certificates_are_for_the_host_of_a_service_and_several_addresses_of_it_have_labels_of_their_own() {
    let mut shared = Shared::default();
    let form = "discover: {dns: {name: _s._tcp.test, type: srv}}, tls: {verify: false}";
    let (mut line, live) = line(form, &mut shared);
    let found = [("10.0.0.1:8443", "a.test:8443", 0), ("10.0.0.2:8443", "a.test:8443", 7)];
    line.follow(&answer(1, &found), true, Instant::now(), &mut shared);
    assert_eq!(told(&live), ["a.test:8443 10.0.0.1:8443 1 a.test", "10.0.0.2:8443 10.0.0.2:8443 7 a.test"]);
}

#[test]
fn what_is_written_is_used_until_something_is_found_and_not_after_it() {
    let mut shared = Shared::default();
    let form = "discover: {file: {path: x}}, endpoints: ['10.9.9.9:80']";
    let (mut line, live) = line(form, &mut shared);
    let now = Instant::now();
    assert_eq!(told(&live), ["10.9.9.9:80 10.9.9.9:80 1 "]);
    line.follow(&answer(1, &[]), true, now, &mut shared);
    assert_eq!(told(&live).len(), 1, "an empty first answer is no reason");
    line.follow(&answer(2, &[("10.0.0.1:80", "10.0.0.1:80", 1)]), true, now, &mut shared);
    assert_eq!(told(&live), ["10.0.0.1:80 10.0.0.1:80 1 "]);
    line.follow(&answer(3, &[]), true, now, &mut shared);
    line.follow(&answer(3, &[]), true, now + Duration::from_secs(31), &mut shared);
    assert_eq!(told(&live), [] as [String; 0]);
}

#[test]
fn refused_addresses_are_left_out_and_counted_once() {
    let mut shared = Shared::default();
    let (mut line, live) = line("discover: {file: {path: x}}", &mut shared);
    let found = [("127.0.0.1:80", "a", 1), ("10.0.0.1:80", "b", 1), ("169.254.169.254:80", "c", 1)];
    for round in 1..4 {
        line.follow(&answer(round, &found), true, Instant::now(), &mut shared);
    }
    assert_eq!(told(&live), ["b 10.0.0.1:80 1 "]);
    assert_eq!(shared.counts["c"].addresses_refused, 2);
    assert_eq!(line.refused(), ["127.0.0.1", "169.254.169.254"]);
}

#[test]
fn what_the_operator_says_holds_for_the_next_form_of_the_cluster_and_so_do_amounts() {
    let mut shared = Shared::default();
    let (_first, live) =
        line("endpoints: ['10.0.0.1:80', '10.0.0.2:80'], pool: {connections: 5}", &mut shared);
    let (_, before) = live.load();
    let lent = before.endpoints[1].connections.try_take(3).unwrap();
    shared.states.insert(("c".to_owned(), "10.0.0.1:80".to_owned()), EndpointState::Drained);
    let (mut second, live) =
        line("endpoints: ['10.0.0.1:80', '10.0.0.2:80'], pool: {connections: 2}", &mut shared);
    assert_eq!(told(&live), ["10.0.0.2:80 10.0.0.2:80 1 "]);
    let (_, after) = live.load();
    assert_eq!(after.endpoints.len(), 2, "a drained one keeps its connections");
    let amounts = &after.endpoints[0].connections;
    assert_eq!(
        (amounts.cap(), amounts.in_use(), before.endpoints[1].connections.cap()),
        (Some(2), 3, Some(2))
    );
    drop(lent);
    shared.states.insert(("c".to_owned(), "10.0.0.2:80".to_owned()), EndpointState::Disabled);
    second.publish(&mut shared);
    let (_, after) = live.load();
    assert_eq!((after.chosen().len(), after.endpoints.len()), (0, 1));
    let states: Vec<_> = second.endpoints(&shared).into_iter().map(|endpoint| endpoint.state).collect();
    assert_eq!(states, [EndpointState::Drained, EndpointState::Disabled]);
}

#[test]
fn a_generation_that_is_gone_is_forgotten() {
    let mut shared = Shared::default();
    let (mut line, live) = line("endpoints: ['10.0.0.1:80']", &mut shared);
    assert!(line.prune());
    drop(live);
    assert!(!line.prune());
}
