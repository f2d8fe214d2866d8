//! The shedder on a simulated worker, minute after minute.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::telemetry::xorshift::Xorshift;

const TARGET_US: u64 = 10_000;
/// What serving costs the worker, and what refusing does.
const SERVE_US: f64 = 50.0;
const REFUSE_US: f64 = 8.0;
/// What a client waits for.
const PATIENCE_US: u64 = 100_000;

struct Worker {
    shedder: Shedder,
    dice: Xorshift,
    /// When each came, and its class.
    queue: VecDeque<(f64, Class)>,
    now_us: f64,
    next_us: f64,
    next_note_us: f64,
    /// By class: those that came, were refused, were served in time.
    came: [u64; CLASSES],
    refused: [u64; CLASSES],
    in_time: [u64; CLASSES],
}

impl Worker {
    fn new(seed: u64) -> Self {
        Self {
            shedder: Shedder::new(TARGET_US * 1_000),
            dice: Xorshift::new(seed),
            queue: VecDeque::new(),
            now_us: 0.0,
            next_us: 0.0,
            next_note_us: 0.0,
            came: [0; CLASSES],
            refused: [0; CLASSES],
            in_time: [0; CLASSES],
        }
    }

    fn dice(&self) -> f64 {
        (self.dice.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn arrive(&mut self, per_second: f64, mix: [f64; CLASSES]) {
        while self.next_us <= self.now_us {
            let (mut dice, mut class) = (self.dice(), 0);
            while class < 3 && dice >= mix[class] {
                dice -= mix[class];
                class += 1;
            }
            self.queue.push_back((self.next_us, Class(class as u8)));
            self.next_us += -(1.0 - self.dice()).ln() * 1e6 / per_second;
        }
    }

    /// So many a second of these classes for so many seconds. `stall` is what the worker does besides, once a second.
    fn run(&mut self, per_second: f64, mix: [f64; CLASSES], seconds: f64, stall_us: f64) {
        (self.came, self.refused, self.in_time) = Default::default();
        let until_us = self.now_us + seconds * 1e6;
        let mut next_stall_us = self.now_us + 5e5;
        while self.now_us < until_us {
            self.arrive(per_second, mix);
            if self.now_us >= next_stall_us {
                next_stall_us += 1e6;
                self.now_us += stall_us;
                continue;
            }
            let waited = self.queue.front().map_or(0.0, |(came, _)| self.now_us - came);
            if self.now_us >= self.next_note_us {
                self.next_note_us = self.now_us + 5_000.0;
                self.shedder.note((waited * 1e3) as u64);
                self.shedder.look((self.now_us / 1e3) as u64);
            }
            let Some((came_us, class)) = self.queue.pop_front() else {
                self.now_us = self.next_us.min(self.next_note_us);
                continue;
            };
            let slot = class.slot();
            self.came[slot] += 1;
            if self.shedder.refuses(class) {
                self.refused[slot] += 1;
                self.now_us += REFUSE_US;
            } else {
                self.now_us += SERVE_US;
                self.in_time[slot] += u64::from(self.now_us - came_us < PATIENCE_US as f64);
            }
        }
    }
}

const EVEN: [f64; CLASSES] = [0.1, 0.2, 0.4, 0.3];
const CAPACITY: f64 = 1e6 / SERVE_US;

#[test]
fn whatever_is_offered_what_can_be_done_in_time_is_done() {
    for (seed, factor) in (1..).zip([0.5, 0.9, 1.1, 1.5, 2.0, 3.0, 4.0]) {
        let mut worker = Worker::new(seed);
        worker.run(CAPACITY * factor, EVEN, 10.0, 0.0);
        worker.run(CAPACITY * factor, EVEN, 20.0, 0.0);
        let in_time = worker.in_time.iter().sum::<u64>() as f64 / 20.0;
        // What is left of a second once all others have been refused.
        let possible = (1e6 - CAPACITY * factor * REFUSE_US) / (SERVE_US - REFUSE_US);
        let possible = possible.min(CAPACITY * factor);
        assert!(in_time >= possible * 0.93, "{factor}: {in_time:.0} of {possible:.0}");
    }
}

#[test]
fn who_matters_most_is_served_as_if_nothing_were_the_matter() {
    let mut worker = Worker::new(11);
    worker.run(CAPACITY * 2.0, EVEN, 10.0, 0.0);
    worker.run(CAPACITY * 2.0, EVEN, 60.0, 0.0);
    for class in [Class::CRITICAL, Class::HIGH] {
        let (came, in_time) = (worker.came[class.slot()], worker.in_time[class.slot()]);
        assert!(in_time as f64 >= came as f64 * 0.98, "{}: {in_time} of {came}", class.name());
    }
    let low = Class::LOW.slot();
    assert!(worker.refused[low] as f64 >= worker.came[low] as f64 * 0.9, "the last go first");
}

#[test]
fn nothing_is_refused_because_of_a_stall_or_a_burst() {
    let mut worker = Worker::new(5);
    worker.run(CAPACITY * 0.7, EVEN, 120.0, 40_000.0);
    let (came, refused) = (worker.came.iter().sum::<u64>(), worker.refused.iter().sum::<u64>());
    assert!(refused as f64 <= came as f64 * 0.002, "{refused} of {came}");
}

#[test]
fn soon_after_the_crowd_has_gone_nobody_is_refused() {
    let mut worker = Worker::new(9);
    worker.run(CAPACITY * 3.0, EVEN, 30.0, 0.0);
    worker.run(CAPACITY * 0.6, EVEN, 3.0, 0.0);
    worker.run(CAPACITY * 0.6, EVEN, 30.0, 0.0);
    assert_eq!(worker.refused, [0; CLASSES]);
}

#[test]
fn without_a_target_nobody_is_refused() {
    let shedder = Shedder::new(u64::MAX);
    for now_ms in 0..10_000 {
        shedder.note(1_000_000_000);
        shedder.look(now_ms);
        assert!(!shedder.refuses(Class::LOW));
    }
}

proptest! {
    #[test]
    fn a_share_of_all_is_taken_from_the_last_classes_first(
        share in 0.0..0.98_f64,
        mix in prop::array::uniform4(prop_oneof![Just(0.0), 1.0..1000.0_f64]),
    ) {
        let shares = spread(share, &mix);
        let total: f64 = mix.iter().sum();
        let taken: f64 = shares.iter().zip(&mix).map(|(share, mix)| share * mix).sum();
        prop_assert!((taken - share * total).abs() <= total * 1e-6);
        for class in 1..CLASSES {
            prop_assert!(shares[class - 1] == 0.0 || mix[class] == 0.0 || shares[class] > 0.999);
        }
    }

    #[test]
    fn shares_are_exact(share in 0.0..1.0_f64, requests in 1..5_000_u32) {
        let shedder = Shedder::new(1);
        shedder.refused[2].set((share * f64::from(WHOLE)) as u32);
        let refused = (0..requests).filter(|_| shedder.refuses(Class::NORMAL)).count() as f64;
        prop_assert!((refused - share * f64::from(requests)).abs() <= 1.1);
    }
}
