//! A decision record in words: for JSON, and for people in the form of `explain`.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::policy::reply::Fault;
use crate::proxy::decision::DecisionRecord;
use crate::shared::NameId;
use crate::telemetry::upgrade_end::UpgradeEnd;
use crate::telemetry::{Redaction, TimestampCache};

/// What was decided about a request. What is absent does not apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionView {
    /// The request's id.
    pub request_id: String,
    /// When its head began, RFC 3339.
    pub time: String,
    /// The same in milliseconds since 1970.
    pub unix_ms: u64,
    /// The worker that served it.
    pub worker: usize,
    /// Generation it ran on.
    pub generation: u64,
    /// The listener.
    pub listener: String,
    /// `HTTP/1.1` and the like.
    pub protocol: String,
    /// The method; absent for what was no request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub method: Option<String>,
    /// The path as routed; a long one shows its beginning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// The route that took it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub route: Option<String>,
    /// Which of its variants it went to, where it has several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variant: Option<String>,
    /// Status of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The gateway's code, where it did not end with the origin's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// The policy that answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<String>,
    /// The cluster it went to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<String>,
    /// The endpoint of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Attempts made.
    pub attempts: u16,
    /// Whether the last one reused a connection.
    pub reused: bool,
    /// Why the last attempt was made again: `connect`, `reset`, `timeout`, `status` or `untouched`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retried: Option<String>,
    /// Whether a second endpoint was asked beside the first: `won` or `lost`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hedge: Option<String>,
    /// What stands for the cluster's answer: that of another `cluster`, or the gateway's `own`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fallback: Option<String>,
    /// What was spoken with the endpoint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upstream_protocol: Option<String>,
    /// The status of a gRPC call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grpc_status: Option<u16>,
    /// True if it has switched protocols.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub upgraded: bool,
    /// Why the upgraded connection ended, once it has.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<String>,
    /// Code of the Close frame that ended it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub close_code: Option<u16>,
    /// From the first byte of the head to the last of the answer.
    pub duration_ms: f64,
    /// How long the last connect took.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connect_ms: Option<f64>,
    /// From the sent request to the complete response head.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head_ms: Option<f64>,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the response body.
    pub response_bytes: u64,
    /// All that in a sentence.
    pub why: String,
}

impl DecisionView {
    /// Puts a record into words.
    pub fn of(
        record: &DecisionRecord,
        worker: usize,
        name: impl Fn(NameId) -> String,
        redaction: &Redaction,
    ) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let nanos = |nanos: u64| Some(nanos).filter(|nanos| *nanos > 0).map(milliseconds);
        let mut view = Self {
            request_id: told(record.id.as_bytes(), record.id.is_cut()),
            time: String::from_utf8_lossy(TimestampCache::default().at(record.began_ms).as_bytes())
                .into_owned(),
            unix_ms: record.began_ms,
            worker,
            generation: record.generation,
            listener: name(record.listener),
            protocol: record.protocol.to_owned(),
            method: Some(record.method.name().to_owned()).filter(|_| !record.path.as_bytes().is_empty()),
            path: some(path(record, redaction)),
            route: some(name(record.route)),
            variant: some(name(record.variant)),
            status: Some(record.status).filter(|status| *status > 0),
            code: record.fault.map(|fault| fault.code().to_owned()),
            policy: record.policy.map(str::to_owned),
            cluster: some(name(record.cluster)),
            endpoint: some(told(record.endpoint.as_bytes(), record.endpoint.is_cut())),
            attempts: record.attempts,
            reused: record.is_reused,
            retried: record.retried.map(|reason| reason.label().to_owned()),
            hedge: some(record.hedge.label().to_owned()),
            fallback: some(record.fallback.label().to_owned()),
            upstream_protocol: (record.attempts > 0)
                .then(|| if record.is_http2 { "HTTP/2" } else { "HTTP/1.1" }.to_owned()),
            grpc_status: record.grpc_status,
            upgraded: record.is_switched,
            end: record.end.map(|end| UpgradeEnd::label(end).to_owned()),
            close_code: Some(record.close_code).filter(|code| *code > 0),
            duration_ms: milliseconds(record.duration_nanos),
            connect_ms: nanos(record.connect_nanos),
            head_ms: nanos(record.head_nanos),
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
            why: String::new(),
        };
        view.why = view.reason(record.fault);
        view
    }

    fn reason(&self, fault: Option<Fault>) -> String {
        let detail = fault.map_or("", Fault::detail);
        let route = self.route.as_deref().unwrap_or_default();
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        match (fault, &self.policy, &self.cluster) {
            (Some(_), Some(policy), _) => format!("Policy {policy} of route `{route}` refused it: {detail}"),
            (Some(_), None, None) if self.route.is_some() => format!("Refused on route `{route}`: {detail}"),
            (Some(_), None, None) if self.method.is_none() => {
                format!("Refused as no proper request: {detail}")
            }
            (Some(_), None, None) => format!("Refused before any route: {detail}"),
            (Some(fault), None, Some(cluster)) if self.attempts == 0 => {
                format!("Cluster `{cluster}` was not asked ({}): {detail}", fault.code())
            }
            (Some(_), None, Some(cluster)) if self.attempts > 1 => {
                format!("Cluster `{cluster}`, {} attempts, the last with {endpoint}: {detail}", self.attempts)
            }
            (Some(_), None, Some(cluster)) => format!("Cluster `{cluster}`, endpoint {endpoint}: {detail}"),
            (None, _, Some(cluster)) => {
                format!("{} {endpoint} of cluster `{cluster}`{}.", self.answerer(), self.rest())
            }
            (None, Some(policy), None) => format!("Policy {policy} of route `{route}` answered it."),
            (None, None, None) if self.route.is_some() => format!("Route `{route}` answers by itself."),
            (None, None, None) => "The gateway answers this by itself.".to_owned(),
        }
    }

    fn answerer(&self) -> String {
        let status = self.status.map_or_else(String::new, |status| format!(" {status}"));
        if self.upgraded { "It switched protocols with".to_owned() } else { format!("Answered{status} by") }
    }

    fn rest(&self) -> String {
        match (&self.end, self.upgraded) {
            (Some(end), _) => format!(", and ended: {end}"),
            (None, true) => ", and was open when this was written down".to_owned(),
            (None, false) => String::new(),
        }
    }
}

fn milliseconds(nanos: u64) -> f64 {
    (nanos / 1_000) as f64 / 1_000.0
}

fn told(text: &[u8], is_cut: bool) -> String {
    format!("{}{}", String::from_utf8_lossy(text), if is_cut { "..." } else { "" })
}

/// Cut between segments: half of a segment may be half of what would be hidden.
fn path(record: &DecisionRecord, redaction: &Redaction) -> String {
    let path = record.path.as_bytes();
    if !record.path.is_cut() {
        return redaction.path(path);
    }
    let end = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    format!("{}...", redaction.path(&path[..end]))
}

impl Display for DecisionView {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let none = || "(none)".to_owned();
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(none);
        writeln!(out, "id          {}", self.request_id)?;
        writeln!(out, "time        {}, worker {}, generation {}", self.time, self.worker, self.generation)?;
        writeln!(out, "listener    {}, {}", self.listener, self.protocol)?;
        if let Some(method) = &self.method {
            writeln!(out, "request     {method} {}", or_none(&self.path))?;
        }
        let variant =
            self.variant.as_ref().map_or_else(String::new, |variant| format!(", variant {variant}"));
        writeln!(out, "route       {}{variant}", or_none(&self.route))?;
        if let Some(cluster) = &self.cluster {
            writeln!(out, "cluster     {cluster}")?;
            self.fmt_upstream(out)?;
        }
        if let Some(fallback) = &self.fallback {
            writeln!(out, "fallback    {fallback}")?;
        }
        self.fmt_answer(out)?;
        writeln!(
            out,
            "bytes       {} of the request, {} of the answer",
            self.request_bytes, self.response_bytes
        )?;
        writeln!(out, "took        {} ms", self.duration_ms)?;
        writeln!(out, "why         {}", self.why)
    }
}

impl DecisionView {
    fn fmt_upstream(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let protocol = self.upstream_protocol.as_deref().unwrap_or_default();
        let attempts =
            if self.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", self.attempts) };
        writeln!(out, "  endpoint  {endpoint}, {protocol}, {attempts}")?;
        if let Some(reason) = &self.retried {
            writeln!(out, "  again     because of: {reason}")?;
        }
        if let Some(hedge) = &self.hedge {
            writeln!(out, "  hedge     a second endpoint was asked, and {hedge}")?;
        }
        match self.connect_ms {
            _ if self.reused => writeln!(out, "  connect   none: the connection was there already")?,
            Some(connect) => writeln!(out, "  connect   {connect} ms")?,
            None => {}
        }
        self.head_ms.map_or(Ok(()), |head| writeln!(out, "  head      {head} ms after the request was sent"))
    }

    fn fmt_answer(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let code = self.code.as_ref().map_or_else(String::new, |code| format!(" {code}"));
        let by = self.policy.as_ref().map_or_else(String::new, |policy| format!(", by {policy}"));
        let grpc = self.grpc_status.map_or_else(String::new, |status| format!(", gRPC status {status}"));
        writeln!(out, "answer      {status}{code}{by}{grpc}")?;
        let Some(end) = &self.end else { return Ok(()) };
        let close = self.close_code.map_or_else(String::new, |code| format!(", Close {code}"));
        writeln!(out, "ended       {end}{close}")
    }
}
