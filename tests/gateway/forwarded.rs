//! What the gateway tells the origin about the client, and whom it believes: RFC 7239 and its older fields.

use super::Pair;

const SPOOFED: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                       X-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\n";

fn trusting() -> Pair {
    Pair::with(|setup| setup.top("trusted_proxies: [127.0.0.0/8]"))
}

#[test]
fn tells_who_asked_and_how() {
    let request = Pair::start().forwards("/", "");
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("test"));
    assert_eq!(request.field("forwarded"), None);
}

#[test]
fn does_not_believe_a_stranger() {
    let request = Pair::start().forwards("/", SPOOFED);
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_eq!(request.field("x-forwarded-host"), Some("test"));
    assert_eq!(request.field("forwarded"), None);
    assert!(!String::from_utf8_lossy(&request.head).contains("6.6.6.6"));
}

#[test]
fn appends_to_what_a_trusted_proxy_says() {
    let request = trusting().forwards(
        "/",
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n",
    );
    assert_eq!(request.field("x-forwarded-for"), Some("1.2.3.4, 127.0.0.1"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-forwarded-host"), Some("shop.example"));
}

#[test]
fn appends_to_several_lines_of_a_trusted_proxy() {
    // RFC 9110 5.3: two lines are one list, in their order.
    let request = trusting().forwards("/", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n");
    let joined = request.fields_named("x-forwarded-for").join(", ");
    assert_eq!(joined, "1.1.1.1, 2.2.2.2, 127.0.0.1");
}

#[test]
fn extends_forwarded_where_a_trusted_proxy_sent_it() {
    // RFC 7239 4.
    let request = trusting().forwards("/", "Forwarded: for=1.2.3.4;proto=https\r\n");
    let forwarded = request.fields_named("forwarded").join(", ");
    assert!(forwarded.starts_with("for=1.2.3.4;proto=https, for="), "{forwarded}");
    assert!(forwarded.contains("127.0.0.1"), "{forwarded}");
}

#[test]
fn adds_itself_to_via_in_both_directions() {
    // RFC 9110 7.6.3: a gateway MUST send Via upstream; downstream it may, and ours does.
    let pair = Pair::start();
    let response = pair.gateway.get_with("/", "Via: 1.0 fred\r\n").has_status(200);
    let request = pair.origin.only_request();
    assert_eq!(request.fields_named("via").join(", "), "1.0 fred, 1.1 ringgate");
    assert_eq!(response.fields_named("via").last(), Some(&"1.1 ringgate"));
}

#[test]
fn strips_fields_that_only_the_gateway_may_set() {
    let pair = Pair::start();
    let request =
        pair.forwards("/", "X-User-Id: admin\r\nx-CONSUMER-id: a\r\nX-Tenant-Id: b\r\nX-Other: stays\r\n");
    for name in ["x-user-id", "x-consumer-id", "x-tenant-id"] {
        assert_eq!(request.field(name), None, "{name}");
    }
    assert_eq!(request.field("x-other"), Some("stays"));
}

#[test]
fn strips_the_identity_fields_that_are_configured() {
    let pair = Pair::with(|setup| setup.top("identity_headers: [x-role]"));
    let request = pair.forwards("/", "X-Role: admin\r\nX-User-Id: stays\r\n");
    assert_eq!(request.field("x-role"), None);
    assert_eq!(request.field("x-user-id"), Some("stays"));
}
