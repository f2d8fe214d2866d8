//! Requests at random times, whether or not earlier ones have been answered, from clients who wait for so long.
//!
//! Whoever has waited long enough closes the connection, as clients do. A connection that is free is used again, so there are
//! as many as there are requests under way. Time counts from the moment at which a request was meant to be sent.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::poller::Poller;
use crate::socket::{self, Address};

/// What is offered.
pub struct Course {
    /// Requests.
    pub per_second: f64,
    /// How long clients wait.
    pub patience: Duration,
    /// The same load before anything is counted.
    pub warm_up: Duration,
    /// How long it is counted.
    pub time: Duration,
}

/// What became of it.
#[derive(Default)]
pub struct Outcome {
    /// Requests that were due.
    pub offered: u64,
    /// Those answered with 200 in time.
    pub in_time: u64,
    /// Those answered otherwise.
    pub refused: u64,
    /// Those that nobody waited for any longer.
    pub late: u64,
    /// Critical ones.
    pub critical: u64,
    /// Of those, answered with 200 in time.
    pub critical_in_time: u64,
    times: Vec<Duration>,
}

impl Outcome {
    /// Time of an answer with 200 that this share of them took at most.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied()
    }
}

struct Connection {
    fd: OwnedFd,
    answer: Vec<u8>,
    sent: usize,
    /// When its request was meant to be sent, and whether it is critical.
    request: Option<(Instant, bool)>,
}

struct Clients<'a> {
    gateway: &'a Address,
    poller: Poller,
    connections: HashMap<u64, Connection>,
    free: Vec<u64>,
    /// Requests under way, in the order of their times.
    under_way: VecDeque<(Instant, u64)>,
    next: u64,
    outcome: Outcome,
    is_counting: bool,
}

const CRITICAL: &[u8] = b"GET /critical HTTP/1.1\r\nHost: load.test\r\n\r\n";
const USUAL: &[u8] = b"GET /usual HTTP/1.1\r\nHost: load.test\r\n\r\n";
/// One in so many requests is critical.
const CRITICAL_ONE_IN: usize = 10;

impl Course {
    /// Offers it to a gateway.
    pub fn run(&self, gateway: &Address) -> anyhow::Result<Outcome> {
        let mut clients = Clients {
            gateway,
            poller: Poller::new()?,
            connections: HashMap::new(),
            free: Vec::new(),
            under_way: VecDeque::new(),
            next: 0,
            outcome: Outcome::default(),
            is_counting: false,
        };
        let mut dice = Dice::seeded(7);
        let mean = Duration::from_secs_f64(1.0 / self.per_second);
        let begin = Instant::now() + self.warm_up;
        let end = begin + self.time;
        let mut due = Instant::now();
        // Those of the last moment are waited for.
        while Instant::now() < end + self.patience {
            let now = Instant::now();
            clients.is_counting = due >= begin;
            while due <= now && due < end {
                clients.ask(due, dice.below(CRITICAL_ONE_IN) == 0)?;
                due += dice.spacing(mean);
                clients.is_counting = due >= begin;
            }
            clients.give_up(now, self.patience, begin);
            let pause = due.saturating_duration_since(now).min(Duration::from_millis(1));
            let count = clients.poller.wait(pause)?;
            for at in 0..count {
                let event = clients.poller.event(at);
                clients.ready(event.token, begin, self.patience);
            }
        }
        Ok(clients.outcome)
    }
}

impl Clients<'_> {
    fn ask(&mut self, due: Instant, is_critical: bool) -> anyhow::Result<()> {
        if self.is_counting {
            self.outcome.offered += 1;
            self.outcome.critical += u64::from(is_critical);
        }
        let token = match self.free.pop() {
            Some(token) => token,
            None => {
                let fd = socket::begin_connect(self.gateway)?;
                let token = self.next;
                self.next += 1;
                self.poller.watch(fd.as_raw_fd(), token)?;
                self.connections.insert(token, Connection { fd, answer: Vec::new(), sent: 0, request: None });
                token
            }
        };
        if let Some(connection) = self.connections.get_mut(&token) {
            (connection.request, connection.sent) = (Some((due, is_critical)), 0);
            connection.answer.clear();
            self.under_way.push_back((due, token));
            self.send(token);
        }
        Ok(())
    }

    fn send(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let Some((_, is_critical)) = connection.request else { return };
        let rest = &(if is_critical { CRITICAL } else { USUAL })[connection.sent..];
        // Before it is connected there is no room, which is told as an error.
        connection.sent += socket::send(connection.fd.as_raw_fd(), rest).unwrap_or(0);
    }

    /// Closes the connections of those who have waited long enough.
    fn give_up(&mut self, now: Instant, patience: Duration, begin: Instant) {
        while let Some((due, token)) = self.under_way.front().copied() {
            let is_open =
                self.connections.get(&token).and_then(|it| it.request).is_some_and(|(meant, _)| meant == due);
            if is_open && now < due + patience {
                return;
            }
            self.under_way.pop_front();
            if is_open {
                self.connections.remove(&token);
                self.outcome.late += u64::from(due >= begin);
            }
        }
    }

    fn ready(&mut self, token: u64, begin: Instant, patience: Duration) {
        self.send(token);
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut buffer = [0; 4096];
        let is_closed = loop {
            match socket::receive(connection.fd.as_raw_fd(), &mut buffer) {
                Ok(Some(0)) | Err(_) => break true,
                Ok(None) => break false,
                Ok(Some(count)) => connection.answer.extend_from_slice(&buffer[..count]),
            }
        };
        let status = complete(&connection.answer);
        if let (Some(status), Some((due, is_critical))) = (status, connection.request) {
            connection.request = None;
            let took = due.elapsed();
            if due >= begin {
                let is_in_time = status == 200 && took <= patience;
                self.outcome.in_time += u64::from(is_in_time);
                self.outcome.critical_in_time += u64::from(is_in_time && is_critical);
                self.outcome.refused += u64::from(status != 200);
                self.outcome.late += u64::from(status == 200 && !is_in_time);
                if status == 200 {
                    self.outcome.times.push(took);
                }
            }
            if !is_closed {
                self.free.push(token);
                return;
            }
        }
        if is_closed {
            let had = self.connections.remove(&token).and_then(|it| it.request);
            // Closed instead of an answer: a refusal in fewer words.
            self.outcome.refused += u64::from(had.is_some_and(|(due, _)| due >= begin));
            self.free.retain(|free| *free != token);
        }
    }
}

/// The status of an answer, once all of it is there.
fn complete(answer: &[u8]) -> Option<u16> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    (answer.len() >= end + length.unwrap_or(0)).then(|| head.get(9..12)?.parse().ok())?
}
