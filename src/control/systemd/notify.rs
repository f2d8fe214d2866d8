//! Telling the service manager how the service is (sd_notify(3)).
//!
//! Owns one datagram socket. It never blocks and never fails: a manager that does not listen is its own problem,
//! the traffic goes on.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Where to tell. Without a service manager it is silent.
#[derive(Debug, Default)]
pub struct Notifier(Option<(UnixDatagram, SocketAddr)>);

impl Notifier {
    /// `address` is a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// When it is neither, or no socket can be had.
    pub fn new(address: Option<&str>) -> Result<Self, String> {
        let Some(address) = address else { return Ok(Self(None)) };
        let target = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None if address.starts_with('/') => SocketAddr::from_pathname(address),
            None => return Err(format!("NOTIFY_SOCKET: `{address}` is neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        match (socket, target) {
            (Ok(socket), Ok(target)) => Ok(Self(Some((socket, target)))),
            (Err(error), _) | (_, Err(error)) => Err(format!("NOTIFY_SOCKET: {error}")),
        }
    }

    /// True if there is somebody to tell.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// The service serves.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// The service ends, within `bound`: the manager's own patience is extended to that.
    pub fn stopping(&self, status: &str, bound: Duration) {
        let usec = bound.as_micros();
        self.send(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={usec}\nSTATUS={}", one_line(status)));
    }

    /// How it is, in one line that `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", one_line(status)));
    }

    /// It is alive.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, state: &str) {
        if let Some((socket, target)) = &self.0 {
            let _ = socket.send_to_addr(state.as_bytes(), target);
        }
    }
}

/// A line end would begin another variable.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut datagram = [0; 4096];
        let length = socket.recv(&mut datagram).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    }

    #[test]
    fn tells_a_socket_with_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(path.to_str()).unwrap();
        notifier.ready("two\nlines");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=two lines");
        notifier.stopping("ending", Duration::from_secs(2));
        assert_eq!(heard(&manager), "STOPPING=1\nEXTEND_TIMEOUT_USEC=2000000\nSTATUS=ending");
    }

    #[test]
    fn tells_a_socket_with_an_abstract_name() {
        let name = format!("ringgate-notify-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Notifier::new(Some(&format!("@{name}"))).unwrap().alive();
        assert_eq!(heard(&manager), "WATCHDOG=1");
    }

    #[test]
    fn refuses_an_address_it_does_not_know() {
        assert!(Notifier::new(Some("vsock:2:1234")).unwrap_err().contains("vsock"));
    }

    #[test]
    fn is_silent_where_nobody_asked_and_where_nobody_listens() {
        assert!(!Notifier::new(None).unwrap().is_heard());
        Notifier::new(Some("/nowhere/at/all")).unwrap().alive();
    }
}
