//! What is not wrong with certificates, but will be, or weakens them: for warnings.

use std::path::Path;

use super::files::{Files, TlsError};
use crate::control::config::tls::ListenerTlsConfig;
use crate::net::tls::certificate::Description;

/// Certificates are renewed a month before their end; one with less than this left was forgotten.
const SOON_SECONDS: i64 = 14 * 24 * 3600;

/// What an operator should know of a listener's certificates at `now`, in seconds since 1970. What cannot be read is an
/// error elsewhere.
pub fn remarks(config: &ListenerTlsConfig, base: &Path, now: i64) -> Vec<TlsError> {
    let files = Files { base };
    let mut found = Vec::new();
    for (index, written) in config.certificates.iter().enumerate() {
        let at = format!("certificates[{index}].cert");
        let Ok(chain) = files.certificates(&at, &written.cert) else { continue };
        let Some(description) = chain.first().and_then(|der| Description::read(der)) else { continue };
        if let Some((code, what)) = judgement(&description, now) {
            let reason = format!("the certificate in `{}` {what}", written.cert.display());
            found.push(TlsError::new(
                code,
                &at,
                reason,
                "renew it; a new file is taken up without a restart",
            ));
        }
        if written.names.is_empty() && description.names.is_empty() {
            let reason = format!("the certificate in `{}` is for no name", written.cert.display());
            let hint = "it is found by nobody who asks for one: write `names:`";
            found.push(TlsError::new("nameless-certificate", &at, reason, hint));
        }
    }
    found
}

fn judgement(it: &Description, now: i64) -> Option<(&'static str, String)> {
    if it.not_after <= now {
        return Some(("expired", "has expired".to_owned()));
    }
    if it.not_before > now {
        return Some(("not-yet-valid", "is not valid yet".to_owned()));
    }
    let days = (it.not_after - now) / (24 * 3600);
    (it.not_after - now < SOON_SECONDS).then(|| ("expires-soon", format!("expires in {days} days")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_what_is_over_and_of_what_soon_will_be() {
        let it = Description { names: Vec::new(), not_before: 1_000, not_after: 100_000_000 };
        let code = |now| judgement(&it, now).map(|(code, _)| code);
        assert_eq!(code(999), Some("not-yet-valid"));
        assert_eq!(code(2_000), None);
        assert_eq!(code(100_000_000 - SOON_SECONDS + 1), Some("expires-soon"));
        assert_eq!(code(100_000_000), Some("expired"));
    }
}
