//! Users and the hashes of their passwords, as `htpasswd` writes them: bcrypt and Argon2id, and no others.
//!
//! Verifying is slow on purpose, so no worker does it. What a hash may cost is bounded, because whoever may write the file
//! should not be able to stop the gateway. Nothing here says which hash or password it is about.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;

use argon2::password_hash::phc;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use foldhash::fast::RandomState;

/// Largest file: some twenty thousand users.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Longest name, in bytes.
pub const USER_BYTES_MAX: usize = 256;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// bcrypt takes in no more; what is beyond would be good for nothing, unnoticed.
const BCRYPT_BYTES_MAX: usize = 71;
/// About four seconds.
const BCRYPT_COST_MAX: u32 = 16;
/// For `ringgate key password --bcrypt`: a quarter of a second.
const BCRYPT_COST: u32 = 12;
/// KiB, passes and lanes of Argon2 that are put up with.
const ARGON2_MAX: (u32, u32, u32) = (256 * 1024, 16, 16);

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// `$2b$` or `$2y$`.
    Bcrypt(Box<str>),
    /// `$argon2id$`.
    Argon2id(Box<str>),
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bcrypt(_) => "bcrypt",
            Self::Argon2id(_) => "argon2id",
        })
    }
}

impl PasswordHash {
    /// Reads one.
    ///
    /// # Errors
    /// What it is instead, in words.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        match text {
            _ if text.starts_with("$2y$") || text.starts_with("$2b$") => bcrypt_hash(text),
            _ if text.starts_with("$argon2id$") => argon2id_hash(text),
            _ if text.starts_with("$2") => Err("is of an old kind of bcrypt"),
            _ if text.starts_with("$argon2") => Err("is of another kind of Argon2 than Argon2id"),
            _ if text.starts_with("$apr1$") || text.starts_with("$1$") => {
                Err("is MD5, which is guessed quickly")
            }
            _ if text.starts_with("{SHA}") => Err("is SHA-1 without a salt, which is guessed quickly"),
            _ if text.starts_with("$5$") || text.starts_with("$6$") => Err("is of crypt's SHA-2"),
            _ => Err("is neither bcrypt nor Argon2id"),
        }
    }

    /// Whether `password` has this hash. Takes its time.
    pub fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(text) => {
                password.len() <= BCRYPT_BYTES_MAX && bcrypt::verify(password, text).unwrap_or(false)
            }
            Self::Argon2id(text) => phc::PasswordHash::new(text)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
        }
    }
}

fn bcrypt_hash(text: &str) -> Result<PasswordHash, &'static str> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| "is cut off or altered")?;
    match parts.get_cost() {
        4..=BCRYPT_COST_MAX => Ok(PasswordHash::Bcrypt(text.into())),
        _ => Err("has a cost beyond 16, which takes seconds each time"),
    }
}

fn argon2id_hash(text: &str) -> Result<PasswordHash, &'static str> {
    let hash = phc::PasswordHash::new(text).map_err(|_| "is cut off or altered")?;
    let params = Params::try_from(&hash).map_err(|_| "is cut off or altered")?;
    let (memory, passes, lanes) = ARGON2_MAX;
    if hash.hash.is_none() || hash.salt.is_none() {
        return Err("is cut off or altered");
    }
    if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes {
        return Err("takes more than 256 MiB, 16 passes or 16 lanes");
    }
    Ok(PasswordHash::Argon2id(text.into()))
}

/// Makes the hash of a password as it stands in a file.
///
/// # Errors
/// What is wrong with the password, in words.
pub fn make(password: &[u8], salt: [u8; 16], is_bcrypt: bool) -> Result<String, &'static str> {
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err("a password has 1 to 512 bytes");
    }
    if password.iter().any(u8::is_ascii_control) {
        return Err("a password has no control characters");
    }
    if is_bcrypt {
        if password.len() > BCRYPT_BYTES_MAX {
            return Err("bcrypt takes no more than 71 bytes; leave --bcrypt out for Argon2id");
        }
        let parts = bcrypt::hash_with_salt(password, BCRYPT_COST, salt).map_err(|_| "bcrypt failed")?;
        return Ok(parts.format_for_version(bcrypt::Version::TwoY));
    }
    let hash: phc::PasswordHash =
        Argon2::default().hash_password_with_salt(password, &salt).map_err(|_| "Argon2id failed")?;
    Ok(hash.to_string())
}

/// Whether `name` may be a user's: RFC 7617 2 forbids colons and control characters.
pub fn is_user(name: &str) -> bool {
    (1..=USER_BYTES_MAX).contains(&name.len()) && !name.chars().any(|c| c == ':' || c.is_control())
}

/// All users of an authenticator.
#[derive(Debug, Default)]
pub struct Passwords {
    users: HashMap<Box<str>, PasswordHash, RandomState>,
    hashes: Vec<PasswordHash>,
    /// Picks whose hash a stranger's password is verified against; another one each time the process starts.
    strangers: RandomState,
}

impl Passwords {
    /// Reads a file of lines `user:hash`; empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// What is wrong, with the line, and without what stands there.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut all = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let no = |why: &str| format!("line {number}: {why}");
            let (user, hash) = line.split_once(':').ok_or_else(|| no("there is no `:`; write user:hash"))?;
            if !is_user(user) {
                return Err(no("a user's name has 1 to 256 bytes and no control characters"));
            }
            let hash = PasswordHash::read(hash).map_err(|why| {
                no(&format!("the hash {why}; `ringgate key password USER` makes one that is taken"))
            })?;
            all.hashes.push(hash.clone());
            if all.users.insert(user.into(), hash).is_some() {
                return Err(no("this user stands twice"));
            }
        }
        Ok(all)
    }

    /// Whether this is the user's password. A stranger's is verified against somebody's hash, and refused whatever comes
    /// of it, so that the time it takes tells nothing.
    pub fn verify(&self, user: &str, password: &[u8]) -> bool {
        let known = self.users.get(user);
        let Some(hash) = known.or_else(|| self.somebody(user)) else { return false };
        let is_right = hash.verify(password);
        is_right && known.is_some()
    }

    /// The same one for the same name, as it would be with a hash of his own.
    fn somebody(&self, user: &str) -> Option<&PasswordHash> {
        let place = self.strangers.hash_one(user) % (self.hashes.len().max(1) as u64);
        self.hashes.get(usize::try_from(place).unwrap_or(0))
    }

    /// The hash of a user's password.
    pub fn hash_of(&self, user: &str) -> Option<&PasswordHash> {
        self.users.get(user)
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `secret`, with the lowest cost.
    const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK";

    fn cheap_bcrypt() -> String {
        let parts = bcrypt::hash_with_salt(b"secret", 4, [7; 16]).unwrap();
        parts.format_for_version(bcrypt::Version::TwoY)
    }

    #[test]
    fn verifies_both_kinds_and_nobody_else() {
        let argon2 = make("pässword".as_bytes(), [3; 16], false).unwrap();
        let text = format!("# staff\nann:{}\n\nbob:{argon2}\r\n", cheap_bcrypt());
        let passwords = Passwords::read(&text).unwrap();
        assert_eq!(passwords.len(), 2);
        assert!(passwords.verify("ann", b"secret"));
        assert!(passwords.verify("bob", "pässword".as_bytes()));
        for (user, password) in [("ann", "pässword"), ("bob", "secret"), ("ann", ""), ("eve", "secret")] {
            assert!(!passwords.verify(user, password.as_bytes()), "{user} {password}");
        }
        assert!(!Passwords::default().verify("ann", b"secret"));
    }

    #[test]
    fn a_stranger_never_gets_in_with_somebodys_password() {
        let passwords = Passwords::read(&format!("ann:{}\n", cheap_bcrypt())).unwrap();
        assert!(passwords.somebody("eve").is_some_and(|hash| hash.verify(b"secret")));
        assert!(!passwords.verify("eve", b"secret"));
    }

    #[test]
    fn bcrypt_does_not_cut_passwords_off() {
        let hash = PasswordHash::read(&cheap_bcrypt()).unwrap();
        assert!(hash.verify(b"secret"));
        let long = [b'a'; 72];
        let cut = bcrypt::hash_with_salt(long, 4, [7; 16]).unwrap().format_for_version(bcrypt::Version::TwoB);
        assert!(!PasswordHash::read(&cut).unwrap().verify(&[b'a'; 73]));
        assert!(make(&long, [1; 16], true).unwrap_err().contains("71 bytes"));
    }

    #[test]
    fn weak_and_dear_hashes_are_refused_with_what_to_do() {
        for (hash, why) in [
            ("$apr1$x$y", "MD5"),
            ("{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=", "SHA-1"),
            ("$6$salt$hash", "crypt's SHA-2"),
            ("$2a$04$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK", "old kind"),
            (&BCRYPT.replace("$04$", "$17$"), "cost beyond 16"),
            (&BCRYPT[..50], "cut off"),
            ("$argon2i$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", "Argon2id"),
            ("$argon2id$v=19$m=1048576,t=2,p=1$c2FsdHNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", "256 MiB"),
            ("$argon2id$v=19$m=65536,t=2,p=1", "cut off"),
            ("plain-text", "neither bcrypt nor Argon2id"),
        ] {
            let told = Passwords::read(&format!("ann:{hash}\n")).unwrap_err();
            assert!(told.contains(why) && told.contains("ringgate key password"), "{hash}: {told}");
            assert!(!told.contains(hash), "{told}");
        }
        for (text, why) in
            [("nocolon", "no `:`"), (":x", "name"), (&format!("a:{BCRYPT}\na:{BCRYPT}"), "twice")]
        {
            assert!(Passwords::read(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn what_is_made_is_taken() {
        for is_bcrypt in [false, true] {
            let made = make(b"correct horse", [9; 16], is_bcrypt).unwrap();
            let read = PasswordHash::read(&made).unwrap();
            assert!(read.verify(b"correct horse") && !read.verify(b"correct horsf"), "{made}");
        }
        assert!(make(b"", [0; 16], false).is_err() && make(b"a\nb", [0; 16], false).is_err());
    }
}
