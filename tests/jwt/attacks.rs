//! What attackers send: none of it gets through, and all of it gets the same answer.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{Guarded, Issuer, base64url, claims, forge};

/// The issuer's private key, for what only its owner could sign.
fn key(issuer: &Issuer) -> EncodingKey {
    let pem = std::fs::read(issuer.path("private.pem")).expect("made above");
    EncodingKey::from_ec_pem(&pem).expect("PKCS #8")
}

fn jwk(issuer: &Issuer) -> Value {
    serde_json::from_str::<Value>(&issuer.jwks()).expect("JSON")["keys"][0].clone()
}

#[test]
fn forged_tokens_are_refused_with_one_answer() {
    let (issuer, stranger) = (Issuer::new("ES256"), Issuer::new("ES256"));
    let guarded = Guarded::by_file(&issuer, "");
    let (good, kid) = (issuer.token(&[]), jwk(&issuer)["kid"].as_str().expect("text").to_owned());
    let body = claims().to_string();
    let named = |kid: &str| json!({"alg": "ES256", "kid": kid}).to_string();
    let by_owner = |header: &str, claims: &str| forge(header, claims, &key(&issuer), Algorithm::ES256);
    let by_stranger = |header: &str| forge(header, &body, &key(&stranger), Algorithm::ES256);
    let hmac = |secret: &str| {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        forge(&header, &body, &EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256)
    };
    let parts: Vec<&str> = good.split('.').collect();
    let unsigned =
        |name: &str| format!("{}.{}.", base64url(format!("{{\"alg\":\"{name}\"}}").as_bytes()), parts[1]);
    let embedded =
        json!({"alg": "ES256", "kid": kid, "jwk": jwk(&stranger), "jku": "http://127.0.0.1:1/keys"});
    let duplicate = body.replacen('{', "{\"sub\":\"root\",", 1);
    let attacks = [
        ("none", unsigned("none")),
        ("nOnE", unsigned("nOnE")),
        ("none with a signature", format!("{}{}", unsigned("none"), parts[2])),
        ("HMAC under the public key", hmac(&jwk(&issuer).to_string())),
        ("HMAC under its coordinates", hmac(jwk(&issuer)["x"].as_str().expect("text"))),
        ("HMAC under nothing", hmac("")),
        ("a key of one's own", by_stranger(&named(&kid))),
        ("an embedded key", by_stranger(&embedded.to_string())),
        ("a kid that is a path", by_owner(&named("../../../../dev/null"), &body)),
        ("a kid that is a query", by_owner(&named("x' UNION SELECT 'y"), &body)),
        ("another curve", by_owner(&json!({"alg": "ES384", "kid": kid}).to_string(), &body)),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("a cut signature", good[..good.len() - 2].to_owned()),
        ("a longer signature", format!("{good}AA")),
        ("padding", format!("{good}=")),
        ("other claims", format!("{}.{}.{}", parts[0], base64url(body.as_bytes()), parts[2])),
        ("duplicate claims", by_owner(&named(&kid), &duplicate)),
        (
            "duplicate members of the header",
            by_owner(&format!("{{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"{kid}\"}}"), &body),
        ),
        ("crit", by_owner(&json!({"alg": "ES256", "kid": kid, "crit": ["exp"]}).to_string(), &body)),
        ("zip", by_owner(&json!({"alg": "ES256", "kid": kid, "zip": "DEF"}).to_string(), &body)),
        ("nested", by_owner(&json!({"alg": "ES256", "kid": kid, "cty": "JWT"}).to_string(), &body)),
        ("encrypted", format!("{good}.AAAA.AAAA")),
        ("deep", by_owner(&named(&kid), &format!("{{\"a\":{}{}}}", "[".repeat(2000), "]".repeat(2000)))),
        ("no claims", by_owner(&named(&kid), "{}")),
        ("text for claims", by_owner(&named(&kid), "\"ann\"")),
        (
            "a time that is text",
            by_owner(
                &named(&kid),
                &json!({"iss": super::ISSUER, "aud": "orders", "sub": "a", "exp": "9999999999"}).to_string(),
            ),
        ),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("many dots", ".".repeat(4000)),
    ];
    guarded.ask(&good).has_status(200);
    let mut answers = std::collections::BTreeSet::new();
    for (name, token) in &attacks {
        println!("{name}");
        let answer = guarded.ask(token).has_problem(401, "token_invalid");
        let mut problem = answer.json();
        problem
            .as_object_mut()
            .expect("an object")
            .retain(|member, _| member != "request_id" && member != "instance");
        answers.insert((problem.to_string(), answer.field("www-authenticate").map(str::to_owned)));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(guarded.origin.requests().len(), 1, "only the good one was let in");
    guarded.ask(&good).has_status(200);
}

#[test]
fn huge_tokens_are_refused_and_the_connection_goes_on() {
    let issuer = Issuer::new("ES256");
    let guarded = Guarded::by_file(&issuer, "");
    let huge = forge(
        &json!({"alg": "ES256"}).to_string(),
        &json!({"pad": "x".repeat(12_000)}).to_string(),
        &key(&issuer),
        Algorithm::ES256,
    );
    let mut wire = guarded.gateway.wire();
    wire.send(format!("GET / HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {huge}\r\n\r\n"));
    wire.read().has_problem(401, "token_invalid");
    wire.send(format!("GET / HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\n\r\n", issuer.token(&[])));
    wire.read().has_status(200);
    let selector = "ringgate_token_refusals_total{authenticator=\"partners\",reason=\"too_large\"}";
    assert_eq!(guarded.gateway.metric(selector), 1.0);
}
