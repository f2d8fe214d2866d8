//! Who is let in: tokens and roles, pages of other sites, foreign names, guessing.

use serde_json::json;

use super::*;

#[test]
fn a_reader_may_look_and_change_nothing() {
    let access = Access::default().with_token("ops", "w", Role::Write).with_token("ci", "r", Role::Read);
    let admin = Admin::guarded(access);
    let (reader, writer) = ("Authorization: Bearer r\r\n", "Authorization: Bearer w\r\n");
    for path in ["/config", "/status", "/audit", "/generations"] {
        assert_eq!(status(&admin.ask("GET", path, reader)), "200", "{path}");
    }
    for (method, path) in [("POST", "/reload"), ("POST", "/check"), ("PUT", "/log/level"), ("POST", "/drain")]
    {
        let answer = admin.order(method, path, reader, "{}");
        assert_eq!((status(&answer), &body(&answer)["code"]), ("403", &json!("read_only")), "{path}");
        assert_eq!(status(&admin.order(method, path, "", "{}")), "401");
    }
    assert!(admin.orders().is_empty());
    assert_eq!(status(&admin.order("POST", "/reload", writer, "{}")), "200");
    assert_eq!(admin.orders(), ["reload ops `` false"]);
    let seen = body(&admin.ask("GET", "/status", reader));
    assert_eq!(seen["caller"], json!({ "name": "ci", "role": "read" }));
    let metrics = admin.ask("GET", "/metrics", reader);
    assert!(
        metrics.contains("ringgate_admin_requests_total{role=\"read\",outcome=\"forbidden\"} 4"),
        "{metrics}"
    );
    assert!(metrics.contains("ringgate_admin_requests_total{role=\"none\",outcome=\"unauthorized\"} 4"));
}

#[test]
fn a_browser_cannot_be_made_to_change_anything() {
    let admin = Admin::start(None);
    for (fields, code, name) in [
        ("Origin: http://evil.example\r\n", "403", "cross_site"),
        ("Sec-Fetch-Site: cross-site\r\n", "403", "cross_site"),
    ] {
        let answer = admin.order("POST", "/reload", fields, "{}");
        assert_eq!((status(&answer), &body(&answer)["code"]), (code, &json!(name)), "{fields}");
    }
    for plain in ["Content-Length: 0\r\n", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"] {
        let answer = admin.ask("POST", "/reload", plain);
        assert_eq!(status(&answer), "415", "{plain}");
    }
    assert!(admin.orders().is_empty());
    assert_eq!(status(&admin.ask("POST", "/reload", "X-Ringgate-Admin: 1\r\nContent-Length: 0\r\n")), "200");
}

#[test]
fn a_name_that_was_pointed_here_gets_nothing() {
    let admin = Admin::start(None);
    let ask = |method: &str, path: &str, host: &str| {
        let fields = "Content-Type: application/json\r\nContent-Length: 0\r\nConnection: close";
        admin.send(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n"))
    };
    for (method, path) in [("GET", "/config"), ("GET", "/status"), ("POST", "/reload")] {
        let answer = ask(method, path, "evil.example:9090");
        assert_eq!((status(&answer), &body(&answer)["code"]), ("403", &json!("foreign_host")), "{path}");
        assert_eq!(status(&ask(method, path, "localhost:9090")), "200");
    }
    assert_eq!(status(&ask("GET", "/metrics", "gateway.internal:9090")), "200", "scrapers use names");
}

#[test]
fn guessing_takes_its_time() {
    let admin = Admin::start(Some("s3cret"));
    let begun = Instant::now();
    for _ in 0..4 {
        assert_eq!(status(&admin.ask("GET", "/config", "Authorization: Bearer wrong\r\n")), "401");
    }
    // 50 + 100 + 150 + 200 ms.
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(status(&admin.ask("GET", "/config", "Authorization: Bearer s3cret\r\n")), "200");
    assert!(begun.elapsed() < Duration::from_millis(200), "the right one does not wait");
}
