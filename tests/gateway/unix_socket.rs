//! An origin behind a Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use crate::harness::Setup;

#[test]
fn forwards_to_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("origin.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut block = [0; 4096];
            while !head.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut block).unwrap_or(0);
                if count == 0 {
                    break;
                }
                head.extend_from_slice(&block[..count]);
            }
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nunix");
        }
    });
    let gateway = Setup::before(format!("unix:{}", path.display())).start();
    for _ in 0..3 {
        assert_eq!(gateway.get("/").has_status(200).text(), "unix");
    }
}

#[test]
fn a_missing_unix_socket_is_503() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Setup::before(format!("unix:{}", directory.path().join("none").display())).start();
    gateway.get("/").has_status(503);
}
