//! A limit as it was compiled: rules by tier, parts of the key, and what a request wants of it.

use std::time::Duration;

use smallvec::SmallVec;

use super::config::{AcrossConfig, AlgorithmConfig, LimitConfig, MissingConfig};
use super::key::Key;
use super::ledger::Wish;
use super::message::{LimitNumber, Tier};
use super::part::{Kinds, Part, WORDS};
use super::rule::{Algorithm, LOG_MAX, Rule, burst_max};
use super::sip::Sip;
use crate::config::units::Rate;
use crate::policy::exchange::Exchange;
use crate::policy::scope::Scope;

/// Most bits of an IPv6 address, and of what a limit's numbers are told by.
const IPV6_BITS: u8 = 128;

/// A compiled limit.
#[derive(Debug, Clone)]
pub struct LimitPlan {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Its number between workers.
    pub number: LimitNumber,
    /// Rules by tier; the first is for those without a plan.
    pub rules: Box<[(Tier, Rule)]>,
    /// Keys there is room for on all workers.
    pub keys_max: usize,
    tiers: Box<[(Box<str>, Tier)]>,
    parts: Box<[Part]>,
    missing: MissingConfig,
    cost: u32,
    cost_field: Option<Box<[u8]>>,
    cost_max: u32,
    begun: Sip,
    /// How other hosts have it too; None if each host counts alone.
    pub shared: Option<Shared>,
}

/// How hosts share a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its name among all that hosts share.
    pub name: Box<str>,
    /// Whether what has been used of it has to survive the process.
    pub is_kept: bool,
}

/// What a request wants of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This.
    Wish(Wish),
    /// Nothing: it does not count.
    Nothing,
    /// It lacks what it must have.
    Refused,
}

impl LimitPlan {
    /// Compiles. Problems go to `scope`, below the limit's name.
    pub fn compile(name: &str, config: &LimitConfig, scope: &mut Scope<'_>) -> Self {
        check(config, scope);
        let mut rules = vec![(Tier::default(), rule(config, config.rate, config.burst))];
        let mut tiers = Vec::new();
        for (plan, terms) in &config.by_plan {
            let tier = Tier((hash(plan) >> 64) as u32 | 1);
            rules.push((tier, rule(config, terms.rate, terms.burst)));
            tiers.push((Box::from(plan.as_str()), tier));
        }
        let smallest = rules.iter().map(|(_, rule)| rule.size()).min().unwrap_or(1);
        if config.cost > smallest {
            scope.problem(
                "cost",
                "a request costs more than the limit ever has at once",
                "raise `burst` or `rate`",
            );
        }
        Self {
            name: name.into(),
            number: number(name, &rules[0].1),
            rules: rules.into(),
            keys_max: config.keys_max.max(1) as usize,
            tiers: tiers.into(),
            parts: parts(&config.key, config.ipv6_prefix, scope),
            missing: config.when_key_missing,
            cost: config.cost.max(1),
            cost_field: config.cost_field.as_ref().map(|name| name.to_ascii_lowercase().into_bytes().into()),
            cost_max: config.cost_max.clamp(1, smallest.max(1)),
            begun: begin(name, scope),
            shared: shared(name, config, scope),
        }
    }

    /// A limit on how many at once.
    pub fn slots(name: &str, count: u32, key: &[String], ipv6_prefix: u8, scope: &mut Scope<'_>) -> Self {
        let rule = Rule::slots(count);
        Self {
            name: name.into(),
            number: number(name, &rule),
            rules: Box::new([(Tier::default(), rule)]),
            keys_max: super::config::keys_max() as usize,
            tiers: Box::default(),
            parts: parts(key, ipv6_prefix, scope),
            missing: MissingConfig::Shared,
            cost: 1,
            cost_field: None,
            cost_max: 1,
            begun: begin(name, scope),
            shared: None,
        }
    }

    /// With this done where a part of the key is missing.
    #[must_use]
    pub fn when_missing(self, missing: MissingConfig) -> Self {
        Self { missing, ..self }
    }

    /// The key that a request with these values of its parts would have under each of its rules. None if there are not as many
    /// values as parts, or one cannot be a value.
    pub fn keys_of(&self, values: &[&str]) -> Option<Vec<Key>> {
        if values.len() != self.parts.len() {
            return None;
        }
        let key = |(tier, _): &(Tier, Rule)| {
            let mut sip = self.begun.clone();
            if *tier != Tier::default() {
                sip.bytes(&tier.0.to_le_bytes());
            }
            let mut parts = self.parts.iter().zip(values);
            parts.all(|(part, value)| part.feed_text(value, &mut sip)).then(|| Key(sip.finish()))
        };
        self.rules.iter().map(key).collect()
    }

    /// Whether a part of its key is known only once somebody has shown who they are.
    pub fn wants_identity(&self) -> bool {
        !self.tiers.is_empty() || self.parts.iter().any(Part::is_of_identity)
    }

    /// What a request wants of it.
    pub fn wanted(&self, exchange: &Exchange) -> Wanted {
        let mut sip = self.begun.clone();
        let tier = self.tier(exchange);
        if tier != Tier::default() {
            sip.bytes(&tier.0.to_le_bytes());
        }
        for part in &self.parts {
            if part.feed(exchange, &mut sip) {
                continue;
            }
            match self.missing {
                // No text has this length.
                MissingConfig::Shared => sip.bytes(&u32::MAX.to_le_bytes()),
                MissingConfig::Skip => return Wanted::Nothing,
                MissingConfig::Refuse => return Wanted::Refused,
            }
        }
        Wanted::Wish(Wish { key: Key(sip.finish()), tier, cost: self.cost(exchange) })
    }

    fn tier(&self, exchange: &Exchange) -> Tier {
        if self.tiers.is_empty() {
            return Tier::default();
        }
        let plan = exchange.principal().and_then(|principal| principal.plan.as_deref());
        let known = plan.and_then(|plan| self.tiers.iter().find(|(name, _)| **name == *plan));
        known.map_or(Tier::default(), |(_, tier)| *tier)
    }

    fn cost(&self, exchange: &Exchange) -> u32 {
        let Some(name) = &self.cost_field else { return self.cost };
        let value = exchange.request.fields.first_named(name);
        let digits = value.filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit));
        let Some(digits) = digits else { return self.cost };
        let told = digits
            .iter()
            .fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
        told.clamp(1, self.cost_max)
    }
}

fn check(config: &LimitConfig, scope: &mut Scope<'_>) {
    let buckets = matches!(config.algorithm, AlgorithmConfig::TokenBucket | AlgorithmConfig::LeakyBucket);
    let terms = std::iter::once((String::new(), config.rate, config.burst));
    let plans =
        config.by_plan.iter().map(|(plan, terms)| (format!("by_plan.{plan}."), terms.rate, terms.burst));
    for (at, rate, burst) in terms.chain(plans) {
        let most = burst_max(rate.count(), nanos(rate.period()));
        match burst {
            Some(_) if !buckets => {
                scope.problem(
                    format!("{at}burst"),
                    "only buckets have a burst",
                    "leave it out: `rate` is all there is",
                );
            }
            Some(0) => scope.problem(format!("{at}burst"), "a burst of 0 admits nothing", "write at least 1"),
            Some(burst) if burst > most => {
                let reason = format!("a burst of {burst} takes more than 30 years to come back");
                scope.problem(format!("{at}burst"), reason, "write less");
            }
            _ => {}
        }
        if config.algorithm == AlgorithmConfig::SlidingLog && rate.count() > LOG_MAX {
            let reason = format!("a log has room for {LOG_MAX} at most");
            scope.problem(format!("{at}rate"), reason, "`sliding_window` counts as many as you like");
        }
    }
    if config.max_wait.is_some() && config.algorithm != AlgorithmConfig::LeakyBucket {
        scope.problem("max_wait", "nobody waits but in a leaky bucket", "write `algorithm: leaky_bucket`");
    }
    if config.max_wait.is_some_and(|wait| wait.duration() > WAIT_MAX) {
        scope.problem("max_wait", "nobody waits for longer than a minute", "write at most 60s");
    }
    if config.cost == 0 {
        scope.problem("cost", "a request that costs nothing is not limited", "write at least 1");
    }
    if config.keys_max > KEYS_MAX {
        scope.problem("keys_max", format!("there is room for {KEYS_MAX} at most"), "write less");
    }
}

/// Longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Most keys of a limit: some 7 GiB.
const KEYS_MAX: u32 = 100_000_000;

fn rule(config: &LimitConfig, rate: Rate, burst: Option<u32>) -> Rule {
    let (count, period) = (rate.count(), rate.period());
    match config.algorithm {
        AlgorithmConfig::TokenBucket => Rule::token_bucket(count, period, burst.unwrap_or(count)),
        AlgorithmConfig::LeakyBucket => {
            let max_wait = config.max_wait.map_or(Duration::from_secs(1), |wait| wait.duration());
            Rule::leaky_bucket(count, period, burst.unwrap_or(1), max_wait.min(WAIT_MAX))
        }
        AlgorithmConfig::FixedWindow => Rule::fixed_window(count, period),
        AlgorithmConfig::SlidingWindow => Rule::sliding_window(count, period),
        AlgorithmConfig::SlidingLog => Rule::sliding_log(count, period),
    }
}

fn parts(words: &[String], ipv6_prefix: u8, scope: &mut Scope<'_>) -> Box<[Part]> {
    if ipv6_prefix == 0 || ipv6_prefix > IPV6_BITS {
        scope.problem("ipv6_prefix", "an IPv6 address has 128 bits", "64 is what one customer usually has");
    }
    let mut parts = SmallVec::<[Part; 4]>::new();
    for (index, word) in words.iter().enumerate() {
        match Part::parse(word, ipv6_prefix) {
            Some(Part::Profile(_)) => parts.push(Part::Profile(kinds(&format!("key[{index}]"), scope))),
            Some(part) => parts.push(part),
            None => {
                let hint = format!("the parts are {WORDS}");
                scope.problem(format!("key[{index}]"), format!("there is no part `{word}` of a key"), &hint);
            }
        }
    }
    parts.into_vec().into()
}

/// The kinds of clients that a key tells apart.
fn kinds(at: &str, scope: &mut Scope<'_>) -> Kinds {
    let known = scope.around.profiles;
    if known.is_some_and(|profiles| profiles.names().next().is_none()) {
        scope.problem(at, "there are no kinds of clients to tell apart", "write them under `profiles`");
    }
    Kinds(known.cloned().unwrap_or_default())
}

/// Whether other hosts have it too.
fn shared(name: &str, config: &LimitConfig, scope: &mut Scope<'_>) -> Option<Shared> {
    if config.across == AcrossConfig::Host {
        return None;
    }
    if config.algorithm == AlgorithmConfig::SlidingLog {
        let hint = "`sliding_window` can be shared";
        scope.problem("across", "times of single requests are not told to other hosts", hint);
    }
    Some(Shared { name: format!("limit:{name}").into(), is_kept: false })
}

/// Limits that count in another way are other limits, even under the same name: their accounts do not mix.
fn number(name: &str, rule: &Rule) -> LimitNumber {
    let kind = match rule.algorithm {
        Algorithm::TokenBucket => "token_bucket",
        Algorithm::LeakyBucket => "leaky_bucket",
        Algorithm::FixedWindow => "fixed_window",
        Algorithm::SlidingWindow => "sliding_window",
        Algorithm::SlidingLog => "sliding_log",
        Algorithm::Slots => "slots",
    };
    let period = if rule.is_bucket() { 0 } else { rule.period_ns() };
    LimitNumber(hash(&format!("{kind} {period} {name}")) as u64)
}

/// The hash of its name, to go on from.
fn begin(name: &str, scope: &Scope<'_>) -> Sip {
    let secret = u128::from_le_bytes(scope.around.hash_key.unwrap_or_default());
    let mut sip = Sip::new([secret as u64, (secret >> 64) as u64]);
    sip.piece(name.as_bytes());
    sip
}

fn hash(text: &str) -> u128 {
    let mut sip = Sip::new([0, 0]);
    sip.piece(text.as_bytes());
    sip.finish()
}

fn nanos(period: Duration) -> u64 {
    u64::try_from(period.as_nanos()).unwrap_or(u64::MAX)
}
