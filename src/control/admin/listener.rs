//! The operator's connections: how many, how long one may be silent, and TLS where it is asked for.
//!
//! Owns a permit and a timer for each connection. It reads no HTTP: a connection that has sent nothing for
//! [`SILENCE_MAX`] is closed whatever it was about, and one that takes longer for its handshake as well. Handshakes run
//! within the connections' own tasks, so that a slow one keeps nobody waiting.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::gate::Peer;
use super::tls::{HANDSHAKE_SECONDS_MAX, Identity};
use crate::shared::Published;

/// Connections at a time; further ones wait in the kernel's backlog. A scraper needs one, a person a few.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// Longer than scrapers' intervals of 15 to 60 seconds, so that they keep their connection.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Accepts as long as there are permits.
pub(super) struct Bounded {
    listener: TcpListener,
    tls: Option<Published<ServerConfig>>,
    permits: Arc<Semaphore>,
    silence_max: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, tls: Option<Published<ServerConfig>>) -> Self {
        Self { listener, tls, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)), silence_max: SILENCE_MAX }
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
        let mut patience = self.silence_max;
        let stage = match &self.tls {
            None => Stage::Plain(stream),
            Some(tls) => {
                patience = patience.min(Duration::from_secs(HANDSHAKE_SECONDS_MAX));
                let acceptor = TlsAcceptor::from(tls.load().1.to_arc());
                Stage::Handshake(Box::new(acceptor.accept(stream)))
            }
        };
        let peer = Peer { addr, is_secure: self.tls.is_some(), identity: Arc::new(OnceLock::new()) };
        let silence = Box::pin(sleep(patience));
        (Connection { stage, peer, silence, silence_max: self.silence_max, _permit: permit }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        stream.io().peer.clone()
    }
}

/// An accepted connection that gives its permit back when it is closed.
pub(super) struct Connection {
    stage: Stage,
    peer: Peer,
    silence: Pin<Box<Sleep>>,
    silence_max: Duration,
    _permit: OwnedSemaphorePermit,
}

enum Stage {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// The stream that HTTP runs over, when there is one.
    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Both>>> {
        if let Stage::Handshake(handshake) = &mut self.stage {
            let Poll::Ready(done) = Pin::new(&mut **handshake).poll(context) else {
                ready!(self.silence.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            };
            let stream = done?;
            let certificates = stream.get_ref().1.peer_certificates();
            if let Some(certificate) = certificates.and_then(<[_]>::first) {
                // Set once: a connection has one handshake.
                let _ = self.peer.identity.set(Identity::read(certificate));
            }
            self.stage = Stage::Secure(Box::new(stream));
        }
        Poll::Ready(match &mut self.stage {
            Stage::Plain(stream) => Ok(Pin::new(stream)),
            Stage::Secure(stream) => Ok(Pin::new(&mut **stream)),
            Stage::Handshake(_) => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

/// What both kinds of stream are.
trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(result) = ready!(this.poll_stream(context))?.poll_read(context, buf) {
            let deadline = Instant::now() + this.silence_max;
            this.silence.as_mut().reset(deadline);
            return Poll::Ready(result);
        }
        ready!(this.silence.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(context))?.poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context))?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context))?.poll_shutdown(context)
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
        Bounded { listener, tls: None, permits: Arc::new(Semaphore::new(connections)), silence_max }
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
