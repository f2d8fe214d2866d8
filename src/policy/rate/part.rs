//! Parts of a key: what of a request says for whom a limit counts.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::Value;

use super::sip::Sip;
use crate::policy::exchange::Exchange;
use crate::policy::profile;
use crate::route::profile::Profiles;
use crate::shared::frozen::Frozen;

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The client's address; of an IPv6 address so many bits.
    Address(u8),
    /// Who it is.
    Subject,
    /// To which customer they belong.
    Tenant,
    /// The name of their API key or certificate.
    KeyId,
    /// What they have booked.
    Plan,
    /// The route.
    Route,
    /// A field of the request.
    Header(Box<[u8]>),
    /// Something else that is known of them, by its path.
    Claim(Box<[Box<str>]>),
    /// Of which kind the client is.
    Profile(Kinds),
}

/// All kinds of clients there are.
#[derive(Debug, Clone, Default)]
pub struct Kinds(pub Frozen<Profiles>);

impl PartialEq for Kinds {
    fn eq(&self, other: &Self) -> bool {
        self.0.names().eq(other.0.names())
    }
}

impl Eq for Kinds {}

/// The words for parts.
pub const WORDS: &str = "client.address, client.profile, identity.subject, identity.tenant, identity.key, identity.plan, route, header:NAME, claim:PATH";

impl Part {
    /// From its word. None if there is no such part.
    pub fn parse(word: &str, ipv6_prefix: u8) -> Option<Self> {
        Some(match word {
            "client.address" => Self::Address(ipv6_prefix.min(128)),
            "client.profile" => Self::Profile(Kinds::default()),
            "identity.subject" => Self::Subject,
            "identity.tenant" => Self::Tenant,
            "identity.key" => Self::KeyId,
            "identity.plan" => Self::Plan,
            "route" => Self::Route,
            _ => match word.split_once(':')? {
                ("header", name) if !name.is_empty() => {
                    Self::Header(name.to_ascii_lowercase().into_bytes().into())
                }
                ("claim", path) if !path.is_empty() => Self::Claim(path.split('.').map(Box::from).collect()),
                _ => return None,
            },
        })
    }

    /// Whether nobody has it before they have shown who they are.
    pub fn is_of_identity(&self) -> bool {
        matches!(self, Self::Subject | Self::Tenant | Self::KeyId | Self::Plan | Self::Claim(_))
    }

    /// Feeds what the request has of it. False if it has nothing.
    pub fn feed(&self, exchange: &Exchange, sip: &mut Sip) -> bool {
        let principal = exchange.principal();
        let text = match self {
            Self::Address(bits) => {
                feed_address(exchange.client.0, *bits, sip);
                return true;
            }
            Self::Header(name) => {
                let value = exchange.request.fields.first_named(name);
                return value.inspect(|value| sip.piece(value)).is_some();
            }
            Self::Claim(path) => {
                let claims = principal.map(|principal| &principal.claims);
                return claims.is_some_and(|claims| feed_claim(claims, path, sip));
            }
            Self::Profile(Kinds(profiles)) => {
                profile::of(profiles, exchange).map(|place| profiles.name(place))
            }
            Self::Route => Some(exchange.route()),
            Self::Subject => principal.map(|principal| &*principal.subject),
            Self::Tenant => principal.and_then(|principal| principal.tenant.as_deref()),
            Self::KeyId => principal.and_then(|principal| principal.key_id.as_deref()),
            Self::Plan => principal.and_then(|principal| principal.plan.as_deref()),
        };
        text.inspect(|text| sip.piece(text.as_bytes())).is_some()
    }
}

impl Part {
    /// Feeds a value as somebody writes it. False if it cannot be one.
    pub fn feed_text(&self, value: &str, sip: &mut Sip) -> bool {
        match self {
            Self::Address(bits) => {
                let address = value.parse().inspect(|address| feed_address(*address, *bits, sip));
                address.is_ok()
            }
            _ => {
                sip.piece(value.as_bytes());
                true
            }
        }
    }
}

fn feed_address(address: IpAddr, bits: u8, sip: &mut Sip) {
    match address.to_canonical() {
        IpAddr::V4(address) => sip.piece(&address.octets()),
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            sip.piece(&Ipv6Addr::from_bits(address.to_bits() & mask).octets());
        }
    }
}

fn feed_claim(claims: &serde_json::Map<String, Value>, path: &[Box<str>], sip: &mut Sip) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let found = rest.iter().try_fold(claims.get(&**first), |value, name| match value {
        Some(Value::Object(inner)) => Some(inner.get(&**name)),
        _ => None,
    });
    match found.flatten() {
        Some(Value::String(text)) => sip.piece(text.as_bytes()),
        Some(Value::Bool(yes)) => sip.piece(if *yes { b"true" } else { b"false" }),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(whole) => sip.piece(itoa::Buffer::new().format(whole).as_bytes()),
            None => sip.piece(number.to_string().as_bytes()),
        },
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::net::addr::{ClientAddr, PeerAddr};
    use crate::policy::principal::{Method, Principal};

    fn exchange(address: &str) -> Exchange {
        let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
        exchange.client = ClientAddr(address.parse().expect("an address"));
        exchange
    }

    fn hash(words: &[&str], exchange: &Exchange) -> Option<u128> {
        let mut sip = Sip::new([1, 2]);
        let parse = |word: &&str| Part::parse(word, 64).expect("a part");
        words.iter().map(parse).all(|part| part.feed(exchange, &mut sip)).then(|| sip.finish())
    }

    #[test]
    fn neighbours_in_an_ipv6_network_are_one_client() {
        let of = |address| hash(&["client.address"], &exchange(address));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn who_it_is_counts_as_far_as_it_is_known() {
        let mut exchange = exchange("192.0.2.1");
        assert_eq!(hash(&["identity.subject"], &exchange), None);
        let mut alice = Principal::new("a", Method::Jwt, "alice");
        alice.claims = serde_json::from_str(r#"{"org": {"id": 7}, "vip": true}"#).expect("claims");
        exchange.principals.push(Rc::new(alice));
        assert!(hash(&["identity.subject"], &exchange).is_some());
        assert_eq!(hash(&["identity.tenant"], &exchange), None);
        assert!(hash(&["claim:org.id", "claim:vip"], &exchange).is_some());
        assert_eq!(hash(&["claim:org.name"], &exchange), None);
        assert_ne!(hash(&["claim:org.id", "client.address"], &exchange), hash(&["claim:org.id"], &exchange));
    }

    #[test]
    fn words_that_are_no_parts_are_told() {
        assert_eq!(Part::parse("client.adress", 64), None);
        assert_eq!(Part::parse("header:", 64), None);
        assert_eq!(Part::parse("header:X-Team", 64), Some(Part::Header(b"x-team".as_slice().into())));
    }
}
