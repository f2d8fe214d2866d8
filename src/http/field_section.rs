//! Fields as they came, after policies and the proxy have changed them.
//!
//! What is parsed is copied once and as a whole; removing and replacing touches the list alone. So the original section
//! still stands in front of everything else, up to its empty line. Nothing here decides what a field means.

use memchr::memmem::find;

use super::field::{FieldId, FieldRef, Fields};

const LINE_END: &[u8] = b"\r\n";

impl Fields {
    /// Every line as it came, whatever has been removed, replaced or added since. None, if they were not parsed.
    pub fn as_came(&self) -> impl Iterator<Item = FieldRef<'_>> + Clone {
        // A section is kept with the end of the start line; what is appended begins with a name.
        let mut rest = self.storage().strip_prefix(LINE_END).unwrap_or_default();
        std::iter::from_fn(move || {
            let line = &rest[..find(rest, LINE_END)?];
            rest = &rest[line.len() + LINE_END.len()..];
            // The empty line ends the section, also for whoever asks again.
            if line.is_empty() {
                rest = &[];
            }
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            Some(FieldRef { id: FieldId::recognise(name), name, value })
        })
    }

    /// How many bytes the section has at most that [`Fields::as_came`] gives.
    pub fn section_bytes(&self) -> usize {
        self.storage().len()
    }
}

#[cfg(test)]
mod tests {
    use crate::http::h1::parse::{self, HeadLimits, HeadScan};
    use crate::http::head::RequestHead;

    fn parsed(text: &str) -> RequestHead {
        let limits = HeadLimits { head_bytes: 4096, target_bytes: 1024, field_count: 100 };
        let mut head = RequestHead::default();
        parse::request(&mut HeadScan::default(), text.as_bytes(), &limits, &mut head).unwrap().unwrap();
        head
    }

    fn came(head: &RequestHead) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        head.fields.as_came().map(|field| (text(field.name), text(field.value))).collect()
    }

    #[test]
    fn what_was_removed_replaced_or_added_does_not_show() {
        // The second line makes the thorough parser take the head.
        for odd in ["", "X-Odd:\tb \r\n"] {
            let text = format!(
                "GET / HTTP/1.1\r\nHost: a\r\n{odd}Connection: close, x-b\r\nX-B: \r\nX-C: 1\r\n\r\n"
            );
            let mut head = parsed(&text);
            let before = came(&head);
            assert_eq!(before.len(), 4 + usize::from(!odd.is_empty()));
            assert_eq!(before[0], ("Host".to_owned(), "a".to_owned()));
            head.fields.remove_hop_by_hop();
            head.fields.set(b"X-C", b"2");
            head.fields.append(b"X-D", b"3");
            head.fields.remove_named(b"host");
            assert_eq!(came(&head), before);
        }
    }

    #[test]
    fn a_head_without_fields_and_one_that_was_not_parsed_have_none() {
        let mut head = parsed("GET / HTTP/1.0\r\n\r\n");
        head.fields.append(b"X-A", b"1");
        assert!(came(&head).is_empty());
        let mut head = RequestHead::default();
        head.fields.append(b"X-A", b"1");
        assert!(came(&head).is_empty());
    }
}
