//! Looking at a machine: what keeps the gateway from running well on it, what that costs, how to mend it.
//!
//! Changes nothing. One file per group of checks; each reads through [`Host`], so a test can show it any machine.
//! What cannot be read is a finding too.

// What is examined.
pub mod case;
mod cpus;
// What comes out.
pub mod finding;
// The machine as files.
pub mod host;
mod interrupts;
mod kernel;
mod limits;
mod memory;
mod ports;
mod quota;
mod ring;
mod sysctl;
#[cfg(test)]
mod tests;

pub use case::{Case, Needs, Probes};
pub use finding::{Finding, Report, Severity};
pub use host::Host;

/// Everything, in the order from the kernel to the network.
pub fn examine(host: &Host, needs: &Needs, probes: &Probes) -> Report {
    let case = Case::new(host, needs, probes);
    let groups = [
        kernel::examine,
        ring::examine,
        limits::examine,
        cpus::examine,
        quota::examine,
        interrupts::examine,
        memory::examine,
        ports::examine,
        sysctl::examine,
    ];
    let mut findings = Vec::new();
    for group in groups {
        group(&case, &mut findings);
    }
    Report::new(findings)
}
