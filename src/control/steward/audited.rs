//! Changes that nobody has asked the operator's listener for, in the audit log: a source that changed, a signal, the end of
//! a rollout. What came through the listener it has written down itself.

use serde_json::json;

use super::Steward;
use crate::control::audit::Entry;
use crate::control::desk::{Change, Refusal, Reloaded};
use crate::rt::say::say_at;
use crate::shared::level::Level;

/// Authors that are no people.
const THEMSELVES: [&str; 2] = ["signal", "source"];

impl Steward {
    /// Reads the source and brings what it says into force. What cannot be written down is not done.
    pub(super) async fn reload_audited(&mut self, change: Change) -> Result<Reloaded, Refusal> {
        if !THEMSELVES.contains(&change.author.as_str()) {
            return Ok(self.reload(change).await);
        }
        let entry = entry(&change.author, "reload", json!({ "source": self.source.describe() }));
        if let Err(error) = self.audit.write(&entry) {
            let reason = format!("the audit log cannot be written ({error}); nothing has changed");
            say_at(Level::Error, format_args!("configuration: {reason}"));
            return Err(Refusal { code: "audit_unavailable", reason });
        }
        let told = self.reload(change).await;
        self.note(Entry { outcome: told.outcome_text(), ..entry });
        Ok(told)
    }

    /// How a rollout has ended.
    pub(super) fn note_rollout(&self, number: u64, outcome: String) {
        self.note(Entry { outcome, ..entry("gateway", "rollout", json!({ "generation": number })) });
    }

    fn note(&self, entry: Entry) {
        if let Err(error) = self.audit.write(&entry) {
            let Entry { action, author, outcome, .. } = entry;
            say_at(
                Level::Error,
                format_args!("audit log: cannot write: {error}; {action} by {author}: {outcome}"),
            );
        }
    }
}

fn entry(author: &str, action: &str, parameters: serde_json::Value) -> Entry {
    Entry {
        author: author.to_owned(),
        role: "gateway".to_owned(),
        address: String::new(),
        action: action.to_owned(),
        parameters,
        outcome: "asked".to_owned(),
    }
}
