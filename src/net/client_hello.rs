//! The first message of TLS, looked at and left alone: which name a client asks for.
//!
//! Bytes in, a value or a refusal out; the very same bytes go on to whoever ends TLS. Bounded by [`HELLO_BYTES_MAX`].
//! Knows of TLS what is needed to find the name (RFC 8446 4.1.2 and 5.1, RFC 6066 3, RFC 7301), and nothing that
//! would have to be kept secret.

use std::borrow::Cow;

/// Longest beginning of a connection that is looked at: real ones have 200 to 2000 bytes.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;

/// Most protocols that are looked at.
const PROTOCOLS_MAX: usize = 16;

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The name of the server, lower case, if it names one.
    pub server_name: Option<String>,
    /// Protocols it would speak (ALPN), in its order.
    pub protocols: Vec<Vec<u8>>,
}

/// Why a connection does not begin with a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloFault {
    /// It is not TLS.
    NotTls,
    /// It is TLS, and wrong.
    Malformed,
    /// It is longer than is looked at.
    TooLong,
}

/// Reads what a connection begins with. None as long as more is needed.
///
/// # Errors
/// As soon as it can be told that no hello comes.
pub fn read(bytes: &[u8]) -> Result<Option<ClientHello>, HelloFault> {
    let message = match handshake(bytes)? {
        Some(message) => message,
        None if bytes.len() >= HELLO_BYTES_MAX => return Err(HelloFault::TooLong),
        None => return Ok(None),
    };
    hello(&message).map(Some).ok_or(HelloFault::Malformed)
}

/// The body of the first handshake message, which may be spread over several records. Borrowed if it is in one.
fn handshake(bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, HelloFault> {
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut rest = bytes;
    while let Some((fragment, behind)) = record(rest)? {
        if message.is_empty() {
            message = Cow::Borrowed(fragment);
        } else {
            message.to_mut().extend_from_slice(fragment);
        }
        rest = behind;
        if message[0] != CLIENT_HELLO {
            return Err(HelloFault::Malformed);
        }
        let Some(&[_, high, middle, low]) = message.get(..4) else { continue };
        let end = 4 + u32::from_be_bytes([0, high, middle, low]) as usize;
        if end > HELLO_BYTES_MAX {
            return Err(HelloFault::TooLong);
        }
        if message.len() >= end {
            return Ok(Some(match message {
                Cow::Borrowed(message) => Cow::Borrowed(&message[4..end]),
                Cow::Owned(message) => Cow::Owned(message[4..end].to_vec()),
            }));
        }
    }
    Ok(None)
}

/// A record's content, and what is behind it.
type Parted<'a> = (&'a [u8], &'a [u8]);

/// Parts the first record from what is behind it. None if it is not all there.
fn record(bytes: &[u8]) -> Result<Option<Parted<'_>>, HelloFault> {
    if bytes.first().is_some_and(|kind| *kind != HANDSHAKE) || bytes.get(1).is_some_and(|major| *major != 3) {
        return Err(HelloFault::NotTls);
    }
    let Some(&[high, low]) = bytes.get(3..RECORD_HEAD) else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    // RFC 8446 5.1: a fragment of a handshake message is not empty and has at most 2^14 bytes.
    if !(1..=1 << 14).contains(&len) {
        return Err(HelloFault::Malformed);
    }
    let content = &bytes[RECORD_HEAD..];
    Ok((content.len() >= len).then(|| content.split_at(len)))
}

/// RFC 8446 4.1.2. None if it is wrong.
fn hello(message: &[u8]) -> Option<ClientHello> {
    let mut body = Cursor(message);
    // Version and random.
    body.take(34)?;
    let session = body.list8()?;
    let suites = body.list16()?;
    let compression = body.list8()?;
    if session.0.len() > 32 || suites.0.is_empty() || suites.0.len() % 2 == 1 || compression.0.is_empty() {
        return None;
    }
    let mut found = ClientHello::default();
    // Before TLS 1.3 the extensions could be left out.
    if body.0.is_empty() {
        return Some(found);
    }
    let mut extensions = body.list16()?;
    if !body.0.is_empty() {
        return None;
    }
    let (mut has_name, mut has_protocols) = (false, false);
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let content = extensions.list16()?;
        // RFC 8446 4.2: no extension twice. Two names would be an invitation to read different ones.
        match kind {
            SERVER_NAME if !std::mem::replace(&mut has_name, true) => {
                found.server_name = server_name(content)?
            }
            ALPN if !std::mem::replace(&mut has_protocols, true) => found.protocols = protocols(content)?,
            SERVER_NAME | ALPN => return None,
            _ => {}
        }
    }
    Some(found)
}

/// RFC 6066 3: a list, of which nobody has ever defined more than one kind. Some(None) if it holds no host name.
fn server_name(mut content: Cursor<'_>) -> Option<Option<String>> {
    let mut names = content.list16()?;
    if names.0.is_empty() || !content.0.is_empty() {
        return None;
    }
    let mut found = None;
    while !names.0.is_empty() {
        let kind = names.take(1)?[0];
        let name = names.list16()?.0;
        if kind == HOST_NAME {
            if found.is_some() || !is_host(name) {
                return None;
            }
            found = Some(String::from_utf8(name.to_ascii_lowercase()).ok()?);
        }
    }
    Some(found)
}

/// Letters, digits, `-`, `_` and `.`; addresses are not names (RFC 6066 3), but harmless.
fn is_host(name: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(fits)
}

fn protocols(mut content: Cursor<'_>) -> Option<Vec<Vec<u8>>> {
    let mut list = content.list16()?;
    if list.0.is_empty() || !content.0.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    while !list.0.is_empty() {
        let protocol = list.list8()?.0;
        if protocol.is_empty() {
            return None;
        }
        if found.len() < PROTOCOLS_MAX {
            found.push(protocol.to_vec());
        }
    }
    Some(found)
}

/// What of a message has not been read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Content behind its length in one byte.
    fn list8(&mut self) -> Option<Self> {
        let len = usize::from(self.take(1)?[0]);
        self.take(len).map(Cursor)
    }

    /// Content behind its length in two bytes.
    fn list16(&mut self) -> Option<Self> {
        let len = usize::from(self.number16()?);
        self.take(len).map(Cursor)
    }
}

/// Content type of a record.
const HANDSHAKE: u8 = 22;
/// Type, version, length.
const RECORD_HEAD: usize = 5;
/// Type of a handshake message.
const CLIENT_HELLO: u8 = 1;
/// Extensions that are looked at.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// Kind of a server name.
const HOST_NAME: u8 = 0;
/// Longest name DNS admits (RFC 1035 2.3.4).
const NAME_BYTES_MAX: usize = 253;

#[cfg(test)]
#[path = "client_hello_tests.rs"]
mod tests;
