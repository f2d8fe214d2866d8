//! Laws of slots: never too many, none lost, none withheld for longer than a tick.

use proptest::prelude::*;

use super::*;

fn plan(cap: u64, reserves: Reserves) -> SlotsPlan {
    SlotsPlan { ledger: Ledger::new(None), cap, reserves }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Take(usize, u8),
    Give(usize),
    Tick(usize),
}

fn step(workers: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..workers, 0..4_u8).prop_map(|(worker, class)| Step::Take(worker, class)),
        3 => (0..workers).prop_map(Step::Give),
        1 => (0..workers).prop_map(Step::Tick),
    ]
}

fn case() -> impl Strategy<Value = (u64, usize, bool, Vec<Step>)> {
    (1..600_u64, 1..5_usize, any::<bool>()).prop_flat_map(|(cap, workers, is_reserved)| {
        (Just(cap), Just(workers), Just(is_reserved), prop::collection::vec(step(workers), 0..1500))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_more_than_the_cap_are_in_use_and_none_is_lost((cap, workers, is_reserved, steps) in case()) {
        let reserves = if is_reserved {
            Reserves { critical: 0.1, high: 0.1, normal: 0.2 }
        } else {
            Reserves::default()
        };
        let plan = plan(cap, reserves);
        let caps = reserves.caps(cap);
        let all: Vec<Slots> = (0..workers).map(|_| Slots::start(&plan, workers)).collect();
        let mut used = vec![0_u64; workers];
        for step in steps {
            match step {
                Step::Take(worker, class) => {
                    let before: u64 = used.iter().sum();
                    let is_taken = all[worker].take(Class(class));
                    used[worker] += u64::from(is_taken);
                    if all[worker].batch.get() == 1 {
                        prop_assert_eq!(is_taken, before < caps[usize::from(class)], "exact at every moment");
                    }
                }
                Step::Give(worker) if used[worker] > 0 => {
                    all[worker].give();
                    used[worker] -= 1;
                }
                Step::Give(_) => {}
                Step::Tick(worker) => all[worker].tick(0),
            }
            let total: u64 = used.iter().sum();
            prop_assert!(total <= cap && plan.ledger.in_use() <= cap);
            prop_assert!(all.iter().zip(&used).all(|(slots, used)| slots.used() == *used));
        }
        // Whoever waits for a tick finds what nobody uses.
        all.iter().for_each(|slots| slots.tick(1));
        let total: u64 = used.iter().sum();
        prop_assert_eq!(plan.ledger.in_use(), total);
        for (class, most) in caps.iter().enumerate() {
            let is_taken = all[0].take(Class(class as u8));
            prop_assert_eq!(is_taken, total < *most, "class {}", class);
            if is_taken {
                all[0].give();
            }
        }
        drop(all);
        prop_assert_eq!(plan.ledger.in_use(), 0, "what a worker held goes with it");
    }
}

#[test]
fn far_below_a_large_cap_the_ledger_is_left_alone() {
    let plan = plan(10_000, Reserves::default());
    let slots = Slots::start(&plan, 2);
    assert!(slots.take(Class::NORMAL));
    let lent = plan.ledger.in_use();
    for _ in 0..1000 {
        assert!(slots.take(Class::LOW));
        slots.give();
        assert_eq!(plan.ledger.in_use(), lent);
    }
}

#[test]
fn what_is_kept_for_the_better_is_there_when_they_come() {
    let plan = plan(10, Reserves { critical: 0.2, high: 0.1, normal: 0.1 });
    let slots = Slots::start(&plan, 1);
    let admitted = |class: Class| (0..20).take_while(|_| slots.take(class)).count();
    assert_eq!([Class::LOW, Class::NORMAL, Class::HIGH, Class::CRITICAL].map(admitted), [6, 1, 1, 2]);
    slots.give();
    assert!(!slots.may_pass(Class::LOW) && slots.may_pass(Class::CRITICAL));
}

#[test]
fn a_worker_with_nothing_gets_its_share_from_one_with_everything() {
    let plan = plan(16, Reserves::default());
    let (rich, poor) = (Slots::start(&plan, 2), Slots::start(&plan, 2));
    while rich.take(Class::NORMAL) {}
    let (mut of_poor, mut ticks) = (0, 0);
    while of_poor < 4 {
        ticks += 1;
        assert!(ticks < 10, "{of_poor} after {ticks} ticks");
        poor.tick(5);
        rich.tick(5);
        // Everything the rich one has comes back once in a tick, and would go on to those who wait there.
        for _ in 0..rich.used() {
            if !rich.may_pass(Class::NORMAL) {
                rich.give();
            }
        }
        while poor.take(Class::NORMAL) {
            of_poor += 1;
        }
    }
    poor.tick(5);
    rich.tick(5);
    assert!(rich.may_pass(Class::NORMAL), "nothing is asked for by whoever has its share");
}
