//! The accounts of a limit on the worker that owns them: where they are, and who leaves when there is no room.
//!
//! An account that is lent from, or hot, or has slots in use stays whatever comes. Keys for which there is no room share
//! one account: they are limited together, never let through uncounted.

use super::account::Account;
use super::key::Key;
use super::ledger::{At, Held, Ledger, Outbox, Owned, Tally, Wish, rule_of};
use super::loan::Loans;
use super::log::Logs;
use super::message::Tier;
use super::rule::{Algorithm, Rule};
use super::table::{Found, Resident, Worth};

/// An account that owes less than this of its size, in parts of 256, is cold: it leaves when a newcomer has no place.
const COLD: u32 = 64;

/// Shares have room for this part of the keys of all workers.
const SHARES_PART: usize = 2;

impl Ledger {
    /// Makes room for another number of keys. Those that find none in the new table join the crowd.
    pub(super) fn rehouse(&mut self, keys: usize, now: u64) {
        let (own, foreign) = rooms(keys, self.workers);
        if self.accounts.is_for(own) {
            return;
        }
        let new = self.accounts.remade(own);
        let mut old = std::mem::replace(&mut self.accounts, new);
        let mut homeless = Vec::new();
        old.each(|owned| {
            let found = self.accounts.find_or_make(owned.key, *owned, |_| Worth::Hot);
            if matches!(found, Found::Full) {
                homeless.push(*owned);
            }
        });
        for mut owned in homeless {
            let over = self.loans.end(&mut owned.loans, |_| true);
            self.outstanding -= over;
            self.forget(owned, now);
        }
        let new = self.shares.remade(foreign);
        let mut old = std::mem::replace(&mut self.shares, new);
        old.each(|share| {
            // What cannot be kept is void, and its owner will take it for spent.
            self.shares.find_or_make(share.key(), *share, |_| Worth::Hot);
        });
    }

    /// The account of a key: its own, or the one of those without a place.
    pub(super) fn account(&mut self, wish: &Wish, now: u64) -> At {
        let Self { accounts, rules, logs, loans, outstanding, tally, .. } = self;
        let fresh = Owned { key: wish.key, tier: wish.tier, ..Owned::default() };
        let found = accounts.find_or_make(wish.key, fresh, |owned| {
            worth(owned, rules, logs, loans, (&mut *outstanding, &mut *tally), now)
        });
        match found {
            Found::Old(place) => At::Place(place),
            Found::New(place, was) => {
                if let Some(was) = was {
                    self.forget(was, now);
                }
                At::Place(place)
            }
            Found::Full => {
                self.tally.crowded += 1;
                At::Crowd
            }
        }
    }

    /// An account has lost its place.
    pub(super) fn forget(&mut self, mut was: Owned, now: u64) {
        let rule = self.rule(was.tier);
        self.tally.evicted += u64::from(was.account.owes_ns(&rule, &self.logs, now) > 0);
        // None of them is outstanding, or it would have stayed.
        self.loans.end(&mut was.loans, |_| true);
        was.account.close(&rule, &mut self.logs);
    }

    /// The account of a key that has one, or else the one of those without a place.
    pub(super) fn known(&self, key: Key) -> At {
        self.accounts.find(key).map_or(At::Crowd, At::Place)
    }

    pub(super) fn held_at(&self, key: Key, held: &Held) -> At {
        if held.is_crowd { At::Crowd } else { self.known(key) }
    }

    pub(super) fn owned(&mut self, at: At) -> &mut Owned {
        match at {
            At::Place(place) if self.accounts.get(place).is_some() => {
                self.accounts.get_mut(place).unwrap_or(&mut self.crowd)
            }
            _ => &mut self.crowd,
        }
    }

    /// The rule of an account: the crowd has the first.
    pub(super) fn rule_at(&self, at: At, tier: Tier) -> Rule {
        if at == At::Crowd { self.rules[0].1 } else { self.rule(tier) }
    }

    /// Takes out of an account. Where that fails, or is about to, what others have and do not need is asked back.
    pub(super) fn take_at(&mut self, at: At, wish: &Wish, now: u64, out: &mut Outbox) -> Result<u64, u64> {
        let rule = self.rule_at(at, wish.tier);
        if let Some(fleet) = &self.fleet {
            fleet.check(wish.key, &rule, wish.cost, now)?;
        }
        let mut account = self.owned(at).account;
        let taken = account.take(&rule, &mut self.logs, wish.cost, now);
        self.owned(at).account = account;
        if let Some(fleet) = self.fleet.as_ref().filter(|_| taken.is_ok()) {
            fleet.take(wish.key, &rule, wish.cost, now);
        }
        if account.lent > 0 && (taken.is_err() || is_tight(&account, &rule, &self.logs, now)) {
            self.recall(at, wish, now, out);
        }
        taken
    }

    pub(super) fn put_back(&mut self, at: At, rule: &Rule, cost: u32, taken_at: u64, now: u64) {
        let mut account = self.owned(at).account;
        account.give_back(rule, &mut self.logs, cost, taken_at, now);
        self.owned(at).account = account;
        let key = self.owned(at).key;
        // Of those without a place nobody knows whose it is: it stays spent as far as other hosts go.
        if let Some(fleet) = self.fleet.as_ref().filter(|_| at != At::Crowd) {
            fleet.give_back(key, rule, cost, taken_at, now);
        }
    }
}

/// Whether less than half is left: then nobody keeps what they do not need.
pub(super) fn is_tight(account: &Account, rule: &Rule, logs: &Logs, now: u64) -> bool {
    account.room(rule, logs, now) < rule.size() / 2
}

/// When all would be there again, or the window ends.
pub(super) fn full_at(account: &Account, rule: &Rule, logs: &Logs, now: u64) -> u64 {
    if rule.has_windows() {
        rule.window(now).end
    } else {
        now.saturating_add(account.owes_ns(rule, logs, now))
    }
}

/// What an account's place is worth. Loans whose time is up end here at the latest.
pub(super) fn worth(
    owned: &mut Owned,
    rules: &[(Tier, Rule)],
    logs: &Logs,
    loans: &mut Loans,
    (outstanding, tally): (&mut u64, &mut Tally),
    now: u64,
) -> Worth {
    let rule = rule_of(rules, owned.tier);
    if owned.loans != 0 {
        let over = loans.end(&mut owned.loans, |loan| loan.is_over(now));
        owned.account.unlend(&rule, over as u32, now);
        *outstanding -= over;
        tally.voided += over;
    }
    if owned.account.lent > 0 {
        return Worth::Hot;
    }
    match owned.account.owes_ns(&rule, logs, now) {
        0 => Worth::Nothing,
        _ if rule.algorithm == Algorithm::Slots => Worth::Hot,
        _ => match owned.account.heat(&rule, logs, now) {
            heat if heat < COLD => Worth::Cold(u64::from(heat)),
            _ => Worth::Hot,
        },
    }
}

/// Keys that one worker has room for: as an owner, and as a borrower.
pub(super) fn rooms(keys: usize, workers: usize) -> (usize, usize) {
    let foreign = if workers > 1 { keys / SHARES_PART } else { 0 };
    (keys.div_ceil(workers), foreign)
}
