//! What the embedded service keeps of the lists of accounts.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

use duet::accounts::Accounts;
use duet::contacts::Lists;
use duet::service::Service;
use duet_protocol::code::Code;
use duet_protocol::id::UserId;
use duet_protocol::message::directory::Relation;
use duet_protocol::service::{Contact, Decision, Proof, Question};

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn entry(user: u64, relation: Relation) -> Contact {
    Contact {
        user: UserId(user),
        relation,
        name: "B \"ö\"".into(),
    }
}

fn accounts() -> Accounts {
    let mut accounts = Accounts::default();
    for name in ["alice", "bob"] {
        accounts.add(name, "secret").unwrap();
    }
    accounts
}

fn set(service: &Service, user: u64, entry: Contact) -> Decision {
    let user = UserId(user);
    service.decide(&Question::Contact { user, entry })
}

fn login(service: &Service, name: &str) -> Vec<Contact> {
    let question = Question::Login {
        method: Proof::Password(b"secret".to_vec()),
        name: name.into(),
    };
    match service.decide(&question) {
        Decision::User { contacts, .. } => contacts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lists_outlive_the_service_and_come_with_the_login() {
    let folder = folder("kept");
    let start = || Service::new(accounts(), true).with_lists(Lists::open(&folder).unwrap());
    let service = start();
    for change in [
        entry(2, Relation::Contact),
        entry(7, Relation::Blocked),
        entry(8, Relation::Contact),
        entry(8, Relation::None),
        entry(2, Relation::Blocked),
    ] {
        assert_eq!(set(&service, 1, change), Decision::Allow);
    }
    let expected = [entry(2, Relation::Blocked), entry(7, Relation::Blocked)];
    assert_eq!(login(&service, "alice"), expected);
    drop(service);
    let again = start();
    assert_eq!(login(&again, "alice"), expected);
    assert_eq!(login(&again, "bob"), []);
}

#[test]
fn a_lookup_brings_the_entry_for_the_asker_and_no_other() {
    let service = Service::new(accounts(), true);
    set(&service, 1, entry(2, Relation::Blocked));
    set(&service, 1, entry(3, Relation::Contact));
    for (asker, contacts) in [(2, vec![entry(2, Relation::Blocked)]), (9, vec![])] {
        let question = Question::Lookup {
            user: UserId(asker),
            name: "alice".into(),
        };
        let (user, name) = (UserId(1), "alice".into());
        let expected = Decision::User {
            user,
            name,
            contacts,
        };
        assert_eq!(service.decide(&question), expected);
    }
}

#[test]
fn a_list_that_cannot_be_written_is_not_changed_and_a_bad_one_is_named() {
    let folder = folder("unwritable");
    let path = folder.join("lists");
    let service = Service::new(accounts(), true).with_lists(Lists::open(&path).unwrap());
    std::fs::remove_dir_all(&path).unwrap();
    let denied = Decision::Deny(Code::SERVICE_UNAVAILABLE);
    assert_eq!(set(&service, 1, entry(2, Relation::Contact)), denied);
    assert_eq!(login(&service, "alice"), []);

    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("1.toml"), "[[contact]]\nuser = 2\ncolour = 3\n").unwrap();
    let error = Lists::open(&path).unwrap_err();
    assert!(
        error.contains("1.toml") && error.contains("colour"),
        "{error}"
    );
}

#[test]
fn a_guests_list_is_nobodys_to_keep() {
    let service = Service::new(Accounts::default(), true);
    let guest = (1 << 32) + 5;
    assert_eq!(
        set(&service, guest, entry(2, Relation::Blocked)),
        Decision::Allow
    );
    let question = Question::Lookup {
        user: UserId(2),
        name: "nobody".into(),
    };
    assert_eq!(service.decide(&question), Decision::Deny(Code::NOT_FOUND));
}
