//! What one host knows of one account, and what it may spend of it until it knows more.
//!
//! Two amounts: what all hosts have used as of the last look (`confirmed`), and what this host has spent that the look
//! did not show yet. The second is capped by a fair share of what the first leaves, so that all hosts together stay
//! within the limit even if none hears of the others; while looks are fresh, one host may also use what flows back
//! between two looks, so that a limit is used up where all its traffic comes to one host.

use super::{Known, Spent, Terms};

/// One account as this host sees it. Amounts in units of cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hold {
    /// What all hosts have used as of the last look, less what has flowed back since.
    confirmed: f64,
    /// Spent here and on the way to the others.
    sent: f64,
    /// Spent here and not yet on the way. Less than 0 if more was given back.
    unsent: f64,
    /// As of when the amounts are.
    at_ms: u64,
    /// When the batch was cut that brought the last look; 0 for never.
    looked_ms: u64,
}

/// How a host stands to the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stance {
    /// Hosts that are alive; at least 1.
    pub hosts: u32,
    /// How old a look may be to count as fresh.
    pub fresh_ms: u64,
    /// Whether the others could be heard of late.
    pub connected: bool,
}

impl Hold {
    /// Nothing known.
    pub fn new(now_ms: u64) -> Self {
        Self { at_ms: now_ms, ..Self::default() }
    }

    /// Lets flow back what has, first of what all have used, then this host's part of what it has spent itself.
    pub fn advance(&mut self, leak_per_ms: f64, hosts: u32, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        let leak = leak_per_ms * elapsed_ms as f64;
        let rest = leak - self.confirmed;
        self.confirmed = (self.confirmed - leak).max(0.0);
        if rest > 0.0 {
            let own = rest / f64::from(hosts);
            let of_sent = own.min(self.sent.max(0.0));
            self.sent -= of_sent;
            self.unsent -= (own - of_sent).min(self.unsent.max(0.0));
        }
    }

    /// How much may be given out now, in whole units. `least` is the smallest amount that is of use to anybody; so
    /// much is given if the limit has it, even if a fair share would be less.
    pub fn room(&self, terms: &Terms, stance: &Stance, least: u64) -> u64 {
        let left = (terms.size as f64 - self.confirmed).max(0.0).floor();
        let mut share = (left / f64::from(stance.hosts)).ceil();
        if self.looked_ms == 0 && stance.connected {
            share = share.min(terms.first as f64);
        }
        let between_looks =
            if self.is_fresh(stance) { (terms.pace_per_ms * stance.fresh_ms as f64).ceil() } else { 0.0 };
        let cap = share.max(between_looks).max(least as f64).min(left);
        (cap - self.pending()).max(0.0) as u64
    }

    /// Whether the last look is young enough to rely on.
    fn is_fresh(&self, stance: &Stance) -> bool {
        self.looked_ms != 0 && self.at_ms.saturating_sub(self.looked_ms) <= stance.fresh_ms
    }

    /// This much was given out, or given back if it is less than 0.
    pub fn spend(&mut self, amount: f64) {
        self.unsent += amount;
    }

    /// Takes what is to be told to the others: the amount, and what they had used as far as is known here.
    pub fn cut(&mut self) -> (f64, f64) {
        self.sent += self.unsent;
        self.unsent = 0.0;
        (self.sent, self.confirmed)
    }

    /// Others have answered: when the batch was cut or later all had used `level`, with what was sent.
    pub fn look(&mut self, level: f64, cut_ms: u64, spent: &Spent) -> Known {
        let before = self.level();
        // What has flowed back since: taken from the cut on, so that what is known here is never more than the truth.
        let leak = spent.leak_per_ms * self.at_ms.saturating_sub(cut_ms) as f64;
        self.confirmed = (level - leak).max(0.0);
        self.sent = 0.0;
        self.looked_ms = cut_ms.max(1);
        let level = self.level();
        let others = (level - before).max(0.0);
        Known { level, others, over: (level - spent.size as f64).clamp(0.0, others) }
    }

    /// What all have used, as far as is known here.
    pub fn level(&self) -> f64 {
        (self.confirmed + self.pending()).max(0.0)
    }

    /// What this host has spent and the others may not know.
    pub fn pending(&self) -> f64 {
        self.sent + self.unsent
    }

    /// Whether nothing would be lost if it were forgotten: nothing to tell, and no use for what is known.
    pub fn is_idle(&self) -> bool {
        self.pending() == 0.0 && self.confirmed == 0.0
    }
}
