//! Load generator and origin in one loop of one thread: what is needed to keep a good gateway busy.
//!
//! Clients are a closed loop: each sends its next request when its answer is complete; or, with a schedule, an open one.
//! Every answer is checked for status and length. The origin takes connections for as long as the stage lives, the
//! clients come and go. Any surprise on the wire is an error, not a statistic.

use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustls::ClientConfig;

use crate::client::{Client, Progress, read};
use crate::interrupt;
use crate::message::Message;
use crate::poller::{Event, Poller};
use crate::schedule::{Schedule, Times};
use crate::secure;
use crate::socket::{self, Address};
use crate::work::Work;

/// Bytes of one read. Larger than a socket's usual share, so that a loop turn drains it.
const READ_BYTES: usize = 256 * 1024;
/// How long the last answers of a sample may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// A gateway that completes nothing for this long has failed.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Spreads the connections over the requests: prime, so that all are visited.
const STRIDE: usize = 7_919;

const LISTENER: u64 = 0;
const CLIENT: u64 = 1 << 32;
const SERVER: u64 = 2 << 32;

/// Clients and an origin.
pub struct Stage {
    poller: Poller,
    buffer: Vec<u8>,
    work: Rc<Work>,
    listener: OwnedFd,
    /// What the listener is.
    is_tcp: bool,
    servers: Vec<Option<Server>>,
    clients: Vec<Client>,
    /// How clients speak TLS, where they do.
    tls: Arc<ClientConfig>,
    /// Who sends when, in an open loop.
    schedule: Option<Schedule>,
    next_request: usize,
    /// False while the last answers of a sample are awaited.
    is_sending: bool,
    in_flight: usize,
    completed: u64,
}

struct Server {
    fd: OwnedFd,
    message: Message,
    /// Bytes of the answer that are still to be sent.
    left: usize,
}

impl Stage {
    /// An origin at `address`, without clients. Gives where it listens, too.
    pub fn new(work: &Rc<Work>, address: &Address) -> anyhow::Result<(Self, Address)> {
        let poller = Poller::new()?;
        let (listener, bound) = socket::listen(address).with_context(|| format!("origin at {address}"))?;
        poller.watch(listener.as_raw_fd(), LISTENER)?;
        let stage = Self {
            poller,
            buffer: vec![0; READ_BYTES],
            work: work.clone(),
            listener,
            is_tcp: matches!(bound, Address::Tcp(_)),
            servers: Vec::new(),
            clients: Vec::new(),
            tls: secure::config()?,
            schedule: None,
            next_request: 0,
            is_sending: false,
            in_flight: 0,
            completed: 0,
        };
        Ok((stage, bound))
    }

    /// Exchanges since the stage was made.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// What is sent from now on. Without clients only.
    pub fn set_work(&mut self, work: &Rc<Work>) {
        debug_assert!(self.clients.is_empty(), "clients know their request by its number");
        self.work = work.clone();
        self.next_request = 0;
    }

    /// Connects `count` further clients to `gateway` and lets each send its first request.
    pub fn open(&mut self, gateway: &Address, count: usize) -> anyhow::Result<()> {
        self.is_sending = true;
        for _ in 0..count {
            let client = self.connect(gateway)?;
            self.send_request(client)?;
        }
        Ok(())
    }

    /// Connects `count` clients that send `per_second` requests on average, by a schedule that `seed` determines.
    pub fn open_paced(
        &mut self,
        gateway: &Address,
        count: usize,
        per_second: f64,
        seed: u64,
    ) -> anyhow::Result<()> {
        for _ in 0..count {
            self.connect(gateway)?;
        }
        self.is_sending = true;
        self.schedule = Some(Schedule::new(per_second, seed, count));
        Ok(())
    }

    /// What the schedule has seen since the last call.
    pub fn take_times(&mut self) -> Option<Times> {
        self.schedule.as_mut().map(Schedule::take)
    }

    /// Connects `count` clients, at most `in_flight` of them waiting at a time. Each sends one request and then is idle.
    pub fn open_idle(&mut self, gateway: &Address, count: usize, in_flight: usize) -> anyhow::Result<()> {
        self.is_sending = false;
        for _ in 0..count {
            let client = self.connect(gateway)?;
            self.send_request(client)?;
            while self.in_flight >= in_flight {
                self.turn()?;
            }
        }
        self.drain()
    }

    /// Runs for `time`.
    pub fn run(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        let (mut moved, mut moved_at) = (self.completed, Instant::now());
        loop {
            self.turn()?;
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            if self.completed > moved {
                (moved, moved_at) = (self.completed, now);
            }
            ensure!(now - moved_at < STALL_TIMEOUT, "nothing was answered for {STALL_TIMEOUT:?}");
        }
    }

    /// Leaves idle clients alone for `time`; an error if one of them is closed.
    pub fn run_idle(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Lets the last answers come and closes the clients' connections.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.is_sending = false;
        self.drain()?;
        self.abandon();
        Ok(())
    }

    /// Closes every connection, whatever is in flight.
    pub fn abandon(&mut self) {
        self.clients.clear();
        self.schedule = None;
        self.in_flight = 0;
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + DRAIN_TIMEOUT;
        while self.in_flight > 0 {
            self.turn()?;
            ensure!(Instant::now() < end, "{} answers did not come within {DRAIN_TIMEOUT:?}", self.in_flight);
        }
        Ok(())
    }

    /// Serves whatever is ready.
    fn turn(&mut self) -> anyhow::Result<()> {
        // With a schedule the loop does not sleep: waking up would be late.
        let patience = if self.schedule.is_some() { Duration::ZERO } else { Duration::from_millis(20) };
        let count = self.poller.wait(patience)?;
        interrupt::check()?;
        self.send_due()?;
        for at in 0..count {
            let event = self.poller.event(at);
            let index = (event.token & u64::from(u32::MAX)) as usize;
            match event.token & !u64::from(u32::MAX) {
                LISTENER => self.accept()?,
                CLIENT => self.client_ready(index, event).context("client's side")?,
                _ => self.server_ready(index, event).context("origin's side")?,
            }
            self.send_due()?;
        }
        Ok(())
    }

    /// Sends what is due by the schedule, if there is one.
    fn send_due(&mut self) -> anyhow::Result<()> {
        if !self.is_sending {
            return Ok(());
        }
        let Some(schedule) = &mut self.schedule else { return Ok(()) };
        schedule.notice(Instant::now());
        while let Some(client) = self.schedule.as_mut().and_then(Schedule::assign) {
            self.send_request(client)?;
        }
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        while let Some(fd) = socket::accept(&self.listener)? {
            let free = self.servers.iter().position(Option::is_none);
            let index = free.unwrap_or(self.servers.len());
            self.poller.watch(fd.as_raw_fd(), SERVER | index as u64)?;
            let server = Some(Server { fd, message: Message::default(), left: 0 });
            if index == self.servers.len() {
                self.servers.push(server);
            } else {
                self.servers[index] = server;
            }
        }
        Ok(())
    }

    /// A further client, and its index.
    fn connect(&mut self, gateway: &Address) -> anyhow::Result<usize> {
        let client = Client::connect(gateway, self.work.talk, &self.tls)?;
        let index = self.clients.len();
        self.poller.watch(client.descriptor(), CLIENT | index as u64)?;
        self.clients.push(client);
        Ok(index)
    }

    fn send_request(&mut self, index: usize) -> anyhow::Result<()> {
        let requests = self.work.talk.requests_at_once();
        self.send_requests(index, if self.is_sending { requests } else { 1 })
    }

    fn send_requests(&mut self, index: usize, count: usize) -> anyhow::Result<()> {
        let client = &mut self.clients[index];
        for _ in 0..count {
            self.next_request = (self.next_request + STRIDE) % self.work.requests.len();
            client.begin(&self.work, self.next_request)?;
            self.in_flight += 1;
        }
        client.flush()
    }

    fn client_ready(&mut self, index: usize, event: Event) -> anyhow::Result<()> {
        // Events of clients that were closed in this very turn are stale.
        let Some(client) = self.clients.get_mut(index) else { return Ok(()) };
        let answers = client.ready(event, &self.work, &mut self.buffer)?;
        self.completed += answers as u64;
        self.in_flight -= answers;
        if client.is_over() {
            return if self.is_sending { self.replace(index) } else { Ok(()) };
        }
        if answers == 0 || !client.takes_requests() {
            return Ok(());
        }
        if let Some(schedule) = &mut self.schedule {
            schedule.complete(index, Instant::now());
        } else if self.is_sending {
            return self.send_requests(index, answers);
        }
        Ok(())
    }

    /// The next connection of a client that has one for each request.
    fn replace(&mut self, index: usize) -> anyhow::Result<()> {
        let client = self.clients[index].again(self.work.talk, &self.tls)?;
        self.poller.watch(client.descriptor(), CLIENT | index as u64)?;
        self.clients[index] = client;
        self.send_requests(index, 1)
    }

    fn server_ready(&mut self, index: usize, event: Event) -> anyhow::Result<()> {
        let Some(server) = &mut self.servers[index] else { return Ok(()) };
        let mut is_open = true;
        if event.is_writable && server.left > 0 {
            is_open = server.answer(&self.work.answer);
        }
        if is_open && event.is_readable {
            match read(&server.fd, self.is_tcp, &mut server.message, &mut self.buffer)? {
                Progress::Incomplete => {}
                Progress::End => is_open = false,
                Progress::Complete => {
                    let bytes = server.message.body_bytes;
                    ensure!(bytes == self.work.request_body_bytes, "a request of {bytes} bytes");
                    ensure!(server.left == 0, "a request before the answer to the last was sent");
                    server.left = self.work.answer.len();
                    is_open = server.answer(&self.work.answer);
                }
            }
        }
        if !is_open {
            // The gateway has closed an idle connection, or one whose client has gone.
            self.servers[index] = None;
        }
        Ok(())
    }
}

impl Server {
    /// Sends what is left of the answer, as far as it goes. False if the gateway does not want it.
    fn answer(&mut self, answer: &[u8]) -> bool {
        match socket::send(self.fd.as_raw_fd(), &answer[answer.len() - self.left..]) {
            Ok(count) => {
                self.left -= count;
                true
            }
            Err(_) => false,
        }
    }
}
