//! Lists of revocations as text: a line for each, `#` begins a comment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::revocation::Revocations;

/// Longest name of anything that is revoked.
const NAME_BYTES_MAX: usize = 256;
/// Entries of one list.
pub const ENTRIES_MAX: usize = 1_000_000;

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A token, by `jti`.
    Token,
    /// A session, by `sid`.
    Session,
    /// An API key by its id, or a certificate by its fingerprint.
    Key,
    /// Everything of a subject, or what was issued to it up to a moment.
    Subject,
}

impl Kind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::Key => "key",
            Self::Subject => "subject",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Token, Self::Session, Self::Key, Self::Subject].into_iter().find(|kind| kind.name() == name)
    }
}

/// A list: what is revoked, and for subjects up to which second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(BTreeMap<(Kind, Box<str>), Option<u64>>);

impl List {
    /// Reads a text.
    ///
    /// # Errors
    /// The first line that cannot be read. A list that is understood in part would let somebody in.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut list = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(kind) = words.next() else { continue };
            let wrong = |what: &str| Err(format!("line {number}: {what}"));
            let Some(kind) = Kind::named(kind) else {
                return wrong("begin with token, session, key or subject");
            };
            let Some(name) = words.next() else { return wrong("a name is missing") };
            let until_s = match words.next().map(str::parse::<u64>) {
                Some(Ok(until_s)) if kind == Kind::Subject => Some(until_s),
                Some(_) => return wrong("only a subject may be followed by seconds since 1970"),
                None => None,
            };
            if words.next().is_some() {
                return wrong("there is more than can be read");
            }
            if let Err(reason) = list.add(kind, name, until_s) {
                return wrong(&reason);
            }
        }
        Ok(list)
    }

    /// Adds an entry; a subject that is there is revoked up to the later moment.
    ///
    /// # Errors
    /// When the name cannot be one, or the list is full.
    pub fn add(&mut self, kind: Kind, name: &str, until_s: Option<u64>) -> Result<(), String> {
        let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_name) {
            return Err(format!(
                "a name has 1 to {NAME_BYTES_MAX} characters of ASCII, and neither spaces nor `#`"
            ));
        }
        if self.0.len() >= ENTRIES_MAX {
            return Err(format!("a list has at most {ENTRIES_MAX} entries"));
        }
        let end = self.0.entry((kind, name.into())).or_insert(until_s);
        *end = match (*end, until_s) {
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => None,
        };
        Ok(())
    }

    /// Takes an entry away. False if there is none.
    pub fn remove(&mut self, kind: Kind, name: &str) -> bool {
        self.0.remove(&(kind, name.into())).is_some()
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &str, Option<u64>)> {
        self.0.iter().map(|((kind, name), until_s)| (*kind, &**name, *until_s))
    }

    /// As it is written.
    pub fn text(&self) -> String {
        self.iter()
            .map(|(kind, name, until_s)| match until_s {
                Some(until_s) => format!("{} {name} {until_s}\n", kind.name()),
                None => format!("{} {name}\n", kind.name()),
            })
            .collect()
    }

    /// Adds all of it to what workers look at.
    pub fn add_to(&self, all: &mut Revocations) {
        for (kind, name, until_s) in self.iter() {
            match kind {
                Kind::Token => drop(all.tokens.insert(name.into())),
                Kind::Session => drop(all.sessions.insert(name.into())),
                Kind::Key => drop(all.keys.insert(name.into())),
                Kind::Subject => {
                    let until_s = until_s.unwrap_or(u64::MAX);
                    let end = all.subjects.entry(name.into()).or_insert(until_s);
                    *end = (*end).max(until_s);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives_being_written_and_read() {
        let text = "# who left\nsubject ann 100\nsubject ann 90\nsubject bob\ntoken t-1 # stolen\n\nsession s\nkey k\n";
        let list = List::parse(text).expect("a list");
        assert_eq!(list.text(), "token t-1\nsession s\nkey k\nsubject ann 100\nsubject bob\n");
        assert_eq!(List::parse(&list.text()).as_ref(), Ok(&list));
        let mut all = Revocations::default();
        list.add_to(&mut all);
        assert_eq!((all.len(), all.subjects["ann"], all.subjects["bob"]), (5, 100, u64::MAX));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (text, said) in [
            ("token a\nuser b", "line 2: begin with"),
            ("token", "line 1: a name is missing"),
            ("token a 5", "line 1: only a subject"),
            ("subject a b", "line 1: only a subject"),
            ("subject a 5 6", "line 1: there is more"),
        ] {
            let wrong = List::parse(text).expect_err(text);
            assert!(wrong.starts_with(said), "{wrong}");
        }
    }
}
