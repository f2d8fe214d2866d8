//! The handshake, of either side, over a connected stream.
//!
//! Waits for the other side without a bound of its own: the caller bounds the time, and closes the stream by dropping this.
//! Memory is one buffer on lease, and what rustls holds.

use std::rc::Rc;

use rustls::ProtocolVersion;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, HandshakeKind, ServerConfig};

use crate::net::stream::Stream;
use crate::net::tls::certificate::PeerCertificate;
use crate::net::tls::engine::{Engine, Output, Step, begins_with_record};
use crate::net::tls::fault::HandshakeFault;
use crate::net::tls::session::{Facts, Session};
use crate::rt::buffer::{Buffer, Pool, Size};
use crate::shared::frozen::Frozen;

/// Content type of a handshake record, with which every TLS connection begins.
const HANDSHAKE: u8 = 22;

/// Answers a client's handshake.
pub async fn accept(
    stream: Stream,
    config: &Frozen<ServerConfig>,
    pool: &Rc<Pool>,
) -> Result<Stream, (Stream, HandshakeFault)> {
    let outcome = match UnbufferedServerConnection::new(config.to_arc()) {
        Ok(server) => shake(&stream, Engine::Server(server), pool).await,
        Err(error) => Err(HandshakeFault::from(&error)),
    };
    match outcome {
        Ok(session) => Ok(stream.secured(session)),
        Err(fault) => Err((stream, fault)),
    }
}

/// Begins a handshake with a server that is to be `name`.
pub async fn connect(
    stream: Stream,
    config: &Frozen<ClientConfig>,
    name: ServerName<'static>,
    pool: &Rc<Pool>,
) -> Result<Stream, HandshakeFault> {
    let client = UnbufferedClientConnection::new(config.to_arc(), name)
        .map_err(|error| HandshakeFault::from(&error))?;
    let session = shake(&stream, Engine::Client(client), pool).await?;
    Ok(stream.secured(session))
}

async fn shake(stream: &Stream, mut engine: Engine, pool: &Rc<Pool>) -> Result<Session, HandshakeFault> {
    let mut incoming = pool.lease(Size::Standard);
    let mut output = Output::default();
    let mut is_first = true;
    loop {
        if let Err(error) = advance(&mut engine, &mut incoming, &mut output) {
            engine.collect_alerts(&mut output);
            // The other side is told why, if that goes at once.
            stream.send_wire_now(&output.wire);
            return Err(HandshakeFault::from(&error));
        }
        flush(stream, &mut output, pool).await?;
        if !engine.is_handshaking() {
            break;
        }
        incoming.make_room(1);
        let (outcome, lent) = stream.read_wire(incoming).await;
        incoming = lent;
        if outcome? == 0 {
            return Err(HandshakeFault::Closed);
        }
        if std::mem::take(&mut is_first) && incoming.filled().first() != Some(&HANDSHAKE) {
            return Err(stranger(incoming.filled()));
        }
    }
    if begins_with_record(incoming.filled()) {
        return Err(HandshakeFault::Protocol);
    }
    let facts = facts(&engine);
    let left = (!incoming.is_empty()).then_some(incoming);
    Ok(Session::new(engine, left, output, pool.clone(), facts))
}

/// As far as it goes with the input at hand.
fn advance(engine: &mut Engine, incoming: &mut Buffer, output: &mut Output) -> Result<(), rustls::Error> {
    loop {
        let (used, step) = engine.step(incoming.filled_mut(), output, |_| 0);
        incoming.consume(used);
        match step? {
            Step::Again => {}
            Step::Blocked | Step::Ready => return Ok(()),
            Step::PeerClosed => return Err(rustls::Error::HandshakeNotComplete),
        }
    }
}

async fn flush(stream: &Stream, output: &mut Output, pool: &Rc<Pool>) -> Result<(), HandshakeFault> {
    let mut wire = std::mem::take(&mut output.wire);
    while !wire.is_empty() {
        let mut buffer = pool.lease(Size::Standard);
        let count = wire.len().min(buffer.spare());
        buffer.tail().extend(wire.drain(..count));
        stream.write(buffer, count).await.0?;
    }
    Ok(())
}

/// What somebody speaks who does not speak TLS.
fn stranger(bytes: &[u8]) -> HandshakeFault {
    let is_word = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count() >= 3;
    if is_word { HandshakeFault::PlainHttp } else { HandshakeFault::NotTls }
}

fn facts(engine: &Engine) -> Facts {
    let (version, kind, alpn, certificate) = match engine {
        Engine::Server(it) => {
            (it.protocol_version(), it.handshake_kind(), it.alpn_protocol(), it.peer_certificates())
        }
        // What the server has proved is the verifier's matter alone.
        Engine::Client(it) => (it.protocol_version(), it.handshake_kind(), it.alpn_protocol(), None),
    };
    Facts {
        version: if version == Some(ProtocolVersion::TLSv1_3) { "TLSv1.3" } else { "TLSv1.2" },
        alpn: match alpn {
            Some(b"h2") => "h2",
            Some(_) => "http/1.1",
            None => "",
        },
        is_resumed: kind == Some(HandshakeKind::Resumed),
        peer: certificate
            .and_then(|chain| chain.first())
            .map(|certificate| Rc::new(PeerCertificate::read(certificate))),
    }
}
