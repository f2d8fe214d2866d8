//! The steps of a rollout, by example. What the judge sees and does not see is in `tests/property/rollout.rs`.

use super::sample::{Sample, Side};
use super::*;
use crate::config::units::{Share, Span, WorkerPart};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn settings(steps: &[&str]) -> RolloutConfig {
    RolloutConfig {
        steps: steps.iter().map(|step| step.parse().unwrap()).collect(),
        hold: Span::from_secs(10),
        hold_max: Span::from_secs(30),
        ..RolloutConfig::default()
    }
}

/// What workers have done: so many requests each, of which so many failed.
fn reading(workers: &[(u64, u64)]) -> Reading {
    let side = |&(requests, server_errors): &(u64, u64)| Side {
        overall: Sample { requests, server_errors, ..Sample::default() },
        ..Side::default()
    };
    Reading { workers: workers.iter().map(side).collect() }
}

fn rollout(steps: &[&str], workers: usize) -> Rollout {
    let even = vec![(1_000, 0); workers];
    Rollout::new(&settings(steps), workers, 1, (Reading::default(), reading(&even)))
}

/// Requests of all workers after so many seconds, none of which failed.
fn steady(workers: usize, seconds: u64) -> Reading {
    reading(&vec![(1_000 + 50 * seconds, 0); workers])
}

#[test]
fn goes_through_its_steps_and_is_done() {
    let mut rollout = rollout(&["1 worker", "50%"], 4);
    let mut seen = Vec::new();
    for second in 0..60 {
        match rollout.next(secs(second), &steady(4, second)) {
            Action::Wait => {}
            Action::Install(workers) => {
                seen.push((second, workers.len()));
                rollout.installed(secs(second), steady(4, second));
            }
            action => {
                assert_eq!(action, Action::Done(vec![]));
                seen.push((second, rollout.workers().len()));
            }
        }
    }
    assert_eq!(seen, [(0, 1), (10, 1), (20, 2), (21, 4)]);
    assert!(rollout.is_over());
}

#[test]
fn errors_take_it_back_from_the_workers_that_have_it() {
    let mut rollout = rollout(&["1 worker"], 2);
    assert_eq!(rollout.next(secs(0), &steady(2, 0)), Action::Install(vec![0]));
    rollout.installed(secs(0), steady(2, 0));
    for second in 1..10 {
        let failing = reading(&[(1_000 + 50 * second, 50 * second), (1_000 + 50 * second, 0)]);
        match rollout.next(secs(second), &failing) {
            Action::Wait => assert!(second < 4, "not seen after {second} seconds"),
            Action::TakeBack { workers, reason } => {
                assert_eq!(workers, [0]);
                assert!(reason.contains("all requests: 5xx 100%"), "{reason}");
                return assert_eq!(rollout.next(secs(20), &failing), Action::Wait);
            }
            action => panic!("{action:?}"),
        }
    }
}

#[test]
fn what_failed_before_is_no_news() {
    let past = reading(&[(1_000, 500), (1_000, 0)]);
    let mut rollout = Rollout::new(&settings(&["1 worker"]), 2, 1, (Reading::default(), past.clone()));
    rollout.next(secs(0), &past);
    rollout.installed(secs(0), past);
    for second in 1..=10 {
        let same = reading(&[(1_000 + 50 * second, 500 + 25 * second), (1_000 + 50 * second, 0)]);
        assert!(!matches!(rollout.next(secs(second), &same), Action::TakeBack { .. }));
    }
}

#[test]
fn a_single_worker_is_compared_with_its_past() {
    let mut rollout = rollout(&["1 worker"], 1);
    assert_eq!(rollout.next(secs(0), &steady(1, 0)), Action::Install(vec![0]));
    rollout.installed(secs(0), steady(1, 0));
    let mut taken = None;
    for second in 1..=10 {
        if let Action::TakeBack { reason, .. } =
            rollout.next(secs(second), &reading(&[(1_000 + 50 * second, 20 * second)]))
        {
            taken = Some(reason);
        }
    }
    let taken = taken.expect("it is seen");
    assert!(taken.contains("before"), "{taken}");
}

#[test]
fn without_traffic_it_goes_on_and_says_so() {
    let nothing = reading(&[(0, 0), (0, 0)]);
    let mut rollout = Rollout::new(&settings(&["1 worker"]), 2, 1, (nothing.clone(), nothing.clone()));
    rollout.next(secs(0), &nothing);
    rollout.installed(secs(0), nothing.clone());
    assert_eq!(rollout.next(secs(1), &nothing), Action::Wait);
    assert_eq!(rollout.next(secs(2), &nothing), Action::Install(vec![1]));
    rollout.installed(secs(2), nothing.clone());
    let remark = "step 1: no request came, so nothing could be compared".to_owned();
    assert_eq!(rollout.next(secs(3), &nothing), Action::Done(vec![remark]));
}

#[test]
fn too_little_traffic_makes_it_wait_but_not_for_ever() {
    let little = reading(&[(1_002, 0), (1_500, 0)]);
    let mut rollout = rollout(&["1 worker"], 2);
    rollout.next(secs(0), &steady(2, 0));
    rollout.installed(secs(0), steady(2, 0));
    (1..30).for_each(|second| assert_eq!(rollout.next(secs(second), &little), Action::Wait));
    assert_eq!(rollout.next(secs(30), &little), Action::Install(vec![1]));
    assert!(rollout.view(secs(30)).remarks[0].contains("too few requests"));
}

#[test]
fn pauses_resumes_is_promoted_and_aborted() {
    let begun = || {
        let mut rollout = rollout(&["1 worker", "50%"], 4);
        rollout.next(secs(0), &steady(4, 0));
        rollout.installed(secs(0), steady(4, 0));
        rollout
    };
    let mut paused = begun();
    paused.pause();
    assert_eq!(paused.next(secs(500), &steady(4, 500)), Action::Wait);
    assert!(paused.view(secs(500)).is_paused);
    paused.resume();
    assert_eq!(paused.next(secs(501), &steady(4, 501)), Action::Install(vec![1]));

    let mut promoted = begun();
    promoted.promote();
    assert_eq!(promoted.next(secs(1), &steady(4, 1)), Action::Install(vec![1, 2, 3]));
    promoted.installed(secs(1), steady(4, 1));
    assert!(matches!(promoted.next(secs(2), &steady(4, 2)), Action::Done(remarks) if remarks.len() == 1));

    let mut aborted = begun();
    aborted.abort("somebody said so");
    let back = Action::TakeBack { workers: vec![0], reason: "somebody said so".to_owned() };
    assert_eq!(aborted.next(secs(1), &steady(4, 1)), back);
    assert_eq!(aborted.next(secs(2), &steady(4, 2)), Action::Wait);
}

#[test]
fn an_order_waits_until_workers_are_where_they_were_going() {
    let mut rollout = rollout(&["1 worker"], 2);
    rollout.next(secs(0), &steady(2, 0));
    rollout.abort("no");
    assert_eq!(rollout.next(secs(1), &steady(2, 1)), Action::Wait);
    rollout.installed(secs(1), steady(2, 1));
    assert!(matches!(rollout.next(secs(2), &steady(2, 2)), Action::TakeBack { .. }));
}

#[test]
fn the_first_is_who_has_least_to_do_but_something() {
    let order = |requests: &[(u64, u64)]| order(requests.len(), &(Reading::default(), reading(requests)));
    assert_eq!(order(&[(500, 0), (0, 0), (100, 0), (300, 0)]), [2, 3, 0, 1]);
    assert_eq!(order(&[(0, 0), (0, 0)]), [0, 1]);
}

#[test]
fn steps_that_come_to_as_many_workers_are_one() {
    let sizes = |steps: &[&str], workers| rollout(steps, workers).sizes;
    assert_eq!(sizes(&["1 worker", "50%", "100%"], 2), [1, 2]);
    assert_eq!(sizes(&["1 worker", "25%", "50%"], 8), [1, 2, 4, 8]);
    assert_eq!(sizes(&["1 worker"], 1), [1]);
    assert_eq!(sizes(&["100%"], 4), [4]);
}

#[test]
fn a_rollout_can_be_written_and_wrong_ones_are_refused() {
    use crate::control::check::load_text;
    let base =
        "listeners: [{name: web, address: \"127.0.0.1:0\"}]\nroutes: [{name: a, respond: {status: 200}}]\n";
    let load = |rollout: &str| load_text("x.yaml", &format!("{base}changes: {{{rollout}}}"));
    let config = load("rollout: {steps: [2 workers, 50%], errors: 0.5%}").unwrap().config.changes;
    let written = config.rollout().unwrap();
    assert_eq!(written.steps, [WorkerPart::Count(2), WorkerPart::Share(Share::percent(50))]);
    assert!(load("rollout: off, old_generations: 1h").unwrap().config.changes.rollout().is_none());
    for (wrong, told) in [
        ("rollout: {steps: [50%, 1 worker]}", "1 worker is not more than the step before"),
        ("rollout: {steps: []}", "rollout"),
        ("rollout: {steps: [none]}", "not a part of the workers"),
        ("rollout: {hold: 2m}", "is less than hold"),
        ("rollout: {latency: 0.5}", "is not from 1 to 1000"),
        ("rollout: {false_alarms: 50%}", "is not from"),
        ("old_generations: 0s", "would cut every exchange"),
    ] {
        let told_all = load(wrong).unwrap_err().to_string();
        assert!(told_all.contains(told), "{wrong}: {told_all}");
    }
}
