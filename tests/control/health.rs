//! `ringgate health`: one line and an exit code, without any other program.

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::Written;
use crate::harness::{FaultOrigin, Setup, free_address, ringgate};

#[test]
fn a_running_gateway_is_alive_and_ready() {
    let gateway = Setup::before("127.0.0.1:9").start();
    let admin = gateway.admin().to_string();
    assert_eq!(ringgate(&["health", "--admin", &admin]).succeeded(), "alive\n");
    assert_eq!(ringgate(&["health", "--admin", &admin, "--ready"]).succeeded(), "ready\n");
}

#[test]
fn the_configuration_tells_where_to_ask_and_no_token_is_needed() {
    let admin = free_address();
    let yaml = Setup::before("127.0.0.1:9").yaml().replace(
        "admin: {address: \"127.0.0.1:0\"}",
        &format!("admin: {{address: \"{admin}\", token: {{file: token}}}}"),
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, yaml).unwrap();
    std::fs::write(directory.path().join("token"), "secret").unwrap();
    let asked = file.to_str().unwrap().to_owned();
    let _gateway = crate::harness::Gateway::start_file(&file, directory, &[]);
    assert_eq!(ringgate(&["health", "--config", &asked, "--ready"]).succeeded(), "ready\n");
}

#[test]
fn a_draining_gateway_is_alive_and_not_ready() {
    let origin = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(Duration::from_secs(3));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let admin = gateway.admin().to_string();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    origin.receives(1);
    gateway.signal(libc::SIGTERM);
    crate::harness::eventually("it is not ready", || {
        let finished = ringgate(&["health", "--admin", &admin, "--ready"]);
        finished.code == 1 && finished.stdout.contains("status 503")
    });
    assert_eq!(ringgate(&["health", "--admin", &admin]).code, 0);
}

#[test]
fn nobody_there_is_not_alive() {
    let finished = ringgate(&["health", "--admin", &free_address().to_string()]);
    assert_eq!(finished.code, 1);
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    assert!(finished.stdout.starts_with("not alive: "), "{}", finished.stdout);
}

#[test]
fn does_not_wait_longer_than_it_was_told() {
    // One byte every 100 ms would keep a timeout per read from ever firing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let begun = Instant::now();
    let finished = ringgate(&["health", "--admin", &addr, "--timeout", "500ms"]);
    assert_eq!(finished.code, 1);
    assert!(finished.stdout.contains("no answer within 500ms"), "{}", finished.stdout);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    assert_eq!(ringgate(&["health"]).code, 64);
    assert_eq!(ringgate(&["health", "--admin", "nonsense"]).code, 64);
    assert_eq!(ringgate(&["health", "--admin", "127.0.0.1:1", "--config", "x"]).code, 64);
    let no_admin = Written::new(&Setup::before("127.0.0.1:9").yaml().replace("admin:", "#"));
    let finished = ringgate(&["health", "--config", no_admin.path()]);
    assert_eq!(finished.code, 64, "{}", finished.said());
    assert_eq!(ringgate(&["health", "--help"]).code, 0);
}
