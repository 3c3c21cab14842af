//! Instructions an operation, by callgrind: the same on every machine of an architecture, whatever else it does.

use std::process::Command;

/// Runs this program's case twice, with few passes and with more; the difference is the case alone.
pub(crate) fn count(group: &str, case: &str, operations: usize) -> Option<f64> {
    let (few, more) = (4, 24);
    let difference = collected(group, case, more)?.checked_sub(collected(group, case, few)?)?;
    Some(difference as f64 / ((more - few) * operations) as f64)
}

fn collected(group: &str, case: &str, passes: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args([group, "--only", case, &passes.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}
