//! The event log: its lines, its sums, its hash.

use duet_sim::{Cause, EventLog, Fate, Time};

fn example() -> EventLog {
    let mut log = EventLog::new();
    let now = Time::from_millis(500);
    let at = Time::from_micros(519_800);
    log.packet(now, "alice>server", "media", 1_200, Fate::Delivered { at });
    let cause = Cause::RandomLoss;
    log.packet(now, "alice>server", "media", 1_200, Fate::Lost { cause });
    log.note(Time::from_millis(600), "alice hangs\nup");
    log
}

#[test]
fn lines_are_as_documented() {
    assert_eq!(
        example().text(),
        "500000000 alice>server media 1200 delivered 519800000\n\
         500000000 alice>server media 1200 lost random-loss\n\
         600000000 # alice hangs\\nup\n"
    );
    assert_eq!(example().lines().count(), 3);
}

/// Hashes computed by another implementation of SHA-256.
#[test]
fn the_hash_is_sha_256_of_the_text() {
    assert_eq!(
        example().hash(),
        "0cab8a9f94361ea8fe372087339afd6f70b5a53152a416ecf5acebec98849283"
    );
    assert_eq!(
        EventLog::new().hash(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn asking_for_the_hash_does_not_end_the_log() {
    let mut log = EventLog::new();
    log.hash();
    let now = Time::from_millis(500);
    let at = Time::from_micros(519_800);
    log.packet(now, "alice>server", "media", 1_200, Fate::Delivered { at });
    assert_ne!(log.hash(), EventLog::new().hash());
    let cause = Cause::RandomLoss;
    log.packet(now, "alice>server", "media", 1_200, Fate::Lost { cause });
    log.note(Time::from_millis(600), "alice hangs\nup");
    assert_eq!(log.hash(), example().hash());
}

#[test]
fn sums_are_per_link_and_class() {
    let mut log = example();
    for cause in [
        Cause::QueueFull,
        Cause::QueueFull,
        Cause::Down,
        Cause::BurstLoss,
    ] {
        log.packet(
            Time::ZERO,
            "alice>server",
            "media",
            10,
            Fate::Lost { cause },
        );
    }
    log.packet(
        Time::ZERO,
        "alice>server",
        "control",
        7,
        Fate::Delivered { at: Time::ZERO },
    );
    log.packet(
        Time::ZERO,
        "a>b",
        "media",
        5,
        Fate::Delivered { at: Time::ZERO },
    );
    let sums: Vec<_> = log.counts().collect();
    let keys: Vec<_> = sums
        .iter()
        .map(|(link, class, _)| (*link, *class))
        .collect();
    assert_eq!(
        keys,
        [
            ("a>b", "media"),
            ("alice>server", "control"),
            ("alice>server", "media")
        ]
    );
    let media = sums[2].2;
    assert_eq!((media.offered, media.bytes), (6, 2_440));
    assert_eq!((media.delivered, media.delivered_bytes), (1, 1_200));
    let lost: Vec<_> = media.lost.iter().map(|(cause, n)| (*cause, *n)).collect();
    assert_eq!(
        lost,
        [
            (Cause::RandomLoss, 1),
            (Cause::BurstLoss, 1),
            (Cause::QueueFull, 2),
            (Cause::Down, 1)
        ]
    );
}
