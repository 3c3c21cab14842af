//! A conformance case: read or refused with a place in it, alone and as a fragment of another.

use duet_conformance::Suite;

/// Fragments that a case may include.
const FRAGMENTS: [(&str, &str); 3] = [
    (
        "fragments/greeted.toml",
        include_str!("../../conformance/cases/fragments/greeted.toml"),
    ),
    (
        "fragments/online.toml",
        include_str!("../../conformance/cases/fragments/online.toml"),
    ),
    (
        "fragments/in-room.toml",
        include_str!("../../conformance/cases/fragments/in-room.toml"),
    ),
];

/// Reads a text as a case, and as a fragment.
pub fn run(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let lines = text.lines().count() + 1;
    for file in ["fuzz.toml", "fragments/fuzz.toml"] {
        let Err(errors) = Suite::read(FRAGMENTS.into_iter().chain([(file, text)])) else {
            continue;
        };
        assert!(!errors.is_empty(), "refused without a reason");
        for error in errors {
            assert!(!error.message.is_empty());
            assert_eq!(&*error.place.file, file, "{error}");
            assert!(
                (1..=lines).contains(&error.place.line),
                "{error}, of {lines}"
            );
        }
    }
}
