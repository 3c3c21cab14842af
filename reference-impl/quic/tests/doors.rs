//! A server with a door of its own for services, over real sockets on the loopback interface, with bounded waits.

mod common;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use common::*;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Purpose};
use duet_quic::{
    ClientSettings, Driver, Identity, Loop, Pumped, ServerSettings, ServiceDoor, Trust, UdpSocket,
};
use tokio::sync::oneshot;

const CONN: ConnId = ConnId(0);

type TestLoop = Loop<TestCore, UdpSocket>;

fn socket() -> UdpSocket {
    UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket")
}

fn server(identity: Identity, door: Option<ServiceDoor>) -> TestLoop {
    let settings = ServerSettings {
        services: door,
        ..ServerSettings::new(identity)
    };
    let epoch = std::time::Instant::now();
    let driver = Driver::server(settings, TestCore::echoing(), [1; 32], epoch);
    Loop::new(driver.expect("usable settings"), socket()).with_services(socket())
}

/// The addresses of a server's doors: for clients, for services.
fn doors(server: &TestLoop) -> [SocketAddr; 2] {
    let services = server.services_addr().expect("bound");
    [
        server.local_addr().expect("bound"),
        services.expect("a second socket"),
    ]
}

fn client(server: SocketAddr, trust: Trust, identity: Option<&Identity>) -> TestLoop {
    let settings = ClientSettings {
        server,
        server_name: SERVER_NAME.to_owned(),
        trust,
    };
    let epoch = std::time::Instant::now();
    // Two of one seed would have the same connection ids.
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let seed = [NEXT.fetch_add(1, Ordering::Relaxed); 32];
    let driver = Driver::client_as(identity, settings, TestCore::default(), seed, epoch);
    Loop::new(driver.expect("usable settings"), socket())
}

/// Pumps until a condition on the core holds, for twenty seconds at most.
async fn pump_until(this: &mut TestLoop, condition: impl Fn(&TestCore) -> bool) {
    let all = async {
        while !condition(this.driver().core()) {
            this.pump().await.expect("a sound socket");
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), all).await;
    assert!(waited.is_ok(), "waited in vain");
}

/// Serves while the clients' part goes on; gives the server back.
async fn beside(mut server: TestLoop, clients: impl Future<Output = ()>) -> TestLoop {
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = async {
        let mut stopped = stopped;
        while let Pumped::Moved = server
            .pump_until(&mut stopped)
            .await
            .expect("a sound socket")
        {}
    };
    let clients = async {
        clients.await;
        drop(stop);
    };
    tokio::join!(serve, clients);
    server
}

/// What became of a connection: nothing where it echoes, otherwise why it is closed.
async fn outcome(mut client: TestLoop, purpose: Purpose) -> Option<Cause> {
    client.command(|core, _| core.connect(CONN, purpose));
    let known = |core: &TestCore| !core.connected.is_empty() || !core.closed.is_empty();
    pump_until(&mut client, known).await;
    // A server that turns somebody away does so once the handshake is done.
    let id = client.command(|core, _| {
        let id = core.open(CONN);
        core.write(CONN, id, b"hello".as_slice(), false);
        id
    });
    let settled = |core: &TestCore| !core.closed.is_empty() || core.received(CONN, id) == b"hello";
    pump_until(&mut client, settled).await;
    client.driver().core().cause(CONN).cloned()
}

#[tokio::test]
//= SVC-001
async fn each_comes_in_by_its_own_door() {
    let server = server(identity(), Some(ServiceDoor::default()));
    let [clients, services] = doors(&server);
    let at = |address| client(address, trust(), None);
    let talk = async {
        let control = outcome(at(clients), Purpose::Control).await;
        assert_eq!(control, None);
        let service = outcome(at(services), Purpose::Service).await;
        assert_eq!(service, None);
        let turned = outcome(at(clients), Purpose::Service).await;
        assert_eq!(turned, Some(Cause::Peer(Code::FORBIDDEN)));
        let refused = outcome(at(services), Purpose::Control).await;
        assert!(
            matches!(&refused, Some(Cause::Failed(why)) if why.contains("ALPN")),
            "{refused:?}"
        );
    };
    let server = beside(server, talk).await;
    let known: Vec<Purpose> = server.driver().core().connected.values().copied().collect();
    assert_eq!(
        known,
        [Purpose::Control, Purpose::Service],
        "the core knows of nobody who was turned away"
    );
}

#[tokio::test]
async fn without_a_door_of_their_own_the_core_says_whether_services_come_in() {
    let server = server(identity(), None);
    let [clients, _] = doors(&server);
    let talk = async {
        let service = outcome(client(clients, trust(), None), Purpose::Service).await;
        assert_eq!(service, None);
    };
    let server = beside(server, talk).await;
    let known: Vec<Purpose> = server.driver().core().connected.values().copied().collect();
    assert_eq!(known, [Purpose::Service]);
}

#[tokio::test]
async fn a_service_shows_a_certificate_where_one_is_wanted_and_clients_need_none() {
    let own = Identity::ecdsa_p256_client("service.example").expect("made");
    let other = Identity::ecdsa_p256_client("service.example").expect("made");
    let roots = Some(own.certificate_pem().as_bytes().to_vec());
    let server = server(identity(), Some(ServiceDoor { roots }));
    let [clients, services] = doors(&server);
    let talk = async {
        let to = |address, identity| client(address, trust(), identity);
        assert_eq!(outcome(to(clients, None), Purpose::Control).await, None);
        let known = outcome(to(services, Some(&own)), Purpose::Service).await;
        assert_eq!(known, None);
        for stranger in [None, Some(&other)] {
            let refused = outcome(to(services, stranger), Purpose::Service).await;
            let why = format!("{refused:?}");
            assert!(why.contains("refused the TLS handshake"), "{why}");
        }
    };
    beside(server, talk).await;
}

#[test]
fn roots_that_are_none_are_refused_at_the_start() {
    let settings = ServerSettings {
        services: Some(ServiceDoor {
            roots: Some(b"nothing".to_vec()),
        }),
        ..ServerSettings::new(identity())
    };
    let driver = Driver::server(settings, TestCore::default(), [1; 32], epoch());
    let why = driver.err().expect("no certificate").to_string();
    assert!(why.contains("holds no certificate"), "{why}");
}
