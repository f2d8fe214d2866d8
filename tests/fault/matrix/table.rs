//! What came out, as tables: all of it in `results.md`, the sums over protocols in the README.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::clients::Seen;
use super::faults::Fault;
use super::{ASKED, Care, Cell, Outcome, Protocol};

const BEGIN: &str = "<!-- fault matrix: written by the test of this name -->\n";
const END: &str = "<!-- end of the fault matrix -->";

/// Holds what came out against what is written down; writes it down where that is asked for.
#[track_caller]
pub fn holds(cells: &[Cell], outcomes: &[Outcome]) {
    let found: Vec<(&Cell, &Outcome)> = cells.iter().zip(outcomes).collect();
    let all = root().join("tests/fault/matrix/results.md");
    let summary = root().join("README.md");
    let (whole, sums) = (whole(&found), sums(&found));
    if std::env::var_os("RINGGATE_TEST_WRITE").is_some() {
        std::fs::write(&all, &whole).expect("the tree is ours");
        let readme = std::fs::read_to_string(&summary).expect("the README is there");
        if let Some((before, _, after)) = parts(&readme) {
            std::fs::write(&summary, format!("{before}{BEGIN}{sums}{END}{after}")).expect("the tree is ours");
        }
        return;
    }
    let hint = "RINGGATE_TEST_WRITE=1 writes it anew";
    let written = std::fs::read_to_string(&all).expect("results.md is there");
    assert!(written == whole, "results.md is not what came out; {hint}:\n{}", changes(&written, &whole));
    let readme = std::fs::read_to_string(&summary).expect("the README is there");
    let (_, written, _) = parts(&readme).expect("the README has the table");
    assert!(written == sums, "the README is not what came out; {hint}:\n{}", changes(written, &sums));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// What is before the README's table, the table, and what is behind.
fn parts(readme: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (table, after) = rest.split_once(END)?;
    Some((before, table, after))
}

fn changes(before: &str, now: &str) -> String {
    let lines = before.lines().zip(now.lines()).filter(|(before, now)| before != now);
    lines.map(|(before, now)| format!("- {before}\n+ {now}\n")).collect()
}

fn whole(found: &[(&Cell, &Outcome)]) -> String {
    let mut out = format!(
        "# Fault matrix\n\nWhat a client sees of {ASKED} requests to two endpoints, a faulty and a good one, after {ASKED} others that the\n\
         gateway could learn from. `good`: the service's answer; `late`: the same, after more than a second; `own`: the\n\
         route's own answer; `cut`: an answer that breaks off, and can be seen to; a number: an error with this status.\n\
         Written by `RINGGATE_TEST_WRITE=1 cargo nextest run --test suite fault::matrix`.\n"
    );
    for protocol in Protocol::ALL {
        let _ = write!(out, "\n## {}\n\n", protocol.name());
        let cell = |fault: Fault, care: Care| {
            let is_meant =
                |cell: &Cell| cell.protocol == protocol && cell.fault == fault && cell.care == care;
            let found = found.iter().find(|(cell, _)| is_meant(cell)).expect("all are there");
            told(found.1)
        };
        grid(&mut out, cell);
    }
    out
}

/// `6× good, 2× 502`; `good` where all are.
fn told(outcome: &Outcome) -> String {
    let parts: Vec<String> = outcome
        .iter()
        .map(|(seen, count)| match outcome.len() {
            1 => seen.name(),
            _ => format!("{count}× {}", seen.name()),
        })
        .collect();
    parts.join(", ")
}

/// Over all protocols, how many of a hundred were answered in time, by the service or, for a fallback, by the route.
fn sums(found: &[(&Cell, &Outcome)]) -> String {
    let mut counts: BTreeMap<(usize, usize), [usize; 3]> = BTreeMap::new();
    for (cell, outcome) in found {
        let counts = counts.entry((cell.fault as usize, cell.care as usize)).or_default();
        for (seen, count) in *outcome {
            counts[2] += count;
            match seen {
                Seen::Good => counts[0] += count,
                Seen::Own => counts[1] += count,
                _ => {}
            }
        }
    }
    let mut out = String::new();
    grid(&mut out, |fault, care| {
        let [good, own, all] = counts[&(fault as usize, care as usize)];
        let share = |count: usize| format!("{} %", count * 100 / all);
        if own > 0 { format!("{} + {}", share(good), share(own)) } else { share(good) }
    });
    out
}

fn grid(out: &mut String, cell: impl Fn(Fault, Care) -> String) {
    let names = Care::ALL.map(Care::name).join(" | ");
    let _ = write!(out, "| the endpoint | {names} |\n|{}\n", " --- |".repeat(Care::ALL.len() + 1));
    for fault in Fault::ALL {
        let cells = Care::ALL.map(|care| cell(fault, care)).join(" | ");
        let _ = writeln!(out, "| {} | {cells} |", fault.name());
    }
}
