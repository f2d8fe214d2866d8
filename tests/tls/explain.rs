//! `ringgate explain` of listeners that speak TLS.

use crate::harness::{Authority, ringgate};

#[test]
fn explain_tells_version_certificate_and_protocols() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new(directory.path(), "ca");
    authority.issue("a", &["a.test", "b.test"]);
    authority.issue("c", &["c.test"]);
    let file = directory.path().join("gateway.yaml");
    let yaml = "listeners:\n  - name: public\n    address: 127.0.0.1:0\n    tls:\n      certificates:\n        \
                - {cert: a.pem, key: a.key}\n        - {cert: c.pem, key: c.key}\n  \
                - {name: plain, address: \"127.0.0.1:0\", http2: false}\n\
                clusters: {o: {endpoints: [\"127.0.0.1:9\"]}}\n\
                routes: [{name: all, match: {prefix: /}, cluster: o}]\n";
    std::fs::write(&file, yaml).expect("the directory is ours");
    let path = file.to_str().expect("UTF-8");
    let said =
        |url: &str, more: &[&str]| ringgate(&[&["explain", "GET", url, "-c", path], more].concat()).said();
    let c = said("https://c.test/", &[]);
    for words in ["TLS, then h2 or http/1.1", "TLSv1_3", "X25519MLKEM768", "certificate c.test (good for"] {
        assert!(c.contains(words), "nothing of {words}:\n{c}");
    }
    let other = said("https://unknown.test/", &[]);
    assert!(other.contains("certificate a.test, b.test"), "the first is shown to strangers:\n{other}");
    let plain = said("http://a.test/", &["--listener", "plain"]);
    assert!(plain.contains("protocols   HTTP/1.1\n"), "{plain}");
}
