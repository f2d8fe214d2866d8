//! What is not plain HTTP: PROXY headers in front of connections, and connections that are carried as they are.

mod proxy_faults;
mod proxy_in;
mod proxy_out;
mod proxy_peers;
mod raw;
mod raw_drain;
mod raw_peers;
mod server_name;

use crate::harness::{Setup, Wire};

/// A gateway that takes PROXY headers from the loopback, before an origin.
fn behind_proxy(origin: std::net::SocketAddr) -> Setup {
    Setup::before(origin).listener("proxy_protocol: {from: [127.0.0.0/8]}")
}

/// The header that speaks for this client, version 1.
fn v1(client: &str) -> String {
    format!("PROXY TCP4 {client} 203.0.113.1 40000 443\r\n")
}

/// Version 2, with this command, family and content.
fn v2(command: u8, family: u8, content: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend((content.len() as u16).to_be_bytes());
    header.extend(content);
    header
}

/// Reads until the other side has finished sending.
fn rest(wire: &mut Wire) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let piece = wire.body_piece();
        if piece.is_empty() {
            return all;
        }
        all.extend(piece);
    }
}
