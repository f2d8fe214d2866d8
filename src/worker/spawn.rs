//! Starting a worker, and its loop: deadlines, commands, housekeeping, drain.
//!
//! The loop wakes once a tick; traffic does not pass through it.

use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::policy::ground::{Bench, Provisions};
use crate::proxy::access_log::AccessLog;
use crate::proxy::installed::Installed;
use crate::proxy::local::Local;
use crate::proxy::snapshot::Snapshot;
use crate::route::table::{RouteIndex, Table};
use crate::rt::deadline::TICK_MS;
use crate::rt::driver::{self, Driver};
use crate::rt::say::say;
use crate::rt::{affinity, clock};
use crate::shared::frozen::Frozen;
use crate::shared::line_ring::LineWriter;
use crate::shared::mailbox::Mailbox;
use crate::shared::pinned::Pinned;
use crate::shared::published::Published;
use crate::telemetry::registry::Registry;
use crate::worker::command::Command;
use crate::worker::doors::Doors;
use crate::worker::install::Installer;
use crate::worker::letters::{self, take_letters};
use crate::worker::placement::{Neighbours, Placement, connections_max, take_over};
use crate::worker::pulse::Pulse;
use crate::worker::strain;

/// Ticks between two rounds of housekeeping: about a second.
const TICKS_PER_ROUND: u64 = 50;

/// Everything a worker is started with.
pub struct Seat {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// CPU to pin it to; None leaves it to the scheduler.
    pub cpu: Option<u16>,
    /// How it waits for the kernel.
    pub driver: Driver,
    /// Client connections it may have, so that descriptors are left for upstream ones.
    pub connections_max: u32,
    /// Its listening sockets, each with its listener's place.
    pub sockets: Vec<(usize, StdListener)>,
    /// What it runs first.
    pub snapshot: Frozen<Snapshot>,
    /// Its routers, one per listener.
    pub tables: Frozen<Vec<Table>>,
    /// Where it tells what former generations still carry.
    pub pinned: Published<Vec<Pinned>>,
    /// Where it counts.
    pub registry: Frozen<Registry>,
    /// What control tells it.
    pub mailbox: Mailbox<Command>,
    /// The other workers, and itself.
    pub neighbours: Neighbours,
    /// What its policies share with control and with other workers.
    pub provisions: Provisions,
    /// Its end of the access log.
    pub log: LineWriter,
}

/// Starts the thread. It ends after a drain, or with the reason why it could not start.
pub fn spawn(seat: Seat) -> io::Result<JoinHandle<io::Result<()>>> {
    Builder::new().name(format!("ringgate-w{}", seat.index)).spawn(move || {
        if let Some(cpu) = seat.cpu
            && !affinity::pin_to(cpu)
        {
            say(format_args!(
                "worker {}: cannot be pinned to CPU {cpu}; it runs where the kernel puts it",
                seat.index
            ));
        }
        driver::run(seat.driver, work(seat))?
    })
}

async fn work(seat: Seat) -> io::Result<()> {
    let registry = seat.registry.clone();
    let bench = Bench::new(seat.index, seat.count, seat.provisions);
    let installed = Installed::build(seat.snapshot.clone(), seat.tables, &registry, bench.clone());
    let sample = seat.snapshot.access_log.as_ref().map_or(0.0, |log| log.sample);
    let access_log = AccessLog::new(seat.log, sample, clock::nanos());
    let local = Local::new(bench.clone(), installed, registry.worker(seat.index), access_log);
    local.connections_max.set(i64::from(seat.connections_max));
    let placement = Placement::new(seat.index, seat.neighbours);
    placement.publish(&local);
    monoio::spawn(take_over(local.clone(), placement.clone()));
    monoio::spawn(take_letters(bench.clone()));
    monoio::spawn(strain::watch(local.clone()));
    let mut pulse = Pulse::new(&local.metrics);
    let doors = Rc::new(Doors::default());
    for (at, socket) in seat.sockets {
        doors.open(&local, &placement, at, socket);
    }
    let installer =
        Installer::new(registry.clone(), local.clone(), placement.clone(), doors.clone(), seat.pinned);
    local.metrics.generation.set(seat.snapshot.generation as i64);
    // Control alone decides how long a generation is kept.
    drop(seat.snapshot);
    let mut drain_by_ms = u64::MAX;
    let mut was_closed = false;
    for tick in 0_u64.. {
        monoio::time::sleep(Duration::from_millis(TICK_MS)).await;
        local.metrics.ticks.add(1);
        let now_ms = clock::coarse_ms();
        local.deadlines.advance(now_ms);
        if seat.mailbox.is_waiting() {
            for command in seat.mailbox.drain() {
                match command {
                    Command::Install(install) => installer.take(*install),
                    Command::Close(at) => {
                        doors.close(at);
                        local.close_listener(at);
                    }
                    Command::Expire(generation) => installer.expire(generation),
                    Command::Dump(dump) => local.recording.answer(dump),
                    Command::Drain => {
                        let limit = local.installed().snapshot.limits.drain_timeout;
                        drain_by_ms = now_ms + limit.as_millis() as u64;
                        doors.close_all();
                        local.drain();
                        placement.close(&local);
                    }
                }
            }
        }
        letters::take_in(&bench);
        bench.tick();
        pulse.beat(tick, &local.metrics);
        placement.take_in(&local);
        placement.publish(&local);
        keep_house(&local, &installer, &registry, tick, now_ms);
        // The listening sockets close with the turn after their tasks have ended: until then clients could still
        // connect to a socket that nobody serves.
        let is_empty = local.metrics.connections_active.get() == 0;
        if was_closed && (is_empty || now_ms >= drain_by_ms) {
            bench.fleet.close();
            return Ok(());
        }
        was_closed = local.is_draining.get() && doors.are_closed();
    }
    Ok(())
}

fn keep_house(local: &Rc<Local>, installer: &Rc<Installer>, registry: &Registry, tick: u64, now_ms: u64) {
    local.metrics.connections_max.set(connections_max(local));
    local.metrics.buffers_leased.set(local.pool.leased() as i64);
    local.metrics.buffers_free_bytes.set(local.pool.free_bytes() as i64);
    local.installed().refresh_clusters(registry);
    local.installed().tick(now_ms);
    local.installed().yield_idle();
    if tick.is_multiple_of(TICKS_PER_ROUND) {
        let busy = &local.metrics.cpu_nanos;
        busy.add(clock::thread_cpu_nanos().saturating_sub(busy.get()));
        local.installed().sweep(now_ms);
        installer.keep_house();
    }
}

/// A router for each listener.
pub fn tables(snapshot: &Snapshot) -> Result<Vec<Table>, String> {
    let of_listener = |served: &Vec<u32>| {
        let routes: Vec<_> = served
            .iter()
            .map(|&index| (RouteIndex(index), &snapshot.routes[index as usize].matches))
            .collect();
        Table::build(&routes).map_err(|error| {
            format!("routes[{}].match.{}: {}", error.route.0, error.error.at, error.error.reason)
        })
    };
    snapshot.served.iter().map(of_listener).collect()
}
