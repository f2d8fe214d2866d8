//! Clients and origin: plain blocking sockets, strictly in turns. Requests out, origin answers, answers in.
//!
//! Knows just enough of HTTP to see where a message of known length ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::shape::Shape;

/// Nothing on loopback takes that long, not even under valgrind: who waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// A socket for the origin, on a free port.
pub fn origin() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Client connections, and the upstream connections that the gateway has opened for them.
pub struct Traffic {
    origin: TcpListener,
    clients: Vec<Peer>,
    upstreams: Vec<Peer>,
    /// Waited for before anything is sent. Where the worker is asleep by then, it does the same every time.
    pub pause: Duration,
}

impl Traffic {
    /// So many connections to a gateway in front of `origin`, each with nothing sent yet.
    pub fn connect(gateway: SocketAddr, origin: TcpListener, count: usize) -> Self {
        let clients = (0..count).map(|_| Peer::new(TcpStream::connect(gateway).expect("it listens")));
        Self { origin, clients: clients.collect(), upstreams: Vec::new(), pause: Duration::ZERO }
    }

    /// One exchange on every connection, all at once.
    pub fn exchange(&mut self, shape: &Shape) {
        std::thread::sleep(self.pause);
        for client in &mut self.clients {
            client.send(&shape.request);
        }
        for at in 0..self.clients.len() {
            if at == self.upstreams.len() {
                self.upstreams.push(Peer::new(self.origin.accept().expect("the gateway connects").0));
            }
            self.upstreams[at].take_message(shape.request_body_bytes);
        }
        std::thread::sleep(self.pause);
        for upstream in &mut self.upstreams {
            upstream.send(&shape.answer);
        }
        for client in &mut self.clients {
            client.take_message(shape.answer_body_bytes);
            assert!(client.buffer.starts_with(b"HTTP/1.1 200 "), "{:?}", client.head());
        }
    }
}

/// The other end of one of the gateway's connections.
struct Peer {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Peer {
    fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a TCP socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("more than nothing");
        Self { socket, buffer: Vec::with_capacity(128 * 1024) }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the gateway reads");
    }

    /// Reads one message with a body of so many bytes, its framing included. It stays in the buffer.
    fn take_message(&mut self, body_bytes: usize) {
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => panic!("the gateway closed a connection after {:?}", self.head()),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error} after {:?}", self.head()),
            }
            let end = memchr::memmem::find(&self.buffer, b"\r\n\r\n").map(|at| at + 4 + body_bytes);
            if let Some(end) = end.filter(|&end| self.buffer.len() >= end) {
                assert_eq!(self.buffer.len(), end, "bytes behind the message");
                return;
            }
        }
    }

    fn head(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(300)]).into_owned()
    }
}
