//! The sockets of a configuration: bound here, or passed by a service manager.
//!
//! Owns who gets which socket: every listener has one for each worker, the operator's listener has one. What is
//! bound here is bound before any worker starts, so that a taken address stops the start.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::config::Config;
use super::gateway::StartError;
use super::systemd::sockets::{PassedSocket, Place, assign};
use crate::net::listener::{bind_for_workers, is_taken};
use crate::net::passed::{Passed, Sharing};

/// How long an address may still be held by a process that has ended.
const TAKEN_PATIENCE: Duration = Duration::from_secs(2);

/// The name under which a socket can be passed for the operator's listener.
pub const ADMIN: &str = "admin";

/// All sockets of a gateway.
#[derive(Debug, Default)]
pub struct Bound {
    /// Listeners by name, with the addresses they really have.
    pub listeners: Vec<(String, SocketAddr)>,
    /// Listening sockets of each worker, one for each listener.
    pub by_worker: Vec<Vec<TcpListener>>,
    /// The operator's, if it was passed; else it is bound when all workers serve.
    pub admin: Option<TcpListener>,
    /// What an operator should know of passed sockets.
    pub remarks: Vec<String>,
}

/// Binds every listener for every worker, but for those that were passed.
///
/// # Errors
/// When an address cannot be had, or a passed socket belongs to no listener.
pub fn bind_all(config: &Config, workers: usize, passed: Vec<PassedSocket>) -> Result<Bound, StartError> {
    let mut places: Vec<Place> = config
        .listeners
        .iter()
        .map(|listener| Place { name: listener.name.clone(), addr: listener.address.get() })
        .collect();
    let admin = config.admin.as_ref();
    places.extend(admin.map(|admin| Place { name: ADMIN.to_owned(), addr: admin.address.get() }));
    let mut given = assign(passed, &places).map_err(StartError::Missing)?;
    let mut bound = Bound { by_worker: (0..workers).map(|_| Vec::new()).collect(), ..Bound::default() };
    if admin.is_some() {
        bound.admin = given.pop().flatten().map(Passed::into_listener);
    }
    for ((listener, place), passed) in config.listeners.iter().zip(&places).zip(given) {
        let error = |reason| StartError::Bind { name: place.name.clone(), addr: place.addr, reason };
        let sockets = match passed {
            Some(passed) => {
                bound.remarks.extend(moved(place, passed.addr()));
                let (sockets, sharing) = passed
                    .for_workers(listener.backlog, workers)
                    .map_err(|failure| error(failure.to_string()))?;
                bound.remarks.push(shared(&place.name, sharing, workers));
                sockets
            }
            None if place.addr.port() != 0 && stays_taken(place.addr) => {
                return Err(error("another process listens there already".to_owned()));
            }
            None => bind_for_workers(place.addr, listener.backlog, workers)
                .map_err(|failure| error(failure.to_string()))?,
        };
        bound.listeners.push((place.name.clone(), sockets[0].local_addr()?));
        for (worker, socket) in bound.by_worker.iter_mut().zip(sockets) {
            worker.push(socket);
        }
    }
    Ok(bound)
}

fn moved(place: &Place, addr: SocketAddr) -> Option<String> {
    let is_moved = place.addr != addr && place.addr.port() != 0;
    is_moved.then(|| {
        format!(
            "listener `{}`: the socket passed under this name is bound to {addr}, not to {} as configured; it is \
             {addr}",
            place.name, place.addr
        )
    })
}

fn shared(name: &str, sharing: Sharing, workers: usize) -> String {
    let how = match sharing {
        Sharing::OneSocket if workers > 1 => "one socket for all workers",
        Sharing::OneSocket => "the worker's socket",
        Sharing::Beside => "the first worker's socket, the others have their own beside it",
    };
    format!("listener `{name}`: passed by the service manager; {how}")
}

/// A gateway that has just ended holds its sockets a moment longer: the kernel takes its rings apart behind it.
fn stays_taken(addr: SocketAddr) -> bool {
    let by = Instant::now() + TAKEN_PATIENCE;
    while is_taken(addr) {
        if Instant::now() > by {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
