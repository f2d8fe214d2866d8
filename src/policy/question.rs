//! What a worker asks of control, and the wait for the answer.
//!
//! For what is slow, blocks, or must happen once for the whole process: fetching keys, asking another server, checking a
//! password. Control merges equal questions. Questions may hold credentials, so they are never printed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::policy::auth::basic::{PasswordQuestion, Verified};
use crate::policy::auth::introspection::question::{IntrospectQuestion, Introspected};
use crate::shared::asking::Asker;

/// Questions of one worker that wait for their answers. Beyond, there is none.
const PENDING_MAX: usize = 4096;

/// What a worker may ask.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// For keys of a source that are newer than those at hand, which have none of this name.
    KeySet {
        /// The source, as control knows it.
        source: Box<str>,
        /// The key's name.
        kid: Box<str>,
    },
    /// Whether a password is right.
    Password(PasswordQuestion),
    /// Who shows a token.
    Introspect(IntrospectQuestion),
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeySet { source, .. } => write!(f, "KeySet({source})"),
            Self::Password(_) => f.write_str("Password"),
            Self::Introspect(question) => write!(f, "Introspect({})", question.server.name),
        }
    }
}

/// What control may answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Whether keys were fetched.
    KeySet(bool),
    /// Whether it is right.
    Password(Verified),
    /// Who shows it.
    Introspect(Introspected),
}

/// A question on its way.
#[derive(Debug)]
pub struct Posed {
    /// Who asks.
    pub worker: usize,
    /// Its number there.
    pub ticket: u64,
    /// The question.
    pub question: Question,
}

/// The questions of one worker.
pub struct Questions {
    worker: usize,
    asker: Option<Asker<Posed>>,
    next: Cell<u64>,
    pending: RefCell<HashMap<u64, Rc<Place>, FixedState>>,
}

#[derive(Default)]
struct Place {
    answer: RefCell<Option<Answer>>,
    waker: RefCell<Option<Waker>>,
}

/// Takes the place away, whether the answer has come or not.
struct Waiting<'a>(&'a Questions, u64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.pending.borrow_mut().remove(&self.1);
    }
}

impl Questions {
    /// Of worker `worker`. Without an `asker` nothing is ever answered.
    pub fn new(worker: usize, asker: Option<Asker<Posed>>) -> Rc<Self> {
        Rc::new(Self { worker, asker, next: Cell::new(0), pending: RefCell::default() })
    }

    /// Asks, and waits for the answer for at most `within`. None if it does not come, or too many wait.
    /// Boxed, because it is rare and large.
    pub fn ask<'a>(
        &'a self,
        question: Question,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + 'a>> {
        Box::pin(self.pose(question, within))
    }

    async fn pose(&self, question: Question, within: Duration) -> Option<Answer> {
        let asker = self.asker.as_ref()?;
        if self.pending.borrow().len() >= PENDING_MAX {
            return None;
        }
        let ticket = self.next.get();
        self.next.set(ticket + 1);
        let place = Rc::new(Place::default());
        self.pending.borrow_mut().insert(ticket, place.clone());
        let _waiting = Waiting(self, ticket);
        asker.ask(Posed { worker: self.worker, ticket, question }).ok()?;
        let answer = poll_fn(|context| {
            if let Some(answer) = place.answer.take() {
                return Poll::Ready(answer);
            }
            place.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        monoio::time::timeout(within, answer).await.ok()
    }

    /// An answer has come.
    pub fn take(&self, ticket: u64, answer: Answer) {
        // Whoever has asked may have gone.
        let Some(place) = self.pending.borrow().get(&ticket).cloned() else { return };
        place.answer.replace(Some(answer));
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
    }
}
