//! Rollouts that somebody steers, going back, and looking at what was: through the command line.

use std::time::Duration;

use super::{Load, Staged, orders};
use crate::harness::{FaultOrigin, ringgate};

const SOON: Duration = Duration::from_secs(30);
/// Longer than any test waits: only what is ordered makes it go on.
const LONG: &str = "rollout: {hold: 300s, hold_max: 300s}";

fn noted(note: &str) -> String {
    format!(", policies: {{headers: {{response: {{set: {{x-note: {note}}}}}}}}}")
}

impl Staged {
    /// The note on answers of new connections, of which there are enough to meet both workers.
    fn notes(&self) -> std::collections::BTreeSet<String> {
        (0..40).filter_map(|_| Some(self.gateway.get("/orders").field("x-note")?.to_owned())).collect()
    }
}

/// A gateway with load, whose second configuration is on one worker.
#[track_caller]
fn begun(origin: &FaultOrigin) -> (Staged, Load) {
    let running = Staged::start(&orders(origin.address(), &noted("old"), LONG));
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(1));
    running.write(&orders(origin.address(), &noted("new"), LONG));
    running.says("generation 2 runs on 1 of 2 workers", SOON);
    (running, load)
}

#[test]
fn paused_resumed_and_promoted() {
    let origin = FaultOrigin::ok();
    let (running, load) = begun(&origin);
    assert!(
        running
            .gateway
            .command(&["rollout", "pause", "--note", "lunch"])
            .contains("generation 2 stays at its step")
    );
    let shown = running.gateway.command(&["rollout"]);
    assert!(shown.contains("step 1 of 2, paused") && shown.contains("requests against"), "{shown}");
    assert!(running.says("paused by", SOON).ends_with("lunch"));
    running.gateway.command(&["rollout", "resume"]);
    assert!(running.gateway.command(&["rollout", "--json"]).contains("\"is_paused\":false"));
    running.gateway.command(&["rollout", "promote"]);
    let shown = running.gateway.command(&["rollout", "--watch"]);
    assert!(shown.contains("generation 2 is in force on all workers"), "{shown}");
    assert_eq!(running.notes(), ["new".to_owned()].into());
    assert!(load.stop().iter().all(|got| got.status == 200));
    assert!(running.gateway.command_ends(&["rollout", "abort"], 1).contains("no_rollout"));
}

#[test]
fn aborted() {
    let origin = FaultOrigin::ok();
    let (running, load) = begun(&origin);
    let said = running.gateway.command(&["rollout", "abort", "--note", "wrong branch"]);
    assert!(said.contains("generation 1 stays in force"), "{said}");
    assert!(running.gateway.command(&["rollout"]).contains("generation 2 was taken back: aborted by"));
    assert_eq!(running.notes(), ["old".to_owned()].into());
    assert_eq!(running.gateway.metric("ringgate_rollouts_total{outcome=\"aborted\"}"), 1.0);
    assert!(load.stop().iter().all(|got| got.status == 200));
    let history = running.gateway.command(&["history"]);
    assert!(history.contains("   2  taken back") && history.contains("wrong branch"), "{history}");
    assert!(history.contains("   1  in force") && history.contains("x-note old -> new"), "{history}");
}

#[test]
fn without_steps_where_that_is_wanted() {
    let origin = FaultOrigin::ok();
    let running = Staged::start(&orders(origin.address(), &noted("old"), LONG));
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(1));
    running.write(&orders(origin.address(), &noted("new"), LONG));
    // Whether it has been noticed by itself meanwhile or not.
    running.gateway.command(&["reload", "--now"]);
    running.gateway.metric_becomes("ringgate_generation", 2.0);
    assert_eq!(running.notes(), ["new".to_owned()].into());
    assert!(load.stop().iter().all(|got| got.status == 200));
}

#[test]
fn going_back_takes_milliseconds_and_survives_a_restart() {
    let origin = FaultOrigin::ok();
    let running = Staged::start(&orders(origin.address(), &noted("first"), "rollout: off"));
    for (number, note) in [(2.0, "second"), (3.0, "third")] {
        running.write(&orders(origin.address(), &noted(note), "rollout: off"));
        running.gateway.metric_becomes("ringgate_generation", number);
    }
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_millis(500));
    let answer = running.gateway.command(&["rollback", "--note", "orders time out", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((answer["outcome"].as_str(), answer["generation"].as_u64()), (Some("installed"), Some(2)));
    let took = answer["took_ms"].as_f64().unwrap();
    println!("rollback took {took:.1} ms");
    assert!(took < 500.0, "{took}");
    assert_eq!(running.notes(), ["second".to_owned()].into());
    // One that is on disk alone.
    let said = running.gateway.command(&["rollback", "1"]);
    assert!(said.contains("installed: generation 1") && said.contains("x-note second -> first"), "{said}");
    assert_eq!(running.notes(), ["first".to_owned()].into());
    assert!(load.stop().iter().all(|got| got.status == 200));
    assert!(running.gateway.command_ends(&["rollback", "77"], 1).contains("no_such_generation"));
    // The file still says the third.
    let running = running.restart();
    let said = running.gateway.stderr();
    assert!(said.contains("STARTING WITH GENERATION 1") && said.contains("orders time out"), "{said}");
    assert_eq!(running.notes(), ["first".to_owned()].into());
    assert!(running.gateway.command(&["history", "-n", "1"]).contains("   3  taken back"));
    assert!(running.gateway.command(&["rollback"]).contains("installed: generation 2"));
}

#[test]
fn differences_between_generations_files_and_what_runs() {
    let origin = FaultOrigin::ok();
    let running = Staged::start(&orders(origin.address(), &noted("first"), "rollout: off"));
    running.write(&orders(origin.address(), &noted("second"), "rollout: off"));
    running.gateway.metric_becomes("ringgate_generation", 2.0);
    let line = "route `orders`: policy `headers` response.set.x-note first -> second\n";
    assert_eq!(running.gateway.command_ends(&["diff", "1"], 1), line);
    assert_eq!(running.gateway.command_ends(&["diff", "1", "2"], 1), line);
    assert_eq!(running.gateway.command(&["diff", "2"]), "nothing differs\n");
    assert_eq!(running.gateway.command(&["diff"]), "nothing differs\n");
    let (old, new) = (running.state.path().join("old.yaml"), running.state.path().join("new.yaml"));
    let with = |note: &str| {
        format!(
            "admin: {{address: '127.0.0.1:0'}}\n{}",
            orders(origin.address(), &noted(note), "rollout: off")
        )
    };
    std::fs::write(&old, with("first")).unwrap();
    std::fs::write(&new, with("second")).unwrap();
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let finished = ringgate(&["diff", &old, &new]);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, line));
    let finished = ringgate(&["diff", &old, &new, "--json"]);
    assert!(
        finished.stdout.contains("\"path\": \"routes[orders].policies.headers.response.set.x-note\""),
        "{}",
        finished.stdout
    );
    assert_eq!(running.gateway.command(&["diff", &new]), "nothing differs\n");
    let backwards = running.gateway.command_ends(&["diff", &old], 1);
    assert!(backwards.contains("second -> first"), "{backwards}");
    assert!(running.gateway.command_ends(&["diff", "nowhere.yaml"], 2).contains("nowhere.yaml"));
}
