//! Project Wycheproof's vectors for JSON Web Signature and JSON Web Key.
//!
//! They are not part of this repository: looked for where `RINGGATE_TEST_VECTORS` says, else in `../shared/vectors` beside it.
//! Without them the tests say so and pass.

use std::path::PathBuf;

use serde_json::Value;

use crate::policy::auth::jwt::algorithm::AlgorithmSet;
use crate::policy::auth::jwt::jwk::{self, Symmetric};
use crate::policy::auth::jwt::token::Compact;

fn vectors(name: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = std::env::var_os("RINGGATE_TEST_VECTORS").map_or_else(beside, PathBuf::from);
    let file = folder.join("wycheproof").join(name);
    let Ok(text) = std::fs::read(&file) else {
        eprintln!("skipped: no vectors at {}; set RINGGATE_TEST_VECTORS", file.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn accepts(key: &Value, token: &str) -> bool {
    let set = if key.get("keys").is_some() { key.clone() } else { serde_json::json!({ "keys": [key] }) };
    let Ok(read) = jwk::read(set.to_string().as_bytes(), Symmetric::Take) else { return false };
    let Ok(compact) = Compact::split(token.as_bytes()) else { return false };
    let Ok(header) = compact.header() else { return false };
    read.keys.verify(&compact, &header, AlgorithmSet::all()).is_ok() && compact.has_payload()
}

/// Signature vectors that are judged otherwise here, and why.
const OTHERWISE: [(u64, &str); 14] = [
    (259, "an empty payload is no JWT"),
    (264, "an empty payload is no JWT"),
    (268, "an empty payload is no JWT"),
    (272, "an empty payload is no JWT"),
    (320, "an empty payload is no JWT"),
    (325, "an empty payload is no JWT"),
    (346, "the key says PS256, the token PS384"),
    (350, "the key says PS256, the token PS384"),
    (347, "P-521 is not taken"),
    (351, "P-521 is not taken"),
    (367, "called invalid for its padding, of which it has none: it is equal to a valid one"),
    (370, "called invalid for its padding, of which it has none: it is equal to a valid one"),
    (372, "called valid with a `?` within its base64url"),
    (373, "called valid with a `?` within its base64url"),
];

/// Holds every vector of a file against what is accepted here. Returns how many are valid.
fn hold(name: &str, otherwise: &[(u64, &str)]) -> Option<usize> {
    let file = vectors(name)?;
    let (mut wrong, mut valid) = (Vec::new(), 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let is_valid = test["result"] == "valid";
            valid += usize::from(is_valid);
            let is_otherwise = otherwise.iter().any(|(id, _)| test["tcId"] == *id);
            if accepts(key, test["jws"].as_str().unwrap()) != (is_valid != is_otherwise) {
                wrong.push(format!("{} {} ({})", test["tcId"], test["comment"], group["comment"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    Some(valid)
}

#[test]
fn signatures_are_judged_as_wycheproof_judges_them() {
    if let Some(valid) = hold("json_web_signature_test.json", &OTHERWISE) {
        assert!(valid > 10, "{valid}");
    }
}

#[test]
fn key_sets_are_judged_as_wycheproof_judges_them() {
    if let Some(valid) = hold("json_web_key_test.json", &[]) {
        assert!(valid >= 5, "{valid}");
    }
}
