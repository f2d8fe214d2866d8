//! Counts of an earlier run: a line for each row, its name and its count.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

/// What the file begins with when this program writes it.
const HEADER: &str = "# Instructions per exchange. Written by `cargo bench --bench instructions -- --write`; benches/README.md tells more.\n";

/// Counts by name of the row.
#[derive(Default)]
pub struct Baseline(BTreeMap<String, u64>);

impl Baseline {
    /// None are known where there is no file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.with_context(|| path.display().to_string())?,
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let counts = lines.map(|line| {
            let (name, count) = line.split_once(' ').with_context(|| format!("not a count: {line}"))?;
            Ok((name.to_owned(), count.trim().parse()?))
        });
        Ok(Self(counts.collect::<anyhow::Result<_>>()?))
    }

    /// The count of a row.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// With these counts instead of its own.
    pub fn with<'a>(mut self, counts: impl Iterator<Item = (&'a str, u64)>) -> Self {
        self.0.extend(counts.map(|(name, count)| (name.to_owned(), count)));
        self
    }

    /// Replaces the file.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let lines = self.0.iter().map(|(name, count)| format!("{name} {count}\n"));
        let text = HEADER.to_owned() + &lines.collect::<String>();
        std::fs::write(path, text).with_context(|| path.display().to_string())
    }
}
