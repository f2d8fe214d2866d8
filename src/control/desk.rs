//! What may be asked of a running gateway from outside: by the operator's listener, by signals, by a watched file.
//!
//! Everything that changes something goes through one queue to one task ([`super::steward`]), so that changes come one
//! after another. A [`Desk`] is the way in; what it answers can be shown as JSON. It decides nothing.

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::config::diagnostic::Diagnostics;

/// Orders that wait. More than a few mean that somebody calls in a loop.
const WAITING_MAX: usize = 16;

/// Who wants a change, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The name of a token, of a certificate's subject, or what noticed by itself: `file`, `signal`.
    pub author: String,
    /// What the author says about it.
    pub note: String,
    /// Without the steps of a rollout.
    pub is_now: bool,
}

impl Change {
    /// Whether nobody has asked for it: a file or another source was seen to change.
    pub fn is_by_itself(&self) -> bool {
        matches!(self.author.as_str(), "file" | "source")
    }
}

/// What may be ordered, and where the answer goes. An answer that nobody waits for is dropped.
pub enum Order {
    /// Reads the source again and brings what it says into force.
    Reload(Change, Answer<Reloaded>),
    /// The same, but for bringing it into force. With a text, that is read instead of the source.
    DryRun(Option<String>, Answer<Reloaded>),
    /// Back to a former generation, or to the one before.
    Rollback(Option<u64>, Change, Answer<Reloaded>),
    /// Steers a rollout that is under way.
    Rollout(RolloutOrder, Change, Answer<String>),
    /// Takes an endpoint out of use, or back. Holds across generations until it is taken back.
    Endpoint(EndpointOrder, Change, Answer<String>),
    /// Finishes what is in flight and ends the process.
    Drain(Change, Answer<String>),
}

/// Where an answer goes. The error is a sentence for the operator, with what to do next.
pub type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// Why an order is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Short and stable: `no_such_generation`, `no_rollout`, `no_such_endpoint`, `busy`, `draining`.
    pub code: &'static str,
    /// A sentence.
    pub reason: String,
}

/// How a rollout that is under way goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutOrder {
    /// On to all workers, without further steps.
    Promote,
    /// Back to the generation before.
    Abort,
    /// Stays at its step until it is promoted, resumed or aborted.
    Pause,
    /// Goes on after a pause.
    Resume,
}

/// Whether an endpoint is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointOrder {
    /// The cluster's name.
    pub cluster: String,
    /// The endpoint as it is written, or as its registry names it.
    pub endpoint: String,
    /// What becomes of it.
    pub state: EndpointState,
}

/// Whether an endpoint is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// It gets its share.
    #[default]
    Active,
    /// No new exchanges; those under way end by themselves.
    Drained,
    /// No new exchanges, and its idle connections are closed at once.
    Disabled,
}

/// What became of a configuration that was read.
#[derive(Debug, Clone, Serialize)]
pub struct Reloaded {
    /// What became of it.
    pub outcome: Outcome,
    /// The generation in force, or on its way.
    pub generation: u64,
    /// Its content hash.
    pub hash: String,
    /// What is different from the one before, in the words of the configuration.
    pub changes: Vec<String>,
    /// Errors, where it was refused, and warnings.
    #[serde(flatten)]
    pub diagnostics: Diagnostics,
    /// The same as people read it.
    pub report: String,
    /// What recent requests would meet otherwise. Empty where nothing is recorded.
    pub replay: Vec<String>,
    /// From reading to the last worker that runs it, in milliseconds.
    pub took_ms: f64,
}

impl Reloaded {
    /// In a line, for logs: `installed: generation 4 3245137c78d3`.
    pub fn outcome_text(&self) -> String {
        let outcome = serde_json::to_value(self.outcome).unwrap_or_default();
        format!("{}: generation {} {}", outcome.as_str().unwrap_or("done"), self.generation, self.hash)
    }
}

/// What became of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It says what is in force already.
    Unchanged,
    /// All workers run it.
    Installed,
    /// Some workers run it, and are watched.
    RollingOut,
    /// It would be taken.
    Valid,
    /// It is wrong; nothing has changed.
    Refused,
}

/// The way in. A clone is a handle to the same queue.
#[derive(Debug, Clone)]
pub struct Desk(mpsc::Sender<Order>);

impl Desk {
    /// A queue, and its other end.
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Hands an order in and waits for its answer: `desk.ask(|answer| Order::Drain(change, answer)).await`.
    ///
    /// # Errors
    /// When it is refused, when too much waits already, or when the gateway ends.
    pub async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(order(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Refusal { code: "busy", reason: "too many orders wait already; try again".to_owned() }
            }
            mpsc::error::TrySendError::Closed(_) => ending(),
        })?;
        answered.await.unwrap_or_else(|_| Err(ending()))
    }
}

fn ending() -> Refusal {
    Refusal { code: "draining", reason: "the gateway is about to end".to_owned() }
}
