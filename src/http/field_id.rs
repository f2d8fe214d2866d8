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

            /// The id of `name`, in any case (RFC 9110 5.1).
            #[inline]
            pub fn recognise(name: &[u8]) -> FieldId {
                let mut lower = [0; NAME_LEN_MAX];
                let Some(lower) = lower.get_mut(..name.len()) else { return FieldId::Other };
                for (to, from) in lower.iter_mut().zip(name) {
                    *to = from.to_ascii_lowercase();
                }
                // The compiler makes a tree of this: first the length, then the bytes that tell names apart.
                match &*lower {
                    $($lower => FieldId::$id,)*
                    _ => FieldId::Other,
                }
            }

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

/// Longest name of the table.
const NAME_LEN_MAX: usize = 30;

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

const _: () = assert!(FieldId::ALL.len() < 64, "one bit per id in Fields, and one for Other");

impl FieldId {
    /// The id as a bit, for sets of ids.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Whether it tells the next hop about the client, the way and the request's id: every proxy writes those itself.
    pub const fn tells_the_way(self) -> bool {
        matches!(
            self,
            FieldId::XForwardedFor
                | FieldId::XForwardedProto
                | FieldId::XForwardedHost
                | FieldId::Forwarded
                | FieldId::Via
                | FieldId::XRequestId
        )
    }

    /// Whether a trailer section may not carry this field (RFC 9110 6.5.1): framing, routing, request modifiers,
    /// authentication, response control, content format, and what the gateway itself says about the client.
    pub(super) fn is_forbidden_in_trailers(self) -> bool {
        const ALLOWED: u64 = FieldId::Other.bit() | FieldId::ETag.bit();
        self.bit() & ALLOWED == 0
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
        let longest = FieldId::ALL.iter().map(|id| id.name().len()).max();
        assert_eq!(longest, Some(NAME_LEN_MAX));
    }

    #[test]
    fn unknown_names_are_other() {
        for name in ["", "x", "hos", "hosts", "content_length", "content-length ", "\0host"] {
            assert_eq!(FieldId::recognise(name.as_bytes()), FieldId::Other, "{name}");
        }
        assert_eq!(FieldId::recognise(&[b'a'; 5000]), FieldId::Other);
    }
}
