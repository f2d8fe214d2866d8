//! Workers that serve simulated traffic: counters that grow second by second, from a seed.

use ringgate::control::rollout::sample::{Reading, Sample, Side};
use ringgate::shared::Histogram;

/// xorshift64*, so that a run is its seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.unit() * bound as f64) as u64
    }

    fn is(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }

    /// How long an exchange takes: log-normal, as times are.
    fn millis(&mut self, median: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        median * (0.6 * normal).exp()
    }
}

/// How a route behaves on a worker: shares, and the time in the middle.
#[derive(Clone, Copy)]
pub struct Behaviour {
    pub errors: f64,
    pub rejections: f64,
    pub median_ms: f64,
}

/// As it was.
pub const WELL: Behaviour = Behaviour { errors: 0.002, rejections: 0.03, median_ms: 12.0 };

/// Workers that do what they are told, by route.
pub struct Simulation {
    dice: Dice,
    pub workers: usize,
    pub routes: usize,
    /// Requests a second on each worker.
    rates: Vec<u64>,
    pub reading: Reading,
    histograms: Vec<Vec<Histogram>>,
    /// On these workers route 0 behaves in another way.
    pub changed: Vec<usize>,
    pub other: Behaviour,
    pub is_noisy: bool,
    /// Requests of route 0 on workers with the new configuration.
    pub touched: u64,
}

impl Simulation {
    pub fn new(seed: u64, workers: usize, routes: usize, rate: u64) -> Self {
        let mut dice = Dice::new(seed);
        // Shares of the traffic between a quarter and twice the equal one.
        let rates = (0..workers).map(|_| rate / 4 + dice.below(rate * 7 / 4)).collect();
        let side = Side { codes: vec![0; 4], ..Side::default() };
        Self {
            dice,
            workers,
            routes,
            rates,
            reading: Reading { workers: vec![side; workers] },
            histograms: (0..workers).map(|_| (0..routes).map(|_| Histogram::default()).collect()).collect(),
            changed: Vec::new(),
            other: WELL,
            is_noisy: false,
            touched: 0,
        }
    }

    pub fn second(&mut self) {
        // A mood that all have together: an origin that is slow or fails for everybody.
        let bad_mood = self.is_noisy && self.dice.is(0.1);
        for worker in 0..self.workers {
            let mut count = self.rates[worker] * (50 + self.dice.below(100)) / 100;
            if self.is_noisy && self.dice.is(0.1) {
                count *= 4;
            }
            for _ in 0..count {
                let route = self.dice.below(self.routes as u64) as usize;
                self.exchange(worker, route, bad_mood);
            }
            // A client whose every request is refused, in one burst on this worker.
            if self.is_noisy && self.dice.is(0.02) {
                (0..self.dice.below(60)).for_each(|_| self.refused(worker));
            }
            // One that always does it, on the connection that it has to worker 1.
            if self.is_noisy && worker == 1 {
                (0..self.rates[1] / 4).for_each(|_| self.refused(worker));
            }
        }
        self.publish();
    }

    fn exchange(&mut self, worker: usize, route: usize, bad_mood: bool) {
        let is_changed = route == 0 && self.changed.contains(&worker);
        self.touched += u64::from(is_changed);
        let behaviour = if is_changed { self.other } else { WELL };
        let extra = if bad_mood { 0.2 } else { 0.0 };
        let (error, rejection) = (self.dice.is(behaviour.errors + extra), self.dice.is(behaviour.rejections));
        let slower = if bad_mood { 3.0 } else { 1.0 };
        let millis = self.dice.millis(behaviour.median_ms * slower);
        self.histograms[worker][route].record((millis * 1e6) as u64);
        let side = &mut self.reading.workers[worker];
        side.codes[0] += u64::from(error && bad_mood);
        let sample = side.routes.entry(format!("r{route}")).or_default();
        sample.requests += 1;
        sample.server_errors += u64::from(error);
        sample.client_errors += u64::from(rejection && !error);
    }

    fn refused(&mut self, worker: usize) {
        let side = &mut self.reading.workers[worker];
        side.codes[1] += 1;
        let sample = side.routes.entry("(none)".to_owned()).or_default();
        sample.requests += 1;
        sample.client_errors += 1;
    }

    fn publish(&mut self) {
        for (side, histograms) in self.reading.workers.iter_mut().zip(&self.histograms) {
            for (route, histogram) in histograms.iter().enumerate() {
                if let Some(sample) = side.routes.get_mut(&format!("r{route}")) {
                    sample.durations = histogram.snapshot();
                }
            }
            let mut overall = Sample::default();
            side.routes.values().for_each(|sample| overall.add(sample));
            side.overall = overall;
        }
    }
}
