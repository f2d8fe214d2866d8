//! A check by the gRPC health protocol: `grpc.health.v1.Health/Check`.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use prost::Message;

use super::http2::{Connection, broken, request};
use super::{Stream, Target};
use crate::upstream::config::health::GrpcCheckConfig;
use crate::upstream::verdict::checks::{Complaint, ComplaintKind};

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Largest answer: a few bytes in truth.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// A message begins with whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

pub(super) async fn ask(stream: Stream, target: &Target, grpc: &GrpcCheckConfig) -> Result<(), Complaint> {
    let mut request = request(target, "POST", &target.host, PATH)?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    let mut connection = Connection::open(stream).await?;
    let answer = connection.send(request, Some(asked(&grpc.service))).await?;
    if answer.status() != 200 {
        return Err(ComplaintKind::Status.because(format!("status {}", answer.status().as_u16())));
    }
    grpc_status(answer.headers())?;
    let (mut incoming, mut body) = (answer.into_body(), BytesMut::new());
    while let Some(data) = incoming.data().await {
        let data = data.map_err(|error| broken(&error))?;
        let _ = incoming.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(ComplaintKind::Protocol.because("the answer is too large"));
        }
    }
    if let Some(trailers) = incoming.trailers().await.map_err(|error| broken(&error))? {
        grpc_status(&trailers)?;
    }
    is_serving(&body)
}

fn asked(service: &str) -> Bytes {
    let message = HealthCheckRequest { service: service.to_owned() };
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    // Appending to a buffer that grows does not fail.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// Anything but OK is a complaint, where it is said.
fn grpc_status(fields: &http::HeaderMap) -> Result<(), Complaint> {
    let Some(status) = fields.get("grpc-status").and_then(|status| status.to_str().ok()) else {
        return Ok(());
    };
    match status {
        "0" => Ok(()),
        "5" => Err(ComplaintKind::NotServing.because("the service is not known there")),
        "12" => Err(ComplaintKind::NotServing.because("it has no health service")),
        other => Err(ComplaintKind::Status.because(format!("gRPC status {other}"))),
    }
}

fn is_serving(body: &[u8]) -> Result<(), Complaint> {
    let message = body.get(PREFIX_BYTES..).filter(|_| body[0] == 0);
    let answer = message.and_then(|message| HealthCheckResponse::decode(message).ok());
    match answer.map(|answer| answer.status) {
        Some(1) => Ok(()),
        Some(0) => Err(ComplaintKind::NotServing.because("UNKNOWN")),
        Some(2) => Err(ComplaintKind::NotServing.because("NOT_SERVING")),
        Some(3) => Err(ComplaintKind::NotServing.because("SERVICE_UNKNOWN")),
        Some(other) => Err(ComplaintKind::NotServing.because(format!("status {other}"))),
        None => Err(ComplaintKind::Protocol.because("no answer of grpc.health.v1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_say() {
        assert_eq!(is_serving(&[0, 0, 0, 0, 2, 8, 1]), Ok(()));
        let kind = |body: &[u8]| is_serving(body).unwrap_err().kind;
        assert_eq!(kind(&[0, 0, 0, 0, 2, 8, 2]), ComplaintKind::NotServing);
        assert_eq!(kind(&[0, 0, 0, 0, 0]), ComplaintKind::NotServing, "a default is left out");
        assert_eq!(kind(&[1, 0, 0, 0, 2, 8, 1]), ComplaintKind::Protocol, "compressed");
        assert_eq!(kind(b""), ComplaintKind::Protocol);
        assert_eq!(&asked("")[..], [0; 5]);
        assert_eq!(&asked("a.B")[..], b"\x00\x00\x00\x00\x05\x0a\x03a.B");
    }
}
