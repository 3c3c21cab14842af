//! Chapter "Text and data".

use std::time::Duration;

use duet_protocol::client::Event;
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::UserId;
use duet_protocol::wire::Address;

use crate::support::{Net, account};

fn answers(net: &Net, index: usize) -> Vec<Code> {
    let answers = net
        .events(index)
        .into_iter()
        .filter_map(|event| match event {
            Event::Answer { code, .. } => Some(*code),
            _ => None,
        });
    answers.collect()
}

#[test]
//= CHAN-001, CHAN-002
fn chan_003_text_and_data_arrive_with_their_sender() {
    let mut net = Net::new(1, &["alice", "bob"]);
    net.login();
    let bob = Address::User(account("bob").unwrap());
    net.command(0, |core, now| core.text(now, bob, "hello").unwrap());
    net.command(0, |core, now| core.data(now, bob, &[0, 1, 2]).unwrap());
    net.run_ms(200);
    let alice = account("alice").unwrap();
    let got: Vec<_> = net.events(1).into_iter().collect();
    assert!(got.iter().any(|e| matches!(e, Event::Text { user, text, number: 1, .. } if *user == alice && text == "hello")));
    assert!(got.iter().any(|e| matches!(e, Event::Data { user, data, number: 2, .. } if *user == alice && data[..] == [0, 1, 2])));
    assert_eq!(answers(&net, 0), [Code::DELIVERED; 2]);
}

#[test]
fn chan_012_a_mention_arrives_as_it_was_given() {
    let mut net = Net::new(20, &["alice", "bob"]);
    net.login();
    let bob = Address::User(account("bob").unwrap());
    net.command(0, |core, now| core.text(now, bob, "hello").unwrap());
    net.command(0, |core, now| {
        core.mention(now, bob, "@carol", UserId(3)).unwrap()
    });
    net.run_ms(200);
    let mentions: Vec<_> = net
        .events(1)
        .into_iter()
        .filter_map(|event| match event {
            Event::Text { mention, .. } => Some(*mention),
            _ => None,
        })
        .collect();
    assert_eq!(mentions, [None, Some(UserId(3))]);
}

#[test]
fn chan_013_the_sender_learns_the_number_that_the_receivers_see() {
    let mut net = Net::new(21, &["alice", "bob", "carol"]);
    net.login();
    for index in 0..3 {
        net.command(index, |core, now| core.join(now, "lobby", b"").unwrap());
        net.run_ms(100);
    }
    let room = net.client(0).core.rooms().next().unwrap();
    let bob = Address::User(account("bob").unwrap());
    let session = Address::Session(net.session(1).unwrap());
    net.forget_events();
    // What carol sends to the room and to bob is numbered among what alice sends there.
    for (to, by) in [
        (Address::Room(room), 2),
        (Address::Room(room), 0),
        (bob, 2),
        (bob, 2),
        (bob, 0),
        (session, 0),
        (Address::User(UserId(99)), 0),
    ] {
        net.command(by, |core, now| core.text(now, to, "hello").unwrap());
        net.run_ms(200);
    }
    let told: Vec<_> = net
        .events(0)
        .into_iter()
        .filter_map(|event| match event {
            Event::Answer { code, number, .. } => Some((*code, *number)),
            _ => None,
        })
        .collect();
    let delivered = Code::DELIVERED;
    assert_eq!(
        told,
        [
            (delivered, 2),
            (delivered, 3),
            (delivered, 1),
            (Code::UNREACHABLE, 0)
        ]
    );
    let alice = account("alice").unwrap();
    let seen: Vec<_> = net
        .events(1)
        .into_iter()
        .filter_map(|event| match event {
            Event::Text { user, number, .. } if *user == alice => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(seen, [2, 3, 1]);
}

#[test]
//= SES-010
fn chan_004_delivered_means_that_the_receiver_acknowledged() {
    let mut net = Net::new(2, &["alice", "bob"]);
    net.login();
    let bob = Address::User(account("bob").unwrap());
    net.set_down(1, true);
    net.command(0, |core, now| core.text(now, bob, "hello").unwrap());
    net.run(Duration::from_secs(2));
    assert_eq!(
        answers(&net, 0),
        [],
        "confirmed before the receiver could have it"
    );
    net.set_down(1, false);
    net.run(Duration::from_secs(2));
    assert_eq!(answers(&net, 0), [Code::DELIVERED]);
}

#[test]
fn chan_005_unknown_and_offline_users_look_alike() {
    let mut net = Net::new(3, &["alice"]);
    net.login();
    let (offline, unknown) = (account("bob").unwrap(), UserId(0xdead));
    for user in [offline, unknown] {
        net.command(0, |core, now| {
            core.text(now, Address::User(user), "anyone?").unwrap()
        });
    }
    net.run_ms(200);
    assert_eq!(answers(&net, 0), [Code::UNREACHABLE; 2]);
}

#[test]
fn chan_006_every_device_of_a_user_gets_it_and_the_first_confirms() {
    let mut net = Net::new(4, &["alice", "bob", "bob"]);
    net.login();
    let bob = Address::User(account("bob").unwrap());
    net.set_down(2, true);
    net.command(0, |core, now| core.text(now, bob, "hello").unwrap());
    net.run_ms(500);
    assert_eq!(answers(&net, 0), [Code::DELIVERED]);
    net.set_down(2, false);
    net.run_ms(500);
    for device in [1, 2] {
        let texts = net
            .events(device)
            .into_iter()
            .filter(|e| matches!(e, Event::Text { .. }));
        assert_eq!(texts.count(), 1, "device {device}");
    }
    assert_eq!(answers(&net, 0), [Code::DELIVERED], "confirmed twice");
}

#[test]
fn chan_006_one_session_can_be_addressed() {
    let mut net = Net::new(5, &["alice", "bob", "bob"]);
    net.login();
    let to = Address::Session(net.session(2).unwrap());
    net.command(0, |core, now| core.text(now, to, "just you").unwrap());
    net.run_ms(300);
    let count = |device| {
        net.events(device)
            .into_iter()
            .filter(|e| matches!(e, Event::Text { .. }))
            .count()
    };
    assert_eq!((count(1), count(2)), (0, 1));
    assert_eq!(answers(&net, 0), [Code::DELIVERED]);
}

#[test]
fn chan_002_data_over_the_limit_is_refused_before_it_is_sent() {
    let mut net = Net::new(6, &["alice"]);
    net.login();
    let bob = Address::User(account("bob").unwrap());
    let result = net.command(0, |core, now| core.data(now, bob, &[0; 16_001]));
    assert_eq!(result, Err(UsageError::TooLarge));
    assert!(
        net.command(0, |core, now| core.data(now, bob, &[0; 16_000]))
            .is_ok()
    );
}

#[test]
fn ses_012_a_sender_that_gets_no_acknowledgement_is_told_that_it_is_backlogged() {
    let mut net = Net::new(7, &["alice"]);
    net.login();
    net.set_down(0, true);
    let bob = Address::User(account("bob").unwrap());
    let error = (0..2_000).find_map(|_| net.command(0, |core, now| core.text(now, bob, "x").err()));
    assert_eq!(error, Some(UsageError::Backlogged));
}

#[test]
fn ses_012_a_receiver_that_does_not_acknowledge_is_closed_and_its_sender_is_not() {
    // One sender alone cannot: what waits for its results is bounded (CHAN-011).
    let mut net = Net::new(8, &["alice", "bob", "g1", "g2", "g3", "g4", "g5"]);
    net.login();
    net.set_down(1, true);
    let bob = Address::User(account("bob").unwrap());
    for sender in [0, 2, 3, 4, 5, 6] {
        for _ in 0..16 {
            net.command(sender, |core, now| {
                core.data(now, bob, &[0; 16_000]).unwrap()
            });
            net.run_ms(50);
        }
    }
    assert_eq!(
        net.server().core.census().sessions,
        6,
        "the slow receiver is still there"
    );
    let mut undetermined = 0;
    for sender in [0, 2, 3, 4, 5, 6] {
        let harmed = |e: &&Event| matches!(e, Event::LoggedOut { .. } | Event::Suspended);
        assert!(!net.events(sender).iter().any(harmed));
        let codes = answers(&net, sender).into_iter();
        undetermined += codes.filter(|code| *code == Code::UNDETERMINED).count();
    }
    assert!(undetermined > 60, "{undetermined}");
}

#[test]
//= DIR-001
fn dir_002_names_are_found_online_and_in_the_directory() {
    let mut net = Net::new(9, &["alice", "guest"]);
    net.login();
    for name in ["guest", "carol", "nobody"] {
        net.command(0, |core, now| core.lookup(now, name).unwrap());
    }
    net.run_ms(200);
    let mut found: Vec<_> = net
        .events(0)
        .into_iter()
        .filter_map(|e| match e {
            Event::Found { name, user, .. } => Some((name.as_str(), *user)),
            _ => None,
        })
        .collect();
    // Users answer for themselves, the service for who is not there: in any order.
    found.sort();
    assert_eq!(
        found,
        [
            ("carol", account("carol").unwrap()),
            ("guest", UserId(0x1_0001)),
        ]
    );
    assert_eq!(answers(&net, 0), [Code::NOT_FOUND]);
}

#[test]
fn dir_003_lookups_are_limited_in_rate() {
    let mut net = Net::new(10, &["alice"]);
    net.login();
    for _ in 0..30 {
        net.command(0, |core, now| core.lookup(now, "carol").unwrap());
    }
    net.run_ms(150);
    let limited = answers(&net, 0)
        .into_iter()
        .filter(|code| *code == Code::RATE_LIMITED)
        .count();
    assert_eq!(limited, 10);
    net.run(Duration::from_secs(10));
    net.forget_events();
    net.command(0, |core, now| core.lookup(now, "carol").unwrap());
    net.run_ms(100);
    assert_eq!(answers(&net, 0), []);
}

/// What an author was told of how far it was read: where, up to which number, by whom.
fn receipts(net: &Net, index: usize) -> Vec<(Address, u64, UserId)> {
    let events = net.events(index).into_iter();
    let receipts = events.filter_map(|event| match event {
        Event::Receipt {
            conversation,
            number,
            user,
            ..
        } => Some((*conversation, *number, *user)),
        _ => None,
    });
    receipts.collect()
}

#[test]
fn chan_014_an_author_learns_how_far_it_was_read_and_nothing_is_counted_by_that() {
    let mut net = Net::new(30, &["alice", "bob"]);
    net.login();
    let (alice, bob) = (account("alice").unwrap(), account("bob").unwrap());
    for index in 0..2 {
        net.command(index, |core, now| core.join(now, "lobby", b"").unwrap());
        net.run_ms(100);
    }
    let room = Address::Room(net.client(0).core.rooms().next().unwrap());
    let author = Address::Session(net.session(0).unwrap());
    let read = |net: &mut Net, to, conversation, number| {
        net.command(1, |core, now| {
            core.read(now, to, conversation, number).unwrap()
        });
        net.run_ms(100);
    };
    for to in [Address::User(bob), room] {
        net.command(0, |core, now| core.text(now, to, "hello").unwrap());
        net.run_ms(100);
        read(&mut net, author, to, 1);
    }
    read(&mut net, Address::User(alice), room, 1);
    let told = receipts(&net, 0);
    let expected = [(Address::User(bob), 1, bob), (room, 1, bob), (room, 1, bob)];
    assert_eq!(told, expected);
    // The next message to alice is her first: receipts are not among what she was sent.
    net.command(1, |core, now| {
        core.text(now, Address::User(alice), "thanks").unwrap()
    });
    net.run_ms(100);
    let numbers = net.events(0).into_iter().filter_map(|event| match event {
        Event::Text { number, .. } => Some(*number),
        _ => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1]);
    assert_eq!(
        answers(&net, 1),
        [Code::DELIVERED],
        "a receipt has no result"
    );
}

#[test]
fn chan_015_nobody_says_that_it_has_read_what_did_not_reach_it() {
    let mut net = Net::new(31, &["alice", "bob", "carol"]);
    net.login();
    for index in 0..2 {
        net.command(index, |core, now| core.join(now, "lobby", b"").unwrap());
        net.run_ms(100);
    }
    let room = Address::Room(net.client(0).core.rooms().next().unwrap());
    let author = Address::User(account("alice").unwrap());
    let of_bob = Address::User(account("bob").unwrap());
    let at_bob = Address::Session(net.session(1).unwrap());
    for conversation in [room, of_bob, at_bob, Address::Service] {
        net.command(2, |core, now| {
            core.read(now, author, conversation, 1).unwrap()
        });
    }
    // And nobody tells a room.
    net.command(1, |core, now| core.read(now, room, of_bob, 1).unwrap());
    net.run_ms(200);
    assert_eq!(receipts(&net, 0), []);
    // Those beyond the rate are dropped, and the sender is not for that.
    for number in 0..40 {
        net.command(1, |core, now| core.read(now, author, room, number).unwrap());
    }
    net.run_ms(200);
    assert_eq!(receipts(&net, 0).len(), 32);
    net.command(1, |core, now| core.read(now, author, room, 40).unwrap());
    net.run_ms(200);
    assert_eq!(receipts(&net, 0).len(), 33, "one more after 100 ms");
}
