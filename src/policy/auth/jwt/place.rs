//! Where a request has its token.
//!
//! Owns finding it (header field, cookie, query) and taking it out. More than one token is refused, not chosen from: two
//! readers would choose differently (RFC 6750 2: one method a request).

use std::borrow::Cow;

use crate::http::field::{FieldId, Span};
use crate::http::{cookie, query};
use crate::policy::exchange::Exchange;

/// Places that are looked at.
#[derive(Debug)]
pub struct Place {
    /// A header field.
    pub header: Option<FieldPlace>,
    /// A cookie.
    pub cookie: Option<Box<[u8]>>,
    /// A query parameter.
    pub query: Option<Box<[u8]>>,
}

/// A field with a token.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldPlace {
    /// Its name.
    pub name: Box<[u8]>,
    /// The word in front of the token.
    pub scheme: Option<Box<[u8]>>,
}

/// There is more than one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// A token that was found. Nothing says yet that it is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its text.
    pub text: Cow<'a, [u8]>,
    /// Whether it stood in the query.
    pub is_in_query: bool,
}

impl Place {
    /// The request's token, if it has one.
    ///
    /// # Errors
    /// When it has several.
    #[inline]
    pub fn find<'a>(&self, exchange: &'a Exchange) -> Result<Option<Candidate<'a>>, Repeated> {
        let plain = |text| Candidate { text: Cow::Borrowed(text), is_in_query: false };
        let mut found = self.in_header(exchange)?.map(plain);
        if let Some(name) = &self.cookie {
            // An empty cookie is how a session ends.
            let mut values = cookie::pairs(&exchange.request.fields)
                .filter(|(own, value)| **own == **name && !value.is_empty());
            for text in [values.next(), values.next()].into_iter().flatten() {
                one_only(&mut found, plain(text.1))?;
            }
        }
        if let Some(name) = &self.query {
            for pair in pairs(exchange).filter(|pair| is_named(pair, name)) {
                let value = memchr::memchr(b'=', pair).map_or(&[][..], |equals| &pair[equals + 1..]);
                one_only(&mut found, Candidate { text: query::decode(value), is_in_query: true })?;
            }
        }
        Ok(found)
    }

    #[inline]
    fn in_header<'a>(&self, exchange: &'a Exchange) -> Result<Option<&'a [u8]>, Repeated> {
        let Some(FieldPlace { name, scheme }) = &self.header else { return Ok(None) };
        let mut values = exchange.request.fields.all_named(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Repeated);
        }
        // Another scheme is another authenticator's.
        Ok(first.and_then(|value| match scheme {
            Some(scheme) => after_scheme(value, scheme),
            None => Some(value),
        }))
    }

    /// Takes the token out of the request.
    pub fn take_out(&self, exchange: &mut Exchange) {
        if let Some(FieldPlace { name, scheme }) = &self.header {
            let has_token = exchange.request.fields.first_named(name).is_some_and(|value| {
                scheme.as_ref().is_none_or(|scheme| after_scheme(value, scheme).is_some())
            });
            if has_token {
                exchange.request.fields.remove_named(name);
            }
        }
        if let Some(name) = &self.cookie {
            take_out_cookie(exchange, name);
        }
        self.take_out_of_query(exchange);
    }

    /// Takes the token out of the query, where it must not stay.
    pub fn take_out_of_query(&self, exchange: &mut Exchange) {
        let (Some(name), Some(span)) = (&self.query, exchange.query) else { return };
        let (start, end) = (span.start as usize, span.end as usize);
        let target = exchange.request.target();
        let mut left = target[..start].to_vec();
        for pair in pairs(exchange).filter(|pair| !is_named(pair, name)) {
            if left.len() > start {
                left.push(b'&');
            }
            left.extend_from_slice(pair);
        }
        let is_empty = left.len() == start;
        if is_empty {
            // Without its question mark.
            left.pop();
        }
        let left_end = left.len();
        left.extend_from_slice(&target[end..]);
        exchange.request.set_target(&left);
        let until = u32::try_from(left_end).unwrap_or(span.end);
        exchange.query = (!is_empty).then_some(Span { start: span.start, end: until });
    }
}

fn one_only<'a>(found: &mut Option<Candidate<'a>>, candidate: Candidate<'a>) -> Result<(), Repeated> {
    match found.replace(candidate) {
        Some(_) => Err(Repeated),
        None => Ok(()),
    }
}

/// What stands behind the scheme; schemes are compared without regard to case (RFC 9110 11.1).
fn after_scheme<'a>(value: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (word, rest) = value.split_at_checked(scheme.len())?;
    if !word.eq_ignore_ascii_case(scheme) {
        return None;
    }
    match rest.first() {
        None => Some(rest),
        Some(b' ') => Some(rest.trim_ascii_start()),
        Some(_) => None,
    }
}

fn pairs(exchange: &Exchange) -> impl Iterator<Item = &[u8]> {
    let query = exchange.query().unwrap_or_default();
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty())
}

/// Names are compared decoded, as the service would read them.
fn is_named(pair: &[u8], name: &[u8]) -> bool {
    let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
    *query::decode(&pair[..end]) == *name
}

fn take_out_cookie(exchange: &mut Exchange, name: &[u8]) {
    let fields = &mut exchange.request.fields;
    if cookie::find(fields, name).is_none() {
        return;
    }
    let mut left: Vec<u8> = Vec::new();
    for value in fields.all(FieldId::Cookie) {
        for pair in value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
            let end = memchr::memchr(b'=', pair).unwrap_or(0);
            if pair.is_empty() || *pair[..end].trim_ascii() == *name {
                continue;
            }
            if !left.is_empty() {
                left.extend_from_slice(b"; ");
            }
            left.extend_from_slice(pair);
        }
    }
    if left.is_empty() {
        fields.remove(FieldId::Cookie);
    } else {
        fields.set(b"Cookie", &left);
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
