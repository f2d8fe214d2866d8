//! Fields of a head: names and values in the order they came (RFC 9110 5).
//!
//! Owns a copy of the bytes and where names and values lie in it. Made to be reused: `clear` keeps the storage.
//! Removed fields leave their bytes behind and appended ones add theirs at the end, until the next `clear`. Values
//! are passed on as they came; nothing here decides what a field means.

use memchr::memchr3;

use super::ascii::{self, is_token};
pub use super::field_id::{FieldId, IdSet};
use super::list::Elements;

/// A stretch of bytes, in offsets from the start of whatever owns them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

impl Span {
    /// From `start` up to `end`. Heads are limited to far less than 4 GiB.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && u32::try_from(end).is_ok());
        Span { start: start as u32, end: end as u32 }
    }

    /// The bytes of this span in their owner.
    ///
    /// # Panics
    /// With bytes other than those it was made for.
    #[inline]
    pub fn of(self, owner: &[u8]) -> &[u8] {
        &owner[self.start as usize..self.end as usize]
    }
}

/// Whether a field of this name is read as one called `known` by services that take `_` for `-`, as CGI and its heirs
/// do. Case does not matter.
pub fn reads_as(name: &[u8], known: &[u8]) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == known.len() && name.iter().zip(known).all(|(a, b)| plain(*a) == plain(*b))
}

/// Fields in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    list: Vec<Field>,
    /// A bit for every id that may be in the list: asking for an absent field, which policies mostly do, is one test.
    seen: u64,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    id: FieldId,
    /// `name: value` and its line end stand just so. May be false although they do.
    is_plain: bool,
    name: Span,
    value: Span,
}

/// One field line, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldRef<'a> {
    /// What the name is known as.
    pub id: FieldId,
    /// The name as sent.
    pub name: &'a [u8],
    /// The value without the white space around it.
    pub value: &'a [u8],
}

impl Fields {
    /// What all names and values are parts of.
    pub(super) fn storage(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it and keeps the storage.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
        self.seen = 0;
    }

    /// Gives storage beyond `bytes` back: one large message should not weigh on a connection for ever.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
        self.list.shrink_to(bytes / 32);
    }

    /// Whether there are no fields.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many field lines there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Every field line in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = FieldRef<'_>> + Clone {
        self.list.iter().map(|field| self.borrow(field))
    }

    /// Whether a line with one of these ids may be there.
    #[inline]
    pub fn may_have(&self, ids: IdSet) -> bool {
        self.seen & ids.bits() != 0
    }

    /// Whether one line has this id, and this value.
    #[inline]
    pub fn is_solely(&self, id: FieldId, value: &[u8]) -> bool {
        let mut all = self.all(id);
        all.next() == Some(value) && all.next().is_none()
    }

    /// Value of the first line with this id.
    #[inline]
    pub fn first(&self, id: FieldId) -> Option<&[u8]> {
        self.all(id).next()
    }

    /// Values of every line with this id.
    #[inline]
    pub fn all(&self, id: FieldId) -> impl Iterator<Item = &[u8]> + Clone {
        let list = if self.seen & id.bit() == 0 { &[] } else { &self.list[..] };
        list.iter().filter(move |field| field.id == id).map(|field| field.value.of(&self.bytes))
    }

    /// How many lines have this id.
    #[inline]
    pub fn count(&self, id: FieldId) -> usize {
        self.all(id).count()
    }

    /// Value of the first line of this name, in any case.
    #[inline]
    pub fn first_named(&self, name: &[u8]) -> Option<&[u8]> {
        self.all_named(name).next()
    }

    /// Values of every line of this name, in any case.
    #[inline]
    pub fn all_named<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
        let id = FieldId::recognise(name);
        let list = if self.seen & id.bit() == 0 { &[] } else { &self.list[..] };
        list.iter()
            .filter(move |field| self.is_named(field, id, name))
            .map(|field| field.value.of(&self.bytes))
    }

    /// Elements of the comma-separated list that every line with this id together make (RFC 9110 5.3, 5.6.1),
    /// without white space around them. Empty elements are skipped; commas within quoted strings do not separate.
    #[inline]
    pub fn list_tokens(&self, id: FieldId) -> impl Iterator<Item = &[u8]> + Clone {
        self.all(id).flat_map(Elements::new)
    }

    /// Whether an element of the list is `token`, in any case.
    #[inline]
    pub fn has_token(&self, id: FieldId, token: &str) -> bool {
        self.list_tokens(id).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Adds a line at the end.
    ///
    /// CR, LF and NUL in the value become spaces, as RFC 9110 5.5 has it, so that no value, wherever it was taken
    /// from, can end its line. A name that is not a token is not added: `false`.
    pub fn append(&mut self, name: &[u8], value: &[u8]) -> bool {
        if !is_token(name) {
            return false;
        }
        let field = self.store(name, value);
        self.list.push(field);
        true
    }

    /// Replaces every line of this name by one, where the first of them stood, or adds it at the end. Value and name
    /// as with [`Fields::append`].
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let id = FieldId::recognise(name);
        let list = if self.seen & id.bit() == 0 { &[] } else { &self.list[..] };
        let Some(at) = list.iter().position(|field| self.is_named(field, id, name)) else {
            return self.append(name, value);
        };
        let field = self.store(name, value);
        self.list[at] = field;
        let bytes = &self.bytes;
        let mut place = 0;
        self.list.retain(|field| {
            place += 1;
            place <= at + 1 || field.id != id || !field.name.of(bytes).eq_ignore_ascii_case(name)
        });
        true
    }

    /// Removes every line with this id; with [`FieldId::Other`], every line that is not in the table. Whether there
    /// were any.
    pub fn remove(&mut self, id: FieldId) -> bool {
        if self.seen & id.bit() == 0 {
            return false;
        }
        self.seen &= !id.bit();
        let before = self.list.len();
        self.list.retain(|field| field.id != id);
        self.list.len() < before
    }

    /// Removes every line of this name, in any case. Whether there were any.
    pub fn remove_named(&mut self, name: &[u8]) -> bool {
        match FieldId::recognise(name) {
            FieldId::Other if self.seen & FieldId::Other.bit() == 0 => false,
            FieldId::Other => {
                let before = self.list.len();
                let bytes = &self.bytes;
                self.list.retain(|field| !field.name.of(bytes).eq_ignore_ascii_case(name));
                self.list.len() < before
            }
            id => self.remove(id),
        }
    }

    /// Keeps the lines `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(FieldRef<'_>) -> bool) {
        let bytes = &self.bytes;
        self.list.retain(|field| {
            keep(FieldRef { id: field.id, name: field.name.of(bytes), value: field.value.of(bytes) })
        });
    }

    /// Removes what is meant for one connection only ([`IdSet::HOP_BY_HOP`]) and what Connection nominates (RFC 9110
    /// 7.6.1). Trailer stays, because trailer sections go on.
    ///
    /// A sender cannot nominate away Host, Content-Length, Content-Type or Authorization: those are not its to hide
    /// from the next hop.
    pub fn remove_hop_by_hop(&mut self) {
        const HOP_BY_HOP: u64 = IdSet::HOP_BY_HOP.bits();
        if self.seen & HOP_BY_HOP == 0 {
            return;
        }
        let nominated = if self.seen & FieldId::Connection.bit() == 0 { 0 } else { self.nominated() };
        let gone = HOP_BY_HOP | nominated;
        self.list.retain(|field| field.id.bit() & gone == 0 && field.name.start < field.name.end);
        self.seen &= !gone;
    }

    /// Appends every line whose id is not in `left_out` to `to`, in order. Lines that lie side by side in the usual
    /// spelling go as one piece.
    pub fn write_except(&self, left_out: IdSet, to: &mut Vec<u8>) {
        let mut piece = 0..0;
        for field in self.list.iter().filter(|field| !left_out.contains(field.id)) {
            if !field.is_plain {
                to.extend_from_slice(&self.bytes[piece]);
                let FieldRef { name, value, .. } = self.borrow(field);
                [name, b": ", value, b"\r\n"].into_iter().for_each(|part| to.extend_from_slice(part));
                piece = 0..0;
                continue;
            }
            // Its line end is the two bytes behind the value.
            let line = field.name.start as usize..field.value.end as usize + 2;
            if line.start == piece.end {
                piece.end = line.end;
                continue;
            }
            to.extend_from_slice(&self.bytes[piece]);
            piece = line;
        }
        to.extend_from_slice(&self.bytes[piece]);
    }

    /// Bits of the ids that Connection nominates. Fields without an id are marked by an empty name instead, and if
    /// there are more than [`NOMINATED_MAX`] of those, all of them are taken as nominated.
    fn nominated(&mut self) -> u64 {
        const KEPT: u64 = FieldId::Host.bit()
            | FieldId::ContentLength.bit()
            | FieldId::ContentType.bit()
            | FieldId::Authorization.bit()
            | FieldId::Other.bit();
        let (mut ids, mut others) = (0, 0);
        let Fields { bytes, list, .. } = self;
        for at in 0..list.len() {
            if list[at].id != FieldId::Connection {
                continue;
            }
            let value = list[at].value.of(bytes);
            // Nearly always it is one of these, and nominates nothing that does not go anyway.
            if matches!(value, b"keep-alive" | b"close" | b"Keep-Alive") {
                continue;
            }
            for name in Elements::new(value) {
                match FieldId::recognise(name) {
                    FieldId::Other if name.eq_ignore_ascii_case(b"close") => {}
                    FieldId::Other if others == NOMINATED_MAX => return ids | FieldId::Other.bit(),
                    FieldId::Other => {
                        others += 1;
                        mark(list, bytes, name);
                    }
                    id => ids |= id.bit() & !KEPT,
                }
            }
        }
        ids
    }
}

/// Most fields a Connection field may nominate by name. Without a bound, one head of 32 KiB could ask for millions
/// of comparisons.
const NOMINATED_MAX: usize = 64;

fn mark(list: &mut [Field], bytes: &[u8], name: &[u8]) {
    for field in list {
        if field.id == FieldId::Other && field.name.of(bytes).eq_ignore_ascii_case(name) {
            field.name.end = field.name.start;
        }
    }
}

impl Fields {
    /// Begins anew with a copy of the bytes of a whole field section, to be followed by [`Fields::push_span`].
    #[inline]
    pub(super) fn begin(&mut self, section: &[u8]) {
        self.clear();
        self.bytes.extend_from_slice(section);
    }

    /// Adds a line whose name and value lie in the bytes given to [`Fields::begin`].
    #[inline]
    pub(super) fn push_span(&mut self, name: Span, value: Span) {
        let id = FieldId::recognise(name.of(&self.bytes));
        self.seen |= id.bit();
        self.list.push(Field { id, is_plain: false, name, value });
    }

    /// Adds a line of a known id whose name and value lie in the section that [`Fields::adopt`] is given afterwards.
    /// `is_plain` tells that they stand there as `name: value` and the line end.
    #[inline]
    pub(super) fn push_known(&mut self, id: FieldId, name: Span, value: Span, is_plain: bool) {
        self.seen |= id.bit();
        self.list.push(Field { id, is_plain, name, value });
    }

    /// Ends what [`Fields::clear`] and [`Fields::push_known`] began, with a copy of the section.
    #[inline]
    pub(super) fn adopt(&mut self, section: &[u8]) {
        self.bytes.extend_from_slice(section);
    }

    fn store(&mut self, name: &[u8], value: &[u8]) -> Field {
        let id = FieldId::recognise(name);
        self.seen |= id.bit();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let name = Span::new(start, self.bytes.len());
        self.bytes.extend_from_slice(b": ");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(ascii::trim_ows(value));
        let value = Span::new(start, self.bytes.len());
        let mut at = start;
        while let Some(bad) = memchr3(b'\r', b'\n', 0, &self.bytes[at..]) {
            at += bad;
            self.bytes[at] = b' ';
        }
        self.bytes.extend_from_slice(b"\r\n");
        Field { id, is_plain: true, name, value }
    }

    #[inline]
    fn is_named(&self, field: &Field, id: FieldId, name: &[u8]) -> bool {
        field.id == id && (id != FieldId::Other || field.name.of(&self.bytes).eq_ignore_ascii_case(name))
    }

    #[inline]
    fn borrow(&self, field: &Field) -> FieldRef<'_> {
        FieldRef { id: field.id, name: field.name.of(&self.bytes), value: field.value.of(&self.bytes) }
    }
}

#[cfg(test)]
#[path = "field_tests.rs"]
mod tests;
