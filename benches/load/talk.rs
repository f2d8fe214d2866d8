//! How clients talk to the gateway: the protocol, and how long a connection is used.

/// A way to talk. What the gateway says to the origin is HTTP/1.1 in clear in every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// HTTP/1.1 in clear, over connections that are kept.
    Plain,
    /// The same, and each request shows a token that the gateway verifies, counts against two limits, and logs; one field is
    /// set on the way there, one on the way back.
    Guarded,
    /// HTTP/1.1 over TLS 1.3, over connections that are kept.
    Secure,
    /// The same with a connection, and a full handshake, for each request.
    Handshakes,
    /// HTTP/2 in clear and without asking (RFC 9113 3.3).
    Multiplexed {
        /// Requests of a connection at a time.
        streams: usize,
    },
}

impl Talk {
    /// Requests that a client begins with.
    pub fn requests_at_once(self) -> usize {
        match self {
            Self::Multiplexed { streams } => streams,
            Self::Plain | Self::Guarded | Self::Secure | Self::Handshakes => 1,
        }
    }

    /// Whether the gateway ends TLS.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Secure | Self::Handshakes)
    }
}
