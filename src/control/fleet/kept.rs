//! What has been used of quotas, as far as this host knows: for restarts, for the operator, and for a server that forgets.
//!
//! Counts only grow within a window, so of two counts the larger is right. What has ended is forgotten after a while, so that
//! the last day or month can still be read.

use std::collections::HashMap;

use crate::policy::rate::fleet::{AccountId, Batch, LimitId, Looked};

/// Most accounts that are kept, about 100 bytes each; those beyond live in their workers and on the server alone.
pub const KEPT_MAX: usize = 200_000;

/// How long what has ended can still be read.
const READABLE_MS: u64 = 40 * 86_400_000;

const HEADER: &str = "ringgate quotas 1";

/// Counts by account.
#[derive(Debug, Default)]
pub struct Kept {
    counts: HashMap<AccountId, Count>,
    /// Whether it differs from what was written last.
    pub is_changed: bool,
    /// Accounts that found no place.
    pub dropped: u64,
}

/// What has been used of one account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// How much, by all hosts.
    pub level: f64,
    /// How much there is; 0 if that is not known any more.
    pub size: u64,
    /// When its window ends, in milliseconds since 1970.
    pub ends_unix_ms: u64,
}

impl Kept {
    /// Takes in what is known of an account; only more than before is news.
    pub fn raise(&mut self, id: &AccountId, count: Count) {
        let is_full = self.counts.len() >= KEPT_MAX;
        match self.counts.get_mut(id) {
            Some(known) if known.level >= count.level && known.size == count.size => return,
            Some(known) => {
                let level = known.level.max(count.level);
                *known = Count { level, ..count };
            }
            None if is_full => {
                self.dropped += 1;
                return;
            }
            None => {
                self.counts.insert(*id, count);
            }
        }
        self.is_changed = true;
    }

    /// What is known of an account.
    pub fn level(&self, id: &AccountId) -> f64 {
        self.counts.get(id).map_or(0.0, |count| count.level)
    }

    /// Counts a batch where there is no server. `unix_ms` tells when something ends by the calendar.
    pub fn count(&mut self, batch: &Batch, unix_ms: impl Fn(u64) -> u64) -> Looked {
        let levels = batch.spent.iter().map(|spent| {
            let level = (self.level(&spent.id).max(spent.known) + spent.amount).max(0.0);
            let ends_unix_ms = unix_ms(spent.ends_ms);
            if spent.is_kept {
                // Less than before if something was given back.
                self.counts.entry(spent.id).and_modify(|count| count.level = level);
                self.raise(&spent.id, Count { level, size: spent.size, ends_unix_ms });
                self.is_changed |= spent.amount != 0.0;
            }
            level
        });
        let levels = levels.collect();
        Looked { number: batch.number, hosts: 1, levels }
    }

    /// Everything, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &Count)> {
        self.counts.iter()
    }

    /// Forgets what nobody reads any more.
    pub fn tidy(&mut self, now_unix_ms: u64) {
        let crowded = self.counts.len() >= KEPT_MAX / 4 * 3;
        let keep_ms = if crowded { 0 } else { READABLE_MS };
        let before = self.counts.len();
        self.counts.retain(|_, count| count.ends_unix_ms.saturating_add(keep_ms) >= now_unix_ms);
        self.is_changed |= self.counts.len() != before;
    }

    /// As it is written to disk.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(96 * self.counts.len() + 32);
        text.push_str(HEADER);
        text.push('\n');
        for (id, count) in &self.counts {
            let Count { level, size, ends_unix_ms } = count;
            let line =
                format!("{:016x} {} {} {level} {size} {ends_unix_ms}\n", id.limit.0, hex(&id.key), id.window);
            text.push_str(&line);
        }
        text
    }

    /// From what was written.
    ///
    /// # Errors
    /// With the line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().zip(1..);
        match lines.next() {
            None => return Ok(Self::default()),
            Some((HEADER, _)) => {}
            Some(_) => return Err("line 1: it does not begin as a file of quotas".to_owned()),
        }
        let mut kept = Self::default();
        for (line, number) in lines {
            let (id, count) = entry(line).ok_or_else(|| format!("line {number}: it is not a count"))?;
            kept.counts.insert(id, count);
        }
        Ok(kept)
    }
}

fn entry(line: &str) -> Option<(AccountId, Count)> {
    let mut words = line.split(' ');
    let limit = LimitId(u64::from_str_radix(words.next()?, 16).ok()?);
    let key = unhex(words.next()?)?;
    let window = words.next()?.parse().ok()?;
    let level: f64 = words.next()?.parse().ok()?;
    let size = words.next()?.parse().ok()?;
    let ends_unix_ms = words.next()?.parse().ok()?;
    let is_whole = words.next().is_none() && level.is_finite() && level >= 0.0;
    is_whole.then_some((AccountId { limit, key, window }, Count { level, size, ends_unix_ms }))
}

/// A key as it is shown.
pub fn hex(key: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*key))
}

/// A key as it was shown.
pub fn unhex(text: &str) -> Option<[u8; 16]> {
    let is_key = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key.then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rate::fleet::Spent;

    fn id(key: u8, window: u64) -> AccountId {
        AccountId { limit: LimitId(0xabc), key: [key; 16], window }
    }

    fn batch(key: u8, amount: f64, known: f64) -> Batch {
        let id = id(key, 3);
        let spent = Spent { id, amount, known, size: 10, leak_per_ms: 0.0, ends_ms: 50, is_kept: true };
        Batch { number: 1, spent: vec![spent] }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut kept = Kept::default();
        kept.raise(&id(1, 20_000), Count { level: 12.0, size: 100, ends_unix_ms: 1_728_086_400_000 });
        kept.raise(&id(2, 680), Count { level: 3.5, size: 7, ends_unix_ms: 9 });
        let read = Kept::parse(&kept.to_text()).unwrap();
        assert_eq!(read.counts, kept.counts);
        assert!(!read.is_changed && kept.is_changed);
        assert!(Kept::parse("").unwrap().counts.is_empty());
    }

    #[test]
    fn what_is_cut_or_no_file_of_quotas_is_refused_with_its_line() {
        for (text, line) in [
            ("hello\n", "line 1"),
            ("ringgate quotas 1\n0000000000000abc 01\n", "line 2"),
            ("ringgate quotas 1\n00abc 01010101010101010101010101010101 3 NaN 10 50\n", "line 2"),
            ("ringgate quotas 1\n00abc 01010101010101010101010101010101 3 -1 10 50\n", "line 2"),
            ("ringgate quotas 1\n00abc 01010101010101010101010101010101 3 1 10 50 6\n", "line 2"),
        ] {
            assert!(Kept::parse(text).unwrap_err().contains(line), "{text}");
        }
    }

    #[test]
    fn counts_grow_and_what_a_worker_knew_mends_what_was_lost() {
        let mut kept = Kept::default();
        let looked = kept.count(&batch(1, 4.0, 0.0), |at| at + 1_000);
        assert_eq!((looked.hosts, looked.levels), (1, vec![4.0]));
        assert_eq!(kept.count(&batch(1, 1.0, 90.0), |at| at).levels, [91.0]);
        assert_eq!(kept.count(&batch(1, -1.0, 0.0), |at| at).levels, [90.0]);
        assert_eq!(kept.level(&id(1, 3)), 90.0);
        kept.raise(&id(1, 3), Count { level: 2.0, size: 10, ends_unix_ms: 50 });
        assert_eq!(kept.level(&id(1, 3)), 90.0, "of two counts the larger is right");
    }

    #[test]
    fn what_has_ended_long_ago_is_forgotten() {
        let mut kept = Kept::default();
        kept.raise(&id(1, 1), Count { level: 1.0, size: 1, ends_unix_ms: 1_000 });
        kept.tidy(1_000 + READABLE_MS);
        assert_eq!(kept.counts.len(), 1);
        kept.tidy(1_001 + READABLE_MS);
        assert!(kept.counts.is_empty());
    }

    #[test]
    fn keys_are_shown_as_32_digits() {
        let key = *b"0123456789abcdef";
        assert_eq!(unhex(&hex(&key)), Some(key));
        assert_eq!((unhex("12"), unhex("+1020304050607080910111213141516")), (None, None));
    }
}
