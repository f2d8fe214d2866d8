//! What a claim is compared with: something written, or something that the request or the caller has.
//!
//! What a request has is text that clients choose. Parameters are decoded while they are compared, so that nothing is
//! copied; what is there twice counts as not there, because services may take the other one.

use serde_json::Value;

use super::number::Number;
use crate::http::field::Fields;
use crate::http::query;
use crate::policy::exchange::Exchange;
use crate::policy::principal::Principal;

/// Something to compare with.
#[derive(Debug, Clone)]
pub enum Operand {
    /// This text.
    Text(Box<str>),
    /// This number.
    Number(Number),
    /// This truth.
    Bool(bool),
    /// This moment, in seconds since 1970.
    Moment(Number),
    /// So many seconds from now.
    Now(i64),
    /// The parameter of the path at this place.
    Path(usize),
    /// The parameter of the query of this name.
    Query(Box<[u8]>),
    /// The field of this name.
    Field(Box<[u8]>),
    /// The request's host.
    Host,
    /// A claim of who is asking.
    Claim(Box<str>),
    /// One of the names of who is asking.
    Who(Who),
}

/// Names of who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Themselves.
    Subject,
    /// Whose they are.
    Tenant,
    /// What they have booked.
    Plan,
}

impl Who {
    /// This name of a principal.
    pub fn of(self, principal: &Principal) -> Option<&str> {
        match self {
            Self::Subject => Some(&principal.subject),
            Self::Tenant => principal.tenant.as_deref(),
            Self::Plan => principal.plan.as_deref(),
        }
    }
}

/// What a rule looks at.
pub struct View<'a> {
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Seconds since 1970; 0 where no rule asks.
    pub now_s: u64,
}

/// Something to compare with, as it is in this exchange.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// It is not there, or there twice.
    Missing,
    /// A text of the configuration or of who is asking.
    Text(&'a str),
    /// A text of the request.
    Raw(Raw<'a>),
    /// A number.
    Number(Number),
    /// A moment.
    Moment(Number),
    /// A truth.
    Bool(bool),
    /// A list or an object, which nothing is equal to.
    Other,
}

/// A text of the request as it came.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    bytes: &'a [u8],
    coding: Coding,
}

/// What stands for something else in a text of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Nothing.
    None,
    /// `%xx`.
    Path,
    /// `%xx` and `+`.
    Query,
}

impl<'a> Raw<'a> {
    /// Its bytes, decoded.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        let decoded = (self.coding != Coding::None)
            .then(|| query::decoded_with(self.bytes, self.coding == Coding::Query));
        let plain = if self.coding == Coding::None { self.bytes } else { b"" };
        decoded.into_iter().flatten().chain(plain.iter().copied())
    }

    /// The text, where nothing has to be decoded.
    fn plain(self) -> Option<&'a str> {
        let is_plain = self.coding == Coding::None || memchr::memchr2(b'%', b'+', self.bytes).is_none();
        std::str::from_utf8(self.bytes).ok().filter(|_| is_plain)
    }
}

impl Operand {
    /// What it is in this exchange.
    pub fn seen<'a>(&'a self, view: &View<'a>) -> Seen<'a> {
        let exchange = view.exchange;
        match self {
            Self::Text(text) => Seen::Text(text),
            Self::Number(number) => Seen::Number(*number),
            Self::Bool(truth) => Seen::Bool(*truth),
            Self::Moment(number) => Seen::Moment(*number),
            Self::Now(offset) => Seen::Moment(Number::Whole(i128::from(view.now_s) + i128::from(*offset))),
            Self::Path(at) => match exchange.params.value(*at, exchange.path()) {
                Some(text) => Seen::Raw(Raw { bytes: text.as_bytes(), coding: Coding::Path }),
                None => Seen::Missing,
            },
            Self::Query(name) => match exchange.query().and_then(|query| only_parameter(query, name)) {
                Some(bytes) => Seen::Raw(Raw { bytes, coding: Coding::Query }),
                None => Seen::Missing,
            },
            Self::Field(name) => match only_field(&exchange.request.fields, name) {
                Some(bytes) => Seen::Raw(Raw { bytes, coding: Coding::None }),
                None => Seen::Missing,
            },
            Self::Host if exchange.host.is_empty() => Seen::Missing,
            Self::Host => Seen::Text(&exchange.host),
            Self::Claim(path) => claim(exchange, path).map_or(Seen::Missing, Seen::of),
            Self::Who(who) => {
                let mut names = exchange.principals.iter().filter_map(|principal| who.of(principal));
                names.next().map_or(Seen::Missing, Seen::Text)
            }
        }
    }

    /// As it is told by `explain`: what the request has for it. None for what is written out anyway.
    pub fn told(&self, view: &View<'_>) -> Option<String> {
        if matches!(self, Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Moment(_)) {
            return None;
        }
        Some(match self.seen(view) {
            Seen::Missing => "missing".to_owned(),
            Seen::Text(text) => format!("{text:?}"),
            Seen::Raw(raw) => format!("{:?}", String::from_utf8_lossy(&raw.bytes().collect::<Vec<_>>())),
            Seen::Number(Number::Whole(number)) | Seen::Moment(Number::Whole(number)) => number.to_string(),
            Seen::Number(Number::Fraction(number)) | Seen::Moment(Number::Fraction(number)) => {
                number.to_string()
            }
            Seen::Bool(truth) => truth.to_string(),
            Seen::Other => "a list or an object".to_owned(),
        })
    }
}

impl<'a> Seen<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Number(number) => Number::of(number).map_or(Self::Other, Self::Number),
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Null => Self::Missing,
            Value::Array(_) | Value::Object(_) => Self::Other,
        }
    }

    /// Whether a text is equal to it. None where that cannot be said.
    pub fn is_text(self, text: &str) -> Option<bool> {
        match self {
            Self::Text(other) => Some(text == other),
            Self::Raw(raw) => Some(raw.bytes().eq(text.bytes())),
            _ => None,
        }
    }

    /// Whether a claim is equal to it. None where that cannot be said: they are of two kinds, or one is missing.
    pub fn is_value(self, value: &Value) -> Option<bool> {
        match (value, self) {
            (Value::String(text), _) => self.is_text(text),
            (Value::Number(number), Self::Number(other)) => Some(Number::of(number)?.compare(other).is_eq()),
            // A request has no numbers, only digits; and `07` is not what a service means by 7.
            (Value::Number(number), Self::Raw(raw)) => {
                let Number::Whole(whole) = Number::of(number)? else { return None };
                Some(raw.bytes().eq(itoa::Buffer::new().format(whole).bytes()))
            }
            (Value::Bool(truth), Self::Bool(other)) => Some(*truth == other),
            _ => None,
        }
    }

    /// Both as numbers, if they can be compared so: two numbers, or two moments.
    pub fn numbers(self, value: &Value) -> Option<(Number, Number)> {
        let other = match self {
            Self::Number(number) => Limit::Number(number),
            Self::Moment(moment) => Limit::Moment(moment),
            Self::Text(text) => Limit::of(text)?,
            Self::Raw(raw) => Limit::of(raw.plain()?)?,
            _ => return None,
        };
        match (value, other) {
            (Value::Number(number), Limit::Number(other) | Limit::Moment(other)) => {
                Some((Number::of(number)?, other))
            }
            (Value::String(text), Limit::Moment(other)) => Some((Number::parse_date(text)?, other)),
            _ => None,
        }
    }
}

enum Limit {
    Number(Number),
    Moment(Number),
}

impl Limit {
    fn of(text: &str) -> Option<Self> {
        Number::parse(text).map(Self::Number).or_else(|| Number::parse_date(text).map(Self::Moment))
    }
}

/// A claim of the first of those who are asking who has it.
pub fn claim<'a>(exchange: &'a Exchange, path: &str) -> Option<&'a Value> {
    exchange.principals.iter().find_map(|principal| principal.claim(path))
}

fn only_field<'a>(fields: &'a Fields, name: &[u8]) -> Option<&'a [u8]> {
    let mut all = fields.all_named(name);
    all.next().filter(|_| all.next().is_none())
}

/// The value of the only parameter of this name, as it came.
fn only_parameter<'a>(query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut all = query::raw_values(query, name);
    all.next().filter(|_| all.next().is_none())
}
