//! What the operator's listener needs of files and secrets: the part of [`super::compile`] that sees whether they
//! are there. Nothing of it is in a snapshot.

use super::admin::tls::admin_tls;
use super::compile::Compiler;
use crate::config::secret::Environment;

impl Compiler<'_> {
    /// Reads what the operator's listener will be started with.
    pub(super) fn admin(&mut self, environment: &Environment) {
        let config = self.config;
        let Some(admin) = &config.admin else { return };
        for (path, source) in admin.secrets() {
            if let Err(error) = source.read(environment) {
                self.error("no-secret", path, error.reason, &error.hint.unwrap_or_default());
            }
        }
        if let Some(Err(errors)) = admin_tls(admin, self.base) {
            self.tls_errors("admin", errors);
        }
    }
}
