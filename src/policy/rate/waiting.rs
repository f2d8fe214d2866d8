//! Requests that wait for the owner of a key.
//!
//! A request has a seat until it has taken its answer or is given up; a ticket names seat and sitting, so that a late
//! answer finds nobody. What was held for a request that is gone is given back.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::borrowing::Outcome;
use super::ledger::{Ledger, Outbox, Wish};
use super::message::{Answer, Word};
use super::worker::{Limit, PATIENCE_NS, Worker};

/// Bits of a ticket that name the seat.
const SEAT_BITS: u32 = 24;

/// Requests that wait for the owner of a key.
#[derive(Default)]
pub struct Waiting(RefCell<Seats>);

#[derive(Default)]
struct Seats {
    seats: Vec<Seat>,
    free: Vec<usize>,
    sitting: u64,
}

struct Seat {
    ticket: u64,
    state: State,
}

enum State {
    Free,
    Pending {
        limit: Rc<Limit>,
        wish: Wish,
        hold: bool,
        since: u64,
        is_introduced: bool,
        waker: Option<Waker>,
    },
    Done {
        limit: Rc<Limit>,
        wish: Wish,
        outcome: Outcome,
    },
}

impl Waiting {
    /// A seat for a request. Gives its ticket.
    pub(super) fn begin(&self, limit: &Rc<Limit>, wish: &Wish, hold: bool, now: u64) -> u64 {
        let mut seats = self.0.borrow_mut();
        seats.sitting += 1;
        let place = seats.free.pop().unwrap_or(seats.seats.len());
        let ticket = seats.sitting << SEAT_BITS | place as u64;
        let limit = limit.clone();
        let state =
            State::Pending { limit, wish: *wish, hold, since: now, is_introduced: false, waker: None };
        let seat = Seat { ticket, state };
        match seats.seats.get_mut(place) {
            Some(free) => *free = seat,
            None => seats.seats.push(seat),
        }
        ticket
    }

    /// An answer has come.
    pub(super) fn answered(&self, ledger: &mut Ledger, answer: &Answer, now: u64, out: &mut Outbox) {
        let mut seats = self.0.borrow_mut();
        let Some(seat) = seats.find(answer.ticket) else { return };
        let State::Pending { wish, hold, is_introduced, .. } = &mut seat.state else { return };
        let outcome = match ledger.decided(wish, answer, *hold, now, out) {
            Outcome::Unknown if !*is_introduced => {
                *is_introduced = true;
                let owner = ledger.owner(wish.key);
                out.push((owner, ledger.message(wish, Word::Introduce(ledger.rules().into()))));
                return ledger.ask(wish, *hold, answer.ticket, now, out);
            }
            Outcome::Unknown => Outcome::Refused(now),
            outcome => outcome,
        };
        seat.finish(outcome);
    }

    /// Refuses those that have waited for too long.
    pub(super) fn expire(&self, now: u64) {
        for seat in &mut self.0.borrow_mut().seats {
            if let State::Pending { since, limit, .. } = &seat.state
                && now.saturating_sub(*since) > PATIENCE_NS
            {
                limit.count(|metrics| metrics.late.add(1));
                seat.finish(Outcome::Refused(now));
            }
        }
    }
}

impl Seats {
    fn find(&mut self, ticket: u64) -> Option<&mut Seat> {
        let place = (ticket & ((1 << SEAT_BITS) - 1)) as usize;
        self.seats.get_mut(place).filter(|seat| seat.ticket == ticket)
    }

    fn leave(&mut self, ticket: u64) -> State {
        let Some(seat) = self.find(ticket) else { return State::Free };
        seat.ticket = 0;
        let state = std::mem::replace(&mut seat.state, State::Free);
        self.free.push((ticket & ((1 << SEAT_BITS) - 1)) as usize);
        state
    }
}

impl Seat {
    fn finish(&mut self, outcome: Outcome) {
        if let State::Pending { limit, wish, waker, .. } = std::mem::replace(&mut self.state, State::Free) {
            self.state = State::Done { limit, wish, outcome };
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// The answer to come.
pub struct Answered {
    worker: Rc<Worker>,
    ticket: u64,
}

impl Answered {
    pub(super) fn new(worker: Rc<Worker>, ticket: u64) -> Self {
        Self { worker, ticket }
    }
}

impl Future for Answered {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut seats = self.worker.waiting.0.borrow_mut();
        match seats.find(self.ticket).map(|seat| &mut seat.state) {
            Some(State::Pending { waker, .. }) => {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                    *waker = Some(context.waker().clone());
                }
                Poll::Pending
            }
            Some(State::Done { outcome, .. }) => {
                let outcome = *outcome;
                seats.leave(self.ticket);
                drop(seats);
                self.ticket = 0;
                Poll::Ready(outcome)
            }
            _ => Poll::Ready(Outcome::Refused(0)),
        }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if self.ticket == 0 {
            return;
        }
        let state = self.worker.waiting.0.borrow_mut().leave(self.ticket);
        if let State::Done { limit, wish, outcome: Outcome::Held(held) } = state {
            self.worker.cancel(&limit, &wish, &held);
        }
    }
}
