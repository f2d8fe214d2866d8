//! What workers ask of control: a bounded queue from all of them to one task.
//!
//! A worker never waits to ask: a full queue gives the question back. Answers come by another way.

use tokio::sync::mpsc;

/// The workers' end. A clone asks the same.
#[derive(Debug)]
pub struct Asker<T: Send>(mpsc::Sender<T>);

/// Control's end.
#[derive(Debug)]
pub struct Asked<T: Send>(mpsc::Receiver<T>);

/// A queue for at most `capacity` questions.
pub fn asking<T: Send>(capacity: usize) -> (Asker<T>, Asked<T>) {
    let (asker, asked) = mpsc::channel(capacity);
    (Asker(asker), Asked(asked))
}

impl<T: Send> Asker<T> {
    /// Asks.
    ///
    /// # Errors
    /// Gives the question back when too many wait, or nobody takes any more.
    pub fn ask(&self, question: T) -> Result<(), T> {
        self.0.try_send(question).map_err(mpsc::error::TrySendError::into_inner)
    }
}

impl<T: Send> Clone for Asker<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send> Asked<T> {
    /// The next question; None once nobody can ask any more.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_the_question_back() {
        let (asker, mut asked) = asking(1);
        assert_eq!((asker.ask(1), asker.ask(2)), (Ok(()), Err(2)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(asked.next()), Some(1));
        drop(asked);
        assert_eq!(asker.ask(3), Err(3));
    }
}
