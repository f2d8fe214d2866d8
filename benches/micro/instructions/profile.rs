//! What callgrind has written down of one thread: instructions by function.
//!
//! Reads as much of the format as is needed for own costs; callgrind's manual has it under "Callgrind Format
//! Specification".

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

/// Instructions of one thread by function, without what they call.
pub struct Profile {
    total: u64,
    functions: Vec<(String, u64)>,
}

impl Profile {
    /// The profile of the worker among the dumps in `dir`. Its thread is the one that runs the event loop.
    pub fn of_worker(dir: &Path) -> anyhow::Result<Self> {
        let mut profiles = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("out.1-") {
                profiles.push(Self::parse(&fs::read_to_string(entry.path())?));
            }
        }
        profiles.retain(|profile| profile.functions.iter().any(|(name, _)| name.contains("monoio")));
        profiles.into_iter().max_by_key(|profile| profile.total).context("no thread ran the event loop")
    }

    fn parse(text: &str) -> Self {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut own: HashMap<&str, u64> = HashMap::new();
        let mut function = "";
        let mut follows_call = false;
        for line in text.lines() {
            if let Some(named) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
                let (id, name) = named.split_once(' ').unwrap_or((named, ""));
                if !name.is_empty() {
                    names.insert(id, name);
                }
                if line.starts_with("fn=") {
                    function = id;
                }
            } else if line.starts_with("calls=") {
                follows_call = true;
            } else if line.starts_with(['+', '-', '*'])
                || line.starts_with(|first: char| first.is_ascii_digit())
            {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
                // The line behind `calls` is the cost of what was called.
                if !std::mem::take(&mut follows_call) {
                    *own.entry(function).or_default() += cost.unwrap_or(0);
                }
            }
        }
        let name = |id: &str| names.get(id).copied().unwrap_or(id).to_owned();
        let mut functions: Vec<_> = own.into_iter().map(|(id, count)| (name(id), count)).collect();
        functions.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self { total: functions.iter().map(|(_, count)| count).sum(), functions }
    }

    /// Instructions of one of so many exchanges.
    pub fn per_exchange(&self, exchanges: usize) -> u64 {
        self.total / exchanges as u64
    }

    /// The first `count` functions: name, instructions of each exchange, share.
    pub fn costliest(&self, count: usize, exchanges: usize) -> impl Iterator<Item = (String, u64, f64)> {
        self.functions.iter().take(count).map(move |(name, own)| {
            let share = *own as f64 / self.total.max(1) as f64;
            (short(name), own / exchanges as u64, share)
        })
    }
}

/// Without the arguments of types, which fill a line and tell little.
fn short(name: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for (at, letter) in name.char_indices() {
        match letter {
            '<' if at > 0 => depth += 1,
            '>' if depth > 0 && !name[..at].ends_with('-') => depth -= 1,
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}
