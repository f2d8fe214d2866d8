//! What the gateway knows of gRPC: how it is told, its deadlines, its status, and gRPC-Web.
//!
//! Messages are nobody's business here: they pass as bytes. Owns the small grammars around them
//! (`PROTOCOL-HTTP2.md` and `PROTOCOL-WEB.md` of gRPC).

use std::time::Duration;

use super::field::{FieldId, Fields};

/// Media type of gRPC; what follows it tells how messages are encoded.
const GRPC: &[u8] = b"application/grpc";
const WEB: &[u8] = b"-web";
const TEXT: &[u8] = b"-text";

/// The flag of a frame that holds trailers.
const TRAILERS_FLAG: u8 = 0x80;

/// Status codes of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Nothing better is known.
    Unknown = 2,
    /// The deadline was over first.
    DeadlineExceeded = 4,
    /// The caller may not.
    PermissionDenied = 7,
    /// Something is used up, or too large.
    ResourceExhausted = 8,
    /// No such method.
    Unimplemented = 12,
    /// Something is broken.
    Internal = 13,
    /// Not now; it may be tried again.
    Unavailable = 14,
    /// Nobody knows who the caller is.
    Unauthenticated = 16,
}

impl Status {
    /// What a status of HTTP stands for (`http-grpc-status-mapping.md`), and a few that have a better one.
    pub fn of_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            408 => Self::DeadlineExceeded,
            413 | 414 | 431 => Self::ResourceExhausted,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// As it stands in `grpc-status`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "2",
            Self::DeadlineExceeded => "4",
            Self::PermissionDenied => "7",
            Self::ResourceExhausted => "8",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::Unauthenticated => "16",
        }
    }
}

/// The two ways of gRPC-Web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Web {
    /// Bytes as they are.
    Binary,
    /// In base64.
    Text,
}

/// A media type of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// gRPC-Web, if it is.
    pub web: Option<Web>,
    /// `+proto` and the like, perhaps with parameters behind it.
    pub suffix: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// None for all others.
    pub fn parse(content_type: &'a [u8]) -> Option<Self> {
        let rest = strip(content_type, GRPC)?;
        let (web, suffix) = match strip(rest, WEB) {
            None => (None, rest),
            Some(rest) => match strip(rest, TEXT) {
                None => (Some(Web::Binary), rest),
                Some(rest) => (Some(Web::Text), rest),
            },
        };
        matches!(suffix.first(), None | Some(b'+' | b';' | b' ')).then_some(Self { web, suffix })
    }

    /// The same for a message that is, or is not, gRPC-Web.
    pub fn text(&self, web: Option<Web>) -> Vec<u8> {
        let web: &[&[u8]] = match web {
            None => &[],
            Some(Web::Binary) => &[WEB],
            Some(Web::Text) => &[WEB, TEXT],
        };
        [&[GRPC], web, &[self.suffix]].concat().concat()
    }
}

fn strip<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The media type of a message, if it is one of gRPC. One test where there is no Content-Type.
#[inline]
pub fn media_type(fields: &Fields) -> Option<MediaType<'_>> {
    MediaType::parse(fields.first(FieldId::ContentType)?)
}

/// How long a call may take, if it says so: `1*8DIGIT` and a unit.
pub fn timeout(fields: &Fields) -> Option<Duration> {
    let (unit, digits) = fields.first_named(b"grpc-timeout")?.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(value * 3600),
        b'M' => Duration::from_secs(value * 60),
        b'S' => Duration::from_secs(value),
        b'm' => Duration::from_millis(value),
        b'u' => Duration::from_micros(value),
        b'n' => Duration::from_nanos(value),
        _ => return None,
    })
}

/// A frame of gRPC-Web that holds trailer lines.
pub fn web_trailers(lines: &[u8]) -> Vec<u8> {
    let len = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    [&[TRAILERS_FLAG], &len.to_be_bytes()[..], lines].concat()
}

/// The number in `grpc-status`.
pub fn status(value: &[u8]) -> Option<u16> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_grpc_from_grpc_web_and_from_all_others() {
        let web = |text: &str| MediaType::parse(text.as_bytes()).map(|it| (it.web, it.suffix.to_vec()));
        assert_eq!(web("application/grpc"), Some((None, Vec::new())));
        assert_eq!(web("application/grpc+proto"), Some((None, b"+proto".to_vec())));
        assert_eq!(web("Application/gRPC-Web+proto"), Some((Some(Web::Binary), b"+proto".to_vec())));
        assert_eq!(web("application/grpc-web-text"), Some((Some(Web::Text), Vec::new())));
        for other in ["application/json", "application/grpcs", "application/grpc-webs", "", "application/grp"]
        {
            assert_eq!(web(other), None, "{other}");
        }
        let text = MediaType::parse(b"application/grpc-web-text+proto").unwrap();
        assert_eq!(text.text(None), b"application/grpc+proto");
        assert_eq!(text.text(Some(Web::Binary)), b"application/grpc-web+proto");
    }

    #[test]
    fn reads_deadlines_and_nothing_that_only_looks_like_one() {
        let read = |text: &str| {
            let mut fields = Fields::default();
            fields.append(b"grpc-timeout", text.as_bytes());
            timeout(&fields)
        };
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        for bad in ["", "S", "5", "-5S", "5s", "123456789S", "5.5S", "5 S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn trailers_of_grpc_web_are_a_frame() {
        assert_eq!(web_trailers(b"grpc-status: 0\r\n"), b"\x80\0\0\0\x10grpc-status: 0\r\n");
    }
}
