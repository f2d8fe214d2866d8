//! What `check` says of certificates.

use std::path::Path;

use crate::harness::{Authority, ringgate};

fn yaml(tls: &str, cluster: &str) -> String {
    format!(
        "listeners: [{{name: public, address: \"127.0.0.1:8443\", tls: {{{tls}}}}}]\n\
         clusters: {{origin: {{endpoints: [\"localhost:9443\"]{cluster}}}}}\n\
         routes: [{{name: all, cluster: origin}}]\n"
    )
}

#[track_caller]
fn said(folder: &Path, tls: &str, cluster: &str) -> (bool, String) {
    let file = folder.join("gateway.yaml");
    std::fs::write(&file, yaml(tls, cluster)).expect("the folder is ours");
    let output = ringgate(&["check", file.to_str().expect("UTF-8")]);
    (output.code == 0, output.said())
}

#[test]
fn says_what_is_wrong_with_files_and_pairs() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let authority = Authority::new(folder, "ca");
    authority.issue("site", &["localhost"]);
    authority.issue("other", &["localhost"]);
    authority.issue_expired("old", &["localhost"]);
    std::fs::write(folder.join("empty.pem"), "").expect("the folder is ours");
    let good = "certificates: [{cert: site.pem, key: site.key}]";
    for (tls, cluster, is_fine, wanted) in [
        (good, "", true, "ok"),
        ("certificates: [{cert: none.pem, key: site.key}]", "", false, "no-file"),
        ("certificates: [{cert: site.pem, key: other.key}]", "", false, "key-mismatch"),
        ("certificates: [{cert: empty.pem, key: site.key}]", "", false, "bad-certificate"),
        ("certificates: [{cert: site.pem, key: site.pem}]", "", false, "bad-key"),
        ("certificates: [{cert: old.pem, key: old.key}]", "", true, "expired"),
        ("certificates: [{cert: site.pem, key: site.key, names: ['a:1']}]", "", false, "bad-host"),
        ("certificates: [{cert: site.pem, key: site.key}], handshakes: 0", "", false, "out-of-range"),
        ("certificates: [{cert: site.pem, key: site.key}], min_version: \"1.1\"", "", false, "1.2"),
        (
            "certificates: [{cert: site.pem, key: site.key}], client_certificates: {ca: empty.pem}",
            "",
            false,
            "bad-c",
        ),
        (good, ", tls: {ca: ca.pem}", true, "ok"),
        (good, ", tls: {ca: gone.pem}", false, "no-file"),
        (good, ", tls: {verify: false}", true, "unverified"),
        (good, ", tls: {ca: ca.pem, name: 'no name'}", false, "bad-name"),
    ] {
        let (succeeded, said) = said(folder, tls, cluster);
        assert_eq!(succeeded, is_fine, "{tls}{cluster}: {said}");
        assert!(said.contains(wanted), "{tls}{cluster}: no `{wanted}` in {said}");
    }
}
