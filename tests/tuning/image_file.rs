//! The Dockerfile as text: stages, what they copy, and what the last one promises.

use serde_json::Value;

use super::{read, repository};

/// An instruction and its arguments, continuation lines joined.
pub type Instruction = (String, String);

/// The stages, each from its FROM on.
pub fn stages() -> Vec<Vec<Instruction>> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once(' ').expect("an instruction has arguments");
        if name == "FROM" {
            stages.push(Vec::new());
        }
        let stage = stages.last_mut().expect("the first instruction is FROM");
        stage.push((name.to_owned(), rest.trim().to_owned()));
    }
    stages
}

/// Arguments of every instruction of this name in a stage.
pub fn arguments<'a>(stage: &'a [Instruction], name: &str) -> Vec<&'a str> {
    stage.iter().filter(|(had, _)| had == name).map(|(_, rest)| &**rest).collect()
}

/// The last stage's words of an instruction that is given as a list.
pub fn words(name: &str) -> Vec<String> {
    let stages = stages();
    let found = arguments(stages.last().expect("there is a stage"), name);
    assert_eq!(found.len(), 1, "{name}");
    let list =
        &found[0][found[0].find('[').unwrap_or_else(|| panic!("{name} is not a list: {}", found[0]))..];
    let words: Value = serde_json::from_str(list).unwrap_or_else(|error| panic!("{name}: {error}: {list}"));
    words.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// Source and target of every COPY of a stage, with the stage it is from.
pub fn copies(stage: &[Instruction]) -> Vec<(Option<&str>, &str, &str)> {
    let mut found = Vec::new();
    for copy in arguments(stage, "COPY") {
        let mut words: Vec<&str> = copy.split_whitespace().collect();
        let from = words[0].strip_prefix("--from=");
        if from.is_some() {
            words.remove(0);
        }
        let target = words.pop().expect("a target");
        found.extend(words.into_iter().map(|source| (from, source, target)));
    }
    found
}

#[test]
fn everything_that_is_copied_is_there_and_not_ignored() {
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "*"), "the rest stays out");
    for stage in stages() {
        for (from, source, _) in copies(&stage) {
            if from.is_some() {
                continue;
            }
            assert!(repository(source).exists(), "{source}");
            let top = source.split('/').next().expect("a path");
            assert!(ignored.lines().any(|line| line == format!("!{top}")), "{source} is ignored");
        }
    }
}

#[test]
fn everything_the_source_includes_is_copied() {
    let build = &stages()[0];
    let copied: Vec<&str> = copies(build).into_iter().map(|(_, source, _)| source).collect();
    for name in ["Cargo.toml", "Cargo.lock", "src", "config", "tuning"] {
        assert!(copied.contains(&name), "{name}");
    }
}

#[test]
fn bases_are_named_by_version() {
    for stage in stages() {
        let from = arguments(&stage, "FROM")[0];
        let image = from.split(' ').next().expect("an image");
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert_ne!(tag, "latest");
    }
    let from = &stages()[0][0].1;
    let version = from.strip_prefix("rust:").expect("built by Rust").split('-').next().expect("a version");
    assert_eq!(version.split('.').count(), 3, "{version} is not exact");
    // Both are the same Debian, or the binary may want a newer C library than it finds.
    assert!(from.contains("bookworm") && stages()[1][0].1.contains("debian12"));
}

#[test]
fn the_build_is_locked_and_optimised() {
    let stages = stages();
    let run = arguments(&stages[0], "RUN").join(" ");
    assert!(run.contains("cargo build --release --locked"), "{run}");
}

#[test]
fn the_last_stage_is_a_number_that_is_not_root() {
    let stages = stages();
    let user = arguments(stages.last().expect("a stage"), "USER");
    let ids: Vec<u32> = user[0].split(':').map(|id| id.parse().expect("a number")).collect();
    assert!(ids.len() == 2 && ids.iter().all(|&id| id > 0), "{user:?}");
}

#[test]
fn programs_are_started_without_a_shell_and_stopped_by_a_drain() {
    assert_eq!(words("ENTRYPOINT"), ["/ringgate"]);
    assert_eq!(words("CMD"), ["run", "/etc/ringgate/gateway.yaml"]);
    let health = words("HEALTHCHECK");
    assert_eq!(health[..2], ["/ringgate", "health"]);
    let stages = stages();
    let last = stages.last().expect("a stage");
    assert!(arguments(last, "HEALTHCHECK")[0].contains(" CMD ["));
    assert_eq!(arguments(last, "STOPSIGNAL"), ["SIGTERM"]);
    assert!(arguments(last, "RUN").is_empty(), "there is no shell in it");
}

#[test]
fn the_ports_are_those_of_the_configuration_in_the_image() {
    let stages = stages();
    let configuration = read("tuning/container.yaml");
    for port in arguments(stages.last().expect("a stage"), "EXPOSE")[0].split(' ') {
        assert!(configuration.contains(&format!(":{port}\n")), "{port}");
    }
    crate::harness::ringgate(&["check", "tuning/container.yaml"]).succeeded();
}
