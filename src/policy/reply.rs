//! Answers that the gateway gives by itself, and every reason for which it gives one.
//!
//! The codes are the same in answers, logs, metrics and pages, and stay what they are. A reason names its
//! culprit: the client, the origin or the gateway.

use smallvec::SmallVec;

use crate::http::refusal::{Breach, Refusal};
use crate::route::path::PathRefusal;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $detail:literal;)*) => {
        /// Reasons beyond those of the codec.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            const fn row(self) -> (u16, &'static str, &'static str) {
                match self { $(Self::$name => ($status, $code, $detail)),* }
            }
        }
    };
}

codes! {
    /// No route matches.
    NoRoute = 404 "no_route" "No route matches this request.";
    /// A route matches but for the method.
    MethodNotAllowed = 405 "method_not_allowed" "This resource does not take this method.";
    /// The path cannot be normalised.
    BadPath = 400 "bad_path" "The path is malformed or leaves the root.";
    /// A trusted proxy names its client in a way that cannot be read.
    BadForwarded = 400 "bad_forwarded" "The fields that tell who the client is cannot be read.";
    /// The head took too long.
    HeadTimeout = 408 "head_timeout" "The request head did not arrive in time.";
    /// The body took too long.
    BodyTimeout = 408 "body_timeout" "The request body did not arrive in time.";
    /// The body is larger than allowed.
    BodyTooLarge = 413 "body_too_large" "The request body is larger than this route takes.";
    /// An expectation that is not 100-continue.
    ExpectationFailed = 417 "expectation_failed" "Only the expectation 100-continue can be met.";
    /// WebSocket on a route that does not allow it.
    UpgradeNotSupported = 501 "upgrade_not_supported" "This gateway does not switch protocols here.";
    /// A WebSocket handshake that is not as RFC 6455 has it.
    BadWebSocketHandshake = 400 "bad_websocket_handshake" "The WebSocket handshake is malformed.";
    /// A WebSocket handshake of another version than 13.
    WebSocketVersionNotSupported = 426 "websocket_version_not_supported" "Only version 13 of WebSocket is spoken here.";
    /// The worker's cap on upgraded connections is reached.
    UpgradedConnectionsExhausted = 503 "upgraded_connections_exhausted" "No more connections can be upgraded at the moment.";
    /// CONNECT.
    ConnectNotSupported = 501 "connect_not_supported" "This gateway does not open tunnels.";
    /// The client's address is not admitted.
    AddressDenied = 403 "address_denied" "Requests from this address are not admitted.";
    /// A page of this origin may not ask.
    OriginDenied = 403 "origin_denied" "Pages of this origin may not use this resource.";
    /// The rules of the route do not admit who is asking.
    Forbidden = 403 "forbidden" "This request is not admitted.";
    /// They would with more scopes.
    InsufficientScope = 403 "insufficient_scope" "This request needs a token with more scopes.";
    /// A route that wants to know who is asking, and a request that does not say.
    CredentialsMissing = 401 "credentials_missing" "This resource wants to know who is asking.";
    /// A token that is not believed: malformed, signed by somebody else, or for somebody else.
    TokenInvalid = 401 "token_invalid" "The token is not valid here.";
    /// A token whose time is over.
    TokenExpired = 401 "token_expired" "The token has expired.";
    /// More than one token in a request (RFC 6750 3.1).
    TokenRepeated = 400 "token_repeated" "There is more than one token in this request.";
    /// The keys of an issuer cannot be had.
    KeysUnavailable = 503 "keys_unavailable" "Tokens cannot be verified at the moment.";
    /// Credentials that were good and are no more.
    CredentialsRevoked = 401 "credentials_revoked" "These credentials have been revoked.";
    /// Nobody can tell at the moment whether the credentials are good.
    AuthenticationUnavailable = 503 "authentication_unavailable" "Credentials cannot be verified at the moment.";
    /// A key that nobody has been given.
    ApiKeyUnknown = 401 "api_key_unknown" "This API key is not known here.";
    /// A key with a typing error, several keys, or what cannot be one.
    ApiKeyMalformed = 401 "api_key_malformed" "This is not one whole API key.";
    /// A key whose time is over.
    ApiKeyExpired = 401 "api_key_expired" "This API key has expired.";
    /// A key that is not taken for the time being.
    ApiKeyDisabled = 401 "api_key_disabled" "This API key is disabled.";
    /// A wrong name or password.
    CredentialsInvalid = 401 "credentials_invalid" "These credentials are not right.";
    /// Credentials that cannot be read.
    CredentialsMalformed = 401 "credentials_malformed" "These credentials cannot be read.";
    /// A token whose issuer says that it is not good.
    TokenInactive = 401 "token_inactive" "This token is not valid, or not any more.";
    /// A token of another issuer, or for another audience.
    TokenElsewhere = 401 "token_elsewhere" "This token was not issued for this service.";
    /// The issuer does not say whether a token is good.
    IntrospectionUnavailable = 503 "introspection_unavailable" "Tokens cannot be verified at the moment.";
    /// A client's certificate whose time is over.
    CertificateExpired = 401 "certificate_expired" "This certificate has expired.";
    /// The client's certificate is not one of those that are let in.
    CertificateUnknown = 401 "certificate_unknown" "This certificate is not known here.";
    /// The service that was asked does not want this request.
    ExternallyDenied = 403 "externally_denied" "This request is not allowed.";
    /// The service that is to be asked gives no answer.
    ExternalAuthorizationUnavailable = 503 "external_authorization_unavailable" "Whether this request is allowed cannot be found out at the moment.";
    /// A rate limit is reached.
    RateLimited = 429 "rate_limited" "There have been too many requests; try again later.";
    /// A quota is used up.
    QuotaExceeded = 429 "quota_exceeded" "The quota is used up; it is there again when its period ends.";
    /// A request lacks what a limit counts by.
    RateKeyMissing = 403 "rate_key_missing" "The request lacks something that is needed to count it.";
    /// There are as many exchanges under way as may be.
    ConcurrencyLimited = 503 "concurrency_limited" "As many requests as may be are under way; try again in a moment.";
    /// The client has as many exchanges under way as it may.
    ConcurrencyExceeded = 429 "concurrency_exceeded" "There are too many requests at once; try again in a moment.";
    /// The worker has more to do than it can.
    Overloaded = 503 "overloaded" "There is more to do than can be done; try again in a moment.";
    /// The cluster has as many exchanges as it may.
    ClusterFull = 503 "cluster_full" "The service has as many requests as it may have; try again in a moment.";
    /// The cluster has as many exchanges as it can work on.
    ClusterSlow = 503 "cluster_slow" "The service has as many requests as it can work on; try again in a moment.";
    /// As many wait for the cluster as may.
    PendingFull = 503 "pending_full" "Too many requests wait for the service; try again in a moment.";
    /// It has waited for the cluster for as long as it may.
    PendingTimeout = 503 "pending_timeout" "The service had no room for this request in time; try again in a moment.";
    /// Every endpoint has as many exchanges as it may.
    EndpointsFull = 503 "endpoints_full" "The service has as many requests as it may have; try again in a moment.";
    /// The query is longer than allowed.
    QueryTooLong = 414 "query_too_long" "The query is longer than this route takes.";
    /// The path is longer than allowed.
    PathTooLong = 414 "path_too_long" "The path is longer than this route takes.";
    /// The header section is larger than the route allows.
    FieldsTooLarge = 431 "fields_too_large" "The header section is larger than this route takes.";
    /// The media type is not taken.
    UnsupportedMediaType = 415 "unsupported_media_type" "This route does not take this media type.";
    /// A breaker keeps requests away from a service that fails.
    CircuitOpen = 503 "circuit_open" "The service is failing and gets no requests for the moment; try again later.";
    /// The answer has a status that counts as no answer, and there was nothing else to answer.
    UpstreamUnwanted = 502 "upstream_unwanted" "The service gave no answer that can be used.";
    /// No endpoint is left to try.
    NoEndpoint = 503 "no_endpoint" "No endpoint of the service is available.";
    /// The endpoint did not take the connection.
    UpstreamConnectRefused = 503 "upstream_connect_refused" "The service did not take the connection.";
    /// The gateway's cap on connections is reached.
    UpstreamConnectionsExhausted = 503 "upstream_connections_exhausted" "The service has no connection to spare.";
    /// The endpoint did not connect in time.
    UpstreamConnectTimeout = 504 "upstream_connect_timeout" "The service did not connect in time.";
    /// The endpoint did not answer in time.
    UpstreamHeadTimeout = 504 "upstream_head_timeout" "The service did not answer in time.";
    /// The endpoint stopped in the middle.
    UpstreamIdleTimeout = 504 "upstream_idle_timeout" "The service stopped answering.";
    /// The whole exchange took too long.
    UpstreamTotalTimeout = 504 "upstream_total_timeout" "The service took too long.";
    /// The endpoint closed or reset the connection before its answer.
    UpstreamReset = 502 "upstream_reset" "The service closed the connection before it answered.";
    /// The endpoint's TLS handshake failed.
    UpstreamTlsFailed = 502 "upstream_tls_failed" "No secure connection to the service could be made.";
    /// The endpoint's certificate is not trusted, has expired or was revoked.
    UpstreamCertificateInvalid = 502 "upstream_certificate_invalid" "No secure connection to the service could be made.";
    /// The endpoint's certificate is for another name.
    UpstreamCertificateName = 502 "upstream_certificate_name" "No secure connection to the service could be made.";
    /// It ran on a former configuration for longer than it may.
    GenerationExpired = 503 "generation_expired" "The configuration this was begun on is gone.";
    /// HTTP in clear on a listener that speaks TLS.
    PlainHttp = 400 "plain_http" "This port speaks HTTPS; the request came in plain HTTP.";
    /// The client closed or reset the connection before the exchange was over.
    ClientGone = 499 "client_gone" "The client closed the connection before the answer was complete.";
    /// The client does not take the answer.
    ClientStalled = 499 "client_stalled" "The client did not take the answer in time.";
}

/// Any reason for which an exchange did not end with the origin's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client's request is not HTTP as it should be.
    Refused(Refusal),
    /// The origin's response is not HTTP as it should be.
    Breach(Breach),
    /// The path cannot be normalised.
    Path(PathRefusal),
    /// Everything else.
    Gateway(Code),
}

impl Fault {
    /// Status code of the answer; 499 stands for no answer at all.
    pub fn status(self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.status(),
            Self::Breach(_) => 502,
            Self::Path(_) => Code::BadPath.row().0,
            Self::Gateway(code) => code.row().0,
        }
    }

    /// Short and stable.
    pub fn code(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Breach(breach) => breach.code(),
            Self::Path(_) => Code::BadPath.row().1,
            Self::Gateway(code) => code.row().1,
        }
    }

    /// One sentence for the client. Says nothing of what is behind the gateway.
    pub fn detail(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.detail(),
            Self::Breach(_) => "The service gave an answer that is not valid HTTP.",
            Self::Path(refusal) => refusal.detail(),
            Self::Gateway(code) => code.row().2,
        }
    }

    /// Its place in [`fault_names`].
    pub fn slot(self) -> usize {
        match self {
            Self::Refused(refusal) => refusal as usize,
            Self::Breach(breach) => Refusal::ALL.len() + breach as usize,
            Self::Path(_) => Self::Gateway(Code::BadPath).slot(),
            Self::Gateway(code) => Refusal::ALL.len() + Breach::ALL.len() + code as usize,
        }
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::Gateway(code)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PathRefusal> for Fault {
    fn from(refusal: PathRefusal) -> Self {
        Self::Path(refusal)
    }
}

impl From<Breach> for Fault {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

/// The codes in the order of their slots.
pub fn fault_names() -> Vec<&'static str> {
    let refusals = Refusal::ALL.iter().map(|&refusal| Fault::Refused(refusal).code());
    let breaches = Breach::ALL.iter().map(|&breach| Fault::Breach(breach).code());
    let codes = Code::ALL.iter().map(|&code| Fault::Gateway(code).code());
    refusals.chain(breaches).chain(codes).collect()
}

/// An answer of the gateway.
#[derive(Debug)]
pub struct Reply {
    /// Why.
    pub fault: Fault,
    /// Fields besides the usual ones.
    pub fields: SmallVec<[(&'static str, String); 2]>,
    /// The answer in the words of somebody else, who was asked.
    pub own: Option<Box<OwnWords>>,
}

/// Name and value of a field.
pub type OwnField = (Box<[u8]>, Box<[u8]>);

/// An answer in the words of a service that was asked about the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnWords {
    /// Its status code.
    pub status: u16,
    /// Its fields.
    pub fields: Vec<OwnField>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The usual answer for a reason.
    pub fn new(fault: impl Into<Fault>) -> Self {
        Self { fault: fault.into(), fields: SmallVec::new(), own: None }
    }

    /// In these words, where the client can read them.
    #[must_use]
    pub fn in_words(mut self, words: OwnWords) -> Self {
        self.own = Some(Box::new(words));
        self
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.fields.push((name, value));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::telemetry::metrics::ERROR_SLOTS;

    #[test]
    fn every_reason_has_a_slot_and_a_name_of_its_own() {
        let names = fault_names();
        assert!(names.len() <= ERROR_SLOTS, "{} reasons, {ERROR_SLOTS} slots", names.len());
        for &code in Code::ALL {
            assert_eq!(names[Fault::Gateway(code).slot()], Fault::Gateway(code).code());
        }
        for &breach in Breach::ALL {
            assert_eq!(names[Fault::Breach(breach).slot()], Fault::Breach(breach).code());
        }
        let gateway: BTreeSet<_> = Code::ALL.iter().map(|&code| Fault::Gateway(code).code()).collect();
        assert_eq!(gateway.len(), Code::ALL.len());
    }
}
