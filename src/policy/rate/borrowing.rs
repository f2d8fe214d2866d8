//! A limit on a worker that does not own the key: asking, and what it does with what it gets.
//!
//! Spends credit without asking as long as there is some, asks for more before it runs out, and gives back what it does
//! not use. What it says of its loan are totals, so that saying it again does no harm.

use super::key::Key;
use super::ledger::{Held, Ledger, Outbox, Wish};
use super::message::{Answer, Ask, Ruling, Settled, Word};
use super::rule::Algorithm;
use super::share::Share;
use super::table::{Found, Place, Resident};

/// The owner is told at once when it does not know of this part of the size.
const PART_UNTOLD: u64 = 8;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The request may go at this time.
    Given(u64),
    /// It is held for the request until its other limits have decided, or until it ends.
    Held(Held),
    /// It may not, before this time.
    Refused(u64),
    /// The owner does not know of the limit: it is to be introduced.
    Unknown,
}

impl Ledger {
    /// Asks the owner. With `hold` the amount is lent, for other limits may still refuse the request.
    pub fn ask(&mut self, wish: &Wish, hold: bool, ticket: u64, now: u64, out: &mut Outbox) {
        self.tally.asked += 1;
        let place = self.share(wish, now);
        let (want, settled) = match place.and_then(|place| self.shares.get_mut(place)) {
            Some(share) => (share.ask(now), share.settled()),
            None => (0, Settled::default()),
        };
        let ask = Ask { ticket, cost: wish.cost, hold, want, settled };
        out.push((wish.key.owner(self.workers), self.message(wish, Word::Ask(ask))));
    }

    /// An answer has come to a question, for which a request may still wait or not.
    pub fn learn(&mut self, key: Key, answer: &Answer, now: u64) {
        let place = self.shares.find(key);
        let is_known =
            place.and_then(|place| self.shares.get_mut(place)).is_some_and(|share| share.learn(answer, now));
        if let (true, Some(place)) = (is_known, place) {
            self.list(place);
        }
    }

    /// What became of the request that waits for an answer that has been learned; `hold` as in [`Ledger::ask`].
    pub fn decided(
        &mut self,
        wish: &Wish,
        answer: &Answer,
        hold: bool,
        now: u64,
        out: &mut Outbox,
    ) -> Outcome {
        let rule = self.rule(wish.tier);
        match answer.ruling {
            Ruling::Refused(not_before) => Outcome::Refused(not_before),
            Ruling::Unknown => Outcome::Unknown,
            Ruling::Nothing => Outcome::Given(now),
            Ruling::Given(go_at) if hold && !rule.can_lend() => Outcome::Held(Held::turn(now, go_at)),
            Ruling::Given(go_at) if hold || rule.algorithm == Algorithm::Slots => {
                match self.hold(wish, now, out) {
                    Ok(held) => Outcome::Held(Held { go_at, ..held }),
                    // Too late: the loan it came with is over.
                    Err(_) => Outcome::Refused(now),
                }
            }
            Ruling::Given(go_at) => {
                let place = self.shares.find(wish.key);
                if let Some(share) = place.and_then(|place| self.shares.get_mut(place)) {
                    share.note_use(wish.cost);
                }
                Outcome::Given(go_at)
            }
        }
    }

    /// The owner wants back what is not needed.
    pub fn recalled(&mut self, key: Key, now: u64, out: &mut Outbox) {
        let Some(place) = self.shares.find(key) else { return };
        let Some(share) = self.shares.get_mut(place) else { return };
        if now < share.ends_at() {
            share.recall();
        }
        if share.untold() > 0 {
            self.tell(place, out);
        }
    }

    /// Looks after a share that something was taken from.
    pub(super) fn keep_share(&mut self, place: Place, wish: &Wish, now: u64, out: &mut Outbox) {
        let size = u64::from(self.rule(wish.tier).size());
        self.list(place);
        let Some(share) = self.shares.get_mut(place) else { return };
        if share.is_low(now) {
            let (want, settled) = (share.ask(now), share.settled());
            let ask = Ask { ticket: 0, cost: 0, hold: false, want, settled };
            self.tally.asked_ahead += 1;
            out.push((wish.key.owner(self.workers), self.message(wish, Word::Ask(ask))));
        } else if share.untold() > size / PART_UNTOLD {
            self.tell(place, out);
        }
    }

    /// Something that was held is free again: it stays at hand for a while, or goes back at once.
    pub(super) fn release_share(&mut self, wish: &Wish, lease: u64, now: u64, out: &mut Outbox) {
        let Some(place) = self.shares.find(wish.key) else { return };
        let Some(share) = self.shares.get_mut(place) else { return };
        share.release(wish.cost, lease);
        if !share.is_calm() && now < share.ends_at() {
            share.give_back();
            self.tell(place, out);
        } else {
            self.list(place);
        }
    }

    /// One tick of all shares that have credit, or something to tell.
    pub(super) fn tick_shares(&mut self, now: u64, out: &mut Outbox) {
        let mut at = 0;
        while let Some(&key) = self.listed.get(at) {
            let place = self.shares.find(key);
            let Some(share) = place.and_then(|place| self.shares.get_mut(place)) else {
                self.listed.swap_remove(at);
                continue;
            };
            let is_to_tell = share.tick(now);
            if let (true, Some(place)) = (is_to_tell, place) {
                self.tell(place, out);
            }
            let share = place.and_then(|place| self.shares.get_mut(place));
            if let Some(share) = share.filter(|share| share.is_at_rest()) {
                share.is_listed = false;
                self.listed.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// The share of a key, a new one if there is none and one can be had.
    fn share(&mut self, wish: &Wish, now: u64) -> Option<Place> {
        self.born = now.max(self.born + 1);
        let fresh = Share::new(wish.key, wish.tier, self.born);
        match self.shares.find_or_make(wish.key, fresh, |share| share.worth(now)) {
            Found::Old(place) | Found::New(place, _) => Some(place),
            Found::Full => None,
        }
    }

    fn list(&mut self, place: Place) {
        if let Some(share) = self.shares.get_mut(place)
            && !std::mem::replace(&mut share.is_listed, true)
        {
            self.listed.push(share.key());
        }
    }

    fn tell(&mut self, place: Place, out: &mut Outbox) {
        let Some(share) = self.shares.get_mut(place) else { return };
        let wish = Wish { key: share.key(), tier: share.tier, cost: 0 };
        let settled = share.settled();
        out.push((wish.key.owner(self.workers), self.message(&wish, Word::Settle(settled))));
    }
}
