//! What a service manager hands over and wants to be told: listening sockets, readiness, signs of life.
//!
//! Owns the protocol of systemd's LISTEN_FDS, NOTIFY_SOCKET and WATCHDOG_USEC (sd_listen_fds(3), sd_notify(3),
//! sd_watchdog_enabled(3)) and nothing of the gateway. It never reads the environment: `cli` does, and hands the
//! variables down.

pub mod notify;
pub mod sockets;
pub mod watchdog;

use std::time::Duration;

use sockets::PassedSocket;

/// The variables of the protocol, for whoever reads the environment and clears it.
pub const VARIABLES: [&str; 6] =
    ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// What the service manager said, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Names of passed descriptors, in the order of the descriptors.
    pub descriptor_names: Vec<String>,
    /// Where it wants to be told.
    pub notify_address: Option<String>,
    /// It ends the service that gives no sign of life for this long.
    pub watchdog: Option<Duration>,
}

/// What has been handed over.
#[derive(Debug, Default)]
pub struct Handed {
    /// Listening sockets.
    pub sockets: Vec<PassedSocket>,
    /// Where the service manager is told.
    pub notifier: notify::Notifier,
    /// It ends the service that gives no sign of life for this long.
    pub watchdog: Option<Duration>,
}

impl Said {
    /// Reads the variables, of which those that are meant for another process say nothing.
    ///
    /// # Errors
    /// When one of them is no number.
    pub fn read(variable: impl Fn(&str) -> Option<String>, pid: u32) -> Result<Self, String> {
        let number = |name: &str| match variable(name) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("{name}: `{text}` is no number")),
        };
        let is_ours = |named: Option<u64>| named.is_none_or(|named| named == u64::from(pid));
        // LISTEN_PID must be there, WATCHDOG_PID need not.
        let listen_pid = number("LISTEN_PID")?;
        let count =
            number("LISTEN_FDS")?.filter(|_| listen_pid.is_some() && is_ours(listen_pid)).unwrap_or(0);
        if count > DESCRIPTORS_MAX {
            return Err(format!("LISTEN_FDS: {count} descriptors are more than {DESCRIPTORS_MAX}"));
        }
        let names = variable("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let descriptor_names = (0..count).map(|_| names.next().unwrap_or_default()).collect();
        let watchdog = number("WATCHDOG_USEC")?.filter(|&usec| usec > 0);
        let is_watched = is_ours(number("WATCHDOG_PID")?);
        Ok(Self {
            descriptor_names,
            notify_address: variable("NOTIFY_SOCKET").filter(|address| !address.is_empty()),
            watchdog: watchdog.filter(|_| is_watched).map(Duration::from_micros),
        })
    }

    /// Takes what was handed over. Once in a process, and before it opens anything of its own: afterwards the
    /// numbers of the descriptors may belong to others.
    ///
    /// # Errors
    /// What is wrong with a descriptor, or with the address to notify.
    pub fn take(self) -> Result<Handed, String> {
        Ok(Handed {
            sockets: sockets::take(self.descriptor_names)?,
            notifier: notify::Notifier::new(self.notify_address.as_deref())?,
            watchdog: self.watchdog,
        })
    }
}

/// More sockets than a configuration has listeners are a mistake; this bounds it.
const DESCRIPTORS_MAX: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variables: &[(&str, &str)]) -> Result<Said, String> {
        let find =
            |name: &str| variables.iter().find(|(had, _)| *had == name).map(|(_, value)| (*value).to_owned());
        Said::read(find, 42)
    }

    #[test]
    fn nothing_said_is_nothing_handed() {
        assert_eq!(said(&[]).unwrap(), Said::default());
    }

    #[test]
    fn names_go_with_descriptors_in_order_and_may_be_missing() {
        let said = said(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "3"), ("LISTEN_FDNAMES", "public:admin")]);
        assert_eq!(said.unwrap().descriptor_names, ["public", "admin", ""]);
    }

    #[test]
    fn what_is_meant_for_another_process_is_not_taken() {
        for variables in [
            &[("LISTEN_PID", "41"), ("LISTEN_FDS", "1")][..],
            &[("LISTEN_FDS", "1")],
            &[("WATCHDOG_PID", "41"), ("WATCHDOG_USEC", "1000000")],
            &[("WATCHDOG_USEC", "0")],
            &[("NOTIFY_SOCKET", "")],
        ] {
            assert_eq!(said(variables).unwrap(), Said::default(), "{variables:?}");
        }
    }

    #[test]
    fn a_watchdog_needs_no_pid() {
        let said = said(&[("WATCHDOG_USEC", "3000000"), ("NOTIFY_SOCKET", "@here")]).unwrap();
        assert_eq!(said.watchdog, Some(Duration::from_secs(3)));
        assert_eq!(said.notify_address.as_deref(), Some("@here"));
    }

    #[test]
    fn refuses_what_is_no_number() {
        let reason = said(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "one")]).unwrap_err();
        assert!(reason.contains("LISTEN_FDS"), "{reason}");
        assert!(said(&[("LISTEN_PID", "42"), ("LISTEN_FDS", "99999999")]).is_err());
    }
}
