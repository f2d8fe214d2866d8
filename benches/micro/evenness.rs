//! How evenly connections end up on workers, and what it costs: with the kernel's hash alone, and steered.
//!
//! Runs gateways in this process, more workers than CPUs if need be. For long connections it prints the most that a
//! worker has over the mean of all; for short ones the CPU time of the workers per connection. Loopback only.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ringgate::control::check::load_and_compile_text;
use ringgate::control::config::{DriverConfig, SteeringConfig};
use ringgate::control::gateway::Gateway;
use ringgate::control::sources::Source;
use ringgate::rt::affinity::allowed_cpus;

const WORKERS: [usize; 3] = [2, 4, 8];
const CONNECTIONS: [usize; 4] = [8, 16, 64, 256];
/// Times that so many connections are opened, closed and opened again.
const TRIALS: usize = 15;
/// Short connections of a round, over as many clients at once as each of these.
const SHORT: usize = 12_000;
const CLIENTS: [usize; 2] = [2, 32];
const ROUNDS: usize = 5;

const CONFIG: &str = "listeners: [{name: public, address: \"127.0.0.1:0\"}]\n\
    admin: {address: \"127.0.0.1:0\"}\n\
    routes: [{name: all, match: {prefix: /}, respond: {status: 200, body: ok}}]\n";

fn main() {
    println!("most on one worker over the mean: median of {TRIALS}, and worst");
    println!(
        "| workers | connections | kernel's hash | worst | steered | worst |\n|---|---|---|---|---|---|"
    );
    for workers in WORKERS {
        let off = on_gateway(workers, SteeringConfig::Off, skews);
        let even = on_gateway(workers, SteeringConfig::Even, skews);
        for ((count, off), even) in CONNECTIONS.iter().zip(off).zip(even) {
            println!("| {workers} | {count} | {:.2} | {:.2} | {:.2} | {:.2} |", off.0, off.1, even.0, even.1);
        }
    }
    println!("\nconnections of one request each, rounds in turn: CPU time of the workers per connection");
    println!(
        "| workers | clients | steering | us: median of {ROUNDS} | handed over |\n|---|---|---|---|---|"
    );
    for workers in [2, 4] {
        for clients in CLIENTS {
            let mut costs: [Vec<Cost>; 2] = Default::default();
            for _ in 0..ROUNDS {
                for (side, steering) in [SteeringConfig::Off, SteeringConfig::Even].into_iter().enumerate() {
                    costs[side].push(on_gateway(workers, steering, move |at| short(at, clients)));
                }
            }
            for (mut costs, name) in costs.into_iter().zip(["off", "even"]) {
                costs.sort_by(|a, b| a.micros.total_cmp(&b.micros));
                let middle = &costs[ROUNDS / 2];
                let share = middle.handed_over * 100.0;
                println!("| {workers} | {clients} | {name} | {:.1} | {share:.0} % |", middle.micros);
            }
        }
    }
}

/// Where a gateway is.
#[derive(Clone, Copy)]
struct At {
    public: SocketAddr,
    admin: SocketAddr,
    workers: usize,
}

/// What a short connection costs.
struct Cost {
    micros: f64,
    handed_over: f64,
}

/// Runs `measure` against a gateway with this many workers.
fn on_gateway<T: Send + 'static>(
    workers: usize,
    steering: SteeringConfig,
    measure: impl FnOnce(At) -> T + Send + 'static,
) -> T {
    let environment = Default::default();
    let compiled = load_and_compile_text("evenness.yaml", CONFIG, &environment, 1);
    let (mut loaded, snapshot) = compiled.unwrap_or_else(|_| panic!("the configuration is ours"));
    let cpus = allowed_cpus();
    // More workers than CPUs is nothing that a configuration may ask for; here only their number matters.
    loaded.config.workers.cpus = cpus.iter().copied().cycle().take(workers).collect();
    loaded.config.workers.steering = steering;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let source = Source::at_path("evenness.yaml");
        let started =
            Gateway::start(&loaded, snapshot, source, &environment, DriverConfig::Auto, Vec::new()).await;
        let gateway = started.unwrap_or_else(|error| panic!("{error}"));
        let at = At {
            public: gateway.listeners[0].1,
            admin: gateway.admin.expect("the configuration has one"),
            workers,
        };
        let measured = tokio::task::spawn_blocking(move || measure(at)).await.expect("no panic");
        gateway.stop().await;
        measured
    })
}

/// For each number of connections, the median and the worst of most over mean.
fn skews(at: At) -> Vec<(f64, f64)> {
    CONNECTIONS
        .iter()
        .map(|&count| {
            let mut skews: Vec<f64> = (0..TRIALS).map(|_| skew(at, count)).collect();
            skews.sort_by(f64::total_cmp);
            (skews[TRIALS / 2], skews[TRIALS - 1])
        })
        .collect()
}

fn skew(at: At, count: usize) -> f64 {
    let mut streams: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(at.public).expect("it listens")).collect();
    for stream in &mut streams {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").expect("it reads");
        let mut answer = [0; 512];
        assert!(stream.read(&mut answer).expect("it answers") > 0);
    }
    let most = per_worker(at, "ringgate_connections_active").into_iter().fold(0.0, f64::max);
    drop(streams);
    let begun = Instant::now();
    while per_worker(at, "ringgate_connections_active").iter().sum::<f64>() > 0.0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "connections do not end");
        std::thread::sleep(Duration::from_millis(2));
    }
    most * at.workers as f64 / count as f64
}

fn short(at: At, clients: usize) -> Cost {
    let before = workers_cpu_nanos();
    let threads: Vec<_> = (0..clients)
        .map(|_| std::thread::spawn(move || (0..SHORT / clients).for_each(|_| ask_once(at.public))))
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no client panics"));
    let micros = (workers_cpu_nanos() - before) as f64 / 1e3;
    let sum = |name| per_worker(at, name).iter().sum::<f64>();
    let accepted = sum("ringgate_connections_accepted_total");
    Cost { micros: micros / accepted, handed_over: sum("ringgate_connections_handed_over_total") / accepted }
}

fn ask_once(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

/// CPU time of all threads of this process that are workers.
fn workers_cpu_nanos() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has /proc");
    tasks
        .flatten()
        .filter(|task| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("ringgate-w"))
        })
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// The samples of a metric, by worker.
fn per_worker(at: At, name: &str) -> Vec<f64> {
    let mut stream = TcpStream::connect(at.admin).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("text");
    let prefix = format!("{name}{{worker=");
    page.lines()
        .filter(|line| line.starts_with(&prefix))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect()
}
