//! Files of tokens: one a line, and after it what it allows.

use std::path::Path;

use duet_protocol::message::service::Permissions;

use super::Failure;

/// The fewest bytes of a token: 128 bits, if they are random.
const SHORTEST: usize = 16;
/// The most bytes that LINK can carry.
const LONGEST: usize = 1_024;

/// A token, and what it allows.
pub(crate) struct Known {
    pub(crate) token: Vec<u8>,
    pub(crate) permissions: Permissions,
}

/// What a permission is called.
pub(crate) const NAMES: [(&str, Permissions); 8] = [
    ("login", Permissions::LOGIN),
    ("directory", Permissions::DIRECTORY),
    ("join", Permissions::JOIN),
    ("call", Permissions::CALL),
    ("data", Permissions::DATA),
    ("rooms", Permissions::ROOMS),
    ("kick", Permissions::KICK),
    ("events", Permissions::EVENTS),
];

/// Reads a file of tokens: at least one.
pub(crate) fn load(path: &Path) -> Result<Vec<Known>, Failure> {
    let shown = path.display();
    let help = "a line is a token of 16 to 1,024 bytes, and after it what it allows, as \"login,join\"; \
                `head -c 32 /dev/urandom | base64` makes a token";
    let wrong = |why: String| Failure::new(why).help(help).usage();
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot read {shown}: {error}")))?;
    let mut all = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(token) = words.next().filter(|token| !token.starts_with('#')) else {
            continue;
        };
        let at = format!("{shown}, line {}", index + 1);
        if !(SHORTEST..=LONGEST).contains(&token.len()) {
            return Err(wrong(format!("{at}: a token of {} bytes", token.len())));
        }
        let mut permissions = None;
        for name in words
            .flat_map(|list| list.split(','))
            .filter(|name| !name.is_empty())
        {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            let Some((_, permission)) = known else {
                return Err(wrong(format!("{at}: no permission is called {name:?}")));
            };
            permissions = Some(permissions.unwrap_or(Permissions::NONE).with(*permission));
        }
        all.push(Known {
            token: token.as_bytes().to_vec(),
            permissions: permissions.unwrap_or(Permissions::ALL),
        });
    }
    match all.is_empty() {
        true => Err(wrong(format!("{shown} holds no token"))),
        false => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Known>, Failure> {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("duet-tokens-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("written");
        let read = load(&path);
        std::fs::remove_file(&path).expect("removed");
        read
    }

    #[test]
    fn a_line_is_a_token_and_what_it_allows() {
        let all = read("# tokens\n\n0123456789abcdef\n  fedcba9876543210 login,join call\n");
        let all = all.expect("two tokens");
        let allowed = Permissions::LOGIN
            .with(Permissions::JOIN)
            .with(Permissions::CALL);
        let read: Vec<_> = all.iter().map(|k| (&k.token[..], k.permissions)).collect();
        let first = (&b"0123456789abcdef"[..], Permissions::ALL);
        assert_eq!(read, [first, (b"fedcba9876543210", allowed)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, says) in [
            ("", "holds no token"),
            ("# nothing", "holds no token"),
            ("short", "line 1: a token of 5 bytes"),
            (
                "\n0123456789abcdef login,fly",
                "line 2: no permission is called \"fly\"",
            ),
        ] {
            let why = read(text).err().expect("refused").message;
            assert!(why.contains(says), "{why}");
        }
    }
}
