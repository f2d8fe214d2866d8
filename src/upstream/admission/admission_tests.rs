//! Limits of a cluster on several workers, on one thread.

use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::rt::deadline::Deadlines;
use crate::telemetry::registry::Registry;

fn plan(cap: u64, pending: u64, reserves: Reserves) -> AdmissionPlan {
    AdmissionPlan {
        slots: SlotsPlan { ledger: Ledger::new(None), cap, reserves },
        adaptive: None,
        places: Ledger::new(None),
        pending,
        pending_timeout: Duration::from_secs(1),
    }
}

fn start(plan: &AdmissionPlan, workers: usize) -> Vec<Rc<Admission>> {
    let shards = Registry::new(workers).cluster_shards("c");
    (0..workers).map(|worker| Admission::start(plan, workers, None, shards.slot(worker))).collect()
}

#[test]
fn whoever_waits_takes_over_from_whoever_is_done_and_nobody_overtakes() {
    let plan = plan(1, 5, Reserves::default());
    let all = start(&plan, 1);
    let first = all[0].admit(Class::NORMAL).expect("there is room");
    assert_eq!(all[0].admit(Class::NORMAL).err(), Some(ShedReason::ClusterFull));
    let deadline = Deadline::new(&Deadlines::new(clock::coarse_ms()));
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiting = Box::pin(all[0].wait(Class::NORMAL, &deadline));
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    drop(first);
    assert_eq!(all[0].admit(Class::NORMAL).err(), Some(ShedReason::ClusterFull), "it is somebody's turn");
    let Poll::Ready(Ok(second)) = waiting.as_mut().poll(&mut cx) else { panic!("it is their turn") };
    assert_eq!((plan.slots.ledger.in_use(), plan.places.in_use()), (1, 0));
    drop(second);
    assert_eq!(plan.slots.ledger.in_use(), 0);
}

#[test]
fn whoever_leaves_when_called_gives_the_turn_on() {
    let plan = plan(1, 5, Reserves::default());
    let all = start(&plan, 1);
    let first = all[0].admit(Class::NORMAL).expect("there is room");
    let deadlines = Deadlines::new(clock::coarse_ms());
    let (one, two) = (Deadline::new(&deadlines), Deadline::new(&deadlines));
    let mut cx = Context::from_waker(Waker::noop());
    let mut gone = Box::pin(all[0].wait(Class::NORMAL, &one));
    let mut stays = Box::pin(all[0].wait(Class::NORMAL, &two));
    assert!(gone.as_mut().poll(&mut cx).is_pending() && stays.as_mut().poll(&mut cx).is_pending());
    drop(first);
    drop(gone);
    assert!(matches!(stays.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    drop(stays);
    assert_eq!((plan.slots.ledger.in_use(), plan.places.in_use(), all[0].under_way.get()), (0, 0, 0));
}

#[test]
fn what_another_worker_gives_back_is_found_in_a_tick() {
    let plan = plan(4, 9, Reserves::default());
    let all = start(&plan, 2);
    let mut held: Vec<Permit> = (0..4).map(|_| all[0].admit(Class::LOW).expect("there is room")).collect();
    let deadline = Deadline::new(&Deadlines::new(clock::coarse_ms()));
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiting = Box::pin(all[1].wait(Class::LOW, &deadline));
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    all[1].tick(0);
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    held.pop();
    all[1].tick(20);
    assert!(matches!(waiting.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
}

#[test]
fn another_plan_holds_for_those_who_are_there_already() {
    let first = plan(3, 0, Reserves::default());
    let all = start(&first, 1);
    let held: Vec<Permit> = (0..3).map(|_| all[0].admit(Class::NORMAL).expect("there is room")).collect();
    let lower = AdmissionPlan { slots: SlotsPlan { cap: 2, ..first.slots.clone() }, ..first };
    let next = Admission::start(&lower, 1, Some(&all[0]), all[0].metrics.clone());
    assert!(Rc::ptr_eq(&next, &all[0]));
    let mut held = held.into_iter();
    drop(held.next());
    assert!(next.admit(Class::CRITICAL).is_err(), "two of the old ones are there");
    drop(held.next());
    assert!(next.admit(Class::CRITICAL).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_no_more_are_let_in_than_may_be_and_nothing_is_lost(
        cap in 1..40_u64,
        workers in 1..4_usize,
        steps in prop::collection::vec((0..4_usize, 0..8_u8, 0..4_u8), 0..600),
    ) {
        let plan = plan(cap, 1 << 20, Reserves { critical: 0.1, high: 0.0, normal: 0.2 });
        let all = start(&plan, workers);
        let deadlines = Deadlines::new(clock::coarse_ms());
        let mut held: Vec<Permit> = Vec::new();
        let mut waiting = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        for (worker, what, class) in steps {
            let admission = &all[worker % workers];
            match what {
                0..=2 => match admission.admit(Class(class)) {
                    Ok(permit) => held.push(permit),
                    Err(_) => {
                        let (admission, deadline) = (admission.clone(), Deadline::new(&deadlines));
                        let mut wait = Box::pin(async move { admission.wait(Class(class), &deadline).await });
                        prop_assert!(wait.as_mut().poll(&mut cx).is_pending());
                        waiting.push(wait);
                    }
                },
                3..=5 if !held.is_empty() => drop(held.swap_remove(worker % held.len())),
                6 if !waiting.is_empty() => drop(waiting.swap_remove(worker % waiting.len())),
                _ => admission.tick(0),
            }
            waiting.retain_mut(|wait| match wait.as_mut().poll(&mut cx) {
                Poll::Ready(permit) => {
                    held.extend(permit.ok());
                    false
                }
                Poll::Pending => true,
            });
            prop_assert!(held.len() as u64 <= cap);
            prop_assert_eq!(held.len() as u64, all.iter().map(|it| it.under_way.get()).sum::<u64>());
            prop_assert_eq!(waiting.len() as u64, plan.places.in_use());
        }
        // Whoever waits gets a turn once all others are done.
        while !(held.is_empty() && waiting.is_empty()) {
            let before = waiting.len();
            held.clear();
            all.iter().for_each(|admission| admission.tick(0));
            waiting.retain_mut(|wait| match wait.as_mut().poll(&mut cx) {
                Poll::Ready(permit) => {
                    held.extend(permit.ok());
                    false
                }
                Poll::Pending => true,
            });
            prop_assert!(waiting.is_empty() || waiting.len() < before);
        }
        all.iter().for_each(|admission| admission.tick(0));
        prop_assert_eq!(plan.slots.ledger.in_use(), 0);
    }
}
