//! Where tokens stand, and what is left when they are taken out.

use super::*;
use crate::net::addr::PeerAddr;

fn exchange(target: &str, fields: &[(&str, &str)]) -> Exchange {
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
    exchange.request.set_line(b"GET", target.as_bytes());
    exchange.query = target.find('?').map(|at| Span { start: at as u32 + 1, end: target.len() as u32 });
    for (name, value) in fields {
        exchange.request.fields.append(name.as_bytes(), value.as_bytes());
    }
    exchange
}

fn place(header: Option<(&str, Option<&str>)>, cookie: Option<&str>, query: Option<&str>) -> Place {
    let bytes = |text: &str| Box::<[u8]>::from(text.as_bytes());
    Place {
        header: header.map(|(name, scheme)| FieldPlace { name: bytes(name), scheme: scheme.map(bytes) }),
        cookie: cookie.map(bytes),
        query: query.map(bytes),
    }
}

fn bearer() -> Place {
    place(Some(("Authorization", Some("Bearer"))), None, None)
}

fn everywhere() -> Place {
    place(Some(("Authorization", Some("Bearer"))), Some("session"), Some("access_token"))
}

fn found(place: &Place, exchange: &Exchange) -> Result<Option<String>, Repeated> {
    let candidate = place.find(exchange)?;
    Ok(candidate.map(|candidate| String::from_utf8(candidate.text.into_owned()).unwrap()))
}

#[test]
fn finds_a_bearer_token_and_leaves_other_schemes_to_others() {
    for (value, expected) in [
        ("Bearer a.b.c", Some("a.b.c")),
        ("bearer  a.b.c", Some("a.b.c")),
        ("BEARER", Some("")),
        ("Bearer ", Some("")),
        ("Bearera.b.c", None),
        ("Basic YTpi", None),
        ("", None),
    ] {
        let exchange = exchange("/", &[("Authorization", value)]);
        assert_eq!(found(&bearer(), &exchange), Ok(expected.map(str::to_owned)), "{value}");
    }
    let own = place(Some(("X-Token", None)), None, None);
    assert_eq!(found(&own, &exchange("/", &[("x-token", "a.b.c")])), Ok(Some("a.b.c".to_owned())));
    assert_eq!(found(&bearer(), &exchange("/?access_token=a", &[("Cookie", "session=a")])), Ok(None));
    assert_eq!(found(&everywhere(), &exchange("/", &[("Cookie", "session=; a=b")])), Ok(None));
}

#[test]
fn refuses_more_than_one_token_even_if_they_are_equal() {
    let header = ("Authorization", "Bearer a");
    for (target, fields) in [
        ("/", vec![header, header]),
        ("/", vec![header, ("Authorization", "Basic YTpi")]),
        ("/", vec![header, ("Cookie", "session=a")]),
        ("/?access_token=a", vec![header]),
        ("/?access_token=a&%61ccess_token=b", vec![]),
        ("/", vec![("Cookie", "session=a; session=a")]),
        ("/?access_token=a", vec![("Cookie", "session=a")]),
    ] {
        assert_eq!(found(&everywhere(), &exchange(target, &fields)), Err(Repeated), "{target} {fields:?}");
    }
}

#[test]
fn takes_a_token_out_of_the_query_and_leaves_the_rest_as_it_was() {
    for (target, left) in [
        ("/a?access_token=x", "/a"),
        ("/a?access_token=x&b=1", "/a?b=1"),
        ("/a?b=%20&access_token=x&c", "/a?b=%20&c"),
        ("/a?access%5Ftoken=x&access_token=y&b=1&", "/a?b=1"),
        ("/a?b=1", "/a?b=1"),
        ("/a", "/a"),
    ] {
        let mut exchange = exchange(target, &[]);
        everywhere().take_out_of_query(&mut exchange);
        assert_eq!(exchange.request.target(), left.as_bytes(), "{target}");
        let query = left.split_once('?').map(|(_, query)| query.as_bytes());
        assert_eq!(exchange.query(), query, "{target}");
    }
}

#[test]
fn takes_only_the_token_out_of_cookies_and_fields() {
    let mut one =
        exchange("/", &[("Cookie", "a=1; session=x; flag"), ("Cookie", "b=2"), ("Authorization", "Basic x")]);
    everywhere().take_out(&mut one);
    let cookies: Vec<_> = one.request.fields.all(FieldId::Cookie).collect();
    assert_eq!(cookies, [&b"a=1; flag; b=2"[..]]);
    assert_eq!(one.request.fields.first(FieldId::Authorization), Some(&b"Basic x"[..]), "not ours");
    let mut two = exchange("/", &[("Cookie", "session=x"), ("Authorization", "Bearer x")]);
    everywhere().take_out(&mut two);
    assert!(two.request.fields.is_empty());
}
