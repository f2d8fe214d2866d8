//! One active check of one endpoint: connects, asks, says what is wrong.
//!
//! Every check has a connection of its own, which is closed after it: whether one can be opened is a part of the question.
//! When to check, and what follows, is `verdict::checks`.

mod grpc;
mod http1;
mod http2;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::net::addr::EndpointAddr;
use crate::net::proxy_header::HeaderVersion;
use crate::upstream::config::health::{CheckConfig, HealthConfig, HttpCheckConfig};
use crate::upstream::verdict::checks::{Complaint, ComplaintKind};

/// What a checker says that it is.
const USER_AGENT: &str = "ringgate-health";
/// What is read of a body to find a text in it.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Whom to check, and how it is spoken to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Where it listens.
    pub(super) addr: EndpointAddr,
    /// How TLS is spoken, and what its certificate must be for.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What is written before anything else.
    pub(super) proxy_header: Option<HeaderVersion>,
    /// The Host field of a cluster, or the endpoint's address.
    pub(super) host: String,
    /// Whether HTTP/2 is spoken.
    pub(super) is_h2: bool,
}

/// A connection, whatever it is made of.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}
type Stream = Box<dyn Transport>;

/// Whether a check speaks HTTP/2.
pub(super) fn speaks_h2(settings: &HealthConfig, is_cluster_h2: bool) -> bool {
    match &settings.check {
        CheckConfig::Tcp => false,
        CheckConfig::Http(_) => is_cluster_h2,
        CheckConfig::Grpc(_) => true,
    }
}

/// Checks once, within the time that a check has.
pub(super) async fn check(target: &Target, settings: &HealthConfig) -> Result<(), Complaint> {
    let within = settings.timeout.duration();
    match tokio::time::timeout(within, ask(target, settings)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ComplaintKind::Timeout.because(format!("no answer within {}", settings.timeout))),
    }
}

async fn ask(target: &Target, settings: &HealthConfig) -> Result<(), Complaint> {
    let stream = connect(target, settings.port).await?;
    match &settings.check {
        CheckConfig::Tcp => Ok(()),
        CheckConfig::Http(http) if target.is_h2 => http2::ask(stream, target, http).await,
        CheckConfig::Http(http) => http1::ask(stream, target, http).await,
        CheckConfig::Grpc(grpc) => grpc::ask(stream, target, grpc).await,
    }
}

async fn connect(target: &Target, port: Option<u16>) -> Result<Stream, Complaint> {
    let refused = |error: std::io::Error| ComplaintKind::Connect.because(plain(&error));
    let mut stream: Stream = match &target.addr {
        EndpointAddr::Tcp(addr) => {
            let addr = SocketAddr::new(addr.ip(), port.unwrap_or(addr.port()));
            let stream = TcpStream::connect(addr).await.map_err(refused)?;
            // A check is a few bytes and an answer.
            let _ = stream.set_nodelay(true);
            Box::new(stream)
        }
        EndpointAddr::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(refused)?),
    };
    let header: &[u8] = match target.proxy_header {
        None => b"",
        // For nobody: what a health checker says of itself, as the specification of the PROXY protocol has it.
        Some(HeaderVersion::V1) => b"PROXY UNKNOWN\r\n",
        Some(HeaderVersion::V2) => b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00",
    };
    stream.write_all(header).await.map_err(refused)?;
    let Some((config, name)) = &target.tls else { return Ok(stream) };
    let connector = TlsConnector::from(Arc::clone(config));
    let secured = connector.connect(name.clone(), stream).await;
    secured
        .map(|stream| Box::new(stream) as Stream)
        .map_err(|error| ComplaintKind::Tls.because(plain(&error)))
}

/// What an error says, without numbers of the system.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        std::io::ErrorKind::UnexpectedEof => "connection closed".to_owned(),
        _ => error.to_string(),
    }
}

/// The Host field of a check.
fn host<'a>(target: &'a Target, http: &'a HttpCheckConfig) -> &'a str {
    http.host.as_deref().unwrap_or(&target.host)
}

/// Whether a status is one of those wanted.
fn look_at_status(status: u16, http: &HttpCheckConfig) -> Result<(), Complaint> {
    if http.statuses.iter().any(|range| range.contains(status)) {
        return Ok(());
    }
    Err(ComplaintKind::Status.because(format!("status {status}")))
}

/// Whether the text is there already.
fn has_text(body: &[u8], text: &str) -> bool {
    memchr::memmem::find(&body[..body.len().min(BODY_BYTES_MAX)], text.as_bytes()).is_some()
}

fn lacks_text(text: &str) -> Complaint {
    ComplaintKind::Body.because(format!("the body lacks `{text}`"))
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
