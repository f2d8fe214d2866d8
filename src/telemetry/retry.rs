//! Why something is tried again, asked twice or answered otherwise, as it is counted and told.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal;)*) => {
        /// Why something is tried again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum RetryReason { $($(#[$doc])* $name),* }

        impl RetryReason {
            /// All of them, in the order of their slots.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As metrics and logs tell it.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

reasons! {
    /// The endpoint did not take the connection, or its handshake failed.
    Connect = "connect";
    /// The connection was closed or reset before the answer.
    Reset = "reset";
    /// There was no answer in time.
    Timeout = "timeout";
    /// The answer has a status that is tried again.
    Status = "status";
    /// The endpoint has not looked at it (REFUSED_STREAM, GOAWAY).
    Untouched = "untouched";
}

/// Whether a second endpoint was asked beside the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hedge {
    /// It was not.
    #[default]
    None,
    /// It was, and the first was sooner.
    Lost,
    /// Its answer was taken.
    Won,
}

impl Hedge {
    /// As logs tell it; empty for none.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Lost => "lost",
            Self::Won => "won",
        }
    }
}

/// What was answered in place of the cluster's answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    #[default]
    None,
    /// Another cluster was asked.
    Cluster,
    /// An answer of the gateway's own.
    Own,
}

impl Fallback {
    /// As logs tell it; empty for none.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Cluster => "cluster",
            Self::Own => "own",
        }
    }
}
