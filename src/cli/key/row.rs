//! What a command line says of a key, as a row of a file.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::config::units::Span;
use crate::policy::auth::api_key::keys::KeyRow;
use crate::policy::auth::api_key::moment::Moment;
use crate::policy::auth::api_key::text::{KeyHash, is_id, make_id};
use crate::rt::clock;

/// What is said of a key.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct Row {
    /// Whose key it is; the subject of its requests.
    #[arg(long)]
    pub(super) owner: String,
    /// Tenant of the owner.
    #[arg(long)]
    pub(super) tenant: Option<String>,
    /// Plan of the owner, as limits by plan know it.
    #[arg(long)]
    pub(super) plan: Option<String>,
    /// What the key is good for; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<String>,
    /// What its owner is; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
    /// How long it is taken: `90d`, or until when: `2027-03-31`. Default: for ever.
    #[arg(long, value_name = "TIME")]
    pub(super) expires: Option<String>,
    /// For people.
    #[arg(long = "remark", value_name = "TEXT")]
    pub(super) remark: Option<String>,
    /// Id of the key, which is no secret. Default: one is made.
    #[arg(long)]
    pub(super) id: Option<String>,
}

impl Row {
    /// The key's id.
    pub(super) fn id(&self) -> anyhow::Result<String> {
        match &self.id {
            None => Ok(make_id(&mut super::fill)),
            Some(id) if is_id(id) => Ok(id.clone()),
            Some(id) => bail!("`{id}` cannot be an id: letters, digits and `-`, at most 64 of them"),
        }
    }

    /// The row of a key with this hash.
    pub(super) fn written(&self, hash: KeyHash) -> anyhow::Result<KeyRow> {
        let row = KeyRow {
            hash,
            owner: self.owner.clone(),
            tenant: self.tenant.clone(),
            plan: self.plan.clone(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            expires: self.expires.as_deref().map(|text| moment(text, clock::wall_seconds())).transpose()?,
            disabled: false,
            note: self.remark.clone(),
        };
        row.check().map_err(anyhow::Error::msg)?;
        Ok(row)
    }
}

/// `90d` from `now_s`, or a moment.
fn moment(text: &str, now_s: u64) -> anyhow::Result<Moment> {
    if let Ok(moment) = text.parse::<Moment>() {
        return Ok(moment);
    }
    let span: Span = text.parse().ok().context(format!("`{text}`: write 90d, or 2027-03-31"))?;
    Ok(Moment(now_s + span.duration().as_secs()))
}

/// A row as it stands in a file. Texts are in quotes: YAML has its own ideas of `no`, `1e3` and `2027-03-31`.
pub(super) fn yaml(id: &str, row: &KeyRow) -> anyhow::Result<String> {
    let mut text = format!("{}:\n", Value::from(id));
    let Value::Object(fields) = serde_json::to_value(row)? else { bail!("a row is no mapping") };
    for (name, value) in fields {
        // JSON is YAML.
        text.push_str(&format!("  {name}: {value}\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_lengths_or_moments() {
        assert_eq!(moment("90d", 1000).unwrap(), Moment(1000 + 90 * 86_400));
        assert_eq!(moment("1970-01-02", 1000).unwrap(), Moment(86_400));
        assert!(moment("soon", 0).unwrap_err().to_string().contains("write 90d"));
    }

    #[test]
    fn ids_are_made_or_checked() {
        let row = Row { id: Some("acme-1".to_owned()), ..Row::default() };
        assert_eq!(row.id().unwrap(), "acme-1");
        assert!(Row { id: Some("a_b".to_owned()), ..Row::default() }.id().is_err());
        assert!(is_id(&Row::default().id().unwrap()));
    }
}
