//! Chapter "Sessions": login, heartbeat, resume, goodbye.

use std::time::Duration;

use duet_protocol::client::Event;
use duet_protocol::code::Code;
use duet_protocol::error::Initiator;
use duet_protocol::id::{RequestId, SessionId};
use duet_protocol::io::Purpose;
use duet_protocol::message::directory::Lookup;
use duet_protocol::message::session::{
    Authenticate, Goodbye, Hello, Message as SessionMessage, Ping, Resume, Retry,
};
use duet_protocol::message::{Message, Wire};
use duet_protocol::server::{self, Duplicates};
use duet_protocol::service::Decision;
use duet_protocol::wire::{Address, Params, Text, Within, is_reserved_param};

use duet_sim::{LinkConfig, NodeId};

use crate::support::{Net, account, authenticate, hello, twice};

#[test]
//= SES-005
fn ses_006_a_password_logs_in_as_the_account() {
    let net = twice(1, |seed| {
        let mut net = Net::new(seed, &["alice"]);
        net.login();
        net
    });
    let user = account("alice").unwrap();
    let logged_in = net.events(0).iter().any(|event| {
        matches!(event, Event::LoggedIn { user: who, name, .. } if *who == user && name == "alice")
    });
    assert!(logged_in, "{:?}", net.events(0));
    assert_eq!(net.server().core.census().sessions, 1);
}

#[test]
fn ses_018_a_wrong_password_ends_with_bad_credentials() {
    let mut net = Net::new(2, &["mallory"]);
    net.server_mut().policy = Box::new(|_| Some(Decision::Deny(Code::BAD_CREDENTIALS)));
    net.run_ms(500);
    let [Event::LoggedOut { reason, returning }] = net.events(0)[..] else {
        panic!("{:?}", net.events(0));
    };
    assert_eq!(
        (reason.code, reason.by, *returning),
        (Code::BAD_CREDENTIALS, Initiator::Peer, false)
    );
    assert_eq!(net.server().core.census(), server::Census::default());
}

#[test]
fn ses_018_a_silent_service_refuses_after_its_deadline() {
    let mut net = Net::new(3, &["alice"]);
    net.server_mut().policy = Box::new(|_| None);
    net.until(Duration::from_secs(6), "a refusal", |net| {
        net.events(0).iter().any(|event| {
            matches!(event, Event::LoggedOut { reason, returning: true }
                if reason.code == Code::SERVICE_UNAVAILABLE)
        })
    });
    assert_eq!(net.server().core.census().sessions, 0);
}

#[test]
fn ses_015_logout_ends_the_session_at_once() {
    let mut net = Net::new(4, &["alice"]);
    net.login();
    net.command(0, |core, now| core.logout(now));
    net.run_ms(100);
    assert_eq!(net.server().core.census(), server::Census::default());
    assert!(net.events(0).iter().any(|e| matches!(
        e,
        Event::LoggedOut {
            returning: false,
            ..
        }
    )));
    net.run(Duration::from_secs(60));
    assert_eq!(
        net.server().core.census().sessions,
        0,
        "it came back after logout"
    );
}

#[test]
//= SES-024, CHAN-010
fn ses_011_texts_sent_over_a_lost_link_arrive_once_each_and_in_order() {
    let net = twice(5, |seed| {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let bob = Address::User(account("bob").unwrap());
        net.set_down(1, true);
        for number in 0..40 {
            net.command(0, |core, now| {
                core.text(now, bob, &format!("text {number}")).unwrap()
            });
            net.run_ms(250);
        }
        net.set_down(1, false);
        net.run(Duration::from_secs(8));
        net
    });
    let texts: Vec<_> = net
        .events(1)
        .into_iter()
        .filter_map(|event| match event {
            Event::Text { text, number, .. } => Some((*number, text.clone())),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = (0..40).map(|n| (n + 1, format!("text {n}"))).collect();
    assert_eq!(texts, expected);
    let delivered = net.events(0).into_iter().filter(|event| {
        matches!(
            event,
            Event::Answer {
                code: Code::DELIVERED,
                ..
            }
        )
    });
    assert_eq!(delivered.count(), 40);
}

#[test]
//= SES-008
fn ses_009_a_link_lost_for_longer_than_a_heartbeat_is_resumed() {
    let mut net = Net::new(6, &["alice", "bob"]);
    net.login();
    net.set_down(1, true);
    net.until(Duration::from_secs(21), "bob suspended", |net| {
        net.server()
            .events
            .iter()
            .any(|(_, e)| matches!(e, server::Event::Suspended { .. }))
    });
    let bob = Address::User(account("bob").unwrap());
    net.command(0, |core, now| {
        core.text(now, bob, "are you there?").unwrap()
    });
    net.run_ms(1_000);
    net.set_down(1, false);
    net.until(Duration::from_secs(10), "bob resumed", |net| {
        net.events(1).contains(&&Event::Resumed)
    });
    net.run_ms(200);
    let texts = net
        .events(1)
        .into_iter()
        .filter(|event| matches!(event, Event::Text { .. }))
        .count();
    assert_eq!(texts, 1);
    assert!(net.events(0).iter().any(|e| matches!(
        e,
        Event::Answer {
            code: Code::DELIVERED,
            ..
        }
    )));
}

#[test]
//= CHAN-007
fn ses_009_a_session_that_does_not_come_back_ends_with_the_window() {
    let mut net = Net::new(7, &["alice", "bob"]);
    net.login();
    net.set_down(1, true);
    let bob = Address::User(account("bob").unwrap());
    let request = net.command(0, |core, now| core.text(now, bob, "lost").unwrap());
    net.run(Duration::from_secs(49));
    assert_eq!(net.server().core.census().sessions, 2, "it ended too early");
    net.run(Duration::from_secs(3));
    assert_eq!(net.server().core.census().sessions, 1);
    // It was numbered, though nobody knows whether it arrived.
    let answer = Event::Answer {
        number: 1,
        request,
        code: Code::UNDETERMINED,
    };
    assert!(
        net.events(0).contains(&&answer),
        "chan_007: {:?}",
        net.events(0)
    );
}

#[test]
fn ses_020_a_session_that_cannot_resume_leaves_its_sends_undetermined_and_logs_in_again() {
    let mut net = Net::new(8, &["alice", "bob"]);
    net.login();
    net.set_down(1, true);
    let alice = Address::User(account("alice").unwrap());
    let request = net.command(1, |core, now| {
        core.text(now, alice, "never acknowledged").unwrap()
    });
    net.run(Duration::from_secs(55));
    net.set_down(1, false);
    net.run(Duration::from_secs(8));
    let answer = Event::Answer {
        number: 0,
        request,
        code: Code::UNDETERMINED,
    };
    assert!(net.events(1).contains(&&answer), "{:?}", net.events(1));
    let logins = net
        .events(1)
        .into_iter()
        .filter(|e| matches!(e, Event::LoggedIn { .. }))
        .count();
    assert_eq!(logins, 2);
    assert_eq!(net.server().core.census().sessions, 2);
}

#[test]
fn ses_014_an_idle_session_stays() {
    let mut net = Net::new(9, &["alice"]);
    net.login();
    net.run(Duration::from_secs(300));
    assert_eq!(net.server().core.census().sessions, 1);
    assert!(!net.events(0).contains(&&Event::Suspended));
}

#[test]
fn ses_015_a_stopping_server_says_so_and_the_client_returns() {
    let mut net = Net::new(10, &["alice"]);
    net.login();
    net.server_command(|core, now| core.stop(now, Duration::from_secs(2)));
    net.run(Duration::from_secs(5));
    let left = net.events(0).iter().any(|event| {
        matches!(event, Event::LoggedOut { reason, returning: true } if reason.code == Code::STOPPING)
    });
    assert!(left, "{:?}", net.events(0));
    assert_eq!(
        net.events(0)
            .iter()
            .filter(|e| matches!(e, Event::LoggedIn { .. }))
            .count(),
        2
    );
}

/// The codes of the RESULTs that a raw peer was told, with their requests.
fn outcomes(net: &Net, raw: duet_sim::NodeId) -> Vec<(u32, Code)> {
    let frames = net.raw_host(raw).heard.iter();
    let outcomes =
        frames.filter_map(
            |frame| match Message::decode(frame.header.kind, &frame.body) {
                Some(Ok(Message::Session(SessionMessage::Outcome(m)))) => {
                    Some((m.request.0, m.code))
                }
                _ => None,
            },
        );
    outcomes.collect()
}

fn authenticated(net: &Net, raw: duet_sim::NodeId) -> (SessionId, [u8; 32]) {
    let told = net.raw_host(raw).last(|message| match message {
        Message::Session(SessionMessage::Authenticated(m)) => Some((m.session, m.resume_token)),
        _ => None,
    });
    told.expect("logged in")
}

fn goodbye(net: &Net, raw: duet_sim::NodeId) -> Option<Code> {
    net.raw_host(raw).last(|message| match message {
        Message::Session(SessionMessage::Goodbye(m)) => Some(m.code),
        _ => None,
    })
}

#[test]
fn ses_003_welcome_announces_what_holds() {
    let mut net = Net::new(11, &[]);
    let raw = net.raw(Purpose::Control);
    let wish = Within::clamp(2_000);
    net.say(
        raw,
        Hello {
            heartbeat_ms: wish,
            ..hello()
        }
        .encode(),
    );
    let welcome = net.raw_host(raw).last(|message| match message {
        Message::Session(SessionMessage::Welcome(m)) => Some((
            m.version,
            m.heartbeat_ms.value(),
            m.dead_after_ms.value(),
            m.max_frame.value(),
        )),
        _ => None,
    });
    assert_eq!(welcome, Some((1, 2_000, 8_000, 16_384)));
}

#[test]
fn ses_007_only_the_newest_secret_resumes_a_session() {
    let mut net = Net::new(12, &[]);
    let raw = net.raw_online("alice");
    let (session, resume_token) = authenticated(&net, raw);
    let (received, params) = (1, Params::NONE);
    let wrong = net.raw_greeted();
    net.say(
        wrong,
        Resume {
            session,
            resume_token: [7; 32],
            received,
            device: Text::cut("raw"),
            params,
        }
        .encode(),
    );
    assert_eq!(goodbye(&net, wrong), Some(Code::RESUME_REFUSED));
    assert_eq!(
        net.raw_host(raw).closed,
        None,
        "a wrong secret touched the session"
    );
    let right = net.raw_greeted();
    net.say(
        right,
        Resume {
            session,
            resume_token,
            received: 0,
            device: Text::cut("raw"),
            params,
        }
        .encode(),
    );
    let newest = net.raw_host(right).last(|message| match message {
        Message::Session(SessionMessage::Resumed(m)) => Some(m.resume_token),
        _ => None,
    });
    assert!(newest.is_some_and(|newest| newest != resume_token));
    // The new secret was seen to arrive: the old one is void.
    net.say(right, Ping { token: 1, params }.encode());
    let late = net.raw_greeted();
    net.say(
        late,
        Resume {
            session,
            resume_token,
            received: 0,
            device: Text::cut("raw"),
            params,
        }
        .encode(),
    );
    assert_eq!(goodbye(&net, late), Some(Code::RESUME_REFUSED));
}

#[test]
fn ses_008_a_secret_whose_successor_was_lost_is_still_good() {
    // Without reserved frames there is nothing to acknowledge, which would show that RESUMED has arrived.
    let link = duet_sim::LinkConfig::default();
    let mut net = Net::with(
        13,
        &[],
        link,
        |server| server.reserved_frames = false,
        |_| {},
    );
    let raw = net.raw_online("alice");
    let (session, resume_token) = authenticated(&net, raw);
    for _ in 0..2 {
        let again = net.raw_greeted();
        let (received, params) = (0, Params::NONE);
        net.say(
            again,
            Resume {
                session,
                resume_token,
                received,
                device: Text::cut("raw"),
                params,
            }
            .encode(),
        );
        assert_eq!(net.raw_host(again).closed, None);
    }
}

#[test]
fn ses_019_resuming_displaces_the_old_link() {
    let mut net = Net::new(14, &[]);
    let raw = net.raw_online("alice");
    let (session, resume_token) = authenticated(&net, raw);
    let new = net.raw_greeted();
    net.say(
        new,
        Resume {
            session,
            resume_token,
            received: 0,
            device: Text::cut("raw"),
            params: Params::NONE,
        }
        .encode(),
    );
    assert_eq!(net.raw_host(raw).closed, Some(Code::DISPLACED));
    assert_eq!(net.raw_host(new).closed, None);
    assert_eq!(net.server().core.census().sessions, 1);
}

/// Logs in as alice from a device.
fn device(net: &mut Net, device: &str) -> NodeId {
    let raw = net.raw_greeted();
    let login = Authenticate {
        device: Text::cut(device),
        ..authenticate("alice")
    };
    net.say(raw, login.encode());
    raw
}

fn policy(seed: u64, policy: Duplicates) -> Net {
    let link = LinkConfig::default();
    let server = |config: &mut server::Config| config.duplicates = policy;
    Net::with(seed, &[], link, server, |_| {})
}

#[test]
fn ses_022_a_ninth_session_of_a_user_is_refused() {
    let mut net = Net::new(15, &[]);
    let eight: Vec<NodeId> = (0..8).map(|n| device(&mut net, &format!("d{n}"))).collect();
    let ninth = device(&mut net, "d8");
    assert_eq!(net.raw_host(ninth).closed, Some(Code::ALREADY_LOGGED_IN));
    assert_eq!(net.server().core.census().sessions, 8);
    assert!(eight.iter().all(|raw| net.raw_host(*raw).closed.is_none()));
}

#[test]
fn ses_022_where_the_first_wins_a_second_device_is_refused_until_the_first_has_gone() {
    for seed in [30, 31, 32] {
        let mut net = policy(seed, Duplicates::FirstWins);
        let first = device(&mut net, "phone");
        let second = device(&mut net, "tablet");
        assert_eq!(net.raw_host(first).closed, None);
        assert_eq!(net.raw_host(second).closed, Some(Code::ALREADY_LOGGED_IN));
        let goodbye = Goodbye {
            code: Code::LOGOUT,
            retry: Retry::Never,
            after_ms: 0,
            text: Text::default(),
            params: Params::NONE,
        };
        net.say(first, goodbye.encode());
        let third = device(&mut net, "tablet");
        assert_eq!(net.raw_host(third).closed, None);
    }
}

#[test]
fn ses_022_where_the_newest_wins_the_older_session_ends_and_is_not_to_come_back() {
    for seed in [33, 34, 35] {
        let mut net = policy(seed, Duplicates::NewestWins);
        let first = device(&mut net, "phone");
        let second = device(&mut net, "tablet");
        assert_eq!(net.raw_host(first).closed, Some(Code::REPLACED));
        let retry = net.raw_host(first).last(|message| match message {
            Message::Session(SessionMessage::Goodbye(m)) => Some((m.code, m.retry)),
            _ => None,
        });
        assert_eq!(retry, Some((Code::REPLACED, Retry::Never)));
        assert_eq!(net.raw_host(second).closed, None);
        assert_eq!(net.server().core.census().sessions, 1);
    }
}

#[test]
fn ses_027_a_login_from_the_same_device_takes_the_place_of_its_session_whatever_the_policy() {
    for (seed, duplicates) in [
        (36, Duplicates::FirstWins),
        (37, Duplicates::NewestWins),
        (38, Duplicates::Several),
    ] {
        let mut net = policy(seed, duplicates);
        let first = device(&mut net, "phone");
        let again = device(&mut net, "phone");
        assert_eq!(net.raw_host(first).closed, Some(Code::REPLACED));
        assert_eq!(net.raw_host(again).closed, None);
        assert_eq!(net.server().core.census().sessions, 1);
        // Devices without a name are not taken for each other.
        let nameless = [device(&mut net, ""), device(&mut net, "")];
        if duplicates == Duplicates::Several {
            assert!(
                nameless
                    .iter()
                    .all(|raw| net.raw_host(*raw).closed.is_none())
            );
        }
    }
}

#[test]
fn ses_026_a_resume_token_is_of_no_use_on_another_device() {
    for seed in [39, 40, 41] {
        let mut net = Net::new(seed, &[]);
        let raw = device(&mut net, "phone");
        let (session, resume_token) = authenticated(&net, raw);
        for (name, expected) in [("laptop", Some(Code::RESUME_REFUSED)), ("phone", None)] {
            let other = net.raw_greeted();
            let resume = Resume {
                session,
                resume_token,
                received: 0,
                device: Text::cut(name),
                params: Params::NONE,
            };
            net.say(other, resume.encode());
            assert_eq!(net.raw_host(other).closed, expected, "{name}");
        }
    }
}

/// A client gives a connection up on which its RESUME is still on the way, and resumes on the next. The first RESUME
/// comes late, while its token is still good, and once displaced the newer link: the client, told that it was displaced,
/// was logged out for good, with a token that the server did not know. The explorer found it, in seven steps.
#[test]
fn ses_028_a_resume_on_a_connection_that_was_given_up_comes_too_late() {
    for seed in [42, 43, 44] {
        // Without reserved frames there is nothing to acknowledge, which would show that RESUMED has arrived.
        let link = duet_sim::LinkConfig::default();
        let quiet = |server: &mut duet_protocol::server::Config| server.reserved_frames = false;
        let mut net = Net::with(seed, &[], link, quiet, |_| {});
        let raw = net.raw_online("alice");
        let (session, resume_token) = authenticated(&net, raw);
        let resume = Resume {
            session,
            resume_token,
            received: 1,
            device: Text::cut("raw"),
            params: Params::NONE,
        };
        let (older, newer) = (net.raw_greeted(), net.raw_greeted());
        net.say(newer, resume.encode());
        net.say(older, resume.encode());
        assert_eq!(goodbye(&net, older), Some(Code::RESUME_REFUSED));
        assert_eq!(net.raw_host(newer).closed, None, "seed {seed}");
        // The same where nothing is left of the newer link but what it stood for.
        let last = net.raw_greeted();
        net.say(last, resume.encode());
        assert_eq!(goodbye(&net, newer), Some(Code::DISPLACED));
        assert_eq!(net.raw_host(last).closed, None, "seed {seed}");
    }
}

/// The same with logins: a process that began anew gave its first connection up and logged in on the second; the first
/// AUTHENTICATE came late, took the place of the session as one of the same device, and the process was told never to
/// come back.
#[test]
fn ses_029_a_login_on_a_connection_that_was_given_up_comes_too_late() {
    for seed in [45, 46, 47] {
        let mut net = Net::new(seed, &[]);
        let (older, newer) = (net.raw_greeted(), net.raw_greeted());
        net.say(newer, authenticate("alice").encode());
        net.say(older, authenticate("alice").encode());
        assert_eq!(goodbye(&net, older), Some(Code::ALREADY_LOGGED_IN));
        assert_eq!(net.raw_host(newer).closed, None, "seed {seed}");
    }
}

#[test]
fn a_server_of_several_shards_is_one_server() {
    for seed in 50..56 {
        let mut net = Net::new(seed, &["alice", "bob"]);
        net.login();
        let shards = net.server().core.shards();
        assert_eq!(
            net.server().core.crossed() > 0,
            shards > 1,
            "{shards} shards"
        );
    }
}

#[test]
fn ses_016_every_request_is_answered_once() {
    let mut net = Net::new(16, &[]);
    let raw = net.raw_online("alice");
    for request in 1..=5 {
        let (request, name, params) = (RequestId(request), Text::cut("nobody"), Params::NONE);
        net.say(
            raw,
            Lookup {
                request,
                name,
                params,
            }
            .encode(),
        );
    }
    let expected: Vec<_> = (1..=5).map(|request| (request, Code::NOT_FOUND)).collect();
    assert_eq!(outcomes(&net, raw), expected);
}

#[test]
fn ses_021_a_connection_that_does_not_log_in_is_closed_after_10_s() {
    let mut net = Net::new(17, &[]);
    let raw = net.raw_greeted();
    net.run(Duration::from_millis(9_500));
    assert_eq!(net.raw_host(raw).closed, None);
    net.run(Duration::from_secs(1));
    assert_eq!(net.raw_host(raw).closed, Some(Code::LOGIN_TIMEOUT));
    assert_eq!(net.server().core.census(), server::Census::default());
}

#[test]
fn ses_004_without_a_version_in_common_the_connection_ends() {
    for (min_version, max_version, closed) in [
        (1, 1, None),
        (0, 9, None),
        (2, 3, Some(Code::UNSUPPORTED_VERSION)),
    ] {
        let mut net = Net::new(18, &[]);
        let raw = net.raw(Purpose::Control);
        net.say(
            raw,
            Hello {
                min_version,
                max_version,
                ..hello()
            }
            .encode(),
        );
        assert_eq!(
            net.raw_host(raw).closed,
            closed,
            "{min_version}..{max_version}"
        );
        assert_eq!(goodbye(&net, raw), closed);
    }
}

#[test]
fn wire_011_reserved_parameters_are_sent_now_and_then() {
    let sent = (0..24).filter(|seed| {
        let mut net = Net::new(*seed, &[]);
        let raw = net.raw_greeted();
        let reserved = net.raw_host(raw).last(|message| match message {
            Message::Session(SessionMessage::Welcome(m)) => Some(
                m.params
                    .iter()
                    .filter(|param| is_reserved_param(param.id))
                    .count(),
            ),
            _ => None,
        });
        reserved == Some(1)
    });
    let sent = sent.count();
    assert!((4..20).contains(&sent), "{sent} of 24");
}
