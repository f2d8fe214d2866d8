//! The lanes of one connection: which are free, and what they have in common.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, ext::Protocol};
use http::Request;

use crate::http::h2::inbound;
use crate::net::addr::Caller;
use crate::net::stream::Stream;
use crate::proxy::connection::serve_connection;
use crate::proxy::h2::lane::Lane;
use crate::proxy::local::Local;
use crate::telemetry::http2::Http2Metrics;

/// Any key will do: what it protects from is caches that take one protocol for another, and here is none in between.
const WEBSOCKET_KEY: &str = "cmluZ2dhdGUgb3ZlciBoMg==";

/// What a client has been given since somebody looked.
#[derive(Default)]
pub struct Given {
    /// True if an answer was given in full.
    pub has_answered: Cell<bool>,
    /// Bytes of answers.
    pub bytes: Cell<usize>,
    /// In how many writes.
    pub writes: Cell<usize>,
}

/// The lanes of one connection.
pub struct Lanes {
    /// The worker.
    pub local: Rc<Local>,
    /// Who the client is.
    pub caller: Caller,
    /// Which listener it came in on.
    pub listener: usize,
    /// The connection below.
    pub stream: Rc<Stream>,
    /// True once the connection is gone: lanes end.
    pub is_closed: Cell<bool>,
    /// What the client has been given.
    pub given: Rc<Given>,
    /// Streams so far.
    pub served: Cell<u32>,
    free: RefCell<Vec<Rc<Lane>>>,
    all: RefCell<Vec<Rc<Lane>>>,
    busy: Cell<usize>,
}

impl Lanes {
    /// None yet.
    pub fn new(local: &Rc<Local>, caller: Caller, listener: usize, stream: Rc<Stream>) -> Rc<Self> {
        Rc::new(Self {
            local: local.clone(),
            caller,
            listener,
            stream,
            is_closed: Cell::new(false),
            given: Rc::default(),
            served: Cell::new(0),
            free: RefCell::default(),
            all: RefCell::default(),
            busy: Cell::new(0),
        })
    }

    /// What is counted.
    pub fn metrics(&self) -> &Http2Metrics {
        &self.local.metrics.http2
    }

    /// Streams that are served now.
    pub fn busy(&self) -> usize {
        self.busy.get()
    }

    /// Serves a stream, on a lane that is free or on a new one.
    pub fn serve(self: &Rc<Self>, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        self.served.set(self.served.get().saturating_add(1));
        self.metrics().streams.add(1);
        let (lane, is_new) = match self.free.borrow_mut().pop() {
            Some(lane) => (lane, false),
            None => (Lane::new(self.clone()), true),
        };
        let (head, body) = request.into_parts();
        let protocol = head.extensions.get::<Protocol>().map(Protocol::as_str);
        let has_body = !body.is_end_stream();
        let told = lane.tell(|out| inbound::write(&head, protocol, has_body, WEBSOCKET_KEY, out));
        let Ok(told) = told else {
            // RFC 9113 8.1.1: malformed requests are stream errors.
            respond.send_reset(Reason::PROTOCOL_ERROR);
            self.metrics().refused.add(1);
            if !is_new {
                self.free.borrow_mut().push(lane);
            }
            return;
        };
        self.busy.set(self.busy.get() + 1);
        self.metrics().streams_active.add(1);
        lane.begin(told, &head.method, body, respond);
        if is_new {
            self.start(lane);
        }
    }

    /// Boxed, because a lane serves what a connection serves.
    fn start(self: &Rc<Self>, lane: Rc<Lane>) {
        self.all.borrow_mut().push(lane.clone());
        let (lanes, stream) = (self.clone(), Stream::from_transport(lane.clone()));
        let serving: std::pin::Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(serve_connection(self.local.clone(), stream, self.caller, self.listener));
        monoio::spawn(async move {
            serving.await;
            lane.end();
            lanes.forget(&lane);
        });
    }

    /// A lane has nothing to do any more.
    pub fn release(&self, lane: Rc<Lane>) {
        self.free.borrow_mut().push(lane);
    }

    /// A stream is over.
    pub fn ended(&self) {
        self.busy.set(self.busy.get() - 1);
        self.metrics().streams_active.sub(1);
    }

    fn forget(&self, lane: &Rc<Lane>) {
        self.free.borrow_mut().retain(|other| !Rc::ptr_eq(other, lane));
        self.all.borrow_mut().retain(|other| !Rc::ptr_eq(other, lane));
    }

    /// The connection is gone: lanes notice and end.
    pub fn close(&self) {
        self.is_closed.set(true);
        let all: Vec<Rc<Lane>> = self.all.borrow().clone();
        for lane in all {
            lane.wake();
        }
    }
}
