//! A linked service that takes nothing back, and clients that give it much to do.

use duet_protocol::id::{RequestId, RoomId, SessionId};
use duet_protocol::io::{ConnId, Purpose};
use duet_protocol::limits::SERVICE_MEMORY;
use duet_protocol::message::Wire as _;
use duet_protocol::message::channel::DataTo;
use duet_protocol::message::directory::Lookup;
use duet_protocol::message::room::{Join, Leave};
use duet_protocol::message::service::{Link, Permissions, Push};
use duet_protocol::message::session::Hello;
use duet_protocol::service::{LinkConfig, ServiceToken};
use duet_protocol::wire::{Address, Opaque, Params, Secret, Text, Within};

use super::host::Host;

const TOKEN: &[u8] = b"token";
const P: Params<'static> = Params::NONE;

fn link(host: &mut Host, name: &str) -> ConnId {
    let conn = host.connect(Purpose::Service);
    let hello = Hello {
        min_version: 1,
        max_version: 1,
        heartbeat_ms: Within::clamp(60_000),
        agent: Text::cut(""),
        params: P,
    };
    let link = Link {
        name: Text::cut(name),
        token: Secret::new(TOKEN).unwrap(),
        permissions: Permissions::ALL,
        last_epoch: 0,
        last_number: 0,
        params: P,
    };
    host.say(conn, hello.encode());
    host.say(conn, link.encode());
    conn
}

/// Events, data, questions and commands, none of which the service confirms or answers; then others take its place and
/// do the same.
pub(super) fn a_service_that_acknowledges_nothing() {
    let mut host = Host::with("a service that acknowledges nothing", |config| {
        config.link = Some(LinkConfig {
            tokens: vec![ServiceToken::new(TOKEN, Permissions::ALL)],
            asks: Permissions::DIRECTORY,
        });
    });
    (host.more, host.kept, host.heavy) = (SERVICE_MEMORY, SERVICE_MEMORY, 0);
    let peers: Vec<(ConnId, SessionId)> = (0..24).map(|_| host.online()).collect();
    let mut service = link(&mut host, "0");
    // Without an acknowledgement of the service's; the clients' are sent.
    let mut number = 0;
    for round in 0..1_500_u32 {
        if !host.conns.contains_key(&service) {
            service = link(&mut host, &round.to_string());
        }
        let (conn, session) = peers[round as usize % peers.len()];
        number += 4;
        let data = vec![7; if round % 3 == 0 { 15_900 } else { 1 }];
        let to_service = DataTo {
            to: Address::Service,
            request: RequestId(number),
            data: Opaque::new(&data).unwrap(),
            params: P,
        };
        host.say(conn, to_service.encode());
        let name = format!("{round} {}", "n".repeat(50));
        let lookup = Lookup {
            request: RequestId(number + 1),
            name: Text::cut(&name),
            params: P,
        };
        host.say(conn, lookup.encode());
        let join = Join {
            request: RequestId(number + 2),
            room: RoomId::NONE,
            name: Text::cut(&name),
            secret: Opaque::default(),
            params: P,
        };
        host.say(conn, join.encode());
        let leave = Leave {
            request: RequestId(number + 3),
            room: host.room,
            params: P,
        };
        host.say(conn, leave.encode());
        let push = Push {
            epoch: host.epoch,
            request: RequestId(round + 1),
            to: Address::Session(session),
            data: Opaque::new(&data).unwrap(),
            params: P,
        };
        host.say(service, push.encode());
        host.pass(40);
    }
    assert!(host.peak > 2 << 20, "only {} bytes", host.peak);
    host.end();
}
