//! curl.

use super::real;
use crate::harness::{Pattern, curl};

#[test]
fn curl_gets_a_page() {
    let (_nginx, gateway) = real();
    let url = format!("http://{}/", gateway.public());
    assert_eq!(curl(&[&url]), "hello from nginx\n");
    assert_eq!(curl(&["--http1.0", &url]), "hello from nginx\n");
}

#[test]
fn curl_gets_the_status_and_head() {
    let (_nginx, gateway) = real();
    let head = curl(&["--head", &format!("http://{}/gone", gateway.public())]);
    assert!(head.starts_with("HTTP/1.1 410 Gone\r\n"), "{head}");
    assert!(head.contains("Server: nginx/"), "{head}");
}

#[test]
fn curl_keeps_its_connection() {
    let (_nginx, gateway) = real();
    let url = format!("http://{}/", gateway.public());
    let counted = curl(&[
        "--write-out",
        "%{num_connects}\n",
        "--output",
        "/dev/null",
        &url,
        "--output",
        "/dev/null",
        &url,
    ]);
    assert_eq!(counted.trim(), "1\n0");
}

#[test]
fn curl_uploads_with_and_without_length_and_with_expect() {
    let (nginx, gateway) = real();
    nginx.write("source", &Pattern::new(5).bytes(3_000_000));
    let source = nginx.path("source");
    for (number, options) in
        [&["--http1.1"][..], &["-H", "Transfer-Encoding: chunked"], &["-H", "Expect: 100-continue"]]
            .into_iter()
            .enumerate()
    {
        let url = format!("http://{}/put/{number}", gateway.public());
        let status = ["--write-out", "%{http_code}", "--upload-file", &source, &url];
        assert_eq!(curl(&[options, &status].concat()), "201", "{options:?}");
        let stored = std::fs::read(nginx.path(&format!("put/{number}"))).expect("nginx stored it");
        assert_eq!(stored.len(), 3_000_000);
        Pattern::new(5).assert_holds(0, &stored);
    }
}

#[test]
fn curl_downloads_a_file_and_a_range_of_it() {
    let (nginx, gateway) = real();
    let content = Pattern::new(6).bytes(5_000_000);
    nginx.write("files/large", &content);
    let url = format!("http://{}/files/large", gateway.public());
    let target = nginx.path("downloaded");
    curl(&["--output", &target, &url]);
    Pattern::new(6).assert_holds(0, &std::fs::read(&target).unwrap());
    curl(&["--output", &target, "--range", "1000-1999", &url]);
    assert_eq!(std::fs::read(&target).unwrap(), content[1000..2000]);
}

#[test]
fn curl_is_told_not_modified() {
    let (nginx, gateway) = real();
    nginx.write("files/page", b"page");
    let url = format!("http://{}/files/page", gateway.public());
    let head = curl(&["--head", &url]);
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("nginx tells an ETag");
    let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    assert_eq!(curl(&[&status[..], &["-H", &format!("If-None-Match: {tag}"), &url]].concat()), "304");
}
