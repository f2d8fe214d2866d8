//! The original's answer, as far as it is kept to be compared with the copy's, and the wait for its end.
//!
//! Belongs to one worker. The exchange writes, the copy's task reads; neither waits for the other but for the task's wait
//! for the end. Keeps no more of a body than is compared.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::compare::Kept;
use super::plan::ComparePlan;
use crate::http::field::Fields;
use crate::http::h1::body::BodyCursor;
use crate::http::h1::chunked::Emit;
use crate::http::h1::framing::Framing;
use crate::http::head::ResponseHead;

/// Fields that say how a body is to be read.
const ABOUT_BODY: [&str; 2] = ["content-type", "content-encoding"];

/// The original's answer.
#[derive(Debug, Default)]
pub struct Pair {
    kept: RefCell<Kept>,
    cursor: RefCell<Option<BodyCursor>>,
    /// How much of what is kept of the body is without framing; behind it may be the beginning of a line.
    decoded: Cell<usize>,
    /// How it ended: whether all that is compared is there.
    end: Cell<Option<bool>>,
    waiting: RefCell<Option<Waker>>,
}

impl Pair {
    /// The head of the answer, and how its body is framed as it goes on.
    pub fn head(&self, plan: &ComparePlan, head: &ResponseHead, framing: Framing) {
        *self.kept.borrow_mut() = Kept {
            status: head.status,
            fields: chosen(plan, &head.fields),
            // None is to be compared.
            is_cut: plan.body_bytes == 0,
            ..Kept::default()
        };
        self.cursor.replace(Some(BodyCursor::new(framing, Emit::Data)));
        if plan.body_bytes == 0 {
            self.end(true);
        }
    }

    /// A part of the body as it goes on.
    pub fn body(&self, plan: &ComparePlan, bytes: &[u8]) {
        let (mut kept, mut cursor) = (self.kept.borrow_mut(), self.cursor.borrow_mut());
        let Some(cursor) = cursor.as_mut().filter(|cursor| !cursor.is_done() && !kept.is_cut) else { return };
        let before = self.decoded.get();
        // Framing is hardly ever more than the body; where it is, the body is let go.
        let room = 2 * plan.body_bytes.saturating_sub(before) + FRAMING_BYTES;
        kept.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let portion = cursor.advance(&mut kept.body[before..]);
        let is_odd = portion.is_err();
        if let Ok(portion) = portion {
            kept.body.drain(before + portion.kept..before + portion.consumed);
            self.decoded.set(before + portion.kept);
        }
        kept.is_cut = is_odd || bytes.len() > room || self.decoded.get() > plan.body_bytes;
        if kept.is_cut {
            kept.body = Vec::new();
            drop(kept);
            self.end(true);
        }
    }

    /// The exchange is over. What has ended before stays as it was.
    pub fn finish(&self, is_whole: bool, grpc_status: Option<u16>) {
        if self.end.get().is_none() {
            self.kept.borrow_mut().grpc_status = grpc_status;
            self.end(is_whole);
        }
    }

    fn end(&self, is_whole: bool) {
        self.end.set(Some(is_whole));
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Waits for the end. Whether all that is compared is there.
    pub async fn ended(&self) -> bool {
        poll_fn(|cx| match self.end.get() {
            Some(is_whole) => Poll::Ready(is_whole),
            None => {
                self.waiting.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    /// What was kept, when the end is there.
    pub fn take(&self) -> Kept {
        let mut kept = self.kept.take();
        kept.body.truncate(self.decoded.take());
        kept
    }
}

/// Room for the framing of a chunk and a trailer section.
const FRAMING_BYTES: usize = 1024;

fn chosen(plan: &ComparePlan, all: &Fields) -> Fields {
    let mut fields = Fields::default();
    for name in plan.fields.iter().map(|name| &**name).chain(ABOUT_BODY) {
        if fields.first_named(name.as_bytes()).is_some() {
            continue;
        }
        for value in all.all_named(name.as_bytes()) {
            fields.append(name.as_bytes(), value);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    fn plan(body_bytes: usize) -> ComparePlan {
        ComparePlan { fields: Box::new(["etag".into()]), body_bytes, ..ComparePlan::default() }
    }

    fn head(fields: &[(&str, &str)]) -> ResponseHead {
        let mut head = ResponseHead::default();
        head.set_line(200, b"OK");
        fields
            .iter()
            .for_each(|(name, value)| assert!(head.fields.append(name.as_bytes(), value.as_bytes())));
        head
    }

    fn ended(pair: &Pair) -> Option<bool> {
        match pin!(pair.ended()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(is_whole) => Some(is_whole),
            Poll::Pending => None,
        }
    }

    #[test]
    fn keeps_what_is_compared_and_nothing_else() {
        let (pair, plan) = (Pair::default(), plan(16));
        pair.head(
            &plan,
            &head(&[("ETag", "x"), ("Set-Cookie", "s"), ("Content-Type", "a/b")]),
            Framing::Length(4),
        );
        pair.body(&plan, b"ab");
        pair.body(&plan, b"cd");
        assert_eq!(ended(&pair), None);
        pair.finish(true, None);
        assert_eq!(ended(&pair), Some(true));
        let kept = pair.take();
        assert_eq!((kept.status, &kept.body[..], kept.fields.len()), (200, &b"abcd"[..], 2));
    }

    #[test]
    fn chunks_are_undone_wherever_they_are_cut() {
        let wire = b"5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\n\r\n";
        for size in 1..wire.len() {
            let (pair, plan) = (Pair::default(), plan(64));
            pair.head(&plan, &head(&[]), Framing::Chunked);
            wire.chunks(size).for_each(|piece| pair.body(&plan, piece));
            pair.finish(true, None);
            assert_eq!(pair.take().body, b"hello world", "{size}");
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_let_go_and_ends_the_wait() {
        let (pair, plan) = (Pair::default(), plan(8));
        pair.head(&plan, &head(&[]), Framing::UntilClose);
        pair.body(&plan, &[b'x'; 8]);
        assert_eq!(ended(&pair), None);
        pair.body(&plan, b"x");
        assert_eq!(ended(&pair), Some(true));
        // What comes later does not count any more.
        pair.body(&plan, b"x");
        pair.finish(false, None);
        assert_eq!(ended(&pair), Some(true));
        let kept = pair.take();
        assert!(kept.is_cut && kept.body.is_empty());
    }

    #[test]
    fn where_no_body_is_compared_the_head_is_the_end() {
        let (pair, plan) = (Pair::default(), plan(0));
        pair.head(&plan, &head(&[]), Framing::Length(1 << 40));
        assert_eq!(ended(&pair), Some(true));
    }

    #[test]
    fn whoever_waits_is_told_of_an_end_without_an_answer() {
        let pair = Pair::default();
        assert_eq!(ended(&pair), None);
        pair.finish(false, None);
        assert_eq!(ended(&pair), Some(false));
    }
}
