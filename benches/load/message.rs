//! Where an HTTP/1.1 message ends, and how long its body was.
//!
//! Just enough of RFC 9112 to check well-formed peers: status, Content-Length, chunked. It is not the codec under
//! measurement and must not face anything but the gateways that this program starts.

use anyhow::{Context, bail};

/// Bytes of a body from which on dropping them unread is cheaper than copying them.
const DISCARD_MIN: u64 = 16 * 1024;

/// Follows the messages of one direction of a connection, one after the other.
#[derive(Default)]
pub struct Message {
    /// Status of the current message; 0 for a request.
    pub status: u16,
    /// Bytes of data in its body so far.
    pub body_bytes: u64,
    at: At,
    /// A head that did not come in one piece.
    partial: Vec<u8>,
}

#[derive(Default, Clone, Copy)]
enum At {
    #[default]
    Head,
    /// Bytes that are still to come.
    Length(u64),
    /// In a chunk's size, which is this so far.
    Size(u64),
    /// Between a chunk's size and its data; the size.
    Extension(u64),
    /// In a chunk's data; what is still to come of it.
    Data(u64),
    /// Behind a chunk's data.
    DataEnd,
    /// In a line of the trailer section, with this many bytes in it so far.
    Trailer(u32),
}

impl Message {
    /// Takes what came next. True if the message is complete; it must be taken notice of before the next call.
    pub fn advance(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        let mut rest = bytes;
        if let At::Head = self.at {
            self.body_bytes = 0;
            let Some(body) = self.head(bytes)? else { return Ok(false) };
            rest = &bytes[bytes.len() - body..];
        }
        let is_complete = match self.at {
            At::Length(_) => self.dropped(rest.len() as u64)?,
            _ => self.chunks(rest)?,
        };
        if is_complete {
            self.at = At::Head;
        }
        Ok(is_complete)
    }

    /// How many bytes may be dropped without a look at them, if that is worth it.
    pub fn droppable(&self) -> Option<usize> {
        match self.at {
            At::Length(left) if left >= DISCARD_MIN => Some(left as usize),
            _ => None,
        }
    }

    /// Takes notice of `count` bytes of a body with a known length. True if the message is complete.
    pub fn dropped(&mut self, count: u64) -> anyhow::Result<bool> {
        let At::Length(left) = self.at else { bail!("bytes were dropped outside of a body") };
        let left = left.checked_sub(count).context("more bytes than announced")?;
        self.body_bytes += count;
        self.at = if left == 0 { At::Head } else { At::Length(left) };
        Ok(left == 0)
    }

    /// Parses the head. Gives how many of `bytes` are behind it, or None if it is not complete.
    fn head(&mut self, bytes: &[u8]) -> anyhow::Result<Option<usize>> {
        if self.partial.is_empty()
            && let Some(end) = end_of_head(bytes)
        {
            self.fields(&bytes[..end])?;
            return Ok(Some(bytes.len() - end));
        }
        self.partial.extend_from_slice(bytes);
        let Some(end) = end_of_head(&self.partial) else { return Ok(None) };
        let head = std::mem::take(&mut self.partial);
        self.fields(&head[..end])?;
        Ok(Some(head.len() - end))
    }

    fn fields(&mut self, head: &[u8]) -> anyhow::Result<()> {
        self.status = match head.strip_prefix(b"HTTP/1.1 ") {
            Some(rest) => std::str::from_utf8(&rest[..3])?.parse().context("a status that is no number")?,
            None => 0,
        };
        self.at = At::Length(0);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', head) {
            let line = &head[start..end];
            start = end + 1;
            match line.first().map(u8::to_ascii_lowercase) {
                Some(b'c') => {
                    if let Some(value) = value_of(line, b"content-length") {
                        self.at = At::Length(value.parse().context("a length that is no number")?);
                    }
                }
                Some(b't') if value_of(line, b"transfer-encoding") == Some("chunked") => {
                    self.at = At::Size(0);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn chunks(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            self.at = match (self.at, byte) {
                (At::Size(size), b'\r' | b';' | b' ') => At::Extension(size),
                (At::Size(size), digit) => {
                    let digit = (digit as char).to_digit(16).context("a chunk size that is no number")?;
                    At::Size(size * 16 + u64::from(digit))
                }
                (At::Extension(0), b'\n') => At::Trailer(0),
                (At::Extension(size), b'\n') => At::Data(size),
                (At::Data(left), _) => {
                    let taken = left.min((bytes.len() - at + 1) as u64);
                    self.body_bytes += taken;
                    at += taken as usize - 1;
                    if taken == left { At::DataEnd } else { At::Data(left - taken) }
                }
                (At::DataEnd, b'\n') => At::Size(0),
                (At::Trailer(0), b'\n') => {
                    anyhow::ensure!(at == bytes.len(), "bytes behind the last chunk");
                    return Ok(true);
                }
                (At::Trailer(_), b'\n') => At::Trailer(0),
                (At::Trailer(len), byte) => At::Trailer(len + u32::from(byte != b'\r')),
                (same, _) => same,
            };
        }
        Ok(false)
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (own, rest) = line.split_at_checked(name.len())?;
    let value = own.eq_ignore_ascii_case(name).then(|| rest.strip_prefix(b":"))??;
    std::str::from_utf8(value).ok().map(str::trim)
}
