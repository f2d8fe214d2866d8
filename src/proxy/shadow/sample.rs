//! A mismatch as the operator may see it, and the ring of the latest of one worker.
//!
//! Secrets are hidden before anything is kept, and values are told only where the configuration says so. Bounded in
//! number, in size and in how often one is written; what came from the route with most makes room first.

use serde_json::{Value, json};

use super::compare::{Bodies, Comparison, Kept};
use super::difference::{differences, kind};
use super::plan::{ComparePlan, ShadowPlan};
use crate::shared::names::NameId;
use crate::telemetry::redaction::Redaction;
use crate::telemetry::value_text::value_text;

/// Mismatches that a worker keeps.
pub const KEPT_MAX: usize = 64;
/// Largest one; what is larger is not kept.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// How long a tick of sampling is.
const TICK_MS: u64 = 20;
/// Mismatches that are written down in a tick: each costs some ten microseconds.
const NOTED_PER_TICK: u8 = 2;
/// Fields that are told of one pair.
const FIELDS_TOLD_MAX: usize = 8;

/// A pair of answers that differ.
pub(super) struct Sample<'a> {
    /// What was compared.
    pub plan: &'a ShadowPlan,
    /// What is hidden.
    pub redaction: &'a Redaction,
    /// When.
    pub unix_ms: u64,
    /// The id of the request.
    pub request_id: &'a [u8],
    /// The request as it was copied.
    pub request: &'a [u8],
    /// The answer that the client got.
    pub original: &'a Kept,
    /// The copy's.
    pub copy: &'a Kept,
    /// What differs.
    pub found: &'a Comparison,
}

impl Sample<'_> {
    /// A JSON object in one line.
    pub fn text(&self) -> Vec<u8> {
        let mut line = self.request.split(|byte| *byte == b' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let mut told = json!({
            "unix_ms": self.unix_ms,
            "route": self.plan.route,
            "request_id": String::from_utf8_lossy(self.request_id),
            "method": String::from_utf8_lossy(method),
            "target": value_text(self.redaction, b"", target),
            "status": {"original": self.original.status, "copy": self.copy.status},
            "body": self.body(),
        });
        if self.original.grpc_status != self.copy.grpc_status {
            told["grpc_status"] =
                json!({"original": self.original.grpc_status, "copy": self.copy.grpc_status});
        }
        if let Some(compare) = &self.plan.compare {
            let fields = self.found.fields.iter().take(FIELDS_TOLD_MAX);
            let fields: Vec<Value> = fields.map(|at| self.field(&compare.fields[*at])).collect();
            if !fields.is_empty() {
                told["fields"] = fields.into();
            }
            if let Bodies::Json(documents) = &self.found.body {
                told["differences"] = self.differences(compare, documents);
            }
        }
        told.to_string().into_bytes()
    }

    fn body(&self) -> &'static str {
        match self.found.body {
            Bodies::Same => "same",
            Bodies::Left => "not compared",
            Bodies::Bytes => "other bytes",
            Bodies::Json(_) => "other values",
        }
    }

    fn field(&self, name: &str) -> Value {
        let value = |kept: &Kept| {
            let lines: Vec<&[u8]> = kept.fields.all_named(name.as_bytes()).take(4).collect();
            (!lines.is_empty()).then(|| value_text(self.redaction, name.as_bytes(), &lines.join(&b", "[..])))
        };
        json!({"name": name, "original": value(self.original), "copy": value(self.copy)})
    }

    fn differences(&self, compare: &ComparePlan, documents: &(Value, Value)) -> Value {
        let all = differences(&documents.0, &documents.1);
        let told = all.iter().map(|one| {
            let show = |value: Option<&Value>| match value {
                Some(scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)))
                    if compare.shows_values =>
                {
                    self.scalar(&one.at, scalar)
                }
                other => kind(other).to_owned(),
            };
            let at = value_text(self.redaction, b"", one.at.as_bytes());
            json!({"at": at, "original": show(one.first), "copy": show(one.second)})
        });
        told.collect()
    }

    /// Hidden if any step of the way to it sounds like a secret.
    fn scalar(&self, at: &str, value: &Value) -> String {
        let text = value.to_string();
        let hidden = at
            .split('/')
            .map(|step| value_text(self.redaction, step.as_bytes(), text.as_bytes()))
            .find(|shown| shown.as_bytes() == crate::telemetry::redaction::REDACTED);
        hidden.unwrap_or_else(|| value_text(self.redaction, b"", text.as_bytes()))
    }
}

/// The latest mismatches of one worker.
#[derive(Debug, Default)]
pub struct Mismatches {
    kept: Vec<(NameId, Box<[u8]>)>,
    tick: u64,
    noted: u8,
}

impl Mismatches {
    /// Keeps one more, if there were not enough in this tick.
    pub fn note(&mut self, route: NameId, now_ms: u64, text: impl FnOnce() -> Vec<u8>) {
        let tick = now_ms / TICK_MS;
        if tick != self.tick {
            (self.tick, self.noted) = (tick, 0);
        }
        if self.noted == NOTED_PER_TICK {
            return;
        }
        self.noted += 1;
        let text = text();
        if text.len() > TEXT_BYTES_MAX {
            return;
        }
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(self.victim());
        }
        self.kept.push((route, text.into()));
    }

    /// The oldest of the route that has most.
    fn victim(&self) -> usize {
        let count = |route: NameId| self.kept.iter().filter(|(one, _)| *one == route).count();
        let most = self.kept.iter().map(|(route, _)| count(*route)).max().unwrap_or(0);
        self.kept.iter().position(|(route, _)| count(*route) == most).unwrap_or(0)
    }

    /// Appends them, the latest first, a line each, as far as there is room.
    pub fn copy(&self, room: &mut Vec<u8>) {
        for (_, text) in self.kept.iter().rev() {
            if room.len() + text.len() + 1 > room.capacity() {
                return;
            }
            room.extend_from_slice(text);
            room.push(b'\n');
        }
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
