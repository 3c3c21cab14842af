//! Accounts from a file: names, ids, and passwords as Argon2id hashes.

use std::path::Path;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use duet_protocol::id::UserId;
use serde::{Deserialize, Serialize};

/// What a file of accounts holds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Each account.
    #[serde(default, rename = "account")]
    pub accounts: Vec<Account>,
}

/// One account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name, at most 64 bytes.
    pub name: String,
    /// The user id; ids below 2³² are accounts, those above are guests.
    pub id: u32,
    /// The password's Argon2id hash in PHC format.
    pub password: String,
}

/// Why a file of accounts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl Accounts {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`AccountsError`], also for names or ids that occur twice and hashes that are none.
    pub fn load(path: &Path) -> Result<Self, AccountsError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| AccountsError::File {
            path: name.clone(),
            error,
        })?;
        let content = |reason| AccountsError::Content {
            path: name.clone(),
            reason,
        };
        let accounts: Self = toml::from_str(&text).map_err(|error| content(error.to_string()))?;
        for (index, account) in accounts.accounts.iter().enumerate() {
            let before = &accounts.accounts[..index];
            if before
                .iter()
                .any(|other| other.name == account.name || other.id == account.id)
            {
                return Err(content(format!(
                    "{:?}: name or id occurs twice",
                    account.name
                )));
            }
            if account.name.is_empty() || account.name.len() > 64 || account.id == 0 {
                let rule = "a name has 1 to 64 bytes, an id is not 0";
                return Err(content(format!("{:?}: {rule}", account.name)));
            }
            if let Err(error) = PasswordHash::new(&account.password) {
                let reason = format!("{:?}: its password is no PHC string: {error}", account.name);
                return Err(content(reason));
            }
        }
        Ok(accounts)
    }

    /// Adds an account with the next free id, in memory.
    ///
    /// # Errors
    ///
    /// A text for people: the name is taken or too long.
    pub fn add(&mut self, name: &str, password: &str) -> Result<&Account, String> {
        if name.is_empty() || name.len() > 64 {
            return Err(format!("{name:?}: a name has 1 to 64 bytes"));
        }
        if self.accounts.iter().any(|account| account.name == name) {
            return Err(format!("{name:?} has an account"));
        }
        let id = self
            .accounts
            .iter()
            .map(|account| account.id)
            .max()
            .unwrap_or(0)
            + 1;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| format!("no randomness: {error}"))?;
        let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
        let hash = Argon2::default()
            .hash_password(password.as_bytes(), &salt)
            .map_err(|error| error.to_string())?;
        let name = name.to_owned();
        self.accounts.push(Account {
            name,
            id,
            password: hash.to_string(),
        });
        Ok(&self.accounts[self.accounts.len() - 1])
    }

    /// Writes the file anew.
    ///
    /// # Errors
    ///
    /// [`AccountsError::File`].
    pub fn save(&self, path: &Path) -> Result<(), AccountsError> {
        let name = path.display().to_string();
        let text = toml::to_string(self).map_err(|error| AccountsError::Content {
            path: name.clone(),
            reason: error.to_string(),
        })?;
        private(path, text.as_bytes()).map_err(|error| AccountsError::File { path: name, error })
    }

    /// The user of a name.
    pub fn find(&self, name: &str) -> Option<UserId> {
        let account = self.accounts.iter().find(|account| account.name == name)?;
        Some(UserId(account.id.into()))
    }

    /// The user whose name and password these are. An unknown name takes as long as a wrong password.
    pub fn verify(&self, name: &str, password: &[u8]) -> Option<UserId> {
        /// The hash of a password that nobody has.
        const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$\
            dSWKs2GXUOZpnSWWCkBYP9qVRrYlcEyZ5iY3g9b2Jt8";
        let account = self.accounts.iter().find(|account| account.name == name);
        let hash = account.map_or(NOBODY, |account| account.password.as_str());
        let hash = PasswordHash::new(hash).ok()?;
        let good = Argon2::default().verify_password(password, &hash).is_ok();
        account
            .filter(|_| good)
            .map(|account| UserId(account.id.into()))
    }
}

/// Writes a file that nobody but its owner can read.
fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(bytes)
}
