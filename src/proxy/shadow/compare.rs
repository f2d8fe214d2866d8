//! Whether two answers to the same request say the same.
//!
//! Pure. The status is always compared; fields and body only where the status is the same, because an answer with another
//! status has another body anyway. Bodies are equal if their bytes are, or if both are JSON that says the same.

use serde_json::Value;

use super::plan::ComparePlan;
use crate::http::field::{FieldId, Fields};

/// An answer, as far as it was kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// Its status.
    pub status: u16,
    /// The number in `grpc-status`, if there was one.
    pub grpc_status: Option<u16>,
    /// Its fields, at least those that are compared and those about the body.
    pub fields: Fields,
    /// Its body without framing, or the beginning of it.
    pub body: Vec<u8>,
    /// True if the body was longer than what is kept.
    pub is_cut: bool,
}

/// What came of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// Whether statuses are the same.
    pub has_same_status: bool,
    /// Places, in the plan, of fields that differ.
    pub fields: Vec<usize>,
    /// What came of the bodies.
    pub body: Bodies,
}

/// What came of comparing bodies.
#[derive(Debug)]
pub enum Bodies {
    /// They say the same.
    Same,
    /// They were not compared: too large, in a coding, not wanted, or of another status.
    Left,
    /// Their bytes differ, and they are not both JSON.
    Bytes,
    /// They are JSON that says different things, here without what may differ.
    Json(Box<(Value, Value)>),
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_match(&self) -> bool {
        self.has_same_status && self.fields.is_empty() && !self.has_other_body()
    }

    /// Whether the bodies differ.
    pub fn has_other_body(&self) -> bool {
        matches!(self.body, Bodies::Bytes | Bodies::Json(_))
    }
}

/// Compares.
pub fn compare(plan: &ComparePlan, first: &Kept, second: &Kept) -> Comparison {
    let has_same_status = first.status == second.status && first.grpc_status == second.grpc_status;
    if !has_same_status {
        return Comparison { has_same_status, fields: Vec::new(), body: Bodies::Left };
    }
    let differs =
        |name: &str| !first.fields.all_named(name.as_bytes()).eq(second.fields.all_named(name.as_bytes()));
    let fields = plan.fields.iter().enumerate().filter(|(_, name)| differs(name)).map(|(at, _)| at);
    Comparison { has_same_status, fields: fields.collect(), body: bodies(plan, first, second) }
}

fn bodies(plan: &ComparePlan, first: &Kept, second: &Kept) -> Bodies {
    if plan.body_bytes == 0 || first.is_cut || second.is_cut {
        return Bodies::Left;
    }
    if first.body == second.body {
        return Bodies::Same;
    }
    if is_coded(&first.fields) || is_coded(&second.fields) {
        return Bodies::Left;
    }
    let read = |kept: &Kept| {
        is_json(&kept.fields).then(|| serde_json::from_slice::<Value>(&kept.body).ok()).flatten()
    };
    let (Some(mut one), Some(mut other)) = (read(first), read(second)) else { return Bodies::Bytes };
    for path in &plan.ignored {
        path.prune(&mut one);
        path.prune(&mut other);
    }
    if super::difference::differences(&one, &other).is_empty() {
        return Bodies::Same;
    }
    Bodies::Json(Box::new((one, other)))
}

/// Two codings of the same thing may differ.
fn is_coded(fields: &Fields) -> bool {
    fields.first_named(b"content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

/// RFC 8259, and RFC 6839 for types that end with `+json`.
fn is_json(fields: &Fields) -> bool {
    let Some(media) = fields.first(FieldId::ContentType) else { return false };
    let end = media.iter().position(|byte| *byte == b';').unwrap_or(media.len());
    let media = media[..end].trim_ascii().to_ascii_lowercase();
    media.ends_with(b"/json") || media.ends_with(b"+json")
}

#[cfg(test)]
mod tests {
    use super::super::json_path::JsonPath;
    use super::*;

    fn kept(status: u16, fields: &[(&str, &str)], body: &str) -> Kept {
        let mut kept = Kept { status, body: body.as_bytes().to_vec(), ..Kept::default() };
        for (name, value) in fields {
            assert!(kept.fields.append(name.as_bytes(), value.as_bytes()));
        }
        kept
    }

    fn plan(fields: &[&str], ignored: &[&str]) -> ComparePlan {
        ComparePlan {
            fields: fields.iter().map(|name| (*name).into()).collect(),
            body_bytes: 1024,
            ignored: ignored.iter().map(|path| JsonPath::parse(path).unwrap()).collect(),
            shows_values: false,
        }
    }

    const JSON: (&str, &str) = ("Content-Type", "application/problem+JSON; charset=utf-8");

    #[test]
    fn of_another_status_nothing_else_is_compared() {
        let found = compare(&plan(&["etag"], &[]), &kept(200, &[("ETag", "a")], "a"), &kept(500, &[], "b"));
        assert!(!found.has_same_status && found.fields.is_empty() && !found.has_other_body());
        let (mut first, second) = (kept(200, &[], ""), kept(200, &[], ""));
        first.grpc_status = Some(5);
        assert!(!compare(&plan(&[], &[]), &first, &second).has_same_status);
    }

    #[test]
    fn fields_are_compared_with_all_their_lines_and_only_those_that_are_named() {
        let plan = plan(&["vary", "etag"], &[]);
        let first = kept(200, &[("Vary", "a"), ("ETag", "x"), ("Vary", "b"), ("Date", "1")], "");
        let second = kept(200, &[("vary", "a"), ("vary", "c"), ("etag", "x"), ("date", "2")], "");
        assert_eq!(compare(&plan, &first, &second).fields, [0]);
        assert!(compare(&plan, &first, &first).is_match());
    }

    #[test]
    fn json_is_compared_by_what_it_says_but_for_what_may_differ() {
        let first = kept(200, &[JSON], r#"{"id": 1, "at": 5, "n": 1.0}"#);
        let second = kept(200, &[JSON], r#"{"n":1,"at":6,"id":1}"#);
        assert!(matches!(compare(&plan(&[], &[]), &first, &second).body, Bodies::Json(_)));
        assert!(compare(&plan(&[], &["/at"]), &first, &second).is_match());
    }

    #[test]
    fn anything_else_is_compared_by_its_bytes() {
        let text = [("Content-Type", "text/plain")];
        let same = compare(&plan(&[], &[]), &kept(200, &text, "a"), &kept(200, &text, "a"));
        let other = compare(&plan(&[], &[]), &kept(200, &text, "1"), &kept(200, &text, "1.0"));
        assert!(same.is_match() && matches!(other.body, Bodies::Bytes));
        // What only says that it is JSON is not.
        let broken = compare(&plan(&[], &[]), &kept(200, &[JSON], "{"), &kept(200, &[JSON], "{}"));
        assert!(matches!(broken.body, Bodies::Bytes));
    }

    #[test]
    fn what_cannot_be_compared_is_left() {
        let (mut cut, whole) = (kept(200, &[], "a"), kept(200, &[], "b"));
        cut.is_cut = true;
        let coded = kept(200, &[("Content-Encoding", "gzip")], "c");
        for (first, second) in [(&cut, &whole), (&whole, &cut), (&coded, &whole)] {
            assert!(matches!(compare(&plan(&[], &[]), first, second).body, Bodies::Left));
        }
        let unwanted = ComparePlan::default();
        assert!(compare(&unwanted, &whole, &coded).is_match());
    }
}
