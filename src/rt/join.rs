//! Two futures in one task.
//!
//! For the two directions of an exchange, which wait for each other. Neither allocates; both are polled
//! whenever the task is woken.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Which of two futures was ready first.
#[derive(Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The one that was given first.
    First(A),
    /// The other.
    Second(B),
}

/// Awaits whichever is ready first. Takes both pinned, so that they are held once and not copied into this layer.
pub async fn race<A: Future, B: Future>(
    mut first: Pin<&mut A>,
    mut second: Pin<&mut B>,
) -> Either<A::Output, B::Output> {
    poll_fn(|cx| {
        if let Poll::Ready(output) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(output));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

/// Awaits `work`, and tells whether it had to wait for anything.
pub async fn at_once<F: Future>(mut work: Pin<&mut F>) -> (F::Output, bool) {
    let mut polls = 0_u32;
    let output = poll_fn(|cx| {
        polls = polls.saturating_add(1);
        work.as_mut().poll(cx)
    })
    .await;
    (output, polls <= 1)
}

/// Awaits `main`, driving `aside` until it is done. What `aside` gave, if it came to that, is returned too.
pub async fn beside<A: Future, B: Future>(
    mut aside: Pin<&mut A>,
    mut main: Pin<&mut B>,
) -> (Option<A::Output>, B::Output) {
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
