//! Verifies passwords beside the control thread: a few at once, a bounded number waiting, the rest told to come again.
//!
//! One verification takes a tenth of a second and up to a quarter of a gigabyte, on purpose. Without a bound, strangers could
//! make the gateway busy with nothing else.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::policy::auth::basic::{PasswordQuestion, Verified};
use crate::rt::say::say_at;
use crate::shared::level::Level;

/// Verified at once. The workers' CPUs are theirs; this is what they may be disturbed by.
const AT_ONCE: usize = 2;
/// Verified and waiting, over all authenticators. At a tenth of a second each, the last waits for some seconds.
const WAITING_MAX: usize = 64;
/// What a nice thread adds to its priority: traffic comes first.
const NICE: libc::c_int = 10;

/// Who verifies. A clone is the same.
#[derive(Clone)]
pub struct PasswordDesk {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for PasswordDesk {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(WAITING_MAX)), running: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl PasswordDesk {
    /// Verifies, when it is its turn.
    pub async fn answer(&self, question: &PasswordQuestion) -> Verified {
        let Ok(_place) = self.places.try_acquire() else { return Verified::Unavailable };
        let Ok(running) = self.running.clone().acquire_owned().await else { return Verified::Unavailable };
        let (generation, passwords) = question.passwords.load();
        // As it was made for a worker: nobody has been able to read the file yet.
        if generation == 1 {
            return Verified::Unavailable;
        }
        let (user, password) = (question.user.clone(), question.password.clone());
        let verify = move || {
            let _running = running;
            be_nice();
            passwords.verify(&user, password.expose().as_bytes())
        };
        match tokio::task::spawn_blocking(verify).await {
            Ok(true) => Verified::Right,
            Ok(false) => Verified::Wrong,
            Err(_) => {
                say_at(Level::Error, format_args!("a password could not be verified"));
                Verified::Unavailable
            }
        }
    }
}

fn be_nice() {
    // SAFETY: takes no pointers. Zero is the calling thread; its only failure leaves the priority as it is.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, libc::gettid().cast_unsigned(), NICE) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;
    use crate::policy::auth::basic::passwords::Passwords;
    use crate::shared::{Frozen, Published};

    fn question(passwords: &Published<Passwords>, password: &str) -> PasswordQuestion {
        PasswordQuestion { passwords: passwords.clone(), user: "ann".into(), password: Secret::new(password) }
    }

    #[test]
    fn tells_right_from_wrong_and_is_sure_of_nothing_before_the_file_was_read() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let desk = PasswordDesk::default();
        let published = Published::new(Frozen::new(Passwords::default()));
        let ask = |password: &str| runtime.block_on(desk.answer(&question(&published, password)));
        assert_eq!(ask("secret"), Verified::Unavailable);
        let parts = bcrypt::hash_with_salt(b"secret", 4, [7; 16]).unwrap();
        let line = format!("ann:{}\n", parts.format_for_version(bcrypt::Version::TwoB));
        published.publish(Frozen::new(Passwords::read(&line).unwrap()));
        assert_eq!((ask("secret"), ask("secrets")), (Verified::Right, Verified::Wrong));
    }

    #[test]
    fn beyond_the_places_nobody_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let desk = PasswordDesk::default();
        let published = Published::new(Frozen::new(Passwords::default()));
        let taken = desk.places.try_acquire_many(WAITING_MAX as u32).unwrap();
        published.publish(Frozen::new(Passwords::default()));
        let ask = || runtime.block_on(desk.answer(&question(&published, "x")));
        assert_eq!(ask(), Verified::Unavailable);
        drop(taken);
        assert_eq!(ask(), Verified::Wrong);
    }
}
