//! Exchanges that wait for a slot, by class and in the order in which they came.
//!
//! Of one worker. Bounded by places that all workers share, so that the number is exact for the gateway; where there is
//! none left, who matters less makes room for who matters more. Hands out turns; what a turn is worth is the caller's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::shared::ledger::{Lease, Ledger};
use crate::upstream::admission::class::CLASSES;
use crate::upstream::entry::Class;

/// Those who wait on one worker.
#[derive(Default)]
pub struct Queue {
    lines: RefCell<[VecDeque<Rc<Seat>>; CLASSES]>,
    waiting: Cell<usize>,
}

/// What has become of somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    /// It is their turn.
    Called,
    /// Somebody else needs the place more.
    PushedOut,
}

struct Seat {
    standing: Cell<Standing>,
    waker: RefCell<Option<Waker>>,
    /// The place in the bound that all workers share.
    place: Cell<Option<Lease>>,
}

/// Somebody's place. Leaves the queue when dropped.
pub struct Waiting<'a> {
    queue: &'a Queue,
    seat: Rc<Seat>,
    class: Class,
    /// Called if a turn was given that nobody takes any more.
    unused: &'a dyn Fn(),
}

impl Queue {
    /// Takes a place, if there is one, or if somebody who matters less can be sent away. `unused` is called where the turn
    /// comes after all when nobody wants it any more.
    pub fn join<'a>(&'a self, class: Class, places: &Ledger, unused: &'a dyn Fn()) -> Option<Waiting<'a>> {
        let place = places.try_take(1).or_else(|| self.push_out(class))?;
        let seat = Rc::new(Seat {
            standing: Cell::new(Standing::Waiting),
            waker: RefCell::default(),
            place: Cell::new(Some(place)),
        });
        self.lines.borrow_mut()[class.slot()].push_back(seat.clone());
        self.waiting.set(self.waiting.get() + 1);
        Some(Waiting { queue: self, seat, class, unused })
    }

    /// The place of whoever came last of those who matter least, and less than `class`.
    fn push_out(&self, class: Class) -> Option<Lease> {
        let mut lines = self.lines.borrow_mut();
        let seat = lines[class.slot() + 1..].iter_mut().rev().find_map(VecDeque::pop_back)?;
        self.waiting.set(self.waiting.get() - 1);
        seat.end(Standing::PushedOut)
    }

    /// How many wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.waiting.get()
    }

    /// True if nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.get() == 0
    }

    /// The class of whoever is next.
    pub fn first(&self) -> Option<Class> {
        let lines = self.lines.borrow();
        lines.iter().position(|line| !line.is_empty()).map(|at| Class(at as u8))
    }

    /// Gives the turn to whoever is next.
    pub fn call(&self) {
        let next = self.lines.borrow_mut().iter_mut().find_map(VecDeque::pop_front);
        if let Some(seat) = next {
            self.waiting.set(self.waiting.get() - 1);
            drop(seat.end(Standing::Called));
        }
    }

    fn leave(&self, class: Class, seat: &Rc<Seat>) {
        let mut lines = self.lines.borrow_mut();
        let line = &mut lines[class.slot()];
        if let Some(at) = line.iter().position(|one| Rc::ptr_eq(one, seat)) {
            line.remove(at);
            self.waiting.set(self.waiting.get() - 1);
        }
    }
}

impl Seat {
    fn end(&self, standing: Standing) -> Option<Lease> {
        self.standing.set(standing);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        self.place.take()
    }
}

impl Waiting<'_> {
    /// Until it is the turn. False if somebody else has got the place.
    pub async fn turn(&mut self) -> bool {
        poll_fn(|cx| match self.seat.standing.get() {
            Standing::Waiting => {
                self.seat.waker.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
            Standing::Called => {
                // From here on it is the caller's.
                self.seat.standing.set(Standing::PushedOut);
                Poll::Ready(true)
            }
            Standing::PushedOut => Poll::Ready(false),
        })
        .await
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        match self.seat.standing.get() {
            Standing::Waiting => self.queue.leave(self.class, &self.seat),
            Standing::Called => (self.unused)(),
            Standing::PushedOut => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_better_class_is_first_and_within_a_class_whoever_came_first() {
        let (queue, places) = (Queue::default(), Ledger::new(Some(9)));
        let mut all: Vec<_> = [Class::LOW, Class::NORMAL, Class::HIGH, Class::NORMAL]
            .map(|class| queue.join(class, &places, &|| {}).expect("a place"))
            .into();
        let mut order = Vec::new();
        while !queue.is_empty() {
            queue.call();
            for (index, waiting) in all.iter_mut().enumerate() {
                if now(waiting.turn()) == Some(true) {
                    order.push(index);
                }
            }
        }
        assert_eq!(order, [2, 1, 3, 0]);
        assert_eq!(places.in_use(), 0);
    }

    #[test]
    fn who_matters_less_makes_room_and_nobody_else_does() {
        let (queue, places) = (Queue::default(), Ledger::new(Some(2)));
        let mut first = queue.join(Class::LOW, &places, &|| {}).expect("a place");
        let mut second = queue.join(Class::LOW, &places, &|| {}).expect("a place");
        assert!(queue.join(Class::LOW, &places, &|| {}).is_none());
        let mut third = queue.join(Class::HIGH, &places, &|| {}).expect("the place of the second");
        assert_eq!((now(first.turn()), now(second.turn())), (None, Some(false)));
        assert_eq!((queue.len(), places.in_use(), queue.first()), (2, 2, Some(Class::HIGH)));
        let fourth = queue.join(Class::NORMAL, &places, &|| {}).expect("the place of the first");
        assert!(queue.join(Class::NORMAL, &places, &|| {}).is_none());
        queue.call();
        assert_eq!(now(third.turn()), Some(true));
        drop(fourth);
        assert_eq!((queue.len(), places.in_use()), (0, 0));
    }

    #[test]
    fn a_turn_that_nobody_takes_is_told_of() {
        let (queue, places, told) = (Queue::default(), Ledger::new(None), Cell::new(0));
        let count = || told.set(told.get() + 1);
        let gone = queue.join(Class::NORMAL, &places, &count).expect("a place");
        queue.call();
        drop(gone);
        assert_eq!(told.get(), 1);
        let mut served = queue.join(Class::NORMAL, &places, &count).expect("a place");
        queue.call();
        assert_eq!(now(served.turn()), Some(true));
        drop(served);
        drop(queue.join(Class::NORMAL, &places, &count));
        assert_eq!((told.get(), queue.len(), places.in_use()), (1, 0, 0));
    }
}
