//! What origins do wrong, in HTTP/1.1 and in HTTP/2.
//!
//! Every cell has an origin of its own, so that what it counts is the cell's. What real peers hardly do is faked here; what
//! kernels do (refusing, not accepting) is done by the kernel.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{LATE, Protocol};
use crate::harness::frames::{END, Frames, kind};
use crate::harness::h2::{END_HEADERS, block};
use crate::harness::{Dialogue, FaultOrigin};

/// What an origin does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Refuses,
    DoesNotAccept,
    SaysNothing,
    IsSlow,
    FailsOften,
    ResetsBeforeHead,
    ResetsInHead,
    ResetsInBody,
    ClosesInBody,
    DiesAndComesBack,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::Refuses,
        Self::DoesNotAccept,
        Self::SaysNothing,
        Self::IsSlow,
        Self::FailsOften,
        Self::ResetsBeforeHead,
        Self::ResetsInHead,
        Self::ResetsInBody,
        Self::ClosesInBody,
        Self::DiesAndComesBack,
    ];

    /// As the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuses => "refuses connections",
            Self::DoesNotAccept => "does not accept them",
            Self::SaysNothing => "takes requests and says nothing",
            Self::IsSlow => "answers late",
            Self::FailsOften => "answers 500 to three of four",
            Self::ResetsBeforeHead => "resets before the head",
            Self::ResetsInHead => "ends within the head",
            Self::ResetsInBody => "resets within the body",
            Self::ClosesInBody => "closes within the body",
            Self::DiesAndComesBack => "dies and comes back",
        }
    }
}

/// The body of every good answer.
pub const GOOD: &str = "good";
/// The same as a message of gRPC.
const MESSAGE: &[u8] = b"\0\0\0\0\x04good";
const INTERNAL_ERROR: u32 = 2;

/// An origin with a fault.
pub enum Faulty {
    /// Nobody listens, and nobody else can.
    Nowhere(Reserved),
    /// A socket whose queue is full, and what fills it.
    Full(SocketAddr, #[allow(dead_code)] (TcpListener, Vec<TcpStream>)),
    /// A script.
    Scripted(FaultOrigin),
    /// A script that may die: nobody else takes its place meanwhile.
    Mortal(Option<FaultOrigin>, Reserved),
}

/// A port that is taken, and refuses connections unless somebody who knows of it listens there.
pub struct Reserved {
    address: SocketAddr,
    _socket: socket2::Socket,
}

impl Reserved {
    pub fn new() -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").as_socket().expect("an address");
        Self { address, _socket: socket }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Faulty {
    pub fn start(fault: Fault, protocol: Protocol) -> Self {
        match fault {
            Fault::Refuses => Self::Nowhere(Reserved::new()),
            Fault::DoesNotAccept => Self::full(),
            Fault::DiesAndComesBack => {
                let place = Reserved::new();
                Self::Mortal(Some(script(place.address(), fault, protocol)), place)
            }
            _ => Self::Scripted(script(SocketAddr::from(([127, 0, 0, 1], 0)), fault, protocol)),
        }
    }

    /// Goes away with all its connections, where it is one that does.
    pub fn die(&mut self) {
        if let Self::Mortal(origin, _) = self {
            *origin = None;
        }
    }

    /// Is there again.
    pub fn come_back(&mut self, fault: Fault, protocol: Protocol) {
        if let Self::Mortal(origin, place) = self {
            *origin = Some(script(place.address(), fault, protocol));
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Nowhere(place) | Self::Mortal(_, place) => place.address(),
            Self::Full(address, _) => *address,
            Self::Scripted(origin) => origin.address(),
        }
    }

    /// A queue takes one more than it is long; what comes then waits for a place that never comes.
    pub fn full() -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        socket.listen(0).expect("bound");
        let listener: TcpListener = socket.into();
        let address = listener.local_addr().expect("bound");
        let patience = Duration::from_millis(200);
        let waiting: Vec<TcpStream> =
            std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok()).collect();
        assert!(waiting.len() < 100, "the kernel takes connections without end");
        Self::Full(address, (listener, waiting))
    }
}

/// An origin without a fault.
pub fn good(protocol: Protocol) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| match protocol.upstream_is_h2() {
        false => while dialogue.request().is_some() && answer(dialogue) {},
        true => {
            let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
            while let Some(stream) = frames.request() {
                answer_stream(&mut frames, stream, protocol);
            }
        }
    })
}

fn script(address: SocketAddr, fault: Fault, protocol: Protocol) -> FaultOrigin {
    let count = AtomicUsize::new(0);
    FaultOrigin::start_at(address, move |dialogue| {
        let resets = match protocol.upstream_is_h2() {
            false => http1(fault, &count, dialogue),
            true => http2(fault, protocol, &count, dialogue),
        };
        if resets {
            // What was sent is to arrive before.
            std::thread::sleep(Duration::from_millis(50));
            dialogue.reset();
        }
    })
}

/// One of four is good.
fn is_good(count: &AtomicUsize) -> bool {
    count.fetch_add(1, Ordering::SeqCst) % 4 == 3
}

fn answer(dialogue: &mut Dialogue) -> bool {
    dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{GOOD}", GOOD.len()))
}

/// Serves a connection. True if it ends with a reset.
fn http1(fault: Fault, count: &AtomicUsize, dialogue: &mut Dialogue) -> bool {
    while dialogue.request().is_some() {
        match fault {
            Fault::SaysNothing => {}
            Fault::IsSlow => {
                std::thread::sleep(LATE);
                answer(dialogue);
            }
            Fault::FailsOften if !is_good(count) => {
                dialogue.send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad");
            }
            Fault::ResetsBeforeHead => return true,
            Fault::ResetsInHead => {
                dialogue.send("HTTP/1.1 200 OK\r\nContent-Le");
                return true;
            }
            Fault::ResetsInBody | Fault::ClosesInBody => {
                dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngo");
                std::thread::sleep(Duration::from_millis(50));
                return fault == Fault::ResetsInBody;
            }
            _ => drop(answer(dialogue)),
        }
    }
    false
}

fn head(frames: &mut Frames<'_>, stream: u32, flags: u8, fields: &[(&str, &str)]) {
    frames.send(kind::HEADERS, flags, stream, &block(fields));
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn answer_stream(frames: &mut Frames<'_>, stream: u32, protocol: Protocol) {
    if !protocol.is_grpc() {
        return frames.answer(stream, GOOD.as_bytes());
    }
    head(frames, stream, END_HEADERS, &[(":status", "200"), GRPC]);
    frames.send(kind::DATA, 0, stream, MESSAGE);
    head(frames, stream, END_HEADERS | END, &[("grpc-status", "0")]);
}

/// The same in HTTP/2. What can be told of a stream alone is.
fn http2(fault: Fault, protocol: Protocol, count: &AtomicUsize, dialogue: &mut Dialogue) -> bool {
    let Some(mut frames) = Frames::begin(dialogue, &[]) else { return false };
    while let Some(stream) = frames.request() {
        match fault {
            Fault::SaysNothing => {}
            Fault::IsSlow => {
                std::thread::sleep(LATE);
                answer_stream(&mut frames, stream, protocol);
            }
            Fault::FailsOften if !is_good(count) => {
                let fields: &[_] = match protocol.is_grpc() {
                    true => &[(":status", "200"), GRPC, ("grpc-status", "14")],
                    false => &[(":status", "500")],
                };
                head(&mut frames, stream, END_HEADERS | END, fields);
            }
            Fault::ResetsBeforeHead => frames.reset(stream, INTERNAL_ERROR),
            Fault::ResetsInHead => {
                // A block that goes on in a frame that never comes.
                head(&mut frames, stream, 0, &[(":status", "200")]);
                return true;
            }
            Fault::ResetsInBody | Fault::ClosesInBody => {
                head(&mut frames, stream, END_HEADERS, &[(":status", "200"), GRPC]);
                frames.send(kind::DATA, 0, stream, &MESSAGE[..7]);
                // So that the head goes on before.
                std::thread::sleep(Duration::from_millis(50));
                if fault == Fault::ClosesInBody {
                    return false;
                }
                frames.reset(stream, INTERNAL_ERROR);
            }
            _ => answer_stream(&mut frames, stream, protocol),
        }
    }
    false
}
