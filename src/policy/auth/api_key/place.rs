//! Where a key stands in a request, and how it is taken out before the request goes on.
//!
//! A request that shows two keys is refused: whoever is behind might believe the other one.

use std::borrow::Cow;

use crate::http::field::Span;
use crate::http::query;
use crate::policy::auth::scheme::after_scheme;
use crate::policy::exchange::Exchange;

/// Where keys are looked for.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Name of a field.
    pub header: Option<Box<[u8]>>,
    /// Scheme in front of the key, as `Authorization` has one. Empty for none.
    pub scheme: Box<[u8]>,
    /// Name of a query parameter.
    pub query: Option<Box<[u8]>>,
}

/// What a request shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// No key.
    Nothing,
    /// A text that may be one.
    One(Cow<'a, [u8]>),
    /// More than one.
    Several,
}

impl Place {
    /// What this request shows.
    pub fn look<'a>(&'a self, exchange: &'a Exchange) -> Shown<'a> {
        let in_header = self.header.iter().flat_map(|name| exchange.request.fields.all_named(name));
        let in_header = in_header.filter_map(|value| self.without_scheme(value)).map(Cow::Borrowed);
        let pairs = exchange.query().filter(|_| self.query.is_some()).unwrap_or_default();
        let in_query = self.query.iter().flat_map(|name| {
            // Alone, a pair of the name has its value.
            pairs.split(|&byte| byte == b'&').filter_map(|pair| query::find(pair, name))
        });
        let mut all = in_header.chain(in_query);
        match (all.next(), all.next()) {
            (None, _) => Shown::Nothing,
            (Some(one), None) => Shown::One(one),
            (Some(_), Some(_)) => Shown::Several,
        }
    }

    /// Takes the key out of its field.
    pub fn strip_header(&self, exchange: &mut Exchange) {
        let Some(name) = &self.header else { return };
        if self.scheme.is_empty() {
            exchange.request.fields.remove_named(name);
            return;
        }
        exchange.request.fields.retain(|field| {
            !field.name.eq_ignore_ascii_case(name) || self.without_scheme(field.value).is_none()
        });
    }

    /// Takes the key out of the query: it would stand in the logs of whoever is behind.
    pub fn strip_query(&self, exchange: &mut Exchange) {
        let (Some(name), Some(span)) = (&self.query, exchange.query) else { return };
        let target = exchange.request.target();
        let pairs = span.of(target);
        let is_key = |pair: &&[u8]| query::find(pair, name).is_some();
        if !pairs.split(|&byte| byte == b'&').any(|pair| is_key(&pair)) {
            return;
        }
        let start = span.start as usize;
        let mut left = target[..start].to_vec();
        for pair in pairs.split(|&byte| byte == b'&').filter(|pair| !is_key(pair)) {
            if left.len() > start {
                left.push(b'&');
            }
            left.extend_from_slice(pair);
        }
        if left.len() == start {
            // With its question mark.
            left.pop();
            exchange.query = None;
        } else {
            // It has become shorter.
            exchange.query = Some(Span { start: span.start, end: left.len() as u32 });
        }
        exchange.request.set_target(&left);
    }

    fn without_scheme<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        if self.scheme.is_empty() { Some(value) } else { after_scheme(value, &self.scheme) }
    }
}

#[cfg(test)]
mod tests {
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

    fn place(header: &str, scheme: &str, query: Option<&str>) -> Place {
        Place {
            header: (!header.is_empty()).then(|| header.as_bytes().into()),
            scheme: scheme.as_bytes().into(),
            query: query.map(|name| name.as_bytes().into()),
        }
    }

    fn one(text: &str) -> Shown<'_> {
        Shown::One(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn finds_one_key_and_tells_when_there_are_several() {
        let plain = place("X-API-Key", "", None);
        assert_eq!(plain.look(&exchange("/", &[("x-api-key", "k")])), one("k"));
        assert_eq!(plain.look(&exchange("/?api_key=k", &[])), Shown::Nothing);
        let twice = exchange("/", &[("x-api-key", "k"), ("X-Api-Key", "k")]);
        assert_eq!(plain.look(&twice), Shown::Several);
        let schemed = place("Authorization", "ApiKey", Some("api_key"));
        assert_eq!(schemed.look(&exchange("/", &[("authorization", "apikey k")])), one("k"));
        assert_eq!(schemed.look(&exchange("/", &[("authorization", "Bearer k")])), Shown::Nothing);
        assert_eq!(schemed.look(&exchange("/?a=1&%61pi_key=%6b", &[])), one("k"));
        let both = exchange("/?api_key=k", &[("authorization", "ApiKey k")]);
        assert_eq!(schemed.look(&both), Shown::Several);
        assert_eq!(schemed.look(&exchange("/?api_key=a&api_key=b", &[])), Shown::Several);
    }

    #[test]
    fn takes_the_key_out_and_nothing_else() {
        let place = place("Authorization", "ApiKey", Some("api_key"));
        for (target, left, query) in [
            ("/a?api_key=k", "/a", None),
            ("/a?x=1&api_key=k&y=%20", "/a?x=1&y=%20", Some("x=1&y=%20")),
            ("/a?api_key=k&x=1", "/a?x=1", Some("x=1")),
            ("/a?x=1&%61pi_key=k", "/a?x=1", Some("x=1")),
            ("/a?x=api_key", "/a?x=api_key", Some("x=api_key")),
            ("http://h/a?api_key", "http://h/a", None),
            ("/a", "/a", None),
        ] {
            let mut exchange = exchange(target, &[]);
            place.strip_query(&mut exchange);
            assert_eq!(exchange.request.target(), left.as_bytes(), "{target}");
            assert_eq!(exchange.query(), query.map(str::as_bytes), "{target}");
        }
        let mut exchange = exchange("/", &[("authorization", "ApiKey k"), ("authorization", "Bearer t")]);
        place.strip_header(&mut exchange);
        let left: Vec<_> = exchange.request.fields.iter().map(|field| field.value).collect();
        assert_eq!(left, [b"Bearer t"]);
    }
}
