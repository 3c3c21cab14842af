//! The files of a workspace, by paths relative to its root, in a stable order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::SpecError;

/// The nearest directory at or above `from` that holds `spec/chapters`.
pub fn find_root(from: &Path) -> Result<PathBuf, SpecError> {
    let start = from.canonicalize().map_err(SpecError::io(from))?;
    let root = start
        .ancestors()
        .find(|dir| dir.join("spec/chapters").is_dir())
        .map(Path::to_owned);
    root.ok_or_else(|| SpecError::NoWorkspace(from.to_owned()))
}

/// The files with this ending under `root/dir`, sorted; hidden and build directories are left out.
pub(crate) fn files(root: &Path, dir: &str, ending: &str) -> Result<Vec<String>, SpecError> {
    let mut found = Vec::new();
    let path = root.join(dir);
    if !path.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(&path).map_err(SpecError::io(&path))? {
        let entry = entry.map_err(SpecError::io(&path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = if dir.is_empty() {
            name.clone()
        } else {
            format!("{dir}/{name}")
        };
        let kind = entry.file_type().map_err(SpecError::io(&path))?;
        if kind.is_dir() {
            if !name.starts_with('.') && name != "target" {
                found.append(&mut files(root, &relative, ending)?);
            }
        } else if name.ends_with(ending) {
            found.push(relative);
        }
    }
    found.sort();
    Ok(found)
}

/// A file's text.
pub(crate) fn read(root: &Path, file: &str) -> Result<String, SpecError> {
    let path = root.join(file);
    fs::read_to_string(&path).map_err(SpecError::io(&path))
}

/// A file's text; `None` where there is no such file.
pub(crate) fn read_if_there(root: &Path, file: &str) -> Result<Option<String>, SpecError> {
    if root.join(file).exists() {
        read(root, file).map(Some)
    } else {
        Ok(None)
    }
}

/// A file's bytes; `None` where there is no such file.
pub(crate) fn bytes_if_there(root: &Path, file: &str) -> Result<Option<Vec<u8>>, SpecError> {
    let path = root.join(file);
    if path.exists() {
        fs::read(&path).map(Some).map_err(SpecError::io(&path))
    } else {
        Ok(None)
    }
}

/// Writes a file where that changes it, and the directories around it; returns whether it did.
pub(crate) fn write(root: &Path, file: &str, bytes: impl AsRef<[u8]>) -> Result<bool, SpecError> {
    let bytes = bytes.as_ref();
    if bytes_if_there(root, file)?.as_deref() == Some(bytes) {
        return Ok(false);
    }
    let path = root.join(file);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(SpecError::io(directory))?;
    }
    fs::write(&path, bytes).map_err(SpecError::io(&path))?;
    Ok(true)
}
