//! All feeds of the process, and the clusters of all generations that are fed by them.
//!
//! Keyed by what is written, so a feed outlives the generation that began it, and two clusters that ask for the same ask
//! once. Owns what must survive generations: what endpoints count as open connections, and what the operator has said
//! of them. What nobody has any more ends by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::feed::{self, Answer, Sink};
use super::line::{Line, Name, Shared};
use super::view::ClusterView;
use crate::config::secret::Environment;
use crate::control::config::Config;
use crate::control::desk::{EndpointState, Refusal};
use crate::proxy::snapshot::Snapshot;
use crate::rt::say::say;
use crate::shared::frozen::Frozen;
use crate::telemetry::registry::Registry;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::discover::DiscoverConfig;

/// Between two looks at what nobody has any more.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// How long an endpoint has to be gone before its figures are forgotten: scrapers come every minute at least.
const GONE_FOR_GOOD: Duration = Duration::from_secs(600);
/// Endpoints that the operator may have taken out at a time.
const STATES_MAX: usize = 10_000;
/// When there is nothing to wait for.
const FAR: Duration = Duration::from_secs(3600);

/// All feeds. A clone is a handle to the same ones.
#[derive(Debug, Clone)]
pub struct Feeds(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    registry: Frozen<Registry>,
    environment: Environment,
    /// By their written form.
    feeds: BTreeMap<String, Feed>,
    /// By numbers that are never used again. The newest of a cluster is the one attached last.
    lines: BTreeMap<u64, Line>,
    lines_made: u64,
    /// Of each cluster, the line attached last.
    newest: BTreeMap<String, u64>,
    shared: Shared,
    /// Endpoints that have figures and are in no line, and since when.
    gone: BTreeMap<Name, Instant>,
}

#[derive(Debug)]
struct Feed {
    config: DiscoverConfig,
    sink: Sink,
    answers: watch::Receiver<Answer>,
    task: AbortHandle,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Feeds {
    /// Without feeds. `environment` has the folder of relative paths, and secrets. Needs a tokio runtime around it.
    pub fn new(registry: Frozen<Registry>, environment: &Environment) -> Self {
        let state = State {
            registry,
            environment: environment.clone(),
            feeds: BTreeMap::new(),
            lines: BTreeMap::new(),
            lines_made: 0,
            newest: BTreeMap::new(),
            shared: Shared::default(),
            gone: BTreeMap::new(),
        };
        let feeds = Self(Arc::new(Mutex::new(state)));
        tokio::spawn(tidy(Arc::downgrade(&feeds.0)));
        feeds
    }

    /// Gives the clusters of a snapshot their endpoints, now and for as long as it lives; starts the feeds they need. Once
    /// it is compiled and before a worker has it; again when it comes into force again, because caps on connections are
    /// those of the snapshot attached last. `config` is what it was compiled from.
    pub fn attach(&self, config: &Config, snapshot: &Snapshot) {
        let mut state = self.lock();
        let state = &mut *state;
        for plan in &snapshot.clusters {
            let Some(written) = config.clusters.get(&*plan.name) else { continue };
            let number = state.line(&plan.name, written, &self.0);
            if let Some(line) = state.lines.get_mut(&number) {
                line.add(&plan.live, &mut state.shared);
            }
            state.newest.insert(plan.name.to_string(), number);
        }
    }

    /// Waits until every source has answered or failed once, but not longer than `bound`: what comes into force after that
    /// does not begin without endpoints.
    pub async fn first_answers(&self, bound: Duration) {
        let by = Instant::now() + bound;
        while self.lock().is_waiting() && Instant::now() < by {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Takes an endpoint out of use, or back, in all generations.
    ///
    /// # Errors
    /// When there is no such endpoint, or when too many are taken out already.
    pub fn set_state(&self, cluster: &str, label: &str, to: EndpointState) -> Result<(), Refusal> {
        let mut state = self.lock();
        let state = &mut *state;
        let name = (cluster.to_owned(), label.to_owned());
        let of_cluster = |line: &&Line| line.cluster == cluster;
        if !state.lines.values().any(|line| line.cluster == cluster) {
            return Err(refusal("no_such_cluster", format!("there is no cluster `{cluster}`")));
        }
        let is_known =
            state.lines.values().filter(of_cluster).any(|line| line.labels().any(|it| *it == *label));
        if !is_known && !state.shared.states.contains_key(&name) {
            return Err(refusal(
                "no_such_endpoint",
                format!("cluster `{cluster}` has no endpoint `{label}`"),
            ));
        }
        if state.shared.states.len() >= STATES_MAX && !state.shared.states.contains_key(&name) {
            return Err(refusal("busy", format!("{STATES_MAX} endpoints are taken out already")));
        }
        match to {
            EndpointState::Active => state.shared.states.remove(&name),
            _ => state.shared.states.insert(name, to),
        };
        let State { lines, shared, .. } = state;
        lines.values_mut().filter(|line| line.cluster == cluster).for_each(|line| line.publish(shared));
        Ok(())
    }

    /// Every cluster as it is now.
    pub fn view(&self) -> Vec<ClusterView> {
        let state = self.lock();
        let now = Instant::now();
        state.newest.iter().filter_map(|(name, number)| state.view(name, *number, now)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    /// The line of a cluster that is written so.
    fn line(&mut self, cluster: &str, config: &ClusterConfig, own: &Arc<Mutex<Self>>) -> u64 {
        let is_it = |line: &Line| line.cluster == cluster && line.config == *config;
        if let Some((number, _)) = self.lines.iter().find(|(_, line)| is_it(line)) {
            return *number;
        }
        let before = self.newest.get(cluster).and_then(|number| self.lines.get(number));
        let line = Line::new(cluster, config, before);
        self.lines_made += 1;
        self.lines.insert(self.lines_made, line);
        if let Some(discover) = &config.discover {
            let answers = self.feed(discover);
            tokio::spawn(follow(Arc::downgrade(own), self.lines_made, answers));
        }
        self.lines_made
    }

    fn feed(&mut self, config: &DiscoverConfig) -> watch::Receiver<Answer> {
        let feed = self.feeds.entry(written(config)).or_insert_with(|| {
            let (sink, answers) = Sink::new();
            let task = feed::start(config, &self.environment, sink.clone());
            Feed { config: config.clone(), sink, answers, task }
        });
        feed.answers.clone()
    }

    /// Ends what nobody has any more.
    fn tidy(&mut self, now: Instant) {
        self.lines.retain(|_, line| line.prune());
        let lines = &self.lines;
        self.newest.retain(|cluster, number| {
            let others = lines.iter().rev().find(|(_, line)| line.cluster == *cluster);
            if !lines.contains_key(number) {
                *number = others.map_or(0, |(number, _)| *number);
            }
            others.is_some()
        });
        let wanted =
            |feed: &Feed| lines.values().any(|line| line.config.discover.as_ref() == Some(&feed.config));
        self.feeds.retain(|_, feed| wanted(feed));
        for (name, feed) in &mut self.feeds {
            if feed.task.is_finished() {
                say(format_args!("discovery by {name} has ended and is started again"));
                feed.task = feed::start(&feed.config, &self.environment, feed.sink.clone());
            }
        }
        self.retire_series(now);
    }

    /// Forgets figures and amounts of endpoints that are gone for good.
    fn retire_series(&mut self, now: Instant) {
        let labels = |line: &Line| {
            let cluster = line.cluster.clone();
            line.labels().map(move |label| (cluster.clone(), label.into_string())).collect::<Vec<_>>()
        };
        let named: std::collections::BTreeSet<Name> = self.lines.values().flat_map(labels).collect();
        let counted = self.registry.endpoints().into_iter().filter(|(name, _)| !named.contains(name));
        let mut still = BTreeMap::new();
        for (name, shards) in counted {
            let since = self.gone.get(&name).copied().unwrap_or(now);
            let is_busy = shards.iter().any(|shard| shard.active.get() + shard.idle.get() > 0);
            if is_busy || now.saturating_duration_since(since) < GONE_FOR_GOOD {
                still.insert(name, since);
            } else {
                self.registry.retire_endpoint(&name);
            }
        }
        self.gone = still;
        let gone = &self.gone;
        let is_kept = |name: &Name| named.contains(name) || gone.contains_key(name);
        self.shared
            .ledgers
            .retain(|name, it| is_kept(name) || it.connections.in_use() > 0 || it.requests.in_use() > 0);
        let newest = &self.newest;
        self.shared.counts.retain(|cluster, _| newest.contains_key(cluster));
    }

    /// True if a line has not heard of its feed yet.
    fn is_waiting(&self) -> bool {
        let answer =
            |line: &Line| Some(self.feeds.get(&written(line.config.discover.as_ref()?))?.answers.borrow());
        self.lines.values().any(|line| answer(line).is_some_and(|answer| !line.has_heard(&answer)))
    }

    fn view(&self, name: &str, number: u64, now: Instant) -> Option<ClusterView> {
        let line = self.lines.get(&number)?;
        let discover = line.config.discover.as_ref();
        let answer = discover.and_then(|it| self.feeds.get(&written(it))).map(|feed| feed.answers.borrow());
        let age =
            answer.as_ref().and_then(|answer| answer.answered_at).map(|at| now.saturating_duration_since(at));
        Some(ClusterView {
            name: name.to_owned(),
            source: discover.map(DiscoverConfig::source),
            age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            answers: answer.as_ref().map_or(0, |answer| answer.rounds),
            failures: answer.as_ref().map_or(0, |answer| answer.failures),
            failure: answer.and_then(|answer| answer.failure.clone()),
            held_back: line.held_back(now),
            counts: self.shared.counts.get(name).copied().unwrap_or_default(),
            refused: line.refused(),
            endpoints: line.endpoints(&self.shared),
        })
    }
}

/// Carries a feed's answers to a line, for as long as there is the line.
async fn follow(state: Weak<Mutex<State>>, number: u64, mut answers: watch::Receiver<Answer>) {
    loop {
        let answer = answers.borrow_and_update().clone();
        let due = {
            let Some(state) = state.upgrade() else { return };
            let mut state = lock(&state);
            let State { lines, shared, newest, .. } = &mut *state;
            let Some(line) = lines.get_mut(&number) else { return };
            // What happens to several generations at once is told and counted once.
            let is_newest = newest.get(&line.cluster) == Some(&number);
            line.follow(&answer, is_newest, Instant::now(), shared)
        };
        let due = due.unwrap_or_else(|| Instant::now() + FAR);
        tokio::select! {
            changed = answers.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(due.into()) => {}
        }
    }
}

async fn tidy(state: Weak<Mutex<State>>) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        let Some(state) = state.upgrade() else { return };
        lock(&state).tidy(Instant::now());
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn written(config: &DiscoverConfig) -> String {
    serde_json::to_string(config).unwrap_or_default()
}

fn refusal(code: &'static str, reason: String) -> Refusal {
    Refusal { code, reason }
}

#[cfg(test)]
#[path = "feeds_tests.rs"]
mod tests;
