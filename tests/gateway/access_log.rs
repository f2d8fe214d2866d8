//! The access log: one JSON line per exchange, complete and without secrets.

use serde_json::Value;

use crate::harness::{FaultOrigin, Gateway, Setup, eventually};

/// A gateway that logs into its own directory, and a reader of that log.
struct Logged {
    gateway: Gateway,
    file: tempfile::NamedTempFile,
}

impl Logged {
    fn start(origin: &FaultOrigin, more: &str) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let line = format!("access_log: {{to: '{}'{more}}}", file.path().display());
        let gateway = Setup::before(origin.address()).top(&line).start();
        Self { gateway, file }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file.path()).expect("the log is there")
    }

    /// Waits for this many lines.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} log lines"), || self.text().lines().count() >= count);
        self.text().lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

#[test]
fn a_line_tells_the_whole_exchange() {
    let origin = FaultOrigin::echo();
    let log = Logged::start(&origin, "");
    let response = log.gateway.get_with("/path?q=1", "User-Agent: tester\r\n").has_status(200);
    let line = &log.lines(1)[0];
    for (name, value) in [
        ("method", "GET"),
        ("path", "/path"),
        ("query", "q=1"),
        ("route", "all"),
        ("listener", "public"),
        ("host", "test"),
        ("client", "127.0.0.1"),
        ("user_agent", "tester"),
    ] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert_eq!(line["status"], 200);
    assert_eq!(line["request_id"], response.field("x-request-id").unwrap());
    assert_eq!(line["response_bytes"], "/path?q=1".len());
    assert!(line.to_string().contains(&origin.address().to_string()), "no endpoint: {line}");
}

#[test]
fn secrets_are_never_written() {
    let origin = FaultOrigin::ok();
    let log = Logged::start(
        &origin,
        ", headers: [authorization, cookie, x-mine, x-plain], redact_headers: [x-mine], redact_query: [pin]",
    );
    log.gateway.get_with(
        "/?token=hush1&password=hush2&pin=hush3&plain=seen1",
        "Authorization: Bearer hush4\r\nCookie: session=hush5\r\nX-Mine: hush6\r\nX-Plain: seen2\r\n",
    );
    log.lines(1);
    let text = log.text();
    assert!(!text.contains("hush"), "{text}");
    assert!(text.contains("seen1") && text.contains("seen2"), "{text}");
}

#[test]
fn odd_bytes_cannot_forge_a_line() {
    let origin = FaultOrigin::ok();
    let log = Logged::start(&origin, "");
    log.gateway.get_with("/?a=%0a%22}{", "User-Agent: \"}\u{e9}\\\t{\r\n");
    log.gateway.get("/second");
    assert_eq!(log.lines(2).len(), 2);
}

#[test]
fn a_refusal_is_logged_with_its_code() {
    let origin = FaultOrigin::ok();
    let log = Logged::start(&origin, "");
    log.gateway.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    let line = &log.lines(1)[0];
    assert_eq!(line["status"], 400, "{line}");
    assert_eq!(line["error"], "two_framings", "{line}");
}

#[test]
fn a_sample_is_about_its_share() {
    let origin = FaultOrigin::ok();
    let log = Logged::start(&origin, ", sample: 20%");
    let mut wire = log.gateway.wire();
    for _ in 0..1000 {
        wire.get("/").has_status(200);
    }
    log.lines(100);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let count = log.text().lines().count();
    // 200 expected; seven standard deviations either side.
    assert!((110..290).contains(&count), "{count}");
}

#[test]
fn errors_are_logged_whatever_the_sample() {
    let origin = FaultOrigin::answering("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    let log = Logged::start(&origin, ", sample: 1%");
    for _ in 0..20 {
        log.gateway.get("/").has_status(500);
    }
    assert_eq!(log.lines(20).len(), 20);
}

#[test]
fn the_log_is_complete_after_a_drain() {
    let origin = FaultOrigin::ok();
    let Logged { gateway, file } = Logged::start(&origin, "");
    let mut wire = gateway.wire();
    for _ in 0..200 {
        wire.get("/").has_status(200);
    }
    drop(wire);
    gateway.drain();
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(text.lines().count(), 200);
}
