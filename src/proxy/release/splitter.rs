//! A split as one worker runs it: looks at a request and says which variant it is for.
//!
//! In this order: the variant of the client's profile, the one a name stays with, the next one of the worker's sequence.
//! New shares hold for the very next request: looking for them is one load. Allocates nothing in the steady state but
//! where a client is given a cookie.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::plan::{SplitPlan, StickyPlan};
use super::sequence::Sequence;
use super::sticky::name_hash;
use crate::http::cookie;
use crate::policy::exchange::Exchange;
use crate::policy::live::Live;
use crate::policy::profile;
use crate::proxy::release::shares::Shares;
use crate::rt::clock;
use crate::shared::names::NameId;
use crate::shared::sharded::Slot;
use crate::telemetry::registry::Registry;
use crate::telemetry::variant::VariantMetrics;
use crate::telemetry::xorshift::Xorshift;

/// For how long a client keeps its cookie: longer than a release takes.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

/// A split as one worker runs it.
pub struct Splitter {
    shares: Live<Shares>,
    sequence: RefCell<Sequence>,
    names: Xorshift,
    worker: usize,
    workers: usize,
    variants: SmallVec<[Running; 2]>,
}

struct Running {
    metrics: Slot<VariantMetrics>,
    name: NameId,
}

impl Splitter {
    /// Starts on worker `worker` of `workers`. From `former`, the same route's of the generation before, it goes on where
    /// that one is, if the shares are the same.
    pub fn start(
        plan: &SplitPlan,
        route: &str,
        (worker, workers): (usize, usize),
        registry: &Registry,
        former: Option<&Self>,
    ) -> Self {
        let shares = Live::new(plan.live.clone());
        let sequence = match former.filter(|former| *former.shares.get() == *shares.get()) {
            Some(former) => former.sequence.borrow().clone(),
            None => Sequence::new(&shares.get(), worker, workers),
        };
        let variants = plan.variants.iter().map(|variant| Running {
            metrics: registry.variant(route, &variant.name, worker),
            name: registry.name_id(&variant.name),
        });
        let seed = clock::nanos() ^ ((worker as u64) << 48) ^ name_hash(route.as_bytes());
        Self {
            variants: variants.collect(),
            sequence: RefCell::new(sequence),
            shares,
            names: Xorshift::new(seed),
            worker,
            workers,
        }
    }

    /// The variant that a request is for. Notes in the exchange what cookie its client is given.
    #[inline]
    pub fn choose(&self, plan: &SplitPlan, exchange: &mut Exchange) -> usize {
        if self.shares.refresh() {
            *self.sequence.borrow_mut() = Sequence::new(&self.shares.get(), self.worker, self.workers);
        }
        by_profile(plan, exchange).unwrap_or_else(|| match &plan.sticky {
            None => self.sequence.borrow_mut().deal(),
            Some(sticky) => self.stay(plan, sticky, exchange),
        })
    }

    fn stay(&self, plan: &SplitPlan, sticky: &StickyPlan, exchange: &mut Exchange) -> usize {
        if let Some(name) = name(sticky, exchange) {
            return plan.of_name(name, &self.shares.get());
        }
        let StickyPlan::Cookie(name) = sticky else { return self.sequence.borrow_mut().deal() };
        let value = hexadecimal(self.names.next());
        let variant = plan.of_name(&value, &self.shares.get());
        write_cookie(name, &value, exchange.scheme == "https", &mut exchange.set_cookie);
        variant
    }

    /// Figures of a variant.
    pub fn metrics(&self, variant: u8) -> Option<&VariantMetrics> {
        self.variants.get(usize::from(variant)).map(|running| &*running.metrics)
    }

    /// What records call a variant.
    pub fn name(&self, variant: u8) -> NameId {
        self.variants.get(usize::from(variant)).map_or(NameId::NONE, |running| running.name)
    }
}

/// The variant of the client's profile, where that has one.
pub fn by_profile(plan: &SplitPlan, exchange: &Exchange) -> Option<usize> {
    let by_profile = plan.by_profile.as_ref()?;
    let place = profile::of(&by_profile.profiles, exchange)?;
    by_profile.variants.get(place).copied().flatten()
}

/// What a client stays with its variant by, if it has it.
pub fn name<'a>(sticky: &StickyPlan, exchange: &'a Exchange) -> Option<&'a [u8]> {
    let fields = &exchange.request.fields;
    match sticky {
        StickyPlan::Header(name) => fields.first_named(name),
        StickyPlan::Cookie(name) => cookie::find(fields, name).filter(|value| !value.is_empty()),
        StickyPlan::Identity => exchange.principal().map(|principal| principal.subject.as_bytes()),
    }
}

fn hexadecimal(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| DIGITS[(number >> (60 - 4 * at)) as usize & 15])
}

/// RFC 6265 4.1. Scripts need not read it, and other sites' pages do not send it along.
fn write_cookie(name: &[u8], value: &[u8], is_secure: bool, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(name);
    out.push(b'=');
    out.extend_from_slice(value);
    out.extend_from_slice(b"; Path=/; Max-Age=");
    out.extend_from_slice(itoa::Buffer::new().format(COOKIE_SECONDS).as_bytes());
    out.extend_from_slice(b"; HttpOnly; SameSite=Lax");
    if is_secure {
        out.extend_from_slice(b"; Secure");
    }
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
mod tests;
