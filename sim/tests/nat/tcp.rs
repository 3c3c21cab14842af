//! TCP through a NAT (RFC 5382).

use duet_sim::net::{Behaviour, NatConfig, Refusal, Segment, Side};

use crate::bench::{ALICE, Bench, OTHER, PEER, at, tcp, udp};

const HOUR: u64 = 3_600;
const ESTABLISHED: u64 = 2 * HOUR + 4 * 60;
const TRANSITORY: u64 = 4 * 60;

/// Puts in a segment from inside or outside; gives whether it passes.
fn send(bench: &mut Bench, side: Side, external: std::net::SocketAddr, flags: u8) -> bool {
    let segment = match side {
        Side::Inside => tcp(at(ALICE), at(PEER), flags),
        Side::Outside => tcp(at(PEER), external, flags),
    };
    bench.pass(side, segment).is_ok()
}

/// Alice connects.
fn connected() -> (Bench, std::net::SocketAddr) {
    let mut bench = Bench::new(&NatConfig::default());
    let syn = tcp(at(ALICE), at(PEER), Segment::SYN);
    let (_, external, _) = bench.pass(Side::Inside, syn).unwrap();
    assert!(send(&mut bench, Side::Outside, external, Segment::SYN));
    assert!(send(&mut bench, Side::Inside, external, 0));
    (bench, external)
}

/// REQ-5: 2 h 4 min, so that TCP's keep-alives of two hours hold a connection.
#[test]
fn an_established_connection_may_be_silent_for_two_hours() {
    let (mut bench, external) = connected();
    for _ in 0..3 {
        bench.wait_seconds(ESTABLISHED - 1);
        assert!(send(&mut bench, Side::Outside, external, 0));
    }
    bench.wait_seconds(ESTABLISHED);
    assert!(!send(&mut bench, Side::Outside, external, 0));
}

/// A SYN that nobody answers is forgotten after four minutes.
#[test]
fn an_opening_connection_is_forgotten_soon() {
    let mut bench = Bench::new(&NatConfig::default());
    let syn = tcp(at(ALICE), at(PEER), Segment::SYN);
    let (_, external, _) = bench.pass(Side::Inside, syn).unwrap();
    bench.wait_seconds(TRANSITORY);
    assert!(!send(&mut bench, Side::Outside, external, Segment::SYN));
}

/// Anyone may knock at a mapping whose filter lets in anyone; a knock is no connection, and holds it no longer than one
/// that is opening.
#[test]
fn a_stranger_holds_no_mapping_for_hours() {
    let mut bench = Bench::new(&NatConfig {
        filtering: Behaviour::EndpointIndependent,
        ..NatConfig::default()
    });
    let syn = tcp(at(ALICE), at(PEER), Segment::SYN);
    let (_, external, _) = bench.pass(Side::Inside, syn).unwrap();
    bench.wait_seconds(TRANSITORY - 60);
    let knock = tcp(at(OTHER), external, Segment::SYN);
    assert!(bench.pass(Side::Outside, knock.clone()).is_ok());
    bench.wait_seconds(TRANSITORY - 1);
    assert!(bench.pass(Side::Outside, knock.clone()).is_ok());
    bench.wait_seconds(TRANSITORY);
    let refusal = bench.pass(Side::Outside, knock);
    assert_eq!(refusal, Err(Refusal::NatNoMapping));
}

/// Both ends have said FIN: four minutes are left for what is still on the way. One FIN alone changes nothing: the
/// other end may go on for hours.
#[test]
fn a_closed_connection_is_forgotten_soon() {
    let (mut bench, external) = connected();
    assert!(send(&mut bench, Side::Inside, external, Segment::FIN));
    bench.wait_seconds(HOUR);
    assert!(send(&mut bench, Side::Outside, external, 0));
    assert!(send(&mut bench, Side::Outside, external, Segment::FIN));
    bench.wait_seconds(TRANSITORY - 1);
    assert!(send(&mut bench, Side::Inside, external, 0));
    bench.wait_seconds(TRANSITORY);
    assert!(!send(&mut bench, Side::Outside, external, 0));
    bench.pass(Side::Inside, udp(at(ALICE), at(PEER))).unwrap();
    assert_eq!(bench.nat.mappings(), 1, "only the new one is left");
}

/// A new connection from the same port to the same peer has a life of its own.
#[test]
fn a_port_is_used_again() {
    let (mut bench, external) = connected();
    assert!(send(&mut bench, Side::Inside, external, Segment::FIN));
    assert!(send(&mut bench, Side::Outside, external, Segment::FIN));
    assert!(send(&mut bench, Side::Inside, external, Segment::SYN));
    assert!(send(&mut bench, Side::Outside, external, Segment::SYN));
    bench.wait_seconds(HOUR);
    assert!(send(&mut bench, Side::Outside, external, 0));
}

/// REQ-2: both ends connect at once; each SYN passes the other's NAT, once its own has gone out.
#[test]
fn connections_open_from_both_sides() {
    let mut bench = Bench::new(&NatConfig::default());
    let syn = tcp(at(ALICE), at(PEER), Segment::SYN);
    let (_, external, _) = bench.pass(Side::Inside, syn).unwrap();
    assert!(send(&mut bench, Side::Outside, external, Segment::SYN));
}

/// UDP and TCP have ports of their own: one's mapping is none of the other's.
#[test]
fn protocols_are_kept_apart() {
    let mut bench = Bench::new(&NatConfig {
        ports: 2_000..=2_000,
        ..NatConfig::default()
    });
    let external = bench.out(ALICE, PEER).unwrap();
    let segment = tcp(at(PEER), external, Segment::SYN);
    assert_eq!(
        bench.pass(Side::Outside, segment),
        Err(Refusal::NatNoMapping)
    );
    let syn = tcp(at("10.0.0.3:99"), at(PEER), Segment::SYN);
    let (_, same, _) = bench.pass(Side::Inside, syn).unwrap();
    assert_eq!(same, external);
    assert_eq!(bench.back(PEER, external), Ok(at(ALICE)));
}
