//! Records are there after a restart, damage is passed over, the folder has one owner. That a kill at any moment loses
//! nothing is in `tests/rollout/history.rs`.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn record(number: u64) -> Record {
    Record {
        number,
        hash: format!("hash{number}"),
        author: "file".to_owned(),
        note: String::new(),
        unix_ms: 1_000 * number,
        fate: Fate::UnderWay,
        changes: vec!["route `a`: cluster a -> b".to_owned()],
        source: "gateway.yaml".to_owned(),
        base: PathBuf::from("/etc/ringgate"),
    }
}

fn open(dir: &Path) -> (History, Vec<Record>, Vec<String>) {
    History::open(dir, 5).expect("nobody else has it")
}

/// A history with these generations; what was written of them is their number.
fn filled(dir: &Path, count: u64) -> History {
    let (mut history, ..) = open(dir);
    (1..=count).for_each(|number| history.append(record(number), &format!("text {number}")).unwrap());
    history
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.number).collect()
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = filled(dir.path(), 3);
    history.mark_good(2).unwrap();
    history.settle(2, Fate::Installed).unwrap();
    history.settle(3, Fate::RolledBack { reason: "errors".to_owned() }).unwrap();
    drop(history);
    let (history, records, remarks) = open(dir.path());
    assert_eq!((numbers(&records), remarks), (vec![1, 2, 3], vec![]));
    assert_eq!((history.good(), history.next_number()), (Some(2), 4));
    assert_eq!(records[2].fate, Fate::RolledBack { reason: "errors".to_owned() });
    let (good, remarks) = history.last_good();
    assert_eq!((good.unwrap().config_text.as_str(), remarks.len()), ("text 2", 0));
    assert_eq!(history.read(3).unwrap().config_text, "text 3");
    assert!(history.read(9).is_err());
}

#[test]
fn the_oldest_go_but_not_what_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = filled(dir.path(), 2);
    history.mark_good(1).unwrap();
    (3..=12).for_each(|number| history.append(record(number), "text").unwrap());
    assert_eq!(numbers(&history.records().cloned().collect::<Vec<_>>()), [1, 9, 10, 11, 12]);
    history.keep(0);
    assert_eq!(numbers(&history.records().cloned().collect::<Vec<_>>()), [1, 12]);
    drop(history);
    assert_eq!(numbers(&open(dir.path()).1), [1, 12]);
}

#[test]
fn torn_and_foreign_files_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = filled(dir.path(), 4);
    history.mark_good(3).unwrap();
    history.mark_good(4).unwrap();
    drop(history);
    let path = |name: &str| dir.path().join(name);
    let whole = std::fs::read(path("0000000004.generation")).unwrap();
    std::fs::write(path("0000000004.generation"), &whole[..whole.len() - 1]).unwrap();
    std::fs::write(path("0000000002.generation"), "{}\n").unwrap();
    std::fs::write(path("0000000007.generation"), &whole).unwrap();
    std::fs::write(path("seven.generation"), "").unwrap();
    std::fs::write(path("0000000009.generation.partial"), "half").unwrap();
    std::fs::write(path("README"), "not ours").unwrap();
    std::fs::write(path("rejected.json"), "[").unwrap();
    let (history, records, remarks) = open(dir.path());
    assert_eq!(numbers(&records), [1, 3]);
    assert_eq!(history.good(), Some(3));
    let remarks = remarks.join("\n");
    for told in [
        "0000000004.generation: is cut short",
        "0000000002.generation: missing field",
        "0000000007.generation: is about another generation",
        "seven.generation: is no generation",
        "0000000009.generation.partial: was being written",
        "rejected.json: ",
        "generation 4 was good, but its file is gone or damaged",
    ] {
        assert!(remarks.contains(told), "{told} is not in\n{remarks}");
    }
    assert!(!remarks.contains("README") && path("README").exists());
    assert!(!path("0000000009.generation.partial").exists());
}

#[test]
fn a_good_one_that_has_changed_is_not_started_from() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = filled(dir.path(), 2);
    history.mark_good(1).unwrap();
    history.mark_good(2).unwrap();
    let file = dir.path().join("0000000002.generation");
    let changed = std::fs::read_to_string(&file).unwrap().replace("text 2", "text 3");
    std::fs::write(file, changed).unwrap();
    let (good, remarks) = history.last_good();
    assert_eq!(good.unwrap().record.number, 1);
    assert!(remarks[0].contains("is not what was written"), "{remarks:?}");
}

#[test]
fn one_gateway_has_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (first, ..) = open(dir.path());
    let refusal = History::open(dir.path(), 5).expect_err("a second one is refused").to_string();
    let holder = format!("in use by process {}", std::process::id());
    assert!(refusal.contains(&holder), "{refusal}");
    drop(first);
    open(dir.path());
}

#[test]
fn what_was_taken_back_is_remembered_until_it_is_admitted_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut history, ..) = open(dir.path());
    let rejection =
        |hash: &str| Rejection { hash: hash.to_owned(), generation: 7, reason: "5xx".to_owned(), unix_ms: 1 };
    history.reject(rejection("bad")).unwrap();
    drop(history);
    let (mut history, ..) = open(dir.path());
    assert_eq!(history.is_rejected("bad"), Some(&rejection("bad")));
    assert_eq!((history.is_rejected("good"), history.next_number()), (None, 8));
    history.readmit("bad").unwrap();
    (0..150).for_each(|at| history.reject(rejection(&at.to_string())).unwrap());
    drop(history);
    let (history, ..) = open(dir.path());
    assert!(history.is_rejected("bad").is_none() && history.is_rejected("49").is_none());
    assert!(history.is_rejected("50").is_some());
}

#[test]
fn nobody_else_may_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/b");
    let mut history = filled(&inner, 1);
    history.mark_good(1).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for entry in std::fs::read_dir(&inner).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn the_service_manager_says_where_it_is() {
    assert_eq!(folder_from(Some("/var/lib/ringgate:/var/lib/x")), Some("/var/lib/ringgate".into()));
    assert_eq!((folder_from(Some("")), folder_from(None)), (None, None));
}

#[test]
fn the_effective_text_means_the_same_without_its_includes() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("a.yaml", "include: [b.yaml]\nlisteners: [{name: web, address: \"127.0.0.1:0\"}]\n");
    write("b.yaml", "routes: [{name: a, respond: {status: 200, body: \"x: 'y'\\n\"}}]\n");
    let environment = crate::config::secret::Environment::default();
    let config = crate::control::check::load(&dir.path().join("a.yaml"), &environment).unwrap().config;
    let read = crate::control::check::load_text("generation 1", &effective_text(&config)).unwrap().config;
    assert_eq!(read.routes, config.routes);
    let hash = crate::control::compile::content_hash;
    assert_eq!(hash(&read), hash(&config));
    assert!(crate::control::diff::diff(&config, &read).is_empty());
}
