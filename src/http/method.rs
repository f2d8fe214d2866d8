//! Request methods (RFC 9110 9, RFC 5789, and QUERY as registered by its draft).
//!
//! Owns the closed set the gateway counts and routes by. A method it does not know is `Other`: its text stays in
//! the request head and is passed on unchanged.

macro_rules! methods {
    ($($name:ident $text:literal)*) => {
        /// A request method. Methods are case-sensitive (RFC 9110 9.1): `get` is [`Method::Other`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`")] $name,)*
            /// Any other token.
            #[default]
            Other,
        }

        impl Method {
            /// Every method, in the order of [`Method::index`].
            pub const ALL: [Method; Method::COUNT] = [$(Method::$name,)* Method::Other];

            /// How many there are, [`Method::Other`] included.
            pub const COUNT: usize = Method::Other as usize + 1;

            /// The method of this text. Says nothing about whether the text is a token.
            #[inline]
            pub fn parse(text: &[u8]) -> Method {
                $(if text == $text.as_bytes() { return Method::$name; })*
                Method::Other
            }

            /// The method's text; `OTHER` for [`Method::Other`]. For labels and logs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Method::$name => $text,)*
                    Method::Other => "OTHER",
                }
            }
        }
    };
}

methods! {
    Get "GET"
    Head "HEAD"
    Post "POST"
    Put "PUT"
    Delete "DELETE"
    Connect "CONNECT"
    Options "OPTIONS"
    Trace "TRACE"
    Patch "PATCH"
    Query "QUERY"
}

impl Method {
    /// Position in [`Method::ALL`], for tables by method.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it asks for nothing to change (RFC 9110 9.2.1). QUERY is safe by its definition.
    pub const fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options | Method::Trace | Method::Query)
    }

    /// Whether sending it twice means the same as once (RFC 9110 9.2.2): PUT, DELETE and the safe ones.
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Method::Put | Method::Delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_parses_back_from_its_name_and_knows_its_place() {
        for (at, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(Method::parse(method.name().as_bytes()), method);
            assert_eq!(method.index(), at);
        }
    }

    #[test]
    fn methods_are_case_sensitive_as_rfc_9110_9_1_says() {
        for text in ["get", "Get", "GETS", "", "PRI", "OTHER"] {
            assert_eq!(Method::parse(text.as_bytes()), Method::Other, "{text}");
        }
    }

    #[test]
    fn idempotent_and_safe_are_as_rfc_9110_9_2_lists_them() {
        let safe: Vec<_> = Method::ALL.iter().filter(|method| method.is_safe()).map(|m| m.name()).collect();
        assert_eq!(safe, ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]);
        let only_idempotent: Vec<_> =
            Method::ALL.iter().filter(|m| m.is_idempotent() && !m.is_safe()).map(|m| m.name()).collect();
        assert_eq!(only_idempotent, ["PUT", "DELETE"]);
    }
}
