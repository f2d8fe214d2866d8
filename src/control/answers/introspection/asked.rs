//! The question on the wire: a form by POST, with the gateway's own credentials (RFC 7662 2.1, RFC 6749 2.3.1).

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::config::secret::Secret;
use crate::control::http_client::{Credential, HttpClient, HttpError, percent_encoded};
use crate::http::base64::encode;
use crate::policy::auth::introspection::config::ClientAuth;
use crate::policy::auth::introspection::question::ServerPlan;

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The way to one server.
pub(super) struct Client(HttpClient);

impl Client {
    pub(super) fn new(plan: &ServerPlan) -> Result<Self, String> {
        let credential = match plan.client_auth {
            ClientAuth::Form => Credential::None,
            ClientAuth::Basic => {
                let both = format!("{}:{}", escaped(&plan.client_id), escaped(plan.client_secret.expose()));
                let mut text = b"Basic ".to_vec();
                encode(both.as_bytes(), &mut text);
                Credential::Plain(Secret::new(String::from_utf8_lossy(&text)))
            }
        };
        // Files of TLS are absolute already.
        let client = HttpClient::new(std::slice::from_ref(&plan.url), &plan.tls, Path::new("/"), credential);
        client.map(Self).map_err(|error| error.reason)
    }

    /// What the server says of a token.
    pub(super) async fn ask(&self, plan: &ServerPlan, token: &str) -> Result<Value, String> {
        let mut form = format!("token={}&token_type_hint=access_token", escaped(token));
        if plan.client_auth == ClientAuth::Form {
            let (id, secret) = (escaped(&plan.client_id), escaped(plan.client_secret.expose()));
            form.push_str(&format!("&client_id={id}&client_secret={secret}"));
        }
        let within = Duration::from_millis(plan.timeout_ms);
        let asking = self.0.form(plan.url.clone(), form).field("accept", "application/json");
        let answer = asking.send(within).await.map_err(told)?;
        match answer.status() {
            200 => {}
            401 | 403 => return Err("the server does not take the gateway's own credentials".to_owned()),
            status => return Err(format!("the server answered {status}")),
        }
        // What it wrote is not repeated: it may have the token in it.
        let bytes = answer.bytes(ANSWER_BYTES_MAX).await.map_err(told)?;
        serde_json::from_slice(&bytes).map_err(|_| "the answer is not JSON".to_owned())
    }
}

fn told(error: HttpError) -> String {
    error.reason
}

/// application/x-www-form-urlencoded, with everything encoded that might mean something.
fn escaped(text: &str) -> String {
    percent_encoded(text, b"-._*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_form_is_encoded() {
        assert_eq!(escaped("a-b._*9"), "a-b._*9");
        assert_eq!(escaped("a b+c&d=e%/:\u{e4}"), "a%20b%2Bc%26d%3De%25%2F%3A%C3%A4");
    }
}
