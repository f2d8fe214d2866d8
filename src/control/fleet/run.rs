//! The task between workers and the server: batches out, answers back, and what happens when the server is away.
//!
//! A batch that may have been counted is sent again under its number until somebody says so; one that has certainly not
//! left goes back to its worker. So nothing is counted twice and nothing is lost but with the process.

use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::FleetDesk;
use super::kept::Count;
use super::link::{Link, Way};
use crate::control::http_client::backoff::{Backoff, seed};
use crate::policy::post::{Letter, Post};
use crate::policy::rate::fleet::{AccountId, Batch, Heard, Looked, Told};
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::asking::Asked;
use crate::shared::level::Level;

/// Between two signs of life, and two looks at whether quotas are to be written.
const BEAT: Duration = Duration::from_secs(1);
/// Longest wait before connecting again: an outage is over for this host so long after it is over.
const RECONNECT_MAX: Duration = Duration::from_secs(2);

/// Between two batches where there is no server: how late a quota is known to this host's files.
const SYNC_MS: u64 = 100;

/// Counts until no worker can tell anything any more.
pub async fn run(desk: FleetDesk, mut asked: Asked<Told>, post: Post, workers: usize) {
    let mut way = desk.0.way.subscribe();
    let mut office = Office::new(desk, post, workers);
    let first = way.borrow_and_update().clone();
    office.turn_to(first);
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            told = asked.next() => match told {
                Some(told) => office.take(told),
                None => return office.close().await,
            },
            Some(flight) = office.flights.join_next() => match flight {
                Ok(flight) => office.landed(flight),
                Err(error) => say_at(Level::Error, format_args!("fleet: a batch was lost: {error}")),
            },
            opened = opened(&mut office.opening) => office.connected(opened),
            Ok(()) = way.changed() => {
                let way = way.borrow_and_update().clone();
                office.turn_to(way);
            }
            _ = beat.tick() => office.beat(),
        }
    }
}

/// The connection that is being made, once it is made or has failed. Never, where there is none.
async fn opened(opening: &mut Option<JoinHandle<Result<Link, String>>>) -> Result<Link, String> {
    let Some(task) = opening else { return std::future::pending().await };
    let opened = task.await.unwrap_or_else(|error| Err(error.to_string()));
    *opening = None;
    opened
}

/// What the task has.
struct Office {
    desk: FleetDesk,
    post: Post,
    workers: usize,
    way: Option<Way>,
    link: Option<Link>,
    /// Which link this is, so that what an older one failed at does not break it.
    links: u64,
    opening: Option<JoinHandle<Result<Link, String>>>,
    flights: JoinSet<Flight>,
    /// Batches that may have been counted or not.
    uncertain: Vec<Told>,
    /// Answers to workers that could take no letter.
    late: Vec<(usize, Heard)>,
    backoff: Backoff,
    is_lost: bool,
}

/// Something that has come back from the server.
struct Flight {
    link: u64,
    told: Option<Told>,
    took: Duration,
    outcome: Result<Looked, String>,
}

impl Office {
    fn new(desk: FleetDesk, post: Post, workers: usize) -> Self {
        let backoff = Backoff::new(seed(&desk.0.host), RECONNECT_MAX);
        Self {
            desk,
            post,
            workers,
            way: None,
            link: None,
            links: 0,
            opening: None,
            flights: JoinSet::new(),
            uncertain: Vec::new(),
            late: Vec::new(),
            backoff,
            is_lost: false,
        }
    }

    /// Another server, or none.
    fn turn_to(&mut self, way: Option<Way>) {
        if let Some(opening) = self.opening.take() {
            opening.abort();
        }
        (self.link, self.way, self.is_lost) = (None, way, false);
        self.figures().connected.set(0);
        self.figures().hosts.set(i64::from(self.way.is_none()));
        self.desk.lock().wrong = None;
        self.backoff.succeeded();
        let turned = self.way.as_ref().map_or((SYNC_MS, 1), |way| (way.sync_ms, way.hosts));
        for worker in 0..self.workers {
            self.answer(worker, Heard::Turned { sync_ms: turned.0, hosts: turned.1 });
        }
        if self.way.is_some() {
            self.open_after(Duration::ZERO);
        } else {
            std::mem::take(&mut self.uncertain).into_iter().for_each(|told| self.take(told));
        }
    }

    fn open_after(&mut self, pause: Duration) {
        let (Some(way), host) = (self.way.clone(), self.desk.0.host.clone()) else { return };
        self.opening = Some(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let link = Link::open(&way, &host).await?;
            // Only what answers is a server.
            link.beat().await.map(|_| link)
        }));
    }

    fn connected(&mut self, opened: Result<Link, String>) {
        let link = match opened {
            Ok(link) => link,
            Err(reason) => return self.lost(&reason),
        };
        self.links += 1;
        self.link = Some(link);
        self.backoff.succeeded();
        self.figures().connected.set(1);
        self.desk.lock().wrong = None;
        if std::mem::take(&mut self.is_lost) {
            say_at(Level::Info, format_args!("fleet: the server answers again"));
        }
        for told in std::mem::take(&mut self.uncertain) {
            self.send(told);
        }
        self.beat();
    }

    /// The server is away, or was never there. Said once.
    fn lost(&mut self, reason: &str) {
        let figures = self.desk.figures();
        figures.errors.add(1);
        if self.link.take().is_some() {
            figures.losses.add(1);
        }
        figures.connected.set(0);
        self.desk.lock().wrong = Some(reason.to_owned());
        if !std::mem::replace(&mut self.is_lost, true) {
            let address = self.way.as_ref().map_or("", |way| &way.redis.address);
            say_at(
                Level::Warn,
                format_args!("fleet: {address}: {reason}; this host goes on with its share of each limit"),
            );
        }
        if self.opening.is_none() {
            let pause = self.backoff.failed();
            self.open_after(pause);
        }
    }

    /// A worker has told something.
    fn take(&mut self, told: Told) {
        let figures = self.desk.figures();
        figures.waiting.set(told.waiting as i64);
        figures.untold.set(told.untold.cast_signed());
        if self.way.is_none() {
            let looked = self.desk.lock().kept.count(&told.batch, unix_ms);
            self.answer(told.worker, Heard::Looked(looked));
        } else if self.link.is_some() {
            self.send(told);
        } else {
            figures.unsent.add(1);
            self.keep(&told.batch, None);
            self.answer(told.worker, Heard::Unsent(told.batch.number));
        }
    }

    fn send(&mut self, mut told: Told) {
        let Some(link) = self.link.clone() else { return self.uncertain.push(told) };
        let at = self.links;
        let names = {
            let state = self.desk.lock();
            for spent in told.batch.spent.iter_mut().filter(|spent| spent.is_kept) {
                // What was written before a restart counts where the server has forgotten it.
                spent.known = spent.known.max(state.kept.level(&spent.id) - spent.amount);
            }
            told.batch
                .spent
                .iter()
                .map(|spent| name(&state.name(spent.id.limit), &spent.id))
                .collect::<Vec<_>>()
        };
        self.flights.spawn(async move {
            let began = Instant::now();
            let outcome = link.count(told.worker, &told.batch, &names, clock::coarse_ms()).await;
            Flight { link: at, told: Some(told), took: began.elapsed(), outcome }
        });
    }

    fn landed(&mut self, flight: Flight) {
        let Flight { link, told, took, outcome } = flight;
        let looked = match outcome {
            Ok(looked) => looked,
            Err(reason) => {
                self.uncertain.extend(told);
                if link == self.links && self.link.is_some() {
                    self.lost(&reason);
                } else if self.link.is_some() {
                    std::mem::take(&mut self.uncertain).into_iter().for_each(|told| self.send(told));
                }
                return;
            }
        };
        let figures = self.desk.figures();
        figures.heard_ms.set(clock::coarse_ms().cast_signed());
        figures.hosts.set(i64::from(looked.hosts));
        figures.round_trip.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let Some(told) = told else {
            (0..self.workers).for_each(|worker| self.answer(worker, Heard::Hosts(looked.hosts)));
            return;
        };
        figures.batches.add(1);
        figures.accounts.add(told.batch.spent.len() as u64);
        for (spent, level) in told.batch.spent.iter().zip(&looked.levels) {
            let others = (level - spent.known - spent.amount).max(0.0);
            figures.others.add(others as u64);
            figures.over.add((level - spent.size as f64).clamp(0.0, others) as u64);
        }
        self.keep(&told.batch, Some(&looked));
        self.answer(told.worker, Heard::Looked(looked));
    }

    /// Takes note of what has been used of quotas.
    fn keep(&self, batch: &Batch, looked: Option<&Looked>) {
        let mut state = self.desk.lock();
        for (at, spent) in batch.spent.iter().enumerate().filter(|(_, spent)| spent.is_kept) {
            let guessed = (spent.known + spent.amount).max(0.0);
            let level = looked.and_then(|looked| looked.levels.get(at).copied()).unwrap_or(guessed);
            let count = Count { level, size: spent.size, ends_unix_ms: unix_ms(spent.ends_ms) };
            state.kept.raise(&spent.id, count);
        }
    }

    fn answer(&mut self, worker: usize, heard: Heard) {
        let Err(Letter::Fleet(heard)) = self.post.send(worker, Letter::Fleet(heard)) else { return };
        // Its worker waits for that, unless it has stopped: one such answer for each at most.
        if !matches!(heard, Heard::Hosts(_)) {
            self.late.push((worker, heard));
        }
    }

    fn beat(&mut self) {
        std::mem::take(&mut self.late).into_iter().for_each(|(worker, heard)| self.answer(worker, heard));
        if let Some(link) = self.link.clone() {
            let at = self.links;
            self.flights.spawn(async move {
                let began = Instant::now();
                let outcome = link.beat().await;
                let outcome = outcome.map(|hosts| Looked { number: 0, hosts, levels: Vec::new() });
                Flight { link: at, told: None, took: began.elapsed(), outcome }
            });
        } else if self.way.is_none() {
            (0..self.workers).for_each(|worker| self.answer(worker, Heard::Hosts(1)));
        }
        self.desk.lock().kept.tidy(clock::wall_ms());
        self.write();
    }

    fn write(&self) {
        if let Err(error) = self.desk.write() {
            let failures = &self.figures().write_failures;
            failures.add(1);
            if failures.get() == 1 {
                say_at(Level::Error, format_args!("quotas: cannot be written: {error}"));
            }
        }
    }

    /// The workers are gone: what they have told last is brought home.
    async fn close(mut self) {
        let rest = async {
            while let Some(flight) = self.flights.join_next().await {
                if let Ok(flight) = flight {
                    self.landed(flight);
                }
            }
            if let Some(link) = &self.link {
                link.leave().await;
            }
        };
        let _ = tokio::time::timeout(BEAT, rest).await;
        self.write();
    }

    fn figures(&self) -> &super::FleetFigures {
        &self.desk.0.figures
    }
}

/// The rest of an account's key on the server.
fn name(limit: &str, id: &AccountId) -> String {
    let key = super::hex(&id.key);
    if id.window == 0 { format!("{limit}:{key}") } else { format!("{limit}:{key}:{}", id.window) }
}

/// A moment of the clock that never goes back, by the calendar.
fn unix_ms(ms: u64) -> u64 {
    (clock::wall_ms() + ms).saturating_sub(clock::coarse_ms())
}
