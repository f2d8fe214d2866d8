//! History on disk against the worst that can happen to a writer: a kill at any moment.
//!
//! A child process, which is this very binary, writes generations as fast as it can and says what it has been told is on
//! disk. It is killed, and the folder read.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ringgate::control::history::{Fate, History, Record, Rejection};

const FOLDER: &str = "RINGGATE_TEST_HISTORY";
const KILLS: u64 = 40;

fn record(number: u64) -> Record {
    Record {
        number,
        hash: format!("{number:012x}"),
        author: "test".to_owned(),
        note: "written under fire".to_owned(),
        unix_ms: number,
        fate: Fate::UnderWay,
        changes: vec!["a line".to_owned(); 20],
        source: "gateway.yaml".to_owned(),
        base: PathBuf::from("/"),
    }
}

/// A configuration that says which generation it is, of a size that takes several writes.
fn text(number: u64) -> String {
    format!("# generation {number}\n").repeat(2000)
}

/// The child. Does nothing when it is run as a test like the others.
#[test]
fn writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let (mut history, ..) = History::open(Path::new(&folder), 6).expect("the last writer is dead");
    loop {
        let number = history.next_number();
        history.append(record(number), &text(number)).unwrap();
        println!("\nappended {number}");
        history.settle(number, Fate::Installed).unwrap();
        println!("settled {number}");
        history.mark_good(number).unwrap();
        println!("good {number}");
        let rejection =
            Rejection { hash: format!("h{number}"), generation: 1, reason: "x".into(), unix_ms: 0 };
        history.reject(rejection).unwrap();
        println!("rejected {number}");
    }
}

/// Runs the child for a while, kills it, and gives the last number of each thing that it said was done.
fn said_until_killed(folder: &Path, lifetime: Duration) -> BTreeMap<String, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rollout::history::writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // Its lifetime begins with its first word.
    let mut said = BTreeMap::new();
    let mut note = |line: &str| {
        if let Some((what, number)) = line.split_once(' ')
            && let Ok(number) = number.parse::<u64>()
        {
            said.insert(what.to_owned(), number);
        }
    };
    lines.by_ref().find(|line| line.starts_with("appended")).iter().for_each(|line| note(line));
    std::thread::sleep(lifetime);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(|line| note(&line));
    said
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_said_to_be_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = 0;
    for round in 0..KILLS {
        // Microseconds that have nothing to do with how long a write takes.
        let said = said_until_killed(dir.path(), Duration::from_micros((round * 7919) % 23_000));
        let (history, records, _) = History::open(dir.path(), 6).expect("a killed owner is none");
        let newest = records.last().expect("something was appended").number;
        assert!(newest >= said["appended"], "round {round}: {newest}, and it said {said:?}");
        for record in &records {
            let stored = history.read(record.number).unwrap();
            assert_eq!(stored.config_text, text(record.number), "round {round}");
        }
        let good = history.good().unwrap_or(0);
        assert!(
            good >= said.get("good").copied().unwrap_or(0),
            "round {round}: {good}, and it said {said:?}"
        );
        if good > 0 {
            let (stored, remarks) = history.last_good();
            let stored = stored.expect("the good one is there");
            assert_eq!((stored.record.number, remarks.len()), (good, 0), "round {round}");
            assert_eq!(stored.record.fate, Fate::Installed, "round {round}: good before it was settled");
        }
        if let Some(rejected) = said.get("rejected") {
            assert!(history.is_rejected(&format!("h{rejected}")).is_some(), "round {round}");
        }
        assert!(records.len() <= 8, "round {round}: {} are kept", records.len());
        written = newest;
    }
    println!("{KILLS} kills, {written} generations");
    assert!(written > KILLS, "it never came to write two in a row");
}
