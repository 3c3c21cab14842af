//! A network in memory: connections from every party to the server, each way in order, everything 20 ms later.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::io::{Capabilities, Cause, ConnId, Core, Input, Output, Purpose, StreamId};
use duet_protocol::media::Ecn;
use duet_protocol::time::Instant;

const DELAY: Duration = Duration::from_millis(20);
const CAPABILITIES: Capabilities = Capabilities {
    shared_media: false,
    unreliable_datagrams: true,
};

/// Who has a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Server,
    Service,
    Ada,
    Bob,
}

#[derive(Default)]
pub(crate) struct Network {
    /// What is on its way: when it arrives, at whom, and what that core is told.
    on_its_way: VecDeque<(Instant, Party, Input)>,
    /// What each end of a connection calls the other one.
    peers: BTreeMap<(Party, ConnId), (Party, ConnId)>,
    connections: u64,
}

impl Network {
    /// When the next thing arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.on_its_way.front().map(|(at, ..)| *at)
    }

    pub(crate) fn take_arrival(&mut self) -> Option<(Party, Input)> {
        let (_, party, input) = self.on_its_way.pop_front()?;
        Some((party, input))
    }

    /// Does all that a core asks; what its application is told comes back.
    pub(crate) fn drive<C: Core>(
        &mut self,
        own: Party,
        core: &mut C,
        now: Instant,
    ) -> Vec<C::Event> {
        let mut events = Vec::new();
        while let Some(output) = core.poll_output() {
            match output {
                Output::Connect { conn, purpose, .. } => {
                    self.connect(own, core, conn, purpose, now)
                }
                Output::Write {
                    conn,
                    id,
                    bytes,
                    fin,
                } => self.send(now, (own, conn), |conn| Input::Stream {
                    conn,
                    id: StreamId {
                        by_peer: !id.by_peer,
                        ..id
                    },
                    bytes,
                    fin,
                }),
                Output::Close { conn, code } => {
                    let cause = Cause::Peer(code);
                    self.send(now, (own, conn), |conn| Input::Closed { conn, cause });
                    let peer = self.peers.remove(&(own, conn));
                    peer.and_then(|peer| self.peers.remove(&peer));
                    let cause = Cause::Local;
                    core.handle(now, Input::Closed { conn, cause });
                }
                Output::Event(event) => events.push(event),
                // Nothing is transferred here, the service is asked over its link, and there is one shard.
                _ => {}
            }
        }
        let mut buffer = Vec::new();
        while let Some(conn) = core.next_datagram(&mut buffer) {
            let (bytes, at) = (Bytes::copy_from_slice(&buffer), now.after(DELAY));
            // This network has no IP packets, and so no marks.
            let ecn = Ecn::NotEct;
            self.send(now, (own, conn), |conn| Input::Datagram {
                conn,
                bytes,
                at,
                ecn,
            });
        }
        events
    }

    fn connect<C: Core>(
        &mut self,
        own: Party,
        core: &mut C,
        conn: ConnId,
        purpose: Purpose,
        now: Instant,
    ) {
        self.connections = self.connections.saturating_add(1);
        let theirs = ConnId(self.connections);
        self.peers.insert((own, conn), (Party::Server, theirs));
        self.peers.insert((Party::Server, theirs), (own, conn));
        let connected = |conn| Input::Connected {
            conn,
            purpose,
            capabilities: CAPABILITIES,
        };
        let path = |conn| Input::Path {
            conn,
            rtt: DELAY.saturating_mul(2),
            max_datagram: 1_160,
        };
        self.send(now, (own, conn), connected);
        self.send(now, (own, conn), path);
        core.handle(now, connected(conn));
        core.handle(now, path(conn));
    }

    fn send(&mut self, now: Instant, from: (Party, ConnId), input: impl FnOnce(ConnId) -> Input) {
        // The other side may have closed it meanwhile.
        if let Some((to, conn)) = self.peers.get(&from) {
            self.on_its_way
                .push_back((now.after(DELAY), *to, input(*conn)));
        }
    }
}
