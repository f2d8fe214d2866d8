//! Why a handshake failed, in a closed set: labels of metrics, and what the gateway says of it.

use std::io;

use rustls::{CertificateError, Error};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Why a handshake failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum HandshakeFault { $($(#[$doc])* $name),* }

        impl HandshakeFault {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Short and stable.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

faults! {
    /// It took too long.
    Timeout = "timeout";
    /// The other side closed or reset the connection.
    Closed = "closed";
    /// What came is not TLS.
    NotTls = "not_tls";
    /// A request in clear.
    PlainHttp = "plain_http";
    /// No version, cipher or group in common.
    Incompatible = "incompatible";
    /// The other side's certificate is not valid: not trusted, expired, revoked.
    Certificate = "certificate";
    /// It is valid, but for another name.
    CertificateName = "certificate_name";
    /// The other side has to show a certificate and has none.
    NoCertificate = "no_certificate";
    /// The other side has refused.
    Alert = "alert";
    /// There are as many handshakes as there may be.
    Crowded = "crowded";
    /// The other side does not keep to the protocol.
    Protocol = "protocol";
}

impl From<&Error> for HandshakeFault {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Self::CertificateName,
            Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_) => Self::Certificate,
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Self::Incompatible,
            Error::AlertReceived(_) => Self::Alert,
            Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Protocol,
        }
    }
}

impl From<io::Error> for HandshakeFault {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_wrong_name_from_a_wrong_certificate() {
        let fault = |error| HandshakeFault::from(&Error::InvalidCertificate(error));
        assert_eq!(fault(CertificateError::NotValidForName), HandshakeFault::CertificateName);
        assert_eq!(fault(CertificateError::Expired), HandshakeFault::Certificate);
        assert_eq!(fault(CertificateError::UnknownIssuer), HandshakeFault::Certificate);
    }
}
