//! `ringgate key` without a gateway.

use super::{run, said};

#[test]
fn a_new_key_is_printed_once_with_a_row_that_has_its_hash() {
    let (is_success, out, error) = run(
        &["key", "new", "--owner", "acme", "--plan", "gold", "--scope", "orders:read", "--expires", "90d"],
        "",
        None,
    );
    assert!(is_success && error.contains("not shown again"), "{error}");
    let (key, row) = out.split_once("\n\n").expect("the key, then its row");
    assert!(key.starts_with("rg_") && !row.contains(key), "{out}");
    let hash = said(&["key", "hash"], key);
    for line in [&format!("  hash: \"{hash}\""), "  owner: \"acme\"", "  plan: \"gold\"", "  expires: \"20"] {
        assert!(row.contains(line), "{line} in {row}");
    }
    let id = key.split('_').nth(1).expect("an id");
    assert!(row.starts_with(&format!("\"{id}\":\n")), "{row}");
    let json = said(&["key", "new", "--owner", "acme", "--json"], "");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok_and(|it| it["row"]["owner"] == "acme"));
}

#[test]
fn wrong_words_are_told() {
    for (arguments, input, why) in [
        (&["key", "hash"][..], "hunter2", "too short"),
        (&["key", "hash"], "", "no key came"),
        (&["key", "new", "--owner", ""], "", "`owner` is empty"),
        (&["key", "new", "--owner", "a", "--expires", "soon"], "", "write 90d"),
        (&["key", "new", "--owner", "a", "--id", "a_b"], "", "cannot be an id"),
        (&["key", "password", "a:b"], "secret", "no colon"),
        (&["key", "password", "ann"], "", "no password came"),
    ] {
        let (is_success, _, error) = run(arguments, input, None);
        assert!(!is_success && error.contains(why), "{arguments:?}: {error}");
        assert!(input.is_empty() || !error.contains(input), "{error}");
    }
}

#[test]
fn passwords_become_lines_of_both_kinds() {
    let argon2 = said(&["key", "password", "ann"], "correct horse\n");
    assert!(argon2.starts_with("ann:$argon2id$v=19$m=19456,t=2,p=1$"), "{argon2}");
    let bcrypt = said(&["key", "password", "bob", "--bcrypt"], "correct horse");
    assert!(bcrypt.starts_with("bob:$2y$12$") && bcrypt.len() == 64, "{bcrypt}");
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["new", "hash", "add", "list", "revoke", "disable", "enable", "password"] {
        let help = said(&["key", command, "--help"], "");
        assert!(help.contains("Example") && help.contains(&format!("ringgate key {command}")), "{help}");
    }
}
