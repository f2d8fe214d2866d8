//! A request's copy while the request goes by, and the answer that it will be held against.
//!
//! Lives in the exchange. Takes bytes where they are at hand and never makes the exchange wait: what does not fit is
//! counted and let go. The copy leaves, as a task of its own, when the last byte of the request has gone by.

use std::cell::RefCell;
use std::rc::Rc;

use super::pair::Pair;
use super::plan::ComparePlan;
use super::running::{Place, Running};
use super::send::Sending;
use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::http::head::ResponseHead;
use crate::policy::exchange::Exchange;
use crate::proxy::local::Local;
use crate::proxy::request_head::{self, Address};
use crate::rt::buffer::Size;

/// The field that tells a copy. Only the gateway may set it, where any route copies requests.
pub const MARK: &str = "ringgate-shadow";

/// A request that is being sent to its route's cluster.
pub struct Original<'a> {
    /// The worker.
    pub local: &'a Rc<Local>,
    /// The request, as it goes on.
    pub exchange: &'a Exchange,
    /// Its rewritten path; None for the normalised one.
    pub path: Option<&'a [u8]>,
    /// What of its body is at hand, as it goes on.
    pub body: &'a [u8],
    /// True if that is all of it.
    pub is_whole: bool,
}

/// A request's copy in the exchange that it is a copy of.
pub struct Copying {
    /// Until the request is whole.
    growing: RefCell<Option<Sending>>,
    /// Where the original's answer is kept, if it is compared.
    pair: Option<(Rc<Pair>, Rc<Running>)>,
}

impl Copying {
    /// Begins. None, and counted, where the request is too large.
    pub(super) fn begin(place: Place, original: &Original<'_>) -> Option<Box<Self>> {
        let running = place.running().clone();
        let plan = &*running.plan;
        let is_too_large =
            matches!(original.exchange.framing, Framing::Length(length) if length > plan.body_bytes as u64);
        if is_too_large || original.body.len() > plan.body_bytes {
            running.metrics.too_large.add(1);
            return None;
        }
        let mut bytes = Vec::with_capacity(1024 + original.body.len());
        let address = Address {
            path: original.path,
            host: plan.host.as_deref(),
            scheme: original.exchange.scheme.as_bytes(),
        };
        request_head::write(original.exchange, &address, &mut bytes);
        mark(&mut bytes, &plan.removed);
        if bytes.len() + plan.body_bytes > Size::Large.bytes() {
            running.metrics.too_large.add(1);
            return None;
        }
        let body_left = plan.body_bytes - original.body.len();
        bytes.extend_from_slice(original.body);
        let pair = plan.compare.is_some().then(|| (Rc::<Pair>::default(), running.clone()));
        let sending = Sending {
            place,
            local: original.local.clone(),
            method: original.exchange.request.method,
            bytes,
            body_left,
            request_id: original.exchange.request_id.as_slice().into(),
            pair: pair.as_ref().map(|(pair, _)| pair.clone()),
        };
        let copying = Box::new(Self { growing: RefCell::new(Some(sending)), pair });
        if original.is_whole {
            copying.send();
        }
        Some(copying)
    }

    /// More of the request's body, as it goes on.
    pub fn request(&self, bytes: &[u8], is_last: bool) {
        let mut growing = self.growing.borrow_mut();
        let Some(sending) = growing.as_mut() else { return };
        let Some(left) = sending.body_left.checked_sub(bytes.len()) else {
            sending.place.running().metrics.too_large.add(1);
            *growing = None;
            return;
        };
        sending.body_left = left;
        sending.bytes.extend_from_slice(bytes);
        drop(growing);
        if is_last {
            self.send();
        }
    }

    fn send(&self) {
        if let Some(sending) = self.growing.take() {
            monoio::spawn(sending.run());
        }
    }

    /// The head of the answer that goes to the client, as it came, and how its body will go by.
    pub fn head(&self, head: &ResponseHead, framing: Framing) {
        self.compared(|pair, plan| pair.head(plan, head, framing));
    }

    /// A part of the answer's body.
    pub fn body(&self, bytes: &[u8]) {
        self.compared(|pair, plan| pair.body(plan, bytes));
    }

    /// The exchange is over, and the client has had all of the answer, or not.
    pub fn finish(&self, is_whole: bool, grpc_status: Option<u16>) {
        self.compared(|pair, _| pair.finish(is_whole, grpc_status));
    }

    fn compared(&self, tell: impl FnOnce(&Pair, &ComparePlan)) {
        if let Some((pair, running)) = &self.pair
            && let Some(plan) = &running.plan.compare
        {
            tell(pair, plan);
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        if let Some(sending) = self.growing.take() {
            sending.place.running().metrics.incomplete.add(1);
        }
        self.finish(false, None);
    }
}

/// Leaves these fields out of a head that ends with its empty line, and adds the mark. What asks for 100 (Continue) is
/// left out too: nobody waits for it.
fn mark(head: &mut Vec<u8>, removed: &[Box<[u8]>]) {
    let is_removed = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"expect") || removed.iter().any(|one| name.eq_ignore_ascii_case(one))
    };
    let mut kept = Vec::with_capacity(head.len() + 32);
    let mut rest = &head[..];
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end + 1);
        if line == b"\r\n" {
            break;
        }
        if kept.is_empty() || !is_removed(line) {
            kept.extend_from_slice(line);
        }
        rest = after;
    }
    encode::field(&mut kept, MARK.as_bytes(), b"1");
    encode::end_of_head(&mut kept);
    *head = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_mark_and_not_what_is_left_out() {
        let mut head =
            b"POST /authorization: HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nExpect: 100-continue\r\nX-A: c\r\n\r\n"
                .to_vec();
        mark(&mut head, &[b"authorization"[..].into(), b"post /authorization"[..].into()]);
        let text = String::from_utf8(head).unwrap();
        assert_eq!(text, "POST /authorization: HTTP/1.1\r\nHost: a\r\nX-A: c\r\nringgate-shadow: 1\r\n\r\n");
    }
}
