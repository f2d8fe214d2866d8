//! Why something is tried again, as it is counted and told.

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
