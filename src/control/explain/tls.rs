//! What a client would meet in its handshake: a handshake in memory with what the workers run.

use std::fmt::Write;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::Question;
use super::tcp::server_name;
use crate::control::tls::any_server;
use crate::net::tls::certificate::Description;
use crate::proxy::snapshot::Snapshot;
use crate::rt::clock;

/// Asked for where the question names nobody: a client sends no name then.
const NOBODY: &str = "192.0.2.1";
/// Flights of a handshake, and some more.
const TURNS_MAX: usize = 16;

/// Tells which protocols are spoken, and over TLS with which certificate.
pub(super) fn tell_protocols(out: &mut String, snapshot: &Snapshot, listener: usize, question: &Question) {
    let Some(tls) = &snapshot.tls[listener] else {
        if snapshot.doors[listener].tcp.is_none() {
            let spoken = if snapshot.doors[listener].http2 {
                "HTTP/1.1, HTTP/2 by prior knowledge"
            } else {
                "HTTP/1.1"
            };
            let _ = writeln!(out, "protocols   {spoken}");
        }
        return;
    };
    let (_, server) = tls.config.load();
    let offered: Vec<_> = server.alpn_protocols.iter().map(|it| String::from_utf8_lossy(it)).collect();
    let _ = writeln!(out, "protocols   TLS, then {}", offered.join(" or "));
    match shake(server.to_arc(), question) {
        Ok(client) => tell_outcome(out, &client),
        Err(error) => {
            let _ = writeln!(out, "handshake   fails: {error}");
        }
    }
}

fn shake(server: Arc<ServerConfig>, question: &Question) -> Result<ClientConnection, rustls::Error> {
    let mut config: ClientConfig = any_server()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = server_name(&question.url).unwrap_or_else(|| NOBODY.to_owned());
    let name = ServerName::try_from(name).map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut client = ClientConnection::new(Arc::new(config), name)?;
    let mut server = ServerConnection::new(server)?;
    let odd = |error: std::io::Error| rustls::Error::General(error.to_string());
    for _ in 0..TURNS_MAX {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).map_err(odd)?;
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).map_err(odd)?;
            server.process_new_packets()?;
        }
        if !client.is_handshaking() && !server.is_handshaking() {
            break;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).map_err(odd)?;
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).map_err(odd)?;
            client.process_new_packets()?;
        }
    }
    Ok(client)
}

fn tell_outcome(out: &mut String, client: &ClientConnection) {
    let version = client.protocol_version().and_then(|it| it.as_str()).unwrap_or("no version");
    let group =
        client.negotiated_key_exchange_group().map_or_else(String::new, |it| format!(", {:?}", it.name()));
    let _ = writeln!(out, "handshake   {version}{group} with a client of today");
    let certificate = client.peer_certificates().and_then(|chain| chain.first());
    let Some(it) = certificate.and_then(|der| Description::read(der)) else { return };
    let days = (it.not_after - (clock::wall_ms() / 1_000) as i64) / (24 * 3600);
    let left = if days < 0 { "expired".to_owned() } else { format!("good for {days} days") };
    let _ = writeln!(out, "certificate {} ({left})", it.names.join(", "));
}
