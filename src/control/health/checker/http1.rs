//! A check over HTTP/1.1: one request, the head of its answer, and as much of the body as it takes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{BODY_BYTES_MAX, Stream, Target, USER_AGENT, has_text, host, lacks_text, look_at_status, plain};
use crate::upstream::config::health::{CheckMethodConfig, HttpCheckConfig};
use crate::upstream::verdict::checks::{Complaint, ComplaintKind};

/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Fields of one.
const FIELDS_MAX: usize = 100;
/// Room for what stands around chunks of a body.
const RAW_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;

/// What a head tells.
struct Head {
    status: u16,
    bytes: usize,
    is_chunked: bool,
    length: Option<usize>,
}

pub(super) async fn ask(
    mut stream: Stream,
    target: &Target,
    http: &HttpCheckConfig,
) -> Result<(), Complaint> {
    let broken = |error: std::io::Error| ComplaintKind::Protocol.because(plain(&error));
    let method = match http.method {
        CheckMethodConfig::Get => "GET",
        CheckMethodConfig::Head => "HEAD",
    };
    let request = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        http.path,
        host(target, http)
    );
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut bytes = Vec::with_capacity(1024);
    let head = loop {
        if let Some(head) = read_head(&bytes)? {
            // What comes before the answer proper (RFC 9110 15.2).
            if (100..200).contains(&head.status) && head.status != 101 {
                bytes.drain(..head.bytes);
                continue;
            }
            break head;
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(ComplaintKind::Protocol.because("the head of the answer is too large"));
        }
        if stream.read_buf(&mut bytes).await.map_err(broken)? == 0 {
            return Err(ComplaintKind::Protocol.because("closed without an answer"));
        }
    };
    look_at_status(head.status, http)?;
    let Some(text) = &http.body else { return Ok(()) };
    bytes.drain(..head.bytes);
    look_for(text, &mut stream, bytes, &head).await
}

/// Reads until the text is there, or cannot come any more.
async fn look_for(text: &str, stream: &mut Stream, mut bytes: Vec<u8>, head: &Head) -> Result<(), Complaint> {
    loop {
        let (is_there, is_whole) = if head.is_chunked {
            let (body, is_whole) = dechunked(&bytes);
            (has_text(&body, text), is_whole || body.len() >= BODY_BYTES_MAX)
        } else {
            let length = head.length.unwrap_or(usize::MAX);
            let body = &bytes[..bytes.len().min(length)];
            (has_text(body, text), body.len() >= length.min(BODY_BYTES_MAX))
        };
        if is_there {
            return Ok(());
        }
        if is_whole || bytes.len() >= RAW_BYTES_MAX {
            return Err(lacks_text(text));
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Err(lacks_text(text)),
            Ok(_) => {}
        }
    }
}

fn read_head(bytes: &[u8]) -> Result<Option<Head>, Complaint> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(bytes);
    let parsed =
        parsed.map_err(|error| ComplaintKind::Protocol.because(format!("no answer of HTTP/1.1: {error}")))?;
    let httparse::Status::Complete(bytes) = parsed else { return Ok(None) };
    let mut head = Head { status: response.code.unwrap_or(0), bytes, is_chunked: false, length: None };
    for field in response.headers.iter() {
        let value = std::str::from_utf8(field.value).unwrap_or("").trim();
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            head.is_chunked = value.to_ascii_lowercase().ends_with("chunked");
        } else if field.name.eq_ignore_ascii_case("content-length") {
            head.length = value.parse().ok();
        }
    }
    Ok(Some(head))
}

/// What chunks hold, as far as they are there, and whether the last one is. What is no chunk ends it.
fn dechunked(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = memchr::memmem::find(raw, b"\r\n") else { return (body, false) };
        let line = raw[..end].split(|byte| *byte == b';').next().unwrap_or_default();
        let size =
            std::str::from_utf8(line).ok().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { return (body, true) };
        let rest = &raw[end + 2..];
        let Some(chunk) = rest.get(..size) else {
            body.extend_from_slice(rest);
            return (body, false);
        };
        body.extend_from_slice(chunk);
        let Some(behind) = rest.get(size.saturating_add(2)..) else { return (body, false) };
        raw = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_wherever_they_are_cut() {
        let whole = b"4\r\nWiki\r\n6;x=y\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n";
        assert_eq!(dechunked(whole), (b"Wikipedia in \r\n\r\nchunks.".to_vec(), true));
        for cut in 0..whole.len() - 4 {
            let (body, is_whole) = dechunked(&whole[..cut]);
            assert!(!is_whole && b"Wikipedia in \r\n\r\nchunks.".starts_with(&body), "{cut}");
        }
        assert!(dechunked(b"zz\r\nabc").1, "no chunk ends it");
        assert_eq!(dechunked(b"ffffffffffffffff\r\nabc"), (b"abc".to_vec(), false));
    }
}
