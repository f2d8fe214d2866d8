//! What one host knows of one account, and what it may spend of it until it knows more.
//!
//! Two amounts: what all hosts have used as of the last look (`confirmed`), and what this host has spent that the look
//! did not show yet. The second is capped: by a fair share of what the first leaves, so that all hosts together stay
//! within the limit even if none hears of the others; and while looks are fresh by this host's part of what flows back
//! between two looks, so that a limit is used up wherever its traffic comes to.

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
    /// Spent here and part of the last look, but perhaps not of what other hosts have looked at last.
    settling: f64,
    /// This host's part of what all have spent of late, 0 to 1.
    part: f64,
    /// As of when the amounts are.
    at_ms: u64,
    /// When the batch was cut that brought the last look; 0 for never.
    looked_ms: u64,
    /// Since when there has been something that the others do not know.
    pending_ms: u64,
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

    /// Lets flow back what has. Of what this host has spent and the others do not know nothing does, because it will be
    /// counted and flow back there; but when they cannot be told for long, this host's part of the rate does.
    pub fn advance(&mut self, leak_per_ms: f64, stance: &Stance, now_ms: u64) {
        let since_ms = self.at_ms;
        self.at_ms = since_ms.max(now_ms);
        let elapsed_ms = now_ms.saturating_sub(since_ms);
        let emptied_ms = (self.confirmed / leak_per_ms).min(elapsed_ms as f64);
        self.confirmed = (self.confirmed - leak_per_ms * elapsed_ms as f64).max(0.0);
        if self.pending() <= 0.0 || leak_per_ms == 0.0 {
            return;
        }
        let alone_ms = self.pending_ms.max(self.looked_ms) + stance.fresh_ms;
        let alone_ms = now_ms as f64 - (since_ms as f64 + emptied_ms).max(alone_ms as f64);
        let leak = leak_per_ms * alone_ms.max(0.0) / f64::from(stance.hosts);
        let of_sent = leak.min(self.sent.max(0.0));
        self.sent -= of_sent;
        self.unsent -= (leak - of_sent).min(self.unsent.max(0.0));
    }

    /// How much may be given out now, in whole units. `least` is the smallest amount that is of use to anybody; so
    /// much is given if the limit has it, even if a fair share would be less.
    pub fn room(&self, terms: &Terms, stance: &Stance, least: u64) -> u64 {
        let size = terms.size as f64;
        let left = (size + terms.slack(stance.fresh_ms) - self.confirmed).max(0.0).floor();
        let mut share = ((size - self.confirmed).max(0.0) / f64::from(stance.hosts)).ceil();
        if self.looked_ms == 0 && stance.connected {
            share = share.min(terms.first as f64);
        }
        let cap = if stance.hosts == 1 && self.looked_ms != 0 {
            // Nobody else spends; what comes at once is bounded by the owner's own account.
            left
        } else if self.is_fresh(stance) {
            let between = (self.part * terms.between_looks(stance.fresh_ms)).ceil();
            (share.max(between) - self.settling).max(least as f64)
        } else {
            share.max(least as f64)
        };
        (cap.min(left) - self.pending()).max(0.0) as u64
    }

    /// Whether the last look is young enough to rely on.
    fn is_fresh(&self, stance: &Stance) -> bool {
        self.looked_ms != 0 && self.at_ms.saturating_sub(self.looked_ms) <= stance.fresh_ms
    }

    /// This much was given out, or given back if it is less than 0.
    pub fn spend(&mut self, amount: f64) {
        if self.pending() <= 0.0 {
            self.pending_ms = self.at_ms;
        }
        self.unsent += amount;
    }

    /// Takes what is to be told to the others: the amount, and what they had used as far as is known here.
    pub fn cut(&mut self) -> (f64, f64) {
        self.sent += self.unsent;
        self.unsent = 0.0;
        (self.sent, self.confirmed)
    }

    /// Somebody else sees to it that the others hear of what was sent.
    pub fn hand_over(&mut self) {
        self.confirmed += std::mem::take(&mut self.sent);
    }

    /// Others have answered: when the batch was cut or later all had used `level`, with what was sent.
    pub fn look(&mut self, level: f64, cut_ms: u64, spent: &Spent) -> Known {
        let before = self.level();
        // What has flowed back since: taken from the cut on, so that what is known here is never more than the truth.
        let leak = spent.leak_per_ms * self.at_ms.saturating_sub(cut_ms) as f64;
        self.confirmed = (level - leak).max(0.0);
        self.settling = std::mem::take(&mut self.sent).max(0.0);
        self.pending_ms = cut_ms;
        let level = self.level();
        let others = (level - before).max(0.0);
        self.weigh(spent.amount.max(0.0), others);
        self.looked_ms = cut_ms.max(1);
        Known { level, others, over: (level - spent.size as f64).clamp(0.0, others) }
    }

    /// So much had been used before this process began.
    pub fn restore(&mut self, level: f64, now_ms: u64) {
        self.confirmed = self.confirmed.max(level);
        self.looked_ms = self.looked_ms.max(now_ms.max(1));
    }

    /// Takes note of who spent how much since the last look.
    fn weigh(&mut self, own: f64, others: f64) {
        if own + others > 0.0 {
            let part = own / (own + others);
            self.part = if self.looked_ms == 0 { part } else { (self.part + part) / 2.0 };
        }
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
