//! Kinds of clients: routes, variants and limits of their own.

use super::{Shop, Tokens, answering};
use crate::harness::Gateway;

const PROFILES: &str = "profiles:\n\
    - {name: mobile, when: [{headers: {x-app: {present: true}}}, {user_agent: '(?i)android|iphone'}]}\n\
    - {name: web, when: [{user_agent: Mozilla}]}\n\
    - {name: partner, when: [{claims: {tier: {exact: gold}}}]}";

#[test]
fn profiles_have_routes_of_their_own() {
    let gateway = Gateway::start(&format!(
        "{PROFILES}\nlisteners: [{{name: public, address: '127.0.0.1:0'}}]\nroutes:\n\
         - {{name: any, respond: {{status: 200, body: any}}}}\n\
         - {{name: mobile, match: {{profile: mobile}}, respond: {{status: 200, body: mobile}}}}\n\
         - {{name: web, match: {{profile: web}}, respond: {{status: 200, body: web}}}}\n"
    ));
    for (fields, body) in [
        ("", "any"),
        ("User-Agent: curl/8\r\n", "any"),
        ("User-Agent: Mozilla/5.0 (X11)\r\n", "web"),
        ("User-Agent: Mozilla/5.0 (Linux; Android 14)\r\n", "mobile"),
        ("X-App: 7\r\nUser-Agent: Mozilla/5.0\r\n", "mobile"),
    ] {
        assert_eq!(gateway.get_with("/", fields).text(), body, "{fields}");
    }
}

#[test]
fn profiles_have_variants_of_their_own() {
    let split = "{variants: {old: {cluster: v1, weight: 0}, new: {cluster: v2}}, by_profile: {mobile: old}}";
    let shop = Shop::with(PROFILES, split, (answering("old"), answering("new")));
    assert_eq!(shop.new_of(10, ""), 10);
    assert_eq!(shop.new_of(10, "X-App: 7\r\n"), 0);
    let file = shop.file.to_str().expect("UTF-8");
    let question = ["explain", "--config", file, "GET", "http://test/shop", "-H", "X-App: 7"];
    let told = crate::harness::ringgate(&question).succeeded();
    assert!(told.contains("variant     old (the client's profile has it)"), "{told}");
}

#[test]
fn a_profile_is_told_by_a_claim_that_was_verified() {
    let tokens = Tokens::new();
    let split = "{variants: {old: {cluster: v1, weight: 0}, new: {cluster: v2}}, by_profile: {partner: old}}";
    let more = format!("{PROFILES}\n{}", tokens.wanted());
    let shop = Shop::with(&more, split, (answering("old"), answering("new")));
    assert_eq!(shop.new_of(5, &tokens.field("ann", &["tier=gold"])), 0);
    assert_eq!(shop.new_of(5, &tokens.field("ann", &["tier=silver"])), 5);
    assert_eq!(shop.new_of(5, &tokens.field("ann", &[])), 5);
    let forged = tokens.field("ann", &["tier=gold"]).replace("Bearer e", "Bearer f");
    shop.gateway.get_with("/shop", &forged).has_status(401);
}

#[test]
fn profiles_have_limits_of_their_own() {
    let gateway = Gateway::start(&format!(
        "{PROFILES}\nlisteners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         rate_limits: {{kinds: {{key: [client.profile], rate: 2/h, when_key_missing: skip}}}}\n\
         routes: [{{name: any, respond: {{status: 200}}, policies: {{rate_limit: {{limits: [kinds]}}}}}}]\n"
    ));
    let statuses = |fields: &str| (0..4).map(|_| gateway.get_with("/", fields).status).collect::<Vec<_>>();
    assert_eq!(statuses("User-Agent: Mozilla/5.0\r\n"), [200, 200, 429, 429]);
    assert_eq!(statuses("X-App: 7\r\n"), [200, 200, 429, 429]);
    assert_eq!(statuses(""), [200, 200, 200, 200], "of no kind");
}
