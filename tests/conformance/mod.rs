//! HTTP/1.1 at the edge, rule by rule: bytes in, bytes out. Each test names the section it holds the gateway to.

mod chunked;
mod client_gone;
mod early_response;
mod expect;
mod half_close;
mod head;
mod http10;
mod keep_alive;
mod pipelining;
mod request_body_limits;
mod request_fields;
mod request_framing;
mod request_host;
mod request_limits;
mod request_line;
mod response_fields;
mod response_framing;
mod response_interim;
mod response_status_line;
mod upgrade;

use crate::harness::{FaultOrigin, Gateway, Response, Setup};

/// A gateway before an origin that must not hear of what is refused.
struct Edge {
    origin: FaultOrigin,
    gateway: Gateway,
}

impl Edge {
    fn start() -> Self {
        Self::with("")
    }

    /// With a line of configuration at the top level.
    fn with(line: &str) -> Self {
        let origin = FaultOrigin::echo();
        let gateway = Setup::before(origin.address()).top(line).start();
        Self { origin, gateway }
    }

    /// Asserts that this is refused, that the connection closes after it and that the origin heard nothing.
    #[track_caller]
    fn refuses(&self, request: impl AsRef<[u8]>, status: u16, code: &str) -> Response {
        let before = self.origin.requests().len();
        let mut wire = self.gateway.wire();
        let response = wire.ask(request).has_problem(status, code);
        assert!(response.says_close(), "{:#?}", response.fields);
        wire.expect_close();
        assert_eq!(self.origin.requests().len(), before, "a refused request went upstream");
        response
    }

    /// The same for a head made of a request line and Host, with these field lines put in.
    #[track_caller]
    fn refuses_fields(&self, fields: &str, status: u16, code: &str) -> Response {
        self.refuses(format!("POST /refused HTTP/1.1\r\nHost: test\r\n{fields}\r\n\r\n"), status, code)
    }

    /// Asserts that this reaches the origin and is answered.
    #[track_caller]
    fn accepts(&self, request: impl AsRef<[u8]>) -> Response {
        self.gateway.send(request).has_status(200)
    }
}

/// A gateway before an origin that gives this to a request; asserts that the client gets 502 with the code of this
/// breach, that the connection is not used again, and that the next request gets a new one.
#[track_caller]
fn breaks(answer: &str, breach: &str) {
    let answer = answer.to_owned();
    let origin = FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            dialogue.send(if request.target == "/bad" { answer.as_str() } else { good });
        }
    });
    let gateway = Setup::before(origin.address()).one_worker().start();
    let mut wire = gateway.wire();
    wire.get("/good").has_status(200);
    let accepted = origin.accepted();
    wire.get("/bad").has_problem(502, &format!("upstream_{breach}"));
    origin.loses(1);
    wire.get("/good").has_status(200);
    assert_eq!(origin.accepted(), accepted + 1, "the broken connection was used again");
}
