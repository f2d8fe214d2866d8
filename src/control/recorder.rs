//! What workers remember, asked of them and put into words.
//!
//! Owns the way to every worker's rings. Asks all workers at once, in pieces that none of them notices, and waits for
//! none longer than [`ANSWER_BOUND`]: one that is stuck is named in the answer instead.

mod view;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::control::compile_recording::pseudonyms;
use crate::control::explain::decide::Decider;
use crate::control::replay::{Head, Outcome, RecordedHead, replay};
use crate::proxy::decision::DecisionRecord;
use crate::proxy::recent::{HEAD_BYTES_MAX, HeadMeta};
use crate::proxy::recording::{Dump, HeadBatch};
use crate::proxy::snapshot::Snapshot;
use crate::route::table::Table;
use crate::shared::{Frozen, Mailbox, Published, Reply, reply};
use crate::telemetry::Registry;
use crate::worker::command::Command;

pub use view::DecisionView;

/// How long a worker may take to answer. It looks every 20 ms.
pub const ANSWER_BOUND: Duration = Duration::from_secs(1);
/// Questions under way at a time; further ones wait for their turn.
const ASKING_MAX: usize = 4;
/// Commands that may wait for a worker which is to be asked. More of them show that it is stuck.
const WAITING_MAX: usize = 8;
/// Records that a worker copies at a time: 64 KiB.
const RECORDS_AT_ONCE: usize = 256;
/// Heads that a worker copies at a time.
const HEADS_AT_ONCE: usize = 64;
/// Room for the mismatches of a worker: the latest, and all of them unless they are long.
const MISMATCH_BYTES: usize = 256 * 1024;
/// Decisions told unless somebody wants more.
const DECISIONS_TOLD: usize = 100;
/// Most decisions told at once.
const DECISIONS_TOLD_MAX: usize = 1_000;

/// Which decisions are wanted. What is absent does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionFilter {
    /// At most this many, the latest: 100 unless told, 1000 at most.
    pub limit: Option<usize>,
    /// Of this route; empty for those that no route took.
    pub route: Option<String>,
    /// To this cluster.
    pub cluster: Option<String>,
    /// To this endpoint.
    pub endpoint: Option<String>,
    /// With this code of the gateway.
    pub code: Option<String>,
    /// Answered by this policy.
    pub policy: Option<String>,
    /// With this status, or of this class: `404`, `5xx`.
    pub status: Option<String>,
    /// That took at least so long.
    pub slower_than_ms: Option<f64>,
    /// Of this generation.
    pub generation: Option<u64>,
}

/// What was found, and who did not say.
#[derive(Debug, Clone, Default)]
pub struct Gathered<T> {
    /// What was found.
    pub found: T,
    /// Workers that did not answer in time.
    pub silent: BTreeSet<usize>,
}

/// Asks the workers. A clone asks the same ones.
#[derive(Clone)]
pub struct Recorder {
    mailboxes: Vec<Mailbox<Command>>,
    registry: Frozen<Registry>,
    in_force: Published<Snapshot>,
    /// So that many people who ask do not keep workers busy with answers.
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Recorder").field("workers", &self.mailboxes.len()).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Asks by these mailboxes, which are in the order of the workers. What is `in_force` says what is hidden.
    pub fn new(
        mailboxes: Vec<Mailbox<Command>>,
        registry: Frozen<Registry>,
        in_force: Published<Snapshot>,
    ) -> Self {
        Self { mailboxes, registry, in_force, turns: Arc::new(Semaphore::new(ASKING_MAX)) }
    }

    /// Has nobody to ask.
    #[cfg(test)]
    pub fn of_nobody() -> Self {
        let yaml =
            "{listeners: [{name: a, address: 127.0.0.1:0}], routes: [{name: a, respond: {status: 200}}]}";
        let environment = crate::config::secret::Environment::default();
        let loaded = crate::control::check::load_and_compile_text("test", yaml, &environment, 1);
        let Ok((_, snapshot)) = loaded else { panic!("it is in order") };
        Self::new(Vec::new(), Frozen::new(Registry::new(1)), Published::new(Frozen::new(snapshot)))
    }

    async fn ask<T: Send>(&self, worker: usize, dump: impl FnOnce(Reply<T>) -> Dump) -> Option<T> {
        let (reply, answered) = reply();
        // Where so much waits, the worker is stuck, and what it is asked must not stand in the way of orders.
        self.mailboxes[worker].offer(Command::Dump(dump(reply)), WAITING_MAX).ok()?;
        tokio::time::timeout(ANSWER_BOUND, answered).await.ok().flatten()
    }

    /// Asks every worker at once, and adds up what they say.
    async fn gather<T, F>(&self, one: impl Fn(usize) -> F) -> Gathered<Vec<T>>
    where
        F: Future<Output = Option<Vec<T>>>,
    {
        // Nobody closes it; should somebody, everybody may ask at once.
        let _turn = self.turns.acquire().await;
        let answers = join_all((0..self.mailboxes.len()).map(one)).await;
        let mut all = Gathered { found: Vec::new(), silent: BTreeSet::new() };
        for (worker, answer) in answers.into_iter().enumerate() {
            match answer {
                Some(found) => all.found.extend(found),
                None => drop(all.silent.insert(worker)),
            }
        }
        all
    }

    /// What was decided about a request, if a worker still knows.
    pub async fn decision(&self, id: &str) -> Gathered<Option<DecisionView>> {
        let Gathered { found, silent } = self.gather(|worker| self.decision_of(worker, id)).await;
        let latest = found.into_iter().max_by_key(|(_, record)| record.began_ms);
        let mut found = latest.map(|(worker, record)| self.view(worker, &record));
        if let Some(view) = &mut found {
            // A long one is kept in part.
            id.clone_into(&mut view.request_id);
        }
        Gathered { found, silent }
    }

    async fn decision_of(&self, worker: usize, id: &str) -> Option<Vec<(usize, DecisionRecord)>> {
        let id: Box<[u8]> = id.as_bytes().into();
        let record = self.ask(worker, |reply| Dump::Decision { id, reply }).await?;
        Some(record.map(|record| (worker, record)).into_iter().collect())
    }

    /// The latest decisions that match, the latest first.
    pub async fn recent_decisions(&self, filter: &DecisionFilter) -> Gathered<Vec<DecisionView>> {
        let limit = filter.limit.unwrap_or(DECISIONS_TOLD).min(DECISIONS_TOLD_MAX);
        let mut all = self.gather(|worker| self.decisions_of(worker, filter, limit)).await;
        all.found.sort_by_key(|view| std::cmp::Reverse((view.unix_ms, view.worker)));
        all.found.truncate(limit);
        all
    }

    async fn decisions_of(
        &self,
        worker: usize,
        filter: &DecisionFilter,
        limit: usize,
    ) -> Option<Vec<DecisionView>> {
        let (mut found, mut before) = (Vec::new(), u64::MAX);
        while found.len() < limit {
            let room: Vec<DecisionRecord> = Vec::with_capacity(RECORDS_AT_ONCE);
            let page = self.ask(worker, |reply| Dump::Decisions { before, room, reply }).await?;
            let views = page.iter().map(|record| self.view(worker, record));
            found.extend(views.filter(|view| filter.admits(view)));
            match page.last() {
                Some(oldest) if page.len() >= RECORDS_AT_ONCE => before = oldest.number,
                _ => break,
            }
        }
        Some(found)
    }

    fn view(&self, worker: usize, record: &DecisionRecord) -> DecisionView {
        let (_, snapshot) = self.in_force.load();
        DecisionView::of(record, worker, |id| self.registry.name(id), &snapshot.recording.redaction)
    }

    /// The heads of recent requests, with the addresses they came from: not to leave the process.
    pub async fn heads(&self) -> Gathered<Vec<RecordedHead>> {
        self.gather(|worker| self.heads_of(worker)).await
    }

    async fn heads_of(&self, worker: usize) -> Option<Vec<RecordedHead>> {
        let (mut heads, mut from) = (Vec::new(), 0);
        loop {
            let room = HeadBatch {
                metas: Vec::with_capacity(HEADS_AT_ONCE),
                text: Vec::with_capacity(HEADS_AT_ONCE * 1024 + HEAD_BYTES_MAX),
                next: None,
            };
            let batch = self.ask(worker, |reply| Dump::Heads { from, room, reply }).await?;
            let mut text = &batch.text[..];
            for meta in &batch.metas {
                let (own, rest) = text.split_at(meta.text_bytes);
                heads.extend(self.head(worker, meta, own));
                text = rest;
            }
            match batch.next {
                Some(next) => from = next,
                None => return Some(heads),
            }
        }
    }

    fn head(&self, worker: usize, meta: &HeadMeta, text: &[u8]) -> Option<RecordedHead> {
        let object = [b"{", text, b"}"].concat();
        // Workers write nothing but JSON; should one be wrong, it is not worth failing for.
        let head: Head = serde_json::from_slice(&object).ok()?;
        let name = |id| Some(self.registry.name(id)).filter(|name| !name.is_empty());
        let refused = meta.fault.filter(|_| meta.cluster.is_none());
        Some(RecordedHead {
            unix_ms: meta.unix_ms,
            worker,
            generation: meta.generation,
            listener: self.registry.name(meta.listener),
            scheme: if meta.is_secure { "https" } else { "http" }.to_owned(),
            peer: meta.peer,
            head,
            met: Outcome {
                route: name(meta.route),
                status: refused.map(|fault| fault.status()),
                code: refused.map(|fault| fault.code().to_owned()),
                policy: meta.policy.map(str::to_owned),
                cluster: name(meta.cluster),
                ..Outcome::default()
            },
            now: None,
        })
    }

    /// For `GET /shadows/mismatches`: the latest first.
    pub async fn mismatches_json(&self) -> Value {
        let mut all = self.gather(|worker| self.mismatches_of(worker)).await;
        all.found.sort_by_key(|one| std::cmp::Reverse(one["unix_ms"].as_u64()));
        json!({ "mismatches": all.found, "silent_workers": all.silent })
    }

    async fn mismatches_of(&self, worker: usize) -> Option<Vec<Value>> {
        let room: Vec<u8> = Vec::with_capacity(MISMATCH_BYTES);
        let lines = self.ask(worker, |reply| Dump::Mismatches { room, reply }).await?;
        // Workers write nothing but JSON.
        Some(
            lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect(),
        )
    }

    /// What recent requests would meet otherwise, a line for every kind of change. Routers that are there already need
    /// not be built again.
    pub async fn replay(&self, old: Candidate, new: Candidate) -> Vec<String> {
        let heads = self.heads().await.found;
        if heads.is_empty() {
            return Vec::new();
        }
        let work = move || Some(replay(&decider(&old)?, &decider(&new)?, &heads).lines());
        tokio::task::spawn_blocking(work).await.ok().flatten().unwrap_or_default()
    }

    /// For `GET /decisions/{id}`. None if no worker knows of it.
    pub async fn decision_json(&self, id: &str) -> Option<Value> {
        let Gathered { found, silent } = self.decision(id).await;
        found.map(|view| json!({ "decision": view, "silent_workers": silent }))
    }

    /// For `GET /recent/decisions`.
    pub async fn decisions_json(&self, filter: &DecisionFilter) -> Value {
        let Gathered { found, silent } = self.recent_decisions(filter).await;
        json!({ "decisions": found, "silent_workers": silent })
    }

    /// For `GET /recent/heads`: heads as they may leave the process, with what they would meet in the generation in force.
    pub async fn heads_json(&self) -> Value {
        let Gathered { found, silent } = self.heads().await;
        let (_, snapshot) = self.in_force.load();
        let told = tokio::task::spawn_blocking(move || tell(found, &snapshot)).await;
        let told = told.unwrap_or_else(|error| json!({ "error": error.to_string() }));
        json!({ "recent": told, "silent_workers": silent })
    }
}

/// A snapshot, and its routers if there are any yet.
pub type Candidate = (Frozen<Snapshot>, Option<Frozen<Vec<Table>>>);

/// None where no routers can be built, which a checked configuration does not have.
fn decider((snapshot, tables): &Candidate) -> Option<Decider<'_>> {
    match tables {
        Some(tables) => Some(Decider::with(snapshot, tables.clone())),
        None => Decider::new(snapshot).ok(),
    }
}

fn tell(heads: Vec<RecordedHead>, snapshot: &Snapshot) -> Value {
    let Ok(decider) = Decider::new(snapshot) else { return Value::Null };
    let pseudonyms = pseudonyms();
    let leaving = heads.into_iter().map(|mut head| {
        let now = head.outcome(&decider);
        // What a head alone does not decide is not told as if it did.
        let is_decidable = head.generation != snapshot.generation || now.is_like(&head.met);
        head.now = is_decidable.then_some(now);
        head.leaving(&snapshot.trusted_proxies, &pseudonyms)
    });
    let heads: Vec<RecordedHead> = leaving.collect();
    json!({ "generation": snapshot.generation, "hash": &*snapshot.hash, "heads": heads })
}

impl DecisionFilter {
    /// Whether it means anything.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.limit.is_some_and(|limit| limit > DECISIONS_TOLD_MAX) {
            return Err(format!("limit: at most {DECISIONS_TOLD_MAX}."));
        }
        let is_status = |text: &String| match text.as_bytes() {
            [b'1'..=b'5', rest @ ..] => {
                rest == b"xx" || rest.len() == 2 && rest.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        };
        match &self.status {
            Some(status) if !is_status(status) => {
                Err("status: write one as `404`, or a class as `5xx`.".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn admits(&self, view: &DecisionView) -> bool {
        let is = |wanted: &Option<String>, had: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| had.as_deref().unwrap_or("") == wanted)
        };
        let has_status = |wanted: &String| match wanted.strip_suffix("xx") {
            Some(class) => view.status.is_some_and(|status| (status / 100).to_string() == class),
            None => view.status.is_some_and(|status| status.to_string() == *wanted),
        };
        is(&self.route, &view.route)
            && is(&self.cluster, &view.cluster)
            && is(&self.endpoint, &view.endpoint)
            && is(&self.code, &view.code)
            && is(&self.policy, &view.policy)
            && self.status.as_ref().is_none_or(has_status)
            && self.slower_than_ms.is_none_or(|bound| view.duration_ms >= bound)
            && self.generation.is_none_or(|wanted| view.generation == wanted)
    }
}

#[cfg(test)]
#[path = "recorder/tests.rs"]
mod tests;
