//! The credentials of RFC 7617: `Basic` and, in base64, `user:password`.
//!
//! Reads them strictly: base64 in its one canonical form, UTF-8, no control characters. Two ways to write the same
//! password would be two ways to try it.

use super::passwords::{PASSWORD_BYTES_MAX, is_user};
use crate::http::base64::{Decoder, encode, encoded_len};

/// Longest base64 that is looked at: the longest name and password, and the colon.
const TEXT_BYTES_MAX: usize = encoded_len(super::passwords::USER_BYTES_MAX + 1 + PASSWORD_BYTES_MAX);

/// A name and a password.
#[derive(PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub user: String,
    /// Not printed by anybody.
    pub password: String,
}

impl Credentials {
    /// Reads what follows the scheme. None if it is not as it should be.
    pub fn read(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut decoder = Decoder::default();
        decoder.decode(text, &mut bytes).ok().filter(|()| decoder.is_whole())?;
        let mut canonical = Vec::with_capacity(text.len());
        encode(&bytes, &mut canonical);
        if canonical != text {
            return None;
        }
        let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        let is_clean = !password.chars().any(char::is_control) && password.len() <= PASSWORD_BYTES_MAX;
        (is_user(user) && is_clean).then(|| Self { user: user.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(plain: &str) -> Option<(String, String)> {
        let mut text = Vec::new();
        encode(plain.as_bytes(), &mut text);
        Credentials::read(&text).map(|it| (it.user, it.password))
    }

    #[test]
    fn reads_the_examples_of_rfc_7617() {
        let one = Credentials::read(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap();
        assert_eq!((&*one.user, &*one.password), ("Aladdin", "open sesame"));
        let utf8 = Credentials::read(b"dGVzdDoxMjPCow==").unwrap();
        assert_eq!((&*utf8.user, &*utf8.password), ("test", "123\u{a3}"));
        assert_eq!(read("a:b:c"), Some(("a".to_owned(), "b:c".to_owned())), "the first colon separates");
        assert_eq!(read("a:"), Some(("a".to_owned(), String::new())));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_refused() {
        for plain in ["nocolon", ":password", "a\n:b", "a:b\0", "a:b\u{85}", ""] {
            assert_eq!(read(plain), None, "{plain:?}");
        }
        let long = format!("a:{}", "b".repeat(PASSWORD_BYTES_MAX + 1));
        assert_eq!(read(&long), None);
        // `YTpi` is `a:b`.
        for text in
            ["YTpi=", "YTpi ", "YTpj\r\n", "YT-_", "YTo", "YTo=YTpi", "YTp=", "//////8=", "YTpiYg", ""]
        {
            assert!(Credentials::read(text.as_bytes()).is_none(), "{text:?}");
        }
        // The bits that no byte needs have to be zero.
        assert!(Credentials::read(b"YTo=").is_some() && Credentials::read(b"YTp=").is_none());
    }
}
