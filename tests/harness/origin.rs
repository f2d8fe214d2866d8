//! An origin that does what its script says, however wrong, and remembers every request.
//!
//! Owns a listener and a thread per connection. A script is a plain function over a [`Dialogue`], so a test shows
//! in its own lines how its origin misbehaves.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::response::field_line;
use super::{PATIENCE, Request, eventually};

/// A scripted origin.
pub struct FaultOrigin {
    address: SocketAddr,
    record: Arc<Record>,
    stopped: Arc<AtomicBool>,
    acceptor: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Record {
    requests: Mutex<Vec<Request>>,
    accepted: AtomicUsize,
    closed: AtomicUsize,
    failed: AtomicBool,
    /// To end them all when the origin dies. Weak: a script that resets must be the last to hold its socket.
    open: Mutex<Vec<Weak<TcpStream>>>,
}

/// One connection of the origin, in its script's hands.
pub struct Dialogue {
    stream: Arc<TcpStream>,
    number: usize,
    ahead: Vec<u8>,
    resets: bool,
    record: Arc<Record>,
}

impl FaultOrigin {
    /// Runs `script` on every connection.
    pub fn start(script: impl Fn(&mut Dialogue) + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), script)
    }

    /// The same at a fixed address: to come back after having been away.
    pub fn start_at(address: SocketAddr, script: impl Fn(&mut Dialogue) + Send + Sync + 'static) -> Self {
        let listener = bind(address);
        let address = listener.local_addr().expect("bound");
        let record = Arc::new(Record::default());
        let stopped = Arc::new(AtomicBool::new(false));
        let script = Arc::new(script);
        let (accepting, stop) = (Arc::clone(&record), Arc::clone(&stopped));
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let mut dialogue = Dialogue::begin(stream, &accepting);
                let script = Arc::clone(&script);
                std::thread::spawn(move || {
                    // A script that fails is reported when the origin is dropped, in the test's own thread.
                    let ended = catch_unwind(AssertUnwindSafe(|| script(&mut dialogue)));
                    dialogue.end(ended.is_err());
                });
            }
        });
        Self { address, record, stopped, acceptor: Some(acceptor) }
    }

    /// Gives the same bytes to every request, connections kept alive.
    pub fn answering(response: impl AsRef<[u8]>) -> Self {
        let response = response.as_ref().to_vec();
        Self::start(move |dialogue| {
            while dialogue.request().is_some() {
                dialogue.send(&response);
            }
        })
    }

    /// Answers 200 with `ok`, connections kept alive.
    pub fn ok() -> Self {
        Self::saying("ok")
    }

    /// Answers 200 with this body.
    pub fn saying(body: &str) -> Self {
        Self::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// Answers with the target that was asked for as the body: to see that no answer is mixed up.
    pub fn echo() -> Self {
        Self::start(echo)
    }

    /// Gives these bytes to the first request of each connection, then closes.
    pub fn answering_and_closing(response: impl AsRef<[u8]>) -> Self {
        let response = response.as_ref().to_vec();
        Self::start(move |dialogue| {
            if dialogue.request().is_some() {
                dialogue.send(&response);
            }
        })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request whose head has arrived, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.record.requests.lock().unwrap().clone()
    }

    /// The only request so far.
    #[track_caller]
    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.record.accepted.load(Ordering::SeqCst)
    }

    /// Connections whose script has ended.
    pub fn closed(&self) -> usize {
        self.record.closed.load(Ordering::SeqCst)
    }

    /// Waits until this many requests have arrived.
    #[track_caller]
    pub fn receives(&self, count: usize) {
        eventually(&format!("the origin has {count} requests"), || self.requests().len() >= count);
    }

    /// Waits until this many connections have ended.
    #[track_caller]
    pub fn loses(&self, count: usize) {
        eventually(&format!("the origin lost {count} connections"), || self.closed() >= count);
    }
}

impl Drop for FaultOrigin {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // One connection to itself wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for stream in self.record.open.lock().unwrap().drain(..).filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let failed = self.record.failed.load(Ordering::SeqCst);
        assert!(!failed || std::thread::panicking(), "the origin's script failed; its reason stands above");
    }
}

/// The script of [`FaultOrigin::echo`].
pub fn echo(dialogue: &mut Dialogue) {
    while let Some(request) = dialogue.request() {
        let body = if request.method == "HEAD" { String::new() } else { request.target.clone() };
        let length = request.target.len();
        if !dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")) {
            return;
        }
    }
}

impl Dialogue {
    fn begin(stream: TcpStream, record: &Arc<Record>) -> Self {
        let number = record.accepted.fetch_add(1, Ordering::SeqCst);
        stream.set_nodelay(true).expect("a connected socket");
        stream.set_read_timeout(Some(4 * PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(4 * PATIENCE)).expect("not zero");
        let stream = Arc::new(stream);
        let mut open = record.open.lock().unwrap();
        open.retain(|stream| stream.strong_count() > 0);
        open.push(Arc::downgrade(&stream));
        drop(open);
        Self { stream, number, ahead: Vec::new(), resets: false, record: Arc::clone(record) }
    }

    fn end(self, failed: bool) {
        self.record.failed.fetch_or(failed, Ordering::SeqCst);
        if !self.resets {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        self.record.closed.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads a whole request; `None` when the gateway has closed.
    pub fn request(&mut self) -> Option<Request> {
        let mut request = self.head()?;
        self.read_body(&mut request)?;
        let mut requests = self.record.requests.lock().unwrap();
        let known = requests.iter_mut().rev().find(|known| known.connection == self.number);
        *known.expect("its head was recorded") = request.clone();
        Some(request)
    }

    /// Reads a head and leaves the body on the wire.
    pub fn head(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill()?;
        };
        let head: Vec<u8> = self.ahead.drain(..end).collect();
        let request = Request::parse(self.number, &head);
        self.record.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    fn read_body(&mut self, request: &mut Request) -> Option<()> {
        if !request.is_chunked() {
            let length =
                request.field("content-length").map_or(0, |length| length.parse().expect("a number"));
            request.body = self.take(length)?;
            return Some(());
        }
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("chunk size {line:?}"));
            if size == 0 {
                break;
            }
            request.body.extend(self.take(size)?);
            assert_eq!(self.take(2)?, b"\r\n", "a chunk does not end where it said");
        }
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(());
            }
            request.trailers.push(field_line(&line));
        }
    }

    /// Exactly this many bytes; `None` when the gateway has closed before.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            self.fill()?;
        }
        Some(self.ahead.drain(..count).collect())
    }

    /// How many connections came before this one.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Some bytes; `None` when the gateway has closed.
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        if self.ahead.is_empty() {
            self.fill()?;
        }
        Some(std::mem::take(&mut self.ahead))
    }

    fn line(&mut self) -> Option<String> {
        let end = loop {
            if let Some(end) = self.ahead.windows(2).position(|window| window == b"\r\n") {
                break end;
            }
            self.fill()?;
        };
        let line = self.ahead.drain(..end + 2).take(end).collect();
        Some(String::from_utf8(line).expect("a line is UTF-8"))
    }

    /// Sends bytes as they are; false if the gateway has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        (&*self.stream).write_all(bytes.as_ref()).is_ok()
    }

    /// Sends one byte at a time with a pause after each.
    pub fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> bool {
        bytes.as_ref().iter().all(|byte| {
            std::thread::sleep(pause);
            self.send([*byte])
        })
    }

    /// Waits until the gateway closes; false if it does not within `bound`.
    pub fn closes_within(&mut self, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        self.stream.set_read_timeout(Some(Duration::from_millis(20))).expect("not zero");
        let mut block = [0; 4096];
        let mut closed = false;
        while !closed && Instant::now() < deadline {
            closed = match (&*self.stream).read(&mut block) {
                Ok(count) => count == 0,
                Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            };
        }
        self.stream.set_read_timeout(Some(4 * PATIENCE)).expect("not zero");
        closed
    }

    /// Makes the end of this connection, when the script returns, a reset.
    pub fn reset(&mut self) {
        // Lingering for zero seconds throws away what is unsent and sends RST.
        socket2::SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
        self.resets = true;
    }

    fn fill(&mut self) -> Option<usize> {
        let mut block = vec![0; 64 * 1024];
        match (&*self.stream).read(&mut block) {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.ahead.extend_from_slice(&block[..count]);
                Some(count)
            }
        }
    }
}

/// Binds with SO_REUSEADDR, so that an address can be taken again at once.
fn bind(address: SocketAddr) -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)
        .expect("a socket");
    socket.set_reuse_address(true).expect("a socket");
    eventually("the origin's address is free", || socket.bind(&address.into()).is_ok());
    socket.listen(1024).expect("bound");
    socket.into()
}
