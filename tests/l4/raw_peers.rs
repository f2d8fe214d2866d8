//! Raw TCP between programs that other people wrote.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{FaultOrigin, Gateway, Server, Setup, tool};

fn redis() -> (Server, Gateway) {
    let redis = Server::redis();
    let gateway = Setup::before(redis.address()).listener("tcp: {cluster: origin}").start();
    (redis, gateway)
}

#[test]
fn redis_benchmark_runs_pipelined_through_it() {
    let (_redis, gateway) = redis();
    let port = gateway.public().port().to_string();
    let common = ["-h", "127.0.0.1", "-p", &port, "-q", "-t", "set,get"];
    for further in [["-n", "4000", "-c", "20", "-P", "1"], ["-n", "40000", "-c", "20", "-P", "32"]] {
        let said = tool("redis-benchmark", &[&common[..], &further[..]].concat());
        println!(
            "{}",
            said.replace('\r', "\n").lines().filter(|line| line.contains("p50")).collect::<String>()
        );
        assert!(said.contains("requests per second") && !said.contains("rror"), "{said}");
    }
    gateway.metric_becomes("ringgate_tcp_connections_active", 0.0);
}

#[test]
fn redis_gives_back_a_large_value() {
    let (_redis, gateway) = redis();
    let value = "0123456789abcdef".repeat(500_000);
    let command = format!(
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        value.len()
    );
    let mut wire = gateway.wire();
    let sender = wire.stream().try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (&sender).write_all(command.as_bytes()).unwrap());
        assert_eq!(wire.take(5), b"+OK\r\n");
        let head = format!("${}\r\n", value.len());
        assert_eq!(wire.take(head.len()), head.as_bytes());
        assert!(wire.take(value.len()) == value.as_bytes());
    });
}

#[test]
fn netcat_half_closes_and_gets_the_answer() {
    let origin = FaultOrigin::start(|dialogue| {
        let mut all = Vec::new();
        while let Some(piece) = dialogue.piece() {
            all.extend(piece);
        }
        dialogue.send(format!("{} bytes", all.len()));
    });
    let gateway = Setup::before(origin.address()).listener("tcp: {cluster: origin}").start();
    let mut netcat = Command::new("nc")
        .args(["-N", "-w", "10", "127.0.0.1", &gateway.public().port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("netcat is installed");
    netcat.stdin.take().unwrap().write_all(&[b'x'; 300_000]).unwrap();
    let output = netcat.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "300000 bytes");
}
