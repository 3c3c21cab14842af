//! Words for a POSIX shell, for the commands that run something again.

use std::path::Path;

/// A word as a shell takes it for one; in quotes only where it must be.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A file's path as an argument, which no program takes for an option. What is no UTF-8 in it is shown as U+FFFD.
pub(crate) fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    match text.starts_with('-') {
        true => quoted(&format!("./{text}")),
        false => quoted(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_it_must_be() {
        for (word, text) in [
            (
                "sim/scenarios/first-call.toml",
                "sim/scenarios/first-call.toml",
            ),
            ("rate=2 Mb/s", "'rate=2 Mb/s'"),
            ("bob's", r"'bob'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), text);
        }
        assert_eq!(path(Path::new("-x y.toml")), "'./-x y.toml'");
    }
}
