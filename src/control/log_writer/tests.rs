//! Lines of several workers in one file, rotation, errors and the bound on stopping.

use std::fs;
use std::path::Path;

use super::*;
use crate::shared::{LineWriter, line_ring};

const BOUND: Duration = Duration::from_secs(5);

fn rings(count: usize, capacity: usize) -> (Vec<LineWriter>, Vec<LineReader>) {
    (0..count).map(|_| line_ring(capacity)).unzip()
}

#[track_caller]
fn wait_until(claim: impl Fn() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !claim() {
        assert!(Instant::now() < deadline, "within five seconds");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn lines_of_all_workers_arrive_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let (writers, readers) = rings(3, 1 << 16);
    let metrics = Frozen::new(LogMetrics::default());
    let log = LogWriter::start(LogTarget::File(path.clone()), readers, metrics.clone()).unwrap();
    let workers: Vec<_> = writers
        .into_iter()
        .enumerate()
        .map(|(worker, mut lines)| {
            std::thread::spawn(move || {
                for number in 0..1000 {
                    assert!(lines.push(format!("worker {worker} line {number}\n").as_bytes()));
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert!(log.stop(BOUND));
    let written = text(&path);
    for worker in 0..3 {
        let prefix = format!("worker {worker} line ");
        let numbers: Vec<usize> =
            written.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    }
    assert_eq!(metrics.lines_written.get(), 3000);
    assert_eq!(metrics.bytes_written.get(), written.len() as u64);
}

#[test]
fn appends_and_follows_a_request_to_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    fs::write(&path, "before\n").unwrap();
    let (mut writers, readers) = rings(1, 1024);
    let log =
        LogWriter::start(LogTarget::File(path.clone()), readers, Frozen::new(LogMetrics::default())).unwrap();
    writers[0].push(b"first\n");
    wait_until(|| text(&path) == "before\nfirst\n");
    fs::rename(&path, &moved).unwrap();
    log.request_reopen();
    wait_until(|| path.exists());
    writers[0].push(b"second\n");
    assert!(log.stop(BOUND));
    assert_eq!((text(&moved).as_str(), text(&path).as_str()), ("before\nfirst\n", "second\n"));
}

#[test]
fn notices_by_itself_that_the_file_was_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let (mut writers, readers) = rings(1, 1024);
    let log =
        LogWriter::start(LogTarget::File(path.clone()), readers, Frozen::new(LogMetrics::default())).unwrap();
    fs::rename(&path, folder.path().join("gone")).unwrap();
    wait_until(|| path.exists());
    writers[0].push(b"here\n");
    assert!(log.stop(BOUND));
    assert_eq!(text(&path), "here\n");
}

#[test]
fn moves_to_another_target_and_stays_when_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    let (mut writers, readers) = rings(1, 1024);
    let log = LogWriter::start(LogTarget::File(first.clone()), readers, Frozen::new(LogMetrics::default()))
        .unwrap();
    assert!(log.retarget(LogTarget::File(folder.path().join("no/such/folder"))).is_err());
    writers[0].push(b"one\n");
    wait_until(|| text(&first) == "one\n");
    log.retarget(LogTarget::File(second.clone())).unwrap();
    writers[0].push(b"two\n");
    assert!(log.stop(BOUND));
    assert_eq!((text(&first).as_str(), text(&second).as_str()), ("one\n", "two\n"));
}

#[test]
fn a_full_disk_costs_lines_and_never_a_workers_time() {
    let (mut writers, readers) = rings(1, 4096);
    let metrics = Frozen::new(LogMetrics::default());
    let log = LogWriter::start(LogTarget::File("/dev/full".into()), readers, metrics.clone()).unwrap();
    writers[0].push(b"kept for later\n");
    wait_until(|| metrics.write_errors.get() > 0);
    let pushed = (0..1000).filter(|_| writers[0].push(b"sixteen bytes..\n")).count();
    assert_eq!((pushed, writers[0].lost()), (256, 744), "one ring full, and no more is read");
    let begun = Instant::now();
    assert!(!log.stop(Duration::from_millis(100)), "lines are left over");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(metrics.lines_written.get(), 0);
}

#[test]
fn a_line_cut_by_rotation_is_whole_in_the_next_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = LogTarget::File(folder.path().join("a"));
    let mut writing = Writing {
        readers: Vec::new(),
        sink: Sink::open(target).unwrap(),
        pending: b"first\nsecond\n".to_vec(),
        written: 9,
        complained: None,
        orders: Arc::default(),
        metrics: Frozen::new(LogMetrics::default()),
    };
    writing.rewind_to_line();
    assert_eq!(writing.written, 6);
    writing.written = 3;
    writing.rewind_to_line();
    assert_eq!(writing.written, 0);
}

#[test]
fn targets_are_streams_or_paths() {
    assert_eq!(LogTarget::parse("stdout"), LogTarget::Stdout);
    assert_eq!(LogTarget::parse("stderr"), LogTarget::Stderr);
    assert_eq!(LogTarget::parse("/var/log/x").to_string(), "/var/log/x");
}
