//! Stand-ins for what must not be seen: equal things have equal ones, and nobody can tell what they stand for.
//!
//! Owns a key of this process alone, made at random and never shown; a stand-in of one process means nothing in another.
//! 64 bits of SipHash under that key: enough to tell clients apart, no way back but by asking this process.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::redaction::REDACTED;

/// Makes stand-ins. A clone makes the same ones.
#[derive(Debug, Clone, Default)]
pub struct Pseudonyms(RandomState);

impl Pseudonyms {
    /// Appends the stand-in of a value: `(redacted:0123456789abcdef)`.
    pub fn write(&self, value: &[u8], out: &mut Vec<u8>) {
        let bare = &REDACTED[..REDACTED.len() - 1];
        out.extend_from_slice(bare);
        out.push(b':');
        let hash = self.0.hash_one(value);
        for position in (0..16).rev() {
            out.push(b"0123456789abcdef"[(hash >> (4 * position)) as usize & 15]);
        }
        out.push(b')');
    }

    /// A stand-in in the same network, a /24 or a /48, so that most rules about addresses say of it what they say of
    /// the address. Loopback stands for itself.
    pub fn address(&self, address: IpAddr) -> IpAddr {
        match address {
            _ if address.is_loopback() => address,
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Ipv4Addr::new(a, b, c, self.0.hash_one(ip) as u8).into()
            }
            IpAddr::V6(ip) => {
                let hash = self.0.hash_one(ip);
                let (network, host) =
                    (ip.to_bits() >> 80 << 80, u128::from(hash) | u128::from(hash >> 48) << 64);
                Ipv6Addr::from_bits(network | host & ((1 << 80) - 1)).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pseudonyms: &Pseudonyms, value: &str) -> String {
        let mut out = Vec::new();
        pseudonyms.write(value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_values_stay_equal_within_a_process_and_not_beyond() {
        let (first, second) = (Pseudonyms::default(), Pseudonyms::default());
        assert_eq!(written(&first, "alice"), written(&first.clone(), "alice"));
        assert_ne!(written(&first, "alice"), written(&first, "bob"));
        assert_ne!(written(&first, "alice"), written(&second, "alice"));
        assert_eq!(written(&first, "alice").len(), "(redacted:0123456789abcdef)".len());
    }

    #[test]
    fn an_address_stays_in_its_network() {
        let pseudonyms = Pseudonyms::default();
        let of = |text: &str| pseudonyms.address(text.parse().unwrap()).to_string();
        assert!(of("203.0.113.77").starts_with("203.0.113."));
        assert!(of("2001:db8:7:1:2:3:4:5").starts_with("2001:db8:7:"));
        assert_eq!(of("203.0.113.77"), of("203.0.113.77"));
        assert_eq!((of("127.0.0.1").as_str(), of("::1").as_str()), ("127.0.0.1", "::1"));
        let distinct: std::collections::BTreeSet<_> =
            (0..100).map(|n| of(&format!("2001:db8::{n:x}"))).collect();
        assert_eq!(distinct.len(), 100);
    }
}
