//! The binary as a person starts it, and a server of a test's own.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its own part"
)]

#[cfg(unix)]
pub mod impaired;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub fn duet() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// A folder of this test's own, gone at its end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("duet-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server on a port of its own, ended with the test.
pub struct Server {
    pub child: Child,
    pub address: String,
    pub ca: String,
    _folder: Folder,
}

impl Server {
    pub fn start(name: &str, more: &[&str]) -> Self {
        let folder = Folder::new(name);
        let ca = folder.file("ca.pem");
        let mut child = duet()
            .args([
                "serve",
                "--dev",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--cert-out",
                &ca,
            ])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut first = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        lines.read_line(&mut first).expect("a line");
        // What it says further on is read, so that it is not held up.
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        let told: Value = serde_json::from_str(&first).expect("JSON");
        let address = told["address"].as_str().expect("an address").to_owned();
        Self {
            child,
            address,
            ca,
            _folder: folder,
        }
    }

    pub fn to(&self) -> [&str; 4] {
        ["--server", &self.address, "--ca", &self.ca]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One clear line and a help line at the most, no backtrace, this exit code.
pub fn assert_failure(output: &Output, code: i32, says: &str) {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(says), "{told:?} does not say {says:?}");
    assert!(
        !told.contains("backtrace") && !told.contains("panicked"),
        "{told}"
    );
    let lines = told
        .lines()
        .filter(|line| line.starts_with("error: ") || line.starts_with("help: "));
    assert!((1..=2).contains(&lines.count()), "{told}");
}
