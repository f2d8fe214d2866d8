//! What the judge of a rollout sees and does not see: thousands of simulated rollouts, with a clock of their own.
//!
//! Traffic is a seed: worse than real traffic in the ways that fool comparisons (bursts on one worker, unequal shares,
//! clients that always fail on their own connection, moods that all workers have together). The bound on false alarms
//! is the one that is configured.

use std::time::Duration;

use proptest::prelude::*;
use ringgate::config::units::{Share, Span, WorkerPart};
use ringgate::control::config::changes::RolloutConfig;
use ringgate::control::rollout::sample::{Reading, Side};
use ringgate::control::rollout::{Action, Rollout};

use super::rollout_simulation::{Behaviour, Simulation, WELL};

/// How a rollout ended.
#[derive(Debug)]
struct End {
    taken_back: Option<String>,
    seconds: u64,
    /// Most workers that ever had it.
    workers_max: usize,
}

/// A rollout over simulated traffic. A second is a look.
fn run(simulation: &mut Simulation, settings: &RolloutConfig) -> End {
    let from = simulation.reading.clone();
    (0..20).for_each(|_| simulation.second());
    let past = (from, simulation.reading.clone());
    let mut rollout = Rollout::new(settings, simulation.workers, simulation.routes, past);
    let mut workers_max = 0;
    let bound = 2 + (settings.hold_max.duration().as_secs() + 2) * (settings.steps.len() as u64 + 1);
    for second in 0..=bound {
        let now = Duration::from_secs(second);
        match rollout.next(now, &simulation.reading) {
            Action::Wait => {}
            Action::Install(workers) => {
                simulation.changed.extend(workers);
                workers_max = workers_max.max(simulation.changed.len());
                assert_eq!(simulation.changed.len(), rollout.workers().len());
                rollout.installed(now, simulation.reading.clone());
            }
            Action::TakeBack { workers, reason } => {
                assert_eq!(workers, simulation.changed, "it goes back where it was");
                return End { taken_back: Some(reason), seconds: second, workers_max };
            }
            Action::Done(_) => {
                assert_eq!(simulation.changed.len(), simulation.workers);
                return End { taken_back: None, seconds: second, workers_max };
            }
        }
        simulation.second();
    }
    panic!("it did not end within {bound} seconds: {rollout:?}");
}

fn settings(steps: Vec<WorkerPart>) -> RolloutConfig {
    RolloutConfig {
        steps,
        hold: Span::from_secs(10),
        hold_max: Span::from_secs(30),
        ..RolloutConfig::default()
    }
}

fn one_then_all() -> RolloutConfig {
    settings(vec![WorkerPart::Count(1), WorkerPart::Share(Share::ALL)])
}

/// Runs with nothing changed; gives those that were taken back all the same.
fn false_alarms(runs: u64, settings: &RolloutConfig, rate: u64, is_noisy: bool) -> Vec<String> {
    let alarms = (0..runs).filter_map(|seed| {
        let workers = 2 + (seed % 5) as usize;
        let mut simulation = Simulation::new(seed, workers, 1 + (seed % 7) as usize, rate);
        simulation.is_noisy = is_noisy;
        run(&mut simulation, settings).taken_back.map(|reason| format!("{seed}: {reason}"))
    });
    alarms.collect()
}

#[test]
fn nothing_is_taken_back_by_chance_more_often_than_configured() {
    // So often that a broken bound shows: 2 % of 1500 are 30.
    let settings = RolloutConfig {
        false_alarms: Share::percent(2),
        errors: Share::NONE,
        rejections: Share::NONE,
        latency: 1.0,
        latency_min: Span::from_millis(0),
        requests: 1,
        ..one_then_all()
    };
    let alarms = false_alarms(1500, &settings, 40, false);
    println!("{} of 1500 runs: {alarms:?}", alarms.len());
    assert!(alarms.len() <= 30, "{}: {alarms:#?}", alarms.len());
}

#[test]
fn noise_does_not_fool_it() {
    let alarms = false_alarms(600, &one_then_all(), 60, true);
    println!("{} of 600 runs: {alarms:?}", alarms.len());
    assert!(alarms.is_empty(), "{alarms:#?}");
}

#[test]
fn noise_does_not_fool_it_over_several_steps() {
    let steps =
        [WorkerPart::Count(1), WorkerPart::Share(Share::percent(25)), WorkerPart::Share(Share::percent(50))];
    let alarms = false_alarms(200, &settings(steps.to_vec()), 60, true);
    assert!(alarms.is_empty(), "{alarms:#?}");
}

/// Runs with route 0 changed; gives how many were taken back, and the most requests and seconds that took.
fn caught(runs: u64, other: Behaviour, rate: u64, is_noisy: bool) -> (u64, u64, u64) {
    let (mut caught, mut touched_max, mut seconds_max) = (0, 0, 0);
    for seed in 0..runs {
        let mut simulation = Simulation::new(seed, 2 + (seed % 5) as usize, 1 + (seed % 7) as usize, rate);
        (simulation.other, simulation.is_noisy) = (other, is_noisy);
        let end = run(&mut simulation, &one_then_all());
        if let Some(reason) = end.taken_back {
            assert!(
                reason.contains("r0") || reason.contains("all requests") || reason.contains("answer"),
                "{reason}"
            );
            assert_eq!(end.workers_max, 1, "it was on one worker: {reason}");
            caught += 1;
            touched_max = touched_max.max(simulation.touched);
            seconds_max = seconds_max.max(end.seconds);
        }
    }
    println!("{caught} of {runs}, at most {touched_max} requests and {seconds_max} s");
    (caught, touched_max, seconds_max)
}

#[test]
fn a_route_that_fails_is_caught_at_one_worker() {
    for is_noisy in [false, true] {
        let (caught, _, seconds) = caught(300, Behaviour { errors: 1.0, ..WELL }, 60, is_noisy);
        // Where it is asked for once a second, chance may keep it away from one worker for long.
        assert!(caught >= 296, "{caught}");
        assert!(seconds <= 32, "{seconds}");
    }
}

#[test]
fn with_enough_traffic_it_takes_no_longer_than_a_burst_may() {
    let (caught, touched, seconds) = caught(60, Behaviour { errors: 1.0, ..WELL }, 600, true);
    assert_eq!(caught, 60);
    assert!(seconds <= 4, "{seconds}");
    assert!(touched <= 4 * 4 * 2 * 600, "{touched}");
}

#[test]
fn a_route_that_refuses_everybody_is_caught() {
    let (caught, _, seconds) = caught(300, Behaviour { rejections: 1.0, ..WELL }, 60, true);
    assert!(caught >= 298, "{caught}");
    assert!(seconds <= 32, "{seconds}");
}

#[test]
fn a_part_of_errors_is_caught_with_ordinary_traffic() {
    let (all, ..) = caught(60, Behaviour { errors: 0.25, ..WELL }, 600, true);
    assert!(all >= 57, "{all}");
    // Where everybody has bad seconds with one error in five, one in ten is not much.
    let (caught, ..) = caught(60, Behaviour { errors: 0.1, ..WELL }, 600, true);
    assert!(caught >= 40, "{caught}");
}

#[test]
fn twice_the_95th_percentile_is_caught() {
    // 12 ms in the middle is 32 ms at the 95th; twice that is 32 ms more.
    let (caught, ..) = caught(100, Behaviour { median_ms: 24.0, ..WELL }, 600, false);
    assert!(caught >= 98, "{caught}");
}

#[test]
fn a_single_worker_is_judged_by_its_past() {
    let run = |seed: u64, other: Behaviour| {
        let mut simulation = Simulation::new(seed, 1, 3, 300);
        simulation.other = other;
        run(&mut simulation, &one_then_all()).taken_back
    };
    let alarms: Vec<_> = (0..300).filter_map(|seed| run(seed, WELL)).collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
    for other in [Behaviour { errors: 1.0, ..WELL }, Behaviour { median_ms: 30.0, ..WELL }] {
        let caught = (0..60).filter(|&seed| run(seed, other).is_some()).count();
        assert!(caught >= 59, "{caught}");
    }
}

#[derive(Debug, Clone)]
enum Event {
    Look,
    Pause,
    Resume,
    Promote,
    Abort,
    Fail,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        20 => Just(Event::Look),
        1 => Just(Event::Pause),
        2 => Just(Event::Resume),
        1 => Just(Event::Promote),
        1 => Just(Event::Abort),
        1 => Just(Event::Fail),
    ];
    prop::collection::vec(event, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is ordered and however long installing takes: never on more workers than the step says, none twice, and
    /// an end on all workers or on none.
    #[test]
    fn every_path_ends_and_no_step_goes_too_far(
        workers in 1usize..9,
        counts in prop::collection::btree_set(1u16..9, 1..4),
        installing in 0u64..4,
        events in events(),
    ) {
        let steps: Vec<_> = counts.iter().map(|count| WorkerPart::Count(*count)).collect();
        let mut sizes: Vec<_> = steps.iter().map(|step| step.of(workers)).collect();
        sizes.push(workers);
        let settings = RolloutConfig { hold: Span::from_secs(3), hold_max: Span::from_secs(6), ..settings(steps) };
        let nothing = Reading { workers: vec![Side::default(); workers] };
        let mut rollout = Rollout::new(&settings, workers, 1, (nothing.clone(), nothing.clone()));
        let (mut running, mut due, mut now, mut promoted) = (Vec::new(), None, 0u64, false);
        let patience = events.len() as u64 + 10 * (sizes.len() as u64 + 1) * (installing + 1);
        let mut events = events.into_iter();
        loop {
            prop_assert!(now < patience + 20, "no end: {:?}", rollout);
            now += 1;
            let event = events.next();
            if due == Some(now) {
                rollout.installed(Duration::from_secs(now), nothing.clone());
                due = None;
            }
            let action = match event {
                Some(Event::Pause) => { rollout.pause(); Action::Wait }
                Some(Event::Resume) => { rollout.resume(); Action::Wait }
                Some(Event::Promote) => { rollout.promote(); promoted = true; Action::Wait }
                Some(Event::Abort) => { rollout.abort("told to"); Action::Wait }
                Some(Event::Fail) if due.is_some() => rollout.failed("stuck"),
                Some(Event::Look | Event::Fail) => rollout.next(Duration::from_secs(now), &nothing),
                None => { rollout.resume(); rollout.next(Duration::from_secs(now), &nothing) }
            };
            match action {
                Action::Wait => {}
                Action::Install(more) => {
                    prop_assert!(due.is_none(), "one after another");
                    prop_assert!(more.iter().all(|worker| *worker < workers && !running.contains(worker)));
                    running.extend(more);
                    prop_assert!(promoted && running.len() == workers || sizes.contains(&running.len()));
                    due = Some(now + 1 + installing);
                }
                Action::TakeBack { workers, .. } => {
                    prop_assert_eq!(&workers, &running);
                    break;
                }
                Action::Done(_) => {
                    prop_assert_eq!(running.len(), workers);
                    break;
                }
            }
        }
        prop_assert!(rollout.is_over());
        prop_assert_eq!(rollout.next(Duration::from_secs(now + 1), &nothing), Action::Wait);
    }
}
