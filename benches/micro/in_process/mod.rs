//! The gateway inside this process, with its clients and its origin played by the calling thread.
//!
//! One worker, plain blocking sockets, strictly in turns: requests out, origin answers, answers in. So every run does
//! the same things in the same order, which is what counting needs. Used by `benches/micro/instructions` and
//! `tests/alloc.rs`; it measures nothing itself.

pub mod shape;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ringgate::config::secret::Environment;
use ringgate::control::check::load_and_compile_text;
use ringgate::control::config::DriverConfig;
use ringgate::control::gateway::Gateway;
use ringgate::rt::affinity::allowed_cpus;
use ringgate::rt::driver::Driver;

use shape::Shape;

/// Nothing on loopback takes that long, not even under valgrind: who waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running gateway with one worker, and a socket for its origin.
pub struct Stage {
    runtime: tokio::runtime::Runtime,
    gateway: Gateway,
    origin: TcpListener,
}

/// Whether the access log is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// No line is written.
    Off,
    /// Every exchange is logged.
    On,
}

impl Stage {
    /// Starts a gateway as it comes, with kept-alive connections on both sides.
    pub fn start(driver: DriverConfig, log: Log) -> Self {
        let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = origin.local_addr().expect("it is bound");
        let text = configuration(endpoint, log);
        let environment = Environment::default();
        let (loaded, snapshot) = load_and_compile_text("stage.yaml", &text, &environment, 1)
            .unwrap_or_else(|wrong| panic!("{wrong}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let starting = Gateway::start(&loaded.config, snapshot, &environment, driver);
        let gateway = runtime.block_on(starting).unwrap_or_else(|error| panic!("{error}"));
        Self { runtime, gateway, origin }
    }

    /// What the worker runs on.
    pub fn driver(&self) -> Driver {
        self.gateway.driver
    }

    /// Opens so many client connections, each with nothing sent yet.
    pub fn connect(&self, count: usize) -> Traffic<'_> {
        let (_, address) = self.gateway.listeners[0];
        let clients = (0..count).map(|_| Peer::new(TcpStream::connect(address).expect("it listens")));
        Traffic { origin: &self.origin, clients: clients.collect(), upstreams: Vec::new() }
    }

    /// Drains the gateway and ends its threads.
    pub fn stop(self) {
        self.runtime.block_on(self.gateway.stop());
    }
}

fn configuration(endpoint: SocketAddr, log: Log) -> String {
    let cpu = allowed_cpus().first().copied().unwrap_or(0);
    let log = if log == Log::On { "access_log: {to: /dev/null}" } else { "" };
    format!(
        "workers: {{cpus: [{cpu}]}}\n\
         listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         limits: {{keepalive_requests: 1000000000}}\n\
         {log}\n\
         clusters: {{origin: {{endpoints: ['{endpoint}'], pool: {{idle: 64}}}}}}\n\
         routes:\n  \
           - name: items\n    match: {{path: '/api/v1/items/{{id}}'}}\n    cluster: origin\n    \
             policies:\n      \
               request_limits: {{header_count: 50, path_bytes: 2KiB}}\n      \
               headers: {{request: {{set: {{x-via: ringgate}}}}, response: {{remove: [server]}}}}\n  \
           - name: rest\n    match: {{prefix: /}}\n    cluster: origin\n"
    )
}

/// Client connections, and the upstream connections that the gateway has opened for them.
pub struct Traffic<'a> {
    origin: &'a TcpListener,
    clients: Vec<Peer>,
    upstreams: Vec<Peer>,
}

impl Traffic<'_> {
    /// One exchange on every connection, all at once.
    pub fn exchange(&mut self, shape: &Shape) {
        for client in &mut self.clients {
            client.send(&shape.request);
        }
        for at in 0..self.clients.len() {
            if at == self.upstreams.len() {
                self.upstreams.push(Peer::new(self.origin.accept().expect("the gateway connects").0));
            }
            self.upstreams[at].take_message(shape.request_body_bytes);
        }
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
