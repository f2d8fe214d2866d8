//! What the gateway wants to know of a certificate: names, times, subject, and the field it is passed on in.
//!
//! Owns the reading of single values. Whether a certificate is to be believed is rustls's to say.

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Longest text of a subject that is kept.
const SUBJECT_BYTES_MAX: usize = 256;

/// Most names of a kind that are kept.
const NAMES_MAX: usize = 32;
/// Longest name that is kept; RFC 5280 bounds the common name at 64 characters, and a URI at nothing.
const NAME_BYTES_MAX: usize = 512;

/// The certificate that the other side has proved to be its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Distinguished name, as text.
    pub subject: String,
    /// The value of `Client-Cert` (RFC 9440 2.2): a byte sequence of the DER encoding.
    pub field: Vec<u8>,
    /// Common name of the subject; none if there is not exactly one.
    pub common_name: Option<String>,
    /// DNS names, in lower case.
    pub dns: Vec<String>,
    /// URIs.
    pub uris: Vec<String>,
    /// Email addresses.
    pub emails: Vec<String>,
    /// SHA-256 of the DER encoding.
    pub fingerprint: [u8; 32],
    /// Seconds since 1970 from which on it is valid.
    pub not_before_s: u64,
    /// Seconds since 1970 after which it is not valid any more.
    pub not_after_s: u64,
}

impl PeerCertificate {
    /// Reads what is needed of a certificate that has been verified.
    pub fn read(der: &CertificateDer<'_>) -> Self {
        let mut field = vec![b':'];
        base64(der, &mut field);
        field.push(b':');
        let mut read = Self { field, fingerprint: Sha256::digest(der).into(), ..Self::default() };
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return read };
        let mut subject = certificate.subject().to_string();
        let end = (0..=SUBJECT_BYTES_MAX.min(subject.len())).rev().find(|&end| subject.is_char_boundary(end));
        subject.truncate(end.unwrap_or(0));
        read.subject = subject;
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        read.not_before_s = seconds(certificate.validity().not_before.timestamp());
        read.not_after_s = seconds(certificate.validity().not_after.timestamp());
        let mut common = certificate.subject().iter_common_name();
        // Which of two would count is not agreed upon, so neither does.
        if let (Some(one), None) = (common.next(), common.next()) {
            read.common_name = one.as_str().ok().and_then(kept);
        }
        if let Ok(Some(extension)) = certificate.subject_alternative_name() {
            for name in &extension.value.general_names {
                let (list, text) = match name {
                    GeneralName::DNSName(text) => (&mut read.dns, kept(&text.to_ascii_lowercase())),
                    GeneralName::URI(text) => (&mut read.uris, kept(text)),
                    GeneralName::RFC822Name(text) => (&mut read.emails, kept(text)),
                    _ => continue,
                };
                list.extend(text.filter(|_| list.len() < NAMES_MAX));
            }
        }
        read
    }
}

/// A name as it may be shown and passed on; one with control characters is none.
fn kept(text: &str) -> Option<String> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    is_name.then(|| text.to_owned())
}

/// What an operator needs to know of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Names it is for, lower case; `*.example.com` among them. Addresses as text.
    pub names: Vec<String>,
    /// Seconds since 1970 from which on it is valid.
    pub not_before: i64,
    /// Seconds since 1970 after which it is not valid any more.
    pub not_after: i64,
}

impl Description {
    /// None if it is not a certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let extension = certificate.subject_alternative_name().ok().flatten();
        let names =
            extension.map(|extension| extension.value.general_names.iter().filter_map(name).collect());
        let validity = certificate.validity();
        Some(Self {
            names: names.unwrap_or_default(),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|it| std::net::Ipv4Addr::from(it).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|it| std::net::Ipv6Addr::from(it).to_string()),
        },
        _ => None,
    }
}

/// RFC 4648 section 4, padded.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(group.get(at).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= group.len() { digit } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = Vec::new();
        base64(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn encodes_the_examples_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encoded(plain), text);
        }
    }

    #[test]
    fn reads_who_a_client_is() {
        use rcgen::{CertificateParams, DnType, KeyPair, SanType};
        let mut params = CertificateParams::new(vec!["Orders.internal".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "orders");
        let uri = "spiffe://example.org/ns/prod/sa/orders";
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("ops@example.org".try_into().unwrap()));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = PeerCertificate::read(made.der());
        assert_eq!(read.common_name.as_deref(), Some("orders"));
        assert_eq!(
            (&read.dns[..], &read.uris[..]),
            (&["orders.internal".to_owned()][..], &[uri.to_owned()][..])
        );
        assert_eq!(read.emails, ["ops@example.org"]);
        assert_eq!(read.fingerprint, <[u8; 32]>::from(Sha256::digest(made.der())));
        assert!(read.not_before_s < read.not_after_s && read.field.len() > 2);
    }

    #[test]
    fn reads_names_and_times() {
        let names = vec!["Api.example.com".to_owned(), "*.example.com".to_owned(), "192.0.2.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let description = Description::read(made.cert.der()).unwrap();
        assert_eq!(description.names, ["api.example.com", "*.example.com", "192.0.2.1"]);
        assert!(description.not_before < description.not_after);
        assert_eq!(Description::read(b"no certificate"), None);
    }
}
