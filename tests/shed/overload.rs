//! Three times as much as can be done: what can be done is done, and what matters most is done first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Service;
use crate::harness::{Gateway, Setup};

/// What a service can work on at once, and for how long it works on each: 100 a second.
const AT_ONCE: usize = 4;
const WORK: Duration = Duration::from_millis(40);
/// How long one course takes.
const COURSE: Duration = Duration::from_secs(3);

/// What became of the requests of a course.
#[derive(Debug, Default)]
struct Counts {
    served: AtomicUsize,
    refused: AtomicUsize,
    /// Served, but not soon.
    late: AtomicUsize,
}

impl Counts {
    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    fn all(&self) -> usize {
        self.served() + self.refused.load(Ordering::SeqCst)
    }
}

/// Clients that ask for `target` each so often, whatever they are told.
fn ask(gateway: &Gateway, target: &str, every: Duration, counts: &Counts) {
    let (began, mut next) = (Instant::now(), Instant::now());
    let mut wire = gateway.wire();
    while began.elapsed() < COURSE {
        let asked = Instant::now();
        let answer = wire.get(target);
        assert!(!answer.says_close(), "a refusal is no reason to close");
        let served = answer.status == 200;
        if served { &counts.served } else { &counts.refused }.fetch_add(1, Ordering::SeqCst);
        if served && asked.elapsed() > 12 * WORK {
            counts.late.fetch_add(1, Ordering::SeqCst);
        }
        next += every;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// So many clients for each target, all at the same time.
fn course(gateway: &Gateway, clients: &[(&str, usize, &Counts)], every: Duration) {
    std::thread::scope(|scope| {
        for (target, count, counts) in clients {
            for _ in 0..*count {
                scope.spawn(|| ask(gateway, target, every, counts));
            }
        }
    });
}

const ROUTES: &str = "  - {name: vital, match: {prefix: /vital}, cluster: origin, policies: {priority: {class: critical}}}\n  \
                      - {name: usual, match: {prefix: /}, cluster: origin}";

#[test]
fn with_three_times_its_capacity_offered_a_service_does_what_it_can_and_first_what_matters() {
    let service = Service::start(AT_ONCE, WORK);
    let limits = "limits: {requests: 10, pending: 6, pending_timeout: 400ms, reserves: {critical: 20%}}";
    let gateway = Setup::before(service.origin.address()).cluster(limits).routes(ROUTES).start();
    // The machine may be busy with other things: what counts is what it could do right before.
    let mut best = 0.0_f64;
    for _ in 0..4 {
        let most = Counts::default();
        course(&gateway, &[("/", AT_ONCE + 2, &most)], Duration::ZERO);
        let (vital, usual) = (Counts::default(), Counts::default());
        // 3 and 27 clients, ten requests a second each: 300 a second.
        course(&gateway, &[("/vital", 3, &vital), ("/", 27, &usual)], Duration::from_millis(100));
        assert!(service.had_most() <= 10, "{}", service.had_most());
        assert!(usual.refused.load(Ordering::SeqCst) > usual.all() / 3, "this is no overload: {usual:?}");
        let share = (vital.served() + usual.served()) as f64 / most.served() as f64;
        let is_vital_well =
            vital.served() * 100 >= vital.all() * 99 && vital.late.load(Ordering::SeqCst) * 20 <= vital.all();
        println!("{most:?} {vital:?} {usual:?}");
        best = best.max(if is_vital_well { share } else { 0.0 });
        if best >= 0.9 {
            return;
        }
    }
    panic!("{best:.2} of what can be done");
}

/// Clients with so many connections each, on all of which they ask at once, again and again.
fn crowd(gateway: &Gateway, target: &str, clients: usize, connections: usize, counts: &Counts) {
    let ask = || {
        let mut wires: Vec<_> = (0..connections).map(|_| gateway.wire()).collect();
        let began = Instant::now();
        while began.elapsed() < COURSE {
            for wire in &mut wires {
                wire.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n"));
            }
            for wire in &mut wires {
                let answer = wire.read();
                assert!(!answer.says_close(), "a refusal is no reason to close");
                let count = if answer.status == 200 { &counts.served } else { &counts.refused };
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| (0..clients).for_each(|_| _ = scope.spawn(ask)));
}

#[test]
fn a_worker_that_cannot_keep_up_refuses_first_what_matters_least() {
    // Work for the worker alone: hundreds of fields, set one after another.
    let fields: Vec<String> = (0..250).map(|at| format!("x-field-{at}: value")).collect();
    let headers = format!("headers: {{request: {{set: {{{}}}}}}}", fields.join(", "));
    let route = |name: &str, prefix: &str, class: &str| {
        let policies = format!("policies: {{priority: {{class: {class}}}, {headers}}}");
        let respond = "respond: {status: 200, body: ok}";
        format!("  - {{name: {name}, match: {{prefix: {prefix}}}, {respond}, {policies}}}\n")
    };
    let gateway = Setup::before("127.0.0.1:9")
        .one_worker()
        .top("shedding: {target: 5ms, pause: 20ms}")
        .routes(&(route("vital", "/vital", "critical") + &route("prefetch", "/", "low")))
        .start();
    let (vital, prefetch) = (Counts::default(), Counts::default());
    for _ in 0..4 {
        std::thread::scope(|scope| {
            scope.spawn(|| crowd(&gateway, "/vital", 1, 10, &vital));
            crowd(&gateway, "/", 4, 100, &prefetch);
        });
        if prefetch.refused.load(Ordering::SeqCst) > 50 {
            break;
        }
    }
    let refused = |counts: &Counts| counts.refused.load(Ordering::SeqCst) as f64 / counts.all() as f64;
    assert!(prefetch.refused.load(Ordering::SeqCst) > 50, "{prefetch:?}");
    assert!(refused(&vital) < refused(&prefetch) * 0.5, "{vital:?} {prefetch:?}");
    let shed = gateway.metric("ringgate_shed_total{class=\"low\",reason=\"overloaded\"}");
    assert_eq!(shed as usize, prefetch.refused.load(Ordering::SeqCst));
    // Once the crowd has gone nobody is refused any more.
    crate::harness::eventually("it takes everything", || gateway.metric("ringgate_worker_shed_share") == 0.0);
    gateway.get("/").has_status(200);
}
