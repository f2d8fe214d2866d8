//! The listeners' addresses: may they be bound, are they free, does the kernel keep them free.
//!
//! Owns the reading of the kernel's table of listening sockets. A running gateway or the service manager may hold
//! an address; that is how it should be, and is told apart from strangers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::case::{Case, Listener};
use super::finding::Finding;
use super::host::{Host, Reading};

/// capabilities(7).
const CAP_NET_BIND_SERVICE: u32 = 10;

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    for (index, listener) in case.needs.listeners.iter().enumerate() {
        out.push(port(case, listener, case.probes.binds.get(index).copied()).about(&listener.name));
        out.extend(backlog(case, listener).map(|finding| finding.about(&listener.name)));
        out.extend(ephemeral(case, listener).map(|finding| finding.about(&listener.name)));
    }
    out.push(overflows(case));
}

fn port(case: &Case, listener: &Listener, bind: Option<Result<(), i32>>) -> Finding {
    let id = "port";
    let Listener { name, addr, .. } = listener;
    let no_start = "the gateway does not start";
    if let Some(holder) = holder(case.host, *addr) {
        return match &*holder.name {
            "ringgate" => {
                Finding::ok(id, format!("{name}: {addr} is held by the running gateway (pid {})", holder.pid))
            }
            "systemd" => Finding::ok(id, format!("{name}: {addr} is held by systemd, for socket activation")),
            _ => Finding::critical(id, format!("{name}: {addr} is in use by {}", holder.in_words()))
                .costs(no_start)
                .fix(format!(
                    "sudo ss -ltnp 'sport = :{}' shows it; stop it, or give `{name}` another address",
                    addr.port()
                )),
        };
    }
    if addr.port() != 0 && is_privileged(case, addr.port()) {
        return Finding::critical(id, format!("{name}: port {} is privileged, and CAP_NET_BIND_SERVICE is missing", addr.port()))
            .costs(no_start)
            .fix("AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit, a .socket unit, or sudo setcap cap_net_bind_service+ep BINARY");
    }
    match bind {
        Some(Ok(())) => Finding::ok(id, format!("{name}: {addr} can be listened on")),
        Some(Err(libc::EADDRNOTAVAIL)) => Finding::critical(
            id,
            format!("{name}: no interface here has {}", addr.ip()),
        )
        .costs(no_start)
        .fix(format!(
            "an address of `ip addr`, or sudo sysctl -w net.ipv4.ip_nonlocal_bind=1 where {} comes later",
            addr.ip()
        )),
        Some(Err(libc::EAFNOSUPPORT)) => Finding::critical(
            id,
            format!("{name}: this kernel has no {}", if addr.is_ipv6() { "IPv6" } else { "IPv4" }),
        )
        .costs(no_start)
        .fix(format!("an address of the other family for `{name}`")),
        Some(Err(number)) => {
            let reason = std::io::Error::from_raw_os_error(number);
            Finding::critical(id, format!("{name}: {addr} cannot be bound: {reason}"))
                .costs(no_start)
                .fix(format!("sudo ss -ltnp 'sport = :{}' shows who has the port", addr.port()))
        }
        None => Finding::unreadable(
            id,
            format!("{name}: whether {addr} can be bound was not tried; nobody listens there"),
        ),
    }
}

fn is_privileged(case: &Case, port: u16) -> bool {
    let first_free = case.host.number("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or(1024);
    u64::from(port) < first_free && case.host.has_capability(CAP_NET_BIND_SERVICE) == Some(false)
}

/// Who listens at an address.
struct Holder {
    pid: String,
    name: String,
}

impl Holder {
    fn in_words(&self) -> String {
        if self.pid.is_empty() {
            "a process that is not seen from here".to_owned()
        } else {
            format!("{} (pid {})", self.name, self.pid)
        }
    }
}

fn holder(host: &Host, addr: SocketAddr) -> Option<Holder> {
    if addr.port() == 0 {
        return None;
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|path| host.text(path));
    let listening: Vec<(SocketAddr, String)> =
        tables.flat_map(|table| table.lines().filter_map(listening).collect::<Vec<_>>()).collect();
    let (_, inode) = listening.into_iter().find(|(held, _)| collides(*held, addr))?;
    let link = format!("socket:[{inode}]");
    let pids = host.names("/proc").into_iter().filter(|name| name.parse::<u32>().is_ok());
    let mut holders = pids.filter(|pid| {
        let folder = format!("/proc/{pid}/fd");
        host.names(&folder).iter().any(|fd| host.link(&format!("{folder}/{fd}")).as_deref() == Some(&*link))
    });
    // Of several, the last started serves; the first is the service manager that passed it on.
    let pid = holders.next_back().unwrap_or_default();
    let name = host.text(&format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder { pid, name })
}

fn collides(held: SocketAddr, wanted: SocketAddr) -> bool {
    let same_family = held.is_ipv4() == wanted.is_ipv4();
    let any = |addr: SocketAddr| addr.ip().is_unspecified();
    held.port() == wanted.port()
        && (held.ip() == wanted.ip()
            || same_family && (any(held) || any(wanted))
            // The IPv6 any-address takes IPv4 too.
            || !same_family && (held.is_ipv6() && any(held) || wanted.is_ipv6() && any(wanted)))
}

/// Address and inode of a line of /proc/net/tcp, if it listens (state 0A).
fn listening(line: &str) -> Option<(SocketAddr, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if *words.get(3)? != "0A" {
        return None;
    }
    let (ip, port) = words.get(1)?.split_once(':')?;
    // The kernel prints each 32-bit word in the machine's own order.
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?))
        }
        _ => return None,
    };
    Some((SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?), (*words.get(9)?).to_owned()))
}

fn backlog(case: &Case, listener: &Listener) -> Option<Finding> {
    let (wanted, most) = (u64::from(listener.backlog?), case.host.number("/proc/sys/net/core/somaxconn")?);
    (wanted > most).then(|| {
        Finding::warning(
            "backlog",
            format!("{}: backlog {wanted}, net.core.somaxconn is {most}", listener.name),
        )
        .costs(format!("the kernel silently cuts it to {most}; clients beyond wait a second and more"))
        .fix(format!("sudo tuning/host apply   (alone: sudo sysctl -w net.core.somaxconn={wanted})"))
    })
}

/// A connection to an endpoint may be given the listener's own port while the gateway is not running.
fn ephemeral(case: &Case, listener: &Listener) -> Option<Finding> {
    let (id, port) = ("ephemeral-port", listener.addr.port());
    let range = match case.host.read("/proc/sys/net/ipv4/ip_local_port_range") {
        Reading::Text(range) => range,
        Reading::Absent | Reading::Refused(_) => return None,
    };
    let ends: Vec<u16> = range.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [first, last] = ends[..] else { return None };
    let reserved =
        cpu_list_of_ports(&case.host.text("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default());
    let is_inside = port != 0 && (first..=last).contains(&port);
    (is_inside && !reserved.iter().any(|range| range.contains(&port))).then(|| {
        Finding::info(
            id,
            format!(
                "{}: port {port} is among those for outgoing connections ({first}-{last})",
                listener.name
            ),
        )
        .costs("now and then a restart fails, because an outgoing connection of the host has just that port")
        .fix(format!("sudo sysctl -w net.ipv4.ip_local_reserved_ports={port}"))
    })
}

fn cpu_list_of_ports(text: &str) -> Vec<std::ops::RangeInclusive<u16>> {
    let parts = text.trim().split(',');
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    parts.filter_map(range).collect()
}

/// Connections that found a listener's queue full, since boot, of the whole network namespace.
fn overflows(case: &Case) -> Finding {
    let id = "listen-overflows";
    let Some(text) = case.host.text("/proc/net/netstat") else {
        return Finding::unreadable(id, "/proc/net/netstat");
    };
    let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("TcpExt:")).collect();
    let value = |name: &str| -> Option<u64> {
        let column = rows.first()?.split_whitespace().position(|word| word == name)?;
        rows.get(1)?.split_whitespace().nth(column)?.parse().ok()
    };
    match value("ListenOverflows") {
        None => Finding::unreadable(id, "ListenOverflows in /proc/net/netstat"),
        Some(0) => Finding::ok(id, "no client found a full backlog since boot"),
        Some(times) => {
            Finding::info(id, format!("{times} times since boot a client found some listener's backlog full"))
                .costs("it waited a second and more for its connection")
                .fix("sudo tuning/host apply, and a larger listeners[].backlog")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_table_of_listening_sockets() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1";
        assert_eq!(listening(line), Some(("127.0.0.1:8080".parse().unwrap(), "4711".to_owned())));
        let six = "0: 00000000000000000000000001000000:0050 0:0 0A 0 0 0 0 0 12 1";
        assert_eq!(listening(six), Some(("[::1]:80".parse().unwrap(), "12".to_owned())));
        assert_eq!(listening(&line.replace(" 0A ", " 01 ")), None);
    }

    #[test]
    fn an_address_collides_with_itself_and_with_every_address() {
        let collide = |a: &str, b: &str| collides(a.parse().unwrap(), b.parse().unwrap());
        assert!(collide("127.0.0.1:80", "127.0.0.1:80") && collide("0.0.0.0:80", "127.0.0.1:80"));
        assert!(collide("[::]:80", "127.0.0.1:80") && collide("127.0.0.1:80", "0.0.0.0:80"));
        assert!(!collide("127.0.0.1:80", "127.0.0.1:81") && !collide("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!collide("[::1]:80", "127.0.0.1:80"));
    }
}
