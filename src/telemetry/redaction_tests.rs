//! What must be hidden, what must stay, and the law: a planted secret never shows.

use super::*;
use proptest::prelude::*;

fn written(write: impl FnOnce(&Redaction, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&Redaction::compile(&["X-Session"], &["Card-Number"]), &mut out);
    String::from_utf8(out).unwrap()
}

fn query(text: &str) -> String {
    written(|redaction, out| redaction.write_query(text.as_bytes(), out))
}

fn path(text: &str) -> String {
    written(|redaction, out| redaction.write_path(text.as_bytes(), out))
}

fn url(text: &str) -> String {
    written(|redaction, out| redaction.write_url(text.as_bytes(), out))
}

#[test]
fn hides_values_of_secret_parameters_and_no_others() {
    for (text, expected) in [
        ("", ""),
        ("a=1&b=2", "a=1&b=2"),
        ("token=x", "token=(redacted)"),
        ("a=1&token=x&b=2", "a=1&token=(redacted)&b=2"),
        ("TOKEN=x&Api-Key=y&apiKey=z", "TOKEN=(redacted)&Api-Key=(redacted)&apiKey=(redacted)"),
        ("token", "token"),
        ("token=", "token=(redacted)"),
        ("tokens=3&keyboard=de&monkey=1", "tokens=3&keyboard=de&monkey=1"),
        ("card_number=4111", "card_number=(redacted)"),
        ("token=a=b==", "token=(redacted)"),
    ] {
        assert_eq!(query(text), expected, "{text}");
    }
}

#[test]
fn sees_through_encodings_and_nesting_of_names() {
    for (text, expected) in [
        ("%74oken=x", "%74oken=(redacted)"),
        ("%2574oken=x", "%2574oken=(redacted)"),
        ("user[password]=x", "user[password]=(redacted)"),
        ("user%5Bpassword%5D=x", "user%5Bpassword%5D=(redacted)"),
        ("token[]=x&auth.code=y", "token[]=(redacted)&auth.code=(redacted)"),
        ("+token=x", "+token=(redacted)"),
    ] {
        assert_eq!(query(text), expected, "{text}");
    }
    assert_eq!(query(&format!("{}=x", "n".repeat(200))), format!("{}=(redacted)", "n".repeat(200)));
}

#[test]
fn a_hidden_value_ends_where_every_reader_ends_it() {
    assert_eq!(query("token=a;b=2&c=3"), "token=(redacted)&c=3");
    assert_eq!(query("a=1;token=x;y&c=3"), "a=1;token=(redacted)&c=3");
    assert_eq!(query("next=/cb?code=x&b=1"), "next=/cb?code=(redacted)&b=1");
    assert_eq!(query("token=a/b?c#d e&f=1"), "token=(redacted)&f=1");
}

#[test]
fn paths_show_no_user_information_and_no_hidden_matrix_parameter() {
    for (text, expected) in [
        ("/a/b", "/a/b"),
        ("/users/me@example.com", "/users/me@example.com"),
        ("http://u:p@host/x", "http://(redacted)@host/x"),
        ("//ghp_x@host/x", "//(redacted)@host/x"),
        ("/fetch/https:/ghp_x@host/x", "/fetch/https:/(redacted)@host/x"),
        ("/fetch/u:p@host/x", "/fetch/(redacted)@host/x"),
        ("/a;token=x/b", "/a;token=(redacted)/b"),
        ("/a;v=1/b=2", "/a;v=1/b=2"),
    ] {
        assert_eq!(path(text), expected, "{text}");
    }
}

#[test]
fn urls_in_fields_are_redacted_like_paths_and_queries() {
    assert_eq!(url("https://u:p@h/x?a=1&sig=s#code=c"), "https://(redacted)@h/x?a=1&sig=(redacted)");
    assert_eq!(url("https://h/cb#access_token=t"), "https://h/cb#access_token=(redacted)");
    assert_eq!(url("Mozilla/5.0 (X11; Linux)"), "Mozilla/5.0 (X11; Linux)");
}

#[test]
fn secret_fields_show_nothing() {
    for name in ["Authorization", "COOKIE", "set-cookie", "X-Api-Key", "proxy-authorization", "x-session"] {
        assert_eq!(
            written(|redaction, out| redaction.write_header(name.as_bytes(), b"s", out)),
            "(redacted)"
        );
    }
    assert_eq!(written(|redaction, out| redaction.write_header(b"accept", b"*/*", out)), "*/*");
}

/// A hidden name as an attacker or a careless client may write it.
fn disguised_name() -> impl Strategy<Value = String> {
    let names =
        ["token", "access_token", "id_token", "password", "secret", "key", "api_key", "apikey", "code"];
    let more = ["signature", "sig", "client_secret", "card-number"];
    let choices: Vec<&str> = names.into_iter().chain(more).collect();
    (prop::sample::select(choices), any::<u32>(), any::<u32>(), any::<bool>()).prop_map(
        |(name, upper, encoded, nested)| {
            let mut text = String::new();
            for (index, byte) in name.bytes().enumerate() {
                let byte = if upper >> index & 1 == 1 { byte.to_ascii_uppercase() } else { byte };
                match encoded >> index & 1 {
                    1 => text.push_str(&format!("%{byte:02x}")),
                    _ => text.push(char::from(byte)),
                }
            }
            if nested { format!("form[{text}]") } else { text }
        },
    )
}

proptest! {
    #[test]
    fn a_planted_secret_never_shows(
        before in "([a-z]{0,5}=[a-z0-9%/;?.]{0,6}&){0,3}",
        name in disguised_name(),
        around in "[a-z;/?#=%@: ,\"\\\\]{0,4}",
        after in "(&[a-z]{1,5}=[a-z]{0,5}){0,3}",
    ) {
        const SECRET: &str = "S3CR3T";
        let text = format!("{before}{name}={around}{SECRET}{around}{after}");
        for shown in [query(&text), url(&format!("https://h/p?{text}")), url(&format!("https://h/p#{text}"))] {
            prop_assert!(!shown.contains(SECRET), "{} shows as {}", text, shown);
            prop_assert!(shown.ends_with(&after) || after.contains("code") || after.contains("key"), "{}", shown);
        }
    }

    #[test]
    fn user_information_never_shows(scheme in "(https?:)?", host in "[a-z.]{1,8}", tail in "[a-z/]{0,8}") {
        let shown = url(&format!("{scheme}//user:S3CR3T@{host}/{tail}"));
        prop_assert!(!shown.contains("S3CR3T"), "{}", shown);
    }
}
