//! Writes the golden vectors (`spec/vectors/`) and the fuzzer's first corpus (`fuzz/corpus/frames/`), the same bytes
//! each time. Run it after a change of the wire format, and read what changed:
//! `cargo run -p duet-protocol --example vectors`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "it makes bytes, it reads none"
)]

mod generate;
mod samples;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (vectors, corpus) = (root.join("spec/vectors"), root.join("fuzz/corpus/frames"));
    std::fs::create_dir_all(&vectors)?;
    std::fs::create_dir_all(&corpus)?;
    for (name, content) in generate::vectors() {
        std::fs::write(vectors.join(name), content)?;
    }
    for (name, content) in generate::corpus() {
        std::fs::write(corpus.join(name), content)?;
    }
    Ok(())
}
