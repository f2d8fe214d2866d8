//! Asks issuers about tokens (RFC 7662), once for the whole process, and remembers what they say.
//!
//! Each server, as it is written, has one client, one breaker and one memory; they outlive generations. What goes wrong is
//! told once, when it begins and when it ends, never with a token or what a server wrote: it might repeat one.

mod asked;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::policy::auth::introspection::breaker::Breaker;
use crate::policy::auth::introspection::config::OnFailure;
use crate::policy::auth::introspection::facts::{Refused, judge};
use crate::policy::auth::introspection::question::{IntrospectQuestion, Introspected, ServerPlan};
use crate::policy::auth::memory::{Digest, Memory, Pepper};
use crate::policy::principal::Principal;
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Counter, Frozen};
use asked::Client;

/// Questions to one server at once. What is beyond is told that it is unavailable.
const FLIGHTS_MAX: usize = 64;
/// Servers that are remembered; those of former generations leave first.
const SERVERS_MAX: usize = 32;
/// How long a worker remembers an answer that goes on only because the server is away.
const STALE_STEP_MS: u64 = 1_000;

/// All servers. A clone is a handle to the same.
#[derive(Clone)]
pub struct IntrospectionDesk(Arc<Inner>);

struct Inner {
    servers: Mutex<HashMap<[u8; 32], Arc<Server>>>,
    pepper: Pepper,
}

/// What became of questions, by authenticator.
#[derive(Debug, Default)]
pub struct Figures {
    /// The server said who it is.
    pub known: Counter,
    /// The server said that it is nobody, or for somebody else.
    pub refused: Counter,
    /// It did not answer, or not as it should.
    pub failed: Counter,
    /// Nobody was asked: it was remembered.
    pub remembered: Counter,
    /// Nobody was asked: an answer went on because the server is away.
    pub stale: Counter,
    /// Nobody was asked: the breaker is open, or too many were asking.
    pub held_back: Counter,
}

struct Server {
    plan: Frozen<ServerPlan>,
    client: Result<Client, String>,
    state: Mutex<State>,
    figures: Frozen<Figures>,
}

struct State {
    breaker: Breaker,
    memory: Memory<Remembered>,
    flights: usize,
    is_failing: bool,
    used_ms: u64,
}

struct Remembered {
    answer: Result<Frozen<Principal>, Refused>,
    fresh_until_ms: u64,
}

/// One place among the flights.
struct Flight<'a>(&'a Server);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.lock().flights -= 1;
    }
}

impl Default for IntrospectionDesk {
    fn default() -> Self {
        Self(Arc::new(Inner { servers: Mutex::default(), pepper: Pepper::random() }))
    }
}

impl IntrospectionDesk {
    /// Finds out who shows the token.
    pub async fn answer(&self, question: &IntrospectQuestion) -> Introspected {
        let server = self.server(&question.server);
        let digest = self.0.pepper.digest(&[question.token.expose().as_bytes()]);
        server.answer(digest, question.token.expose()).await
    }

    fn server(&self, plan: &Frozen<ServerPlan>) -> Arc<Server> {
        let mut servers = self.0.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = clock::coarse_ms();
        if let Some(server) = servers.get(&plan.id) {
            server.lock().used_ms = now_ms;
            return server.clone();
        }
        if servers.len() >= SERVERS_MAX {
            let oldest = servers.iter().min_by_key(|(_, server)| server.lock().used_ms);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                servers.remove(&id);
            }
        }
        // Counters go on when an authenticator is written otherwise.
        let same = servers.values().find(|server| server.plan.name == plan.name);
        let figures = same.map_or_else(|| Frozen::new(Figures::default()), |server| server.figures.clone());
        let server = Arc::new(Server::new(plan.clone(), figures, now_ms));
        servers.insert(plan.id, server.clone());
        server
    }

    /// Calls `with` for each authenticator that has asked: its name, its figures, and whether nobody but a probe asks.
    pub fn for_each(&self, mut with: impl FnMut(&str, &Figures, bool)) {
        let servers = self.0.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut latest: HashMap<&str, (&Arc<Server>, u64)> = HashMap::new();
        for server in servers.values() {
            let used_ms = server.lock().used_ms;
            let place = latest.entry(&*server.plan.name).or_insert((server, used_ms));
            if used_ms > place.1 {
                *place = (server, used_ms);
            }
        }
        let mut latest: Vec<_> = latest.into_iter().collect();
        latest.sort_unstable_by_key(|(name, _)| *name);
        for (name, (server, _)) in latest {
            let is_open = server.lock().breaker.is_open();
            with(name, &server.figures, is_open);
        }
    }
}

impl Server {
    fn new(plan: Frozen<ServerPlan>, figures: Frozen<Figures>, now_ms: u64) -> Self {
        let client = Client::new(&plan);
        let (failures, open_ms) = plan.breaker;
        let state = State {
            breaker: Breaker::new(failures, open_ms),
            memory: Memory::new(plan.cache_entries),
            flights: 0,
            is_failing: false,
            used_ms: now_ms,
        };
        Self { plan, client, state: Mutex::new(state), figures }
    }

    async fn answer(&self, digest: Digest, token: &str) -> Introspected {
        let now_ms = clock::coarse_ms();
        let flight = {
            let mut state = self.lock();
            if let Some(known) = state.memory.get(&digest, now_ms).filter(|it| now_ms < it.fresh_until_ms) {
                self.figures.remembered.add(1);
                return known.told(known.fresh_until_ms - now_ms);
            }
            if state.flights >= FLIGHTS_MAX || !state.breaker.admits(now_ms) {
                self.figures.held_back.add(1);
                return self.without_answer(&state, &digest, now_ms);
            }
            state.flights += 1;
            Flight(self)
        };
        let said = match &self.client {
            Ok(client) => client.ask(&self.plan, token).await,
            Err(reason) => Err(reason.clone()),
        };
        drop(flight);
        let now_ms = clock::coarse_ms();
        let judged = said.and_then(|said| {
            let judged = judge(&self.plan.name, &self.plan.rules, said, clock::wall_seconds());
            if judged == Err(Refused::Malformed) {
                return Err("the answer is not as RFC 7662 has it".to_owned());
            }
            Ok(judged)
        });
        match judged {
            Ok(judged) => self.remember(digest, judged.map(Frozen::new), now_ms),
            Err(reason) => self.fail(&digest, &reason, now_ms),
        }
    }

    fn remember(
        &self,
        digest: Digest,
        answer: Result<Frozen<Principal>, Refused>,
        now_ms: u64,
    ) -> Introspected {
        let counter = if answer.is_ok() { &self.figures.known } else { &self.figures.refused };
        counter.add(1);
        let plan = &self.plan;
        let end_ms = answer.as_ref().ok().and_then(|principal| principal.expires_s).map(|expires_s| {
            let end_ms = expires_s.saturating_add(plan.rules.leeway_s).saturating_mul(1000);
            now_ms.saturating_add(end_ms.saturating_sub(clock::wall_ms()))
        });
        let end_ms = end_ms.unwrap_or(u64::MAX);
        let fresh_ms = if answer.is_ok() { plan.cache_max_ms } else { plan.cache_negative_ms };
        let fresh_until_ms = now_ms.saturating_add(fresh_ms).min(end_ms);
        let goes_on = answer.is_ok() && plan.on_failure == OnFailure::Stale;
        let stale_ms = if goes_on { plan.stale_max_ms } else { 0 };
        let until_ms = fresh_until_ms.saturating_add(stale_ms).min(end_ms);
        let remembered = Remembered { answer, fresh_until_ms };
        let told = remembered.told(fresh_until_ms - now_ms.min(fresh_until_ms));
        let mut state = self.lock();
        state.breaker.succeeded();
        state.memory.put(digest, remembered, until_ms);
        if std::mem::take(&mut state.is_failing) {
            say_at(Level::Info, format_args!("introspection of `{}` works again", plan.name));
        }
        told
    }

    fn fail(&self, digest: &Digest, reason: &str, now_ms: u64) -> Introspected {
        self.figures.failed.add(1);
        let mut state = self.lock();
        let opens = state.breaker.failed(now_ms);
        if !std::mem::replace(&mut state.is_failing, true) {
            say_at(Level::Error, format_args!("introspection of `{}`: {reason}", self.plan.name));
        } else if opens {
            let rest = Duration::from_millis(self.plan.breaker.1);
            let name = &self.plan.name;
            say_at(Level::Warn, format_args!("introspection of `{name}`: {reason}; not asked for {rest:?}"));
        }
        self.without_answer(&state, digest, now_ms)
    }

    /// What is told while the server is away.
    fn without_answer(&self, state: &State, digest: &Digest, now_ms: u64) -> Introspected {
        match state.memory.get(digest, now_ms) {
            Some(known) if known.answer.is_ok() => {
                self.figures.stale.add(1);
                known.told(STALE_STEP_MS)
            }
            _ => Introspected::Unavailable,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn told(&self, for_ms: u64) -> Introspected {
        match &self.answer {
            Ok(principal) => Introspected::Known(principal.clone(), for_ms),
            Err(refused) => Introspected::Refused(*refused, for_ms),
        }
    }
}

#[cfg(test)]
mod tests;
