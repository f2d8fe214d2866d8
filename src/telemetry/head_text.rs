//! A request head as it may be kept: the inside of a JSON object, without what is secret.
//!
//! Owns what is hidden beyond the access log's rules: a head is kept with all its fields, so one that merely sounds
//! like a secret is hidden too. Hidden fields and cookies leave a stand-in by which equal ones can be told. Allocates
//! nothing while the buffer has room.

use super::json::write_escaped;
use super::pseudonym::Pseudonyms;
use super::redaction::Redaction;

/// A head as it came.
pub struct HeadText<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The request target.
    pub target: &'a [u8],
    /// True for HTTP/1.0.
    pub is_http10: bool,
}

/// A field as it came.
#[derive(Clone, Copy)]
pub struct FieldText<'a> {
    /// True for a name that the gateway knows; it sounds like what it is.
    pub is_known: bool,
    /// The name.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl HeadText<'_> {
    /// Appends `"method":"GET","target":"/","fields":[["Host","a"]]`.
    pub fn write<'f>(
        &self,
        fields: impl Iterator<Item = FieldText<'f>>,
        redaction: &Redaction,
        pseudonyms: &Pseudonyms,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"\"method\":\"");
        write_escaped(self.method, out);
        out.extend_from_slice(b"\",\"target\":\"");
        redaction.write_url(self.target, out);
        if self.is_http10 {
            out.extend_from_slice(b"\",\"version\":\"HTTP/1.0");
        }
        out.extend_from_slice(b"\",\"fields\":[");
        for (index, field) in fields.enumerate() {
            out.extend_from_slice(if index == 0 { b"[\"" } else { b",[\"" });
            write_escaped(field.name, out);
            out.extend_from_slice(b"\",\"");
            field.write_value(redaction, pseudonyms, out);
            out.extend_from_slice(b"\"]");
        }
        out.push(b']');
    }
}

impl FieldText<'_> {
    fn write_value(&self, redaction: &Redaction, pseudonyms: &Pseudonyms, out: &mut Vec<u8>) {
        let is_suspicious = !self.is_known && (sounds_secret(self.name) || looks_secret(self.value));
        let is_hidden = is_suspicious || redaction.hides_header(self.name);
        if !is_hidden {
            redaction.write_url(self.value, out);
        } else if self.name.eq_ignore_ascii_case(b"cookie") {
            write_cookies(self.value, pseudonyms, out);
        } else {
            let (scheme, secret) = split_scheme(self.value);
            out.extend_from_slice(scheme);
            pseudonyms.write(secret, out);
        }
    }
}

/// Schemes of Authorization that stay, with the space behind them: what they are says how the secret is read.
const SCHEMES: [&[u8]; 4] = [b"basic ", b"bearer ", b"digest ", b"negotiate "];

fn split_scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let known = SCHEMES
        .iter()
        .find(|scheme| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    value.split_at(known.map_or(0, |scheme| scheme.len()))
}

/// Longest name of a cookie that stays. Names are made by services, values by nobody knows whom.
const COOKIE_NAME_BYTES_MAX: usize = 64;

/// Names stay, because routes and balancers go by them; values do not.
fn write_cookies(value: &[u8], pseudonyms: &Pseudonyms, out: &mut Vec<u8>) {
    for (index, pair) in value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).enumerate() {
        if index > 0 {
            out.extend_from_slice(b"; ");
        }
        let is_ordinary = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let name_end = pair.iter().position(|byte| *byte == b'=');
        let name_end =
            name_end.filter(|end| *end <= COOKIE_NAME_BYTES_MAX && pair[..*end].iter().all(is_ordinary));
        let secret = match name_end {
            Some(end) => {
                write_escaped(&pair[..=end], out);
                &pair[end + 1..]
            }
            None => pair,
        };
        pseudonyms.write(secret, out);
    }
}

/// Longest name that is looked at; the values of longer ones are hidden.
const NAME_BYTES_MAX: usize = 64;

/// What names of fields have in them whose values are nobody's business, without `-` and `_`.
const SUSPICIOUS: [&[u8]; 18] = [
    b"token",
    b"secret",
    b"passw",
    b"auth",
    b"session",
    b"cookie",
    b"credential",
    b"signature",
    b"jwt",
    b"key",
    b"clientcert",
    b"email",
    b"userid",
    b"username",
    b"csrf",
    b"xsrf",
    b"from",
    b"otp",
];

/// How a JSON Web Token begins, and whatever else is an object in base64.
const JWT_START: &[u8] = b"eyJ";

/// A credential under a name that says nothing, such as a subprotocol of WebSocket.
pub(super) fn looks_secret(value: &[u8]) -> bool {
    let has = |word: &[u8]| value.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    !split_scheme(value).0.is_empty() || has(b"bearer") || value.windows(3).any(|window| window == JWT_START)
}

pub(super) fn sounds_secret(name: &[u8]) -> bool {
    let mut folded = [0; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in name.iter().filter(|byte| !matches!(byte, b'-' | b'_')) {
        let Some(place) = folded.get_mut(length) else { return true };
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    let folded = &folded[..length];
    SUSPICIOUS.iter().any(|word| folded.windows(word.len()).any(|window| window == *word))
}

#[cfg(test)]
#[path = "head_text_tests.rs"]
mod tests;
