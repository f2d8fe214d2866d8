//! The operator's listener: who may ask it, and that it is not open to a network.

use super::{Check, names};
use crate::config::units::UnitError;
use crate::control::config::admin::{CertificateRoleConfig, UNNAMED};

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    let Some(admin) = &config.admin else { return };
    let addr = admin.address.get();
    if admin.is_open() && !addr.ip().to_canonical().is_loopback() {
        let why = UnitError::new(format!("whoever reaches {addr} could change this gateway"))
            .hint("listen on 127.0.0.1, or ask for a token: `token: {env: RINGGATE_ADMIN_TOKEN}`");
        check.error("admin-open", "admin.address", why);
    }
    if !admin.is_open() && admin.tls.is_none() && !addr.ip().to_canonical().is_loopback() {
        let why = UnitError::new("tokens cross the network in clear")
            .hint("add `tls: {certificates: [{cert: admin.pem, key: admin.key}]}`");
        check.warning("admin-in-clear", "admin.address", why);
    }
    tokens(check);
    if let Some(clients) = &admin.client_certificates {
        if admin.tls.is_none() {
            let why = UnitError::new("without TLS nobody can show a certificate")
                .hint("add `tls: {certificates: [{cert: admin.pem, key: admin.key}]}` beside it");
            check.error("no-tls", "admin.client_certificates", why);
        }
        for (at, rule) in clients.roles.iter().enumerate() {
            check.value("bad-role", &format!("admin.client_certificates.roles[{at}]"), one_of(rule));
        }
    }
}

fn tokens(check: &mut Check<'_>) {
    let config = check.config;
    let Some(admin) = &config.admin else { return };
    for (at, token) in admin.tokens.iter().enumerate() {
        let path = format!("admin.tokens[{at}].name");
        check.value("bad-name", &path, names::form(&token.name));
        if NOT_PEOPLE.contains(&token.name.as_str()) {
            let why =
                UnitError::new(format!("`{}` stands for the gateway itself in the audit log", token.name))
                    .hint("choose the name of whoever has the token");
            check.error("bad-name", &path, why);
        }
        let is_taken = admin.tokens[..at].iter().any(|earlier| earlier.name == token.name);
        if is_taken || (token.name == UNNAMED && admin.token.is_some()) {
            let why = UnitError::new(format!("`{}` is the name of another token", token.name))
                .hint("the audit log tells them apart by their names: choose another");
            check.error("duplicate-name", &path, why);
        }
    }
}

/// Authors of changes that nobody asked for with a token.
const NOT_PEOPLE: [&str; 5] = ["gateway", "local", "signal", "source", "start"];

fn one_of(rule: &CertificateRoleConfig) -> Result<(), UnitError> {
    let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if says(&rule.subject) != says(&rule.san) {
        return Ok(());
    }
    Err(UnitError::new("exactly one of `subject` and `san` tells whose certificate it is")
        .hint("write `subject: CN=deploy` or `san: deploy.example`"))
}

#[cfg(test)]
mod tests {
    use crate::control::check::tests::{expect, found, with};

    fn admin(lines: &str) -> String {
        with(&format!("admin:\n  {}", lines.replace('\n', "\n  ")))
    }

    #[test]
    fn right_ones_have_no_faults() {
        for lines in [
            "address: 127.0.0.1:9090",
            "address: '[::1]:9090'",
            "address: 127.0.0.1:9090\ntokens: [{name: ci, token: {env: CI}}, {name: ops, role: write, token: {env: O}}]",
            "address: 127.0.0.1:9090\ntls: {certificates: [{cert: a.pem, key: a.key}]}\n\
             client_certificates: {ca: ca.pem, roles: [{subject: CN=a, role: write}, {san: b.example}]}",
        ] {
            assert!(found(&admin(lines)).is_empty(), "{lines}\n{}", found(&admin(lines)));
        }
    }

    #[test]
    fn open_to_a_network_is_refused() {
        for address in ["0.0.0.0:9090", "'[::]:9090'", "192.0.2.1:9090"] {
            expect(&admin(&format!("address: {address}")), "admin-open", 2, "could change");
            let guarded = format!("address: {address}\ntoken: {{env: TOKEN}}");
            expect(&admin(&guarded), "admin-in-clear", 2, "in clear");
            assert!(!found(&admin(&guarded)).has_errors());
        }
    }

    #[test]
    fn wrong_ones_are_told_where_and_why() {
        let local = "address: 127.0.0.1:9090\n";
        for (lines, code, line, words) in [
            (
                "tokens: [{name: a, token: {env: A}}, {name: a, token: {env: B}}]",
                "duplicate-name",
                3,
                "another",
            ),
            ("token: {env: A}\ntokens: [{name: admin, token: {env: B}}]", "duplicate-name", 4, "another"),
            ("tokens: [{name: 'a b', token: {env: A}}]", "bad-name", 3, "a b"),
            ("tokens: [{name: signal, token: {env: A}}]", "bad-name", 3, "itself"),
            ("tokens: [{name: a, token: {env: ''}}]", "bad-secret", 3, "no secret"),
            ("client_certificates: {ca: a.pem, roles: [{subject: CN=a}]}", "no-tls", 3, "without TLS"),
            (
                "tls: {certificates: [{cert: a, key: b}]}\nclient_certificates: {ca: a.pem, roles: [{role: write}]}",
                "bad-role",
                4,
                "exactly one",
            ),
        ] {
            expect(&admin(&format!("{local}{lines}")), code, line, words);
        }
    }
}
