//! The files of kernel settings: what every line must say for itself, since two programs read it.

use super::read;
use super::tree::Tree;

/// The notes above a setting, in their order.
const NOTES: [&str; 4] = ["# why: ", "# without: ", "# source: ", "# rule: "];
const RULES: [&str; 5] = ["at-least", "at-most", "equals", "range-covers", "each-at-least"];
const FILES: [&str; 2] = ["tuning/sysctl.conf", "tuning/sysctl-busy-poll.conf"];

/// The settings of a file, each with the lines of its notes.
pub fn settings(text: &str) -> Vec<(String, String, Vec<String>)> {
    let mut notes = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            found.push((key.to_owned(), value.to_owned(), std::mem::take(&mut notes)));
        } else if line.is_empty() {
            notes.clear();
        } else {
            notes.push(line.to_owned());
        }
    }
    found
}

#[test]
fn every_setting_says_why_what_without_where_from_and_by_which_rule() {
    for file in FILES {
        for (key, value, notes) in settings(&read(file)) {
            let named: Vec<&String> = notes.iter().filter(|line| !line.starts_with("#      ")).collect();
            assert_eq!(named.len(), NOTES.len(), "{file}: {key}: {notes:#?}");
            for (line, note) in named.iter().zip(NOTES) {
                assert!(line.strip_prefix(note).is_some_and(|said| said.len() > 5), "{file}: {key}: {line}");
            }
            let rule = named[3].trim_start_matches("# rule: ");
            assert!(RULES.contains(&rule), "{file}: {key}: {rule}");
            let numbers: Vec<i64> = value.split(' ').map(|number| number.parse().expect(&key)).collect();
            let count = match rule {
                "range-covers" => 2..3,
                "each-at-least" => 2..4,
                _ => 1..2,
            };
            assert!(count.contains(&numbers.len()), "{file}: {key} = {value} by {rule}");
        }
    }
}

#[test]
fn no_setting_is_there_twice() {
    let mut keys: Vec<String> =
        FILES.iter().flat_map(|file| settings(&read(file))).map(|(key, ..)| key).collect();
    let count = keys.len();
    assert!(count > 15, "{keys:?}");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "{keys:?}");
}

#[test]
fn this_kernel_knows_the_settings() {
    // Those that depend on how a kernel was built, or that older ones lack, are fine to be absent: wanted as 0.
    for file in FILES {
        for (key, value, _) in settings(&read(file)) {
            let path = format!("/proc/sys/{}", key.replace('.', "/"));
            assert!(value == "0" || std::path::Path::new(&path).exists(), "{path}");
        }
    }
}

#[test]
fn the_script_reads_every_setting_of_both_files() {
    for file in FILES {
        let tree = Tree::new();
        let keys = settings(&read(file));
        for (key, value, _) in &keys {
            tree.setting(key, value);
        }
        let said =
            tree.run("host", &["--file", super::repository(file).to_str().unwrap(), "verify"]).ends_with(0);
        assert!(said.contains(&format!("{} as wanted, 0 different, 0 refused", keys.len())), "{said}");
    }
}
