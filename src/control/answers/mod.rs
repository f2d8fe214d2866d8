//! Answers to what workers ask: one task, and one flight for each question however many workers ask it.

pub mod introspection;
pub mod key_sets;
mod passwords;

use std::collections::HashMap;

use tokio::task::JoinSet;

use self::key_sets::KeyDesk;
use crate::policy::post::{Letter, Post};
use crate::policy::question::{Answer, Posed, Question};
use crate::rt::say::say_at;
use crate::shared::asking::Asked;
use crate::shared::level::Level;
use introspection::IntrospectionDesk;
use passwords::PasswordDesk;

/// Flights at once. Further questions wait in the queue, and their askers for as long as they like.
const FLIGHTS_MAX: usize = 256;

/// What answering may use. A clone uses the same.
#[derive(Clone, Default)]
pub struct Means {
    /// The ways to those who keep keys.
    pub key_sets: KeyDesk,
    passwords: PasswordDesk,
    /// Who asks issuers about tokens.
    pub introspection: IntrospectionDesk,
}

impl Means {
    /// Answers a question. May take as long as it takes.
    async fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::KeySet { source, .. } => Answer::KeySet(self.key_sets.ask(source).await),
            Question::Password(question) => Answer::Password(self.passwords.answer(question).await),
            Question::Introspect(question) => Answer::Introspect(self.introspection.answer(question).await),
        }
    }
}

/// Answers until nobody can ask any more.
#[allow(
    clippy::mutable_key_type,
    reason = "a question is told from others by which input it is about, not by its value"
)]
pub async fn answer_all(mut asked: Asked<Posed>, post: Post, means: Means) {
    let mut flights: JoinSet<(Question, Answer)> = JoinSet::new();
    let mut waiting: HashMap<Question, Vec<(usize, u64)>> = HashMap::new();
    let mut under_way: HashMap<tokio::task::Id, Question> = HashMap::new();
    loop {
        tokio::select! {
            posed = asked.next(), if flights.len() < FLIGHTS_MAX => {
                let Some(Posed { worker, ticket, question }) = posed else { return };
                let askers = waiting.entry(question.clone()).or_default();
                askers.push((worker, ticket));
                if askers.len() == 1 {
                    let means = means.clone();
                    let asked = question.clone();
                    let flight = flights.spawn(async move {
                        let answer = means.answer(&asked).await;
                        (asked, answer)
                    });
                    under_way.insert(flight.id(), question);
                }
            }
            Some(landed) = flights.join_next_with_id() => match landed {
                Ok((id, (question, answer))) => {
                    under_way.remove(&id);
                    for (worker, ticket) in waiting.remove(&question).unwrap_or_default() {
                        // A worker that takes no more letters has stopped.
                        let _ = post.send(worker, Letter::Answer { ticket, answer: answer.clone() });
                    }
                }
                Err(error) => {
                    // Those who wait are told by their own time limits; whoever asks again begins anew.
                    if let Some(question) = under_way.remove(&error.id()) {
                        waiting.remove(&question);
                    }
                    say_at(Level::Error, format_args!("a question was not answered: {error}"));
                }
            },
        }
    }
}
