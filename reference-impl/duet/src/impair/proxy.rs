//! The UDP proxy: whoever sends to its address has the network between itself and another address.
//!
//! ```text
//! peer ⇄ listening socket ⇄ gate of a client ⇄ the network ⇄ gate of the server ⇄ a socket for each flow ⇄ target
//! ```
//!
//! In the network each peer has a port of its own at a client's node. Each source that arrives at the server's node has
//! a real socket of its own, so that the target sees as many peers as there would be, and sees a new port where a NAT
//! in the network gives one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use duet_quic::BindError;
use duet_sim::net::{Content, Datagram, address_of};
use duet_sim::{NodeId, Time};

use super::socket::{Buffers, Received, Socket, dropped};
use super::{Ends, Run, Summary};

/// Most peers, and most sockets towards the target. When there are more, the longest silent gives way.
const MOST: usize = 256;

/// Who has been silent for so long is forgotten (RFC 4787 §4.3 has NATs do so after five minutes).
const SILENCE: Duration = Duration::from_secs(300);

/// Distance between searches for those.
const SEARCH: Duration = Duration::from_secs(10);

/// Calls after which a socket that has ever more to give lets the others have their turn.
const TURN: usize = 64;

/// The first of the ports that peers have in the network (RFC 6335 §6).
const FIRST_PORT: u16 = 49_152;

/// Stands for the address of the station that a datagram leaves from.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The proxy, bound and ready.
pub struct Proxy {
    ends: Ends,
    to: SocketAddr,
    listen: Socket,
    buffers: Buffers,
    peers: BTreeMap<SocketAddr, Peer>,
    /// Whose port it is at which client.
    ports: BTreeMap<(NodeId, u16), SocketAddr>,
    /// By the source that arrives at the server.
    flows: BTreeMap<SocketAddr, Flow>,
    /// How many peers there have been.
    seen: usize,
    searched: Time,
}

/// Somebody who sends to the listening socket.
struct Peer {
    client: NodeId,
    port: u16,
    /// The address of ours that it knows.
    local: Option<IpAddr>,
    heard: Time,
}

/// A real source towards the target.
struct Flow {
    socket: Socket,
    heard: Time,
}

impl Proxy {
    /// A proxy that listens at one address, for the target at another.
    ///
    /// # Errors
    ///
    /// The address is not to be had.
    pub fn bind(listen: SocketAddr, to: SocketAddr, ends: Ends) -> Result<Self, BindError> {
        Ok(Self {
            ends,
            to,
            listen: Socket::bind(listen)?,
            buffers: Buffers::new(),
            peers: BTreeMap::new(),
            ports: BTreeMap::new(),
            flows: BTreeMap::new(),
            seen: 0,
            searched: Time::ZERO,
        })
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listen.local_addr()
    }

    /// Carries packets until the run is to end.
    ///
    /// # Errors
    ///
    /// The log cannot be written, or waiting fails.
    pub fn run(mut self, mut run: Run) -> io::Result<Summary> {
        let mut batch = Vec::new();
        loop {
            let now = run.advance();
            self.deliver(&mut run, now);
            if now.since(self.searched) > SEARCH {
                self.forget(now);
            }
            let sources: Vec<SocketAddr> = self.flows.keys().copied().collect();
            let sockets = self.flows.values().map(|flow| flow.socket.as_fd());
            let fds: Vec<BorrowedFd<'_>> = std::iter::once(self.listen.as_fd())
                .chain(sockets)
                .collect();
            let Some(ready) = run.wait(&fds)? else {
                let flows = self.flows.values().map(|flow| &flow.socket);
                run.overran(dropped(flows.chain([&self.listen])));
                return run.finish();
            };
            for index in ready {
                match index.checked_sub(1).map(|index| sources[index]) {
                    None => self.receive_from_peers(&mut run, &mut batch),
                    Some(source) => self.receive_from_target(&mut run, source, &mut batch),
                }
            }
        }
    }

    fn receive_from_peers(&mut self, run: &mut Run, batch: &mut Vec<Received>) {
        for _ in 0..TURN {
            if self.listen.receive(&mut self.buffers, batch).is_err() {
                break;
            }
            let now = run.advance();
            for received in batch.drain(..) {
                let (client, port) = self.peer(received.remote, received.local, now);
                let server = SocketAddr::new(address_of(self.ends.server), self.to.port());
                let datagram = datagram(SocketAddr::new(OWN, port), server, received);
                run.impairment.put(client, datagram);
            }
        }
    }

    fn receive_from_target(
        &mut self,
        run: &mut Run,
        source: SocketAddr,
        batch: &mut Vec<Received>,
    ) {
        for _ in 0..TURN {
            let Some(flow) = self.flows.get_mut(&source) else {
                return;
            };
            if flow.socket.receive(&mut self.buffers, batch).is_err() {
                return;
            }
            let now = run.advance();
            for received in batch.drain(..) {
                if received.remote != self.to {
                    run.refuse();
                    continue;
                }
                flow.heard = now;
                let server = SocketAddr::new(OWN, self.to.port());
                let datagram = datagram(server, source, received);
                run.impairment.put(self.ends.server, datagram);
            }
        }
    }

    /// The client's node and the port that stand for a peer in the network.
    fn peer(&mut self, remote: SocketAddr, local: Option<IpAddr>, now: Time) -> (NodeId, u16) {
        if let Some(peer) = self.peers.get_mut(&remote) {
            peer.heard = now;
            peer.local = local;
            return (peer.client, peer.port);
        }
        if self.peers.len() >= MOST
            && let Some(silent) = silent(self.peers.iter().map(|(key, peer)| (*key, peer.heard)))
        {
            self.forget_peer(silent);
        }
        let client = self.ends.clients[self.seen % self.ends.clients.len()];
        // They come round after 16,384 peers, of which few are left.
        let mut port = FIRST_PORT + (self.seen % usize::from(u16::MAX - FIRST_PORT)) as u16;
        while self.ports.contains_key(&(client, port)) {
            port = port.checked_add(1).unwrap_or(FIRST_PORT);
        }
        self.seen += 1;
        self.ports.insert((client, port), remote);
        let peer = Peer {
            client,
            port,
            local,
            heard: now,
        };
        self.peers.insert(remote, peer);
        (client, port)
    }

    /// Sends what has come through the network.
    fn deliver(&mut self, run: &mut Run, now: Time) {
        for client in self.ends.clients.clone() {
            while let Some((due, datagram)) = run.impairment.take(client) {
                let Content::Bytes(bytes) = &datagram.content else {
                    continue;
                };
                let remote = self.ports.get(&(client, datagram.destination.port()));
                let Some((remote, peer)) =
                    remote.and_then(|remote| Some((*remote, self.peers.get_mut(remote)?)))
                else {
                    run.refuse();
                    continue;
                };
                peer.heard = now;
                let sent = self.listen.send(remote, peer.local, datagram.ecn, bytes);
                run.sent(due, &sent);
            }
        }
        while let Some((due, datagram)) = run.impairment.take(self.ends.server) {
            let Content::Bytes(bytes) = &datagram.content else {
                continue;
            };
            if datagram.destination.port() != self.to.port() {
                run.refuse();
                continue;
            }
            let to = self.to;
            match self.flow(datagram.source, now) {
                Ok(flow) => {
                    flow.heard = now;
                    let sent = flow.socket.send(to, None, datagram.ecn, bytes);
                    run.sent(due, &sent);
                }
                Err(error) => {
                    tracing::warn!(%error, "no socket for another flow");
                    run.refuse();
                }
            }
        }
    }

    /// The socket that stands for a source that arrives at the server.
    fn flow(&mut self, source: SocketAddr, now: Time) -> Result<&mut Flow, BindError> {
        if !self.flows.contains_key(&source)
            && self.flows.len() >= MOST
            && let Some(silent) = silent(self.flows.iter().map(|(key, flow)| (*key, flow.heard)))
        {
            self.flows.remove(&silent);
        }
        match self.flows.entry(source) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let any: IpAddr = match self.to {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                let socket = Socket::bind(SocketAddr::new(any, 0))?;
                Ok(new.insert(Flow { socket, heard: now }))
            }
        }
    }

    /// Forgets who has been silent for long.
    fn forget(&mut self, now: Time) {
        self.searched = now;
        let long = |heard: Time| now.since(heard) > SILENCE;
        self.flows.retain(|_, flow| !long(flow.heard));
        let peers = self.peers.iter().filter(|(_, peer)| long(peer.heard));
        let silent: Vec<SocketAddr> = peers.map(|(key, _)| *key).collect();
        for peer in silent {
            self.forget_peer(peer);
        }
    }

    fn forget_peer(&mut self, remote: SocketAddr) {
        if let Some(peer) = self.peers.remove(&remote) {
            self.ports.remove(&(peer.client, peer.port));
        }
    }
}

fn datagram(source: SocketAddr, destination: SocketAddr, received: Received) -> Datagram {
    Datagram {
        source,
        destination,
        ecn: received.ecn,
        class: "udp",
        content: Content::Bytes(received.bytes),
    }
}

/// The one that has been silent the longest.
fn silent(all: impl Iterator<Item = (SocketAddr, Time)>) -> Option<SocketAddr> {
    all.min_by_key(|(_, heard)| *heard).map(|(key, _)| key)
}
