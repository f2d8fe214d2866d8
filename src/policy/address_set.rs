//! Sets of addresses: sorted ranges that a lookup finds by halving, whatever their number.
//!
//! IPv4 and IPv6 are kept apart, so that a million IPv4 ranges are 8 MB. Made on control, from the configuration or from a
//! file with a range a line; never changed.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::str::FromStr;

use ipnet::IpNet;

use crate::config::units::AddressRange;
use crate::shared::Frozen;

/// Most bytes of a file: about ten million ranges.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// IPv4 addresses as IPv6 has them.
const MAPPED: std::ops::RangeInclusive<u128> = 0xffff_0000_0000..=0xffff_ffff_ffff;

/// Sorted, merged ranges of addresses.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AddressSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

/// What is wrong with a file of ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFault {
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for ListFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.reason),
            line => write!(f, "line {line}: {}", self.reason),
        }
    }
}

/// A file of ranges, as it is kept current.
#[derive(Debug, Default)]
pub struct AddressList {
    /// What it has, or had when it was last in order.
    pub set: Frozen<AddressSet>,
    /// Ranges in it as they are written.
    pub entries: usize,
    /// When it was last read and in order, in seconds since 1970; 0 for never.
    pub read_s: u64,
    /// How often it was found to be out of order.
    pub failures: u64,
    /// True if the file as it is now could not be taken.
    pub is_stale: bool,
}

impl AddressSet {
    /// Compiles a list.
    pub fn new<'a>(ranges: impl IntoIterator<Item = &'a AddressRange>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range.net() {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => {
                    let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                    // A wide range may take in what comes as IPv4.
                    if first <= *MAPPED.start() && last >= *MAPPED.end() {
                        v4.push((0, u32::MAX));
                    }
                    v6.push((first, last));
                }
            }
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }

    /// Reads a file: a range or an address a line, `#` or `;` before what is not meant.
    ///
    /// # Errors
    /// With the first line that is not right. A list with a hole in it is no list.
    pub fn read(path: &Path) -> Result<(Self, usize), ListFault> {
        let whole = |reason: String| ListFault { line: 0, reason };
        let file = File::open(path).map_err(|error| whole(error.to_string()))?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| whole(error.to_string()))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(whole(format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        Self::parse(&text)
    }

    /// The same from text.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse(text: &str) -> Result<(Self, usize), ListFault> {
        let mut ranges = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split(['#', ';']).next().unwrap_or_default().trim();
            if !line.is_empty() {
                let range = AddressRange::from_str(line);
                ranges.push(range.map_err(|error| ListFault { line: at + 1, reason: error.reason })?);
            }
        }
        Ok((Self::new(&ranges), ranges.len()))
    }

    /// True if it has this address.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match addr.to_canonical() {
            IpAddr::V4(addr) => has(&self.v4, Ipv4Addr::to_bits(addr)),
            IpAddr::V6(addr) => has(&self.v6, addr.to_bits()),
        }
    }

    /// How many ranges it has, after merging.
    pub fn ranges(&self) -> usize {
        self.v4.len() + self.v6.len()
    }
}

impl AddressList {
    /// As a file is now.
    ///
    /// # Errors
    /// See [`AddressSet::read`].
    pub fn read(path: &Path, now_s: u64) -> Result<Self, ListFault> {
        let (set, entries) = AddressSet::read(path)?;
        Ok(Self { set: Frozen::new(set), entries, read_s: now_s, failures: 0, is_stale: false })
    }

    /// The same list, of which the file is not in order any more.
    #[must_use]
    pub fn stale(&self) -> Self {
        let Self { set, entries, read_s, failures, .. } = self;
        Self { set: set.clone(), entries: *entries, read_s: *read_s, failures: failures + 1, is_stale: true }
    }
}

fn has<N: Ord + Copy>(ranges: &[(N, N)], number: N) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= number);
    after > 0 && number <= ranges[after - 1].1
}

/// Sorted, and what overlaps made one.
fn merged<N: Ord + Copy>(mut ranges: Vec<(N, N)>) -> Box<[(N, N)]> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let overlaps = next.0 <= before.1;
        if overlaps {
            before.1 = before.1.max(next.1);
        }
        overlaps
    });
    ranges.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[&str]) -> AddressSet {
        let ranges: Vec<AddressRange> =
            ranges.iter().map(|text| text.parse().expect("a valid range")).collect();
        AddressSet::new(&ranges)
    }

    fn addr(text: &str) -> IpAddr {
        text.parse().expect("a valid address")
    }

    #[test]
    fn finds_addresses_in_overlapping_and_adjacent_ranges() {
        let set = set(&["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
        for inside in
            ["10.0.0.0", "10.255.255.255", "11.3.4.5", "192.0.2.7", "2001:db8::1", "::ffff:10.0.0.1"]
        {
            assert!(set.contains(addr(inside)), "{inside}");
        }
        for outside in ["9.255.255.255", "12.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db9::", "::10.0.0.1"] {
            assert!(!set.contains(addr(outside)), "{outside}");
        }
        assert_eq!(set.ranges(), 4, "what lies in another is no range of its own");
    }

    #[test]
    fn an_ipv4_range_does_not_take_in_ipv6() {
        assert!(!set(&["0.0.0.0/0"]).contains(addr("2001:db8::1")));
        assert!(set(&["::/0"]).contains(addr("192.0.2.1")));
        assert!(!set(&["2001::/16"]).contains(addr("192.0.2.1")));
    }

    #[test]
    fn reads_a_range_a_line() {
        let (set, entries) =
            AddressSet::parse("# known bad\n\n10.0.0.0/8\r\n  192.0.2.7 # one\n2001:db8::/32 ; SBL1\n")
                .unwrap();
        assert_eq!((entries, set.ranges()), (3, 3));
        assert!(set.contains(addr("192.0.2.7")));
        assert_eq!(AddressSet::parse(""), Ok((AddressSet::default(), 0)));
    }

    #[test]
    fn one_bad_line_spoils_a_list() {
        for (text, line) in
            [("10.0.0.0/8\n10.0.0\n", 2), ("10.0.0.1/8", 1), ("example.com", 1), ("10.0.0.0-10.0.0.9", 1)]
        {
            assert_eq!(AddressSet::parse(text).map_err(|fault| fault.line), Err(line), "{text}");
        }
    }

    #[test]
    fn a_million_ranges_are_found() {
        let ranges: Vec<AddressRange> = (0..1_000_000_u32)
            .map(|at| format!("{}/32", Ipv4Addr::from_bits(at * 4096 + 7)).parse().expect("a valid range"))
            .collect();
        let set = AddressSet::new(&ranges);
        for at in (0..1_000_000_u32).step_by(9_973) {
            assert!(set.contains(Ipv4Addr::from_bits(at * 4096 + 7).into()));
            assert!(!set.contains(Ipv4Addr::from_bits(at * 4096 + 8).into()));
        }
    }
}
