//! Kinds of exchange: the bytes of a request and of its answer, built once.
//!
//! Heads are what a small service and its client send. Bodies are filler.

/// Bytes of a chunk in chunked answers.
const CHUNK_BYTES: usize = 1024;

/// One kind of exchange.
pub struct Shape {
    /// As it stands in tables and baselines.
    pub name: &'static str,
    /// The complete request.
    pub request: Vec<u8>,
    /// Bytes behind its head.
    pub request_body_bytes: usize,
    /// The complete answer.
    pub answer: Vec<u8>,
    /// Bytes behind its head, chunk framing included.
    pub answer_body_bytes: usize,
}

impl Shape {
    /// A GET that is answered with `bytes` of body.
    pub fn download(name: &'static str, bytes: usize) -> Self {
        Self::new(name, request("GET", ""), &[], length_head(bytes), &filler(bytes))
    }

    /// A GET that is answered with `count` chunks of 1 KiB, sent at once.
    pub fn chunked(name: &'static str, count: usize) -> Self {
        let chunk = [format!("{CHUNK_BYTES:x}\r\n").as_bytes(), &filler(CHUNK_BYTES), b"\r\n"].concat();
        let body = [chunk.repeat(count), b"0\r\n\r\n".to_vec()].concat();
        Self::new(name, request("GET", ""), &[], answer_head("Transfer-Encoding: chunked\r\n"), &body)
    }

    /// A POST with `bytes` of body and an answer of 128 bytes.
    pub fn upload(name: &'static str, bytes: usize) -> Self {
        let head = request("POST", &format!("Content-Type: application/json\r\nContent-Length: {bytes}\r\n"));
        Self::new(name, head, &filler(bytes), length_head(128), &filler(128))
    }

    /// The same with one more field in the request; for requests without a body.
    pub fn with_field(mut self, line: &str) -> Self {
        let end = self.request.len() - b"\r\n".len();
        self.request.splice(end..end, format!("{line}\r\n").into_bytes());
        self
    }

    fn new(name: &'static str, request: String, upload: &[u8], answer: String, download: &[u8]) -> Self {
        Self {
            name,
            request: [request.as_bytes(), upload].concat(),
            request_body_bytes: upload.len(),
            answer: [answer.as_bytes(), download].concat(),
            answer_body_bytes: download.len(),
        }
    }
}

/// A request head as HTTP libraries send it, with these further fields.
pub fn request(method: &str, fields: &str) -> String {
    format!(
        "{method} /api/v1/items/4711?fields=name,price HTTP/1.1\r\nHost: api.example.test\r\n\
         User-Agent: micro/1.0\r\nAccept: application/json\r\nAccept-Encoding: gzip, br\r\n{fields}\r\n"
    )
}

/// The head of an answer with `bytes` of body.
pub fn length_head(bytes: usize) -> String {
    answer_head(&format!("Content-Length: {bytes}\r\n"))
}

fn answer_head(framing: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Content-Type: application/json\r\n{framing}\r\n"
    )
}

fn filler(bytes: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(bytes).collect()
}
