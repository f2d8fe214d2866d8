//! What is kept of a head, and the law: a planted secret never shows.

use proptest::prelude::*;

use super::*;

fn written(target: &str, fields: &[(&str, &str)]) -> String {
    let head = HeadText { method: b"GET", target: target.as_bytes(), is_http10: false };
    let fields = fields.iter().map(|(name, value)| FieldText {
        is_known: matches!(*name, "Host" | "Sec-WebSocket-Key" | "Accept"),
        name: name.as_bytes(),
        value: value.as_bytes(),
    });
    let mut out = Vec::new();
    let redaction = Redaction::compile(&["X-Session", "X-Tenant"], &["Card-Number"]);
    head.write(fields, &redaction, &Pseudonyms::default(), &mut out);
    format!("{{{}}}", String::from_utf8(out).unwrap())
}

fn value(name: &str, sent: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(&written("/", &[(name, sent)])).unwrap();
    json["fields"][0][1].as_str().unwrap().to_owned()
}

#[test]
fn a_head_is_json_with_everything_in_its_place() {
    let json: serde_json::Value =
        serde_json::from_str(&written("/a?b=\"1\"&token=x", &[("Host", "a"), ("Accept", "*/*")])).unwrap();
    assert_eq!(json["method"], "GET");
    assert_eq!(json["target"], "/a?b=\"1\"&token=(redacted)");
    assert_eq!(json["fields"], serde_json::json!([["Host", "a"], ["Accept", "*/*"]]));
}

#[test]
fn a_hidden_value_leaves_its_scheme_and_a_stand_in() {
    let shown = value("Authorization", "Bearer S3CR3T");
    assert!(shown.starts_with("Bearer (redacted:") && shown.ends_with(')'), "{shown}");
    let shown = value("X-Tenant", "S3CR3T");
    assert!(shown.starts_with("(redacted:"), "{shown}");
}

#[test]
fn cookies_keep_their_names() {
    let shown = value("Cookie", "session=S3CR3T; theme=dark=er; S3CR3T");
    let names: Vec<_> = shown.split("; ").map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(names[..2], ["session", "theme"]);
    assert!(names[2].starts_with("(redacted:") && !shown.contains("dark"), "{shown}");
}

#[test]
fn what_sounds_secret_is_hidden_unless_the_gateway_knows_better() {
    for name in ["X-Auth-Token", "x_csrf", "Idempotency-Key", "X-Amz-Security-Token", "X-USER-EMAIL"] {
        assert!(value(name, "S3CR3T").starts_with("(redacted:"), "{name}");
    }
    for name in ["Sec-WebSocket-Key", "Accept", "X-Tier", "X-Request-Id"] {
        assert_eq!(value(name, "plain"), "plain", "{name}");
    }
}

proptest! {
    #[test]
    fn a_planted_secret_never_shows(
        name in prop::sample::select(vec![
            "Authorization", "proxy-authorization", "COOKIE", "Cookie", "X-Api-Key", "x-session", "X-Tenant",
            "X-Refresh-Token", "my_password", "X-Client-Signature",
        ]),
        parameter in prop::sample::select(vec!["token", "ToKen", "%74oken", "code", "a[password]", "card_number"]),
        before in "((Basic|Bearer|digest) |[a-z]{1,6}=|[ -~]{0,12}; ?[a-z]{1,4}=)?",
        after in "([;,& ][a-z]{1,4}=[a-z]{0,3}){0,2}",
    ) {
        const SECRET: &str = "S3CR3T";
        let target = format!("/p?{parameter}={SECRET}&a=b");
        let sent = format!("{before}{SECRET}{after}");
        let referer = format!("https://user:{SECRET}@h/x?{parameter}={SECRET}");
        let shown = written(&target, &[("Host", "a"), (name, &sent), ("Referer", &referer)]);
        prop_assert!(!shown.contains(SECRET), "{} {}: {}", name, sent, shown);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{}", shown);
    }
}
