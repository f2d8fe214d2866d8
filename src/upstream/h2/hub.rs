//! The HTTP/2 connections to one endpoint on one worker, and who waits for a stream.
//!
//! Exchanges fill one connection before they take the next, so that those nobody needs become idle. While a connection is
//! being made, others wait for it instead of making their own: a burst would otherwise open one for each exchange.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::Http2Plan;
use super::lane::Lane;
use super::link::{self, Link};
use crate::http::head::RequestHead;
use crate::net::stream::Stream;
use crate::rt::buffer::Pool;
use crate::shared::ledger::Lease;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::EndpointMetrics;
use crate::upstream::endpoint::PoolPlan;

/// The connections to one endpoint.
pub struct Hub {
    /// What it was made of.
    pub plan: Http2Plan,
    pool: PoolPlan,
    links: RefCell<Vec<Rc<Link>>>,
    /// Connections that are being made.
    opening: Cell<u32>,
    /// True if the endpoint has chosen HTTP/1.1 the last time it was asked.
    pub is_http1: Cell<bool>,
    waiters: RefCell<Vec<Waker>>,
    turns: Cell<u64>,
    /// Room for reading request heads.
    pub(super) scratch: RefCell<RequestHead>,
    pub(super) metrics: Slot<EndpointMetrics>,
}

/// Counts a connection as being made, also if that is given up.
pub struct Opening<'a>(&'a Hub);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.set(self.0.opening.get() - 1);
        self.0.notify();
    }
}

impl Hub {
    /// Without connections.
    pub fn new(plan: Http2Plan, pool: PoolPlan, metrics: Slot<EndpointMetrics>) -> Rc<Self> {
        Rc::new(Self {
            plan,
            pool,
            links: RefCell::default(),
            opening: Cell::new(0),
            is_http1: Cell::new(false),
            waiters: RefCell::default(),
            turns: Cell::new(0),
            scratch: RefCell::default(),
            metrics,
        })
    }

    /// A stream on a connection that is there, if one has room.
    pub fn take(self: &Rc<Self>) -> Option<Rc<Lane>> {
        let links = self.links.borrow();
        links.iter().find_map(|link| link.sender().map(|sender| Lane::new(self, link, sender)))
    }

    /// True if there will soon be room, or an error: it is better to wait than to make a connection.
    pub fn is_worth_waiting(&self) -> bool {
        (self.opening.get() > 0 && !self.is_http1.get()) || self.links.borrow().iter().any(|it| it.is_fresh())
    }

    /// Waits until something has changed.
    pub async fn change(&self) {
        let seen = self.turns.get();
        poll_fn(|cx| {
            if self.turns.get() != seen {
                return Poll::Ready(());
            }
            let mut waiters = self.waiters.borrow_mut();
            if !waiters.iter().any(|waiter| waiter.will_wake(cx.waker())) {
                waiters.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Something has changed.
    pub fn notify(&self) {
        self.turns.set(self.turns.get() + 1);
        for waiter in self.waiters.take() {
            waiter.wake();
        }
    }

    /// A connection is going to be made.
    pub fn open(&self) -> Opening<'_> {
        self.opening.set(self.opening.get() + 1);
        Opening(self)
    }

    /// Speaks HTTP/2 on a new connection. The first stream on it.
    pub async fn add(self: &Rc<Self>, stream: Stream, lease: Lease, pool: &Rc<Pool>) -> io::Result<Rc<Lane>> {
        let hub = Rc::downgrade(self);
        let notify = move || {
            if let Some(hub) = hub.upgrade() {
                hub.links.borrow_mut().retain(|link| !link.is_over());
                hub.notify();
            }
        };
        let link = link::begin(stream, &self.plan, lease, pool, self.metrics.clone(), notify).await?;
        let sender = link.sender().ok_or(io::ErrorKind::ConnectionReset)?;
        self.links.borrow_mut().push(link.clone());
        Ok(Lane::new(self, &link, sender))
    }

    /// Looks after the connections. Called now and then.
    pub fn sweep(&self, now_ms: u64) {
        let links: Vec<_> = self.links.borrow().clone();
        let expiry_ms = self.pool.idle_timeout.as_millis() as u64;
        let mut idle = 0;
        for link in &links {
            if link.is_idle() && !link.is_retired() {
                idle += 1;
                let idle_ms = now_ms.saturating_sub(link.idle_since_ms());
                if idle_ms > expiry_ms || idle > self.pool.idle {
                    link.retire();
                }
            }
            link.sweep(&self.plan, now_ms);
        }
    }

    /// Takes no more streams on connections there are; they close after their last one.
    pub fn retire(&self) {
        for link in self.links.borrow().iter() {
            link.retire();
        }
    }

    /// Takes no more streams on connections that have none now; they close.
    pub fn close_idle(&self) {
        for link in self.links.borrow().iter().filter(|link| link.is_idle()) {
            link.retire();
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        for link in self.links.borrow().iter() {
            link.orphan();
        }
    }
}
