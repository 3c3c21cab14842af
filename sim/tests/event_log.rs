//! The event log: its lines, its sums, its hash.

use duet_sim::{Cause, Dropped, Ecn, EventLog, Fate, Journey, LinkId, Time};

/// A packet's course: offered at half a second, its bits sent in 4.8 ms.
fn course(class: &'static str, size: u64, fate: Fate) -> Journey {
    let offered = Time::from_millis(500);
    let left = match fate {
        Fate::Delivered { .. } => Time::from_micros(504_800),
        Fate::Lost { .. } => offered,
    };
    Journey {
        number: 17,
        class,
        size,
        offered,
        started: offered,
        left,
        ecn: Ecn::NotEct,
        reliable: false,
        damaged: false,
        copy: false,
        fate,
    }
}

fn example() -> (EventLog, LinkId) {
    let mut log = EventLog::new();
    let link = log.add_link("alice>server");
    let at = Time::from_micros(519_800);
    log.packet(link, course("media", 1_200, Fate::Delivered { at }));
    let cause = Cause::RandomLoss;
    log.packet(link, course("media", 1_200, Fate::Lost { cause }));
    let dropped = Dropped {
        class: "quic-short",
        size: 1_228,
        cause: "nat-filtered",
    };
    log.dropped(Time::from_millis(505), "home", dropped);
    log.note(Time::from_millis(600), "alice hangs\nup");
    (log, link)
}

#[test]
fn lines_are_as_documented() {
    assert_eq!(
        example().0.text(),
        "504800000 alice>server 17 media 1200 500000000 500000000 delivered 519800000\n\
         500000000 alice>server 17 media 1200 500000000 500000000 lost random-loss\n\
         505000000 @home quic-short 1228 dropped nat-filtered\n\
         600000000 # alice hangs\\nup\n"
    );
    assert_eq!(example().0.lines().count(), 4);
}

/// Hashes computed by another implementation of SHA-256.
#[test]
fn the_hash_is_sha_256_of_the_text() {
    assert_eq!(
        example().0.hash(),
        "ca8031b7a7ce053f4e21d84b98bfd4f99b36f4c14035a0c1e99343c44ac4276e"
    );
    assert_eq!(
        EventLog::new().hash(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn the_first_difference_is_named() {
    let (one, _) = example();
    let (mut other, link) = example();
    assert_eq!(one.first_difference(&other), None);
    let cause = Cause::Down;
    other.packet(link, course("media", 10, Fate::Lost { cause }));
    let (index, ours, theirs) = one.first_difference(&other).unwrap();
    assert_eq!((index, ours), (4, None));
    assert!(theirs.unwrap().ends_with("lost down"));
    let (index, ours, theirs) = EventLog::new().first_difference(&one).unwrap();
    assert_eq!((index, ours), (0, None));
    assert!(theirs.unwrap().ends_with("delivered 519800000"));
}

#[test]
fn without_records_the_sums_go_on() {
    let (mut log, link) = example();
    let (text, hash) = (log.text(), log.hash());
    log.keep_counts_only();
    let cause = Cause::Down;
    log.packet(link, course("media", 10, Fate::Lost { cause }));
    log.note(Time::ZERO, "unheard");
    assert_eq!((log.text(), log.hash()), (text, hash));
    assert_eq!(log.counts().next().unwrap().2.offered, 3);
}

#[test]
fn sums_are_per_link_and_class() {
    let (mut log, link) = example();
    for cause in [
        Cause::QueueFull,
        Cause::QueueFull,
        Cause::Down,
        Cause::BurstLoss,
    ] {
        log.packet(link, course("media", 10, Fate::Lost { cause }));
    }
    let delivered = Fate::Delivered { at: Time::ZERO };
    log.packet(link, course("control", 7, delivered));
    let other = log.add_link("a>b");
    log.packet(other, course("media", 5, delivered));
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
