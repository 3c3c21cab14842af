//! Offers, and streams of transfers that stand still.

use bytes::Bytes;
use duet_protocol::id::{RequestId, SessionId, TransferId};
use duet_protocol::io::{ConnId, Input, StreamId};
use duet_protocol::limits::MAX_TRANSFERS;
use duet_protocol::message::Wire as _;
use duet_protocol::message::transfer::{Bulk, Offer, Receive};
use duet_protocol::wire::{Address, Params, Text};

use super::host::Host;

fn id(number: u32) -> TransferId {
    let mut id = [9; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    TransferId(id)
}

fn offer(number: u32, to: SessionId, name: &str) -> Bytes {
    Offer {
        to: Address::Session(to),
        request: RequestId(number + 1),
        transfer: id(number),
        size: 1 << 32,
        name: Text::cut(name),
        content_type: Text::cut(name),
        params: Params::NONE,
    }
    .encode()
}

/// Far more offers than anybody may have open, with the longest of names, and nobody says a word.
pub(super) fn offers_that_nobody_answers() {
    let mut host = Host::new("offers that nobody answers");
    host.heavy = 0;
    let peers: Vec<(ConnId, SessionId)> = (0..12).map(|_| host.online()).collect();
    let name = "n".repeat(255);
    let mut most = 0;
    for number in 0..3_000_u32 {
        let from = number as usize % peers.len();
        let to = (number as usize / peers.len() + from) % peers.len();
        host.say(peers[from].0, offer(number, peers[to].1, &name));
        most = most.max(host.core.census().transfers);
        host.pass(20);
    }
    assert!(
        most >= MAX_TRANSFERS && most <= MAX_TRANSFERS * peers.len(),
        "{most}"
    );
    host.end();
}

/// Everything is accepted, both sides open their streams, and nothing moves; then streams without a first frame.
pub(super) fn streams_that_stand_still() {
    let mut host = Host::new("streams that stand still");
    host.heavy = 0;
    let peers: Vec<(ConnId, SessionId)> = (0..8).map(|_| host.online()).collect();
    let mut open = 0;
    for number in 0..400_u32 {
        let from = number as usize % peers.len();
        let (sender, (receiver, session)) = (peers[from].0, peers[(from + 1) % peers.len()]);
        let transfer = id(number);
        host.say(sender, offer(number, session, "film"));
        let (offset, attempt, params) = (0, 1, Params::NONE);
        host.say(
            receiver,
            Receive {
                transfer,
                offset,
                params,
            }
            .encode(),
        );
        let first = Bulk {
            transfer,
            offset,
            attempt,
            params,
        }
        .encode();
        for (index, bytes) in [(1, first.clone()), (2 + number, first.slice(..9))] {
            let id = StreamId {
                by_peer: true,
                index,
            };
            let (conn, fin) = (sender, false);
            host.input(Input::Stream {
                conn,
                id,
                bytes,
                fin,
            });
        }
        open = open.max(host.core.census().transfers);
        host.pass(200);
    }
    assert!(open >= peers.len(), "only {open} transfers");
    host.end();
}
