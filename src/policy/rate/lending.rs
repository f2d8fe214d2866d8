//! A limit on the worker that owns a key: what it answers, and what it takes back.
//!
//! Credit is moved out of an account and lent, with an end after which nobody may spend it. The account counts it as
//! taken from the start, and takes nothing new in for it until it is known to be spent, returned or void. So level and
//! loans together never exceed the size.

use smallvec::SmallVec;

use super::accounts::{full_at, is_tight};
use super::ledger::{At, Ledger, Outbox, Wish};
use super::message::{Answer, Ask, LoanNumber, Ruling, Settled, Word};
use super::rule::{Algorithm, Rule};

/// How long a loan may be spent, if the window does not end before.
const LEASE_NS: u64 = 1_000_000_000;

/// Limits below this size are not lent ahead of need: every request asks, so that all of it can be had anywhere.
const LENT_FROM: u32 = 32;

/// Of what is left, this part is lent ahead of need at most.
const PART_LENT: u32 = 4;

/// What a worker gets ahead without having shown much demand, where there is plenty.
const HANDFUL: u32 = 4;

/// A borrower is refused for at least this long, or until a quarter is there again if that is sooner: at high rates
/// it then gets many at once.
const PAUSE_NS: u64 = 1_000_000;

/// So long it takes at most until what was asked back is there.
const RECALLED_NS: u64 = 500_000;

/// The same loan is asked back no more often than this.
const RECALL_AGAIN_NS: u64 = 2_000_000;

impl Ledger {
    /// Worker `from` asks.
    pub fn asked(&mut self, from: usize, wish: &Wish, ask: &Ask, now: u64, out: &mut Outbox) {
        let at = self.account(wish, now);
        self.settle_at(at, from, wish, &ask.settled, now);
        let mut ruling = match ask.cost {
            0 => Ruling::Nothing,
            _ => match self.take_at(at, wish, now, out) {
                Ok(go_at) => Ruling::Given(go_at),
                Err(not_before) => Ruling::Refused(self.pause(at, wish, not_before, now)),
            },
        };
        let rule = self.rule_at(at, wish.tier);
        let is_lent = ask.hold && rule.can_lend() || rule.algorithm == Algorithm::Slots;
        if matches!(ruling, Ruling::Given(_)) && is_lent && !self.lend((at, from), wish, ask, ask.cost, now) {
            // It cannot take a loan, so it could not give anything back either.
            self.put_back(at, &rule, ask.cost, now, now);
            ruling = Ruling::Refused(now);
        }
        if !matches!(ruling, Ruling::Refused(_)) {
            self.lend_ahead(at, from, wish, ask, now);
        }
        let answer = self.answer((at, from), wish, ask, ruling, now);
        out.push((from, self.message(wish, Word::Answer(answer))));
    }

    /// Worker `from` says what became of its loan.
    pub fn settled(&mut self, from: usize, wish: &Wish, settled: &Settled, now: u64) {
        let at = self.known(wish.key);
        self.settle_at(at, from, wish, settled, now);
    }

    fn settle_at(&mut self, at: At, from: usize, wish: &Wish, settled: &Settled, now: u64) {
        let rule = self.rule_at(at, wish.tier);
        self.end_loans(at, &rule, now);
        let head = self.owned(at).loans;
        let Some(place) = self.loans.find(head, from) else { return };
        let loan = self.loans.get(place);
        if loan.number != settled.loan {
            return;
        }
        let (spent, returned) = loan.settle(settled);
        let lent_at = loan.at;
        self.outstanding -= u64::from(spent) + u64::from(returned);
        self.owned(at).account.unlend(&rule, spent + returned, now);
        if returned > 0 {
            self.put_back(at, &rule, returned, lent_at, now);
        }
    }

    /// Ends loans whose time is up; what was not heard of counts as spent.
    fn end_loans(&mut self, at: At, rule: &Rule, now: u64) {
        let mut head = self.owned(at).loans;
        if head == 0 {
            return;
        }
        let over = self.loans.end(&mut head, |loan| loan.is_over(now));
        self.outstanding -= over;
        self.tally.voided += over;
        let owned = self.owned(at);
        owned.loans = head;
        owned.account.unlend(rule, over as u32, now);
    }

    /// When a worker that was refused may ask again.
    fn pause(&mut self, at: At, wish: &Wish, not_before: u64, now: u64) -> u64 {
        let rule = self.rule_at(at, wish.tier);
        if self.owned(at).account.lent > 0 {
            return not_before.min(now + RECALLED_NS);
        }
        if rule.algorithm == Algorithm::Slots {
            return now + PAUSE_NS;
        }
        let quarter = rule.period_ns() / u64::from(rule.count) * u64::from(rule.size()) / 4;
        not_before.max(now + PAUSE_NS.min(quarter))
    }

    /// Lends what has been taken out of the account already. False if that worker cannot take a loan.
    fn lend(&mut self, (at, to): (At, usize), wish: &Wish, ask: &Ask, amount: u32, now: u64) -> bool {
        let born = ask.settled.loan.born;
        if born == 0 || at == At::Crowd {
            return false;
        }
        let rule = self.rule(wish.tier);
        let mut head = self.owned(at).loans;
        let place = match self.loans.find(head, to) {
            Some(place) if self.loans.get(place).number.born > born => return false,
            Some(place) if self.loans.get(place).number.born == born => place,
            // It has forgotten what it had, which is void then.
            _ => {
                let over = self.loans.end(&mut head, |loan| loan.worker == to);
                self.outstanding -= over;
                self.owned(at).account.unlend(&rule, over as u32, now);
                self.loans.begin(&mut head, to, born, now)
            }
        };
        let loan = self.loans.get(place);
        loan.lent += u64::from(amount);
        loan.at = now;
        loan.until = match rule.algorithm {
            Algorithm::Slots => u64::MAX,
            _ if rule.has_windows() => rule.window(now).end.min(now + LEASE_NS),
            _ => now + LEASE_NS,
        };
        self.outstanding += u64::from(amount);
        let owned = self.owned(at);
        owned.loans = head;
        owned.account.lent += amount;
        true
    }

    /// Lends what will be of use soon, if there is enough.
    fn lend_ahead(&mut self, at: At, to: usize, wish: &Wish, ask: &Ask, now: u64) {
        let rule = self.rule_at(at, wish.tier);
        if ask.want == 0 || !rule.can_lend() || rule.size() < LENT_FROM || at == At::Crowd {
            return;
        }
        let account = self.owned(at).account;
        let room = account.room(&rule, &self.logs, now);
        let is_calm = room >= rule.size() / 2;
        let want = if is_calm { ask.want.max(HANDFUL.min(room / 16)) } else { ask.want };
        // Half of the size at most is lent to all of them, so that an account is never all promises.
        let amount = want.min(room / PART_LENT).min((rule.size() / 2).saturating_sub(account.lent));
        let of_fleet = self.fleet.as_ref().map(|fleet| fleet.room(wish.key, &rule, 0, now) / PART_LENT);
        let amount = amount.min(of_fleet.unwrap_or(amount));
        if amount == 0 {
            return;
        }
        let mut account = account;
        if account.take(&rule, &mut self.logs, amount, now).is_ok() {
            self.owned(at).account = account;
            if let Some(fleet) = &self.fleet {
                fleet.take(wish.key, &rule, amount, now);
            }
            if !self.lend((at, to), wish, ask, amount, now) {
                self.put_back(at, &rule, amount, now, now);
            }
        }
    }

    fn answer(&mut self, (at, to): (At, usize), wish: &Wish, ask: &Ask, ruling: Ruling, now: u64) -> Answer {
        let rule = self.rule_at(at, wish.tier);
        let head = self.owned(at).loans;
        let born = ask.settled.loan.born;
        let loan = self.loans.find(head, to).map(|place| *self.loans.get(place));
        let loan = loan.filter(|loan| loan.number.born == born);
        let (number, lent, until) =
            loan.map_or((LoanNumber { born, lease: 0 }, 0, 0), |loan| (loan.number, loan.lent, loan.until));
        let account = self.owned(at).account;
        Answer {
            ticket: ask.ticket,
            cost: ask.cost,
            ruling,
            loan: number,
            lent,
            until,
            left: self.with_others(wish.key, &rule, account.room(&rule, &self.logs, now), now),
            full_at: full_at(&account, &rule, &self.logs, now),
            calm: !is_tight(&account, &rule, &self.logs, now) && rule.size() >= LENT_FROM,
        }
    }

    /// Asks all who have something of an account to give back what they do not need.
    pub(super) fn recall(&mut self, at: At, wish: &Wish, now: u64, out: &mut Outbox) {
        let head = self.owned(at).loans;
        let places: SmallVec<[u32; 8]> = self.loans.places(head).collect();
        for place in places {
            let loan = self.loans.get(place);
            if loan.outstanding() == 0 || now < loan.recalled_at.saturating_add(RECALL_AGAIN_NS) {
                continue;
            }
            loan.recalled_at = now;
            let to = loan.worker;
            out.push((to, self.message(wish, Word::Recall)));
        }
    }
}
