//! Numbers of the gateway itself: workers, listeners, limits, logging.

use super::{Check, values};
use crate::config::units::{ByteSize, Share, Span, UnitError};
use crate::control::config::recording::{DECISIONS_MAX, HEADS_MAX};

pub(super) fn check(check: &mut Check<'_>) {
    workers(check);
    sizes(check);
    times(check);
    counts(check);
    fields(check);
    access_log(check);
    recording(check);
}

fn recording(check: &mut Check<'_>) {
    let recording = &check.config.recording;
    for (key, switch, max) in
        [("decisions", &recording.decisions, DECISIONS_MAX), ("heads", &recording.heads, HEADS_MAX)]
    {
        let Some(&count) = switch.settings().filter(|count| !(1..=max).contains(*count)) else { continue };
        let why = UnitError::new(format!("{count} is not from 1 to {max}"))
            .hint("write a number from there, or `off`; without the key there is a good default");
        check.error("out-of-range", &format!("recording.{key}"), why);
    }
}

fn workers(check: &mut Check<'_>) {
    let cpus = &check.config.workers.cpus;
    for (index, cpu) in cpus.iter().enumerate() {
        let path = format!("workers.cpus[{index}]");
        if cpus[..index].contains(cpu) {
            let why = UnitError::new(format!("CPU {cpu} is listed twice"))
                .hint("one worker is pinned to each CPU: remove one");
            check.error("duplicate-cpu", &path, why);
        }
        if *cpu > CPU_MAX {
            check.error(
                "out-of-range",
                &path,
                UnitError::new(format!("CPU {cpu} is more than {CPU_MAX}"))
                    .hint("`nproc` says how many there are, from 0"),
            );
        }
    }
}

fn sizes(check: &mut Check<'_>) {
    let limits = &check.config.limits;
    check.value("out-of-range", "limits.head_bytes", head_bytes(limits.head_bytes));
    if limits.target_bytes.bytes() == 0 {
        check.error(
            "out-of-range",
            "limits.target_bytes",
            UnitError::new("no request has a target of no bytes").hint("write 8KiB"),
        );
    }
    if limits.target_bytes > limits.head_bytes && head_bytes(limits.head_bytes).is_ok() {
        let why = UnitError::new(format!(
            "{} is more than the whole head, {}",
            limits.target_bytes, limits.head_bytes
        ));
        // The default gives way by itself.
        if check.document.tree().nearest("limits").get("target_bytes").is_some() {
            let why = why.hint("make target_bytes at most head_bytes");
            check.error("out-of-range", "limits.target_bytes", why);
        }
    }
    if !(1..=HEADER_COUNT_MAX).contains(&limits.header_count) {
        let why = UnitError::new(format!("{} is not from 1 to {HEADER_COUNT_MAX}", limits.header_count))
            .hint("write 100");
        check.error("out-of-range", "limits.header_count", why);
    }
}

/// 1 KiB to 60 KiB: a head is read into one buffer.
pub(super) fn head_bytes(size: ByteSize) -> Result<(), UnitError> {
    if (ByteSize::kib(1)..=ByteSize::kib(60)).contains(&size) {
        return Ok(());
    }
    Err(UnitError::new(format!("{size} is not from 1KiB to 60KiB")).hint("write 32KiB"))
}

fn times(check: &mut Check<'_>) {
    let limits = &check.config.limits;
    for (name, span) in [
        ("head_timeout", limits.head_timeout),
        ("body_timeout", limits.body_timeout),
        ("write_timeout", limits.write_timeout),
        ("keepalive_timeout", limits.keepalive_timeout),
        ("tunnel_idle_timeout", limits.tunnel_idle_timeout),
    ] {
        check.value("zero-timeout", &format!("limits.{name}"), some_time(span));
    }
}

pub(super) fn some_time(span: Span) -> Result<(), UnitError> {
    if span.is_zero() {
        return Err(UnitError::new("a timeout of zero has run out before it begins").hint("write 5s"));
    }
    Ok(())
}

pub(super) fn at_least_one(count: u32) -> Result<(), UnitError> {
    if count == 0 { Err(UnitError::new("zero admits nothing").hint("write 1 or more")) } else { Ok(()) }
}

fn streams(count: u32) -> Result<(), UnitError> {
    at_least_one(count).map_err(|_| {
        UnitError::new("zero admits nothing")
            .hint("write 128, or `http2: false` at listeners that shall not speak it")
    })
}

fn counts(check: &mut Check<'_>) {
    let config = check.config;
    check.value("out-of-range", "limits.keepalive_requests", at_least_one(config.limits.keepalive_requests));
    check.value("out-of-range", "limits.http2_streams", streams(config.limits.http2_streams));
    check.value("out-of-range", "limits.connections", at_least_one(config.limits.connections));
    for (index, listener) in config.listeners.iter().enumerate() {
        check.value(
            "out-of-range",
            &format!("listeners[{index}].backlog"),
            at_least_one(listener.backlog.into()),
        );
        let at = format!("listeners[{index}]");
        if listener.tcp.is_some() && check.document.tree().nearest(&at).get("http2").is_some() {
            let why = UnitError::new("raw TCP is carried, whatever it is").hint("remove `http2`");
            check.warning("no-effect", &format!("{at}.http2"), why);
        }
    }
}

fn fields(check: &mut Check<'_>) {
    for (index, name) in check.config.identity_headers.iter().enumerate() {
        check.value("bad-field", &format!("identity_headers[{index}]"), values::field_name(name));
    }
}

fn access_log(check: &mut Check<'_>) {
    let Some(log) = &check.config.access_log else { return };
    for (list, names) in [("headers", &log.headers), ("redact_headers", &log.redact_headers)] {
        for (index, name) in names.iter().enumerate() {
            check.value("bad-field", &format!("access_log.{list}[{index}]"), values::field_name(name));
        }
    }
    if log.sample < Share::percent(1) {
        let why = UnitError::new(format!("{} is less than 1%", log.sample))
            .hint("write 1% or more, or remove access_log");
        check.error("out-of-range", "access_log.sample", why);
    }
    if log.to.is_empty() || log.to.ends_with('/') {
        check.error(
            "bad-value",
            "access_log.to",
            UnitError::new("not a file").hint("write stdout, stderr or a file's path"),
        );
    }
}

const HEADER_COUNT_MAX: u16 = 500;
/// CPU sets of the kernel have 1024 bits.
const CPU_MAX: u16 = 1023;
