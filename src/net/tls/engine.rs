//! rustls as a state machine: ciphertext in, plaintext and ciphertext out, no sockets.
//!
//! Owns the one place that knows the states of rustls's unbuffered connections, for both sides. Knows neither buffers
//! on lease nor time.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

/// Largest plaintext of a record (RFC 8446 5.1).
pub const RECORD_BYTES: usize = 16 * 1024;
/// More than what any cipher adds to a record: head, explicit nonce, content type, tag.
pub const RECORD_OVERHEAD: usize = 64;
/// What waits to be sent after an error: a flight of the handshake at most, and the alert.
const ALERTS_MAX: usize = 16;
/// Type, version and length.
const RECORD_HEAD: usize = 5;

/// One side of a connection.
pub enum Engine {
    /// The gateway was connected to.
    Server(UnbufferedServerConnection),
    /// The gateway has connected.
    Client(UnbufferedClientConnection),
}

/// Where a step has led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something came out; there may be more.
    Again,
    /// More ciphertext is needed.
    Blocked,
    /// The handshake is over, and all that came in is used up.
    Ready,
    /// The other side has said that nothing more will come.
    PeerClosed,
}

/// What a step gives.
#[derive(Default)]
pub struct Output {
    /// Ciphertext to send, before any other.
    pub wire: Vec<u8>,
    /// Plaintext that has come.
    pub plain: Vec<u8>,
}

macro_rules! on_side {
    ($self:expr, $conn:ident => $call:expr) => {
        match $self {
            Engine::Server($conn) => $call,
            Engine::Client($conn) => $call,
        }
    };
}

impl Engine {
    /// True until both sides have finished.
    pub fn is_handshaking(&self) -> bool {
        on_side!(self, conn => conn.is_handshaking())
    }

    /// True if something waits to be sent.
    pub fn wants_write(&self) -> bool {
        on_side!(self, conn => conn.wants_write())
    }

    /// What rustls has to say about its error goes to `output`. Asked for more than that, it would look at the faulty
    /// input again.
    pub fn collect_alerts(&mut self, output: &mut Output) {
        for _ in 0..ALERTS_MAX {
            if !self.wants_write() || self.step(&mut [], output, |_| 0).1.is_err() {
                return;
            }
        }
    }

    /// One step with the ciphertext at hand. `sink` takes plaintext and says how much of it; the rest goes to
    /// `output`. Returns how many bytes of `incoming` are used up.
    pub fn step(
        &mut self,
        incoming: &mut [u8],
        output: &mut Output,
        sink: impl FnMut(&[u8]) -> usize,
    ) -> (usize, Result<Step, rustls::Error>) {
        on_side!(self, conn => settle(conn.process_tls_records(incoming), output, sink))
    }

    /// Encrypts `plain` behind what is in `out`.
    pub fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), rustls::Error> {
        self.emit(Emission::Data(plain), out)
    }

    /// Puts a close_notify behind what is in `out`.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), rustls::Error> {
        self.emit(Emission::CloseNotify, out)
    }

    fn emit(&mut self, emission: Emission<'_>, out: &mut Vec<u8>) -> Result<(), rustls::Error> {
        loop {
            // Whatever came in is used up, so without input there is only output to be had.
            let is_done =
                on_side!(self, conn => write_out(conn.process_tls_records(&mut []), emission, out))?;
            if is_done {
                return Ok(());
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Emission<'a> {
    Data(&'a [u8]),
    CloseNotify,
}

fn settle<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    output: &mut Output,
    mut sink: impl FnMut(&[u8]) -> usize,
) -> (usize, Result<Step, rustls::Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                None => break Ok(Step::Again),
                Some(Err(error)) => break Err(error),
                Some(Ok(record)) => {
                    discard += record.discard;
                    let taken = sink(record.payload);
                    output.plain.extend_from_slice(&record.payload[taken..]);
                }
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            encode(&mut output.wire, |room| data.encode(room));
            Ok(Step::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It is in `output`, which goes before anything else.
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::WriteTraffic(_)) => Ok(Step::Ready),
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Step::PeerClosed),
        // Early data is not offered.
        Ok(_) => Ok(Step::Blocked),
    };
    (discard, step)
}

/// True once the emission is in `out`.
fn write_out<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    emission: Emission<'_>,
    out: &mut Vec<u8>,
) -> Result<bool, rustls::Error> {
    match status.state? {
        ConnectionState::EncodeTlsData(mut data) => encode(out, |room| data.encode(room)),
        ConnectionState::TransmitTlsData(data) => data.done(),
        ConnectionState::WriteTraffic(mut traffic) => {
            let wanted = match emission {
                Emission::Data(plain) => plain.len() + (plain.len() / RECORD_BYTES + 1) * RECORD_OVERHEAD,
                Emission::CloseNotify => 2 * RECORD_OVERHEAD,
            };
            let mut put = |room: &mut [u8]| match emission {
                Emission::Data(plain) => traffic.encrypt(plain, room),
                Emission::CloseNotify => traffic.queue_close_notify(room),
            };
            let start = out.len();
            out.resize(start + wanted, 0);
            let written = match put(&mut out[start..]) {
                Err(EncryptError::InsufficientSize(size)) => {
                    // A key update goes in front.
                    out.resize(start + size.required_size, 0);
                    put(&mut out[start..])
                }
                other => other,
            };
            out.truncate(start + written.as_ref().copied().unwrap_or(0));
            return written.map(|_| true).map_err(|_| rustls::Error::EncryptError);
        }
        ConnectionState::PeerClosed => {}
        ConnectionState::ReadTraffic(_) | ConnectionState::ReadEarlyData(_) => {
            return Err(rustls::Error::General("plaintext was left where it came in".to_owned()));
        }
        // Closed, or not yet ready.
        _ => return Err(rustls::Error::HandshakeNotComplete),
    }
    Ok(false)
}

fn encode(out: &mut Vec<u8>, mut put: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) {
    let start = out.len();
    let mut written = put(&mut []);
    if let Err(EncodeError::InsufficientSize(size)) = written {
        out.resize(start + size.required_size, 0);
        written = put(&mut out[start..]);
    }
    out.truncate(start + written.unwrap_or(0));
}

/// True if `incoming` begins with a whole record. Where rustls has left one behind, it is part of a handshake message
/// that goes on in the next.
pub fn begins_with_record(incoming: &[u8]) -> bool {
    match incoming {
        [_, _, _, high, low, ..] => {
            incoming.len() >= RECORD_HEAD + usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}
