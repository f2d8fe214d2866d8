//! A service that works on so many requests at once, each for so long. The others wait inside it, first come, first served.
//!
//! It does not notice that a client has gone while its request waits, as servers with a queue in front of a pool of threads
//! do not: it works on it all the same. One thread, one epoll, no limit of its own.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::machine;
use crate::poller::Poller;
use crate::socket::{self, Address};

/// What a service can do.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Requests that it works on at once.
    pub at_once: usize,
    /// How long it works on each.
    pub work: Duration,
}

impl Capacity {
    /// Requests that it can answer in a second.
    pub fn per_second(self) -> f64 {
        self.at_once as f64 / self.work.as_secs_f64()
    }
}

/// A running service. Dropping it ends it.
pub struct Service {
    address: Address,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const LISTENER: u64 = 0;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Work {
    capacity: Capacity,
    poller: Poller,
    connections: HashMap<u64, (OwnedFd, Vec<u8>)>,
    next: u64,
    waiting: VecDeque<u64>,
    /// When each of those it works on will be done, and whose it is.
    busy: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl Service {
    /// Starts one on a free port.
    pub fn start(capacity: Capacity) -> anyhow::Result<Self> {
        let (listener, address) = socket::listen(&Address::any())?;
        let poller = Poller::new()?;
        poller.watch(listener.as_raw_fd(), LISTENER)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let mut work = Work {
            capacity,
            poller,
            connections: HashMap::new(),
            next: 1,
            waiting: VecDeque::new(),
            busy: BinaryHeap::new(),
        };
        let thread = std::thread::spawn(move || {
            // The gateway has the other CPU to itself as far as there are two.
            let _ = machine::pin(&[machine::LOAD_CPU.min(machine::cpus() - 1)]);
            while !stopped.load(Ordering::Relaxed) {
                work.turn(&listener);
            }
        });
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Work {
    fn turn(&mut self, listener: &OwnedFd) {
        let due = self.busy.peek().map(|Reverse((due, _))| due.saturating_duration_since(Instant::now()));
        let timeout = due.unwrap_or(Duration::from_millis(20)).min(Duration::from_millis(20));
        let Ok(count) = self.poller.wait(timeout) else { return };
        for at in 0..count {
            let event = self.poller.event(at);
            if event.token == LISTENER {
                self.accept(listener);
            } else if event.is_readable {
                self.read(event.token);
            }
        }
        self.finish();
        let now = Instant::now();
        while self.busy.len() < self.capacity.at_once {
            let Some(token) = self.waiting.pop_front() else { return };
            self.busy.push(Reverse((now + self.capacity.work, token)));
        }
    }

    fn accept(&mut self, listener: &OwnedFd) {
        while let Ok(Some(fd)) = socket::accept(listener) {
            let token = self.next;
            self.next += 1;
            if self.poller.watch(fd.as_raw_fd(), token).is_ok() {
                self.connections.insert(token, (fd, Vec::new()));
            }
        }
    }

    fn read(&mut self, token: u64) {
        let Some((fd, bytes)) = self.connections.get_mut(&token) else { return };
        let mut buffer = [0; 4096];
        loop {
            match socket::receive(fd.as_raw_fd(), &mut buffer) {
                Ok(Some(0)) | Err(_) => {
                    self.connections.remove(&token);
                    return;
                }
                Ok(None) => break,
                Ok(Some(count)) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
        // Requests have no bodies.
        while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            bytes.drain(..end + 4);
            self.waiting.push_back(token);
        }
    }

    fn finish(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, token))) = self.busy.peek().copied() {
            if due > now {
                return;
            }
            self.busy.pop();
            if let Some((fd, _)) = self.connections.get(&token) {
                // A few bytes on a connection without any under way.
                let _ = socket::send(fd.as_raw_fd(), ANSWER);
            }
        }
    }
}
