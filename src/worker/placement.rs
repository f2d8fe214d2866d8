//! Where a new connection goes: to the worker that accepted it, or over to one with less to do.
//!
//! Owns one worker's view of the others and its inbox. A connection that is handed over has not been read from;
//! it is owned by the sender until the inbox has taken it, and by the receiver from then on, so none is lost: an
//! inbox that is full or closed gives it back. What arrived is begun at once and never handed on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;

use monoio::net::TcpStream;

use crate::net::addr::{Caller, PeerAddr};
use crate::net::stream::Stream;
use crate::net::wake::Wake;
use crate::proxy::connection::serve_connection;
use crate::proxy::l4::enter::enter;
use crate::proxy::local::Local;
use crate::rt::clock;
use crate::rt::say::say;
use crate::shared::callers::Called;
use crate::shared::{Board, Load, Mailbox};
use crate::worker::evenness::{better_place, has_room_elsewhere};

/// Connections that wait in an inbox. A worker that is so far behind gets no more.
const INBOX_CAPACITY: usize = 1024;

/// A connection on its way to another worker.
#[derive(Debug)]
pub struct Passed {
    socket: OwnedFd,
    peer: PeerAddr,
    listener: usize,
    called: Option<Called>,
}

/// All workers, as they see each other. A clone is a handle to the same.
#[derive(Debug, Clone)]
pub struct Neighbours {
    board: Board,
    inboxes: Vec<Mailbox<Passed>>,
    /// False if connections stay where the kernel put them.
    steers: bool,
}

/// One worker among its neighbours.
pub struct Placement {
    own: usize,
    neighbours: Neighbours,
    /// Room for the others' loads, so that a look at them does not allocate.
    loads: RefCell<Vec<Load>>,
}

impl Neighbours {
    /// As many as there are workers. One alone has nobody to hand over to.
    pub fn new(workers: usize, steers: bool) -> io::Result<Self> {
        let inboxes = (0..workers).map(|_| Mailbox::new(INBOX_CAPACITY)).collect::<io::Result<_>>()?;
        Ok(Self { board: Board::new(workers), inboxes, steers: steers && workers > 1 })
    }
}

impl Placement {
    /// The view of worker `own`.
    pub fn new(own: usize, neighbours: Neighbours) -> Rc<Self> {
        Rc::new(Self { own, neighbours, loads: RefCell::default() })
    }

    /// Tells the others how much this worker has to do.
    pub fn publish(&self, local: &Local) {
        if !self.neighbours.steers {
            return;
        }
        let count = |value: i64| u32::try_from(value).unwrap_or(0);
        let open = local.metrics.connections_active.get();
        let load = Load {
            awake: count(open - local.metrics.parked_connections.get()),
            open: count(open),
            open_max: if local.is_draining.get() { 0 } else { count(connections_max(local)) },
            busy_percent: count(local.metrics.busy_permille.get() / 10),
            beat_ms: clock::coarse_ms() as u32,
        };
        self.neighbours.board.publish(self.own, load);
    }

    /// True if another worker can take a connection that this one has no room for.
    pub fn has_room_elsewhere(&self) -> bool {
        self.neighbours.steers && has_room_elsewhere(self.own, &self.read_loads(), clock::coarse_ms() as u32)
    }

    /// Begins the connection here or hands it over.
    pub fn place(
        self: &Rc<Self>,
        local: &Rc<Local>,
        stream: TcpStream,
        peer: PeerAddr,
        listener: usize,
        called: Option<Called>,
    ) {
        let Some(target) = self.elsewhere(local) else {
            return begin(local, self, stream, peer, listener, called);
        };
        // SAFETY: the descriptor is the stream's own, which gives it away here and no longer knows it.
        let socket = unsafe { OwnedFd::from_raw_fd(stream.into_raw_fd()) };
        self.neighbours.board.announce(target);
        match self.neighbours.inboxes[target].send(Passed { socket, peer, listener, called }) {
            Ok(()) => local.metrics.connections_handed_over.add(1),
            Err(passed) => {
                self.neighbours.board.settle(target);
                self.begin_passed(local, passed);
            }
        }
    }

    fn elsewhere(&self, local: &Local) -> Option<usize> {
        if !self.neighbours.steers || local.is_draining.get() {
            return None;
        }
        better_place(self.own, &self.read_loads(), clock::coarse_ms() as u32)
    }

    fn read_loads(&self) -> std::cell::Ref<'_, Vec<Load>> {
        self.neighbours.board.read(&mut self.loads.borrow_mut());
        self.loads.borrow()
    }

    /// Begins what others have handed over.
    pub fn take_in(self: &Rc<Self>, local: &Rc<Local>) {
        let inbox = &self.neighbours.inboxes[self.own];
        if inbox.is_waiting() {
            self.begin_all(local, inbox.drain());
        }
    }

    /// Takes nothing any more; begins what has arrived.
    pub fn close(self: &Rc<Self>, local: &Rc<Local>) {
        self.publish(local);
        self.begin_all(local, self.neighbours.inboxes[self.own].close());
    }

    fn begin_all(self: &Rc<Self>, local: &Rc<Local>, arrived: VecDeque<Passed>) {
        for passed in arrived {
            local.metrics.connections_taken_over.add(1);
            self.begin_passed(local, passed);
            self.neighbours.board.settle(self.own);
        }
    }

    fn begin_passed(self: &Rc<Self>, local: &Rc<Local>, passed: Passed) {
        match TcpStream::from_std(passed.socket.into()) {
            Ok(stream) => begin(local, self, stream, passed.peer, passed.listener, passed.called),
            Err(error) => say(format_args!("worker {}: cannot take a connection over: {error}", self.own)),
        }
    }
}

/// Starts the task that serves a connection, on this worker for good.
pub fn begin(
    local: &Rc<Local>,
    placement: &Rc<Placement>,
    stream: TcpStream,
    peer: PeerAddr,
    index: usize,
    called: Option<Called>,
) {
    local.metrics.connections_active.add(1);
    placement.publish(local);
    let (local, placement) = (local.clone(), placement.clone());
    let is_plain = local.installed().is_plain_http(index);
    monoio::spawn(async move {
        let stream = Stream::from_tcp(stream);
        if is_plain {
            serve_connection(local.clone(), stream, Caller::from(peer), index).await;
        } else {
            enter(local.clone(), stream, peer, index).await;
        }
        drop(called);
        local.metrics.connections_active.sub(1);
        placement.publish(&local);
    });
}

/// Client connections a worker may have now.
pub fn connections_max(local: &Local) -> i64 {
    i64::from(local.installed().snapshot.limits.connections).min(local.connections_max.get())
}

/// Begins what is handed over, as soon as it is. Lives as long as the worker.
pub async fn take_over(local: Rc<Local>, placement: Rc<Placement>) {
    if !placement.neighbours.steers {
        return;
    }
    let inbox = &placement.neighbours.inboxes[placement.own];
    let outcome: io::Result<()> = async {
        let wake = Wake::new(inbox.event())?;
        placement.take_in(&local);
        loop {
            wake.woken().await?;
            // Also if nothing is said to wait: a wake may come after what it was for has been taken, and as long as
            // it has not been silenced there is no end of being woken.
            placement.begin_all(&local, inbox.drain());
        }
    }
    .await;
    if let Err(error) = outcome {
        // The loop of the worker looks once a tick; that is late, but nothing is lost.
        say(format_args!("worker {}: cannot be woken by others: {error}", local.worker));
    }
}
