//! A small workspace in a temporary directory, removed when dropped.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The chapter of the tree that passes.
pub(crate) const CHAPTER: &str = "\
# Calls

The key words MUST and MAY are to be interpreted as described in BCP 14 (RFC 2119, RFC 8174).

The callee MUST answer once, e.g. by `ACCEPT`. [CALL-001] The caller MAY wait. [CALL-002]

- [CALL-003] A server MUST NOT
  start a call twice.
- The server MUST send these in order [CALL-004]:
  1. the number
  2. the name
- The screen MUST be lit [CALL-005 untestable: nobody sees it].
- [CALL-006] A server MUST forget calls.

<!-- generated: limits -->
stale
<!-- /generated -->
";

/// The code of the tree that passes.
pub(crate) const CODE: &str = r#"
messages! {
    /// Calls
    0x0601 INVITE Invite ["CALL-001"] Either () {}
}

fn start<'a>(name: &'a str) -> char {
    // "CALL-999" in a comment is nothing, and so is `//= ` in a "string //= CALL-998".
    //= CALL-003, CALL-004
    if name == "//= CALL-997" { '"' } else { '\'' }
}

//= CALL-006 exception: the memory is cheap
fn remember() {}

#[cfg(test)]
mod tests {
    #[test]
    fn call_003_twice() {}
}
"#;

/// The tests of the tree that passes.
pub(crate) const TEST: &str = "
#[test]
fn call_004_order() {}

#[test]
fn rfc_822_is_no_requirement() {}
";

/// The conformance case of the tree that passes.
pub(crate) const CASE: &str = "
name = \"answer\"
note = \"CALL-996 is not cited here\"

[[steps]]
expect = \"ACCEPT\"
checks = { once = \"CALL-001\" }
";

/// A workspace.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
}

impl Tree {
    /// A workspace without anything in it.
    pub(crate) fn empty() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("duet-spec-{}-{count}", std::process::id()));
        fs::create_dir_all(root.join("spec/chapters")).expect("a directory");
        Self { root }
    }

    /// A workspace that passes.
    pub(crate) fn passing() -> Self {
        let tree = Self::empty();
        tree.write("spec/chapters/06-call.md", CHAPTER);
        tree.write("protocol/src/call.rs", CODE);
        tree.write("protocol/tests/call.rs", TEST);
        tree.write("conformance/cases/answer.toml", CASE);
        tree.write(
            "conformance/mutants/src/lib.rs",
            "const MUTANTS: &[&str] = &[\"CALL-003\", \"AES-128 \"];",
        );
        duet_spec::render(&tree.root).expect("renders");
        duet_spec::lock(&tree.root).expect("locks");
        tree
    }

    /// Writes a file.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Reads a file.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).expect("a file")
    }

    /// Replaces the only occurrence of `old` in a file.
    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {file}");
        self.write(file, &text.replace(old, new));
    }

    /// What `check` complains of, one line each.
    pub(crate) fn failures(&self) -> Vec<String> {
        duet_spec::check(&self.root)
            .expect("checks")
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// Runs the tool on this workspace.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_duet-spec"));
        command
            .args(arguments)
            .arg("--root")
            .arg(&self.root)
            .output()
            .expect("runs")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
