//! Nanoseconds and heap allocations of each thing that happens to a request: parse, frame, prepare, route, chain, limit,
//! balance, write, record, log.
//!
//! The median of several rounds in the thread's own CPU time, of code that the caches know. Shows which part has
//! become dearer; `load` tells what a request costs, and `instructions` whether it has changed. Routing among many routes
//! is `route`.

mod heap;

#[allow(dead_code)] // Other benches use more of it.
mod stage;

mod subject;

mod tokens;

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ringgate::http::h1::chunked::{ChunkedDecoder, Emit};
use ringgate::http::h1::framing;
use ringgate::http::h1::parse::{self, HeadScan};
use ringgate::proxy::prepare::prepare;
use ringgate::proxy::record::{Tally, record};
use ringgate::proxy::request_head::{self, Address};
use ringgate::route::params::Params;
use ringgate::rt::clock;
use ringgate::shared::Ledger;
use ringgate::upstream::balance::Pick;
use ringgate::upstream::config::spread::MaglevConfig;
use ringgate::upstream::config::{BalanceConfig, HashKeyConfig};

use stage::shape::{Shape, length_head};
use subject::Subject;

const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(4);

fn main() {
    println!("| what | ns | allocations |");
    println!("|---|---|---|");
    let mut subject = Subject::new();
    heads(&mut subject);
    bodies();
    ways(&mut subject);
    choices();
    ends(&mut subject);
    tokens::rows();
}

/// A row of the table.
fn row(name: &str, mut work: impl FnMut()) {
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed() < ROUND {
        work();
        count += 1;
    }
    let before = heap::allocations();
    let mut rounds = [0.0; ROUNDS];
    for nanos in &mut rounds {
        let begin = clock::thread_cpu_nanos();
        (0..count).for_each(|_| work());
        *nanos = (clock::thread_cpu_nanos() - begin) as f64 / f64::from(count);
    }
    let allocations = (heap::allocations() - before) as f64 / (f64::from(count) * ROUNDS as f64);
    rounds.sort_by(f64::total_cmp);
    // An exchange that is never cleared grows now and then; whole numbers are what matters.
    println!("| {name} | {:.1} | {allocations:.2} |", rounds[ROUNDS / 2]);
}

fn heads(subject: &mut Subject) {
    let input = Shape::download("", 128).request;
    let limits = subject.snapshot().limits.head;
    let mut scan = HeadScan::default();
    let exchange = &mut subject.exchange;
    row("parse a request, 4 fields", || {
        let parsed = parse::request(&mut scan, black_box(&input), &limits, &mut exchange.request);
        assert!(matches!(parsed, Ok(Some(_))));
    });
    row("frame a request", || {
        assert!(framing::request(black_box(&exchange.request)).is_ok());
    });
    let answer = length_head(128).into_bytes();
    row("parse a response, 4 fields", || {
        let parsed = parse::response(&mut scan, black_box(&answer), &limits, &mut exchange.response);
        assert!(matches!(parsed, Ok(Some(_))));
    });
    row("frame a response", || {
        assert!(framing::response(black_box(&exchange.response), exchange.request.method).is_ok());
    });
}

fn bodies() {
    let shape = Shape::chunked("", 16);
    let coded = &shape.answer[shape.answer.len() - shape.answer_body_bytes..];
    let mut room = coded.to_vec();
    row("copy 16 chunks of 1 KiB", || room.copy_from_slice(black_box(coded)));
    row("copy and follow 16 chunks of 1 KiB", || {
        room.copy_from_slice(black_box(coded));
        let step = ChunkedDecoder::default().advance(&mut room, Emit::Framed);
        assert!(step.is_ok_and(|step| step.done));
    });
}

fn ways(subject: &mut Subject) {
    let installed = subject.installed.clone();
    let ids = subject.local.clone();
    row("prepare: id, client, host, path", || {
        let new_id = |out: &mut Vec<u8>| {
            out.clear();
            out.extend_from_slice(ids.request_ids.next(1 << 40).as_bytes());
        };
        assert!(prepare(&mut subject.exchange, &installed.snapshot, new_id).is_ok());
    });
    let mut params = Params::new();
    row("route, of 2 routes", || {
        black_box(installed.tables[0].find(&subject.exchange.view(), &mut params));
    });
    let chain = &installed.routes[0].chain;
    row("chain: request_limits and headers, request", || {
        let passage = subject::now(chain.on_request(black_box(&mut subject.exchange)));
        assert!(passage.reply.is_none());
    });
    row("chain: request_limits and headers, response", || {
        subject::now(chain.on_response(chain.len(), black_box(&mut subject.exchange)));
    });
    let mut out = Vec::with_capacity(4096);
    row("write the request head", || {
        out.clear();
        let address = Address { path: None, host: None, scheme: b"http" };
        request_head::write(black_box(&subject.exchange), &address, &mut out);
    });
}

fn choices() {
    let ledger = Ledger::new(Some(1000));
    row("limit: take of a ledger and give back", || drop(black_box(ledger.try_take(1))));
    let in_flight: Vec<u32> = (0..8).collect();
    let maglev = BalanceConfig::Maglev(MaglevConfig::Key(HashKeyConfig::Address));
    for (name, config) in [
        ("balance: round robin, 8 endpoints", BalanceConfig::RoundRobin),
        ("balance: random, 8 endpoints", BalanceConfig::Random),
        ("balance: least request, 8 endpoints", BalanceConfig::LeastRequest),
        ("balance: peak ewma, 8 endpoints", BalanceConfig::PeakEwma),
        ("balance: maglev, 8 endpoints", maglev),
    ] {
        let balancer = subject::balancer(&config, in_flight.len());
        let mut hash = 0_u64;
        row(name, || {
            hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let pick = Pick {
                hash: Some(hash),
                in_flight: &|at| in_flight[at],
                answer_nanos: &|_| 0.0,
                is_excluded: &|_| false,
            };
            assert!(black_box(balancer.pick(&pick)).is_some());
        });
    }
    let layout = subject::layout(in_flight.len());
    row("balance: round robin, 8 endpoints, one is out", || {
        let pick = Pick {
            hash: None,
            in_flight: &|at| in_flight[at],
            answer_nanos: &|_| 0.0,
            is_excluded: &|_| false,
        };
        assert!(black_box(layout.pick(&pick)).is_some());
    });
}

fn ends(subject: &mut Subject) {
    let tally = Tally::default();
    tally.status.set(200);
    tally.response_bytes.set(128);
    tally.route.set(Some(ringgate::route::table::RouteIndex(0)));
    let (installed, local) = (Rc::clone(&subject.installed), Rc::clone(&subject.local));
    row("record: clock, counters, histogram", || {
        record(black_box(&tally), &subject.exchange, &installed, &local, 0);
    });
    let mut line = Vec::with_capacity(4096);
    let redaction = subject::redaction();
    row("log line", || {
        line.clear();
        subject.access_record().write_json(&redaction, &mut line);
    });
}
