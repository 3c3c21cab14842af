//! A scenario file: read or refused with a place in it, the same each time; what was read is written and read again.

use duet_sim::Scenario;

/// Reads a scenario.
pub fn run(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let (first, second) = (
        Scenario::parse(text, "fuzz.toml"),
        Scenario::parse(text, "fuzz.toml"),
    );
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            let written = first.to_toml();
            let read = Scenario::parse(&written, "written.toml");
            let read = read.unwrap_or_else(|error| panic!("{error}\n{written}"));
            // Not equality: what is handed up unread may hold a number that equals nothing.
            assert_eq!(read.to_toml(), written);
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            assert!(first.to_string().contains("fuzz.toml"), "{first}");
        }
        _ => panic!("read once and refused once"),
    }
}
