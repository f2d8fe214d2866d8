//! HPACK (RFC 7541): what a peer sends, read; what a test sends, written in the plainest way.
//!
//! Written anew, as everything in the harness: the gateway's codec cannot vouch for itself. The code of Huffman is
//! canonical, so that its lengths are enough to build it.

use std::collections::{HashMap, VecDeque};

/// Fields in their order, names in lower case.
pub type Fields = Vec<(String, String)>;

/// A field as a literal that is not indexed, its name and value as they are.
pub fn literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    for text in [name, value] {
        integer(text.len(), 7, 0, out);
        out.extend_from_slice(text);
    }
}

/// An integer behind a prefix of so many bits (RFC 7541 5.1).
pub fn integer(value: usize, bits: u32, first: u8, out: &mut Vec<u8>) {
    let most = (1_usize << bits) - 1;
    if value < most {
        return out.push(first | value as u8);
    }
    out.push(first | most as u8);
    let mut left = value - most;
    while left >= 128 {
        out.push((left % 128) as u8 | 128);
        left /= 128;
    }
    out.push(left as u8);
}

/// Reads header blocks of one connection.
pub struct Decoder {
    dynamic: VecDeque<(String, String)>,
    huffman: HashMap<(u8, u32), u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        let mut symbols: Vec<usize> = (0..256).collect();
        symbols.sort_by_key(|symbol| (HUFFMAN_BITS[*symbol], *symbol));
        let (mut code, mut bits) = (0_u32, 0);
        let mut huffman = HashMap::new();
        for symbol in symbols {
            code <<= HUFFMAN_BITS[symbol] - bits;
            bits = HUFFMAN_BITS[symbol];
            huffman.insert((bits, code), symbol as u8);
            code += 1;
        }
        Self { dynamic: VecDeque::new(), huffman }
    }
}

impl Decoder {
    /// The fields of a whole block.
    #[track_caller]
    pub fn read(&mut self, mut block: &[u8]) -> Fields {
        let mut fields = Vec::new();
        while let Some(&first) = block.first() {
            let (bits, is_kept) = match first {
                128.. => (7, false),
                64.. => (6, true),
                32.. => {
                    // A new size of the table. Nothing here depends on what has been thrown away.
                    take_integer(&mut block, 5);
                    continue;
                }
                _ => (4, false),
            };
            let index = take_integer(&mut block, bits);
            if bits == 7 {
                fields.push(self.indexed(index));
                continue;
            }
            let name = if index == 0 { self.take_text(&mut block) } else { self.indexed(index).0 };
            let field = (name, self.take_text(&mut block));
            if is_kept {
                self.dynamic.push_front(field.clone());
            }
            fields.push(field);
        }
        fields
    }

    #[track_caller]
    fn indexed(&self, index: usize) -> (String, String) {
        if let Some((name, value)) = STATIC.get(index - 1) {
            return ((*name).to_owned(), (*value).to_owned());
        }
        self.dynamic[index - 1 - STATIC.len()].clone()
    }

    #[track_caller]
    fn take_text(&self, block: &mut &[u8]) -> String {
        let is_huffman = block[0] & 128 != 0;
        let len = take_integer(block, 7);
        let (text, rest) = block.split_at(len);
        *block = rest;
        let text = if is_huffman { self.unpack(text) } else { text.to_vec() };
        String::from_utf8(text).expect("fields of these tests are UTF-8")
    }

    fn unpack(&self, packed: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let (mut bits, mut code) = (0, 0);
        for bit in packed.iter().flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1))) {
            code = code << 1 | bit;
            bits += 1;
            if let Some(symbol) = self.huffman.get(&(bits, code)) {
                text.push(*symbol);
                (bits, code) = (0, 0);
            }
        }
        assert!(bits < 8 && code == (1 << bits) - 1, "padding that is none");
        text
    }
}

#[track_caller]
fn take_integer(block: &mut &[u8], bits: u32) -> usize {
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(block[0]) & most;
    *block = &block[1..];
    if value < most {
        return value;
    }
    for shift in (0..).step_by(7) {
        let byte = block[0];
        *block = &block[1..];
        value += usize::from(byte & 127) << shift;
        if byte & 128 == 0 {
            break;
        }
    }
    value
}

/// How many bits stand for each byte (RFC 7541 B).
#[rustfmt::skip]
const HUFFMAN_BITS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6,
    6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6,
    6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23,
    22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22,
    23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22,
    25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// RFC 7541 A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

#[test]
fn reads_what_the_specification_shows() {
    // RFC 7541 C.4.1 and C.4.2: Huffman, and the dynamic table.
    let mut decoder = Decoder::default();
    let first = decoder.read(b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff");
    assert_eq!(first.last().unwrap(), &(":authority".to_owned(), "www.example.com".to_owned()));
    let second = decoder.read(b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf");
    assert_eq!(second[3].1, "www.example.com");
    assert_eq!(second[4], ("cache-control".to_owned(), "no-cache".to_owned()));
    let mut written = Vec::new();
    literal(b"x-a", &[b'x'; 300], &mut written);
    assert_eq!(decoder.read(&written), [("x-a".to_owned(), "x".repeat(300))]);
}
