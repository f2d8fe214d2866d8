//! Files of address ranges, read again when they have changed.
//!
//! A file that is not in order changes nothing: the list stays what it was, the log says which line is wrong, and a metric
//! counts. Reading and sorting happen on a thread of their own, so that a million ranges stop neither control nor traffic.

use std::path::PathBuf;
use std::time::Duration;

use super::{Followed, LOOK, is_wanted};
use crate::policy::address_set::{AddressList, ListFault};
use crate::rt::clock;
use crate::rt::say::say;
use crate::shared::{Frozen, Published};

/// How long a file has to stay as it is before it is read: who writes in place needs more than one write.
const SETTLED: Duration = Duration::from_millis(100);

/// Keeps the list of `file` current for as long as somebody holds it.
pub(super) async fn keep(file: PathBuf, list: Published<AddressList>) {
    let mut followed = Followed::new([file.clone()]);
    // The compiler has read it a moment ago; if it has changed since, so has its stamp at the first look.
    let mut is_first = true;
    while is_wanted(&list) {
        if followed.have_changed() {
            while {
                tokio::time::sleep(SETTLED).await;
                followed.have_changed()
            } {}
            let (_, now) = list.load();
            let next = read(file.clone()).await;
            publish(&file, &list, &now, next, is_first);
            is_first = false;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn read(file: PathBuf) -> Result<AddressList, ListFault> {
    let reading = tokio::task::spawn_blocking(move || AddressList::read(&file, clock::wall_seconds()));
    reading.await.unwrap_or_else(|error| Err(ListFault { line: 0, reason: error.to_string() }))
}

fn publish(
    file: &std::path::Path,
    list: &Published<AddressList>,
    now: &AddressList,
    next: Result<AddressList, ListFault>,
    is_first: bool,
) {
    match next {
        Ok(next) => {
            // The compiler has told of it if it was not in order.
            let is_news = !is_first || *next.set != *now.set;
            if is_news {
                say(format_args!("{}: {} ranges of addresses", file.display(), next.entries));
            }
            list.publish(Frozen::new(AddressList { failures: now.failures, ..next }));
        }
        Err(fault) => {
            say(format_args!(
                "{}: not taken, the former {} ranges stay: {fault}",
                file.display(),
                now.entries
            ));
            list.publish(Frozen::new(now.stale()));
        }
    }
}
