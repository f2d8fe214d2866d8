//! Ramps that go on by themselves, and stop by themselves, under traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Shop, answering};
use crate::harness::{FaultOrigin, Wire};

/// Steps of a second, so that a test has its answer in a few.
const RAMP: &str = "{variants: {old: {cluster: v1}, new: {cluster: v2}}, ramp: {variant: new, \
    steps: [{share: 20%, hold: 1s}, {share: 50%, hold: 1s}], gate: {requests: 20}}}";

/// Clients that ask for as long as they are there.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(shop: &Shop) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (stop, address) = (Arc::clone(&stop), shop.gateway.public());
            std::thread::spawn(move || {
                let mut wire = Wire::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    wire.get("/shop");
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        };
        Self { clients: (0..4).map(client).collect(), stop }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.drain(..).for_each(|client| client.join().expect("it only asks"));
    }
}

#[test]
fn what_does_well_gets_everything_in_the_end() {
    let shop = Shop::start(RAMP);
    let first = shop.becomes("ramping");
    assert_eq!(
        (&first["variants"][0]["share"], &first["ramp"]["steps"]),
        (&0.2.into(), &2.into()),
        "{first}"
    );
    let load = Load::on(&shop);
    shop.becomes("promoted");
    drop(load);
    assert_eq!(shop.new_of(20, ""), 20);
    let said = shop.gateway.stderr();
    assert!(said.contains("release: route `shop`: variant `new` begins with 20%"), "{said}");
    assert!(
        said.contains("variant `new` gets 50% (step 2 of 2)")
            && said.contains("variant `new` gets everything"),
        "{said}"
    );
}

#[test]
fn what_its_shadow_finds_otherwise_is_stopped() {
    let gate = RAMP.replace("gate: {requests: 20}", "gate: {requests: 20, mismatches: 5%}");
    let shadow = "shadow: {cluster: v2, busy_max: 100%, compare: {}}";
    let shop = Shop::start(&format!("{}, {shadow}", gate.replace("hold: 1s", "hold: 6s")));
    let load = Load::on(&shop);
    let release = shop.becomes("aborted");
    drop(load);
    let reason = release["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("of the copies of its shadow ") && reason.ends_with("otherwise"), "{reason}");
    assert_eq!(shop.new_of(20, ""), 0);
}

#[test]
fn what_fails_is_stopped_and_said_to_be() {
    let failing = Arc::new(FaultOrigin::answering("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"));
    // Longer than the test: only the gate ends it.
    let shop = Shop::with("", &RAMP.replace("hold: 1s", "hold: 6s"), (answering("old"), failing));
    let load = Load::on(&shop);
    let release = shop.becomes("aborted");
    drop(load);
    assert_eq!(release["variants"][0]["share"], 0.0, "{release}");
    let reason = release["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("5xx 100% (") && reason.contains(" against 0% ("), "{reason}");
    (0..20).for_each(|_| drop(shop.gateway.get("/shop").has_status(200)));
    let said = shop.gateway.stderr();
    assert!(said.contains("release: route `shop`: VARIANT `new` STOPPED at 20%: 5xx 100%"), "{said}");
    assert!(shop.gateway.admin_get("/audit").text().contains("STOPPED at 20%"));
    assert!(shop.gateway.command_ends(&["release", "show", "shop", "--watch"], 1).contains("aborted"));
    assert!(shop.gateway.metric("ringgate_release_errors_total{variant=\"new\",class=\"5xx\"}") >= 20.0);
    assert_eq!(shop.gateway.metric("ringgate_release_phase{phase=\"aborted\"}"), 1.0);
}

#[test]
fn without_traffic_a_step_is_not_left_and_somebody_may_promote() {
    let shop = Shop::start(RAMP);
    shop.gateway.command(&["release", "pause", "shop"]);
    assert_eq!(shop.becomes("paused")["ramp"]["step"], 1);
    shop.gateway.command(&["release", "resume", "shop"]);
    assert!(shop.becomes("ramping")["author"].is_string());
    shop.gateway.command(&["release", "promote", "shop"]);
    assert_eq!(shop.becomes("promoted")["variants"][0]["share"], 1.0);
}
