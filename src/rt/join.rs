//! Two futures in one task.
//!
//! For the two directions of an exchange, which wait for each other. Neither allocates; both are polled
//! whenever the task is woken.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// Which of two futures was ready first.
#[derive(Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The one that was given first.
    First(A),
    /// The other.
    Second(B),
}

/// Awaits whichever is ready first, and drops the other: only give what may be dropped in flight.
pub async fn race<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let mut first = pin!(first);
    let mut second = pin!(second);
    poll_fn(|cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

/// Awaits `main`, driving `aside` until it is done. What `aside` gave, if it came to that, is returned too.
pub async fn beside<A: Future, B: Future>(mut aside: Pin<&mut A>, main: B) -> (Option<A::Output>, B::Output) {
    let mut main = pin!(main);
    let mut gave = None;
    poll_fn(|cx| {
        if gave.is_none()
            && let Poll::Ready(output) = aside.as_mut().poll(cx)
        {
            gave = Some(output);
        }
        main.as_mut().poll(cx).map(|output| (gave.take(), output))
    })
    .await
}
