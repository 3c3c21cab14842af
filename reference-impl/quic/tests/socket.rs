//! The same driver over real sockets, on the loopback interface, with bounded waits.

mod common;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::*;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Purpose, StreamId};
use duet_protocol::media::Ecn;
use duet_quic::{
    ClientSettings, Driver, EcnCodepoint, Identity, Loop, Packet, Pumped, Received, ServerSettings,
    Simulation, Socket, Trust, UdpSocket,
};
use tokio::sync::oneshot;

const CONTROL: ConnId = ConnId(0);
const MEDIA: ConnId = ConnId(1);
const S0: StreamId = StreamId::FIRST_OF_CLIENT;

type TestLoop = Loop<TestCore, UdpSocket>;

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn server_loop(identity: Identity, address: SocketAddr) -> TestLoop {
    let epoch = std::time::Instant::now();
    let settings = ServerSettings::new(identity);
    let driver = Driver::server(settings, TestCore::echoing(), [1; 32], epoch);
    Loop::new(
        driver.expect("usable settings"),
        UdpSocket::bind(address).expect("a socket"),
    )
}

fn client_loop<S: Socket>(server: SocketAddr, trust: Trust, socket: S) -> Loop<TestCore, S> {
    let settings = ClientSettings {
        server,
        server_name: SERVER_NAME.to_owned(),
        trust,
    };
    let epoch = std::time::Instant::now();
    let driver = Driver::client(settings, TestCore::default(), [2; 32], epoch);
    Loop::new(driver.expect("usable settings"), socket)
}

/// Pumps until a condition on the core holds, for twenty seconds at most.
async fn pump_until<S: Socket>(
    this: &mut Loop<TestCore, S>,
    condition: impl Fn(&TestCore) -> bool,
) {
    let all = async {
        while !condition(this.driver().core()) {
            this.pump().await.expect("a sound socket");
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), all).await;
    assert!(waited.is_ok(), "waited in vain");
}

/// Runs a server beside a client until the client is done; gives the server's core back.
async fn beside(
    mut server: TestLoop,
    client: impl Future<Output = ()>,
    done: impl Fn(&TestCore) -> bool,
) -> TestLoop {
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = async {
        let mut stopped = stopped;
        while let Pumped::Moved = server
            .pump_until(&mut stopped)
            .await
            .expect("a sound socket")
        {}
    };
    let client = async {
        client.await;
        drop(stop);
    };
    tokio::join!(serve, client);
    pump_until(&mut server, done).await;
    server
}

async fn session(ip: &str) {
    let identity = Identity::ecdsa_p256_dev(&[SERVER_NAME]).expect("made");
    // Verified against the certificate as its own root, at the time that the loop tells the driver.
    let trust = Trust::Roots(identity.certificate_pem().as_bytes().to_vec());
    let address = SocketAddr::new(ip.parse().expect("an address"), 0);
    let server = server_loop(identity, address);
    let address = server.local_addr().expect("bound");
    let socket = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).expect("a socket");
    let mut client = client_loop(address, trust, socket);
    let sent = pattern(200_000);
    let talk = async {
        client.command(|core, _| {
            core.connect(CONTROL, Purpose::Control);
            core.connect(MEDIA, Purpose::Media);
        });
        pump_until(&mut client, |core| core.connected.len() == 2).await;
        let bytes = sent.clone();
        client.command(|core, _| {
            let id = core.open(CONTROL);
            core.write(CONTROL, id, bytes, false);
            for n in 0..100_u8 {
                core.datagram(MEDIA, &[n; 1_000]);
            }
        });
        pump_until(&mut client, |core| {
            core.received(CONTROL, S0).len() == 200_000 && core.datagrams.len() == 100
        })
        .await;
        client.command(|core, _| core.close(CONTROL, Code::LOGOUT));
        pump_until(&mut client, |core| core.closed.contains_key(&CONTROL)).await;
        // What follows from the last command is sent by the next pump.
        let soon = tokio::time::sleep(Duration::from_millis(1));
        client.pump_until(soon).await.expect("a sound socket");
    };
    let server = beside(server, talk, |core| !core.closed.is_empty()).await;
    assert_eq!(client.driver().core().received(CONTROL, S0), sent);
    //= MEDIA-042
    for core in [client.driver().core(), server.driver().core()] {
        // QUIC asks for marks, and the loopback interface gives none.
        let fields = core.datagrams.iter().map(|datagram| datagram.3);
        assert!(core.datagrams.len() == 100 && fields.eq([Ecn::Ect0; 100]));
    }
    let ids: Vec<u8> = client
        .driver()
        .core()
        .datagrams
        .iter()
        .map(|d| d.1[0])
        .collect();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
    let causes: Vec<_> = server.driver().core().closed.values().collect();
    assert_eq!(causes[0].1, Cause::Peer(Code::LOGOUT));
}

#[tokio::test]
async fn a_session_over_ipv4() {
    session("127.0.0.1").await;
}

#[tokio::test]
async fn a_session_over_ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback address");
        return;
    }
    session("::1").await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = UdpSocket::bind(loopback()).expect("a socket");
    let address = first.local_addr().expect("bound");
    let error = UdpSocket::bind(address).err().expect("refused");
    assert_eq!(error.to_string(), format!("address {address} is in use"));

    let elsewhere = SocketAddr::from(([203, 0, 113, 1], 4433));
    let error = UdpSocket::bind(elsewhere).err().expect("refused");
    assert_eq!(
        error.to_string(),
        "address 203.0.113.1:4433 is none of this machine's"
    );
}

/// A socket that reports, at every other call, what a kernel reports about peers that are gone, or that it is full.
struct Flaky {
    inner: UdpSocket,
    calls: u32,
    reported: u32,
}

impl Flaky {
    fn mishap(&mut self, errors: &[io::ErrorKind]) -> io::Result<()> {
        self.calls += 1;
        if self.calls.is_multiple_of(2) {
            return Ok(());
        }
        let error = errors[self.reported as usize % errors.len()];
        self.reported += 1;
        Err(error.into())
    }
}

impl Socket for Flaky {
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.inner.readable()
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.inner.writable()
    }

    fn recv_batch(&mut self, batch: &mut Vec<Received>) -> io::Result<usize> {
        self.mishap(&[
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::HostUnreachable,
        ])?;
        self.inner.recv_batch(batch)
    }

    fn send_batch(&mut self, batch: &[Packet<'_>]) -> io::Result<usize> {
        // A refusal costs the first packet; being full costs nothing.
        let mut errors = [io::ErrorKind::WouldBlock; 10];
        errors[9] = io::ErrorKind::ConnectionRefused;
        self.mishap(&errors)?;
        self.inner.send_batch(batch)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

#[tokio::test]
async fn what_the_network_says_of_peers_does_not_end_the_loop() {
    let server = server_loop(identity(), loopback());
    let address = server.local_addr().expect("bound");
    let flaky = Flaky {
        inner: UdpSocket::bind(loopback()).expect("a socket"),
        calls: 0,
        reported: 0,
    };
    let mut client = client_loop(address, trust(), flaky);
    let talk = async {
        client.command(|core, _| core.connect(CONTROL, Purpose::Control));
        pump_until(&mut client, |core| core.connected.contains_key(&CONTROL)).await;
        client.command(|core, _| {
            let id = core.open(CONTROL);
            core.write(CONTROL, id, pattern(50_000), false);
        });
        let all = |core: &TestCore| core.received(CONTROL, S0).len() == 50_000;
        pump_until(&mut client, all).await;
    };
    beside(server, talk, |core| !core.connected.is_empty()).await;
    assert_eq!(
        client.driver().core().received(CONTROL, S0),
        pattern(50_000)
    );
}

/// A socket that is beyond use.
struct Broken(UdpSocket);

impl Socket for Broken {
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    fn recv_batch(&mut self, _batch: &mut Vec<Received>) -> io::Result<usize> {
        const EBADF: i32 = 9;
        Err(io::Error::from_raw_os_error(EBADF))
    }

    fn send_batch(&mut self, batch: &[Packet<'_>]) -> io::Result<usize> {
        Ok(batch.len())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[tokio::test]
async fn a_broken_socket_ends_the_loop() {
    let broken = Broken(UdpSocket::bind(loopback()).expect("a socket"));
    let mut client = client_loop(loopback(), trust(), broken);
    assert!(client.pump().await.is_err());
}

/// A deadline wakes the core although no packet ever comes, and not before its time.
#[tokio::test]
async fn deadlines_wake_the_core() {
    let mut server = server_loop(identity(), loopback());
    let alarm = server.now().after(Duration::from_millis(30));
    server.command(|core, _| core.alarm = Some(alarm));
    pump_until(&mut server, |core| !core.wakes.is_empty()).await;
    assert!(server.driver().core().wakes[0] >= alarm);
    assert!(
        server.driver().core().wall_clock.is_some(),
        "the loop tells the time"
    );
}

/// Receives until there are so many packets, for twenty seconds at most.
async fn receive(socket: &mut UdpSocket, count: usize) -> Vec<Received> {
    let mut batch = Vec::new();
    let all = async {
        while batch.len() < count {
            socket.readable().await.expect("a sound socket");
            match socket.recv_batch(&mut batch) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), all).await;
    assert!(waited.is_ok(), "waited in vain");
    batch
}

#[tokio::test]
async fn packets_that_the_kernel_joined_are_taken_apart() {
    let mut receiver = UdpSocket::bind(loopback()).expect("a socket");
    let sender = std::net::UdpSocket::bind(loopback()).expect("a socket");
    let state = quinn_udp::UdpSocketState::new((&sender).into()).expect("a state");
    if state.max_gso_segments() < 4 {
        eprintln!("skipped: this kernel does not cut datagrams");
        return;
    }
    let contents = pattern(3_500);
    let transmit = quinn_udp::Transmit {
        destination: receiver.local_addr().expect("bound"),
        ecn: Some(quinn_udp::EcnCodepoint::Ect0),
        contents: &contents,
        segment_size: Some(1_000),
        src_ip: None,
    };
    state.send((&sender).into(), &transmit).expect("sent");
    let batch = receive(&mut receiver, 4).await;
    let bytes: Vec<&[u8]> = batch.iter().map(|packet| &packet.bytes[..]).collect();
    assert_eq!(bytes, contents.chunks(1_000).collect::<Vec<_>>());
    for packet in &batch {
        assert_eq!(packet.remote, sender.local_addr().expect("bound"));
        assert_eq!(packet.ecn, Some(EcnCodepoint::Ect0));
    }
}

#[tokio::test]
async fn one_batch_goes_to_many_peers() {
    let mut sender = UdpSocket::bind(loopback()).expect("a socket");
    let mut receivers = [(); 3].map(|()| UdpSocket::bind(loopback()).expect("a socket"));
    let bytes = [1_u8, 2, 3];
    let marks = [Some(EcnCodepoint::Ect0), Some(EcnCodepoint::Ect0), None];
    let batch: Vec<Packet<'_>> = (0..3)
        .map(|i| Packet {
            remote: receivers[i].local_addr().expect("bound"),
            bytes: &bytes[i..],
            ecn: marks[i],
        })
        .collect();
    let mut sent = 0;
    let mut calls = 0;
    while sent < 3 {
        sender.writable().await.expect("a sound socket");
        sent += sender.send_batch(&batch[sent..]).expect("room");
        calls += 1;
    }
    if cfg!(target_os = "linux") {
        assert_eq!(calls, 2, "one for each mark");
    }
    for (i, receiver) in receivers.iter_mut().enumerate() {
        let received = receive(receiver, 1).await;
        assert_eq!(received[0].bytes, bytes[i..]);
        assert_eq!(received[0].ecn, marks[i], "packet {i}");
    }
}

/// A server that listens on all addresses has one socket for both families, and each marks by an option of its own.
#[tokio::test]
async fn a_socket_of_both_families_marks_what_goes_to_either() {
    let any = SocketAddr::new("::".parse().expect("an address"), 0);
    let Ok(mut sender) = UdpSocket::bind(any) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    for ip in ["127.0.0.1", "::1"] {
        let own = SocketAddr::new(ip.parse().expect("an address"), 0);
        let Ok(mut receiver) = UdpSocket::bind(own) else {
            eprintln!("skipped: this machine has no {ip}");
            continue;
        };
        let mut remote = receiver.local_addr().expect("bound");
        if let SocketAddr::V4(address) = remote {
            // As QUIC knows a peer that came in by such a socket.
            remote = SocketAddr::new(address.ip().to_ipv6_mapped().into(), address.port());
        }
        for ecn in [Some(EcnCodepoint::Ect0), None] {
            let bytes = b"marked or not";
            sender.writable().await.expect("a sound socket");
            let packet = Packet { remote, bytes, ecn };
            assert_eq!(sender.send_batch(&[packet]).expect("room"), 1);
            let received = receive(&mut receiver, 1).await;
            assert_eq!(received[0].ecn, ecn, "to {remote}");
        }
    }
}

#[test]
fn loops_can_be_spawned() {
    fn send<T: Send>() {}
    send::<Loop<TestCore, UdpSocket>>();
}

/// Whoever can be told a simulation's secrets has none to keep.
#[tokio::test]
#[should_panic(expected = "does not go on a socket")]
async fn a_simulated_driver_does_not_go_on_a_socket() {
    let driver = Driver::simulated_server(
        Simulation::new(),
        ServerSettings::new(identity()),
        TestCore::default(),
        [1; 32],
        epoch(),
    );
    let socket = UdpSocket::bind(loopback()).expect("a socket");
    Loop::new(driver.expect("usable settings"), socket);
}
