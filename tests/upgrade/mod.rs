//! Connections that switch protocols: WebSocket of the `websockets` library, raw handshakes, other protocols.

mod autobahn;
mod drain;
mod explain;
mod handshake;
mod idle;
mod other;
mod pressure;
mod websocket;

use std::net::SocketAddr;

use crate::harness::{FaultOrigin, Gateway, Process, Setup, python_beside};

/// What a client sends; the key is that of RFC 6455 1.3.
const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// What answers it.
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A WebSocket origin of the `websockets` library.
fn origin() -> (Process, SocketAddr) {
    let process = python_beside("ws_origin.py", &[]);
    let line = process.line("listening ");
    let port = line.trim_start_matches("listening ").parse().expect("a port");
    (process, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A client that opens connections and waits for their end.
fn staying(gateway: &Gateway, path: &str, count: usize) -> Process {
    let address = gateway.public();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let client = python_beside("ws_client.py", &[&host, &port, "stay", path, &count.to_string()]);
    client.line("open");
    client
}

/// An origin that switches every connection and echoes what comes then.
fn echo(switch: &'static str) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        if dialogue.head().is_some() && dialogue.send(switch) {
            while let Some(piece) = dialogue.piece() {
                dialogue.send(piece);
            }
        }
    })
}

/// A gateway before it, with these lines for the route.
fn before(origin: &FaultOrigin, route: &str) -> Gateway {
    Setup::before(origin.address()).route(route).start()
}
