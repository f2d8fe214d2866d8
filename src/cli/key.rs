//! `ringgate key`: makes API keys, adds them to files or to a running gateway, lists and revokes them; and makes lines of
//! password files.
//!
//! Keys are made here, from the system's randomness, and printed once. What goes anywhere else is their hash.

mod remote;
mod row;

use std::fs::OpenOptions;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::policy::auth::api_key::text::{KEY_BYTES_MAX, KEY_BYTES_MIN, KeyHash, Shape, make};
use crate::policy::auth::basic::passwords::{PASSWORD_BYTES_MAX, is_user, make as make_password};
use row::Row;

/// Make, list and revoke API keys; make lines of password files.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate key new --owner acme --plan gold --scope orders:read --expires 90d
                                        prints the key, once, and its row for a file of `api_key.files`
  KEY=$(ringgate key new --owner acme --file keys.yaml)
  printf %s \"$THEIR_KEY\" | ringgate key hash
  ringgate key add partners --owner acme --plan gold
  ringgate key list partners
  ringgate key revoke partners 7f3k2m9x0a
  printf %s \"$PASSWORD\" | ringgate key password ann >> users.htpasswd")]
pub struct Key {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key, and print it with its row.
    New(New),
    /// Print the hash of a key of another maker, read from standard input.
    Hash(Hash),
    /// Make a key and have a running gateway take it. Its hash is sent, the key is not.
    Add(remote::Add),
    /// List the keys of a running gateway, without hashes.
    List(remote::List),
    /// Have a running gateway take a key never again, and cut what still runs for it.
    Revoke(remote::Revoke),
    /// Have a running gateway not take a key for the time being.
    Disable(remote::Disable),
    /// Take that back.
    Enable(remote::Enable),
    /// Print a line `user:hash` for a password read from standard input.
    Password(Password),
}

#[derive(Args)]
#[command(after_help = "Examples:
  ringgate key new --owner acme --plan gold --scope orders:read --scope orders:write --expires 90d
  KEY=$(ringgate key new --owner acme --file keys.yaml)    adds the row to the file, prints the key alone")]
struct New {
    #[command(flatten)]
    row: Row,
    /// Add the row to this file and print the key alone.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    file: Option<PathBuf>,
    /// Print key, id and row as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(after_help = "Example:
  printf %s \"$THEIR_KEY\" | ringgate key hash

The key must be random and of at least 22 characters, which is 128 bits of base64. What somebody has thought of is
guessed from its hash; that is what passwords have slow hashes for.")]
struct Hash {}

#[derive(Args)]
#[command(after_help = "Examples:
  printf %s \"$PASSWORD\" | ringgate key password ann >> users.htpasswd
  ringgate key password ann --bcrypt < password.txt      for other programs that read the file too")]
struct Password {
    /// The user's name.
    user: String,
    /// Use bcrypt instead of Argon2id.
    #[arg(long)]
    bcrypt: bool,
}

impl Key {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match &self.command {
            Command::New(command) => command.run(),
            Command::Hash(_) => hash(),
            Command::Add(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Revoke(command) => command.run(),
            Command::Disable(command) => command.run(),
            Command::Enable(command) => command.run(),
            Command::Password(command) => command.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    fn run(&self) -> anyhow::Result<()> {
        let id = self.row.id()?;
        let key = make(&id, &mut fill);
        let row = self.row.written(KeyHash::of(key.as_bytes()))?;
        if let Some(file) = &self.file {
            append(file, &row::yaml(&id, &row)?).with_context(|| file.display().to_string())?;
            println!("{key}");
        } else if self.json {
            println!("{:#}", json!({ "key": key, "id": id, "row": row }));
        } else {
            println!("{key}\n\n{}", row::yaml(&id, &row)?.trim_end());
            eprintln!(
                "\nThe first line is the key; it is not shown again. The rest belongs into a file of keys."
            );
        }
        Ok(())
    }
}

/// Adds to a file that may not end its last line.
fn append(file: &std::path::Path, row: &str) -> anyhow::Result<()> {
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let between = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    // In one write, so that nobody reads half of it.
    let mut out = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    out.write_all(format!("{between}{row}").as_bytes())?;
    Ok(())
}

fn hash() -> anyhow::Result<()> {
    let key = from_stdin("key", KEY_BYTES_MAX)?;
    println!("{}", foreign(&key)?);
    Ok(())
}

/// The hash of a key of another maker, if it may be one.
fn foreign(key: &str) -> anyhow::Result<KeyHash> {
    match Shape::of(key.as_bytes()) {
        Shape::Bad => bail!("a key is of visible ASCII characters, at most {KEY_BYTES_MAX} of them"),
        Shape::Mistyped => bail!("this begins like a key of this gateway, and has a typing error"),
        Shape::Own(_) | Shape::Foreign => {}
    }
    let mut characters: Vec<u8> = key.bytes().collect();
    characters.sort_unstable();
    characters.dedup();
    if key.len() < KEY_BYTES_MIN || characters.len() < KEY_CHARACTERS_MIN {
        bail!(
            "this key is too short, or always the same: less than 128 bits can be guessed from the hash\n  \
             have another one made, of at least {KEY_BYTES_MIN} random characters; `ringgate key new` does"
        );
    }
    Ok(KeyHash::of(key.as_bytes()))
}

/// Different characters of a key: 22 random digits of base16 have fewer than eight about once in a thousand times.
const KEY_CHARACTERS_MIN: usize = 8;

impl Password {
    fn run(&self) -> anyhow::Result<()> {
        if !is_user(&self.user) {
            bail!("a user's name has 1 to 256 bytes, no colon and no control characters");
        }
        let password = from_stdin("password", PASSWORD_BYTES_MAX)?;
        let mut salt = [0; 16];
        fill(&mut salt);
        let hash = make_password(password.as_bytes(), salt, self.bcrypt).map_err(anyhow::Error::msg)?;
        println!("{}:{hash}", self.user);
        Ok(())
    }
}

/// One line of standard input, without its end.
fn from_stdin(what: &str, bytes_max: usize) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        eprintln!("{what}, which the terminal shows, and then Ctrl-D:");
    }
    let mut text = String::new();
    let limit = bytes_max as u64 + 3;
    std::io::stdin().take(limit).read_to_string(&mut text).context("standard input")?;
    let text = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        bail!("no {what} came on standard input");
    }
    if text.len() > bytes_max {
        bail!("the {what} is longer than {bytes_max} bytes");
    }
    Ok(text.to_owned())
}

/// Random bytes of the system.
fn fill(bytes: &mut [u8]) {
    // A system without randomness could not have made this process's own hash maps either.
    aws_lc_rs::rand::fill(bytes).expect("the system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::auth::api_key::keys::{ApiKeys, Lookup, read_file};
    use crate::policy::auth::api_key::text::make_id;

    #[test]
    fn short_and_thought_of_keys_have_no_hash() {
        assert!(foreign("sk_live_0123456789abcdef0123").is_ok());
        for (bad, why) in [
            ("hunter2", "too short"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "always the same"),
            ("with a space in it, and quite long", "visible ASCII"),
            ("rg_acme_0123456789012345678901234567", "typing error"),
        ] {
            let told = foreign(bad).unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains(bad), "{bad}: {told}");
        }
    }

    #[test]
    fn a_row_is_added_to_a_file_whose_last_line_does_not_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.yaml");
        let keys: Vec<String> = (0..2)
            .map(|_| {
                let row = Row { owner: "ac'me: #1".to_owned(), ..Row::default() };
                let (id, mut text) = (make_id(&mut fill), String::new());
                let key = make(&id, &mut fill);
                text.push_str(&row::yaml(&id, &row.written(KeyHash::of(key.as_bytes())).unwrap()).unwrap());
                append(&file, text.trim_end()).unwrap();
                key
            })
            .collect();
        let rows = read_file("keys.yaml", &std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(rows[0].1.owner, "ac'me: #1");
        let set = ApiKeys::new(rows).unwrap();
        assert_eq!(set.find(keys[1].as_bytes()), Lookup::Row(1));
    }
}
