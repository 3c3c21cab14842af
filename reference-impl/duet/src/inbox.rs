//! The folder that files are received into: names that cannot leave it, partial files that are gone on with, and
//! nothing overwritten.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Bytes of a file's name that are kept; what is added for partial files and doubles still fits in 255.
const LONGEST: usize = 180;

/// Bytes of an extension that survive the cutting of a name.
const LONGEST_EXTENSION: usize = 24;

/// How many files of one name may lie in a folder.
const MOST_DOUBLES: u32 = 10_000;

/// A file's name out of what a sender offered: one component, not hidden, without characters that change how it is
/// read.
pub fn safe_name(offered: &str) -> String {
    //= XFER-029
    let last = offered.rsplit(['/', '\\']).find(|part| !part.is_empty());
    let shown = last.unwrap_or_default().chars().map(|c| match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        // Marks that turn the direction of what follows: `exe.fdp` shown as `pdf.exe`.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '_',
        c if c.is_control() => '_',
        c => c,
    });
    let shown: String = shown.collect();
    let shown = shown.trim().trim_end_matches(['.', ' ']);
    if shown.is_empty() {
        return "file".to_owned();
    }
    let shown = match shown.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => shown.to_owned(),
    };
    let (stem, extension) = parts(&shown);
    let stem = &stem[..stem.floor_char_boundary(LONGEST - extension.len())];
    format!("{stem}{extension}")
}

/// A name's stem and its extension, with its dot; without one where that is long.
fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= LONGEST_EXTENSION => name.split_at(at),
        _ => (name, ""),
    }
}

/// A folder for what is received.
#[derive(Debug)]
pub struct Inbox {
    folder: PathBuf,
}

/// A file that is not whole yet, held against other processes.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Inbox {
    /// A folder that is there.
    ///
    /// # Errors
    ///
    /// If it is not there, or no folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        match folder.metadata()?.is_dir() {
            true => Ok(Self {
                folder: folder.to_owned(),
            }),
            false => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// The partial file of an offer: the one that an earlier offer of this name and size has left, or a new one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ResourceBusy`] if it is being received at the moment; others as the system reports them.
    pub fn partial(&self, offered: &str, size: u64) -> io::Result<Partial> {
        let name = safe_name(offered);
        let path = self.folder.join(format!("{name}.{size}.part"));
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whatever made it longer than it can be, it is not the beginning of this.
        if file.metadata()?.len() > size {
            file.set_len(0)?;
        }
        let target = self.folder.join(name);
        Ok(Partial { file, path, target })
    }
}

impl Partial {
    /// Bytes that are there.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn held(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for the transfer to be written to.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn sink(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// It is not going to be whole: it stays for another offer of the same, unless nothing is in it.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn keep(self) -> io::Result<u64> {
        match self.held()? {
            0 => self.discard().map(|()| 0),
            held => Ok(held),
        }
    }

    /// What is in it is of no use.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn discard(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    /// It is whole, and gets its name, or that name with a number where there is such a file; says which.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn finish(self) -> io::Result<PathBuf> {
        let name = self.target.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let (stem, extension) = parts(&name);
        for number in 1..MOST_DOUBLES {
            let target = match number {
                1 => self.target.clone(),
                _ => {
                    let name = format!("{stem} ({number}){extension}");
                    self.target.with_file_name(name)
                }
            };
            match claim(&self.path, &target) {
                Ok(()) => return Ok(target),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

/// Gives a file another name, unless something has it.
fn claim(path: &Path, target: &Path) -> io::Result<()> {
    // A second name for the same bytes: nobody sees less than all of them under it, and nothing has to be written out
    // before, as a rename over a file would on some file systems.
    match std::fs::hard_link(path, target) {
        Ok(()) => std::fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // A file system without such names: an empty file holds the place.
        Err(_) => {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).open(target)?;
            std::fs::rename(path, target)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Component;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("duet-inbox-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn xfer_029_a_name_is_one_visible_component_whatever_was_offered() {
        for (offered, name) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd", "passwd"),
            ("C:\\Windows\\win.ini", "win.ini"),
            ("..", "file"),
            ("", "file"),
            ("a/..", "file"),
            (".bashrc", "_bashrc"),
            ("dir/", "dir"),
            ("a\0b\n.txt", "a_b_.txt"),
            ("invoice\u{202e}fdp.exe", "invoice_fdp.exe"),
            ("nul:", "nul_"),
            ("...", "file"),
        ] {
            assert_eq!(safe_name(offered), name, "{offered:?}");
        }
        let pieces = [
            "..", "/", "\\", ".", "a", "\0", " ", ":", "\u{202e}", "é", "~", "\n", "%2e", ".x",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let name = safe_name(&[a, b, c, d].concat());
                        let parts: Vec<_> = Path::new(&name).components().collect();
                        assert!(
                            matches!(parts[..], [Component::Normal(only)] if only == &*name)
                                && !name.starts_with('.')
                                && !name.contains(['\\', '\0']),
                            "{name:?}"
                        );
                    }
                }
            }
        }
        let long = safe_name(&format!("{}.tar.gz", "é".repeat(300)));
        assert!(long.len() <= LONGEST && long.ends_with(".gz"), "{long}");
        assert!(safe_name(&"x".repeat(999)).len() <= LONGEST);
        assert!(safe_name(&format!("x.{}", "y".repeat(999))).len() <= LONGEST);
    }

    #[test]
    fn a_partial_file_is_gone_on_with_and_nothing_is_overwritten() {
        let folder = Folder::new("partial");
        let inbox = Inbox::open(&folder.0).expect("a folder");
        std::fs::write(folder.0.join("a.txt"), "mine").expect("written");
        let partial = inbox.partial("x/a.txt", 10).expect("a partial file");
        partial
            .sink()
            .expect("a sink")
            .write_all(b"01234")
            .expect("written");
        let busy = inbox
            .partial("a.txt", 10)
            .expect_err("it is being received");
        assert_eq!(busy.kind(), ErrorKind::ResourceBusy);
        assert_eq!(partial.keep().expect("kept"), 5);
        let other = inbox.partial("a.txt", 11).expect("another size");
        assert_eq!(other.held().expect("nothing"), 0);
        let gone = other.path().to_owned();
        assert_eq!(other.keep().expect("nothing to keep"), 0);
        assert!(!gone.exists(), "an empty file was left behind");

        let partial = inbox.partial("a.txt", 10).expect("what was kept");
        assert_eq!(partial.held().expect("a length"), 5);
        partial
            .sink()
            .expect("a sink")
            .write_all(b"56789")
            .expect("written");
        let path = partial.finish().expect("a name");
        assert_eq!(path, folder.0.join("a (2).txt"));
        assert_eq!(std::fs::read(&path).expect("a file"), b"0123456789");
        assert_eq!(
            std::fs::read(folder.0.join("a.txt")).expect("a file"),
            b"mine"
        );
        let left = std::fs::read_dir(&folder.0).expect("a folder").count();
        assert_eq!(left, 2, "something else was left behind");
    }

    #[test]
    fn a_partial_file_that_is_too_long_is_begun_anew() {
        let folder = Folder::new("long");
        std::fs::write(folder.0.join("a.3.part"), "01234").expect("written");
        let inbox = Inbox::open(&folder.0).expect("a folder");
        let partial = inbox.partial("a", 3).expect("a partial file");
        assert_eq!(partial.held().expect("a length"), 0);
    }
}
