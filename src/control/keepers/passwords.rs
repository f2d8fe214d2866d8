//! Keeps the users of a file current.

use std::path::PathBuf;

use super::settled::{Looked, SettledFile};
use super::{LOOK, is_wanted};
use crate::control::keepers::api_keys::store::KeyStore;
use crate::policy::auth::basic::passwords::Passwords;
use crate::policy::auth::basic::read;
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Frozen, Published};

/// Keeps for as long as somebody wants them.
pub async fn keep(path: PathBuf, store: KeyStore, input: Published<Passwords>) {
    let mut file = SettledFile::new(path, |path| read(path).map(Frozen::new));
    let keeper = store.enrol("");
    while is_wanted(&input) {
        match file.look().await {
            Looked::Same => {}
            Looked::New => {
                if let Some(users) = &file.value {
                    input.publish((**users).clone());
                }
                store.report(keeper, 0, std::slice::from_ref(&file));
            }
            Looked::Broken => {
                say_at(Level::Error, format_args!("passwords: {}", file.complaint()));
                store.report(keeper, 0, std::slice::from_ref(&file));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    store.leave(keeper);
}
