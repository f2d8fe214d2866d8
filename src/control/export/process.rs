//! What the kernel knows of this process, for the metrics every exporter has.
//!
//! Reads /proc when asked; what cannot be read is absent. A few tens of microseconds, on the control thread.

use std::fs;

/// A reading of the process.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct ProcessReading {
    /// CPU time of all threads in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Open descriptors.
    pub open_fds: Option<u64>,
    /// Most descriptors it may have open.
    pub fds_max: Option<u64>,
}

impl ProcessReading {
    /// Reads now.
    pub fn take() -> Self {
        Self {
            cpu_seconds: fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)),
            resident_bytes: fs::read_to_string("/proc/self/statm")
                .ok()
                .and_then(|statm| resident_bytes(&statm)),
            // One of them is the folder itself, which is open while it is read.
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| (fds.count() as u64).saturating_sub(1)),
            fds_max: fds_max(),
        }
    }
}

/// proc(5): utime and stime are fields 14 and 15; field 2 may contain spaces and parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / sysconf(libc::_SC_CLK_TCK)? as f64)
}

fn resident_bytes(statm: &str) -> Option<u64> {
    let pages = statm.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?;
    pages.checked_mul(sysconf(libc::_SC_PAGESIZE)?)
}

fn sysconf(name: libc::c_int) -> Option<u64> {
    // SAFETY: takes no pointers.
    u64::try_from(unsafe { libc::sysconf(name) }).ok().filter(|value| *value > 0)
}

fn fds_max() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write of one rlimit.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (result == 0).then_some(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_itself() {
        let file = fs::File::open("/proc/self/stat").unwrap();
        let reading = ProcessReading::take();
        assert!(reading.resident_bytes.unwrap() > 100_000);
        assert!(reading.open_fds.unwrap() >= 4);
        assert!(reading.fds_max.unwrap() >= reading.open_fds.unwrap());
        drop(file);
    }

    #[test]
    fn a_program_name_with_parentheses_confuses_nothing() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 0";
        assert_eq!(cpu_seconds(stat), Some(200.0 / sysconf(libc::_SC_CLK_TCK).unwrap() as f64));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }
}
