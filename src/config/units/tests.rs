//! Tables and laws of the units.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn reads_lengths_of_time() {
    for (text, micros) in [
        ("100us", 100),
        ("250ms", 250_000),
        ("5s", 5_000_000),
        ("1.5s", 1_500_000),
        ("0.25m", 15_000_000),
        ("2m", 120_000_000),
        ("1h", 3_600_000_000),
        ("1d", 86_400_000_000),
        ("0s", 0),
    ] {
        assert_eq!(text.parse::<Span>().unwrap().duration(), Duration::from_micros(micros), "{text}");
    }
}

#[test]
fn reads_amounts_of_bytes() {
    for (text, bytes) in [
        ("64KiB", 65_536),
        ("10MiB", 10 << 20),
        ("1GiB", 1 << 30),
        ("1.5KiB", 1_536),
        ("500B", 500),
        ("1MB", 1_000_000),
        ("3kB", 3_000),
        ("512", 512),
    ] {
        assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
    }
    assert_eq!(serde_json::from_str::<ByteSize>("512").unwrap(), ByteSize::from_bytes(512));
}

#[test]
fn reads_rates_with_their_period() {
    for (text, count, secs) in
        [("100/s", 100, 1), ("10/m", 10, 60), ("1000/min", 1000, 60), ("5/h", 5, 3600), ("7/day", 7, 86_400)]
    {
        let rate: Rate = text.parse().unwrap();
        assert_eq!((rate.count(), rate.period()), (count, Duration::from_secs(secs)), "{text}");
    }
}

#[test]
fn reads_shares_exactly() {
    for (text, fraction) in [("25%", 0.25), ("0.5%", 0.005), ("100%", 1.0), ("0%", 0.0), ("0.0001%", 1e-6)] {
        assert_eq!(text.parse::<Share>().unwrap().fraction(), fraction, "{text}");
    }
    assert_eq!(Share::default(), Share::percent(100));
}

#[test]
fn knows_which_addresses_are_in_a_range() {
    let ten: AddressRange = "10.0.0.0/8".parse().unwrap();
    assert!(ten.contains(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))));
    assert!(ten.contains(IpAddr::V6(Ipv4Addr::new(10, 1, 2, 3).to_ipv6_mapped())));
    assert!(!ten.contains(IpAddr::V4(Ipv4Addr::new(11, 0, 0, 1))));
    assert!(!ten.contains(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    assert_eq!("::ffff:10.0.0.0/104".parse::<AddressRange>().unwrap(), ten);
    assert_eq!("192.0.2.7".parse::<AddressRange>().unwrap().to_string(), "192.0.2.7");
}

#[test]
fn takes_localhost_as_an_address() {
    let local: SocketAddress = "localhost:9000".parse().unwrap();
    assert_eq!(local.get(), SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)));
}

#[test]
fn refuses_with_a_hint_that_can_be_pasted() {
    for (format, text, hint) in [
        ("span", "5", "write 5s or 5ms"),
        ("span", "5 s", "write 5s"),
        ("span", "5sec", "write 5s"),
        ("span", "2min", "write 2m"),
        ("span", "soon", "write 5s, 250ms, 2m, 1h or 1d"),
        ("span", "-1s", "write 5s, 250ms, 2m, 1h or 1d"),
        ("span", "3w", "units are us, ms, s, m, h and d"),
        ("byte-size", "64K", "write 64KiB"),
        ("byte-size", "10mb", "write 10MB"),
        ("byte-size", "large", "write 500B, 64KiB or 10MiB"),
        ("rate", "100", "write 100/s, 100/m or 100/h"),
        ("rate", "100/week", "write 100/s, 100/m, 100/h or 100/d"),
        ("rate", "0/s", "write at least 1"),
        ("share", "0.25", "write 25%"),
        ("share", "25", "write 25%"),
        ("share", "101%", "a share is 0% to 100%"),
        ("address-range", "10.0.0.1/8", "write 10.0.0.0/8 for the range or 10.0.0.1 for the address"),
        ("address-range", "office", "write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"),
        (
            "socket-address",
            ":8080",
            "write 0.0.0.0:8080 for every IPv4 address or 127.0.0.1:8080 for this host alone",
        ),
        (
            "socket-address",
            "8080",
            "write 0.0.0.0:8080 for every IPv4 address or 127.0.0.1:8080 for this host alone",
        ),
        ("socket-address", "127.0.0.1", "add the port: 127.0.0.1:8080"),
        ("socket-address", "2001:db8:0:0:0:0:0:1:80", "write [2001:db8:0:0:0:0:0:1]:80"),
        ("socket-address", "0.0.0.0:http", "the port is a number, 0 to 65535"),
        ("socket-address", "0.0.0.0:70000", "the port is a number, 0 to 65535"),
    ] {
        let check = FORMATS.iter().find(|(name, _)| *name == format).expect("a row of the table").1;
        let error = check(text).expect_err(text);
        assert_eq!(error.hint.as_deref(), Some(hint), "{format} {text}: {error}");
    }
}

#[test]
fn refuses_what_has_no_exact_value() {
    for text in ["0.1us", "1.2.3s", ".5s", "4000d", "99999999999999999999s", "0.0000000000000000001s"] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
    for text in ["1.5B", "0.3KiB", "99999999999999999999", "99999999TiB", "-1", "0x10"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    for text in ["+1/s", "1.5/s", "4294967296/s", "/s", "1/"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    for text in ["0.00001%", "-1%", "%", "1e1%", "100.0001%"] {
        assert!(text.parse::<Share>().is_err(), "{text}");
    }
    for number in ["0", "1001", "-1", "1.5", "\"1\""] {
        assert!(serde_json::from_str::<Weight>(number).is_err(), "{number}");
    }
}

#[test]
fn refuses_bare_numbers_from_any_format_with_the_hint() {
    let error = serde_json::from_str::<Span>("5").unwrap_err().to_string();
    assert!(error.contains("write 5s"), "{error}");
    let error = serde_json::from_str::<Share>("0.25").unwrap_err().to_string();
    assert!(error.contains("write 25%"), "{error}");
}

/// Reads what it prints, as text and through serde.
fn comes_back<T>(value: T) -> Result<(), TestCaseError>
where
    T: Unit + PartialEq + fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let text = value.to_string();
    let pattern = regex::Regex::new(T::PATTERN).expect("a pattern that compiles");
    prop_assert!(pattern.is_match(&text), "{text} is not like {}", T::PATTERN);
    prop_assert_eq!(&text.parse::<T>().expect("reads what it prints"), &value);
    let json = serde_json::to_string(&value).expect("writes");
    prop_assert_eq!(&serde_json::from_str::<T>(&json).expect("reads what it writes"), &value);
    Ok(())
}

proptest! {
    #[test]
    fn spans_come_back(micros in 0u64..315_360_000_000_000, unit in 0usize..6) {
        let steps = [1, 1_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000][unit];
        comes_back(format!("{}us", micros / steps * steps).parse::<Span>().unwrap())?;
    }

    #[test]
    fn byte_sizes_come_back(bytes in any::<u64>(), shift in 0u32..40) {
        comes_back(ByteSize::from_bytes(bytes >> shift << shift))?;
    }

    #[test]
    fn rates_come_back(count in 1u32.., period in prop::sample::select(vec!["s", "min", "h", "d"])) {
        comes_back(format!("{count}/{period}").parse::<Rate>().unwrap())?;
    }

    #[test]
    fn shares_come_back(millionths in 0u32..=1_000_000) {
        let share: Share = format!("{}.{:04}%", millionths / 10_000, millionths % 10_000).parse().unwrap();
        prop_assert_eq!(share.millionths(), millionths);
        comes_back(share)?;
    }

    #[test]
    fn address_ranges_come_back(bits in any::<u128>(), v4 in any::<bool>(), prefix in 0u8..=32) {
        let addr = if v4 { IpAddr::V4((bits as u32).into()) } else { IpAddr::V6(bits.into()) };
        let net = ipnet::IpNet::new(addr, prefix).unwrap().trunc();
        comes_back(net.to_string().parse::<AddressRange>().unwrap())?;
    }

    #[test]
    fn socket_addresses_come_back(addr in any::<SocketAddr>()) {
        let plain = SocketAddr::new(addr.ip(), addr.port());
        comes_back(plain.to_string().parse::<SocketAddress>().unwrap())?;
    }

    #[test]
    fn nothing_that_is_typed_makes_a_unit_panic(text in "[0-9.:%/ a-zA-Zµ\\[\\]-]{0,12}") {
        for (_, check) in FORMATS {
            let _ = check(&text);
        }
    }
}
