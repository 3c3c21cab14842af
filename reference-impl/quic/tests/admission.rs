//! Whom a server lets in: by protocol, by address, by how many are at the door.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Purpose, StreamId};
use duet_protocol::time::Instant;
use duet_quic::{Datagram, Driver, ServerSettings, address_of};
use duet_sim::{NodeId, World};
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{ConnectionError, DatagramEvent, Endpoint, EndpointConfig, Event};

/// A client of stock quinn-proto that offers some other protocol, or more streams than it should.
struct Stranger {
    endpoint: Endpoint,
    conn: quinn_proto::Connection,
    lost: Option<ConnectionError>,
    connected: bool,
    now: Instant,
}

impl Stranger {
    fn new(alpn: &[&[u8]]) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let pem = identity().certificate_pem().to_owned();
        use rustls::pki_types::pem::PemObject as _;
        let root = rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes());
        roots.add(root.expect("a certificate")).expect("a root");
        let mut tls = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let tls = QuicClientConfig::try_from(tls).expect("TLS 1.3");
        let config = quinn_proto::ClientConfig::new(Arc::new(tls));
        let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
        let (_, conn) = endpoint
            .connect(epoch(), config, address_of(SERVER), SERVER_NAME)
            .expect("begun");
        Self {
            endpoint,
            conn,
            lost: None,
            connected: false,
            now: Instant::EPOCH,
        }
    }

    /// Exchanges packets with a server, without delay, for a fifth of a second.
    fn talk(&mut self, server: &mut Driver<TestCore>) {
        for _ in 0..4 {
            while self.exchange(server) {}
            self.now = self.now.after(Duration::from_millis(50));
            self.conn.handle_timeout(self.std_now());
            server.wake(self.now);
        }
        while let Some(event) = self.conn.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::ConnectionLost { reason } => self.lost = Some(reason),
                _ => {}
            }
        }
    }

    /// Lets each side send what it has; says whether that was anything.
    fn exchange(&mut self, server: &mut Driver<TestCore>) -> bool {
        let (at, std_now) = (self.now, self.std_now());
        let mut any = false;
        let mut buffer = Vec::new();
        while self.conn.poll_transmit(std_now, 1, &mut buffer).is_some() {
            any = true;
            let datagram = Datagram {
                remote: address_of(CLIENT),
                bytes: duet_quic::BytesMut::from(&buffer[..]),
                ecn: None,
                at,
            };
            server.receive(at, datagram);
            buffer.clear();
        }
        while let Some(transmit) = server.transmit(at) {
            any = true;
            let (from, bytes) = (address_of(SERVER), transmit.bytes);
            let event = self
                .endpoint
                .handle(std_now, from, None, None, bytes, &mut buffer);
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                self.conn.handle_event(event);
            }
        }
        any
    }

    fn std_now(&self) -> std::time::Instant {
        epoch() + Duration::from_micros(self.now.as_micros())
    }
}

fn driver() -> Driver<TestCore> {
    server(1, ServerSettings::new(identity()), TestCore::echoing()).driver
}

#[test]
//= WIRE-013
fn a_client_of_another_protocol_is_refused() {
    for alpn in [&[&b"h3"[..]][..], &[b"duet/2"], &[]] {
        let mut server = driver();
        let mut stranger = Stranger::new(alpn);
        stranger.talk(&mut server);
        assert!(!stranger.connected && server.core().connected.is_empty());
        // no_application_protocol (120), RFC 9001 §8.1.
        let reason = format!("{:?}", stranger.lost);
        assert!(reason.contains("Code::crypto(78)"), "{alpn:?}: {reason}");
    }
}

#[test]
fn a_client_that_offers_ours_among_others_is_not() {
    let mut server = driver();
    let mut stranger = Stranger::new(&[b"h3", b"duet-media/1"]);
    stranger.talk(&mut server);
    assert!(stranger.connected, "{:?}", stranger.lost);
    assert_eq!(server.core().connected[&ConnId(0)], Purpose::Media);
}

#[test]
fn a_stranger_gets_one_stream_of_media_and_two_of_control() {
    for (alpn, streams) in [(&b"duet-media/1"[..], 1), (b"duet/1", 2)] {
        let mut stranger = Stranger::new(&[alpn]);
        let mut server = driver();
        stranger.talk(&mut server);
        let mut opened = 0;
        while stranger.conn.streams().open(quinn_proto::Dir::Bi).is_some() {
            opened += 1;
        }
        assert_eq!(opened, streams, "{}", String::from_utf8_lossy(alpn));
        assert!(
            stranger
                .conn
                .streams()
                .open(quinn_proto::Dir::Uni)
                .is_none()
        );
    }
}

#[test]
fn resets_and_codes_out_of_range_are_understood() {
    let mut stranger = Stranger::new(&[b"duet/1"]);
    let mut server = driver();
    stranger.talk(&mut server);
    let id = stranger
        .conn
        .streams()
        .open(quinn_proto::Dir::Bi)
        .expect("a stream");
    stranger
        .conn
        .send_stream(id)
        .write(b"half")
        .expect("written");
    stranger.talk(&mut server);
    stranger
        .conn
        .send_stream(id)
        .reset(9_u32.into())
        .expect("reset");
    stranger.talk(&mut server);
    assert_eq!(server.core().reset.len(), 1);

    let code = quinn_proto::VarInt::from_u32(70_000);
    stranger
        .conn
        .close(stranger.std_now(), code, Default::default());
    stranger.talk(&mut server);
    let cause = server.core().cause(ConnId(0)).cloned();
    let text = "the peer closed the connection with a code out of range, 70000";
    assert_eq!(cause, Some(Cause::Failed(text.to_owned())));
}

#[test]
fn a_stream_that_the_peer_stops_takes_no_more() {
    let mut stranger = Stranger::new(&[b"duet/1"]);
    let mut server = driver();
    stranger.talk(&mut server);
    let id = stranger
        .conn
        .streams()
        .open(quinn_proto::Dir::Bi)
        .expect("a stream");
    stranger
        .conn
        .send_stream(id)
        .write(b"hello")
        .expect("written");
    stranger.talk(&mut server);
    // More than a stranger who does not read has room for: the rest waits in the driver.
    server.command(stranger.now, |core, _| {
        core.write(ConnId(0), StreamId::FIRST_OF_PEER, vec![0; 3 << 20], false);
    });
    stranger.talk(&mut server);
    stranger
        .conn
        .recv_stream(id)
        .stop(1_u32.into())
        .expect("stopped");
    stranger.talk(&mut server);
    // A close waits for none of it.
    server.command(stranger.now, |core, _| core.close(ConnId(0), Code::KICKED));
    stranger.talk(&mut server);
    let reason = format!("{:?}", stranger.lost);
    assert!(
        reason.contains("ApplicationClosed") && reason.contains("277"),
        "{reason}"
    );
}

/// Many clients, one server, limits of a few: all clients start at once.
fn crowd(clients: u8, settings: ServerSettings) -> Net {
    let mut net = World::new(1);
    net.add_node("server", server(1, settings, TestCore::default()));
    for id in 1..=clients {
        let core = TestCore::default();
        let node = net.add_node(&format!("client{id}"), client(1, id, trust(), core));
        net.connect(SERVER, node, link(0));
        net.connect(node, SERVER, link(0));
        command(&mut net, node, |core| {
            core.connect(ConnId(0), Purpose::Control)
        });
    }
    settle(&mut net, Duration::from_secs(3));
    net
}

fn connected(net: &Net, clients: u8) -> usize {
    (1..=clients)
        .filter(|&id| !core(net, NodeId(id.into())).connected.is_empty())
        .count()
}

#[test]
fn a_crowd_has_to_prove_its_addresses() {
    let mut settings = ServerSettings::new(identity());
    settings.handshakes_before_retry = 4;
    let net = crowd(12, settings);
    assert_eq!(connected(&net, 12), 12);
    assert_eq!(net.node(SERVER).driver.statistics().retried, 8);
    assert_eq!(net.node(SERVER).driver.statistics().refused, 0);
}

#[test]
fn a_crowd_too_large_is_refused() {
    let mut settings = ServerSettings::new(identity());
    settings.max_handshakes = 4;
    let net = crowd(12, settings);
    assert_eq!(connected(&net, 12), 4);
    assert_eq!(net.node(SERVER).driver.statistics().refused, 8);
    let cause = core(&net, NodeId(12)).cause(ConnId(0)).cloned();
    let text = "the peer refuses further connections";
    assert_eq!(cause, Some(Cause::Failed(text.to_owned())));
}

#[test]
fn handshakes_that_fail_make_room_again() {
    let mut settings = ServerSettings::new(identity());
    settings.max_handshakes = 1;
    let mut net = World::new(1);
    net.add_node("server", server(1, settings, TestCore::default()));
    let suspicious = duet_quic::Trust::Fingerprint(duet_quic::Fingerprint([0; 32]));
    for (id, trust) in [(1, suspicious), (2, trust())] {
        let node = net.add_node(
            &format!("client{id}"),
            client(1, id, trust, TestCore::default()),
        );
        net.connect(SERVER, node, link(0));
        net.connect(node, SERVER, link(0));
        command(&mut net, node, |core| {
            core.connect(ConnId(0), Purpose::Control)
        });
        settle(&mut net, Duration::from_secs(3));
    }
    assert!(core(&net, NodeId(1)).connected.is_empty());
    assert!(!core(&net, NodeId(2)).connected.is_empty());
}
