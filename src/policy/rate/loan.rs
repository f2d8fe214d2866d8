//! What an owner has lent, by borrower.
//!
//! Loans of one account are a list through one store. A loan counts as outstanding until it is acknowledged as spent or
//! returned, or until nobody can spend it any more because its time is up; never less.

use super::message::{LoanNumber, Settled};

/// After the end of a loan, for a borrower who looked at its clock just before.
const GRACE_NS: u64 = 5_000_000;

/// What one worker has of one account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loan {
    /// Who has it.
    pub worker: usize,
    /// Which it is.
    pub number: LoanNumber,
    /// Lent since it began.
    pub lent: u64,
    /// Known to be spent.
    pub spent: u64,
    /// Known to have come back.
    pub returned: u64,
    /// When it was lent last.
    pub at: u64,
    /// Until when it may be spent.
    pub until: u64,
    /// When it was asked back.
    pub recalled_at: u64,
    next: u32,
}

impl Loan {
    /// What may still be spent, as far as the owner knows.
    pub fn outstanding(&self) -> u64 {
        self.lent - self.spent - self.returned
    }

    /// Whether it can be spent no more.
    pub fn is_over(&self, now: u64) -> bool {
        now >= self.until.saturating_add(GRACE_NS)
    }

    /// Takes in what the borrower says. Gives how much more was spent, and how much more came back.
    pub fn settle(&mut self, settled: &Settled) -> (u32, u32) {
        let spent = settled.spent.saturating_sub(self.spent).min(self.outstanding());
        self.spent += spent;
        let returned = settled.returned.saturating_sub(self.returned).min(self.outstanding());
        self.returned += returned;
        (spent as u32, returned as u32)
    }
}

/// All loans of one limit.
#[derive(Debug, Default)]
pub struct Loans {
    store: Vec<Loan>,
    free: Vec<u32>,
    lease: u64,
}

/// The first loan of an account; 0 for none.
pub type Head = u32;

impl Loans {
    /// A new loan in the list of `head`. Its number is larger than any before.
    pub fn begin(&mut self, head: &mut Head, worker: usize, born: u64, now: u64) -> u32 {
        self.lease = now.max(self.lease + 1);
        let number = LoanNumber { born, lease: self.lease };
        let loan = Loan { worker, number, next: *head, ..Loan::default() };
        let at = self.free.pop().unwrap_or_else(|| {
            self.store.push(Loan::default());
            (self.store.len() - 1) as u32
        });
        self.store[at as usize] = loan;
        *head = at + 1;
        at
    }

    /// The loan at a place.
    pub fn get(&mut self, at: u32) -> &mut Loan {
        &mut self.store[at as usize]
    }

    /// The loan of a worker.
    pub fn find(&self, head: Head, worker: usize) -> Option<u32> {
        self.places(head).find(|&at| self.store[at as usize].worker == worker)
    }

    /// The places of an account's loans.
    pub fn places(&self, head: Head) -> impl Iterator<Item = u32> {
        std::iter::successors(head.checked_sub(1), |&at| self.store[at as usize].next.checked_sub(1))
    }

    /// Ends loans that `is_to_end` chooses. Gives what they left outstanding.
    pub fn end(&mut self, head: &mut Head, is_to_end: impl Fn(&Loan) -> bool) -> u64 {
        let (mut at, mut kept, mut outstanding) = (*head, 0, 0);
        while let Some(place) = at.checked_sub(1) {
            let loan = &mut self.store[place as usize];
            at = loan.next;
            if is_to_end(loan) {
                outstanding += loan.outstanding();
                self.free.push(place);
            } else {
                loan.next = kept;
                kept = place + 1;
            }
        }
        *head = kept;
        outstanding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_totals_count_and_never_more_than_was_lent() {
        let mut loan = Loan { lent: 10, ..Loan::default() };
        let say = |spent, returned| Settled { spent, returned, ..Settled::default() };
        assert_eq!(loan.settle(&say(3, 1)), (3, 1));
        assert_eq!(loan.settle(&say(3, 1)), (0, 0), "said twice");
        assert_eq!(loan.settle(&say(1, 0)), (0, 0), "late");
        assert_eq!(loan.settle(&say(100, 100)), (6, 0), "more than there was");
        assert_eq!(loan.outstanding(), 0);
    }

    #[test]
    fn loans_end_and_their_places_are_used_again() {
        let (mut loans, mut head) = (Loans::default(), 0);
        for worker in 0..4 {
            let at = loans.begin(&mut head, worker, 1, 100);
            loans.get(at).lent = 1 + worker as u64;
        }
        assert_eq!(loans.end(&mut head, |loan| loan.worker % 2 == 0), 1 + 3);
        assert_eq!((loans.find(head, 0), loans.places(head).count()), (None, 2));
        let again = loans.begin(&mut head, 9, 1, 100);
        assert!(loans.store.len() == 4 && loans.get(again).number.lease == 104);
        assert_eq!(loans.places(head).count(), 3);
    }
}
