//! The way into a cluster where it is not open: waiting for room, or the answer to whoever is not let in.
//!
//! Entered only when [`Cluster::enter`] has refused. Counts who is turned away.

use std::rc::Rc;

use crate::policy::reply::{Code, Reply};
use crate::proxy::local::Local;
use crate::proxy::record::Tally;
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::telemetry::shed::ShedReason;
use crate::upstream::cluster::Cluster;
use crate::upstream::entry::{Class, Entry, Refused};

/// Nobody knows when there will be room again.
const RETRY_AFTER: &str = "1";

/// Lets in later whoever was refused at first, or says what they are told. `deadline` is for nothing else meanwhile.
///
/// # Errors
/// With the answer.
pub async fn later(
    cluster: &Rc<Cluster>,
    class: Class,
    refused: Refused,
    local: &Local,
    tally: &Tally,
    deadline: &Deadline,
) -> Result<Entry, Reply> {
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
    Err(turned_away(refused, class, local))
}

fn turned_away(refused: Refused, class: Class, local: &Local) -> Reply {
    match refused {
        Refused::Full(reason) => {
            local.metrics.shed.count(class.slot(), reason);
            reply(reason)
        }
        Refused::Breaker { retry_after_ms } => {
            let seconds = retry_after_ms.div_ceil(1_000).max(1);
            Reply::new(Code::NoEndpoint).with("Retry-After", seconds.to_string())
        }
    }
}

/// What those are told who are turned away for want of room.
pub fn reply(reason: ShedReason) -> Reply {
    let code = match reason {
        ShedReason::Overloaded => Code::Overloaded,
        ShedReason::ClusterFull => Code::ClusterFull,
        ShedReason::ClusterSlow => Code::ClusterSlow,
        ShedReason::PendingFull => Code::PendingFull,
        ShedReason::PendingTimeout => Code::PendingTimeout,
        ShedReason::EndpointsFull => Code::EndpointsFull,
    };
    Reply::new(code).with("Retry-After", RETRY_AFTER.to_owned())
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
