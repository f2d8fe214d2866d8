//! One pinned thread per CPU, each with all it needs.

use crate::harness::{FaultOrigin, Setup, first_cpu};

#[test]
fn there_is_one_pinned_worker_per_cpu() {
    let gateway = Setup::before("127.0.0.1:9").start();
    let cpus = std::thread::available_parallelism().unwrap().get();
    let pinned = gateway.affinities().into_iter().filter(|(_, cpus)| cpus.parse::<u16>().is_ok()).count();
    assert!(pinned >= cpus, "{:?}", gateway.affinities());
}

#[test]
fn the_list_of_cpus_is_followed() {
    let gateway = Setup::before("127.0.0.1:9").one_worker().start();
    let workers: Vec<_> =
        gateway.affinities().into_iter().filter(|(name, _)| name.starts_with("ringgate-w")).collect();
    assert_eq!(workers.len(), 1, "{:?}", gateway.affinities());
    assert_eq!(workers[0].1, first_cpu().to_string());
}

#[test]
fn all_workers_take_connections() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).start();
    let cpus = std::thread::available_parallelism().unwrap().get();
    for _ in 0..200 {
        gateway.get("/").has_status(200);
    }
    for worker in 0..cpus {
        let accepted = gateway.metric(&format!("ringgate_connections_accepted_total{{worker=\"{worker}\"}}"));
        assert!(accepted > 0.0, "worker {worker} of {cpus} took nothing");
    }
}

#[test]
fn the_driver_in_use_is_told() {
    let gateway = Setup::before("127.0.0.1:9").start();
    let said = format!("{}{}", gateway.stdout().join("\n"), gateway.stderr());
    let expected = match std::env::var("RINGGATE_TEST_DRIVER").as_deref() {
        Ok("epoll") => "epoll",
        Ok("io_uring") => "io_uring",
        _ if said.contains("epoll") => "epoll",
        _ => "io_uring",
    };
    assert!(said.contains(expected), "{said}");
    assert!(gateway.admin_get("/workers").text().contains(expected));
}

#[test]
fn a_worker_takes_no_more_connections_than_allowed() {
    let origin = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(std::time::Duration::from_millis(800));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let gateway = Setup::before(origin.address()).one_worker().top("limits: {connections: 3}").start();
    let mut wires: Vec<_> = (0..3).map(|_| gateway.wire()).collect();
    for wire in &mut wires {
        wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    origin.receives(3);
    let mut waiting = gateway.wire();
    waiting.send("GET /waiting HTTP/1.1\r\nHost: test\r\n\r\n");
    waiting.expect_silence(std::time::Duration::from_millis(300));
    for wire in &mut wires {
        wire.read().has_status(200);
    }
    // Now they are idle, and one of them makes room.
    waiting.read().has_status(200);
}
