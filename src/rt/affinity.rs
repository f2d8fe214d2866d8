//! Which CPUs this process may use, and pinning a thread to one.
//!
//! Reads the thread's own affinity mask, so cpusets of containers and `taskset` are honoured. Does not
//! place interrupts or memory.

use core_affinity::CoreId;

/// The CPUs this thread may run on, in ascending order; empty if the kernel does not tell.
pub fn allowed_cpus() -> Vec<u16> {
    let mut cpus: Vec<u16> = core_affinity::get_core_ids()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|core| u16::try_from(core.id).ok())
        .collect();
    cpus.sort_unstable();
    cpus
}

/// Pins the calling thread to `cpu`. False if the kernel refused.
pub fn pin_to(cpu: u16) -> bool {
    core_affinity::set_for_current(CoreId { id: usize::from(cpu) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_a_thread_to_an_allowed_cpu() {
        let cpus = allowed_cpus();
        let last = *cpus.last().expect("a test runs on some CPU");
        let seen = std::thread::spawn(move || {
            assert!(pin_to(last));
            allowed_cpus()
        });
        assert_eq!(seen.join().expect("the thread does not panic"), [last]);
    }
}
