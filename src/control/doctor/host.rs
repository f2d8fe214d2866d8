//! The machine as files: `/proc`, `/sys`, and what is derived from them.
//!
//! Everything an examination reads goes through here, under a root that tests set to a tree of their own. Tells what
//! is not there from what may not be read.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// A machine.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    process: String,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// This, without white space around it.
    Text(String),
    /// There is no such file.
    Absent,
    /// It is there and may not be read, or not as text.
    Refused(String),
}

impl Host {
    /// The machine whose files are under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), process: "self".to_owned() }
    }

    /// With the limits, CPUs and cgroups of another process than this one.
    pub fn of_process(mut self, pid: u32) -> Self {
        self.process = pid.to_string();
        self
    }

    /// Whether it is this machine, where the kernel can be asked directly.
    pub fn is_here(&self) -> bool {
        self.root.as_os_str() == "/"
    }

    /// Reads a file, by its absolute path on that machine.
    pub fn read(&self, path: &str) -> Reading {
        match fs::read(self.path(path)) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Reading::Text(text.trim().to_owned()),
                Err(_) => Reading::Refused(format!("{path} is no text")),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Reading::Absent,
            Err(error) => Reading::Refused(format!("{path}: {error}")),
        }
    }

    /// The same where the difference does not matter.
    pub fn text(&self, path: &str) -> Option<String> {
        self.read(path).text()
    }

    /// A number in a file of its own.
    pub fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// A file of the process that is looked at: `limits`, `status`, `cgroup`.
    pub fn of_self(&self, file: &str) -> Reading {
        self.read(&format!("/proc/{}/{file}", self.process))
    }

    /// A field of the process's status, such as `Seccomp`.
    pub fn status(&self, field: &str) -> Option<String> {
        let status = self.of_self("status").text()?;
        status.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned()))
    }

    /// Whether the process has this capability (capabilities(7)) in effect.
    pub fn has_capability(&self, bit: u32) -> Option<bool> {
        let effective = u64::from_str_radix(&self.status("CapEff")?, 16).ok()?;
        Some(effective >> bit & 1 == 1)
    }

    /// Names in a folder, sorted; none if it cannot be read.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Where a link leads.
    pub fn link(&self, path: &str) -> Option<String> {
        fs::read_link(self.path(path)).ok()?.into_os_string().into_string().ok()
    }

    /// The folder with links resolved, as a path on that machine.
    pub fn resolved(&self, path: &str) -> Option<String> {
        let (root, full) = (fs::canonicalize(&self.root).ok()?, fs::canonicalize(self.path(path)).ok()?);
        Some(format!("/{}", full.strip_prefix(root).ok()?.to_str()?))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Reading {
    /// What it says, if anything.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Refused(_) => None,
        }
    }
}

/// The kernel's notation of a set of CPUs, `0-2,5`, as a sorted list; empty if it is none.
pub fn cpu_list(text: &str) -> Vec<u16> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else { return Vec::new() };
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

/// The same in the kernel's other notation, a mask in hexadecimal words.
pub fn cpu_mask(text: &str) -> Vec<u16> {
    let digits: Vec<u32> =
        text.trim().replace(',', "").chars().rev().map(|digit| digit.to_digit(16).unwrap_or(0)).collect();
    let cpus = (0..digits.len() * 4).filter(|cpu| digits[cpu / 4] >> (cpu % 4) & 1 == 1);
    cpus.filter_map(|cpu| u16::try_from(cpu).ok()).collect()
}

/// A list in the kernel's notation.
pub fn in_ranges(cpus: &[u16]) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(cpu) => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let ranges = ranges.into_iter();
    let texts: Vec<String> = ranges
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_notations_of_cpus() {
        assert_eq!(cpu_list("0-2,5,7-8"), [0, 1, 2, 5, 7, 8]);
        assert_eq!(cpu_list(""), [0_u16; 0]);
        assert_eq!(cpu_list("none"), [0_u16; 0]);
        assert_eq!(cpu_mask("3"), [0, 1]);
        assert_eq!(cpu_mask("00000001,80000000"), [31, 32]);
        assert_eq!(in_ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }

    #[test]
    fn tells_absent_from_refused() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::at(folder.path());
        assert_eq!(host.read("/proc/x"), Reading::Absent);
        std::fs::create_dir(folder.path().join("proc")).unwrap();
        std::fs::write(folder.path().join("proc/x"), [0xff, 0xfe]).unwrap();
        assert!(matches!(host.read("/proc/x"), Reading::Refused(_)));
        std::fs::write(folder.path().join("proc/x"), " 7 \n").unwrap();
        assert_eq!(host.number("/proc/x"), Some(7));
    }

    #[test]
    fn knows_capabilities_by_their_bit() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/self")).unwrap();
        std::fs::write(folder.path().join("proc/self/status"), "Name:\tx\nCapEff:\t0000000000000400\n")
            .unwrap();
        let host = Host::at(folder.path());
        assert_eq!((host.has_capability(10), host.has_capability(21)), (Some(true), Some(false)));
    }
}
