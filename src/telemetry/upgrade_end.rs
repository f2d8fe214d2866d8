//! Why an upgraded connection ended: a closed set, the same in metrics and in the access log.

macro_rules! ends {
    ($($(#[$doc:meta])* $name:ident $label:literal;)*) => {
        /// Why an upgraded connection ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum UpgradeEnd { $($(#[$doc])* $name),* }

        impl UpgradeEnd {
            /// Every reason, in the order of the slots.
            pub const ALL: [Self; UPGRADE_END_SLOTS] = [$(Self::$name),*];

            /// Short and stable.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

/// How many reasons there are.
pub const UPGRADE_END_SLOTS: usize = 10;

ends! {
    /// The client closed it as its protocol has it.
    Client "client";
    /// The origin did.
    Upstream "upstream";
    /// The client's connection ended without a Close frame, or was reset.
    ClientGone "client_gone";
    /// The origin's did.
    UpstreamGone "upstream_gone";
    /// The client took nothing for too long.
    ClientStalled "client_stalled";
    /// The origin took nothing for too long.
    UpstreamStalled "upstream_stalled";
    /// Nothing moved for too long.
    Idle "idle";
    /// The gateway stopped.
    Drain "drain";
    /// A frame's length cannot be.
    BadFrame "bad_frame";
    /// The client's credentials were revoked.
    Revoked "revoked";
}
