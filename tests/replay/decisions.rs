//! `ringgate explain --id`, `/decisions/{id}` and `/recent/decisions`: what was decided about a request.

use super::{decision, id, told};
use crate::harness::{FaultOrigin, Setup, Wire, curl, free_address, ringgate};

const ROUTES: &str = "
  - name: guarded
    match: {path: /guarded}
    cluster: origin
    policies: {ip_filter: {deny: [127.0.0.0/8]}}
  - name: hello
    match: {path: /hello}
    respond: {status: 200, body: hi}
  - name: orders
    match: {prefix: /orders}
    cluster: origin";

#[test]
fn the_id_of_an_answer_leads_to_what_was_decided() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).routes(ROUTES).one_worker().start();
    let answer = gateway.get("/orders/7?token=S3CR3T").has_status(200);
    let said = told(&gateway, &id(&answer));
    let endpoint = origin.address().to_string();
    for words in [
        "generation 1",
        "listener    public, HTTP/1.1",
        "request     GET /orders/7\n",
        "route       orders",
        "cluster     origin",
        &endpoint,
        "1 attempt",
        "answer      200\n",
        "why         Answered 200 by",
    ] {
        assert!(said.contains(words), "nothing of {words}:\n{said}");
    }
    assert!(!said.contains("S3CR3T"), "{said}");
    let again = gateway.get("/orders/8").has_status(200);
    let json = decision(&gateway, &id(&again), |_| true);
    assert_eq!(json["reused"], true, "{json}");
    assert!(json["head_ms"].as_f64().unwrap() > 0.0 && json["connect_ms"].is_null(), "{json}");
}

#[test]
fn a_refusal_tells_who_refused() {
    let gateway = Setup::before("127.0.0.1:9").routes(ROUTES).start();
    let refused = gateway.get("/guarded").has_problem(403, "address_denied");
    let said = told(&gateway, &id(&refused));
    assert!(said.contains("answer      403 address_denied, by ip_filter"), "{said}");
    assert!(said.contains("Policy ip_filter of route `guarded` refused it"), "{said}");
    let answered = gateway.get("/hello").has_status(200);
    assert!(told(&gateway, &id(&answered)).contains("Route `hello` answers by itself."));
}

#[test]
fn what_had_no_route_or_was_no_request_is_remembered_too() {
    let gateway = Setup::before("127.0.0.1:9").routes(ROUTES).start();
    let unrouted = gateway.get("/elsewhere").has_problem(404, "no_route");
    let json = decision(&gateway, &id(&unrouted), |_| true);
    assert_eq!((&json["code"], &json["path"]), (&"no_route".into(), &"/elsewhere".into()));
    assert!(json.get("route").is_none(), "{json}");
    for request in ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/9.9\r\nHost: a\r\n\r\n"] {
        let refused = gateway.send(request);
        let json = decision(&gateway, &id(&refused), |_| true);
        assert_eq!(json["status"], refused.status, "{json}");
        assert!(json["code"].is_string() && json.get("route").is_none(), "{json}");
    }
}

#[test]
fn an_endpoint_that_is_away_is_named() {
    let endpoint = free_address();
    let gateway = Setup::before(endpoint).routes(ROUTES).start();
    let failed = gateway.get("/orders/7").has_status(503);
    let said = told(&gateway, &id(&failed));
    assert!(said.contains("503 upstream_connect_refused") && said.contains(&endpoint.to_string()), "{said}");
}

#[test]
fn an_id_of_a_trusted_proxy_is_found_however_long_it_is() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).top("trusted_proxies: [127.0.0.1]").start();
    for id in ["edge-1", "550e8400-e29b-41d4-a716-446655440000", "urn:a/b+c=d@e", &"x".repeat(128)] {
        gateway.get_with("/", &format!("X-Request-Id: {id}\r\n")).has_status(200);
        let said = told(&gateway, id);
        assert!(said.starts_with(&format!("id          {id}\n")), "{said}");
    }
}

#[test]
fn requests_over_http2_are_remembered_one_by_one() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).routes(ROUTES).start();
    let ask = |target: &str| {
        let url = format!("http://{}{target}", gateway.public());
        let head = curl(&["--http2-prior-knowledge", "--head", &url]);
        let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        id.expect("an id").trim().to_owned()
    };
    let ids = [ask("/orders/1"), ask("/guarded")];
    let first = decision(&gateway, &ids[0], |_| true);
    assert_eq!((&first["protocol"], &first["path"]), (&"HTTP/2".into(), &"/orders/1".into()));
    assert_eq!(decision(&gateway, &ids[1], |_| true)["policy"], "ip_filter");
}

#[test]
fn an_upgraded_connection_is_told_while_it_is_open_and_when_it_is_over() {
    let origin = FaultOrigin::start(|dialogue| {
        if dialogue.head().is_some()
            && dialogue.send("HTTP/1.1 101 x\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n")
        {
            while dialogue.piece().is_some() {}
        }
    });
    let gateway =
        Setup::before(origin.address()).route("upgrades: [chat]").top("trusted_proxies: [127.0.0.1]").start();
    let mut wire = Wire::connect(gateway.public());
    wire.send(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: talk\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n",
    );
    wire.read_head().has_status(101);
    let open = decision(&gateway, "talk", |_| true);
    assert_eq!((&open["upgraded"], &open["status"]), (&true.into(), &101.into()), "{open}");
    assert!(open.get("end").is_none(), "{open}");
    drop(wire);
    let over = decision(&gateway, "talk", |json| json.get("end").is_some());
    assert_eq!(over["end"], "client", "{over}");
}

#[test]
fn only_the_latest_are_kept_and_a_filter_chooses_among_them() {
    let origin = FaultOrigin::echo();
    let setup = Setup::before(origin.address()).routes(ROUTES).top("recording: {decisions: 8}").one_worker();
    let gateway = setup.start();
    let oldest = gateway.get("/orders/0");
    for at in 0..20 {
        gateway.get(if at % 4 == 0 { "/guarded" } else { "/orders/1" });
    }
    let list = |query: &str| {
        let answer = gateway.admin_get(&format!("/recent/decisions{query}")).has_status(200).json();
        answer["decisions"].as_array().expect("a list").clone()
    };
    assert_eq!(list("").len(), 8);
    assert_eq!(list("?policy=ip_filter").len(), 2);
    assert_eq!(list("?status=2xx&route=orders&limit=3").len(), 3);
    assert!(list("?generation=2").is_empty());
    gateway.admin_get("/recent/decisions?flavour=sweet").has_status(400);
    let gone = ringgate(&["explain", "--id", &id(&oldest), "--admin", &gateway.admin().to_string()]);
    assert_eq!(gone.code, 1, "{}", gone.said());
    assert!(gone.stderr.contains("recording.decisions"), "{}", gone.stderr);
}

#[test]
fn nothing_is_remembered_where_that_is_off() {
    let origin = FaultOrigin::echo();
    let setup = Setup::before(origin.address()).top("recording: {decisions: off, heads: off}");
    let gateway = setup.start();
    let answer = gateway.get("/").has_status(200);
    let none = gateway.admin_get(&format!("/decisions/{}", id(&answer))).has_status(404);
    assert_eq!(none.json()["code"], "no_such_decision");
    assert!(super::heads(&gateway).is_empty());
}
