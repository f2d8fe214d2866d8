//! Why a token is not accepted: a closed set, for metrics.
//!
//! Clients are told less: that the token is not valid, or that it has expired. Whoever guesses at tokens learns nothing
//! from that; operators see the reason in a counter.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $label:literal;)*) => {
        /// Why a token is not accepted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// Every reason, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As it stands in metrics.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

reasons! {
    /// More than one token in a request.
    Repeated "repeated";
    /// Longer than allowed.
    TooLarge "too_large";
    /// Not a JWS in compact form, not base64url, not JSON, or a member is there twice.
    Malformed "malformed";
    /// `crit`, `zip`, encrypted or nested.
    Unsupported "unsupported";
    /// An algorithm that is not for this issuer, or not for this key.
    Algorithm "algorithm";
    /// A `typ` that is not expected.
    Type "type";
    /// No key goes with it.
    Key "key";
    /// The signature is not the key's.
    Signature "signature";
    /// Another `iss`.
    Issuer "issuer";
    /// Another `aud`.
    Audience "audience";
    /// `exp` is over.
    Expired "expired";
    /// `nbf` or `iat` is still to come.
    Early "early";
    /// A claim that must be there is not, or has another value.
    Claim "claim";
    /// Revoked before its time.
    Revoked "revoked";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_as_they_are_listed_and_no_two_share_a_label() {
        for (number, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert_eq!(Reason::ALL.iter().filter(|other| other.label() == reason.label()).count(), 1);
        }
    }
}
