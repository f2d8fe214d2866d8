//! Keys as they stand in files, and the set of all that are taken.
//!
//! A row holds the hash of a key and what is known of its owner; the key itself is nowhere. A set is made by control and
//! never altered: what changes is published as another one.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::text::{KeyHash, Shape, is_id};
use crate::config::diagnostic::Report;
use crate::config::parse::parse;
use crate::config::source::Sources;
use crate::config::tree::Value;

/// Largest file of keys: some ten thousand rows.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Most keys of one authenticator. Each takes one to two kilobytes, with what control keeps of it.
pub const KEYS_MAX: usize = 100_000;
/// Longest text of a row's values, in bytes: they become fields and labels of others.
const TEXT_BYTES_MAX: usize = 256;
/// Most scopes or roles of a row.
const LIST_MAX: usize = 64;

/// One key, as it stands in a file under its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// SHA-256 of the whole key, `sha256:` and 64 hexadecimal digits.
    pub hash: KeyHash,
    /// Whose key it is; the subject of its requests.
    pub owner: String,
    /// Tenant of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Plan of the owner, as limits by plan know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What the key is good for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What its owner is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// From when on it is not taken any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Not taken for the time being.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl KeyRow {
    /// What is wrong with its values, in words.
    ///
    /// # Errors
    /// A sentence without its subject.
    pub fn check(&self) -> Result<(), String> {
        if self.owner.is_empty() {
            return Err("`owner` is empty".to_owned());
        }
        let single = [
            ("owner", Some(&self.owner)),
            ("tenant", self.tenant.as_ref()),
            ("plan", self.plan.as_ref()),
            ("note", self.note.as_ref()),
        ];
        let single = single.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let lists = [("scopes", &self.scopes), ("roles", &self.roles)];
        for (name, list) in lists {
            if list.len() > LIST_MAX {
                return Err(format!("`{name}` has more than {LIST_MAX} entries"));
            }
            // RFC 6749 3.3: scopes are told apart by spaces, and roles are written beside them.
            if list.iter().any(|text| text.is_empty() || text.contains(' ')) {
                return Err(format!("an entry of `{name}` is empty or has a space"));
            }
        }
        let listed = lists.into_iter().flat_map(|(name, list)| list.iter().map(move |text| (name, text)));
        for (name, text) in single.chain(listed) {
            if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
                return Err(format!(
                    "`{name}` is longer than {TEXT_BYTES_MAX} bytes or not one line of text"
                ));
            }
        }
        Ok(())
    }
}

/// The rows of a file, in their order.
///
/// # Errors
/// What is wrong, without any value of the file: somebody may have written a key where its hash belongs.
pub fn read_file(name: &str, text: &str) -> Result<Vec<(String, KeyRow)>, String> {
    let mut sources = Sources::default();
    let Some(file) = sources.add(name, text.to_owned()) else { return Err("is too large".to_owned()) };
    let mut report = Report::new(&sources);
    let tree = parse(file, &mut report);
    let faults = &report.diagnostics;
    let Some(tree) = tree.filter(|_| !faults.has_errors()) else {
        let line = faults.iter().find_map(|fault| fault.place.as_ref()).map(|place| place.line);
        let place = line.map_or_else(String::new, |line| format!(", in line {line}"));
        return Err(format!("is not YAML with every id once{place}"));
    };
    if !matches!(tree.value, Value::Mapping(_) | Value::Null) {
        return Err("is not a mapping of ids to keys".to_owned());
    }
    let mut rows = Vec::new();
    for (id, node) in tree.entries() {
        let line = id.mark.line;
        if !is_id(&id.text) {
            return Err(format!("line {line}: an id is letters, digits and `-`, at most 64 of them"));
        }
        if !matches!(node.value, Value::Mapping(_)) {
            return Err(format!("line {line}: `{}` is not a mapping with `hash` and `owner`", id.text));
        }
        let row: Result<KeyRow, _> = serde_path_to_error::deserialize(node.to_json());
        let row = row.map_err(|error| told(&error));
        let row = row.and_then(|row| row.check().map(|()| row));
        rows.push((id.text.clone(), row.map_err(|reason| format!("line {line}: `{}`: {reason}", id.text))?));
    }
    Ok(rows)
}

/// An error of serde without the value it is about.
fn told(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let reason = error.inner().to_string();
    if reason.starts_with("invalid") { format!("`{}` has a wrong value", error.path()) } else { reason }
}

/// All keys that an authenticator takes.
#[derive(Debug, Default)]
pub struct ApiKeys {
    rows: Vec<(String, KeyRow)>,
    by_id: HashMap<Box<str>, usize, RandomState>,
    by_hash: HashMap<KeyHash, usize, RandomState>,
    /// Places of those that are taken no more.
    revoked: HashSet<usize, RandomState>,
    /// There may be others that nobody could read yet.
    is_partial: bool,
}

/// What a presented text turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The key of the row at this place.
    Row(usize),
    /// Nobody's.
    Unknown,
    /// One of ours with a typing error.
    Mistyped,
    /// No key at all.
    Bad,
}

impl ApiKeys {
    /// The set of these.
    ///
    /// # Errors
    /// When an id or a key stands twice, or there are too many.
    pub fn new(rows: Vec<(String, KeyRow)>) -> Result<Self, String> {
        if rows.len() > KEYS_MAX {
            return Err(format!("there are more than {KEYS_MAX} keys"));
        }
        let mut set = Self { rows, ..Self::default() };
        for (place, (id, row)) in set.rows.iter().enumerate() {
            if set.by_id.insert(id.as_str().into(), place).is_some() {
                return Err(format!("the id `{id}` stands twice"));
            }
            if let Some(other) = set.by_hash.insert(row.hash, place) {
                return Err(format!("`{}` and `{id}` are the same key", set.rows[other].0));
            }
        }
        Ok(set)
    }

    /// Finds the row of a presented key. Known or not, it costs one hash, two lookups and one comparison in constant
    /// time, so that how long it takes does not tell which ids there are.
    pub fn find(&self, text: &[u8]) -> Lookup {
        let shape = Shape::of(text);
        if shape == Shape::Bad {
            return Lookup::Bad;
        }
        let hash = KeyHash::of(text);
        let id = if let Shape::Own(id) = shape { id } else { "" };
        let (by_id, by_hash) = (self.by_id.get(id), self.by_hash.get(&hash));
        let place = by_id.or(by_hash).copied();
        let expected = place.map_or(&KeyHash::NOBODY, |place| &self.rows[place].1.hash);
        match (expected.equals(&hash), place) {
            (true, Some(place)) => Lookup::Row(place),
            _ if shape == Shape::Mistyped => Lookup::Mistyped,
            _ => Lookup::Unknown,
        }
    }

    /// With the keys of these ids taken no more: known, so that their owners can be told.
    #[must_use]
    pub fn revoking<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.revoked = ids.into_iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        self
    }

    /// Whether the key at this place is taken no more.
    pub fn is_revoked(&self, place: usize) -> bool {
        self.revoked.contains(&place)
    }

    /// Without those of a file that could never be read, or before anything was.
    #[must_use]
    pub fn partial(self) -> Self {
        Self { is_partial: true, ..self }
    }

    /// Whether an unknown key may yet turn out to be known.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// All rows with their ids; places are those of [`Lookup::Row`].
    pub fn rows(&self) -> &[(String, KeyRow)] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::auth::api_key::text::make;

    fn key(id: &str) -> String {
        let mut next = id.len() as u8;
        make(id, &mut |bytes| {
            for byte in bytes {
                next = next.wrapping_mul(5).wrapping_add(3);
                *byte = next;
            }
        })
    }

    fn line(id: &str, key: &str, more: &str) -> String {
        format!("{id}: {{hash: '{}', owner: acme{more}}}\n", KeyHash::of(key.as_bytes()))
    }

    #[test]
    fn reads_rows_and_finds_own_and_foreign_keys() {
        let (own, foreign) = (key("acme-1"), "sk_live_0123456789abcdef0123");
        let more = ", tenant: t1, plan: gold, scopes: ['orders:read'], roles: [ops], expires: 2030-01-01, \
            disabled: true, note: 'for tests'";
        let text = line("acme-1", &own, more) + &line("imported", foreign, "");
        let rows = read_file("keys.yaml", &text).unwrap();
        let (id, row) = &rows[0];
        assert_eq!((id.as_str(), row.owner.as_str(), row.plan.as_deref()), ("acme-1", "acme", Some("gold")));
        assert_eq!((row.expires, row.disabled), (Some(Moment(1_893_456_000)), true));
        let keys = ApiKeys::new(rows).unwrap();
        assert_eq!(keys.find(own.as_bytes()), Lookup::Row(0));
        assert_eq!(keys.find(foreign.as_bytes()), Lookup::Row(1));
        assert_eq!(keys.find(key("other").as_bytes()), Lookup::Unknown);
        assert_eq!(keys.find(b"sk_live_0123456789abcdef0124"), Lookup::Unknown);
        assert_eq!(keys.find(&own.as_bytes()[..own.len() - 1]), Lookup::Mistyped);
        assert_eq!(keys.find(b"with space"), Lookup::Bad);
    }

    #[test]
    fn the_id_alone_is_not_the_key() {
        let rows = read_file("k", &line("acme", &key("acme"), "")).unwrap();
        let keys = ApiKeys::new(rows).unwrap();
        let mut next = 99u8;
        let other = make("acme", &mut |bytes| {
            next = next.wrapping_add(7);
            bytes[0] = next;
        });
        assert_eq!(Shape::of(other.as_bytes()), Shape::Own("acme"));
        assert_eq!(keys.find(other.as_bytes()), Lookup::Unknown);
    }

    #[test]
    fn a_broken_file_is_told_without_what_stands_in_it() {
        let secret = key("s");
        for (text, why) in [
            (format!("a: {secret}\n"), "is not a mapping with"),
            (format!("a: {{hash: {secret}, owner: x}}\n"), "a hash is `sha256:`"),
            (format!("a: {{hash: 5, owner: {secret}}}\n"), "`hash` has a wrong value"),
            (format!("[{secret}]\n"), "not a mapping of ids"),
            (format!("{secret}: {{}}\n"), "an id is letters"),
            ("a: {owner: x}\n".to_owned(), "missing field `hash`"),
            (line("a", &secret, ", plam: gold"), "unknown field `plam`"),
            (line("a", &secret, ", expires: tomorrow"), "a moment is written"),
            (line("a", &secret, ", scopes: ['a b']"), "has a space"),
            (line("a", &secret, "") + &line("a", "other", ""), "every id once, in line 2"),
            ("a: [\n".to_owned(), "is not YAML"),
        ] {
            let told = read_file("k", &text).unwrap_err();
            assert!(told.contains(why) && !told.contains(&secret), "{told}");
        }
        assert_eq!(read_file("k", ""), Ok(Vec::new()));
    }

    #[test]
    fn the_same_key_or_id_in_two_files_is_refused() {
        let rows = |id: &str, text: &str| read_file("k", &line(id, text, "")).unwrap();
        let twice = [rows("a", "one"), rows("b", "one")].concat();
        assert_eq!(ApiKeys::new(twice).unwrap_err(), "`a` and `b` are the same key");
        let twice = [rows("a", "one"), rows("a", "two")].concat();
        assert_eq!(ApiKeys::new(twice).unwrap_err(), "the id `a` stands twice");
    }
}
