//! Bounds what a request may be: size of its parts, methods, media types.
//!
//! Looks at the head only; the body's limit is handed to the proxy, which counts while it streams, so a body
//! without a stated length is bounded as well. Cheaper than the service's own refusal, and the same for all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::ByteSize;
use crate::http::field::FieldId;
use crate::http::h1::framing::Framing;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::shared::frozen::Frozen;

/// Bounds; an absent one does not bound.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestLimitsConfig {
    /// Largest body; 413 beyond, also when it grows past this while streaming.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<ByteSize>,
    /// Names and values of all fields together; 431 beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_bytes: Option<ByteSize>,
    /// Number of fields; 431 beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_count: Option<u16>,
    /// Length of the path; 414 beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<ByteSize>,
    /// Length of the query; 414 beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_bytes: Option<ByteSize>,
    /// Methods that are taken; 405 for others. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Media types of bodies that are taken, such as `application/json`; 415 for others. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_types: Vec<String>,
}

/// Compiled bounds.
pub struct RequestLimitsPlan {
    body_bytes: Option<u64>,
    header_bytes: usize,
    header_count: usize,
    path_bytes: usize,
    query_bytes: usize,
    methods: Vec<Box<[u8]>>,
    allow: String,
    content_types: Vec<Box<[u8]>>,
}

/// The running policy.
pub struct RequestLimits(Frozen<RequestLimitsPlan>);

impl Policy for RequestLimits {
    type Config = RequestLimitsConfig;
    type Plan = RequestLimitsPlan;

    fn compile(config: &RequestLimitsConfig, scope: &mut Scope<'_>) -> RequestLimitsPlan {
        if *config == RequestLimitsConfig::default() {
            scope.problem("", "nothing is limited", "write at least one limit, such as `body_bytes: 1MiB`");
        }
        for (index, method) in config.methods.iter().enumerate() {
            if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
                let reason = format!("`{method}` is not a method");
                scope.problem(format!("methods[{index}]"), reason, "methods are upper case: GET, POST");
            }
        }
        for (index, media) in config.content_types.iter().enumerate() {
            if media.split('/').filter(|part| !part.is_empty()).count() != 2 {
                let reason = format!("`{media}` is not a media type");
                scope.problem(format!("content_types[{index}]"), reason, "write it as `application/json`");
            }
        }
        let bound = |size: Option<ByteSize>| {
            size.map_or(usize::MAX, |size| usize::try_from(size.bytes()).unwrap_or(usize::MAX))
        };
        let bytes = |list: &[String]| list.iter().map(|one| one.as_bytes().into()).collect();
        RequestLimitsPlan {
            body_bytes: config.body_bytes.map(ByteSize::bytes),
            header_bytes: bound(config.header_bytes),
            header_count: config.header_count.map_or(usize::MAX, usize::from),
            path_bytes: bound(config.path_bytes),
            query_bytes: bound(config.query_bytes),
            methods: bytes(&config.methods),
            allow: config.methods.join(", "),
            content_types: bytes(&config.content_types),
        }
    }

    fn start(plan: Frozen<RequestLimitsPlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        Self(plan)
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let reply = self.over_limit(exchange);
        if let Some(limit) = self.0.body_bytes {
            exchange.body_bytes_max = Some(limit);
        }
        reply.map_or(Verdict::Continue, Verdict::Reply)
    }
}

impl RequestLimits {
    fn over_limit(&self, exchange: &Exchange) -> Option<Reply> {
        let plan = &*self.0;
        if !plan.methods.is_empty()
            && !plan.methods.iter().any(|one| **one == *exchange.request.method_text())
        {
            return Some(Reply::new(Code::MethodNotAllowed).with("Allow", plan.allow.clone()));
        }
        if exchange.path.len() > plan.path_bytes {
            return Some(Reply::new(Code::PathTooLong));
        }
        if exchange.query().is_some_and(|query| query.len() > plan.query_bytes) {
            return Some(Reply::new(Code::QueryTooLong));
        }
        if self.fields_too_large(exchange) {
            return Some(Reply::new(Code::FieldsTooLarge));
        }
        if let (Framing::Length(length), Some(limit)) = (exchange.framing, plan.body_bytes)
            && length > limit
        {
            return Some(Reply::new(Code::BodyTooLarge));
        }
        self.refuses_media_type(exchange).then(|| Reply::new(Code::UnsupportedMediaType))
    }

    fn fields_too_large(&self, exchange: &Exchange) -> bool {
        let fields = &exchange.request.fields;
        if fields.len() > self.0.header_count {
            return true;
        }
        self.0.header_bytes != usize::MAX
            && fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>()
                > self.0.header_bytes
    }

    fn refuses_media_type(&self, exchange: &Exchange) -> bool {
        let has_body = !matches!(exchange.framing, Framing::None | Framing::Length(0));
        if self.0.content_types.is_empty() || !has_body {
            return false;
        }
        let Some(value) = exchange.request.fields.first(FieldId::ContentType) else { return true };
        let media = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        !self.0.content_types.iter().any(|one| one.eq_ignore_ascii_case(media))
    }
}
