//! A body that goes on for as long as somebody has something to say: one JSON value a line, as etcd and Kubernetes
//! send them.
//!
//! Owns what has come and is no whole line yet, which is bounded.

use reqwest::Response;
use serde::de::DeserializeOwned;

use super::HttpError;

/// Longest line. An object of Kubernetes or etcd has at most 1.5 MiB, but a message may carry several.
const LINE_BYTES_MAX: usize = 16 << 20;

/// A body, line by line.
#[derive(Debug)]
pub struct Lines {
    response: Response,
    pieces: Pieces,
}

impl Lines {
    pub(super) fn new(response: Response) -> Self {
        Self { response, pieces: Pieces::default() }
    }

    /// The next line that is not empty; nothing at the end of the body. Nothing is lost when this is dropped while it
    /// waits.
    ///
    /// # Errors
    /// When the body breaks off, or a line is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        loop {
            if let Some(line) = self.pieces.line() {
                return Ok(Some(line));
            }
            match self.response.chunk().await.map_err(|error| HttpError::of(&error))? {
                Some(piece) => self.pieces.add(&piece)?,
                None => return Ok(self.pieces.rest()),
            }
        }
    }

    /// The next line as JSON.
    ///
    /// # Errors
    /// When it is something else.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, HttpError> {
        let Some(line) = self.next().await? else { return Ok(None) };
        let read = serde_json::from_slice(&line);
        read.map(Some).map_err(|error| HttpError::new(format!("the answer is not as expected: {error}")))
    }
}

/// What has come of lines.
#[derive(Debug, Default)]
struct Pieces {
    bytes: Vec<u8>,
    /// What has been searched for an end already.
    searched: usize,
}

impl Pieces {
    fn add(&mut self, piece: &[u8]) -> Result<(), HttpError> {
        if self.bytes.len() + piece.len() > LINE_BYTES_MAX {
            return Err(HttpError::new(format!("a line is longer than {}", super::sized(LINE_BYTES_MAX))));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let Some(end) = memchr::memchr(b'\n', &self.bytes[self.searched..]) else {
                self.searched = self.bytes.len();
                return None;
            };
            let mut line: Vec<u8> = self.bytes.drain(..=self.searched + end).collect();
            self.searched = 0;
            line.truncate(line.trim_ascii_end().len());
            if !line.is_empty() {
                return Some(line);
            }
        }
    }

    fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.bytes);
        self.searched = 0;
        line.truncate(line.trim_ascii_end().len());
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_come_in_pieces(
            text in "[a-c\n]{0,40}", cut in proptest::collection::vec(1usize..9, 1..40)
        ) {
            let (mut pieces, mut rest, mut found) = (Pieces::default(), text.as_bytes(), Vec::new());
            for &size in cut.iter().cycle() {
                if rest.is_empty() { break }
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.add(piece).unwrap();
                found.extend(std::iter::from_fn(|| pieces.line()));
                rest = after;
            }
            found.extend(pieces.rest());
            let wanted: Vec<&[u8]> = text.lines().filter(|line| !line.is_empty()).map(str::as_bytes).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept_for_ever() {
        let mut pieces = Pieces::default();
        let piece = vec![b'a'; 1 << 20];
        let kept = (0..100).take_while(|_| pieces.add(&piece).is_ok()).count();
        assert_eq!(kept, 16);
    }
}
