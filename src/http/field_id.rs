//! Names of fields the gateway acts on, recognised once while a head is parsed.
//!
//! Owns the table name <-> [`FieldId`]. Everything after the parser asks by id: no comparing of names, no hashing.
//! A name that is not in the table is [`FieldId::Other`] and is found by its text. The table has at most 64 rows,
//! because [`super::Fields`] keeps one bit for each.

macro_rules! field_ids {
    ($($id:ident $lower:literal $name:literal)*) => {
        /// A field name the gateway knows, or [`FieldId::Other`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum FieldId {
            /// Any name that is not in the table.
            #[default]
            Other,
            $(#[doc = concat!("`", $name, "`")] $id,)*
        }

        impl FieldId {
            /// Every id but [`FieldId::Other`].
            pub const ALL: &[FieldId] = &[$(FieldId::$id),*];

            /// Their names, lower-cased, at the places of [`FieldId::ALL`].
            const LOWER: &[&[u8]] = &[$($lower),*];

            /// The name as its RFC writes it; empty for [`FieldId::Other`].
            pub const fn name(self) -> &'static str {
                match self {
                    FieldId::Other => "",
                    $(FieldId::$id => $name,)*
                }
            }
        }
    };
}

field_ids! {
    Accept b"accept" "Accept"
    AcceptEncoding b"accept-encoding" "Accept-Encoding"
    AcceptLanguage b"accept-language" "Accept-Language"
    AccessControlRequestHeaders b"access-control-request-headers" "Access-Control-Request-Headers"
    AccessControlRequestMethod b"access-control-request-method" "Access-Control-Request-Method"
    Age b"age" "Age"
    Allow b"allow" "Allow"
    Authorization b"authorization" "Authorization"
    CacheControl b"cache-control" "Cache-Control"
    Connection b"connection" "Connection"
    ContentEncoding b"content-encoding" "Content-Encoding"
    ContentLength b"content-length" "Content-Length"
    ContentType b"content-type" "Content-Type"
    Cookie b"cookie" "Cookie"
    Date b"date" "Date"
    ETag b"etag" "ETag"
    Expect b"expect" "Expect"
    Expires b"expires" "Expires"
    Forwarded b"forwarded" "Forwarded"
    Host b"host" "Host"
    IfMatch b"if-match" "If-Match"
    IfModifiedSince b"if-modified-since" "If-Modified-Since"
    IfNoneMatch b"if-none-match" "If-None-Match"
    IfRange b"if-range" "If-Range"
    IfUnmodifiedSince b"if-unmodified-since" "If-Unmodified-Since"
    KeepAlive b"keep-alive" "Keep-Alive"
    LastModified b"last-modified" "Last-Modified"
    Location b"location" "Location"
    MaxForwards b"max-forwards" "Max-Forwards"
    Origin b"origin" "Origin"
    Pragma b"pragma" "Pragma"
    ProxyAuthenticate b"proxy-authenticate" "Proxy-Authenticate"
    ProxyAuthenticationInfo b"proxy-authentication-info" "Proxy-Authentication-Info"
    ProxyAuthorization b"proxy-authorization" "Proxy-Authorization"
    ProxyConnection b"proxy-connection" "Proxy-Connection"
    Range b"range" "Range"
    Referer b"referer" "Referer"
    RetryAfter b"retry-after" "Retry-After"
    SecWebSocketKey b"sec-websocket-key" "Sec-WebSocket-Key"
    Server b"server" "Server"
    SetCookie b"set-cookie" "Set-Cookie"
    Te b"te" "TE"
    Traceparent b"traceparent" "traceparent"
    Tracestate b"tracestate" "tracestate"
    Trailer b"trailer" "Trailer"
    TransferEncoding b"transfer-encoding" "Transfer-Encoding"
    Upgrade b"upgrade" "Upgrade"
    UserAgent b"user-agent" "User-Agent"
    Vary b"vary" "Vary"
    Via b"via" "Via"
    Warning b"warning" "Warning"
    WwwAuthenticate b"www-authenticate" "WWW-Authenticate"
    XForwardedFor b"x-forwarded-for" "X-Forwarded-For"
    XForwardedHost b"x-forwarded-host" "X-Forwarded-Host"
    XForwardedPort b"x-forwarded-port" "X-Forwarded-Port"
    XForwardedProto b"x-forwarded-proto" "X-Forwarded-Proto"
    XRealIp b"x-real-ip" "X-Real-IP"
    XRequestId b"x-request-id" "X-Request-Id"
}

/// A name as the words that tell it apart: its first and last eight bytes.
#[derive(Clone, Copy)]
struct Words {
    first: u64,
    last: u64,
}

impl Words {
    #[inline]
    const fn of(name: &[u8]) -> Words {
        let (first, last) = match name {
            [] => (0, 0),
            [_, .., _] if name.len() >= 8 => {
                let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else {
                    return Words { first: 0, last: 0 };
                };
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            }
            [_, _, _, _, ..] => {
                let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else {
                    return Words { first: 0, last: 0 };
                };
                (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
            }
            [first, .., last] => {
                let middle = name[name.len() / 2];
                (u64::from_le_bytes([*first, middle, *last, 0, 0, 0, 0, 0]), 0)
            }
            [one] => (*one as u64, 0),
        };
        Words { first, last }
    }

    /// Setting 0x20 lower-cases letters.
    #[inline]
    const fn with(self, cases: Words) -> Words {
        Words { first: self.first | cases.first, last: self.last | cases.last }
    }

    /// 0x20 for each byte but `-`, which CR would become. A word with that set is the lower-cased one of a name if the
    /// word is that of the same name in any case: there are letters and `-` in the table.
    const fn cases(self) -> Words {
        const fn of(word: u64) -> u64 {
            let mut bytes = word.to_le_bytes();
            let mut at = 0;
            while at < 8 {
                bytes[at] = if bytes[at] == b'-' { 0 } else { 0x20 };
                at += 1;
            }
            u64::from_le_bytes(bytes)
        }
        Words { first: of(self.first), last: of(self.last) }
    }

    /// A place in [`SLOTS`]: multiplicative hashing, with a factor that leaves no two names of the table at one place.
    #[inline]
    const fn slot(self, len: usize, factor: u64) -> usize {
        const LOWER: u64 = u64::from_le_bytes([0x20; 8]);
        let mixed = (self.first | LOWER) ^ (self.last | LOWER).rotate_left(23) ^ len as u64;
        (mixed.wrapping_mul(factor) >> (64 - SLOT_BITS)) as usize
    }
}

const SLOT_BITS: u32 = 9;

struct Row {
    words: Words,
    cases: Words,
    len: usize,
    id: FieldId,
}

/// Row zero is nobody's; a free slot points to it.
const ROWS: [Row; FieldId::ALL.len() + 1] = {
    const NOBODY: Row = Row {
        words: Words { first: 0, last: 0 },
        cases: Words { first: 0, last: 0 },
        len: usize::MAX,
        id: FieldId::Other,
    };
    let mut rows = [NOBODY; FieldId::ALL.len() + 1];
    let mut at = 0;
    while at < FieldId::ALL.len() {
        let name = FieldId::LOWER[at];
        let words = Words::of(name);
        let cases = words.cases();
        rows[at + 1] = Row { words: words.with(cases), cases, len: name.len(), id: FieldId::ALL[at] };
        at += 1;
    }
    rows
};

/// The first factor that gives every name a slot of its own, and the slots.
const FACTOR_AND_SLOTS: (u64, [u8; 1 << SLOT_BITS]) = {
    let mut factor: u64 = 0x9e37_79b9_7f4a_7c15;
    'search: loop {
        let mut slots = [0; 1 << SLOT_BITS];
        let mut at = 1;
        while at < ROWS.len() {
            let slot = ROWS[at].words.slot(ROWS[at].len, factor);
            if slots[slot] != 0 {
                factor = factor.wrapping_mul(0xd120_0000_0000_0000 + 0x5851_f42d_4c95).wrapping_add(2) | 1;
                continue 'search;
            }
            slots[slot] = at as u8;
            at += 1;
        }
        break (factor, slots);
    }
};
static ROW_TABLE: [Row; FieldId::ALL.len() + 1] = ROWS;
static SLOTS: [u8; 1 << SLOT_BITS] = FACTOR_AND_SLOTS.1;

impl FieldId {
    /// The id of `name`, in any case (RFC 9110 5.1).
    #[inline]
    pub fn recognise(name: &[u8]) -> FieldId {
        let words = Words::of(name);
        let slot = words.slot(name.len(), const { FACTOR_AND_SLOTS.0 });
        let row = &ROW_TABLE[usize::from(SLOTS[slot])];
        let words = words.with(row.cases);
        let is_same = row.len == name.len() && row.words.first == words.first && row.words.last == words.last;
        if is_same && (name.len() <= 16 || row.id.name().as_bytes().eq_ignore_ascii_case(name)) {
            row.id
        } else {
            FieldId::Other
        }
    }
}

const _: () = assert!(FieldId::ALL.len() < 64, "one bit per id in Fields, and one for Other");

impl FieldId {
    /// The id as a bit, for sets of ids.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Whether a trailer section may not carry this field (RFC 9110 6.5.1): framing, routing, request modifiers,
    /// authentication, response control, content format, and what the gateway itself says about the client.
    pub(super) fn is_forbidden_in_trailers(self) -> bool {
        const ALLOWED: u64 = FieldId::Other.bit() | FieldId::ETag.bit();
        self.bit() & ALLOWED == 0
    }
}

/// A set of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdSet(u64);

impl IdSet {
    /// Fields that are meant for one connection only: RFC 9110 7.6.1 and 11.7, and those that older peers take for such.
    pub const HOP_BY_HOP: IdSet = IdSet::of(&[
        FieldId::Connection,
        FieldId::KeepAlive,
        FieldId::ProxyAuthenticate,
        FieldId::ProxyAuthorization,
        FieldId::ProxyConnection,
        FieldId::Te,
        FieldId::TransferEncoding,
        FieldId::Upgrade,
    ]);

    /// Fields that tell the next hop about the client, the way and the request's id: every proxy writes them itself.
    pub const TELL_THE_WAY: IdSet = IdSet::of(&[
        FieldId::Forwarded,
        FieldId::Via,
        FieldId::XForwardedFor,
        FieldId::XForwardedHost,
        FieldId::XForwardedProto,
        FieldId::XRequestId,
    ]);

    /// These ids.
    pub const fn of(ids: &[FieldId]) -> IdSet {
        let (mut set, mut at) = (0, 0);
        while at < ids.len() {
            set |= ids[at].bit();
            at += 1;
        }
        IdSet(set)
    }

    /// What fields can be known as that services may [read as](super::field::reads_as) one of these names.
    pub fn of_names<N: AsRef<[u8]>>(names: &[N]) -> IdSet {
        let is_meant = |id: &FieldId| {
            names.iter().any(|name| super::field::reads_as(id.name().as_bytes(), name.as_ref()))
        };
        let known = FieldId::ALL.iter().copied().filter(is_meant);
        let other = if names.is_empty() { 0 } else { FieldId::Other.bit() };
        IdSet(known.fold(other, |set, id| set | id.bit()))
    }

    /// The ids of both.
    pub const fn and(self, other: IdSet) -> IdSet {
        IdSet(self.0 | other.0)
    }

    /// Whether `id` is one of them.
    #[inline]
    pub const fn contains(self, id: FieldId) -> bool {
        self.0 & id.bit() != 0
    }

    #[inline]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_every_name_in_any_case() {
        for id in FieldId::ALL.iter().copied() {
            assert_eq!(FieldId::recognise(id.name().as_bytes()), id);
            assert_eq!(FieldId::recognise(id.name().to_ascii_uppercase().as_bytes()), id);
            assert_eq!(FieldId::recognise(id.name().to_ascii_lowercase().as_bytes()), id);
        }
    }

    #[test]
    fn a_name_that_differs_in_one_byte_is_another() {
        for id in FieldId::ALL.iter().copied() {
            let name = id.name().as_bytes();
            for (at, byte) in (0..name.len()).flat_map(|at| (0..=255u8).map(move |byte| (at, byte))) {
                let mut other = name.to_vec();
                other[at] = byte;
                let known = FieldId::ALL.iter().find(|id| id.name().as_bytes().eq_ignore_ascii_case(&other));
                assert_eq!(FieldId::recognise(&other), known.copied().unwrap_or_default(), "{other:?}");
            }
        }
    }

    #[test]
    fn unknown_names_are_other() {
        for name in ["", "x", "hos", "hosts", "content_length", "content-length ", "\0host"] {
            assert_eq!(FieldId::recognise(name.as_bytes()), FieldId::Other, "{name}");
        }
        assert_eq!(FieldId::recognise(&[b'a'; 5000]), FieldId::Other);
    }
}
