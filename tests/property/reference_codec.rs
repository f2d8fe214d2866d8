//! The HTTP/1.1 codec again, slow and obviously right.
//!
//! Written from RFC 9110 and RFC 9112, not from the codec: whole messages, strings of bytes cut up and copied, no
//! state. The laws that compare the two are in `codec_laws.rs`.

use ringgate::http::h1::{Framing, HeadLimits};

/// Small, so that tests reach them.
pub const LIMITS: HeadLimits = HeadLimits { head_bytes: 700, target_bytes: 60, field_count: 12 };

/// Names and values.
pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What becomes of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    Refused,
    Incomplete,
    /// What was read and how many bytes it took.
    Complete(T, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The three parts of the start line.
    pub start: [Vec<u8>; 3],
    pub fields: Lines,
}

/// Reads the head of a request.
pub fn request(input: &[u8]) -> Verdict<Head> {
    // RFC 9112 2.2: one empty line may come first.
    let skipped = if input.starts_with(b"\r\n") { 2 } else { 0 };
    head(&input[skipped..], skipped, request_line)
}

/// Reads the head of a response.
pub fn response(input: &[u8]) -> Verdict<Head> {
    head(input, 0, status_line)
}

fn head(input: &[u8], skipped: usize, start_line: fn(&[u8]) -> Option<[Vec<u8>; 3]>) -> Verdict<Head> {
    let mut lines = Vec::new();
    let mut rest = input;
    loop {
        let Some(end) = find(rest, b"\r\n") else { return Verdict::Incomplete };
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line.is_empty() && !lines.is_empty() {
            break;
        }
        lines.push(line);
    }
    let len = skipped + input.len() - rest.len();
    let fields = lines[1..].iter().map(|line| field(line)).collect::<Option<Lines>>();
    match (start_line(lines[0]), fields) {
        (Some(start), Some(fields)) if fields.len() <= LIMITS.field_count && len <= LIMITS.head_bytes => {
            Verdict::Complete(Head { start, fields }, len)
        }
        _ => Verdict::Refused,
    }
}

/// RFC 9112 3: `method SP request-target SP HTTP-version`.
fn request_line(line: &[u8]) -> Option<[Vec<u8>; 3]> {
    let parts = cut(line, b' ');
    let [method, target, version] = &parts[..] else { return None };
    let target_is_fine = !target.is_empty()
        && target.len() <= LIMITS.target_bytes
        && target.iter().all(|byte| (0x21..=0x7e).contains(byte) && !b"#<>\\\"".contains(byte));
    let version_is_fine = version == b"HTTP/1.1" || version == b"HTTP/1.0";
    let is_fine = is_token(method) && method.len() <= 32 && target_is_fine && version_is_fine;
    is_fine.then(|| [method.clone(), target.clone(), version.clone()])
}

/// RFC 9112 4: `HTTP-version SP status-code SP [ reason-phrase ]`, the last space being optional here.
fn status_line(line: &[u8]) -> Option<[Vec<u8>; 3]> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (version, status) = (parts.next()?, parts.next()?);
    let reason = parts.next().unwrap_or_default();
    let version_is_fine = version == b"HTTP/1.1" || version == b"HTTP/1.0";
    let status_is_fine = status.len() == 3 && status.iter().all(u8::is_ascii_digit) && status[0] != b'0';
    let is_fine = version_is_fine && status_is_fine && is_value(reason);
    is_fine.then(|| [version.to_vec(), status.to_vec(), reason.to_vec()])
}

/// RFC 9112 5: `field-name ":" OWS field-value OWS`.
fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = find(line, b":")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    (is_token(name) && is_value(value)).then(|| (name.to_vec(), trim(value)))
}

/// RFC 9112 6: framing of a request with these fields. `None` is a refusal.
pub fn request_framing(version: &[u8], fields: &Lines) -> Option<Framing> {
    let values = |wanted: &str| -> Vec<String> {
        let named = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        named.map(|(_, value)| String::from_utf8_lossy(value).to_lowercase()).collect()
    };
    match (&values("transfer-encoding")[..], &values("content-length")[..]) {
        ([], []) => Some(Framing::None),
        ([], [length]) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            length.parse().ok().map(Framing::Length)
        }
        ([coding], []) if version == b"HTTP/1.1" && coding == "chunked" => Some(Framing::Chunked),
        _ => None,
    }
}

/// A chunked message taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunked {
    pub data: Vec<u8>,
    /// Without extensions and forbidden trailer fields.
    pub framed: Vec<u8>,
}

/// Reads a chunked body (RFC 9112 7.1).
pub fn chunked(input: &[u8]) -> Verdict<Chunked> {
    let mut message = Chunked::default();
    let (mut rest, mut extensions) = (input, 0);
    loop {
        let Some(end) = find(rest, b"\r\n") else { return Verdict::Incomplete };
        let line = &rest[..end];
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        extensions += extension.len();
        let too_much = extension.len() > 4096 || extensions > message.data.len() + 16384;
        if !(1..=16).contains(&digits) || !is_extension(extension) || too_much {
            return Verdict::Refused;
        }
        let size = u64::from_str_radix(std::str::from_utf8(&line[..digits]).unwrap(), 16).unwrap();
        message.framed.extend_from_slice(&[&line[..digits], b"\r\n"].concat());
        rest = &rest[end + 2..];
        if size == 0 {
            return trailer(input, rest, message);
        }
        let Some(data) = usize::try_from(size).ok().and_then(|size| rest.get(..size)) else {
            return Verdict::Incomplete;
        };
        rest = &rest[data.len()..];
        match rest {
            [b'\r', b'\n', after @ ..] => rest = after,
            [] | [b'\r'] => return Verdict::Incomplete,
            _ => return Verdict::Refused,
        }
        message.data.extend_from_slice(data);
        message.framed.extend_from_slice(&[data, b"\r\n"].concat());
    }
}

fn trailer(input: &[u8], section: &[u8], mut message: Chunked) -> Verdict<Chunked> {
    let (mut rest, mut count) = (section, 0);
    loop {
        let Some(end) = find(rest, b"\r\n") else { return Verdict::Incomplete };
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line.is_empty() {
            break;
        }
        let Some((name, _)) = field(line) else { return Verdict::Refused };
        count += 1;
        if count > 64 {
            return Verdict::Refused;
        }
        if !is_forbidden_trailer(&name) {
            message.framed.extend_from_slice(&[line, b"\r\n"].concat());
        }
    }
    if section.len() - rest.len() > 8192 {
        return Verdict::Refused;
    }
    message.framed.extend_from_slice(b"\r\n");
    Verdict::Complete(message, input.len() - rest.len())
}

/// RFC 9110 6.5.1, for the names the generators use.
fn is_forbidden_trailer(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_lowercase();
    ringgate::http::FieldId::ALL.iter().any(|id| id.name().to_lowercase() == name && name != "etag")
        || name.starts_with("content-")
        || name.starts_with("x-forwarded-")
}

/// RFC 9112 7.1.1: `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )`, by taking one after the other
/// from the front.
fn is_extension(text: &[u8]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some(after) = skip_space(rest).strip_prefix(b";") else { return false };
        let Some(after) = take_token(skip_space(after)) else { return false };
        rest = after;
        if let Some(after) = skip_space(rest).strip_prefix(b"=") {
            let value = skip_space(after);
            let Some(after) = take_token(value).or_else(|| take_quoted(value)) else { return false };
            rest = after;
        }
    }
    true
}

fn skip_space(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| b" \t".contains(byte)).count();
    &text[spaces..]
}

fn take_token(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take_while(|byte| is_token(&[**byte])).count();
    (len > 0).then(|| &text[len..])
}

fn take_quoted(text: &[u8]) -> Option<&[u8]> {
    let mut at = 1;
    while text.first() == Some(&b'"') {
        match text.get(at..)? {
            [b'"', after @ ..] => return Some(after),
            [b'\\', escaped, ..] if is_value(&[*escaped]) => at += 2,
            [byte, ..] if *byte != b'\\' && is_value(&[*byte]) => at += 1,
            _ => return None,
        }
    }
    None
}

fn is_token(text: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_tchar)
}

fn is_value(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
}

fn trim(text: &[u8]) -> Vec<u8> {
    let mut text = skip_space(text).to_vec();
    while text.last().is_some_and(|byte| b" \t".contains(byte)) {
        text.pop();
    }
    text
}

fn cut(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    text.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
