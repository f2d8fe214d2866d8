//! `certificate`: clients by their certificates.

use crate::harness::{Authority, FaultOrigin, Gateway, curl};

/// A gateway that asks for certificates, and answers from curl with and without one.
fn statuses(certificate: &str, clients: &[&str]) -> (Vec<String>, Gateway, FaultOrigin) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path().to_owned();
    let authority = Authority::new(&folder, "ca");
    authority.issue("site", &["localhost", "127.0.0.1"]);
    for (serial, client) in (1..).zip(clients) {
        match client.split_once('=') {
            _ if client.is_empty() => {}
            // `file=uri`
            Some((file, uri)) => authority.issue_service(file, uri),
            None => authority.issue_client(client, client, serial),
        }
    }
    let origin = FaultOrigin::echo();
    let yaml = format!(
        "listeners: [{{name: public, address: '127.0.0.1:0', tls: {{certificates: [{{cert: site.pem, key: site.key}}], \
         client_certificates: {{ca: ca.pem, mode: optional}}}}}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
         authenticators: {{mesh: {{certificate: {certificate}}}}}\n\
         clusters: {{origin: {{endpoints: ['{}']}}}}\n\
         routes: [{{name: all, cluster: origin, policies: {{authenticate: {{any_of: [mesh]}}, \
         identity: {{headers: {{X-Who: '${{identity.subject}} of ${{identity.tenant}}'}}}}}}}}]\n",
        origin.address()
    );
    let file = folder.join("gateway.yaml");
    std::fs::write(&file, yaml).expect("ours");
    let gateway = Gateway::start_file(&file, directory, &[]);
    let path = |name: &str| folder.join(name).display().to_string();
    let url = format!("https://localhost:{}/", gateway.public().port());
    let all = clients.iter().map(|client| {
        let client = client.split('=').next().unwrap_or_default();
        let (ca, cert, key) =
            (path("ca.pem"), path(&format!("{client}.pem")), path(&format!("{client}.key")));
        let mut arguments =
            vec!["--ipv4", "--cacert", &ca, "--output", "/dev/null", "--write-out", "%{http_code}", &url];
        if !client.is_empty() {
            arguments.extend(["--cert", &cert, "--key", &key]);
        }
        curl(&arguments)
    });
    (all.collect(), gateway, origin)
}

#[test]
fn names_that_are_let_in_pass_and_others_are_told() {
    let (statuses, gateway, _origin) = statuses("{allow: ['orders*']}", &["orders-1", "billing", ""]);
    assert_eq!(statuses, ["200", "401", "401"]);
    for (code, count) in [("certificate_unknown", 1.0), ("credentials_missing", 1.0)] {
        gateway.metric_becomes(&format!("ringgate_errors_total{{code=\"{code}\"}}"), count);
    }
}

#[test]
fn without_a_list_everybody_passes_for_whom_the_authority_vouches() {
    let (statuses, _gateway, _origin) = statuses("{}", &["orders-1", "billing", ""]);
    assert_eq!(statuses, ["200", "200", "401"]);
}

#[test]
fn a_name_of_another_kind_is_not_taken_for_it() {
    let (statuses, _gateway, _origin) = statuses("{subject: uri}", &["orders-1"]);
    assert_eq!(statuses, ["401"], "it has a common name and no URI");
}

#[test]
fn services_are_known_by_their_uris() {
    let certificate = "{subject: uri, allow: ['spiffe://example.org/ns/*/sa/orders'], \
        known: [{name: 'spiffe://example.org/**', tenant: shop}]}";
    let clients = [
        "orders=spiffe://example.org/ns/prod/sa/orders",
        "billing=spiffe://example.org/ns/prod/sa/billing",
        "deep=spiffe://example.org/ns/prod/x/sa/orders",
        "named-orders",
    ];
    let (statuses, _gateway, origin) = statuses(certificate, &clients);
    assert_eq!(statuses, ["200", "401", "401", "401"]);
    let who = origin.only_request().field("x-who").map(str::to_owned);
    assert_eq!(who.as_deref(), Some("spiffe://example.org/ns/prod/sa/orders of shop"));
}
