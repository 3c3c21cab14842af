//! The lists of accounts: in memory, and in a folder of one TOML file each where there is one.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use duet_protocol::id::UserId;
use duet_protocol::limits::MAX_CONTACTS;
use duet_protocol::message::directory::Relation;
use duet_protocol::service::Contact;
use serde::{Deserialize, Serialize};

/// A file of the folder, `<user id>.toml`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "contact")]
    contacts: Vec<Entry>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    user: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    blocked: bool,
}

/// What every account has made of others.
#[derive(Debug, Default)]
pub struct Lists {
    folder: Option<PathBuf>,
    known: Mutex<BTreeMap<UserId, BTreeMap<UserId, Contact>>>,
    /// Held while a file is written; who only reads does not wait for the disk.
    writing: Mutex<()>,
}

impl Lists {
    /// Lists that last as long as this object.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Lists that are kept in a folder, which is made where it is not there.
    ///
    /// # Errors
    ///
    /// A text for people: the folder cannot be made, or a file in it is not what it should be.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let bad = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        std::fs::create_dir_all(folder).map_err(|error| bad(folder, &error))?;
        let mut known = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(|error| bad(folder, &error))? {
            let path = entry.map_err(|error| bad(folder, &error))?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let user: u64 = stem
                .and_then(|stem| stem.parse().ok())
                .ok_or_else(|| bad(&path, &"its name is no user id"))?;
            let text = std::fs::read_to_string(&path).map_err(|error| bad(&path, &error))?;
            let file: File = toml::from_str(&text).map_err(|error| bad(&path, &error))?;
            if file.contacts.len() > MAX_CONTACTS {
                let why = format!("more than {MAX_CONTACTS} entries");
                return Err(bad(&path, &why));
            }
            let list = file.contacts.into_iter().map(|entry| {
                let relation = if entry.blocked {
                    Relation::Blocked
                } else {
                    Relation::Contact
                };
                let (user, name) = (UserId(entry.user), entry.name);
                let contact = Contact {
                    user,
                    relation,
                    name,
                };
                (user, contact)
            });
            known.insert(UserId(user), list.collect());
        }
        Ok(Self {
            folder: Some(folder.to_owned()),
            known: Mutex::new(known),
            writing: Mutex::new(()),
        })
    }

    /// A user's whole list.
    pub fn of(&self, user: UserId) -> Vec<Contact> {
        let known = self.known.lock().unwrap_or_else(|e| e.into_inner());
        known
            .get(&user)
            .map(|list| list.values().cloned().collect())
            .unwrap_or_default()
    }

    /// A user's entry for another, if it has one.
    pub fn entry(&self, user: UserId, other: UserId) -> Option<Contact> {
        let known = self.known.lock().unwrap_or_else(|e| e.into_inner());
        known.get(&user)?.get(&other).cloned()
    }

    /// Keeps a change; with [`Relation::None`] the entry is removed. It is on the disk before this returns.
    ///
    /// # Errors
    ///
    /// The file cannot be written: then nothing has changed.
    pub fn set(&self, user: UserId, entry: Contact) -> std::io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(|e| e.into_inner());
        let known = self.known.lock().unwrap_or_else(|e| e.into_inner());
        let mut list = known.get(&user).cloned().unwrap_or_default();
        drop(known);
        match entry.relation {
            Relation::None => {
                list.remove(&entry.user);
            }
            Relation::Contact | Relation::Blocked => {
                list.insert(entry.user, entry);
            }
        }
        if let Some(folder) = &self.folder {
            write(folder, user, &list)?;
        }
        let mut known = self.known.lock().unwrap_or_else(|e| e.into_inner());
        known.insert(user, list);
        Ok(())
    }
}

/// Writes beside the file and puts that in its place, so that a crash leaves the old list or the new one.
fn write(folder: &Path, user: UserId, list: &BTreeMap<UserId, Contact>) -> std::io::Result<()> {
    let contacts = list.values().map(|contact| Entry {
        user: contact.user.0,
        name: contact.name.clone(),
        blocked: contact.relation == Relation::Blocked,
    });
    let file = File {
        contacts: contacts.collect(),
    };
    let text = toml::to_string(&file).map_err(std::io::Error::other)?;
    let fresh = folder.join(format!("{}.new", user.0));
    let mut out = std::fs::File::create(&fresh)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&fresh, folder.join(format!("{}.toml", user.0)))
}
