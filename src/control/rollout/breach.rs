//! What is worse with a new configuration, and how that is told.

use super::evidence::Count;
use super::sample::Sample;
use crate::http::refusal::{Breach as Unlawful, Refusal};
use crate::policy::reply::{Code, Fault};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers of 500 and above.
    ServerErrors,
    /// Answers of 400 to 499.
    ClientErrors,
    /// Requests that a policy refused.
    Refusals,
    /// Exchanges that took longer than nearly all did.
    Slow,
}

impl Kind {
    /// Those that are shares of the requests.
    pub(super) const SHARES: [Self; 3] = [Self::ServerErrors, Self::ClientErrors, Self::Refusals];

    /// How many there were of this kind.
    pub(super) fn of(self, sample: &Sample) -> Count {
        let hits = match self {
            Self::ServerErrors => sample.server_errors,
            Self::ClientErrors => sample.client_errors,
            Self::Refusals => sample.refusals,
            Self::Slow => 0,
        };
        Count::new(hits, sample.requests)
    }

    /// What an answer of the gateway's own is.
    pub(super) fn of_code(slot: usize) -> Self {
        match fault(slot).map(Fault::status) {
            Some(400..=499) => Self::ClientErrors,
            _ => Self::ServerErrors,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::ServerErrors => "5xx",
            Self::ClientErrors => "4xx",
            Self::Refusals => "refused by policies",
            Self::Slow => "slow",
        }
    }
}

/// Where it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Over all requests.
    All,
    /// On one route.
    Route(String),
    /// By the slot of one of the gateway's own answers, over all requests.
    Code(usize),
}

/// Something that is worse.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// Where.
    pub scope: Scope,
    /// What.
    pub kind: Kind,
    /// On the workers with the new configuration.
    pub new: Count,
    /// On the others, or before.
    pub old: Count,
    /// The 95th percentiles in milliseconds, where that is what is worse.
    pub p95: Option<(f64, f64)>,
    /// Evidence.
    pub(super) nats: f64,
}

impl Breach {
    /// A line for people: what, how much, and against what.
    pub fn text(&self, is_alone: bool) -> String {
        let against = if is_alone { "before" } else { "on the other workers" };
        let subject = match &self.scope {
            Scope::All => "all requests: ".to_owned(),
            Scope::Route(name) => format!("route `{}`: ", name.escape_debug()),
            Scope::Code(slot) => format!("answer `{}`: ", fault(*slot).map_or("other", Fault::code)),
        };
        if let Some((new, old)) = self.p95 {
            return format!("{subject}p95 {} against {} {against}", millis(new), millis(old));
        }
        let what = match self.scope {
            Scope::Code(_) => String::new(),
            _ => format!("{} ", self.kind.words()),
        };
        format!("{subject}{what}{} against {} {against}", share(self.new), share(self.old))
    }
}

/// `12.5% (5 of 40)`.
pub fn share(count: Count) -> String {
    let percent = 100.0 * count.share();
    let digits = if percent == percent.round() { 0 } else { 1 };
    format!("{percent:.digits$}% ({} of {})", count.hits, count.cases)
}

/// `12 ms`, `3.4 ms`.
pub fn millis(millis: f64) -> String {
    let digits = if millis < 10.0 { 1 } else { 0 };
    format!("{millis:.digits$} ms")
}

/// The reason that counts in this slot.
fn fault(slot: usize) -> Option<Fault> {
    let refusals = Refusal::ALL.iter().map(|&refusal| Fault::Refused(refusal));
    let unlawful = Unlawful::ALL.iter().map(|&breach| Fault::Breach(breach));
    let codes = Code::ALL.iter().map(|&code| Fault::Gateway(code));
    refusals.chain(unlawful).chain(codes).find(|fault| fault.slot() == slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach(scope: Scope, kind: Kind) -> Breach {
        Breach { scope, kind, new: Count::new(40, 40), old: Count::new(3, 1480), p95: None, nats: 20.0 }
    }

    #[test]
    fn says_what_is_worse_and_against_what() {
        let route = breach(Scope::Route("orders".to_owned()), Kind::ServerErrors);
        assert_eq!(
            route.text(false),
            "route `orders`: 5xx 100% (40 of 40) against 0.2% (3 of 1480) on the other workers"
        );
        let slot = Fault::from(Code::AddressDenied).slot();
        let code = breach(Scope::Code(slot), Kind::of_code(slot));
        assert_eq!(code.kind, Kind::ClientErrors);
        assert_eq!(
            code.text(true),
            "answer `address_denied`: 100% (40 of 40) against 0.2% (3 of 1480) before"
        );
        let slow = Breach { p95: Some((212.4, 8.25)), ..breach(Scope::All, Kind::Slow) };
        assert_eq!(slow.text(false), "all requests: p95 212 ms against 8.2 ms on the other workers");
    }
}
