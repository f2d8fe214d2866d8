//! The way into a cluster where it is not open: waiting for room, and the words for whoever is not let in.
//!
//! Entered only when [`Cluster::enter`] has refused. Counts who is turned away.

use std::rc::Rc;

use crate::policy::exchange::{Class, Exchange};
use crate::policy::priority::Early;
use crate::policy::reply::{Code, Fault, Reply};
use crate::proxy::local::Local;
use crate::proxy::record::Tally;
use crate::rt::clock;
use crate::telemetry::shed::ShedReason;
use crate::upstream::cluster::Cluster;
use crate::upstream::entry::{Entry, Refused};

/// Nobody knows when there will be room again.
const RETRY_AFTER_MS: u64 = 1_000;

/// Lets in later whoever was refused at first, or says why not.
///
/// # Errors
/// With the reason. How long the client is to wait is told in `tally`.
pub async fn later(
    cluster: &Rc<Cluster>,
    class: Class,
    refused: Refused,
    local: &Local,
    tally: &Tally,
) -> Result<Entry, Fault> {
    match in_turn(cluster, class, refused, local).await {
        Ok(entry) => {
            tally.upstream.sent_nanos.set(clock::nanos());
            Ok(entry)
        }
        Err(Refused::Full(reason)) => Err(told(reason, tally)),
        Err(Refused::Breaker { retry_after_ms }) => {
            tally.retry_after_ms.set(retry_after_ms);
            Err(Code::CircuitOpen.into())
        }
    }
}

/// Waits for room, if that is what was missing and one may. Counts who gets none.
///
/// # Errors
/// With the reason.
pub async fn in_turn(
    cluster: &Rc<Cluster>,
    class: Class,
    refused: Refused,
    local: &Local,
) -> Result<Entry, Refused> {
    let entered = cluster.enter_later(class, refused, &local.deadlines).await;
    if let Err(Refused::Full(reason)) = &entered {
        local.metrics.shed.count(class.slot(), *reason);
    }
    entered
}

/// Counts somebody for whom there is no room.
pub fn turn_away(reason: ShedReason, class: Class, local: &Local, tally: &Tally) -> Fault {
    local.metrics.shed.count(class.slot(), reason);
    told(reason, tally)
}

fn told(reason: ShedReason, tally: &Tally) -> Fault {
    tally.retry_after_ms.set(RETRY_AFTER_MS);
    code(reason).into()
}

/// Refuses a request before any policy has run, if the worker cannot keep up.
///
/// # Errors
/// With the answer.
#[inline]
pub fn early(early: Early, local: &Local, exchange: &mut Exchange) -> Result<(), Reply> {
    exchange.class = early.class;
    if local.refuses(early) {
        return Err(Reply::new(Code::Overloaded).with("Retry-After", (RETRY_AFTER_MS / 1_000).to_string()));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_answers_have_the_same_words() {
        for reason in ShedReason::ALL {
            let fault = Fault::from(code(reason));
            assert_eq!((fault.code(), fault.status()), (reason.label(), 503));
        }
    }
}
