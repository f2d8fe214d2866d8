//! A check over HTTP/2: one stream on a connection of its own.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Request, Response};

use super::{BODY_BYTES_MAX, Stream, Target, USER_AGENT, has_text, host, lacks_text, look_at_status};
use crate::upstream::config::health::{CheckMethodConfig, HttpCheckConfig};
use crate::upstream::verdict::checks::{Complaint, ComplaintKind};

/// Ends a task with whoever holds it.
struct Driven(tokio::task::AbortHandle);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection, for as long as it is held.
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    _driven: Driven,
}

pub(super) fn broken(error: &h2::Error) -> Complaint {
    ComplaintKind::Protocol.because(format!("HTTP/2: {error}"))
}

impl Connection {
    pub(super) async fn open(stream: Stream) -> Result<Self, Complaint> {
        let (sender, connection) = h2::client::handshake(stream).await.map_err(|error| broken(&error))?;
        let driven = tokio::spawn(async move {
            // What ends it shows in the streams.
            let _ = connection.await;
        });
        Ok(Self { sender, _driven: Driven(driven.abort_handle()) })
    }

    /// Sends a request, with a body if there is one.
    pub(super) async fn send(
        &mut self,
        request: Request<()>,
        body: Option<Bytes>,
    ) -> Result<Response<RecvStream>, Complaint> {
        let ready = self.sender.clone().ready().await.map_err(|error| broken(&error))?;
        self.sender = ready;
        let sent = self.sender.send_request(request, body.is_none());
        let (answer, mut stream) = sent.map_err(|error| broken(&error))?;
        if let Some(body) = body {
            stream.send_data(body, true).map_err(|error| broken(&error))?;
        }
        answer.await.map_err(|error| broken(&error))
    }
}

pub(super) async fn ask(stream: Stream, target: &Target, http: &HttpCheckConfig) -> Result<(), Complaint> {
    let method = match http.method {
        CheckMethodConfig::Get => "GET",
        CheckMethodConfig::Head => "HEAD",
    };
    let request = request(target, method, host(target, http), &http.path)?;
    let mut connection = Connection::open(stream).await?;
    let answer = connection.send(request, None).await?;
    look_at_status(answer.status().as_u16(), http)?;
    let Some(text) = &http.body else { return Ok(()) };
    let (mut incoming, mut body) = (answer.into_body(), Vec::new());
    while body.len() < BODY_BYTES_MAX {
        let Some(data) = incoming.data().await else { break };
        let data = data.map_err(|error| broken(&error))?;
        let _ = incoming.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
        if has_text(&body, text) {
            return Ok(());
        }
    }
    Err(lacks_text(text))
}

/// A request without a body.
pub(super) fn request(
    target: &Target,
    method: &str,
    host: &str,
    path: &str,
) -> Result<Request<()>, Complaint> {
    let scheme = if target.tls.is_some() { "https" } else { "http" };
    let uri = http::Uri::builder().scheme(scheme).authority(host).path_and_query(path).build();
    let uri = uri.map_err(|error| ComplaintKind::Protocol.because(format!("cannot be asked: {error}")))?;
    let built = Request::builder().method(method).uri(uri).header("user-agent", USER_AGENT).body(());
    built.map_err(|error| ComplaintKind::Protocol.because(format!("cannot be asked: {error}")))
}
