//! A URL as the source of a configuration: a real nginx, with TLS and certificates, and a server that counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{checked, run, saying, says};
use crate::harness::{Authority, FaultOrigin, Nginx, eventually};

#[test]
fn a_page_of_nginx_is_a_configuration_and_an_absent_one_is_not() {
    let nginx = Nginx::start("add_header Cache-Control max-age=1;");
    nginx.write("gw.yaml", saying("one").as_bytes());
    let url = format!("http://{}/gw.yaml", nginx.address());
    let (code, said) = checked(&url, &[]);
    assert!(code == 0 && said.starts_with(&format!("{url}: ok")), "{said}");
    let (code, said) = checked(&format!("http://{}/absent.yaml?sig=s3cr3t", nginx.address()), &[]);
    assert!(code == 1 && said.contains("status 404 Not Found") && !said.contains("s3cr3t"), "{said}");

    let gateway = run(&url, &[]);
    says(&gateway, "one");
    nginx.write("gw.yaml", saying("another").as_bytes());
    says(&gateway, "another");
}

#[test]
fn over_tls_both_sides_prove_who_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let authority = Authority::new(folder.path(), "ca");
    authority.issue("server", &["localhost", "127.0.0.1"]);
    authority.issue("client", &["gateway.test"]);
    Authority::new(folder.path(), "stranger").issue("other", &["gateway.test"]);
    let tls = crate::harness::free_address();
    let nginx = Nginx::start(&format!(
        "listen {tls} ssl; ssl_certificate {}; ssl_certificate_key {}; ssl_client_certificate {}; ssl_verify_client on;",
        at("server.pem"),
        at("server.key"),
        at("ca.pem")
    ));
    nginx.write("gw.yaml", saying("one").as_bytes());
    let url = format!("https://{tls}/gw.yaml");
    let with = |ca: &str, client: &str| {
        checked(
            &url,
            &[
                ("RINGGATE_SOURCE_CA", &at(ca)),
                ("RINGGATE_SOURCE_CERT", &at(&format!("{client}.pem"))),
                ("RINGGATE_SOURCE_KEY", &at(&format!("{client}.key"))),
            ],
        )
    };
    let (code, said) = with("ca.pem", "client");
    assert_eq!(code, 0, "{said}");
    let (code, said) = with("stranger.pem", "client");
    assert!(code == 1 && said.contains("invalid peer certificate"), "{said}");
    let (code, said) = with("ca.pem", "other");
    assert!(code == 1 && said.contains("status 400"), "{said}");
}

#[test]
fn an_unchanged_page_is_asked_for_by_its_tag_and_a_new_one_is_taken() {
    let page = Arc::new(Mutex::new((1, saying("one"))));
    let unchanged = Arc::new(AtomicUsize::new(0));
    let (served, counted) = (Arc::clone(&page), Arc::clone(&unchanged));
    let origin = FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            assert_eq!(request.field("authorization"), Some("Bearer t0ken"));
            let (version, text) = served.lock().unwrap().clone();
            let fields = format!("ETag: \"{version}\"\r\nCache-Control: max-age=1\r\n");
            if request.field("if-none-match") == Some(&format!("\"{version}\"")) {
                counted.fetch_add(1, Ordering::SeqCst);
                dialogue.send(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n"));
            } else {
                let length = text.len();
                dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n{text}"));
            }
        }
    });
    let url = format!("http://{}/gw.yaml", origin.address());
    let gateway = run(&url, &[("RINGGATE_SOURCE_TOKEN", "t0ken")]);
    says(&gateway, "one");
    eventually("it was asked for thrice", || unchanged.load(Ordering::SeqCst) >= 3);
    // Once to start with, and once to begin following.
    assert!(origin.requests().len() <= unchanged.load(Ordering::SeqCst) + 2, "{:#?}", origin.requests());
    *page.lock().unwrap() = (2, saying("two"));
    says(&gateway, "two");
}
