//! Sockets passed by the service manager, and whose they are.
//!
//! Owns the taking of the descriptors and the matching: by name first (`FileDescriptorName=`), then by address. A
//! socket that nobody wants is an error, because its clients would wait for ever.

use std::net::SocketAddr;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use crate::net::passed::Passed;

/// The first passed descriptor, SD_LISTEN_FDS_START.
const FIRST: RawFd = 3;

/// A listening socket and the name it was passed under.
#[derive(Debug)]
pub struct PassedSocket {
    /// `FileDescriptorName=`, or the name of the socket's unit.
    pub name: String,
    /// The socket.
    pub socket: Passed,
}

/// A place of the configuration that a socket may be meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The listener's name; `admin` for the operator's.
    pub name: String,
    /// Where it is to listen.
    pub addr: SocketAddr,
}

/// Takes one descriptor for each name, from 3 on.
pub(super) fn take(names: Vec<String>) -> Result<Vec<PassedSocket>, String> {
    let named = names.into_iter().zip(FIRST..);
    named.map(|(name, fd)| take_one(name, fd)).collect()
}

fn take_one(name: String, fd: RawFd) -> Result<PassedSocket, String> {
    // SAFETY: F_GETFD takes no pointer and changes nothing; a number that is no descriptor is an error.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(format!("LISTEN_FDS: descriptor {fd} is not open"));
    }
    // SAFETY: it is open, and LISTEN_FDS with our own pid says that it is ours; it is taken once.
    let fd_owned = unsafe { OwnedFd::from_raw_fd(fd) };
    match Passed::adopt(fd_owned) {
        Ok(socket) => Ok(PassedSocket { name, socket }),
        Err(reason) => Err(format!("LISTEN_FDS: descriptor {fd}{} {reason}", in_quotes(&name))),
    }
}

/// Gives each socket to its place: the result has an entry for every place.
///
/// # Errors
/// When a socket fits no place, or two fit one.
pub fn assign(sockets: Vec<PassedSocket>, places: &[Place]) -> Result<Vec<Option<Passed>>, String> {
    let mut given: Vec<Option<Passed>> = places.iter().map(|_| None).collect();
    for PassedSocket { name, socket } in sockets {
        let addr = socket.addr();
        let by_name = places.iter().position(|place| place.name == name);
        let by_addr = places.iter().position(|place| place.addr == addr);
        let Some(index) = by_name.or(by_addr) else { return Err(unwanted(&name, addr, places)) };
        if given[index].is_some() {
            return Err(format!(
                "two sockets were passed for listener `{}`; one is enough",
                places[index].name
            ));
        }
        given[index] = Some(socket);
    }
    Ok(given)
}

fn unwanted(name: &str, addr: SocketAddr, places: &[Place]) -> String {
    let known: Vec<String> = places.iter().map(|place| format!("{} {}", place.name, place.addr)).collect();
    format!(
        "a socket bound to {addr}{} was passed, but no listener has this address or name (there is: {}); give a \
         listener `address: \"{addr}\"`, or set FileDescriptorName= in the .socket unit to the listener's name",
        in_quotes(name),
        known.join(", ")
    )
}

fn in_quotes(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" (`{name}`)") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn passed(name: &str) -> PassedSocket {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        PassedSocket { name: name.to_owned(), socket: Passed::adopt(listener.into()).unwrap() }
    }

    fn place(name: &str, addr: SocketAddr) -> Place {
        Place { name: name.to_owned(), addr }
    }

    fn elsewhere() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }

    #[test]
    fn a_socket_goes_where_its_address_is_configured() {
        let socket = passed("ringgate.socket");
        let addr = socket.socket.addr();
        let given = assign(vec![socket], &[place("a", elsewhere()), place("b", addr)]).unwrap();
        assert!(given[0].is_none());
        assert_eq!(given[1].as_ref().map(Passed::addr), Some(addr));
    }

    #[test]
    fn a_name_goes_before_an_address() {
        let (first, second) = (passed("b"), passed("a"));
        let places = [place("a", first.socket.addr()), place("b", elsewhere())];
        let (first_addr, second_addr) = (first.socket.addr(), second.socket.addr());
        let given = assign(vec![first, second], &places).unwrap();
        let addrs: Vec<_> = given.iter().map(|socket| socket.as_ref().map(Passed::addr)).collect();
        assert_eq!(addrs, [Some(second_addr), Some(first_addr)]);
    }

    #[test]
    fn a_socket_nobody_wants_is_an_error_with_a_hint() {
        let socket = passed("web");
        let addr = socket.socket.addr().to_string();
        let reason = assign(vec![socket], &[place("public", elsewhere())]).unwrap_err();
        for word in [&*addr, "web", "public 127.0.0.1:1", "FileDescriptorName="] {
            assert!(reason.contains(word), "nothing of {word}: {reason}");
        }
    }

    #[test]
    fn two_sockets_for_one_listener_are_an_error() {
        let reason = assign(vec![passed("a"), passed("a")], &[place("a", elsewhere())]).unwrap_err();
        assert!(reason.contains("two sockets"), "{reason}");
    }

    #[test]
    fn a_number_that_is_no_descriptor_is_refused() {
        assert!(take_one("x".to_owned(), 9_999).unwrap_err().contains("not open"));
    }
}
