//! Letters from control and from other workers, taken as soon as they come.

use std::io;
use std::rc::Rc;

use crate::net::wake::Wake;
use crate::policy::ground::Bench;
use crate::rt::say::say;

/// Takes what is there: the worker's loop looks once a tick, should the wake be missing.
pub fn take_in(bench: &Bench) {
    let Some(mailbox) = bench.post.mailbox(bench.worker) else { return };
    if mailbox.is_waiting() {
        mailbox.drain().into_iter().for_each(|letter| bench.take(letter));
    }
}

/// Takes letters as they come. Lives as long as the worker.
pub async fn take_letters(bench: Rc<Bench>) {
    let Some(mailbox) = bench.post.mailbox(bench.worker) else { return };
    let outcome: io::Result<()> = async {
        let wake = Wake::new(mailbox.event())?;
        take_in(&bench);
        loop {
            wake.woken().await?;
            // Also if nothing is said to wait: see the connections that are handed over.
            mailbox.drain().into_iter().for_each(|letter| bench.take(letter));
        }
    }
    .await;
    if let Err(error) = outcome {
        say(format_args!("worker {}: cannot be woken for letters: {error}", bench.worker));
    }
}
