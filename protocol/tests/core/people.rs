//! Chapter "Directory and presence".

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use duet_protocol::client::{ContactInfo, Credentials, Event};
use duet_protocol::code::Code;
use duet_protocol::id::{RequestId, UserId};
use duet_protocol::limits;
use duet_protocol::message::directory::{self, Availability, Relation};
use duet_protocol::message::{Media, Message};
use duet_protocol::people::DirectoryPolicy;
use duet_protocol::service::{Contact, Decide, Decision, Proof, Question};
use duet_protocol::wire::Address;
use duet_sim::LinkConfig;

use crate::bad_input::Driven;
use crate::support::{Net, Policy, account, lenient};

use Availability::{Away, DoNotDisturb, Offline, Online};
use Relation::{Blocked, Contact as Friend};

/// What the service of these tests keeps: every user's list, and what it was asked.
#[derive(Clone, Default)]
struct Keeper {
    lists: Rc<RefCell<BTreeMap<UserId, Vec<Contact>>>>,
    lookups: Rc<RefCell<Vec<String>>>,
    denies: Rc<RefCell<Option<Code>>>,
    silent: Rc<RefCell<bool>>,
}

impl Keeper {
    fn list(&self, user: UserId) -> Vec<Contact> {
        self.lists.borrow().get(&user).cloned().unwrap_or_default()
    }

    fn put(&self, user: UserId, entry: Contact) {
        let mut lists = self.lists.borrow_mut();
        let list = lists.entry(user).or_default();
        list.retain(|old| old.user != entry.user);
        if entry.relation != Relation::None {
            list.push(entry);
        }
    }

    fn befriend(&self, user: UserId, other: UserId) {
        self.put(user, entry(other, Friend));
    }

    /// Alice, Bob and whoever else is named have each other as contacts.
    fn mutual(&self, names: &[&str]) {
        for user in names {
            for other in names.iter().filter(|other| *other != user) {
                self.befriend(id(user), id(other));
            }
        }
    }

    fn policy(&self) -> Policy {
        let keeper = self.clone();
        let mut others = lenient();
        Box::new(move |decide: &Decide| {
            if *keeper.silent.borrow() && !matches!(decide.question, Question::Login { .. }) {
                return None;
            }
            match &decide.question {
                Question::Contact { user, entry } => {
                    if let Some(code) = *keeper.denies.borrow() {
                        return Some(Decision::Deny(code));
                    }
                    keeper.put(*user, entry.clone());
                    return Some(Decision::Allow);
                }
                Question::Lookup { name, .. } => keeper.lookups.borrow_mut().push(name.clone()),
                Question::Login {
                    method: Proof::Guest,
                    name,
                } => {
                    let user = id(name);
                    return Some(Decision::User {
                        user,
                        name: name.clone(),
                        contacts: keeper.list(user),
                    });
                }
                _ => {}
            }
            match others(decide)? {
                Decision::User { user, name, .. } => Some(Decision::User {
                    user,
                    name,
                    contacts: keeper.list(user),
                }),
                other => Some(other),
            }
        })
    }
}

/// Accounts have their ids; a guest's is made of its name, the same at every login.
fn id(name: &str) -> UserId {
    account(name).unwrap_or_else(|| {
        let bytes = name.bytes().fold(0, |sum: u64, byte| {
            sum.wrapping_mul(131).wrapping_add(byte.into())
        });
        UserId(0x1_0000_0000 | bytes)
    })
}

fn entry(user: UserId, relation: Relation) -> Contact {
    Contact {
        user,
        relation,
        name: String::new(),
    }
}

fn net(seed: u64, names: &[&str], keeper: &Keeper) -> Net {
    with(seed, names, keeper, DirectoryPolicy::Open)
}

fn with(seed: u64, names: &[&str], keeper: &Keeper, policy: DirectoryPolicy) -> Net {
    let server = |config: &mut duet_protocol::server::Config| config.directory = policy;
    let mut net = Net::with(seed, names, LinkConfig::default(), server, |_| {});
    net.server_mut().policy = keeper.policy();
    net.login();
    net
}

fn set(net: &mut Net, index: usize, user: &str, relation: Relation) -> RequestId {
    let request = net.command(index, |core, now| {
        core.set_contact(now, id(user), relation, "").unwrap()
    });
    net.run_ms(200);
    request
}

fn state(net: &mut Net, index: usize, availability: Availability, text: &str) {
    net.command(index, |core, now| {
        core.set_presence(now, availability, text).unwrap()
    });
    net.run_ms(200);
}

fn all_online(net: &mut Net) {
    for index in 0..net.clients.len() {
        state(net, index, Online, "");
    }
    net.forget_events();
}

/// Every PRESENCE that a client told of, in order.
fn presences(net: &Net, index: usize) -> Vec<(UserId, Availability, String)> {
    let told = net.events(index).into_iter();
    told.filter_map(|event| match event {
        Event::Presence {
            user,
            availability,
            text,
            ..
        } => Some((*user, *availability, text.clone())),
        _ => None,
    })
    .collect()
}

/// What a client knows of someone on its list.
fn sees(net: &Net, index: usize, user: &str) -> Option<(Availability, String)> {
    let core = &net.client(index).core;
    let found = core.contacts().find(|info| info.user == id(user))?;
    Some((found.availability, found.text.clone()))
}

fn answers(net: &Net, index: usize) -> Vec<Code> {
    let told = net.events(index).into_iter();
    told.filter_map(|event| match event {
        Event::Answer { code, .. } => Some(*code),
        _ => None,
    })
    .collect()
}

fn online(text: &str) -> Option<(Availability, String)> {
    Some((Online, text.into()))
}

fn offline() -> Option<(Availability, String)> {
    Some((Offline, String::new()))
}

#[test]
//= DIR-010, DIR-012
fn dir_013_the_list_is_kept_and_every_session_is_told_before_the_result() {
    let keeper = Keeper::default();
    let mut net = net(1, &["alice", "alice"], &keeper);
    net.forget_events();
    let request = net.command(0, |core, now| {
        core.set_contact(now, id("bob"), Friend, "Bobby").unwrap()
    });
    net.run_ms(200);
    let bobby = ContactInfo {
        user: id("bob"),
        relation: Friend,
        name: "Bobby".into(),
        availability: Offline,
        text: String::new(),
        since: 0,
    };
    let told = Event::Contact {
        entry: bobby.clone(),
    };
    let code = Code::DELIVERED;
    assert_eq!(
        net.events(0),
        [
            &told,
            &Event::Answer {
                request,
                code,
                number: 0
            }
        ],
        "the change, then the result"
    );
    assert_eq!(net.events(1), [&told], "the other device");
    let kept = Contact {
        user: id("bob"),
        relation: Friend,
        name: "Bobby".into(),
    };
    assert_eq!(keeper.list(id("alice")), [kept]);
    for index in [0, 1] {
        assert!(net.client(index).core.contacts().eq([&bobby]));
    }

    // The same again is no change, and a session that begins later has it from the start.
    net.forget_events();
    net.command(1, |core, now| {
        core.set_contact(now, id("bob"), Friend, "Bobby").unwrap()
    });
    net.run_ms(200);
    assert!(net.events(0).is_empty());
    assert_eq!(answers(&net, 1), [Code::DELIVERED]);
    let raw = net.raw_online("alice");
    let entries = net.raw_host(raw).last(|message| match message {
        Message::Directory(directory::Message::Contacts(contacts)) => {
            Some(contacts.entries.iter().map(|e| e.user).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(entries, Some(vec![id("bob")]));

    set(&mut net, 0, "bob", Relation::None);
    assert_eq!(keeper.list(id("alice")), []);
    assert_eq!(net.client(1).core.contacts().count(), 0);
}

#[test]
fn dir_021_presence_is_told_only_where_each_has_the_other_as_a_contact() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    keeper.befriend(id("alice"), id("carol"));
    keeper.befriend(id("dave"), id("alice"));
    let mut net = net(2, &["alice", "bob", "carol", "dave", "eve"], &keeper);
    assert!(
        (0..5).all(|index| presences(&net, index).is_empty()),
        "told without having stated"
    );
    state(&mut net, 0, Online, "at work");
    assert_eq!(
        presences(&net, 1),
        [(id("alice"), Online, "at work".into())]
    );
    for stranger in [2, 3, 4] {
        assert_eq!(presences(&net, stranger), [], "client {stranger}");
    }
    state(&mut net, 2, Online, "");
    state(&mut net, 3, Online, "");
    assert_eq!(sees(&net, 0, "carol"), offline(), "carol has alice not");

    // Once both have each other, each is told at once.
    //= DIR-024
    set(&mut net, 2, "alice", Friend);
    assert_eq!(sees(&net, 0, "carol"), online(""));
    assert_eq!(sees(&net, 2, "alice"), online("at work"));
    set(&mut net, 0, "carol", Relation::None);
    assert_eq!(sees(&net, 2, "alice"), offline());
    net.forget_events();
    state(&mut net, 2, Away, "");
    assert_eq!(presences(&net, 0), []);
}

#[test]
fn dir_021_two_who_come_at_the_same_moment_see_each_other() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob", "carol"]);
    let mut net = Net::new(3, &["alice", "bob", "carol"]);
    net.server_mut().policy = keeper.policy();
    for index in 0..3 {
        net.command(index, |core, now| {
            assert_eq!(core.set_presence(now, Online, "hi"), Ok(None));
        });
    }
    net.login();
    for (index, name) in ["alice", "bob", "carol"].iter().enumerate() {
        for other in ["alice", "bob", "carol"].iter().filter(|o| *o != name) {
            assert_eq!(sees(&net, index, other), online("hi"), "{name} of {other}");
        }
        let count = |of| {
            presences(&net, index)
                .iter()
                .filter(|(user, ..)| *user == id(of))
                .count()
        };
        assert_eq!(
            ["alice", "bob", "carol"].map(count),
            [1; 3],
            "told once each"
        );
    }
}

#[test]
//= DIR-022
fn dir_020_the_most_available_session_counts() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(4, &["alice", "alice", "bob"], &keeper);
    state(&mut net, 2, Online, "");
    let steps: [(usize, Availability, &str, Availability, &str); 8] = [
        (0, DoNotDisturb, "busy", DoNotDisturb, "busy"),
        (1, Away, "lunch", Away, "lunch"),
        (0, Online, "back", Online, "back"),
        (1, Online, "here too", Online, "here too"),
        (0, Online, "later", Online, "later"),
        (0, Offline, "hiding", Online, "here too"),
        (1, DoNotDisturb, "", DoNotDisturb, ""),
        (1, Offline, "hiding", Offline, ""),
    ];
    for (index, states, text, availability, shown) in steps {
        net.forget_events();
        state(&mut net, index, states, text);
        let expected = [(id("alice"), availability, shown.into())];
        for told in [0, 1, 2] {
            assert_eq!(
                presences(&net, told),
                expected,
                "{states:?} {text}, client {told}"
            );
        }
        net.run(Duration::from_secs(5));
    }
    // Who looks offline sees the others, and can be reached.
    net.forget_events();
    state(&mut net, 2, Away, "");
    assert_eq!(sees(&net, 0, "bob"), Some((Away, String::new())));
    let alice = Address::User(id("alice"));
    net.command(2, |core, now| core.text(now, alice, "there?").unwrap());
    net.run_ms(200);
    assert_eq!(answers(&net, 2), [Code::DELIVERED; 2]);
}

#[test]
fn dir_022_a_new_session_is_told_what_is_known() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob", "carol"]);
    let mut net = net(5, &["alice", "bob", "carol"], &keeper);
    state(&mut net, 0, Away, "me");
    state(&mut net, 1, DoNotDisturb, "him");
    let raw = net.raw_online("alice");
    let order = net.raw_host(raw).heard.iter().filter_map(|frame| {
        match Message::decode(frame.header.kind, &frame.body)?.unwrap() {
            Message::Directory(directory::Message::Contacts(contacts)) => Some((
                UserId(0),
                Offline,
                format!("{} entries", contacts.entries.len()),
            )),
            Message::Directory(directory::Message::Presence(p)) => {
                Some((p.user, p.availability, p.text.as_str().to_owned()))
            }
            _ => None,
        }
    });
    let order = order.collect::<Vec<_>>();
    let expected = [
        (UserId(0), Offline, "2 entries".into()),
        (id("bob"), DoNotDisturb, "him".into()),
        (id("alice"), Away, "me".into()),
    ];
    assert_eq!(order, expected);
}

#[test]
fn dir_025_a_suspended_session_counts_until_it_ends() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(6, &["alice", "bob"], &keeper);
    all_online(&mut net);
    net.set_down(0, true);
    net.run(Duration::from_secs(40));
    net.set_down(0, false);
    net.run(Duration::from_secs(8));
    assert_eq!(presences(&net, 1), [], "a link that came back");
    net.set_down(0, true);
    net.run(Duration::from_secs(60));
    assert_eq!(presences(&net, 1), [(id("alice"), Offline, String::new())]);
    //= DIR-028
    net.set_down(0, false);
    net.run(Duration::from_secs(10));
    assert_eq!(
        sees(&net, 1, "alice"),
        online(""),
        "the new session states it again"
    );
    assert_eq!(sees(&net, 0, "bob"), online(""));
}

#[test]
fn dir_016_to_whom_one_has_blocked_one_is_offline() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(7, &["alice", "bob", "carol"], &keeper);
    let session = Address::Session(net.session(0).unwrap());
    all_online(&mut net);
    set(&mut net, 0, "bob", Blocked);
    assert_eq!(presences(&net, 1), [(id("alice"), Offline, String::new())]);
    let user = Address::User(id("alice"));
    net.forget_events();
    for to in [user, session] {
        net.command(1, |core, now| core.text(now, to, "hello?").unwrap());
        net.command(1, |core, now| core.data(now, to, b"hello?").unwrap());
    }
    let ring = Duration::from_secs(30);
    net.command(1, |core, now| {
        core.invite(now, id("alice"), Media::ALL, ring, Vec::new())
            .unwrap()
    });
    net.run_ms(200);
    assert_eq!(answers(&net, 1), [Code::UNREACHABLE; 4]);
    let refusal = |net: &Net, index: usize| {
        net.events(index).into_iter().find_map(|event| match event {
            Event::Ended {
                reason, existing, ..
            } => Some((*reason, *existing)),
            _ => None,
        })
    };
    let blocked = refusal(&net, 1).expect("an answer");
    assert!(net.events(0).is_empty(), "{:?}", net.events(0));

    // A user that is offline answers the same.
    net.forget_events();
    net.command(1, |core, now| {
        core.invite(now, UserId(0xdead), Media::ALL, ring, Vec::new())
            .unwrap()
    });
    net.run_ms(200);
    assert_eq!(refusal(&net, 1), Some(blocked));

    // The other way, and for others, nothing changed.
    net.forget_events();
    let bob = Address::User(id("bob"));
    net.command(0, |core, now| {
        core.text(now, bob, "no more, please").unwrap()
    });
    for to in [user, session] {
        net.command(2, |core, now| core.text(now, to, "hello").unwrap());
    }
    net.run_ms(200);
    assert_eq!(answers(&net, 0), [Code::DELIVERED]);
    assert_eq!(answers(&net, 2), [Code::DELIVERED; 2]);
    net.command(0, |core, now| {
        core.invite(now, id("bob"), Media::ALL, ring, Vec::new())
            .unwrap()
    });
    net.run_ms(200);
    assert!(
        net.events(1)
            .iter()
            .any(|event| matches!(event, Event::Incoming { .. }))
    );
}

#[test]
fn dir_021_who_is_blocked_is_not_told_of_even_to_a_client_that_would_listen() {
    let keeper = Keeper::default();
    keeper.befriend(id("bob"), id("alice"));
    keeper.put(id("alice"), entry(id("bob"), Blocked));
    let mut net = net(20, &["bob"], &keeper);
    let raw = net.raw_online("alice");
    state(&mut net, 0, Online, "look at me");
    let told = net.raw_host(raw).last(|message| match message {
        Message::Directory(directory::Message::Presence(presence)) => Some(presence.user),
        _ => None,
    });
    assert_eq!(told, None);
}

#[test]
fn dir_016_a_blocked_caller_is_not_told_that_the_other_is_busy() {
    let keeper = Keeper::default();
    keeper.put(id("alice"), entry(id("bob"), Blocked));
    // Once with the lower id on the blocked side, once on the other: the lower is reserved first.
    for caller in ["bob", "alice"] {
        let blocker = if caller == "bob" { "alice" } else { "bob" };
        keeper.lists.borrow_mut().clear();
        keeper.put(id(blocker), entry(id(caller), Blocked));
        let mut net = net(8, &[blocker, caller, "carol"], &keeper);
        let ring = Duration::from_secs(30);
        for (index, callee) in [(0, "carol"), (1, blocker)] {
            net.command(index, |core, now| {
                core.invite(now, id(callee), Media::ALL, ring, Vec::new())
                    .unwrap()
            });
            net.run_ms(200);
        }
        let ended = net.events(1).into_iter().find_map(|event| match event {
            Event::Ended { reason, .. } => Some(reason.code),
            _ => None,
        });
        assert_eq!(ended, Some(Code::UNREACHABLE), "{caller}");
    }
}

#[test]
fn dir_023_a_block_that_ends_leaves_no_trace_in_the_times() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(9, &["alice", "bob"], &keeper);
    all_online(&mut net);
    let since = |net: &Net| net.client(1).core.contacts().next().unwrap().since;
    let began = net.now().as_micros();
    net.run(Duration::from_secs(60));
    set(&mut net, 0, "bob", Blocked);
    let gone = since(&net);
    net.run(Duration::from_secs(60));
    set(&mut net, 0, "bob", Friend);
    let back = since(&net);
    assert_eq!(sees(&net, 1, "alice"), online(""));
    assert!(
        began + 60_000_000 <= gone && gone + 60_000_000 <= back,
        "{began} {gone} {back}"
    );
    // Not in what bob is told in a new session either.
    net.command(1, |core, now| {
        core.logout(now);
        let (name, password) = ("bob".into(), "secret".into());
        core.login(now, Credentials::Password { name, password })
            .unwrap();
    });
    net.run_ms(500);
    assert_eq!((sees(&net, 1, "alice"), since(&net)), (online(""), back));
    // A text of its own does not make it later.
    let before = since(&net);
    state(&mut net, 0, Online, "a text");
    assert_eq!(
        (sees(&net, 1, "alice"), since(&net)),
        (online("a text"), before)
    );
}

#[test]
fn dir_004_who_is_found_is_the_operators_choice_and_the_others() {
    use DirectoryPolicy::{Closed, Contacts, Open};
    for (policy, found) in [
        (Open, vec!["bob", "carol", "guest", "eve"]),
        (Contacts, vec!["bob", "carol"]),
        (Closed, vec![]),
    ] {
        let keeper = Keeper::default();
        // Bob is online, carol is not: both have alice as a contact. The guests do not; mallory has blocked her.
        for friend in ["bob", "carol"] {
            keeper.befriend(id(friend), id("alice"));
        }
        keeper.put(id("mallory"), entry(id("alice"), Blocked));
        keeper.befriend(id("alice"), id("guest"));
        let names = ["alice", "bob", "guest", "eve", "mallory"];
        let mut net = with(10, &names, &keeper, policy);
        net.forget_events();
        for name in ["bob", "carol", "guest", "eve", "mallory", "nobody"] {
            net.command(0, |core, now| core.lookup(now, name).unwrap());
        }
        net.run_ms(200);
        let told = net.events(0).into_iter().filter_map(|event| match event {
            Event::Found { user, .. } => Some(*user),
            _ => None,
        });
        let mut told: Vec<_> = told.collect();
        let mut expected: Vec<_> = found.into_iter().map(id).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{policy:?}");
        assert_eq!(
            answers(&net, 0),
            vec![Code::NOT_FOUND; 6 - told.len()],
            "{policy:?}"
        );
    }
}

#[test]
fn dir_005_who_hides_looks_like_nobody_and_takes_as_long() {
    let keeper = Keeper::default();
    keeper.put(id("mallory"), entry(id("alice"), Blocked));
    let mut net = with(
        11,
        &["alice", "mallory"],
        &keeper,
        DirectoryPolicy::Contacts,
    );
    for name in ["mallory", "nobody"] {
        net.forget_events();
        net.command(0, |core, now| core.lookup(now, name).unwrap());
        net.run_ms(200);
        assert_eq!(answers(&net, 0), [Code::NOT_FOUND], "{name}");
        assert_eq!(
            keeper.lookups.take(),
            [name],
            "the service is asked about both"
        );
    }
    *keeper.silent.borrow_mut() = true;
    for name in ["mallory", "nobody"] {
        net.forget_events();
        net.command(0, |core, now| core.lookup(now, name).unwrap());
        net.run(Duration::from_secs(6));
        assert_eq!(answers(&net, 0), [Code::SERVICE_UNAVAILABLE], "{name}");
    }
}

#[test]
fn dir_011_what_cannot_be_an_entry_is_refused() {
    let keeper = Keeper::default();
    for number in 0..250 {
        let name = "é".repeat(32);
        let user = UserId(0x9000 + number);
        keeper.put(
            id("alice"),
            Contact {
                user,
                relation: Friend,
                name,
            },
        );
    }
    // A service that gives too many, and such as cannot be: the server takes what can be.
    keeper.befriend(id("alice"), id("alice"));
    let mut net = net(12, &["alice"], &keeper);
    assert_eq!(net.client(0).core.contacts().count(), limits::MAX_CONTACTS);
    let raw = net.raw_online("alice");
    assert!(net.raw_host(raw).closed.is_none());
    net.forget_events();
    for (user, relation, code) in [
        (id("alice"), Friend, Code::OWN_USER),
        (UserId(0), Friend, Code::NOT_FOUND),
        (UserId(1_000), Friend, Code::CONTACTS_FULL),
        (UserId(1_000), Blocked, Code::CONTACTS_FULL),
        (UserId(1_000), Relation::None, Code::DELIVERED),
        (UserId(0x9000), Blocked, Code::DELIVERED),
        (UserId(0x9001), Relation::None, Code::DELIVERED),
        (UserId(1_000), Blocked, Code::DELIVERED),
        (UserId(1_001), Blocked, Code::CONTACTS_FULL),
    ] {
        net.forget_events();
        net.command(0, |core, now| {
            core.set_contact(now, user, relation, "").unwrap()
        });
        net.run_ms(400);
        assert_eq!(answers(&net, 0), [code], "{user:?} {relation:?}");
    }
    assert_eq!(net.client(0).core.contacts().count(), limits::MAX_CONTACTS);
}

#[test]
fn dir_010_what_the_service_does_not_keep_does_not_hold() {
    let keeper = Keeper::default();
    let mut net = net(13, &["alice", "bob"], &keeper);
    net.forget_events();
    *keeper.denies.borrow_mut() = Some(Code::FORBIDDEN);
    set(&mut net, 0, "bob", Blocked);
    assert_eq!(answers(&net, 0), [Code::FORBIDDEN]);
    *keeper.denies.borrow_mut() = None;
    *keeper.silent.borrow_mut() = true;
    set(&mut net, 0, "bob", Blocked);
    set(&mut net, 0, "carol", Friend);
    net.run(Duration::from_secs(5));
    assert_eq!(
        answers(&net, 0),
        [Code::FORBIDDEN, Code::SERVICE_UNAVAILABLE]
    );
    // The next in turn is asked about once the one before is decided, late or not.
    *keeper.silent.borrow_mut() = false;
    net.run(Duration::from_secs(5));
    set(&mut net, 0, "bob", Friend);
    let codes = answers(&net, 0);
    assert_eq!(
        codes[2..],
        [Code::SERVICE_UNAVAILABLE, Code::DELIVERED],
        "{codes:?}"
    );
    let listed: Vec<_> = net
        .client(0)
        .core
        .contacts()
        .map(|info| info.user)
        .collect();
    assert_eq!(listed, [id("bob")]);
    let alice = Address::User(id("alice"));
    net.command(1, |core, now| core.text(now, alice, "hi").unwrap());
    net.run_ms(200);
    assert_eq!(
        answers(&net, 1),
        [Code::DELIVERED],
        "a block that was not kept"
    );
}

#[test]
fn dir_010_a_change_outlives_the_session_that_asked_for_it() {
    let keeper = Keeper::default();
    let mut net = net(14, &["alice"], &keeper);
    for user in ["bob", "carol"] {
        net.command(0, |core, now| {
            core.set_contact(now, id(user), Blocked, "").unwrap()
        });
    }
    net.command(0, |core, now| core.logout(now));
    net.run_ms(500);
    let users: Vec<_> = keeper.list(id("alice")).iter().map(|e| e.user).collect();
    assert_eq!(users, [id("bob"), id("carol")]);
    assert_eq!(net.server().core.census().users, 0);
}

#[test]
fn dir_015_changes_of_the_list_are_limited_in_rate() {
    let keeper = Keeper::default();
    let mut net = net(15, &["alice", "alice"], &keeper);
    net.forget_events();
    for number in 0..40 {
        for index in [0, 1] {
            let user = UserId(0x9000 + number * 2 + index as u64);
            net.command(index, |core, now| {
                core.set_contact(now, user, Friend, "").unwrap()
            });
        }
    }
    net.run_ms(190);
    let codes = [answers(&net, 0), answers(&net, 1)].concat();
    let limited = codes.iter().filter(|code| **code == Code::RATE_LIMITED);
    assert_eq!(
        (codes.len(), limited.count()),
        (80, 80 - limits::CONTACT_BURST)
    );
    *keeper.silent.borrow_mut() = true;
    net.run(Duration::from_secs(20));
    net.forget_events();
    // With a service that does not answer, so many wait and no more.
    for burst in 0..2 {
        for number in 0..limits::CONTACT_BURST as u64 - burst {
            let user = UserId(0xa000 + number);
            net.command(0, |core, now| {
                core.set_contact(now, user, Friend, "").unwrap()
            });
        }
        net.run(Duration::from_secs(13));
    }
    assert!(
        answers(&net, 0).contains(&Code::TOO_MANY),
        "{:?}",
        answers(&net, 0)
    );
}

#[test]
fn dir_026_flapping_is_limited_and_costs_nobody_else() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(16, &["alice", "bob"], &keeper);
    all_online(&mut net);
    net.run(Duration::from_secs(60));
    for round in 0..20 {
        let availability = if round % 2 == 0 { Away } else { Online };
        // The first of each is no change after the one before.
        for _ in 0..2 {
            net.command(0, |core, now| {
                core.set_presence(now, availability, "").unwrap()
            });
        }
    }
    net.run_ms(200);
    let told = presences(&net, 1).len();
    assert_eq!(told, limits::PRESENCE_BURST);
    let codes = answers(&net, 0);
    assert_eq!(codes.len(), 40);
    // What was refused has changed nothing: the last that was told is what holds.
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == Code::RATE_LIMITED)
            .count(),
        12
    );
    assert_eq!(sees(&net, 1, "alice"), online(""));
    net.run(Duration::from_secs(5));
    net.forget_events();
    state(&mut net, 0, Away, "");
    state(&mut net, 0, Online, "");
    assert_eq!(answers(&net, 0), [Code::DELIVERED, Code::RATE_LIMITED]);
    assert_eq!(presences(&net, 1).len(), 1);
}

#[test]
fn dir_027_who_is_away_is_told_the_newest_only() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(17, &["alice", "bob"], &keeper);
    all_online(&mut net);
    net.set_down(0, true);
    net.run(Duration::from_secs(25));
    for text in ["a", "b", "c", "d"] {
        state(&mut net, 1, Online, text);
    }
    net.set_down(0, false);
    net.run(Duration::from_secs(8));
    assert_eq!(presences(&net, 0), [(id("bob"), Online, "d".into())]);

    // The same for one that has a link and falls behind: its server cannot know yet that the link is lost.
    net.forget_events();
    net.set_down(0, true);
    let alice = Address::User(id("alice"));
    for _ in 0..limits::PRESENCE_HELD - 10 {
        net.command(1, |core, now| core.text(now, alice, "x").unwrap());
    }
    let raw = net.raw_online("eve");
    for request in 1..=20 {
        let text = duet_protocol::message::channel::TextTo {
            to: alice,
            mention: UserId(0),
            request: RequestId(request),
            text: duet_protocol::wire::Text::cut("y"),
            params: duet_protocol::wire::Params::NONE,
        };
        net.say(raw, duet_protocol::message::Wire::encode(&text));
    }
    for text in ["e", "f", "g"] {
        state(&mut net, 1, Online, text);
    }
    net.set_down(0, false);
    net.run(Duration::from_secs(8));
    assert_eq!(presences(&net, 0), [(id("bob"), Online, "g".into())]);
}

#[test]
fn dir_027_who_was_removed_meanwhile_is_not_told_of() {
    let keeper = Keeper::default();
    keeper.mutual(&["alice", "bob"]);
    let mut net = net(18, &["alice", "alice", "bob"], &keeper);
    all_online(&mut net);
    net.set_down(0, true);
    net.run(Duration::from_secs(25));
    state(&mut net, 2, Online, "old");
    // Removed and taken back while the phone is away, and bob removes alice: nothing is known of bob any more.
    set(&mut net, 1, "bob", Relation::None);
    set(&mut net, 2, "alice", Relation::None);
    set(&mut net, 1, "bob", Friend);
    net.set_down(0, false);
    net.run(Duration::from_secs(8));
    assert_eq!(sees(&net, 0, "bob"), offline());
    assert_eq!(presences(&net, 0), []);
}

#[test]
fn dir_021_a_full_list_logs_in_and_all_of_it_is_seen() {
    let keeper = Keeper::default();
    let others: Vec<_> = (0..limits::MAX_CONTACTS)
        .map(|n| format!("friend-{n}"))
        .collect();
    for other in &others {
        keeper.befriend(id("alice"), id(other));
        keeper.befriend(id(other), id("alice"));
    }
    let names: Vec<_> = others.iter().map(String::as_str).chain(["alice"]).collect();
    let mut net = net(19, &names, &keeper);
    let alice = names.len() - 1;
    for index in 0..alice {
        net.command(index, |core, now| {
            core.set_presence(now, Online, "").unwrap()
        });
    }
    state(&mut net, alice, Online, "all of you");
    assert!(
        net.client(alice)
            .core
            .contacts()
            .all(|info| info.availability == Online)
    );
    for index in 0..alice {
        assert_eq!(sees(&net, index, "alice"), online("all of you"));
    }
    let session = net.session(alice);
    net.command(alice, |core, now| core.logout(now));
    net.run_ms(200);
    assert_eq!(sees(&net, 0, "alice"), offline());
    assert_eq!(sees(&net, alice - 1, "alice"), offline());
    assert!(session.is_some());
}

#[test]
fn dir_014_a_client_takes_no_notice_of_presence_that_it_may_not_have() {
    use duet_protocol::message::Wire as _;
    use duet_protocol::wire::{List, Params, Text};
    let presence = |user, availability| {
        directory::Presence {
            user,
            availability,
            text: Text::cut("hm"),
            since: 5,
            params: Params::NONE,
        }
        .encode()
    };
    let listed = |user, relation| directory::ContactEntry {
        user: UserId(user),
        relation,
        name: Text::cut("x"),
    };
    let contacts = |entries: &[directory::ContactEntry<'_>]| {
        let entries = List::new(entries).unwrap();
        directory::Contacts {
            entries,
            params: Params::NONE,
        }
        .encode()
    };
    let mut driven = Driven::online(21);
    driven.hear(&contacts(&[listed(7, Friend), listed(8, Blocked)]));
    driven.events.clear();
    for stranger in [8, 9] {
        driven.hear(&presence(UserId(stranger), Online));
    }
    assert_eq!(driven.events, []);
    driven.hear(&presence(UserId(7), Online));
    driven.hear(&presence(UserId(1), Away));
    assert_eq!(driven.events.len(), 2, "a contact, and oneself");
    // A rename keeps what is known; a block does not; nor does a new list.
    let change = |entry| {
        directory::Contact {
            entry,
            params: Params::NONE,
        }
        .encode()
    };
    let known = |driven: &Driven| driven.core.contacts().next().map(|info| info.availability);
    driven.hear(&change(listed(7, Friend)));
    assert_eq!(known(&driven), Some(Online));
    driven.hear(&contacts(&[listed(7, Friend)]));
    assert_eq!(known(&driven), Some(Offline));
    driven.hear(&presence(UserId(7), Online));
    driven.hear(&change(listed(7, Blocked)));
    assert_eq!(known(&driven), Some(Offline));
    assert!(driven.closed.is_empty());
}
