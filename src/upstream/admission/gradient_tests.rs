//! The limiter against a simulated service, minute after minute.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::telemetry::xorshift::Xorshift;

const PLAN: GradientPlan =
    GradientPlan { floor: 1.0, ceiling: 2_000.0, tolerance: 2.0, probe_every_ms: 30_000 };

/// A service that works on `servers` at once, each for about `work_us`; the others wait their turn.
struct Service {
    servers: usize,
    work_us: f64,
    /// Until when each is busy.
    busy: BinaryHeap<Reverse<u64>>,
    dice: Xorshift,
}

impl Service {
    fn new(servers: usize, work_us: f64, seed: u64) -> Self {
        let busy = (0..servers).map(|_| Reverse(0)).collect();
        Self { servers, work_us, busy, dice: Xorshift::new(seed) }
    }

    fn dice(&self) -> f64 {
        (self.dice.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// When what comes at `now_us` will be done.
    fn serve(&mut self, now_us: u64) -> u64 {
        let Reverse(free_us) = self.busy.pop().expect("a service has servers");
        let work = self.work_us * (0.5 + self.dice());
        let done_us = now_us.max(free_us) + work as u64;
        self.busy.push(Reverse(done_us));
        done_us
    }
}

struct Course {
    gradient: Gradient,
    window: Window,
    under_way: BinaryHeap<Reverse<(u64, u64)>>,
    now_us: u64,
    next_us: f64,
    served: u64,
    refused: u64,
}

impl Course {
    fn new(plan: GradientPlan) -> Self {
        Self {
            gradient: Gradient::new(plan, 0),
            window: Window::default(),
            under_way: BinaryHeap::new(),
            now_us: 0,
            next_us: 0.0,
            served: 0,
            refused: 0,
        }
    }

    /// So many a second for so many seconds. Gives what was served in a second, and the mean time of an answer in
    /// microseconds.
    fn run(&mut self, service: &mut Service, per_second: f64, seconds: u64) -> (f64, f64) {
        let (served, until_us) = (self.served, self.now_us + seconds * 1_000_000);
        let mut sum_us = 0;
        while self.now_us < until_us {
            self.now_us += 1_000;
            while let Some(Reverse((done_us, began_us))) = self.under_way.peek().copied() {
                if done_us > self.now_us {
                    break;
                }
                self.under_way.pop();
                self.served += 1;
                sum_us += done_us - began_us;
                self.window.answers += 1;
                self.window.sum_nanos += (done_us - began_us) * 1_000;
            }
            while self.next_us < self.now_us as f64 {
                if (self.under_way.len() as f64) < self.gradient.limit().floor() {
                    let began_us = self.next_us as u64;
                    self.under_way.push(Reverse((service.serve(began_us), began_us)));
                    let under_way = self.under_way.len() as u64;
                    self.window.under_way_max = self.window.under_way_max.max(under_way);
                } else {
                    self.refused += 1;
                }
                self.next_us += -(1.0 - service.dice()).ln() * 1e6 / per_second;
            }
            if self.now_us.is_multiple_of(20_000) && self.gradient.look(&self.window, self.now_us / 1_000) {
                let under_way_max = self.under_way.len() as u64;
                self.window = Window { under_way_max, ..Window::default() };
            }
        }
        let served = self.served - served;
        (served as f64 / seconds as f64, sum_us as f64 / served.max(1) as f64)
    }
}

#[test]
fn with_three_times_as_much_as_it_can_do_a_service_does_what_it_can() {
    for (servers, work_us) in [(1, 2_000.0), (4, 10_000.0), (64, 50_000.0), (8, 100_000.0)] {
        for seed in 1..3 {
            let mut service = Service::new(servers, work_us, seed);
            let capacity = service.servers as f64 * 1e6 / work_us;
            let mut course = Course::new(PLAN);
            course.run(&mut service, capacity * 3.0, 30);
            let (goodput, mean_us) = course.run(&mut service, capacity * 3.0, 90);
            assert!(goodput >= capacity * 0.9, "{servers} x {work_us}: {goodput:.0} of {capacity:.0}");
            let patience = 3.0 + 3.0 / servers as f64;
            assert!(mean_us <= work_us * patience, "{servers} x {work_us}: {mean_us:.0} us");
        }
    }
}

#[test]
fn what_a_service_can_do_is_not_refused() {
    for (servers, work_us) in [(4, 10_000.0), (64, 20_000.0), (8, 100_000.0)] {
        let mut service = Service::new(servers, work_us, 7);
        let capacity = servers as f64 * 1e6 / work_us;
        let mut course = Course::new(PLAN);
        course.run(&mut service, capacity * 0.5, 20);
        course.refused = 0;
        let (goodput, _) = course.run(&mut service, capacity * 0.5, 300);
        let refused = course.refused as f64 / 300.0;
        assert!(refused <= goodput * 0.005, "{servers} x {work_us}: {refused:.2} of {goodput:.0} a second");
    }
}

#[test]
fn a_service_that_becomes_slower_is_measured_anew_and_one_that_comes_back_too() {
    let mut service = Service::new(16, 5_000.0, 3);
    let mut course = Course::new(PLAN);
    course.run(&mut service, 2_000.0, 60);
    // Every request takes four times as long from now on, without any queue: 80 at once where there were 10.
    service.work_us = 20_000.0;
    (service.servers, service.busy) = (256, (0..256).map(|_| Reverse(0)).collect());
    course.run(&mut service, 4_000.0, 30);
    let (goodput, _) = course.run(&mut service, 4_000.0, 60);
    assert!(goodput >= 4_000.0 * 0.97, "{goodput:.0} a second");
    service.work_us = 5_000.0;
    course.run(&mut service, 4_000.0, 30);
    let (goodput, mean_us) = course.run(&mut service, 4_000.0, 60);
    assert!(goodput >= 4_000.0 * 0.99 && mean_us < 6_000.0, "{goodput:.0} a second, {mean_us:.0} us");
}

#[test]
fn a_service_that_says_nothing_any_more_gets_less_and_less() {
    let mut gradient = Gradient::new(PLAN, 0);
    let silent = Window { answers: 0, sum_nanos: 0, under_way_max: 30 };
    let mut now_ms = 0;
    for _ in 0..1_000 {
        now_ms += 20;
        gradient.look(&silent, now_ms);
    }
    assert!(gradient.limit() <= 1.0, "{}", gradient.limit());
}

#[test]
fn the_limit_stays_within_its_bounds_whatever_is_seen() {
    let dice = Xorshift::new(5);
    let plan = GradientPlan { floor: 3.0, ceiling: 40.0, tolerance: 1.5, probe_every_ms: 5_000 };
    let (mut gradient, mut now_ms) = (Gradient::new(plan, 0), 0);
    for _ in 0..200_000 {
        now_ms += dice.next() % 300;
        let answers = dice.next() % 100;
        let sum_nanos = answers * (dice.next() % 1_000_000_000);
        gradient.look(&Window { answers, sum_nanos, under_way_max: dice.next() % 60 }, now_ms);
        let limit = gradient.limit();
        assert!((3.0..=40.0).contains(&limit), "{limit}");
    }
}
