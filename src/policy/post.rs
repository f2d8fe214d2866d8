//! Letters to a worker: from control, and from other workers.
//!
//! Whoever sends never waits: a full mailbox gives the letter back. The worker is woken at once.

use std::io;

use crate::policy::question::Answer;
use crate::policy::rate::fleet::Heard;
use crate::policy::rate::message::RateMessage;
use crate::shared::Mailbox;

/// Letters that wait for a worker.
const MAILBOX_CAPACITY: usize = 4096;

/// What may be sent to a worker.
#[derive(Debug)]
pub enum Letter {
    /// Control answers a question.
    Answer {
        /// Which one.
        ticket: u64,
        /// The answer.
        answer: Answer,
    },
    /// Control tells what other hosts have spent.
    Fleet(Heard),
    /// Another worker writes about limits.
    Rates {
        /// Which one.
        from: usize,
        /// What it says.
        messages: Vec<RateMessage>,
    },
}

/// The mailboxes of all workers. A clone sends to the same.
#[derive(Debug, Clone, Default)]
pub struct Post(Vec<Mailbox<Letter>>);

impl Post {
    /// A mailbox for each of `workers`.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(workers: usize) -> io::Result<Self> {
        (0..workers).map(|_| Mailbox::new(MAILBOX_CAPACITY)).collect::<io::Result<_>>().map(Self)
    }

    /// Sends.
    ///
    /// # Errors
    /// Gives the letter back when the mailbox is full or closed, or there is no such worker.
    pub fn send(&self, worker: usize, letter: Letter) -> Result<(), Letter> {
        match self.0.get(worker) {
            Some(mailbox) => mailbox.send(letter),
            None => Err(letter),
        }
    }

    /// The mailbox of a worker, for itself. None where nobody runs.
    pub fn mailbox(&self, worker: usize) -> Option<&Mailbox<Letter>> {
        self.0.get(worker)
    }
}
