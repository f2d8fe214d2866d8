//! The house rules that a machine can hold: floors, sizes, headers, strays, formatting.
//!
//! Reads the repository's own files and nothing else. A rule that gets in the way is changed here, with its reason,
//! not worked around.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use imports::{cycle, folder_graph};
use source::{Source, files, root, sources};

/// Floors of the house, from the ground. A file imports its own folder and lower floors.
const FLOORS: [&[&str]; 11] = [
    &["shared"],
    &["telemetry"],
    &["config"],
    &["rt"],
    &["net", "http"],
    &["route", "upstream"],
    &["policy"],
    &["proxy"],
    &["worker"],
    &["control"],
    &["cli"],
];

/// Most lines of a file of Rust.
const LINES_MAX: usize = 400;

/// Ways for a value to cross between threads. `src/README.md` says who may.
const CROSSINGS: [&str; 14] = [
    "std::sync::atomic",
    "std::sync::Arc",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::mpsc",
    "sync::{",
    "tokio::sync",
    "rtrb::",
    "Arc<",
    "Mutex<",
    "RwLock<",
    "AtomicU",
    "AtomicBool",
];

/// What may stand at the top of the repository, besides dotfiles.
const TOP: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "benches",
    "config",
    "src",
    "tests",
    "tuning",
];

/// Collects what breaks a rule, so that one run shows all of it.
#[track_caller]
fn none(what: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{what}:\n  {}", broken.join("\n  "));
}

/// `path:line: text` of every line of code that `breaks`.
fn lines_that(source: &Source, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let bad = source.code.iter().filter(|(_, line)| breaks(line));
    bad.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())).collect()
}

#[test]
fn no_file_is_long() {
    let long = sources().into_iter().filter(|source| source.lines > LINES_MAX);
    none(
        "longer than allowed",
        long.map(|source| format!("{} has {} lines", source.path, source.lines)).collect(),
    );
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let bare = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    none("without a header", bare.map(|source| source.path).collect());
}

#[test]
fn a_file_imports_lower_floors_only() {
    let floor = |folder: &str| FLOORS.iter().position(|floor| floor.contains(&folder));
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_product()) {
        let Some(own) = source.folder().and_then(floor) else { continue };
        for (number, import) in source.imports() {
            let sideways = import != source.folder().expect("has a floor");
            if floor(&import).is_some_and(|other| other > own || other == own && sideways) {
                broken.push(format!("{}:{number} imports {import}", source.path));
            }
        }
    }
    none("up or sideways", broken);
}

#[test]
fn every_folder_has_a_floor() {
    let known: BTreeSet<&str> = FLOORS.concat().into_iter().collect();
    let strange = sources().into_iter().filter(|source| source.is_product());
    let strange = strange.filter(|source| source.folder().is_some_and(|folder| !known.contains(folder)));
    none("on no floor", strange.map(|source| source.path).collect());
}

#[test]
fn folders_do_not_import_in_a_circle() {
    if let Some(circle) = cycle(&folder_graph(&sources())) {
        panic!("a circle of imports: {}", circle.join(" -> "));
    }
}

#[test]
fn only_shared_and_control_cross_threads() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_product()) {
        if !matches!(source.folder(), Some("shared" | "control" | "cli") | None) {
            broken
                .extend(lines_that(source, |line| CROSSINGS.iter().any(|crossing| line.contains(crossing))));
        }
    }
    none("a crossing between threads outside of shared and control", broken);
}

#[test]
fn nothing_is_left_to_be_done() {
    // Written in pieces, so that this file does not find itself.
    let marks =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("FIX", "ME")];
    let mut broken = Vec::new();
    for source in &sources() {
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none("left to be done", broken);
}

#[test]
fn no_unwrap_outside_of_tests() {
    let product = sources().into_iter().filter(Source::is_product);
    none(
        "unwrap",
        product.flat_map(|source| lines_that(&source, |line| line.contains(".unwrap()"))).collect(),
    );
}

#[test]
fn every_unsafe_block_has_its_proof() {
    // Clippy holds it for what it compiles; this holds it for every target.
    let mut broken = Vec::new();
    for source in &sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let before = &lines[at.saturating_sub(6)..at];
            let proof = before.iter().any(|line| line.contains("// SAFETY:") || line.contains("# Safety"));
            if line.trim_start().starts_with("unsafe {") | line.contains(concat!("= uns", "afe {")) && !proof
            {
                broken.push(format!("{}:{}", source.path, at + 1));
            }
        }
    }
    none("unsafe without proof", broken);
}

#[test]
fn every_policy_has_source_page_and_test() {
    let table = std::fs::read_to_string(root().join("src/policy/table.rs")).expect("the table of policies");
    let rows = table.split("policies! {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("its rows");
    let rows = rows.lines().map(str::trim).filter(|line| line.ends_with(';'));
    let keys: Vec<&str> = rows.filter_map(|line| line.split(':').next()).collect();
    assert!(keys.len() >= 3, "{keys:?}");
    let mut missing = Vec::new();
    for key in &keys {
        let source = [format!("src/policy/{key}.rs"), format!("src/policy/{key}/mod.rs")];
        let found = source.iter().any(|path| root().join(path).exists());
        let others = [format!("config/policies/{key}.md"), format!("tests/policy/{key}.rs")];
        missing.extend((!found).then(|| source[0].clone()));
        missing.extend(others.into_iter().filter(|path| !root().join(path).exists()));
    }
    none("missing for a policy of the table", missing);
    let without_row = files().into_iter().filter_map(|path| {
        let key = path.strip_prefix("config/policies/")?.strip_suffix(".md")?;
        (!keys.contains(&key)).then(|| path.clone())
    });
    none("a page without a policy", without_row.collect());
}

#[test]
fn the_top_of_the_repository_is_tidy() {
    let tops: BTreeSet<String> =
        files().iter().map(|path| path.split('/').next().expect("a first part").to_owned()).collect();
    let strays = tops.into_iter().filter(|top| !top.starts_with('.') && !TOP.contains(&top.as_str()));
    none("strays", strays.collect());
}

#[test]
fn no_file_names_a_place_of_the_machine_it_was_written_on() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/")];
    let mut broken = Vec::new();
    for path in files() {
        // What is not text is not written by hand.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place)) {
                broken.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none("a path of somebody's machine", broken);
}

#[test]
fn every_script_stops_at_its_first_error() {
    let scripts = files().into_iter().filter_map(|path| {
        let text = std::fs::read_to_string(root().join(&path)).ok()?;
        (text.starts_with("#!") && text.lines().next()?.contains("sh")).then_some((path, text))
    });
    let careless = scripts.filter(|(_, text)| !text.contains("set -euo pipefail"));
    none("without `set -euo pipefail`", careless.map(|(path, _)| path).collect());
}

#[test]
fn everything_is_formatted() {
    // `cargo fmt` skips modules that a macro declares, so rustfmt gets the list of files.
    let rust: Vec<String> =
        files().into_iter().filter(|path| Path::new(path).extension().is_some_and(|e| e == "rs")).collect();
    let output = Command::new("rustfmt")
        .args(["--edition", "2024", "--check"])
        .args(rust)
        .current_dir(root())
        .output();
    let output = output.expect("rustfmt is installed with the toolchain");
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{error}");
}
