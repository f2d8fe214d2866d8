//! How long what is ready waits for the worker, and what is refused because of it.
//!
//! A timer that is due queues behind everything else that is ready, like a request whose bytes have come; so how late it
//! comes is how long a request waits. That costs a timer, and no clock on the path of a request. It is looked at more often
//! where there is something to see.

use std::rc::Rc;
use std::time::Duration;

use crate::proxy::local::Local;
use crate::rt::clock;
use crate::rt::deadline::TICK_MS;
use crate::upstream::admission::shedder::TARGET_NANOS;

/// Between two looks while the worker is busy.
const BUSY: Duration = Duration::from_millis(5);
/// Between two looks otherwise.
const QUIET: Duration = Duration::from_millis(TICK_MS);
/// Busy for so many thousandths of the time.
const BUSY_PERMILLE: i64 = 500;
/// Timers fire in steps of a millisecond and up to one late.
const LATE_FREE_NANOS: u64 = 1_500_000;
/// Weight of a look in the average that is told.
const NEWEST_SHIFT: u32 = 2;

/// Watches for as long as the worker lives.
pub async fn watch(local: Rc<Local>) {
    loop {
        let is_busy = local.metrics.busy_permille.get() >= BUSY_PERMILLE;
        let is_shedding = local.metrics.shed_millionths.get() > 0;
        let pause = if is_busy || is_shedding { BUSY } else { QUIET };
        let due_nanos = clock::nanos() + pause.as_nanos() as u64 + LATE_FREE_NANOS;
        monoio::time::sleep(pause).await;
        let now_nanos = clock::nanos();
        note(&local, now_nanos.saturating_sub(due_nanos), now_nanos / 1_000_000);
    }
}

fn note(local: &Local, late_nanos: u64, now_ms: u64) {
    let target = local.installed().snapshot.shedding.target_nanos;
    let shedder = &local.bench.shedder;
    shedder.aim(target.unwrap_or(u64::MAX));
    shedder.note(late_nanos);
    if let Some(mean) = shedder.look(now_ms) {
        let metrics = &local.metrics;
        let (mean, before) = (i64::try_from(mean).unwrap_or(i64::MAX), metrics.queue_nanos.get());
        metrics.queue_nanos.set(before + ((mean - before) >> NEWEST_SHIFT));
        let most = target.unwrap_or(TARGET_NANOS);
        metrics.queue_nanos_max.set(i64::try_from(most).unwrap_or(i64::MAX));
        metrics.shed_millionths.set((shedder.share() * 1e6) as i64);
    }
}
