//! Instructions an operation, by callgrind: the same on every machine of an architecture, whatever else it does.

use std::path::Path;
use std::process::Command;

use crate::profile::Profile;

/// Runs this program's case twice, with few passes and with more; the difference is the case alone.
pub(crate) fn count(group: &str, case: &str, operations: usize) -> Option<f64> {
    let (few, more) = (4, 24);
    let difference = collected(group, case, more)?.checked_sub(collected(group, case, few)?)?;
    Some(difference as f64 / ((more - few) * operations) as f64)
}

fn collected(group: &str, case: &str, passes: usize) -> Option<u64> {
    let text = run(group, case, passes, Path::new("/dev/null"))?;
    let line = text.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// The profiles of a run with many passes and of one with few, and how many operations lie between them.
pub(crate) fn profiles(
    group: &str,
    case: &str,
    operations: usize,
) -> Option<(Profile, Profile, usize)> {
    let (few, more) = (4, 24);
    let path = std::env::temp_dir().join(format!("duet-bench-{}.callgrind", std::process::id()));
    let profile = |passes| {
        run(group, case, passes, &path)?;
        let text = std::fs::read_to_string(&path).ok()?;
        std::fs::remove_file(&path).ok()?;
        Some(Profile::parse(&text))
    };
    Some((profile(more)?, profile(few)?, (more - few) * operations))
}

fn run(group: &str, case: &str, passes: usize, out: &Path) -> Option<String> {
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().ok()?)
        .args([group, "--only", case, &passes.to_string()])
        .output()
        .ok()?;
    // A case that panics has counted nothing.
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(text)
}
