//! The way into a cluster where it is not open: waiting for room, or the answer to whoever is not let in.
//!
//! Entered only when [`Cluster::enter`] has refused. Counts who is turned away.

use std::rc::Rc;

use crate::policy::reply::{Code, Fault, Reply};
use crate::proxy::local::Local;
use crate::proxy::record::Tally;
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::telemetry::shed::ShedReason;
use crate::upstream::cluster::Cluster;
use crate::upstream::entry::{Class, Entry, Refused};

/// Nobody knows when there will be room again.
const RETRY_AFTER_MS: u64 = 1_000;

/// Lets in later whoever was refused at first, or says what they are told. `deadline` is for nothing else meanwhile.
///
/// # Errors
/// With the reason; when to come again is noted in `tally`.
pub async fn later(
    cluster: &Rc<Cluster>,
    class: Class,
    refused: Refused,
    local: &Local,
    tally: &Tally,
    deadline: &Deadline,
) -> Result<Entry, Fault> {
    let mut refused = refused;
    if matches!(refused, Refused::Full(_)) && cluster.has_waiting_room() {
        match cluster.enter_in_turn(class, deadline).await {
            Ok(entry) => {
                tally.upstream.sent_nanos.set(clock::nanos());
                return Ok(entry);
            }
            Err(why) => refused = why,
        }
    }
    Err(turned_away(refused, class, local, tally))
}

fn turned_away(refused: Refused, class: Class, local: &Local, tally: &Tally) -> Fault {
    match refused {
        Refused::Full(reason) => {
            local.metrics.shed.count(class.slot(), reason);
            tally.retry_after_ms.set(RETRY_AFTER_MS);
            code(reason).into()
        }
        Refused::Breaker { retry_after_ms } => {
            tally.retry_after_ms.set(retry_after_ms);
            Code::CircuitOpen.into()
        }
    }
}

fn code(reason: ShedReason) -> Code {
    match reason {
        ShedReason::Overloaded => Code::Overloaded,
        ShedReason::ClusterFull => Code::ClusterFull,
        ShedReason::ClusterSlow => Code::ClusterSlow,
        ShedReason::PendingFull => Code::PendingFull,
        ShedReason::PendingTimeout => Code::PendingTimeout,
        ShedReason::EndpointsFull => Code::EndpointsFull,
    }
}

/// What those are told who are turned away for want of room.
pub fn reply(reason: ShedReason) -> Reply {
    Reply::new(code(reason)).with("Retry-After", (RETRY_AFTER_MS / 1_000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_answers_have_the_same_words() {
        for reason in ShedReason::ALL {
            let reply = reply(reason);
            assert_eq!((reply.fault.code(), reply.fault.status()), (reason.label(), 503));
        }
    }
}
