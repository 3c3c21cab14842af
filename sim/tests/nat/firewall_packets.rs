//! What a stateful firewall does with ICMP and fragments that come as packets.

use bytes::BytesMut;
use duet_sim::Time;
use duet_sim::net::{Datagram, Firewall, FirewallConfig, Refusal, Side};

use crate::packets::{ICMP, TCP, UDP, fragments, icmp, packet, query};

const INSIDE: &str = "10.0.0.2:5000";
const OUTSIDE: &str = "198.51.100.1:443";
const HOP: &str = "203.0.113.77";

struct Wall {
    firewall: Firewall,
    now: Time,
}

impl Wall {
    fn new(config: FirewallConfig) -> Wall {
        Wall {
            firewall: Firewall::new(config),
            now: Time::ZERO,
        }
    }

    fn stateful() -> Wall {
        Wall::new(FirewallConfig::preset("stateful").unwrap())
    }

    /// How many leave, all on the other side and unchanged, or why not.
    fn put(&mut self, side: Side, packet: &BytesMut) -> Result<usize, Refusal> {
        let datagram = Datagram::of_packet(packet.clone()).unwrap();
        let passage = self.firewall.pass(self.now, side, datagram);
        if let Some(cause) = passage.refusal() {
            return Err(cause);
        }
        let mut left: Vec<_> = passage.forwarded().into_iter().collect();
        left.extend(std::iter::from_fn(|| self.firewall.take_leaving()));
        assert!(left.iter().all(|(other, _)| *other == side.opposite()));
        Ok(left.len())
    }
}

/// Who asks gets an answer, to this question, for a minute; who is not asked gets nothing in.
#[test]
fn a_query_lets_its_reply_in() {
    let asked = query("10.0.0.2", "198.51.100.1", 8, 7, b"");
    let answer = |from: &str, id| query(from, "10.0.0.2", 0, id, b"");
    let mut wall = Wall::stateful();
    let unsolicited = Err(Refusal::FirewallUnsolicited);
    assert_eq!(
        wall.put(Side::Outside, &answer("198.51.100.1", 7)),
        unsolicited
    );
    assert_eq!(wall.put(Side::Inside, &asked), Ok(1));
    assert_eq!(wall.put(Side::Outside, &answer("198.51.100.1", 7)), Ok(1));
    assert_eq!(
        wall.put(Side::Outside, &answer("198.51.100.1", 8)),
        unsolicited
    );
    assert_eq!(wall.put(Side::Outside, &answer(HOP, 7)), unsolicited);
    let from_outside = query("198.51.100.1", "10.0.0.2", 8, 7, b"");
    assert_eq!(wall.put(Side::Outside, &from_outside), unsolicited);
    let unasked = query("10.0.0.2", "198.51.100.1", 0, 7, b"");
    assert_eq!(wall.put(Side::Inside, &unasked), Err(Refusal::FirewallIcmp));
    wall.now = Time::from_millis(60_000);
    assert_eq!(
        wall.put(Side::Outside, &answer("198.51.100.1", 7)),
        unsolicited
    );
}

/// Errors about what was let through pass both ways, whoever sends them, and refresh nothing.
#[test]
fn errors_about_a_flow_pass_with_it() {
    for protocol in [UDP, TCP, ICMP] {
        let (out, back) = match protocol {
            ICMP => (
                query("10.0.0.2", "198.51.100.1", 8, 7, b""),
                query("198.51.100.1", "10.0.0.2", 0, 7, b""),
            ),
            _ => (
                packet(INSIDE, OUTSIDE, protocol, 0, b"out"),
                packet(OUTSIDE, INSIDE, protocol, 0, b"back"),
            ),
        };
        let from_outside = icmp(HOP, "10.0.0.2", [11, 0], [0; 4], &out[..28]);
        let from_inside = icmp("10.0.0.2", "198.51.100.1", [3, 3], [0; 4], &back[..28]);
        let mut wall = Wall::stateful();
        for (side, error) in [(Side::Outside, &from_outside), (Side::Inside, &from_inside)] {
            assert_eq!(wall.put(side, error), Err(Refusal::FirewallIcmp));
        }
        assert_eq!(wall.put(Side::Inside, &out), Ok(1));
        assert_eq!(wall.put(Side::Outside, &from_outside), Ok(1));
        assert_eq!(wall.put(Side::Inside, &from_inside), Ok(1));
        let mut damaged = from_outside.clone();
        damaged[27] ^= 1;
        assert_eq!(
            wall.put(Side::Outside, &damaged),
            Err(Refusal::FirewallIcmp)
        );
        let redirect = icmp(HOP, "10.0.0.2", [5, 0], [0; 4], &out[..28]);
        assert_eq!(
            wall.put(Side::Outside, &redirect),
            Err(Refusal::FirewallIcmp)
        );
        // Two hours and four minutes are the longest of the timers.
        wall.now = Time::from_millis(7_440_000 - 1_000);
        let _ = wall.put(Side::Outside, &from_outside);
        wall.now = Time::from_millis(7_440_000);
        let late = wall.put(Side::Outside, &from_outside);
        assert_eq!(late, Err(Refusal::FirewallIcmp));
    }
}

/// One that filters nothing lets all of it in.
#[test]
fn without_a_filter_all_passes() {
    let mut wall = Wall::new(FirewallConfig::default());
    let about = packet(INSIDE, OUTSIDE, UDP, 0, b"");
    for packet in [
        query("198.51.100.1", "10.0.0.2", 8, 7, b""),
        icmp(HOP, "10.0.0.2", [3, 3], [0; 4], &about),
        icmp(HOP, "10.0.0.2", [5, 0], [0; 4], &about),
    ] {
        assert_eq!(wall.put(Side::Outside, &packet), Ok(1));
    }
}

/// Fragments go where the first of their packet goes, and wait for it.
#[test]
fn fragments_of_what_passes_pass() {
    let payload = [7; 4_000];
    let (out, back) = (
        packet(INSIDE, OUTSIDE, UDP, 0, &payload),
        packet(OUTSIDE, INSIDE, UDP, 0, &payload),
    );
    let mut wall = Wall::stateful();
    let unasked = fragments(&back, 1, 1_480);
    assert_eq!(wall.put(Side::Outside, &unasked[1]), Ok(0));
    for part in &unasked {
        let passed = wall.put(Side::Outside, part);
        assert_eq!(passed, Err(Refusal::FirewallUnsolicited));
    }
    let sent = fragments(&out, 2, 1_480);
    let counts = [1, 0, 2].map(|index: usize| wall.put(Side::Inside, &sent[index]));
    assert_eq!(counts, [Ok(0), Ok(2), Ok(1)]);
    let asked = fragments(&back, 3, 1_480);
    let counts = [2, 1, 0].map(|index: usize| wall.put(Side::Outside, &asked[index]));
    assert_eq!(counts, [Ok(0), Ok(0), Ok(3)]);
    // In vain.
    wall.put(Side::Outside, &fragments(&back, 4, 1_480)[1])
        .unwrap();
    wall.now = Time::from_millis(30_000);
    wall.put(Side::Outside, &fragments(&back, 5, 1_480)[0])
        .unwrap();
    let lost = wall.firewall.take_lost().map(|(_, cause)| cause);
    assert_eq!(lost, Some(Refusal::FirewallFragment));
}

/// Each counts for its flow.
#[test]
fn fragments_count() {
    let mut wall = Wall::new(FirewallConfig {
        flow_packets: Some(2),
        max_size: Some(1_400),
        ..FirewallConfig::default()
    });
    let out = packet(INSIDE, OUTSIDE, UDP, 0, &[7; 4_000]);
    let parts = fragments(&out, 1, 800);
    let counts = [0, 1, 2].map(|index: usize| wall.put(Side::Inside, &parts[index]));
    assert_eq!(counts, [Ok(1), Ok(1), Err(Refusal::FirewallPackets)]);
    let large = fragments(&out, 1, 2_000);
    let passed = wall.put(Side::Inside, &large[1]);
    assert_eq!(passed, Err(Refusal::FirewallSize));
}
