//! Signs of life, only while there is life: of every worker's loop, and of control itself.
//!
//! Owns what was last seen of the workers. Control gives the sign, so a control that hangs gives none; a worker
//! whose loop has made no turn since the last sign withholds it. Ending the process is the service manager's.

use std::time::{Duration, Instant};

use crate::rt::say::say;
use crate::shared::Frozen;
use crate::telemetry::Registry;

use super::notify::Notifier;

/// Between two looks while a worker is late: a few of the workers' ticks.
const LOOK_MIN: Duration = Duration::from_millis(50);

/// What was last seen of the workers' loops.
#[derive(Debug)]
pub struct Pulse {
    seen: Vec<u64>,
}

impl Pulse {
    /// Workers that have been seen doing nothing yet.
    pub fn new(workers: usize) -> Self {
        Self { seen: vec![0; workers] }
    }

    /// Compares with what each loop has counted by now. If all have moved, that is remembered, else the numbers of
    /// those that have not are returned.
    pub fn look(&mut self, now: &[u64]) -> Result<(), Vec<usize>> {
        let same = self.seen.iter().zip(now).enumerate();
        let still: Vec<usize> = same.filter(|(_, (was, is))| was == is).map(|(index, _)| index).collect();
        if !still.is_empty() {
            return Err(still);
        }
        self.seen.copy_from_slice(now);
        Ok(())
    }
}

/// Gives a sign of life at every half of `limit`, as long as every worker gives one. Never ends; drop it when the
/// workers end. A worker that is late is looked at more often, so that the sign goes out as soon as it moves.
pub async fn watch(notifier: &Notifier, limit: Duration, registry: &Frozen<Registry>) {
    let mut pulse = Pulse::new(registry.worker_count());
    let look_again = (limit / 16).max(LOOK_MIN);
    let mut last_sign = Instant::now();
    let mut has_complained = false;
    loop {
        let now: Vec<u64> = registry.workers().map(|worker| worker.ticks.get()).collect();
        match pulse.look(&now) {
            Ok(()) => {
                notifier.alive();
                last_sign = Instant::now();
                if std::mem::take(&mut has_complained) {
                    notifier.status("serving; all workers move again");
                }
                tokio::time::sleep(limit / 2).await;
            }
            Err(still) => {
                let late = last_sign.elapsed();
                if late > limit * 3 / 4 && !std::mem::replace(&mut has_complained, true) {
                    complain(notifier, &still, late);
                }
                tokio::time::sleep(look_again).await;
            }
        }
    }
}

fn complain(notifier: &Notifier, still: &[usize], late: Duration) {
    let workers: Vec<String> = still.iter().map(usize::to_string).collect();
    let line = format!("stuck for {} ms: worker {}", late.as_millis(), workers.join(", "));
    notifier.status(&line);
    say(format_args!("{line}; no sign of life is given, so the service manager will end this process"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn one_worker_that_stands_still_withholds_the_sign() {
        let mut pulse = Pulse::new(3);
        assert_eq!(pulse.look(&[1, 1, 1]), Ok(()));
        assert_eq!(pulse.look(&[2, 1, 2]), Err(vec![1]));
        assert_eq!(pulse.look(&[3, 1, 2]), Err(vec![1]), "what the others do does not help");
        assert_eq!(pulse.look(&[3, 2, 2]), Ok(()), "all have moved since the last sign");
        assert_eq!(pulse.look(&[3, 2, 2]), Err(vec![0, 1, 2]));
    }

    #[test]
    fn a_worker_that_never_began_gives_no_sign() {
        assert_eq!(Pulse::new(2).look(&[5, 0]), Err(vec![1]));
    }

    #[test]
    fn signs_are_given_while_loops_turn_and_end_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = Notifier::new(path.to_str()).unwrap();
        let registry = Frozen::new(Registry::new(2));
        let signs = || {
            let mut datagram = [0; 512];
            let all = std::iter::from_fn(|| manager.recv(&mut datagram).ok().map(|n| datagram[..n].to_vec()));
            all.filter(|datagram| datagram == b"WATCHDOG=1").count()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let turning = async {
                for turn in 0..60 {
                    registry.worker(0).ticks.add(1);
                    if turn < 30 {
                        registry.worker(1).ticks.add(1);
                    }
                    if turn == 40 {
                        assert!(signs() >= 3, "both turned");
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::select! {
                () = watch(&notifier, Duration::from_millis(100), &registry) => {}
                () = turning => {}
            }
        });
        assert_eq!(signs(), 0, "worker 1 stood still");
    }
}
