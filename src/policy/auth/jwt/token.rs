//! A token's text: three parts and a header (RFC 7515 3.1, RFC 7519 7.2).
//!
//! Owns the splitting and what of the header is looked at. Whatever is read of it is read of the bytes that the signature
//! is over. Keys and addresses of keys in a header are not even read: `jwk`, `jku`, `x5u` and `x5c` are what somebody
//! else says of himself (RFC 8725 3.10).

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::base64url;
use super::json;
use super::reason::Reason;

/// Longest `kid`, in bytes. It is compared with those of the keys and goes nowhere else.
pub const KID_BYTES_MAX: usize = 256;

/// A token in its parts, none of them verified.
#[derive(Debug, Clone, Copy)]
pub struct Compact<'a> {
    header: &'a [u8],
    claims: &'a [u8],
    /// Header and claims as they are signed.
    pub message: &'a [u8],
    /// The signature's text. ASCII.
    pub signature: &'a str,
}

/// What a header says that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How it is said to be signed. Counts for nothing until issuer and key agree.
    pub algorithm: Algorithm,
    /// Which key is said to have signed it.
    pub key_id: Option<String>,
    /// What it is said to be, lower-cased and without `application/` (RFC 7515 4.1.9).
    pub kind: Option<String>,
}

impl<'a> Compact<'a> {
    /// The parts of `text`.
    ///
    /// # Errors
    /// When they are not three (five are an encrypted token), or one is empty.
    pub fn split(text: &'a [u8]) -> Result<Self, Reason> {
        let mut dots = memchr::memchr_iter(b'.', text);
        let (Some(first), Some(second)) = (dots.next(), dots.next()) else { return Err(Reason::Malformed) };
        if dots.next().is_some() {
            let is_encrypted = dots.next().is_some() && dots.next().is_none();
            return Err(if is_encrypted { Reason::Unsupported } else { Reason::Malformed });
        }
        let (header, claims) = (&text[..first], &text[first + 1..second]);
        let signature = std::str::from_utf8(&text[second + 1..]).map_err(|_| Reason::Malformed)?;
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(Reason::Malformed);
        }
        Ok(Self { header, claims, message: &text[..second], signature })
    }

    /// The header.
    ///
    /// # Errors
    /// When it is malformed, or asks for something that is not done here.
    pub fn header(&self) -> Result<Header, Reason> {
        let members = members(self.header)?;
        // RFC 7515 4.1.11: an extension that is critical and not understood. None is. `b64` (RFC 7797) needs `crit`.
        // RFC 8725 3.3, 3.6: nothing nested, nothing compressed, nothing encrypted.
        if ["crit", "zip", "enc", "b64"].iter().any(|name| members.contains_key(*name)) {
            return Err(Reason::Unsupported);
        }
        if text(&members, "cty")?.is_some_and(|content| media_type(content) == "jwt") {
            return Err(Reason::Unsupported);
        }
        let algorithm = text(&members, "alg")?.ok_or(Reason::Malformed)?;
        let key_id = text(&members, "kid")?;
        if key_id.is_some_and(|id| id.len() > KID_BYTES_MAX) {
            return Err(Reason::Malformed);
        }
        Ok(Header {
            algorithm: Algorithm::parse(algorithm).ok_or(Reason::Algorithm)?,
            key_id: key_id.map(str::to_owned),
            kind: text(&members, "typ")?.map(media_type),
        })
    }

    /// The claims. They count once the signature over them is verified.
    ///
    /// # Errors
    /// When they are not a JSON object, or a name is there twice.
    pub fn claims(&self) -> Result<Map<String, Value>, Reason> {
        members(self.claims)
    }

    /// Whether what is signed is base64url at all.
    #[cfg(test)]
    pub(super) fn has_payload(&self) -> bool {
        base64url::decode(self.claims).is_ok()
    }

    /// All members of the header, for showing.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn header_members(&self) -> Result<Map<String, Value>, Reason> {
        members(self.header)
    }
}

fn members(part: &[u8]) -> Result<Map<String, Value>, Reason> {
    let bytes = base64url::decode(part).map_err(|_| Reason::Malformed)?;
    json::object(&bytes).map_err(|_| Reason::Malformed)
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, Reason> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::Malformed),
    }
}

/// A media type as it is compared: RFC 7515 4.1.9 lets `application/` be left out and ignores case.
pub fn media_type(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    lower.strip_prefix("application/").map_or(lower.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str) -> Result<Header, Reason> {
        let text = format!("{}.e30.c2ln", base64url::encode(json.as_bytes()));
        Compact::split(text.as_bytes())?.header()
    }

    #[test]
    fn splits_three_parts_and_signs_the_first_two() {
        let compact = Compact::split(b"aa.bb.cc").unwrap();
        assert_eq!((compact.message, compact.signature), (&b"aa.bb"[..], "cc"));
        for wrong in ["", "a", "a.b", ".b.c", "a..c", "a.b.", "..", "a.b.c.d", "a.b.c.", "a.b.c.d.e.f"] {
            assert_eq!(Compact::split(wrong.as_bytes()).unwrap_err(), Reason::Malformed, "{wrong}");
        }
        assert_eq!(Compact::split(b"a.b.c.d.e").unwrap_err(), Reason::Unsupported);
        assert_eq!(Compact::split(b"a.b.\xff").unwrap_err(), Reason::Malformed);
    }

    #[test]
    fn reads_what_matters_of_a_header_and_nothing_of_foreign_keys() {
        let read =
            header(r#"{"alg":"ES256","typ":"application/AT+JWT","kid":"k","jwk":{"kty":"EC"},"jku":7}"#);
        let expected = Header {
            algorithm: Algorithm::Es256,
            key_id: Some("k".to_owned()),
            kind: Some("at+jwt".to_owned()),
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn refuses_headers_that_want_what_is_not_done() {
        let long = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(KID_BYTES_MAX + 1));
        for (json, reason) in [
            (r#"{"alg":"none"}"#, Reason::Algorithm),
            (r#"{"alg":"nOnE"}"#, Reason::Algorithm),
            (r#"{"alg":"RSA-OAEP"}"#, Reason::Algorithm),
            (r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, Reason::Unsupported),
            (r#"{"alg":"ES256","crit":[]}"#, Reason::Unsupported),
            (r#"{"alg":"ES256","b64":false}"#, Reason::Unsupported),
            (r#"{"alg":"ES256","zip":"DEF"}"#, Reason::Unsupported),
            (r#"{"alg":"ES256","enc":"A128GCM"}"#, Reason::Unsupported),
            (r#"{"alg":"ES256","cty":"JWT"}"#, Reason::Unsupported),
            (r#"{"alg":"ES256","cty":"application/jwt"}"#, Reason::Unsupported),
            (r#"{}"#, Reason::Malformed),
            (r#"{"alg":null}"#, Reason::Malformed),
            (r#"{"alg":["ES256"]}"#, Reason::Malformed),
            (r#"{"alg":"ES256","alg":"HS256"}"#, Reason::Malformed),
            (r#"{"alg":"ES256","kid":7}"#, Reason::Malformed),
            (r#"{"alg":"ES256","typ":{}}"#, Reason::Malformed),
            (&long, Reason::Malformed),
        ] {
            assert_eq!(header(json), Err(reason), "{json}");
        }
    }
}
