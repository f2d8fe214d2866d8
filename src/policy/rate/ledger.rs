//! One limit on one worker: accounts of the keys it owns, shares of those it does not.
//!
//! Decides at once where it can, and else says that the owner must be asked. Messages go into a list that the caller
//! sends; time comes in as an argument. The rest is in [`lending`](super::lending), the owner's side, and in
//! [`borrowing`](super::borrowing).

use super::account::Account;
use super::accounts::{full_at, rooms, worth};
use super::fleet::abroad::Abroad;
use super::key::Key;
use super::loan::{Head, Loans};
use super::log::Logs;
use super::message::{LimitNumber, RateMessage, Tier, Word};
use super::rule::{Algorithm, Rule};
use super::share::Share;
use super::table::{Place, Resident, Salt, Table};

/// Sets of a table that are swept each tick.
const SWEPT_SETS: usize = 32;

/// Messages and whom they go to.
pub type Outbox = Vec<(usize, RateMessage)>;

/// What a request wants of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whose account.
    pub key: Key,
    /// Under which rule.
    pub tier: Tier,
    /// How much.
    pub cost: u32,
}

/// Why a worker cannot give something by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It is not there, and will not be before this time; `u64::MAX` if that is not known.
    Refused(u64),
    /// The owner must be asked.
    Unknown,
}

/// Something held for a request until all its limits have decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The loan it is from; 0 from the account itself.
    pub(super) lease: u64,
    /// When it was taken.
    pub(super) at: u64,
    /// When the request may go.
    pub go_at: u64,
    /// Whether it is from the account of those without a place.
    pub(super) is_crowd: bool,
}

impl Held {
    /// A turn in a queue: it has been taken for good.
    pub(super) fn turn(now: u64, go_at: u64) -> Self {
        Self { lease: u64::MAX, at: now, go_at, is_crowd: false }
    }

    fn is_turn(&self) -> bool {
        self.lease == u64::MAX
    }
}

/// How an account stands, as far as this worker knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Most that is admitted at once.
    pub size: u32,
    /// How much is left.
    pub left: u32,
    /// When all is there again, or the window ends.
    pub full_at: u64,
}

/// What happened, since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Questions to owners on behalf of a request.
    pub asked: u64,
    /// Questions ahead of need.
    pub asked_ahead: u64,
    /// Accounts that left with some debt, for want of room.
    pub evicted: u64,
    /// Requests counted with others for want of room.
    pub crowded: u64,
    /// Credit that nobody spent in time.
    pub voided: u64,
}

/// An account and whose it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Owned {
    pub(super) account: Account,
    pub(super) key: Key,
    pub(super) tier: Tier,
    pub(super) loans: Head,
}

impl Resident for Owned {
    fn key(&self) -> Key {
        self.key
    }
}

/// Where an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Place(Place),
    /// Among those for which there is no room: they share one account.
    Crowd,
}

/// One limit on one worker.
pub struct Ledger {
    /// The limit.
    pub number: LimitNumber,
    pub(super) worker: usize,
    pub(super) workers: usize,
    pub(super) rules: Box<[(Tier, Rule)]>,
    pub(super) accounts: Table<Owned>,
    pub(super) crowd: Owned,
    pub(super) logs: Logs,
    pub(super) loans: Loans,
    /// Lent and not settled, over all accounts.
    pub(super) outstanding: u64,
    pub(super) shares: Table<Share>,
    pub(super) listed: Vec<Key>,
    pub(super) born: u64,
    pub(super) tally: Tally,
    /// Room for accounts that leave, so that a tick asks for no memory.
    gone: Vec<Owned>,
    /// What other hosts spend of it, if they do.
    pub fleet: Option<Abroad>,
}

impl Ledger {
    /// The books of `worker` of `workers` for a limit with these rules; the first is for those without a plan. `keys` is
    /// how many keys there is room for, on all workers together.
    pub fn new(
        number: LimitNumber,
        seat: (usize, usize),
        rules: Box<[(Tier, Rule)]>,
        (keys, salt): (usize, Salt),
    ) -> Self {
        assert!(!rules.is_empty(), "a limit has a rule");
        let (worker, workers) = seat;
        let (own, foreign) = rooms(keys, workers);
        Self {
            number,
            worker,
            workers,
            rules,
            accounts: Table::new(own, salt),
            crowd: Owned::default(),
            logs: Logs::default(),
            loans: Loans::default(),
            outstanding: 0,
            shares: Table::new(foreign, salt),
            listed: Vec::new(),
            born: 0,
            tally: Tally::default(),
            gone: Vec::with_capacity(SWEPT_SETS),
            fleet: None,
        }
    }

    /// Goes on with other rules and another number of keys. What is owed stays owed, up to the new size.
    pub fn adopt(&mut self, rules: Box<[(Tier, Rule)]>, keys: usize, now: u64) {
        let offset_ns = self.rules[0].1.offset_ns;
        let old = std::mem::replace(&mut self.rules, rules);
        self.align(offset_ns);
        if self.rules != old {
            let (rules, logs) = (&self.rules, &mut self.logs);
            let carry = |one: &mut Owned| {
                let (before, after) = (rule_of(&old, one.tier), rule_of(rules, one.tier));
                one.account.carry(&before, &after, logs, now);
            };
            self.accounts.each(carry);
            let (before, after) = (old[0].1, self.rules[0].1);
            self.crowd.account.carry(&before, &after, &mut self.logs, now);
            self.shares.each(Share::ask_again);
        }
        self.rehouse(keys, now);
    }

    /// Windows as the wall clock has them now.
    pub fn align(&mut self, offset_ns: u64) {
        for (_, rule) in &mut self.rules {
            *rule = rule.aligned(offset_ns);
        }
    }

    /// The rules by tier.
    pub fn rules(&self) -> &[(Tier, Rule)] {
        &self.rules
    }

    /// The rule of a tier; one that is not known counts as the first.
    pub fn rule(&self, tier: Tier) -> Rule {
        rule_of(&self.rules, tier)
    }

    /// Whether this worker has the account of a key.
    pub fn owns(&self, key: Key) -> bool {
        key.owner(self.workers) == self.worker
    }

    /// Which worker has the account of a key.
    pub fn owner(&self, key: Key) -> usize {
        key.owner(self.workers)
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Keys this worker keeps something for: as their owner, and as a borrower.
    pub fn keys(&self) -> (usize, usize) {
        (self.accounts.len(), self.shares.len())
    }

    /// Lent by this worker and not known to be spent or returned.
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// Takes what a request wants, if it is there. Gives when the request may go.
    ///
    /// # Errors
    /// As [`Lack`] has it.
    pub fn take(&mut self, wish: &Wish, now: u64, out: &mut Outbox) -> Result<u64, Lack> {
        if self.owns(wish.key) {
            let at = self.account(wish, now);
            return self.take_at(at, wish, now, out).map_err(Lack::Refused);
        }
        let Some(place) = self.shares.find(wish.key) else { return Err(Lack::Unknown) };
        let rule = self.rule(wish.tier);
        let Some(share) = self.shares.get_mut(place) else { return Err(Lack::Unknown) };
        if share.credit(now) < u64::from(wish.cost) {
            return Err(share.refuses(wish.cost, now).map_or(Lack::Unknown, Lack::Refused));
        }
        if rule.algorithm == Algorithm::Slots {
            share.reserve(wish.cost);
        } else {
            share.spend(wish.cost);
        }
        self.keep_share(place, wish, now, out);
        Ok(now)
    }

    /// Holds what a request wants until its other limits have decided, if it is there.
    ///
    /// # Errors
    /// As [`Lack`] has it.
    pub fn hold(&mut self, wish: &Wish, now: u64, out: &mut Outbox) -> Result<Held, Lack> {
        if self.owns(wish.key) {
            let at = self.account(wish, now);
            let go_at = self.take_at(at, wish, now, out).map_err(Lack::Refused)?;
            if !self.rule(wish.tier).can_give_back() {
                return Ok(Held::turn(now, go_at));
            }
            self.owned(at).account.lent += wish.cost;
            return Ok(Held { lease: 0, at: now, go_at, is_crowd: at == At::Crowd });
        }
        let share = self.shares.find(wish.key).and_then(|place| self.shares.get_mut(place));
        match share {
            Some(share) if share.credit(now) >= u64::from(wish.cost) => {
                let lease = share.reserve(wish.cost);
                Ok(Held { lease, at: now, go_at: now, is_crowd: false })
            }
            Some(share) => Err(share.refuses(wish.cost, now).map_or(Lack::Unknown, Lack::Refused)),
            None => Err(Lack::Unknown),
        }
    }

    /// What was held is used. A slot is in use from now on.
    pub fn commit(&mut self, wish: &Wish, held: &Held, now: u64, out: &mut Outbox) {
        let rule = self.rule(wish.tier);
        if held.is_turn() {
            return;
        }
        if self.owns(wish.key) {
            self.unlend(wish, held, now);
        } else if let Some(place) = self.shares.find(wish.key) {
            // A slot stays held until the exchange is over.
            if rule.algorithm != Algorithm::Slots
                && let Some(share) = self.shares.get_mut(place)
            {
                share.commit(wish.cost, held.lease);
            }
            self.keep_share(place, wish, now, out);
        }
    }

    /// What was held of an account here counts as lent no more. Gives the account and its rule.
    fn unlend(&mut self, wish: &Wish, held: &Held, now: u64) -> (At, Rule) {
        let at = self.held_at(wish.key, held);
        let rule = self.rule_at(at, wish.tier);
        self.owned(at).account.unlend(&rule, wish.cost, now);
        (at, rule)
    }

    /// What was held is not used.
    pub fn cancel(&mut self, wish: &Wish, held: &Held, now: u64, out: &mut Outbox) {
        if held.is_turn() {
            return;
        }
        if self.owns(wish.key) {
            let (at, rule) = self.unlend(wish, held, now);
            self.put_back(at, &rule, wish.cost, held.at, now);
        } else {
            self.release_share(wish, held.lease, now, out);
        }
    }

    /// A slot that was taken, or held and committed, is free again.
    pub fn release(&mut self, wish: &Wish, held: &Held, now: u64, out: &mut Outbox) {
        if self.owns(wish.key) {
            let at = self.held_at(wish.key, held);
            let rule = self.rule_at(at, wish.tier);
            self.put_back(at, &rule, wish.cost, held.at, now);
        } else {
            self.release_share(wish, held.lease, now, out);
        }
    }

    /// How an account stands, as far as is known here: exactly with its owner, else by the owner's last word.
    pub fn standing(&self, wish: &Wish, now: u64) -> Standing {
        let rule = self.rule(wish.tier);
        let size = rule.size();
        if self.owns(wish.key) {
            let owned = self.accounts.find(wish.key).and_then(|place| self.accounts.get(place));
            let fresh = Account::default();
            let account = owned.map_or(&fresh, |owned| &owned.account);
            let left = self.with_others(wish.key, &rule, account.room(&rule, &self.logs, now), now);
            return Standing { size, left, full_at: full_at(account, &rule, &self.logs, now) };
        }
        let share = self.shares.find(wish.key).and_then(|place| self.shares.get(place));
        let Some(share) = share else { return Standing { size, left: 0, full_at: now } };
        let credit = u32::try_from(share.credit(now)).unwrap_or(u32::MAX);
        Standing { size, left: share.left.saturating_add(credit).min(size), full_at: share.full_at.max(now) }
    }

    /// What is left of an account that has `left`, once others have had theirs.
    pub(super) fn with_others(&self, key: Key, rule: &Rule, left: u32, now: u64) -> u32 {
        self.fleet.as_ref().map_or(left, |fleet| left.min(fleet.left(key, rule, now)))
    }

    /// One tick: spent credit is told of, unused credit goes back, and places that are worth nothing are freed.
    pub fn tick(&mut self, now: u64, out: &mut Outbox) {
        self.tick_shares(now, out);
        let mut gone = std::mem::take(&mut self.gone);
        let Self { accounts, rules, logs, loans, outstanding, tally, .. } = self;
        accounts.sweep(
            SWEPT_SETS,
            |owned| worth(owned, rules, logs, loans, (&mut *outstanding, tally), now),
            |owned| gone.push(owned),
        );
        for owned in gone.drain(..) {
            self.forget(owned, now);
        }
        self.gone = gone;
        self.shares.sweep(SWEPT_SETS, |share| share.worth(now), |_| ());
    }

    pub(super) fn message(&self, wish: &Wish, word: Word) -> RateMessage {
        RateMessage { limit: self.number, key: wish.key, tier: wish.tier, word }
    }
}

pub(super) fn rule_of(rules: &[(Tier, Rule)], tier: Tier) -> Rule {
    rules.iter().find(|(own, _)| *own == tier).unwrap_or(&rules[0]).1
}
