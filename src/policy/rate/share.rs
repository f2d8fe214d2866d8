//! What one worker has borrowed of an account that another owns.
//!
//! Credit that was moved out of the account, and may be spent here without asking until its time is up. Totals since the
//! loan began are kept, so that what is said of them can be said again. Nothing here makes credit.

use super::key::Key;
use super::message::{Answer, LoanNumber, Ruling, Settled, Tier};
use super::table::{Resident, Worth};

/// For how long ahead a worker borrows.
pub const HORIZON_NS: u64 = 10_000_000;

/// Shortest time over which demand is measured.
const MEASURED_NS: u64 = 100_000;

/// A second without asking, and former demand tells nothing.
const FORGOTTEN_NS: u64 = 1_000_000_000;

/// How long an answer is waited for at most, after which its question no longer keeps a place.
const ANSWER_NS: u64 = 150_000_000;

/// Ticks for which unused credit is kept.
const IDLE_TICKS: u8 = 2;

/// The same where the owner has plenty.
const CALM_TICKS: u8 = 40;

/// Credit goes back so long before it is void.
const BEFORE_END_NS: u64 = 100_000_000;

/// What one worker has of a key that another owns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    key: Key,
    /// For which rule.
    pub tier: Tier,
    number: LoanNumber,
    lent: u64,
    spent: u64,
    returned: u64,
    /// Spent and returned, as the owner was told last.
    told: u64,
    until: u64,
    /// Held for requests that are not decided, or by such as are under way.
    reserved: u32,
    /// The smallest cost that was refused, until when it would be again.
    refused_cost: u32,
    refused_until: u64,
    /// When the owner was asked last, and what was used since.
    asked_at: u64,
    used: u32,
    /// Credit below which more is asked for; 0 for never.
    low: u32,
    /// What the owner had left, when it answered last.
    pub left: u32,
    /// When the account would be full again.
    pub full_at: u64,
    idle_ticks: u8,
    is_calm: bool,
    /// Whether it is on the list of those to look at each tick.
    pub is_listed: bool,
}

impl Resident for Share {
    fn key(&self) -> Key {
        self.key
    }
}

impl Share {
    /// Nothing borrowed. `born` is larger than of any share before.
    pub fn new(key: Key, tier: Tier, born: u64) -> Self {
        Self { key, tier, number: LoanNumber { born, lease: 0 }, ..Self::default() }
    }

    /// What may be spent now.
    pub fn credit(&self, now: u64) -> u64 {
        if now >= self.until { 0 } else { self.at_hand() }
    }

    fn at_hand(&self) -> u64 {
        self.lent.saturating_sub(self.spent + self.returned + u64::from(self.reserved))
    }

    /// Until when so much is refused without asking.
    pub fn refuses(&self, cost: u32, now: u64) -> Option<u64> {
        (now < self.refused_until && cost >= self.refused_cost).then_some(self.refused_until)
    }

    /// Forgets what was refused: the rule has changed.
    pub fn ask_again(&mut self) {
        self.refused_until = 0;
    }

    /// Spends; there must be as much.
    pub fn spend(&mut self, cost: u32) {
        self.spent += u64::from(cost);
        self.note_use(cost);
    }

    /// Holds; there must be as much. The loan it is held from.
    pub fn reserve(&mut self, cost: u32) -> u64 {
        self.reserved += cost;
        self.note_use(cost);
        self.number.lease
    }

    /// What was held from the loan `lease` is spent.
    pub fn commit(&mut self, cost: u32, lease: u64) {
        // The owner takes what was held from a former loan for spent anyway.
        if lease == self.number.lease {
            self.reserved = self.reserved.saturating_sub(cost);
            self.spent += u64::from(cost);
        }
    }

    /// What was held from the loan `lease` is not needed.
    pub fn release(&mut self, cost: u32, lease: u64) {
        if lease == self.number.lease {
            self.reserved = self.reserved.saturating_sub(cost);
        }
    }

    /// A request went for which the owner was paid directly.
    pub fn note_use(&mut self, cost: u32) {
        self.used = self.used.saturating_add(cost);
        self.idle_ticks = 0;
    }

    /// Notes that the owner is asked. How much would be of use for a while, by what was used of late.
    pub fn ask(&mut self, now: u64) -> u32 {
        let elapsed = now.saturating_sub(std::mem::replace(&mut self.asked_at, now));
        let used = std::mem::take(&mut self.used);
        self.low = 0;
        if elapsed > FORGOTTEN_NS {
            return 0;
        }
        u32::try_from(u64::from(used) * HORIZON_NS / elapsed.max(MEASURED_NS))
            .unwrap_or(u32::MAX)
            .max(used.min(1))
    }

    /// Whether it is time to ask for more, before there is none.
    pub fn is_low(&self, now: u64) -> bool {
        self.low > 0 && self.credit(now) < u64::from(self.low) && now - self.asked_at > MEASURED_NS
    }

    /// What the owner is to know.
    pub fn settled(&mut self) -> Settled {
        self.told = self.spent + self.returned;
        Settled { loan: self.number, spent: self.spent, returned: self.returned }
    }

    /// How much the owner does not know of yet.
    pub fn untold(&self) -> u64 {
        self.spent + self.returned - self.told
    }

    /// Whether unused credit may be kept.
    pub fn is_calm(&self) -> bool {
        self.is_calm
    }

    /// Until when what is at hand may be spent, or given back.
    pub fn ends_at(&self) -> u64 {
        self.until
    }

    /// The owner wants back what is not needed.
    pub fn recall(&mut self) {
        self.is_calm = false;
        self.low = 0;
        self.give_back();
    }

    /// Everything that is at hand goes back.
    pub fn give_back(&mut self) {
        self.returned += self.at_hand();
    }

    /// Takes in an answer to this share. Gives false if it was to a former one.
    pub fn learn(&mut self, answer: &Answer, now: u64) -> bool {
        if answer.loan.born != self.number.born || answer.loan.lease < self.number.lease {
            return false;
        }
        if answer.loan.lease > self.number.lease {
            let Self { key, tier, asked_at, used, is_listed, .. } = *self;
            *self = Self { key, tier, asked_at, used, is_listed, number: answer.loan, ..Self::default() };
        }
        let before = self.at_hand();
        self.lent = self.lent.max(answer.lent);
        self.until = self.until.max(answer.until);
        self.low = u32::try_from(self.at_hand().saturating_sub(before) / 2).unwrap_or(u32::MAX);
        (self.left, self.full_at, self.is_calm) = (answer.left, answer.full_at, answer.calm);
        match answer.ruling {
            Ruling::Refused(not_before) => {
                let is_new = now >= self.refused_until || answer.cost < self.refused_cost;
                self.refused_cost = if is_new { answer.cost } else { self.refused_cost };
                self.refused_until = not_before;
            }
            _ => self.refused_until = 0,
        }
        true
    }

    /// One tick. Gives whether the owner is to be told of something.
    pub fn tick(&mut self, now: u64) -> bool {
        if now >= self.until {
            // Void: the owner takes it for spent, and so must we.
            self.spent += self.at_hand();
            self.told = self.spent + self.returned;
            return false;
        }
        let patience = if self.is_calm { CALM_TICKS } else { IDLE_TICKS };
        self.idle_ticks = self.idle_ticks.saturating_add(1);
        if self.idle_ticks >= patience || now.saturating_add(BEFORE_END_NS) >= self.until {
            self.give_back();
        }
        self.untold() > 0
    }

    /// Whether there is nothing to look at each tick.
    pub fn is_at_rest(&self) -> bool {
        self.at_hand() == 0 && self.untold() == 0
    }

    /// What its place is worth. What is borrowed stays; what is only known can be asked again.
    pub fn worth(&self, now: u64) -> Worth {
        if self.reserved > 0 || self.credit(now) > 0 || now < self.asked_at.saturating_add(ANSWER_NS) {
            Worth::Hot
        } else if now < self.refused_until {
            Worth::Cold(self.refused_until - now)
        } else {
            Worth::Nothing
        }
    }
}
