//! The listening sockets of one worker, and the tasks that accept on them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::rc::Rc;

use monoio::io::Canceller;
use monoio::task::JoinHandle;

use crate::proxy::local::Local;
use crate::worker::accept::accept;
use crate::worker::placement::Placement;

/// The open listeners of one worker, by their places.
#[derive(Default)]
pub struct Doors {
    open: RefCell<BTreeMap<usize, Canceller>>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
}

impl Doors {
    /// Begins to accept. A socket that was open at this place before is closed.
    pub fn open(&self, local: &Rc<Local>, placement: &Rc<Placement>, at: usize, socket: TcpListener) {
        let canceller = Canceller::new();
        let accepting = accept(local.clone(), placement.clone(), socket, at, canceller.handle());
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|task| !task.is_finished());
        tasks.push(monoio::spawn(accepting));
        if let Some(former) = self.open.borrow_mut().insert(at, canceller) {
            former.cancel();
        }
    }

    /// Accepts no more at this place.
    pub fn close(&self, at: usize) {
        if let Some(canceller) = self.open.borrow_mut().remove(&at) {
            canceller.cancel();
        }
    }

    /// Accepts no more at all.
    pub fn close_all(&self) {
        for canceller in std::mem::take(&mut *self.open.borrow_mut()).into_values() {
            canceller.cancel();
        }
    }

    /// True when every task has ended.
    pub fn are_closed(&self) -> bool {
        self.tasks.borrow().iter().all(JoinHandle::is_finished)
    }
}
