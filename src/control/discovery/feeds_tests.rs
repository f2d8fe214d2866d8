//! Feeds: what outlives generations, and what ends when nobody has it any more.

use super::*;
use crate::control::check::load_and_compile_text;

fn feeds() -> (Feeds, Frozen<Registry>) {
    let registry = Frozen::new(Registry::new(1));
    (Feeds::new(registry.clone(), &Environment::default()), registry)
}

fn generation(cluster: &str) -> (Config, Snapshot) {
    let text = format!(
        "listeners: [{{name: a, address: '127.0.0.1:0'}}]\nclusters: {{c: {{{cluster}}}}}\n\
         routes: [{{name: r, match: {{prefix: /}}, cluster: c}}]\n"
    );
    let compiled = load_and_compile_text("t.yaml", &text, &Environment::default(), 1);
    let (loaded, snapshot) = compiled.unwrap_or_else(|faults| panic!("{faults}"));
    (loaded.config, snapshot)
}

fn counted(registry: &Registry) -> Vec<String> {
    registry.endpoints().into_iter().map(|((_, endpoint), _)| endpoint).collect()
}

/// How many feeds and lines there are.
fn kept(feeds: &Feeds) -> (usize, usize) {
    let state = feeds.lock();
    (state.feeds.len(), state.lines.len())
}

#[tokio::test]
async fn figures_of_endpoints_that_are_gone_for_good_are_forgotten() {
    let (feeds, registry) = feeds();
    let (config, old) = generation("endpoints: ['10.0.0.1:80']");
    feeds.attach(&config, &old);
    registry.endpoint("c", "10.0.0.1:80", 0).idle.add(1);
    let (config, new) = generation("endpoints: ['10.0.0.2:80']");
    feeds.attach(&config, &new);
    registry.endpoint("c", "10.0.0.2:80", 0);
    let now = Instant::now();
    let (soon, late) = (now + Duration::from_secs(100), now + GONE_FOR_GOOD * 2);
    feeds.lock().tidy(late);
    assert_eq!(counted(&registry).len(), 2, "the old generation is alive");
    drop(old);
    feeds.lock().tidy(now);
    feeds.lock().tidy(late);
    assert_eq!(counted(&registry).len(), 2, "a connection is open");
    registry.endpoint("c", "10.0.0.1:80", 0).idle.sub(1);
    feeds.lock().tidy(soon);
    assert_eq!(counted(&registry).len(), 2, "it may come back");
    feeds.lock().tidy(late);
    assert_eq!(counted(&registry), ["10.0.0.2:80"]);
    assert_eq!(feeds.lock().shared.ledgers.len(), 1);
}

#[tokio::test]
async fn what_is_written_alike_is_asked_for_once_and_ends_with_the_last_who_wants_it() {
    let (feeds, _) = feeds();
    let form = "discover: {file: {path: no-such-file}}";
    let (config, first) = generation(form);
    feeds.attach(&config, &first);
    let (config, second) = generation(&format!("{form}, balance: random"));
    feeds.attach(&config, &second);
    assert_eq!(kept(&feeds), (1, 2));
    feeds.first_answers(Duration::from_secs(5)).await;
    let view = &feeds.view()[0];
    assert!(view.failure.as_deref().is_some_and(|failure| failure.contains("cannot be read")), "{view:?}");
    drop(second);
    feeds.lock().tidy(Instant::now());
    assert_eq!(kept(&feeds), (1, 1));
    assert_eq!(feeds.view().len(), 1, "the first is the newest again");
    drop(first);
    feeds.lock().tidy(Instant::now());
    assert_eq!(kept(&feeds), (0, 0));
    assert!(feeds.view().is_empty());
}

#[tokio::test]
async fn a_feed_that_ends_is_started_again() {
    let (feeds, _) = feeds();
    let (config, snapshot) = generation("discover: {file: {path: no-such-file, look_every: 10ms}}");
    feeds.attach(&config, &snapshot);
    feeds.lock().feeds.values().for_each(|feed| feed.task.abort());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let failures = feeds.view()[0].failures;
    feeds.lock().tidy(Instant::now());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(feeds.view()[0].failures > failures);
}

#[tokio::test]
async fn the_same_generation_may_come_into_force_again() {
    let (feeds, _) = feeds();
    let (narrow, first) = generation("endpoints: ['10.0.0.1:80'], pool: {connections: 1}");
    let (wide, second) = generation("endpoints: ['10.0.0.1:80'], pool: {connections: 9}");
    let cap = |snapshot: &Snapshot| snapshot.clusters[0].live.load().1.endpoints[0].connections.cap();
    feeds.attach(&narrow, &first);
    feeds.attach(&wide, &second);
    assert_eq!((cap(&first), cap(&second)), (Some(9), Some(9)));
    feeds.attach(&narrow, &first);
    assert_eq!((cap(&first), cap(&second)), (Some(1), Some(1)));
}
