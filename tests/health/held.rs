//! Breakers that the operator holds open or closed.

use super::{Moody, cluster, put, wires};
use crate::harness::{Gateway, Setup, eventually, ringgate};
use crate::reload::Reloadable;

fn breaker(gateway: &Gateway, arguments: &[&str]) -> (i32, String) {
    let admin = format!("http://{}", gateway.admin());
    let done = ringgate(&[&["breaker", "--admin", &admin], arguments].concat());
    (done.code, done.said())
}

#[test]
fn what_is_held_open_lets_nothing_in_until_it_is_let_go() {
    let origin = Moody::start();
    let setup = Setup::before(origin.label()).cluster("breaker: {}").cluster("endpoint_breaker: {}");
    let gateway = setup.route("breaker: {}").start();
    let mut wires = wires(&gateway);
    let label = origin.label();
    let places: [&[&str]; 3] =
        [&["--cluster", "origin"], &["--route", "all"], &["--cluster", "origin", "--endpoint", &label]];
    for place in places {
        let (code, said) = breaker(&gateway, &[&["open", "--note", "a test"], place].concat());
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("is open, and stays so"), "{said}");
        eventually("nothing goes", || wires.iter_mut().all(|wire| wire.get("/").status == 503));
        let before = origin.served();
        wires.iter_mut().for_each(|wire| _ = wire.get("/").has_status(503));
        assert_eq!(origin.served(), before);
        let (code, said) = breaker(&gateway, &[&["auto"], place].concat());
        assert_eq!(code, 0, "{said}");
        eventually("all goes", || wires.iter_mut().all(|wire| wire.get("/").status == 200));
    }
    let (_, said) = breaker(&gateway, &[]);
    assert!(said.contains("cluster origin\n  breaker closed: 3 tries have passed"), "{said}");
    let audit = gateway.admin_get("/audit").text();
    assert!(audit.contains("\"breaker\"") && audit.contains("a test"), "{audit}");
}

#[test]
fn what_is_held_closed_stays_so_however_much_fails_and_across_reloads() {
    let origin = Moody::start();
    let yaml = |head: &str| {
        format!(
            "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
             clusters: {{origin: {{endpoints: ['{}'], breaker: {{calls: 5}}, timeouts: {{head: {head}}}}}}}\n\
             routes: [{{name: all, cluster: origin}}]\n",
            origin.label()
        )
    };
    let mut running = Reloadable::start(&yaml("5s"));
    put(&running.gateway, "/clusters/origin/breaker", "{\"state\":\"closed\"}").has_status(200);
    origin.gives(500);
    let mut all = wires(&running.gateway);
    (0..40).for_each(|at| _ = all[at % 4].get("/").has_status(500));
    running.install(&yaml("6s"));
    (0..40).for_each(|at| _ = all[at % 4].get("/").has_status(500));
    let seen = cluster(&running.gateway)["breaker"].clone();
    assert_eq!((seen["state"].as_str(), seen["held"].as_str()), (Some("closed"), Some("closed")), "{seen}");
    put(&running.gateway, "/clusters/origin/breaker", "{\"state\":\"auto\"}").has_status(200);
    eventually("it opens by itself", || {
        all.iter_mut().for_each(|wire| _ = wire.get("/"));
        cluster(&running.gateway)["breaker"]["state"] == "open"
    });
}

#[test]
fn what_has_no_breaker_cannot_be_held() {
    let origin = Moody::start();
    let gateway = Setup::before(origin.label()).start();
    for path in [
        "/clusters/origin/breaker",
        "/clusters/other/breaker",
        "/clusters/origin/endpoints/nobody/breaker",
        "/routes/all/breaker",
    ] {
        let refused = put(&gateway, path, "{\"state\":\"open\"}").has_status(404).json();
        assert_eq!(refused["code"], "no_breaker", "{refused}");
    }
    put(&gateway, "/clusters/origin/breaker", "{\"state\":\"ajar\"}").has_status(400);
    put(&gateway, "/clusters/origin/breaker", "{}").has_status(400);
    let (code, said) = breaker(&gateway, &["open", "--cluster", "origin"]);
    assert!(code != 0 && said.contains("write `breaker: {}` in `clusters.origin`"), "{said}");
    let (code, said) = breaker(&gateway, &["open"]);
    assert!(code != 0 && said.contains("--cluster"), "{said}");
    assert!(breaker(&gateway, &[]).1.contains("nothing is judged"));
}
