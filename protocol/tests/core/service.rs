//! The service link: who is active, decisions, the one order of entries, commands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use duet_protocol::client::Event as ClientEvent;
use duet_protocol::code::Code;
use duet_protocol::error::UsageError;
use duet_protocol::id::{CallId, RequestId, RoomId, SessionId, UserId};
use duet_protocol::io::Purpose;
use duet_protocol::message::directory::{ContactEntry, Relation};
use duet_protocol::message::service::{
    Activated, CallEnd, Kind, Link, Message as Frame, Permissions, Push, Resync, SessionEnd,
    Standing, Verdict, VerdictUser,
};
use duet_protocol::message::session::{Ack, Message as SessionMessage};
use duet_protocol::message::{Media, Message, Wire};
use duet_protocol::service::client::{Config, Event, Incident, NewRoom, State, Ticket};
use duet_protocol::service::{Decision, Question};
use duet_protocol::wire::{Address, List, Opaque, Params, Secret, Text};
use duet_sim::{LinkConfig as Road, NodeId};

use crate::service_host::{DECIDES, TOKEN, linked};
use crate::support::{Net, account, hello, twice};

const P: Params<'static> = Params::NONE;

/// A server that asks a linked service everything, and clients.
pub(crate) fn net(seed: u64, names: &[&str]) -> Net {
    let link = |config: &mut duet_protocol::server::Config| config.link = Some(linked());
    Net::with(seed, names, Road::default(), link, |_| {})
}

fn link_frame(name: &str, token: &[u8], last: (u64, u64)) -> bytes::Bytes {
    Link {
        name: Text::cut(name),
        token: Secret::new(token).unwrap(),
        permissions: Permissions::ALL,
        last_epoch: last.0,
        last_number: last.1,
        params: P,
    }
    .encode()
}

impl Net {
    /// A raw service that has sent LINK.
    pub(crate) fn raw_service(&mut self, name: &str, token: &[u8]) -> NodeId {
        self.raw_service_at(name, token, (0, 0))
    }

    pub(crate) fn raw_service_at(&mut self, name: &str, token: &[u8], last: (u64, u64)) -> NodeId {
        let id = self.raw(Purpose::Service);
        self.say(id, hello().encode());
        self.say(id, link_frame(name, token, last));
        id
    }

    /// How the raw service was told that it is active, if it was.
    fn activated(&self, id: NodeId) -> Option<Activated<'static>> {
        self.raw_host(id).last(|message| match message {
            Message::Service(Frame::Activated(m)) => Some(Activated {
                params: P,
                ..m.clone()
            }),
            _ => None,
        })
    }

    pub(crate) fn epoch(&self, id: NodeId) -> u64 {
        self.activated(id).expect("an active service").epoch
    }

    /// The question that the raw service was asked last.
    fn question(&self, id: NodeId) -> Option<(u64, u32)> {
        self.raw_host(id).last(|message| match message {
            Message::Service(Frame::DecideLogin(m)) => Some((m.question, m.within_ms)),
            Message::Service(Frame::DecideJoin(m)) => Some((m.question, m.within_ms)),
            _ => None,
        })
    }

    /// Every DONE that the raw service got.
    pub(crate) fn dones(&self, id: NodeId) -> Vec<(RequestId, Code)> {
        self.raw_host(id)
            .heard
            .iter()
            .filter_map(
                |frame| match Message::decode(frame.header.kind, &frame.body) {
                    Some(Ok(Message::Service(Frame::Done(m)))) => Some((m.request, m.code)),
                    _ => None,
                },
            )
            .collect()
    }

    /// The numbers of the entries that the raw service got.
    pub(crate) fn numbers(&self, id: NodeId) -> Vec<u64> {
        self.raw_host(id)
            .heard
            .iter()
            .filter_map(
                |frame| match Message::decode(frame.header.kind, &frame.body) {
                    Some(Ok(Message::Service(Frame::Done(m)))) => Some(m.number),
                    Some(Ok(Message::Service(Frame::Happened(m)))) => Some(m.number),
                    Some(Ok(Message::Service(Frame::Addressed(m)))) => Some(m.number),
                    _ => None,
                },
            )
            .collect()
    }

    pub(crate) fn closed(&self, id: NodeId) -> Option<Code> {
        self.raw_host(id).closed
    }

    /// Whether the server still serves: somebody new is let in by its service.
    fn assert_alive(&mut self) {
        let id = self.raw_service("probe", TOKEN);
        assert!(
            self.activated(id).is_some(),
            "the server still takes services"
        );
    }

    fn answers(&self, client: usize) -> Vec<Code> {
        self.events(client)
            .iter()
            .filter_map(|event| match event {
                ClientEvent::Answer { code, .. } => Some(*code),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn happened(&self, service: NodeId) -> Vec<Incident> {
        self.service_host(service).all(|event| match event {
            Event::Happened(incident) => Some(incident.clone()),
            _ => None,
        })
    }

    pub(crate) fn done(&self, service: NodeId) -> Vec<(RequestId, Code)> {
        self.service_host(service).all(|event| match event {
            Event::Done { request, code } => Some((*request, *code)),
            _ => None,
        })
    }

    fn standing(&self, service: NodeId) -> Option<Standing> {
        self.service_host(service)
            .all(|event| match event {
                Event::Linked { standing, .. } => Some(*standing),
                _ => None,
            })
            .pop()
    }
}

fn ack(received: u64) -> bytes::Bytes {
    Ack {
        received,
        params: P,
    }
    .encode()
}

fn verdict(epoch: u64, question: u64, code: Code) -> bytes::Bytes {
    Verdict {
        epoch,
        question,
        code,
        params: P,
    }
    .encode()
}

fn verdict_user(epoch: u64, question: u64, user: u64) -> bytes::Bytes {
    verdict_with(epoch, question, user, &[])
}

fn verdict_with(
    epoch: u64,
    question: u64,
    user: u64,
    contacts: &[ContactEntry<'_>],
) -> bytes::Bytes {
    VerdictUser {
        epoch,
        question,
        user: UserId(user),
        name: Text::cut("somebody"),
        contacts: List::new(contacts).unwrap(),
        params: P,
    }
    .encode()
}

fn session_end(epoch: u64, request: u32, session: SessionId) -> bytes::Bytes {
    SessionEnd {
        epoch,
        request: RequestId(request),
        session,
        user: UserId(0),
        code: Code::KICKED,
        params: P,
    }
    .encode()
}

pub(crate) fn push(epoch: u64, request: u32, to: Address, data: &[u8]) -> bytes::Bytes {
    Push {
        epoch,
        request: RequestId(request),
        to,
        data: Opaque::new(data).unwrap(),
        params: P,
    }
    .encode()
}

// Linking.

#[test]
fn svc_001_a_server_that_takes_no_services_says_so() {
    let mut net = Net::new(1, &[]);
    let id = net.raw(Purpose::Service);
    assert_eq!(net.closed(id), Some(Code::FORBIDDEN));
    assert_eq!(Purpose::Service.alpn(), b"duet-service/1");
}

#[test]
fn svc_010_a_linked_service_decides_logins_lookups_rooms_and_calls() {
    //= SVC-003
    //= SVC-011
    let net = twice(2, |seed| {
        let mut net = net(seed, &["alice", "bob"]);
        net.service("a");
        net.login();
        net.command(0, |c, now| c.lookup(now, "carol")).unwrap();
        net.command(0, |c, now| c.join(now, "den", b"")).unwrap();
        net.command(0, |c, now| {
            c.invite(now, UserId(2), Media::NONE, Duration::from_secs(30), vec![])
        })
        .unwrap();
        net.run_ms(500);
        net
    });
    assert!(net.events(0).iter().any(|e| matches!(
        e,
        ClientEvent::Found { user, .. } if *user == account("carol").unwrap()
    )));
    assert!(
        net.events(0)
            .iter()
            .any(|e| matches!(e, ClientEvent::Joined { .. }))
    );
    assert!(
        net.events(1)
            .iter()
            .any(|e| matches!(e, ClientEvent::Incoming { .. }))
    );
    assert!(net.session(0).is_some());
}

#[test]
fn svc_011_a_refusal_carries_the_services_code() {
    let mut net = net(3, &["alice"]);
    let refuse = Box::new(|_: &_| Some(Decision::Deny(Code::TOO_MANY)));
    net.service_with("a", |config| config, refuse);
    net.run_ms(500);
    let reason = net.events(0).iter().find_map(|e| match e {
        ClientEvent::LoggedOut { reason, .. } => Some(reason.code),
        _ => None,
    });
    assert_eq!(reason, Some(Code::TOO_MANY));
}

#[test]
fn svc_003_a_wrong_token_links_nobody_and_a_token_gives_no_more_than_it_has() {
    let mut net = net(4, &[]);
    let wrong = net.raw_service("a", b"a guess");
    assert_eq!(net.closed(wrong), Some(Code::BAD_CREDENTIALS));
    assert_eq!(net.activated(wrong), None);
    let decides = net.raw_service("a", DECIDES);
    let permissions = net.raw_host(decides).last(|message| match message {
        Message::Service(Frame::Linked(m)) => Some(m.permissions),
        _ => None,
    });
    assert_eq!(permissions.map(Permissions::bits), Some(0x0f));
}

#[test]
fn svc_002_frames_out_of_place_close_the_link_and_nothing_else() {
    let mut net = net(5, &[]);
    let unexpected = Some(Code::UNEXPECTED_FRAME);
    let early = net.raw(Purpose::Service);
    net.say(early, link_frame("early", TOKEN, (0, 0)));
    assert_eq!(net.closed(early), unexpected);
    for frame in [
        hello().encode(),
        ack(0),
        verdict(1, 1, Code::NONE),
        crate::support::authenticate("alice").encode(),
    ] {
        let id = net.raw(Purpose::Service);
        net.say(id, hello().encode());
        net.say(id, frame);
        assert_eq!(net.closed(id), unexpected);
    }
    let twice = net.raw_service("a", TOKEN);
    net.say(twice, link_frame("a", TOKEN, (0, 0)));
    assert_eq!(net.closed(twice), unexpected);
    // A client may not say it at all.
    let client = net.raw_greeted();
    net.say(client, link_frame("a", TOKEN, (0, 0)));
    assert_eq!(net.closed(client), unexpected);
    // Nobody links and says nothing.
    let silent = net.raw(Purpose::Service);
    net.run(Duration::from_secs(11));
    assert_eq!(net.closed(silent), Some(Code::LOGIN_TIMEOUT));
    net.assert_alive();
}

#[test]
fn svc_002_a_link_that_is_silent_is_dead_and_its_stand_in_takes_over() {
    let mut net = net(6, &[]);
    let mute = net.raw_service("mute", TOKEN);
    let b = net.service("b");
    assert_eq!(net.standing(b), Some(Standing::Standby));
    net.run(Duration::from_secs(21));
    assert_eq!(net.closed(mute), Some(Code::DEAD_LINK));
    let active = net
        .service_host(b)
        .all(|e| matches!(e, Event::Activated { .. }).then_some(()));
    assert_eq!(active.len(), 1);
    // The one that answers to PING stays for as long as it likes.
    net.run(Duration::from_secs(60));
    let down = net
        .service_host(b)
        .all(|e| matches!(e, Event::Down { .. }).then_some(()));
    assert_eq!(down.len(), 0);
}

#[test]
fn svc_004_a_process_takes_its_own_place_and_the_line_has_an_end() {
    let mut net = net(7, &[]);
    let first = net.raw_service("a", TOKEN);
    let before = net.epoch(first);
    let second = net.raw_service("a", TOKEN);
    assert_eq!(net.closed(first), Some(Code::DISPLACED));
    assert!(net.epoch(second) > before);
    let others: Vec<NodeId> = (0..7)
        .map(|n| net.raw_service(&format!("s{n}"), TOKEN))
        .collect();
    let late = net.raw_service("late", TOKEN);
    assert_eq!(net.closed(late), Some(Code::TOO_MANY));
    assert!(others.iter().all(|id| net.closed(*id).is_none()));
    // Who displaces itself goes to the end of the line.
    let again = net.raw_service("a", TOKEN);
    assert!(net.activated(others[0]).is_some());
    assert_eq!(net.activated(again), None);
}

#[test]
fn svc_005_two_that_link_at_once_are_one_active_and_one_standby() {
    //= SVC-006
    let mut net = net(8, &[]);
    let a = net.raw(Purpose::Service);
    let b = net.raw(Purpose::Service);
    for id in [a, b] {
        net.say(id, hello().encode());
    }
    let both = [(a, "a"), (b, "b")];
    for (id, name) in both {
        net.say_later(id, link_frame(name, TOKEN, (0, 0)));
    }
    net.run_ms(100);
    let active: Vec<bool> = both
        .iter()
        .map(|(id, _)| net.activated(*id).is_some())
        .collect();
    assert_eq!(active.iter().filter(|active| **active).count(), 1);
    let (old, new) = if active[0] { (a, b) } else { (b, a) };
    let first = net.epoch(old);
    net.say_last(old, bytes::Bytes::new());
    assert!(net.epoch(new) > first);
}

#[test]
fn svc_006_epochs_of_two_runs_of_a_server_do_not_meet() {
    let epochs: BTreeSet<u64> = (0..20)
        .map(|seed| {
            let mut net = net(100 + seed, &[]);
            let id = net.raw_service("a", TOKEN);
            net.epoch(id) >> 32
        })
        .collect();
    assert_eq!(epochs.len(), 20);
}

// Fencing.

#[test]
fn svc_007_an_old_active_that_came_back_cannot_act() {
    let mut net = net(9, &["alice"]);
    let a = net.raw_service("a", TOKEN);
    let old = net.epoch(a);
    let b = net.raw_service("b", TOKEN);
    net.say_last(a, bytes::Bytes::new());
    assert!(net.activated(b).is_some());
    let (question, _) = net.question(b).expect("alice's login");
    let back = net.raw_service_at("a", TOKEN, (old, 0));
    for frame in [
        verdict_user(old, question, 1),
        verdict(old, question, Code::NONE),
        session_end(old, 1, SessionId([9; 16])),
        push(old, 1, Address::User(UserId(1)), b"x"),
    ] {
        let back = if net.closed(back).is_some() {
            net.raw_service_at("a", TOKEN, (old, 0))
        } else {
            back
        };
        net.say(back, frame);
        assert_eq!(net.closed(back), Some(Code::FENCED));
        assert_eq!(net.closed(b), None);
    }
    assert_eq!(net.session(0), None, "no fenced verdict counted");
    net.say(b, verdict_user(net.epoch(b), question, 1));
    assert!(net.session(0).is_some());
}

#[test]
fn svc_007_the_active_one_is_fenced_by_any_other_epoch_and_a_standby_by_every_one() {
    let mut net = net(10, &[]);
    let a = net.raw_service("a", TOKEN);
    let epoch = net.epoch(a);
    let b = net.raw_service("b", TOKEN);
    // The right epoch, from the wrong one.
    net.say(b, session_end(epoch, 1, SessionId([9; 16])));
    assert_eq!(net.closed(b), Some(Code::FENCED));
    assert_eq!(net.closed(a), None);
    net.say(a, session_end(epoch + 1, 1, SessionId([9; 16])));
    assert_eq!(net.closed(a), Some(Code::FENCED));
}

// Decisions.

#[test]
fn svc_014_a_service_dies_with_a_decision_open_and_its_stand_in_decides() {
    let net = twice(11, |seed| {
        let mut net = net(seed, &["alice"]);
        let a = net.service_with("a", |config| config, Box::new(|_: &_| None));
        net.run_ms(500);
        assert_eq!(net.session(0), None);
        let b = net.service("b");
        assert_eq!(net.standing(b), Some(Standing::Standby));
        net.kill_service(a);
        net.run_ms(300);
        net
    });
    assert!(net.session(0).is_some());
}

#[test]
fn svc_014_a_question_waits_for_a_service_that_links_in_time() {
    let mut net = net(12, &["alice"]);
    net.run_ms(3_000);
    let raw = net.raw_service("a", TOKEN);
    let (question, within) = net.question(raw).expect("asked on activation");
    assert!((1..=2_200).contains(&within), "only what is left: {within}");
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    assert!(net.session(0).is_some());
}

#[test]
fn svc_014_without_a_service_a_login_is_refused_at_its_deadline() {
    let mut net = net(13, &["alice"]);
    net.run_ms(4_900);
    assert!(net.events(0).is_empty());
    net.run_ms(300);
    let reason = net.events(0).iter().find_map(|e| match e {
        ClientEvent::LoggedOut { reason, returning } => Some((reason.code, *returning)),
        _ => None,
    });
    assert_eq!(reason, Some((Code::SERVICE_UNAVAILABLE, true)));
}

#[test]
fn svc_013_a_late_verdict_is_ignored() {
    let mut net = net(14, &["alice"]);
    let raw = net.raw_service("a", TOKEN);
    let (question, _) = net.question(raw).unwrap();
    net.run_ms(5_100);
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    assert_eq!(net.closed(raw), None);
    assert_eq!(net.session(0), None);
}

#[test]
fn svc_012_a_verdict_that_fits_no_question_closes_the_link() {
    let bad = Some(Code::BAD_VERDICT);
    for case in 0..7 {
        let mut net = net(15 + case, &["alice"]);
        let raw = net.raw_service("a", TOKEN);
        let (question, _) = net.question(raw).unwrap();
        let epoch = net.epoch(raw);
        let frame = match case {
            0 => verdict(epoch, question + 1, Code::NONE),
            1 => verdict(epoch, 0, Code::NONE),
            2 => verdict_user(epoch, question, 0),
            3 => verdict(epoch, question, Code::NONE),
            4 => verdict_user(epoch, u64::MAX, 1),
            5 => {
                let nobody = ContactEntry {
                    user: UserId(0),
                    relation: Relation::Contact,
                    name: Text::default(),
                };
                verdict_with(epoch, question, 1, &[nobody])
            }
            _ => verdict(epoch, question + 1_000, Code::FORBIDDEN),
        };
        net.say(raw, frame);
        assert_eq!(net.closed(raw), bad, "case {case}");
        assert_eq!(net.session(0), None, "case {case}");
        // The question stays open for whoever comes next.
        net.service("b");
        assert!(net.session(0).is_some(), "case {case}");
    }
}

#[test]
fn svc_012_a_service_that_was_not_asked_cannot_answer() {
    // It lacks the permission, so that the question was not put to it, but it guesses the number.
    let mut net = net(30, &["alice"]);
    let asked = net.raw_service("a", TOKEN);
    let (question, _) = net.question(asked).unwrap();
    net.say_last(asked, bytes::Bytes::new());
    let id = net.raw(Purpose::Service);
    net.say(id, hello().encode());
    let link = Link {
        name: Text::cut("b"),
        token: Secret::new(TOKEN).unwrap(),
        permissions: Permissions::EVENTS,
        last_epoch: 0,
        last_number: 0,
        params: P,
    };
    net.say(id, link.encode());
    assert_eq!(net.question(id), None);
    net.say(id, verdict_user(net.epoch(id), question, 1));
    assert_eq!(net.closed(id), Some(Code::BAD_VERDICT));
    assert_eq!(net.session(0), None);
}

#[test]
fn svc_012_a_room_is_not_granted_by_a_user() {
    let mut net = net(31, &["alice"]);
    let raw = net.raw_service("a", TOKEN);
    let (question, _) = net.question(raw).unwrap();
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    net.command(0, |c, now| c.join(now, "den", b"")).unwrap();
    net.run_ms(100);
    let (question, _) = net.question(raw).unwrap();
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    assert_eq!(net.closed(raw), Some(Code::BAD_VERDICT));
}

#[test]
fn svc_010_a_core_answers_only_what_it_was_asked() {
    let mut net = net(32, &["alice"]);
    let a = net.service_with("a", |config| config, Box::new(|_: &_| None));
    let question = net
        .service_host(a)
        .all(|e| match e {
            Event::Question { question, .. } => Some(*question),
            _ => None,
        })
        .pop()
        .unwrap();
    let name = String::from("alice");
    let user = Decision::User {
        user: UserId(1),
        name,
        contacts: vec![],
    };
    let nobody = Decision::User {
        user: UserId(0),
        name: String::new(),
        contacts: vec![],
    };
    let answer = |net: &mut Net, question, decision: &Decision| {
        net.serve(a, |core, now| core.answer(now, question, decision.clone()))
    };
    assert_eq!(
        answer(&mut net, question + 1, &user),
        Err(UsageError::NoSuchQuestion)
    );
    assert_eq!(
        answer(&mut net, question, &Decision::Allow),
        Err(UsageError::WrongState)
    );
    assert_eq!(
        answer(&mut net, question, &nobody),
        Err(UsageError::WrongState)
    );
    assert_eq!(answer(&mut net, question, &user), Ok(()));
    assert_eq!(
        answer(&mut net, question, &user),
        Err(UsageError::NoSuchQuestion)
    );
    net.run_ms(200);
    assert!(net.session(0).is_some());
}

// Events.

#[test]
fn svc_020_a_service_is_told_of_sessions_rooms_and_calls_in_one_order() {
    // One shard: between several, events of different machines may change places.
    let net = twice(crate::cluster::ONE_SHARD, |seed| {
        let mut net = net(seed, &["alice", "bob"]);
        net.service("a");
        net.login();
        let call = net
            .command(0, |c, now| {
                c.invite(now, UserId(2), Media::NONE, Duration::from_secs(30), vec![])
            })
            .unwrap();
        net.run_ms(300);
        net.command(1, |c, now| c.accept(now, call, Media::NONE, vec![]))
            .unwrap();
        net.run_ms(2_000);
        net.command(0, |c, now| c.hang_up(now, call)).unwrap();
        net.run_ms(300);
        net.command(0, |c, now| c.join(now, "den", b"")).unwrap();
        net.run_ms(300);
        net.set_down(1, true);
        net.run_ms(21_000);
        net.set_down(1, false);
        net.run_ms(8_000);
        net.command(0, |c, now| c.logout(now));
        net.run_ms(300);
        net
    });
    let incidents = net.happened(NodeId(net.clients.len() + 1));
    let kinds: Vec<Kind> = incidents.iter().map(|i| i.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::SessionBegan,
            Kind::SessionBegan,
            Kind::CallBegan,
            Kind::RoomOpened,
            Kind::MemberIn,
            Kind::MemberIn,
            Kind::CallConnected,
            Kind::CallEnded,
            Kind::MemberOut,
            Kind::MemberOut,
            Kind::RoomClosed,
            Kind::RoomOpened,
            Kind::MemberIn,
            Kind::SessionSuspended,
            Kind::SessionResumed,
            Kind::SessionEnded,
            Kind::MemberOut,
            Kind::RoomClosed,
        ]
    );
    //= SVC-021
    let numbers: Vec<u64> = incidents.iter().map(|i| i.number).collect();
    assert_eq!(numbers, (1..=18).collect::<Vec<u64>>());
    let ended = &incidents[7];
    assert_eq!(
        (ended.user, ended.peer, ended.code),
        (UserId(1), UserId(2), Code::HANGUP)
    );
    assert!(
        (1_500..2_100).contains(&ended.length_ms),
        "{}",
        ended.length_ms
    );
    assert_eq!(incidents[11].name, "den");
    assert_eq!(incidents[15].code, Code::LOGOUT);
}

/// What a service knows, from snapshots and events alone.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    last: u64,
    sessions: BTreeMap<SessionId, (UserId, bool)>,
    rooms: BTreeMap<RoomId, String>,
    members: BTreeSet<(RoomId, SessionId)>,
    calls: BTreeMap<CallId, bool>,
}

impl Model {
    fn of(events: &[(duet_protocol::time::Instant, Event)]) -> Self {
        let mut model = Self::default();
        for (_, event) in events {
            match event {
                Event::Snapshot(state) => model = Self::from(state),
                Event::Happened(incident) => model.apply(incident),
                _ => {}
            }
        }
        model
    }

    fn apply(&mut self, i: &Incident) {
        assert_eq!(i.number, self.last + 1, "nothing missed, nothing twice");
        self.last = i.number;
        match i.kind {
            Kind::SessionBegan => {
                assert!(self.sessions.insert(i.session, (i.user, false)).is_none());
            }
            Kind::SessionSuspended | Kind::SessionResumed => {
                let lost = i.kind == Kind::SessionSuspended;
                self.sessions.get_mut(&i.session).expect("known").1 = lost;
            }
            Kind::SessionEnded => assert!(self.sessions.remove(&i.session).is_some()),
            Kind::RoomOpened => assert!(self.rooms.insert(i.room, i.name.clone()).is_none()),
            Kind::RoomClosed => {
                assert!(self.rooms.remove(&i.room).is_some());
                self.members.retain(|(room, _)| *room != i.room);
            }
            Kind::MemberIn => assert!(self.members.insert((i.room, i.session))),
            Kind::MemberOut => assert!(self.members.remove(&(i.room, i.session))),
            Kind::CallBegan => assert!(self.calls.insert(i.call, false).is_none()),
            Kind::CallConnected => *self.calls.get_mut(&i.call).expect("known") = true,
            Kind::CallEnded => assert!(self.calls.remove(&i.call).is_some()),
        }
    }
}

impl From<&State> for Model {
    fn from(state: &State) -> Self {
        Self {
            last: state.number,
            sessions: state
                .sessions
                .iter()
                .map(|s| (s.session, (s.user, s.suspended)))
                .collect(),
            rooms: state.rooms.iter().cloned().collect(),
            members: state.members.iter().map(|m| (m.room, m.session)).collect(),
            calls: state
                .calls
                .iter()
                .map(|c| (c.call, c.connected != 0))
                .collect(),
        }
    }
}

#[test]
fn svc_022_what_was_missed_comes_again_after_a_loss() {
    let mut net = net(41, &["alice", "bob", "carol"]);
    let a = net.service("a");
    net.login();
    net.service_down(a, true);
    net.command(0, |c, now| c.join(now, "den", b"")).unwrap();
    // The room's decision waits for the service; what the sessions do does not.
    net.command(2, |c, now| c.logout(now));
    net.run_ms(25_000);
    net.service_down(a, false);
    net.run_ms(6_000);
    let snapshots = net
        .service_host(a)
        .all(|e| matches!(e, Event::Snapshot(_)).then_some(()));
    assert_eq!(snapshots.len(), 1, "the first, before anything happened");
    let model = Model::of(&net.service_host(a).events);
    assert_eq!(model.sessions.len(), 2);
    assert!(model.last >= 4);
}

/// Runs `count` commands that come to nothing on a raw service, which so fills the order of entries.
fn fill(net: &mut Net, raw: NodeId, count: u32) {
    let epoch = net.epoch(raw);
    let mut request = 1;
    while request <= count {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            bytes.extend_from_slice(&session_end(epoch, request, SessionId([9; 16])));
            request += 1;
        }
        net.say(raw, bytes);
        let last = *net.numbers(raw).last().expect("entries");
        net.say(raw, ack(last));
    }
}

#[test]
fn svc_024_what_is_no_longer_kept_is_told_by_a_snapshot() {
    let mut net = net(42, &["alice", "bob"]);
    let a = net.service("a");
    net.login();
    net.command(0, |c, now| c.join(now, "den", b"")).unwrap();
    net.run_ms(300);
    let before = Model::of(&net.service_host(a).events);
    net.service_down(a, true);
    net.run(Duration::from_secs(21));
    let raw = net.raw_service("raw", TOKEN);
    fill(&mut net, raw, 8_400);
    assert_eq!(net.closed(raw), None);
    net.service_down(a, false);
    net.run_ms(6_000);
    net.say_last(raw, bytes::Bytes::new());
    net.run_ms(500);
    let snapshots = net.service_host(a).all(|e| match e {
        Event::Snapshot(state) => Some(state.clone()),
        _ => None,
    });
    assert_eq!(snapshots.len(), 2);
    let after = Model::from(&snapshots[1]);
    assert_eq!(
        (after.sessions, after.rooms, after.members),
        (before.sessions, before.rooms, before.members)
    );
    assert!(after.last > before.last + 8_000);
}

#[test]
fn svc_022_a_position_that_this_server_never_gave_is_answered_by_a_snapshot() {
    let mut net = net(43, &[]);
    for last in [(0, 0), (1, 0), (7 << 32, 3), (u64::MAX, u64::MAX)] {
        let raw = net.raw_service_at("a", TOKEN, last);
        let activated = net.activated(raw).unwrap();
        assert_eq!(
            (activated.resync, activated.taken),
            (Resync::Snapshot, u64::MAX)
        );
    }
    // One from the future of this very epoch is none either.
    let raw = net.raw_service("a", TOKEN);
    let epoch = net.epoch(raw);
    let raw = net.raw_service_at("a", TOKEN, (epoch, 1_000));
    assert_eq!(net.activated(raw).unwrap().resync, Resync::Snapshot);
    let epoch = net.epoch(raw);
    let raw = net.raw_service_at("a", TOKEN, (epoch, 0));
    assert_eq!(net.activated(raw).unwrap().resync, Resync::Replay);
}

#[test]
fn svc_024_whatever_happens_while_links_come_and_go_both_services_know_the_same() {
    for seed in 50..58 {
        let mut net = net(seed, &["alice", "bob", "carol"]);
        let a = net.service("a");
        net.login();
        let mut dice = duet_sim::Stream::new(seed, "dice");
        let mut rooms: Vec<RoomId> = Vec::new();
        for step in 0..60 {
            let who = dice.below(3) as usize;
            match dice.below(6) {
                0 | 1 => {
                    let name = format!("room {}", dice.below(3));
                    let _ = net.command(who, |c, now| c.join(now, &name, b""));
                }
                2 => {
                    rooms.clear();
                    rooms.extend(net.client(who).core.rooms());
                    if let Some(room) = rooms.first().copied() {
                        let _ = net.command(who, |c, now| c.leave(now, room));
                    }
                }
                3 => {
                    let callee = UserId(dice.below(3) + 1);
                    let ring = Duration::from_secs(10);
                    let _ = net.command(who, |c, now| {
                        c.invite(now, callee, Media::NONE, ring, vec![])
                    });
                }
                4 => {
                    // The link is lost, at any point, also within a snapshot.
                    net.service_down(a, true);
                    net.run_ms(20_500 + dice.below(500));
                    net.service_down(a, false);
                    net.run_ms(dice.below(300));
                }
                _ => {
                    let down = step % 2 == 0;
                    net.set_down(who, down);
                }
            }
            net.run_ms(dice.below(200));
        }
        for who in 0..3 {
            net.set_down(who, false);
        }
        net.run(Duration::from_secs(15));
        let b = net.service("b");
        net.kill_service(a);
        net.run_ms(500);
        let (mut known, fresh) = (
            Model::of(&net.service_host(a).events),
            Model::of(&net.service_host(b).events),
        );
        // What happened between the two moments is in the second alone, if anything did.
        if known.last != fresh.last {
            assert!(known.last < fresh.last);
            known.last = fresh.last;
        }
        assert_eq!(known, fresh, "seed {seed}");
    }
}

#[test]
fn svc_024_a_snapshot_of_many_comes_in_parts_that_fit() {
    let mut net = net(44, &[]);
    net.service("a");
    let peers: Vec<NodeId> = (0..70)
        .map(|n| net.raw_online(&format!("guest {n}")))
        .collect();
    assert!(peers.iter().all(|id| net.closed(*id).is_none()));
    let b = net.service("b");
    let a = NodeId(1);
    net.kill_service(a);
    net.run_ms(500);
    let state = net.service_host(b).all(|e| match e {
        Event::Snapshot(state) => Some(state.clone()),
        _ => None,
    });
    assert_eq!(state.len(), 1);
    assert_eq!(state[0].sessions.len(), 70);
}

#[test]
fn svc_021_a_core_refuses_numbers_that_go_back() {
    // The raw server of this test is the real one; the frame is put into the core's stream by hand.
    use duet_protocol::io::{Capabilities, ConnId, Core as _, Input, Output, StreamId};
    use duet_protocol::message::service::{Done, Linked};
    use duet_protocol::seed::Seed;
    use duet_protocol::service::client::Service;
    use duet_protocol::time::Instant;
    let now = Instant::EPOCH;
    let mut core = Service::new(Config::new("a", TOKEN).into(), Seed([1; 32]), now);
    core.start(now);
    let (conn, id) = (ConnId(1), StreamId::FIRST_OF_CLIENT);
    let capabilities = Capabilities {
        shared_media: false,
        unreliable_datagrams: true,
    };
    let purpose = Purpose::Service;
    core.handle(
        now,
        Input::Connected {
            conn,
            purpose,
            capabilities,
        },
    );
    let welcome = duet_protocol::message::session::Welcome {
        version: 1,
        heartbeat_ms: duet_protocol::wire::Within::clamp(5_000),
        dead_after_ms: duet_protocol::wire::Within::clamp(20_000),
        resume_window_ms: duet_protocol::wire::Within::clamp(0),
        max_frame: duet_protocol::wire::Within::clamp(16_384),
        max_unacknowledged: duet_protocol::wire::Within::clamp(16),
        max_rooms: 1,
        agent: Text::cut(""),
        params: P,
    };
    let linked = Linked {
        standing: Standing::Active,
        permissions: Permissions::ALL,
        params: P,
    };
    let activated = Activated {
        epoch: 5,
        resync: Resync::Replay,
        number: 7,
        taken: 0,
        params: P,
    };
    let done = |number| Done {
        number,
        epoch: 5,
        request: RequestId(1),
        code: Code::NONE,
        room: RoomId::NONE,
        ticket: Secret::default(),
        params: P,
    };
    let mut say = |bytes: bytes::Bytes| {
        core.handle(
            now,
            Input::Stream {
                conn,
                id,
                bytes,
                fin: false,
            },
        );
        let mut closed = None;
        while let Some(output) = core.poll_output() {
            if let Output::Close { code, .. } = output {
                closed = Some(code);
            }
        }
        closed
    };
    assert_eq!(say(welcome.encode()), None);
    assert_eq!(say(linked.encode()), None);
    assert_eq!(say(activated.encode()), None);
    assert_eq!(say(done(8).encode()), None);
    assert_eq!(say(done(9).encode()), None);
    assert_eq!(say(done(9).encode()), Some(Code::OUT_OF_ORDER));
}

#[test]
fn svc_025_a_service_that_acknowledges_nothing_is_closed_and_its_stand_in_takes_over() {
    let mut net = net(45, &[]);
    let lazy = net.raw_service("lazy", TOKEN);
    let b = net.service("b");
    let epoch = net.epoch(lazy);
    for chunk in 0..44 {
        let mut bytes = Vec::new();
        for request in 1..=200 {
            bytes.extend_from_slice(&session_end(
                epoch,
                chunk * 200 + request,
                SessionId([9; 16]),
            ));
        }
        net.say(lazy, bytes);
    }
    assert_eq!(net.closed(lazy), Some(Code::BACKLOG));
    let active = net
        .service_host(b)
        .all(|e| matches!(e, Event::Activated { .. }).then_some(()));
    assert_eq!(active.len(), 1);
}

#[test]
fn svc_031_an_ack_of_what_was_never_sent_closes_the_link() {
    let mut net = net(46, &[]);
    let raw = net.raw_service("a", TOKEN);
    net.say(raw, session_end(net.epoch(raw), 1, SessionId([9; 16])));
    let last = *net.numbers(raw).last().unwrap();
    net.say(raw, ack(last));
    assert_eq!(net.closed(raw), None);
    net.say(raw, ack(last + 1));
    assert_eq!(net.closed(raw), Some(Code::BAD_ACK));
}

#[test]
fn svc_021_a_service_sees_no_entry_that_it_may_not_see() {
    let mut net = net(47, &["alice"]);
    let raw = net.raw_service("a", DECIDES);
    let (question, _) = net.question(raw).unwrap();
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    assert!(net.session(0).is_some());
    net.command(0, |c, now| c.data(now, Address::Service, b"psst"))
        .unwrap();
    net.run_ms(200);
    assert!(net.numbers(raw).is_empty());
    assert_eq!(net.answers(0), [Code::UNREACHABLE]);
}

// Data for the service.

#[test]
fn svc_030_data_reaches_the_service_and_is_delivered_once_it_is_acknowledged() {
    let mut net = net(60, &["alice"]);
    let a = net.service("a");
    net.login();
    let data = vec![7; 16_000];
    net.command(0, |c, now| c.data(now, Address::Service, &data))
        .unwrap();
    net.command(0, |c, now| c.data(now, Address::Service, b""))
        .unwrap();
    net.command(0, |c, now| c.text(now, Address::Service, "hello"))
        .unwrap();
    net.run_ms(300);
    let got = net.service_host(a).all(|e| match e {
        Event::Addressed {
            user,
            session,
            data,
            ..
        } => Some((*user, *session, data.to_vec())),
        _ => None,
    });
    let session = net.session(0).unwrap();
    assert_eq!(
        got,
        [(UserId(1), session, data), (UserId(1), session, vec![])]
    );
    //= SVC-033
    let mut answers = net.answers(0);
    answers.sort();
    assert_eq!(
        answers,
        [Code::DELIVERED, Code::DELIVERED, Code::UNREACHABLE]
    );
}

#[test]
fn svc_030_data_is_not_delivered_before_the_service_has_acknowledged_it() {
    let mut net = net(61, &["alice"]);
    let raw = net.raw_service("a", TOKEN);
    let (question, _) = net.question(raw).unwrap();
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    net.command(0, |c, now| c.data(now, Address::Service, b"x"))
        .unwrap();
    net.run_ms(2_000);
    assert!(net.answers(0).is_empty());
    let last = *net.numbers(raw).last().unwrap();
    net.say(raw, ack(last));
    assert_eq!(net.answers(0), [Code::DELIVERED]);
}

#[test]
fn svc_032_data_whose_service_is_gone_for_good_is_undetermined() {
    let mut net = net(62, &["alice"]);
    let raw = net.raw_service("a", TOKEN);
    let (question, _) = net.question(raw).unwrap();
    net.say(raw, verdict_user(net.epoch(raw), question, 1));
    net.command(0, |c, now| c.data(now, Address::Service, b"x"))
        .unwrap();
    net.run_ms(100);
    net.say_last(raw, bytes::Bytes::new());
    //= SVC-033
    net.command(0, |c, now| c.data(now, Address::Service, b"y"))
        .unwrap();
    net.run_ms(20_000);
    assert_eq!(net.answers(0), [Code::UNREACHABLE]);
    net.run_ms(11_000);
    assert_eq!(net.answers(0), [Code::UNREACHABLE, Code::UNDETERMINED]);
}

#[test]
fn svc_032_data_that_a_snapshot_covers_is_undetermined_and_data_that_is_replayed_is_not() {
    for replayed in [false, true] {
        let mut net = net(63, &["alice"]);
        let raw = net.raw_service("a", TOKEN);
        let (question, _) = net.question(raw).unwrap();
        let epoch = net.epoch(raw);
        net.say(raw, verdict_user(epoch, question, 1));
        let before = *net.numbers(raw).last().unwrap();
        net.command(0, |c, now| c.data(now, Address::Service, b"x"))
            .unwrap();
        net.run_ms(100);
        let last = if replayed { (epoch, before) } else { (0, 0) };
        let again = net.raw_service_at("a", TOKEN, last);
        if replayed {
            assert_eq!(net.numbers(again), [before + 1]);
            assert!(net.answers(0).is_empty());
            net.say(again, ack(before + 1));
            assert_eq!(net.answers(0), [Code::DELIVERED]);
        } else {
            assert_eq!(net.answers(0), [Code::UNDETERMINED]);
        }
    }
}

#[test]
fn svc_034_clients_cannot_overflow_the_link() {
    let mut net = net(64, &[]);
    let raw = net.raw_service("a", TOKEN);
    let mut peers = Vec::new();
    for user in 1..=6 {
        let id = net.raw_greeted();
        net.say(id, crate::support::authenticate("alice").encode());
        let (question, _) = net.question(raw).unwrap();
        net.say(raw, verdict_user(net.epoch(raw), question, user));
        peers.push(id);
    }
    let data = duet_protocol::message::channel::DataTo {
        to: Address::Service,
        request: RequestId(1),
        data: Opaque::new(&[7; 16_000]).unwrap(),
        params: P,
    };
    for id in &peers {
        for request in 1..=16 {
            let request = RequestId(request);
            net.say(
                *id,
                duet_protocol::message::channel::DataTo {
                    request,
                    ..data.clone()
                }
                .encode(),
            );
        }
    }
    let results = |net: &Net, id: NodeId| -> Vec<Code> {
        net.raw_host(id)
            .heard
            .iter()
            .filter_map(
                |frame| match Message::decode(frame.header.kind, &frame.body) {
                    Some(Ok(Message::Session(SessionMessage::Outcome(m)))) => Some(m.code),
                    _ => None,
                },
            )
            .collect()
    };
    let refused: Vec<Code> = peers.iter().flat_map(|id| results(&net, *id)).collect();
    assert_eq!(
        refused.len(),
        6 * 16 - 65,
        "65 × 16,000 bytes fit into a mebibyte"
    );
    assert!(refused.iter().all(|code| *code == Code::TOO_MANY));
    assert_eq!(net.closed(raw), None);
    let last = *net.numbers(raw).last().unwrap();
    net.say(raw, ack(last));
    let all: Vec<Code> = peers.iter().flat_map(|id| results(&net, *id)).collect();
    assert_eq!(
        all.iter().filter(|code| **code == Code::DELIVERED).count(),
        65
    );
}

// Commands.

#[test]
fn svc_042_a_service_sends_to_users_sessions_and_rooms() {
    let mut net = net(70, &["alice", "bob"]);
    let a = net.service("a");
    net.login();
    for who in 0..2 {
        net.command(who, |c, now| c.join(now, "den", b"")).unwrap();
    }
    net.run_ms(300);
    let room = net.client(0).core.rooms().next().unwrap();
    let session = net.session(1).unwrap();
    let to = [
        Address::User(UserId(1)),
        Address::Session(session),
        Address::Room(room),
        Address::User(UserId(99)),
        Address::Room(RoomId([9; 16])),
        Address::Service,
    ];
    for to in to {
        net.serve(a, |core, now| core.push(now, to, b"news".as_slice()))
            .unwrap();
    }
    net.run_ms(300);
    let got = |who: usize| -> BTreeSet<Address> {
        net.events(who)
            .iter()
            .filter_map(|e| match e {
                ClientEvent::Data {
                    to,
                    user,
                    session,
                    data,
                    ..
                } => {
                    assert_eq!(
                        (*user, *session, data.as_ref()),
                        (UserId(0), SessionId::NONE, b"news".as_slice())
                    );
                    Some(*to)
                }
                _ => None,
            })
            .collect()
    };
    assert_eq!(got(0), BTreeSet::from([to[0], to[2]]));
    assert_eq!(got(1), BTreeSet::from([to[1], to[2]]));
    //= SVC-041
    let mut done = net.done(a);
    done.sort();
    let codes: Vec<Code> = done.iter().map(|(_, code)| *code).collect();
    let (ok, gone) = (Code::DELIVERED, Code::UNREACHABLE);
    assert_eq!(codes, [ok, ok, ok, gone, Code::NOT_IN_ROOM, gone]);
}

#[test]
fn svc_043_a_service_ends_sessions_and_their_resume_tokens_are_void() {
    let mut net = net(71, &["alice", "alice", "bob"]);
    let a = net.service("a");
    net.login();
    let bob = net.session(2).unwrap();
    // A suspended session ends as well, and cannot be taken up again.
    net.set_down(0, true);
    net.run_ms(21_000);
    net.serve(a, |core, now| {
        core.end_sessions_of(now, UserId(1), Code::NONE)
    })
    .unwrap();
    net.serve(a, |core, now| core.end_session(now, bob, Code::FORBIDDEN))
        .unwrap();
    net.serve(a, |core, now| {
        core.end_session(now, SessionId([9; 16]), Code::NONE)
    })
    .unwrap();
    net.serve(a, |core, now| {
        core.end_sessions_of(now, UserId(77), Code::NONE)
    })
    .unwrap();
    net.run_ms(300);
    net.set_down(0, false);
    net.run_ms(6_000);
    let reason = |who: usize| {
        net.events(who).iter().find_map(|e| match e {
            ClientEvent::LoggedOut { reason, returning } => Some((reason.code, *returning)),
            _ => None,
        })
    };
    assert_eq!(reason(0), Some((Code::RESUME_REFUSED, true)));
    assert_eq!(reason(1), Some((Code::KICKED, false)));
    assert_eq!(reason(2), Some((Code::FORBIDDEN, false)));
    let mut done = net.done(a);
    done.sort();
    let codes: Vec<Code> = done.iter().map(|(_, code)| *code).collect();
    let none = Code::NO_SUCH_SESSION;
    assert_eq!(codes, [Code::DELIVERED, Code::DELIVERED, none, none]);
}

#[test]
fn svc_044_a_service_ends_a_call() {
    let mut net = net(72, &["alice", "bob"]);
    let a = net.service("a");
    net.login();
    let call = net
        .command(0, |c, now| {
            c.invite(now, UserId(2), Media::NONE, Duration::from_secs(30), vec![])
        })
        .unwrap();
    net.run_ms(300);
    net.serve(a, |core, now| core.end_call(now, call, Code::TOO_MANY))
        .unwrap();
    net.serve(a, |core, now| {
        core.end_call(now, CallId([9; 16]), Code::NONE)
    })
    .unwrap();
    net.run_ms(300);
    for who in 0..2 {
        let code = net.events(who).iter().find_map(|e| match e {
            ClientEvent::Ended { reason, .. } => Some(reason.code),
            _ => None,
        });
        assert_eq!(code, Some(Code::TOO_MANY));
    }
    let mut done = net.done(a);
    done.sort();
    let codes: Vec<Code> = done.iter().map(|(_, code)| *code).collect();
    assert_eq!(codes, [Code::DELIVERED, Code::NOT_IN_CALL]);
    // Both are free for another.
    net.command(0, |c, now| {
        c.invite(now, UserId(2), Media::NONE, Duration::from_secs(30), vec![])
    })
    .unwrap();
    net.run_ms(300);
    assert_eq!(net.client(1).core.calls().count(), 1);
}

#[test]
fn svc_008_what_is_not_permitted_is_forbidden_and_does_nothing() {
    let mut net = net(73, &["alice"]);
    let raw = net.raw_service("a", DECIDES);
    let (question, _) = net.question(raw).unwrap();
    let epoch = net.epoch(raw);
    net.say(raw, verdict_user(epoch, question, 1));
    let session = net.session(0).unwrap();
    net.say(raw, session_end(epoch, 1, session));
    net.say(raw, push(epoch, 2, Address::User(UserId(1)), b"x"));
    let end = CallEnd {
        epoch,
        request: RequestId(3),
        call: CallId([9; 16]),
        code: Code::NONE,
        params: P,
    };
    net.say(raw, end.encode());
    let forbidden = |n| (RequestId(n), Code::FORBIDDEN);
    assert_eq!(net.dones(raw), [forbidden(1), forbidden(2), forbidden(3)]);
    assert_eq!(net.closed(raw), None);
    assert!(
        !net.events(0)
            .iter()
            .any(|e| matches!(e, ClientEvent::LoggedOut { .. } | ClientEvent::Data { .. }))
    );
}

#[test]
fn svc_040_commands_come_in_their_order() {
    for (second, fits) in [(42, true), (41, false), (43, false), (0, false)] {
        let mut net = net(74, &[]);
        let raw = net.raw_service("a", TOKEN);
        let epoch = net.epoch(raw);
        net.say(raw, session_end(epoch, 41, SessionId([9; 16])));
        assert_eq!(net.closed(raw), None);
        net.say(raw, session_end(epoch, second, SessionId([9; 16])));
        let expected = (!fits).then_some(Code::OUT_OF_ORDER);
        assert_eq!(net.closed(raw), expected, "{second} after 41");
    }
}

#[test]
fn svc_045_a_flood_of_commands_has_a_bound_and_hurts_no_receiver() {
    let mut net = net(75, &["alice"]);
    let raw = net.raw_service("a", TOKEN);
    let (question, _) = net.question(raw).unwrap();
    let epoch = net.epoch(raw);
    net.say(raw, verdict_user(epoch, question, 1));
    // Alice's link is stuck: nothing of what she is sent is acknowledged.
    net.set_down(0, true);
    let data = vec![7; 15_900];
    let mut bytes = Vec::new();
    for request in 1..=100 {
        bytes.extend_from_slice(&push(epoch, request, Address::User(UserId(1)), &data));
    }
    net.say(raw, bytes);
    let dones = net.dones(raw);
    assert_eq!(
        dones.len(),
        100 - 32,
        "32 × 15,900 bytes fit into half a mebibyte"
    );
    assert!(dones.iter().all(|(_, code)| *code == Code::TOO_MANY));
    let mut bytes = Vec::new();
    for request in 101..=700 {
        bytes.extend_from_slice(&push(epoch, request, Address::User(UserId(1)), b""));
    }
    net.say(raw, bytes);
    let refused = net.dones(raw).len() - dones.len();
    assert_eq!(refused, 600 - (256 - 32));
    net.set_down(0, false);
    net.run_ms(3_000);
    let delivered = net
        .dones(raw)
        .iter()
        .filter(|(_, code)| *code == Code::DELIVERED)
        .count();
    assert_eq!(delivered, 256);
    assert!(
        !net.events(0)
            .iter()
            .any(|e| matches!(e, ClientEvent::LoggedOut { .. }))
    );
}

#[test]
fn svc_045_the_core_holds_back_what_the_server_would_refuse() {
    let mut net = net(76, &[]);
    let a = net.service("a");
    net.service_down(a, true);
    let push = |net: &mut Net, size: usize| {
        net.serve(a, |core, now| {
            core.push(now, Address::User(UserId(1)), vec![0; size])
        })
    };
    assert_eq!(push(&mut net, 15_901), Err(UsageError::TooLarge));
    for _ in 0..32 {
        assert!(push(&mut net, 15_900).is_ok());
    }
    assert_eq!(push(&mut net, 15_900), Err(UsageError::Backlogged));
    for _ in 0..224 {
        assert!(push(&mut net, 0).is_ok());
    }
    assert_eq!(push(&mut net, 0), Err(UsageError::Backlogged));
}

#[test]
fn svc_046_each_command_takes_effect_once_however_often_the_link_is_lost() {
    for seed in 80..90 {
        let mut net = net(seed, &["alice"]);
        let a = net.service("a");
        net.login();
        let mut dice = duet_sim::Stream::new(seed, "dice");
        let mut sent = 0_u32;
        for _ in 0..6 {
            for _ in 0..dice.below(12) {
                let data = sent.to_be_bytes().to_vec();
                net.serve(a, |core, now| {
                    core.push(now, Address::User(UserId(1)), data)
                })
                .unwrap();
                sent += 1;
                net.run_ms(dice.below(12));
            }
            // Lost in the middle: commands on their way, DONEs on their way.
            net.service_down(a, true);
            for _ in 0..dice.below(6) {
                let data = sent.to_be_bytes().to_vec();
                net.serve(a, |core, now| {
                    core.push(now, Address::User(UserId(1)), data)
                })
                .unwrap();
                sent += 1;
            }
            net.run_ms(21_000);
            net.service_down(a, false);
            net.run_ms(6_000);
        }
        let got: Vec<u32> = net
            .events(0)
            .iter()
            .filter_map(|e| match e {
                ClientEvent::Data { data, .. } => {
                    Some(u32::from_be_bytes(data.as_ref().try_into().unwrap()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            got,
            (0..sent).collect::<Vec<_>>(),
            "seed {seed}: once, and in order"
        );
        let mut done = net.done(a);
        done.sort();
        assert_eq!(done.len(), sent as usize);
        assert!(done.iter().all(|(_, code)| *code == Code::DELIVERED));
    }
}

#[test]
fn svc_047_a_service_that_was_replaced_takes_its_commands_for_undetermined() {
    let mut net = net(91, &[]);
    let a = net.service("a");
    let b = net.service("b");
    net.service_down(a, true);
    let request = net
        .serve(a, |core, now| {
            core.push(now, Address::User(UserId(1)), b"x".as_slice())
        })
        .unwrap();
    net.run_ms(21_000);
    net.service_down(a, false);
    net.run_ms(6_000);
    assert_eq!(net.standing(a), Some(Standing::Standby));
    assert_eq!(net.done(a), [(request, Code::UNDETERMINED)]);
    let refused = net.serve(a, |core, now| {
        core.push(now, Address::User(UserId(1)), b"x".as_slice())
    });
    assert_eq!(refused, Err(UsageError::NotActive));
    assert!(
        net.serve(b, |core, now| core.push(
            now,
            Address::User(UserId(1)),
            b"x".as_slice()
        ))
        .is_ok()
    );
}

#[test]
fn svc_046_commands_of_an_epoch_that_nobody_remembers_are_undetermined() {
    let mut net = net(92, &[]);
    let a = net.service("a");
    net.service_down(a, true);
    let lost = net
        .serve(a, |core, now| {
            core.push(now, Address::User(UserId(1)), b"x".as_slice())
        })
        .unwrap();
    net.run_ms(21_000);
    // Sixty-four others are active in the meantime.
    for _ in 0..65 {
        net.raw_service("z", TOKEN);
    }
    let raw = net.raw_service("z", TOKEN);
    net.say_last(raw, bytes::Bytes::new());
    net.service_down(a, false);
    net.run_ms(6_000);
    assert_eq!(net.done(a), [(lost, Code::UNDETERMINED)]);
}

// Secrets.

#[test]
fn no_secret_shows_in_debug_output() {
    let secret = "hunter2 hunter2";
    let config = Config::new("a", secret);
    let token = duet_protocol::service::ServiceToken::new(secret.as_bytes(), Permissions::ALL);
    let link = link_frame("a", secret.as_bytes(), (0, 0));
    let body = link.slice(8..);
    let message = Message::decode(0x0801, &body).unwrap().unwrap();
    let login = duet_protocol::message::service::DecideLogin {
        question: 1,
        within_ms: 1,
        method: duet_protocol::message::session::Method::Password,
        name: Text::cut("alice"),
        credential: Secret::new(secret.as_bytes()).unwrap(),
        params: P,
    };
    let question = Question::Login {
        method: duet_protocol::service::Proof::Password(secret.into()),
        name: "alice".into(),
    };
    let event = Event::Question {
        question: 1,
        deadline: duet_protocol::time::Instant::EPOCH,
        what: question,
    };
    let ticket = Ticket(secret.into());
    let room = NewRoom {
        secret: secret.into(),
        ..NewRoom::default()
    };
    let shown = format!("{config:?} {token:?} {message:?} {login:?} {event:?} {ticket:?} {room:?}");
    let bytes = format!("{:?}", secret.as_bytes());
    let inside = bytes.trim_matches(['[', ']']);
    assert!(
        !shown.contains("hunter2") && !shown.contains(inside),
        "{shown}"
    );
    assert!(shown.contains("alice"));
}
