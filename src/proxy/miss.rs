//! Why an attempt gave no answer.

use crate::http::refusal::Breach;
use crate::policy::reply::{Code, Fault};
use crate::telemetry::retry::RetryReason;
use crate::upstream::h2::lane::Fate;

/// Why an attempt did not end with its answer at the client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Miss {
    /// There is no connection.
    Unconnected(Fault),
    /// The connection was closed before a byte of an answer: perhaps before it had seen the request.
    Unanswered {
        /// What became of the request.
        fate: Fate,
        /// True if the connection had served before.
        is_reused: bool,
    },
    /// The head did not come in time, or the request was not taken.
    Late(Code),
    /// What came is not a whole response head.
    Broken(Breach),
    /// The answer is not wanted.
    Unwanted {
        /// True if it is asked for again, for which the budget has been spent. False if there is something better.
        is_retried: bool,
    },
    /// Something that no other attempt would mend.
    Final(Fault),
}

impl Miss {
    /// What the client is told, if that is the end.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Unconnected(fault) | Self::Final(fault) => fault,
            Self::Unanswered { .. } => Code::UpstreamReset.into(),
            Self::Late(code) => code.into(),
            Self::Broken(breach) => breach.into(),
            Self::Unwanted { .. } => Code::UpstreamUnwanted.into(),
        }
    }

    /// Why it may be tried again. None for what no other attempt would mend.
    pub(super) fn reason(self) -> Option<RetryReason> {
        Some(match self {
            Self::Unconnected(_) => RetryReason::Connect,
            Self::Unanswered { fate: Fate::Untouched, .. } => RetryReason::Untouched,
            Self::Unanswered { .. } | Self::Broken(_) => RetryReason::Reset,
            Self::Late(_) => RetryReason::Timeout,
            Self::Unwanted { is_retried: true } => RetryReason::Status,
            Self::Unwanted { is_retried: false } | Self::Final(_) => return None,
        })
    }
}

/// True for faults that come before anything was sent.
pub(super) fn is_unsent(code: Code) -> bool {
    matches!(
        code,
        Code::UpstreamConnectRefused
            | Code::UpstreamConnectTimeout
            | Code::UpstreamConnectionsExhausted
            | Code::UpstreamTlsFailed
            | Code::UpstreamCertificateInvalid
            | Code::UpstreamCertificateName
            | Code::NoEndpoint
            | Code::CircuitOpen
    )
}
