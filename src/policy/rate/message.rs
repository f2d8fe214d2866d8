//! What workers tell each other about limits.
//!
//! Any of these may be lost, late, doubled or overtaken: amounts are totals since a loan began, so that the latest
//! message mends what was missed, and an old one changes nothing.

use super::key::Key;
use super::rule::Rule;

/// Which limit: hashed from what it is called and how it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitNumber(pub u64);

/// Under which rule of a limit an account is kept: 0, or hashed from the name of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tier(pub u32);

/// Which loan: how often the borrower began anew, and the owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoanNumber {
    /// The borrower's number: it has forgotten everything it had under a smaller one. 0 if it can take no loan.
    pub born: u64,
    /// The owner's number: credit of a smaller one is void.
    pub lease: u64,
}

/// What a borrower says of its loan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub loan: LoanNumber,
    /// Spent since it began.
    pub spent: u64,
    /// Given back since it began.
    pub returned: u64,
}

/// A question to the owner of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Whose answer it will be; 0 to ask ahead.
    pub ticket: u64,
    /// What one request needs now; 0 to ask ahead.
    pub cost: u32,
    /// Whether the cost is to be lent, because other limits may still refuse the request.
    pub hold: bool,
    /// How much more would be of use soon.
    pub want: u32,
    /// What the borrower says of what it has.
    pub settled: Settled,
}

/// What the owner decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// The request may go at this time: it has been paid for, or lent to the borrower if that was asked for.
    Given(u64),
    /// It may not, and none that costs as much before this time; `u64::MAX` if that is not known.
    Refused(u64),
    /// Nothing was asked.
    Nothing,
    /// The owner has not heard of this limit.
    Unknown,
}

/// The owner's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Of the question.
    pub ticket: u64,
    /// Of the question.
    pub cost: u32,
    /// What was decided.
    pub ruling: Ruling,
    /// Which loan the rest is about.
    pub loan: LoanNumber,
    /// Lent since it began.
    pub lent: u64,
    /// Until when what is lent may be spent.
    pub until: u64,
    /// How much is left with the owner.
    pub left: u32,
    /// When all would be there again, or the window ends.
    pub full_at: u64,
    /// Whether there is so much left that the borrower may keep what it does not need for a while.
    pub calm: bool,
}

/// One message, about one key of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateMessage {
    /// The limit.
    pub limit: LimitNumber,
    /// The key.
    pub key: Key,
    /// The rule.
    pub tier: Tier,
    /// What about it.
    pub word: Word,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// To the owner: may I?
    Ask(Ask),
    /// To who asked.
    Answer(Answer),
    /// To the owner: so much is spent, so much comes back.
    Settle(Settled),
    /// To a borrower: give back what you do not need.
    Recall,
    /// To the owner: these are the rules of the limit, as you do not know it.
    Introduce(Box<[(Tier, Rule)]>),
}
