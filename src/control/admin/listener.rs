//! The operator's connections: how many, and how long one may be silent.
//!
//! Owns a permit and a timer for each connection. It reads no HTTP: a connection that has sent nothing for
//! [`SILENCE_MAX`] is closed whatever it was about.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at a time; further ones wait in the kernel's backlog. A scraper needs one, a person a few.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// Longer than scrapers' intervals of 15 to 60 seconds, so that they keep their connection.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Accepts as long as there are permits.
pub(super) struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    silence_max: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)), silence_max: SILENCE_MAX }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = match Arc::clone(&self.permits).acquire_owned().await {
            Ok(permit) => permit,
            // Nobody closes this semaphore; should somebody, nothing more is accepted.
            Err(_) => std::future::pending().await,
        };
        // axum's own listener waits when descriptors have run out and tries again.
        let (stream, addr) = Listener::accept(&mut self.listener).await;
        let silence_max = self.silence_max;
        (Connection { stream, silence: Box::pin(sleep(silence_max)), silence_max, _permit: permit }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// An accepted connection that gives its permit back when it is closed.
pub(super) struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    silence_max: Duration,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context, buf: &mut ReadBuf) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(context, buf) {
            let deadline = Instant::now() + self.silence_max;
            self.silence.as_mut().reset(deadline);
            return Poll::Ready(result);
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    async fn bounded(connections: usize, silence_max: Duration) -> Bounded {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Bounded { listener, permits: Arc::new(Semaphore::new(connections)), silence_max }
    }

    async fn read_byte(connection: &mut Connection) -> io::Result<u8> {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        std::future::poll_fn(|context| Pin::new(&mut *connection).poll_read(context, &mut buf)).await?;
        Ok(byte[0])
    }

    #[test]
    fn a_silent_connection_ends_and_a_talking_one_goes_on() {
        on_a_runtime(async {
            let mut listener = bounded(1, Duration::from_millis(500)).await;
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut connection, _) = listener.accept().await;
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_millis(150)).await;
                assert_eq!(client.try_write(b"x").unwrap(), 1);
                assert_eq!(read_byte(&mut connection).await.unwrap(), b'x');
            }
            assert_eq!(read_byte(&mut connection).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_further_connection_waits_for_one_to_end() {
        on_a_runtime(async {
            let mut listener = bounded(1, SILENCE_MAX).await;
            let addr = listener.local_addr().unwrap();
            let (_first, _second) =
                (TcpStream::connect(addr).await.unwrap(), TcpStream::connect(addr).await.unwrap());
            let (connection, _) = listener.accept().await;
            let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
            assert!(waiting.is_err(), "no permit, no connection");
            drop(connection);
            tokio::time::timeout(Duration::from_secs(5), listener.accept()).await.unwrap();
        });
    }
}
