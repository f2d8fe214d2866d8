//! The answer of a worker to something control has asked.
//!
//! Owns one place for one value. The worker puts it there and goes on: a short lock that nobody else holds for longer
//! than a move, and a wake. Control awaits it on its own runtime, with a time limit of its own: a worker that is
//! stuck answers late or never. A worker that drops its end without an answer is told at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A place for one answer: the worker's end and control's.
pub fn reply<T: Send>() -> (Reply<T>, Answered<T>) {
    let place = Arc::new(Mutex::new(Place { value: None, is_over: false, waker: None }));
    (Reply(place.clone()), Answered(place))
}

#[derive(Debug)]
struct Place<T> {
    value: Option<T>,
    /// True once nothing more will come.
    is_over: bool,
    waker: Option<Waker>,
}

fn lock<T>(place: &Mutex<Place<T>>) -> MutexGuard<'_, Place<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The worker's end.
#[derive(Debug)]
pub struct Reply<T: Send>(Arc<Mutex<Place<T>>>);

impl<T: Send> Reply<T> {
    /// Answers. Whether anybody still waits does not matter.
    pub fn send(self, value: T) {
        lock(&self.0).value = Some(value);
        // What is left is the wake, in `drop`.
    }
}

impl<T: Send> Drop for Reply<T> {
    fn drop(&mut self) {
        let waker = {
            let mut place = lock(&self.0);
            place.is_over = true;
            place.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Control's end: a future that is `None` if the worker has dropped its end.
#[derive(Debug)]
pub struct Answered<T: Send>(Arc<Mutex<Place<T>>>);

impl<T: Send> Future for Answered<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut place = lock(&self.0);
        if place.is_over {
            return Poll::Ready(place.value.take());
        }
        if !place.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            place.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn an_answer_of_another_thread_wakes_who_waits() {
        for _ in 0..200 {
            let (reply, answered) = reply::<u32>();
            let worker = std::thread::spawn(move || reply.send(7));
            assert_eq!(on_a_runtime(answered), Some(7));
            worker.join().unwrap();
        }
    }

    #[test]
    fn a_worker_that_goes_without_an_answer_is_noticed() {
        let (reply, answered) = reply::<u32>();
        drop(reply);
        assert_eq!(on_a_runtime(answered), None);
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_dropped() {
        let (reply, answered) = reply::<Arc<()>>();
        let value = Arc::new(());
        drop(answered);
        reply.send(value.clone());
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn who_stops_waiting_is_not_held_up_by_a_stuck_worker() {
        let (reply, answered) = reply::<u32>();
        let limit = std::time::Duration::from_millis(20);
        assert!(on_a_runtime(async { tokio::time::timeout(limit, answered).await }).is_err());
        drop(reply);
    }
}
