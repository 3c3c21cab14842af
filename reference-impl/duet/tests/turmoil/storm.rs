//! Everybody comes back at once.

use duet::faults::{Client, Fault, Host, SERVER};
use duet::script::{Kind, Op, To};

use crate::support::{LATENCY, count, gathered, sound};

const HOSTS: usize = 8;
const CLIENTS: usize = 25;

/// Two hundred clients, in eight rooms, lose their server in one moment. They find the one that is started in its place,
/// log in, enter their rooms, see each other there, and are heard.
#[test]
fn two_hundred_clients_find_the_server_that_was_started_anew() {
    let mut course = gathered(&[]);
    for host in 0..HOSTS {
        let client = |number| Client::guest(&format!("client-{host}-{number}"));
        course.hosts.push(Host {
            name: format!("host-{host}"),
            latency: LATENCY,
            clients: (0..CLIENTS).map(client).collect(),
        });
    }
    let all = HOSTS * CLIENTS;
    for who in 0..all {
        let (at, room) = (10 * who as u64, format!("room-{}", who / CLIENTS));
        course.does(at, who, Op::LogIn);
        course.does(at + 500, who, Op::Join(room.clone()));
        course.does(60_000 + at, who, Op::Send(Kind::Text, To::Room(room), 0));
    }
    course.fault(5_000, Fault::Crash(SERVER.into()));
    course.fault(7_000, Fault::Restart(SERVER.into()));
    let run = sound(&mut course);
    let tally = run.tally;
    assert_eq!(tally.logins, 2 * all);
    assert_eq!(count(&run, "resume_refused"), all);
    assert_eq!((tally.sent, tally.delivered), (all, all));
    assert_eq!(tally.received, all * (CLIENTS - 1));
}
