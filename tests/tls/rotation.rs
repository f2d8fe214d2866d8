//! Certificates replaced on disk.

use std::io::{Read, Write};
use std::time::Duration;

use super::Secure;
use crate::harness::{FaultOrigin, eventually};

/// The certificate on the other end of a fresh connection.
fn shown(secure: &Secure) -> String {
    let said = secure.s_client(&["-showcerts"], super::ONE_REQUEST);
    let start = said.find("-----BEGIN").expect("a certificate");
    said[start..].split("-----END").next().expect("its end").to_owned()
}

#[test]
fn a_new_pair_is_taken_up_and_a_broken_one_is_not() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let before = shown(&secure);
    let mut open = keep_open(&secure);
    secure.authority.issue("site", &["localhost", "127.0.0.1"]);
    eventually("the new certificate is shown", || shown(&secure) != before);
    // The old connection goes on.
    ask(&mut open);
    secure.gateway.metric_becomes("ringgate_certificate_reloads_total{outcome=\"taken\"}", 1.0);

    let good = shown(&secure);
    std::fs::write(secure.folder.join("site.key"), "nothing of use").expect("the folder is ours");
    secure.gateway.metric_becomes("ringgate_certificate_reloads_total{outcome=\"refused\"}", 1.0);
    assert!(shown(&secure) == good, "the pair before stays in use");
    assert!(secure.gateway.stderr().contains("stay in use"), "{}", secure.gateway.stderr());
}

#[test]
fn a_swap_under_load_loses_no_request() {
    let origin = FaultOrigin::echo();
    let secure = Secure::before(origin.address(), "");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let served = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut served = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        let answer = secure.curl(&["--include", &secure.url("/a"), &secure.url("/b")]);
                        assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
                        served += 2;
                    }
                    served
                })
            })
            .collect();
        secure.authority.issue("site", &["localhost", "127.0.0.1"]);
        secure.gateway.metric_becomes("ringgate_certificate_reloads_total{outcome=\"taken\"}", 1.0);
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("no client failed")).sum::<u32>()
    });
    assert!(served > 20, "{served} requests");
}

/// An `openssl s_client` that stays.
fn keep_open(secure: &Secure) -> std::process::Child {
    let mut child = std::process::Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &secure.address().to_string(), "-CAfile"])
        .arg(secure.path("ca.pem"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("openssl is installed");
    ask(&mut child);
    child
}

fn ask(child: &mut std::process::Child) {
    let input = child.stdin.as_mut().expect("piped");
    input.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it runs");
    input.flush().expect("it runs");
    std::thread::sleep(Duration::from_millis(50));
    let mut answer = vec![0; 4096];
    let count = child.stdout.as_mut().expect("piped").read(&mut answer).expect("an answer");
    assert!(answer[..count].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..count]));
}
