//! A target's corpus, file by file, through the function that is fuzzed.

use std::path::Path;

/// Runs every file of a corpus, of which there must be some.
pub fn replay(target: &str, run: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/corpus/{target}"));
    let mut files: Vec<_> = std::fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
        .map(|entry| entry.expect("a readable directory").path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "only {} files", files.len());
    for file in files {
        // A panic's message says what broke; this line says in which file.
        println!("{}", file.display());
        run(&std::fs::read(file).expect("a readable file"));
    }
}
