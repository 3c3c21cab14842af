//! A whole call over queues that mark: what each end of a hop reports of a packet is what the event log says of it.

use std::collections::BTreeMap;

use duet::simulate::{Options, Outcome, run};
use duet_protocol::id::FlowId;
use duet_protocol::media::{Control, Datagram, Ecn, Feedback};
use duet_quic::address_of;
use duet_sim::pcapng::Pdu;
use duet_sim::{Fate, Journey, NodeId, Record, Scenario};

/// Each picture comes as a burst of packets that waits for longer than CoDel likes: it marks some.
const SCENARIO: &str = r#"
name = "marked-call"
seed = 1
duration = "12 s"

[[node]]
name = "alice"
role = "client"

[[node]]
name = "server"
role = "server"

[[node]]
name = "bob"
role = "client"

[[link]]
from = "alice"
to = "server"
rate = "ALICE"
queue = { kind = "codel", limit = "100 packets", ecn = true, target = "2 ms", interval = "8 ms" }
delay = "15 ms"

[[link]]
from = "bob"
to = "server"
rate = "BOB"
queue = { kind = "codel", limit = "100 packets", ecn = true, target = "2 ms", interval = "8 ms" }
delay = "15 ms"

[script]
call = { from = "alice", to = "bob", at = "0.5 s", length = "10 s" }

[media]
video = { codec = "h264", width = 640, height = 360, frames_per_second = 30, bitrate = "800 kb/s" }
audio = { codec = "aac", sample_rate = "48 kHz", channels = 1, bitrate = "64 kb/s" }
"#;

const ALICE: NodeId = NodeId(0);
const BOB: NodeId = NodeId(2);

/// A transmission on a hop.
type Sent = (FlowId, u16);

/// A call whose sides have links of these rates.
fn call(alice: &str, bob: &str) -> Outcome {
    let text = SCENARIO.replace("ALICE", alice).replace("BOB", bob);
    let scenario = Scenario::parse(&text, "marked-call.toml").expect("a scenario");
    let mut options = Options::new(1);
    options.capture = true;
    let outcome = run(&scenario, &options, |_| {}).expect("a run");
    assert!(outcome.breaches.is_empty(), "{:?}", outcome.breaches);
    assert!(outcome.impossible.is_empty(), "{:?}", outcome.impossible);
    outcome
}

/// The packets of a link that arrived.
fn delivered<'a>(outcome: &'a Outcome, link: &'a str) -> impl Iterator<Item = &'a Journey> {
    let log = &outcome.log;
    log.records().iter().filter_map(move |record| match record {
        Record::Packet { link: id, journey } if log.link_name(*id) == link => {
            matches!(journey.fate, Fate::Delivered { .. }).then_some(journey)
        }
        _ => None,
    })
}

fn field(journey: &Journey) -> Ecn {
    match journey.ecn {
        duet_sim::Ecn::NotEct => Ecn::NotEct,
        duet_sim::Ecn::Ect1 => Ecn::Ect1,
        duet_sim::Ecn::Ect0 => Ecn::Ect0,
        duet_sim::Ecn::Ce => Ecn::Ce,
    }
}

/// The packet, if it was the only one then.
fn only_one<'a>(journeys: &[&'a Journey]) -> Option<&'a Journey> {
    match journeys {
        [journey] => Some(journey),
        _ => None,
    }
}

/// Media of a client's, sent or received, with the microsecond at which it was.
fn media<'a>(pdus: impl Iterator<Item = &'a Pdu>) -> Vec<(Sent, u64)> {
    let read = |pdu: &Pdu| match Datagram::read(&pdu.bytes) {
        Ok(Datagram::Media { flow, hop_seq, .. }) => Some(((flow, hop_seq), pdu.at.as_micros())),
        _ => None,
    };
    pdus.filter_map(read).collect()
}

/// What reports say of the ECN field of each transmission that arrived; every report of one says the same.
fn reported<'a>(pdus: impl Iterator<Item = &'a Pdu>) -> BTreeMap<Sent, Ecn> {
    let mut told = BTreeMap::new();
    let mut take = |feedback: Feedback<'_>| {
        for block in feedback.blocks() {
            for (number, report) in (0_u16..).zip(block.reports()) {
                if report.is_received() {
                    let sent = (block.flow, block.begin_seq.wrapping_add(number));
                    let ecn = Ecn::from_bits((report.0 >> 13) as u8);
                    assert_eq!(*told.entry(sent).or_insert(ecn), ecn, "{sent:?}");
                }
            }
        }
    };
    for pdu in pdus {
        if let Ok(Datagram::Control(Control::Feedback(feedback))) = Datagram::read(&pdu.bytes) {
            take(feedback);
        }
    }
    told
}

/// Datagrams of the media connection of a client: those that it sent, or those that it received.
fn datagrams(outcome: &Outcome, client: NodeId, sent: bool) -> impl Iterator<Item = &Pdu> {
    let own = address_of(client);
    let media = outcome
        .pdus
        .iter()
        .filter(|pdu| pdu.dissector == "duet_media");
    media.filter(move |pdu| own == if sent { pdu.source } else { pdu.destination })
}

/// Holds reports against the log, by the instant at which a transmission was on one end of its link. How many were
/// compared, and how many of them bear a mark.
fn compare(
    media: &[(Sent, u64)],
    log: &BTreeMap<u64, Vec<&Journey>>,
    told: &BTreeMap<Sent, Ecn>,
) -> (usize, usize) {
    let (mut compared, mut marked) = (0, 0);
    for (sent, at) in media {
        let packet = log.get(at).and_then(|journeys| only_one(journeys));
        if let (Some(packet), Some(ecn)) = (packet, told.get(sent)) {
            assert_eq!(*ecn, field(packet), "{sent:?} at {at} µs");
            compared += 1;
            marked += usize::from(*ecn == Ecn::Ce);
        }
    }
    (compared, marked)
}

/// The subscriber reports to the server, each packet that it received.
#[test]
fn media_042_a_clients_reports_tell_which_packets_were_marked() {
    let outcome = call("5 Mb/s", "1.4 Mb/s");
    let mut log: BTreeMap<u64, Vec<&Journey>> = BTreeMap::new();
    for journey in delivered(&outcome, "server>bob") {
        if let Fate::Delivered { at } = journey.fate {
            log.entry(at.as_micros()).or_default().push(journey);
        }
    }
    let received = media(datagrams(&outcome, BOB, false));
    let told = reported(datagrams(&outcome, BOB, true));
    let (compared, marked) = compare(&received, &log, &told);
    println!("{compared} of {}, {marked} marked", received.len());
    // Two packets never arrive in one microsecond here, and all but the last ones were reported.
    assert!(
        compared + 5 > received.len() && compared > 800,
        "{compared}"
    );
    assert!(marked > 20, "{marked} marked");
}

/// The server reports to the publisher. Packets that left alone are compared; the pacer lets others go in twos.
#[test]
fn media_042_the_servers_reports_tell_which_packets_were_marked() {
    let outcome = call("1.4 Mb/s", "5 Mb/s");
    let mut log: BTreeMap<u64, Vec<&Journey>> = BTreeMap::new();
    for journey in delivered(&outcome, "alice>server") {
        let offered = journey.offered.as_micros();
        log.entry(offered).or_default().push(journey);
    }
    let sent = media(datagrams(&outcome, ALICE, true));
    let told = reported(datagrams(&outcome, ALICE, false));
    let (compared, marked) = compare(&sent, &log, &told);
    println!("{compared} of {}, {marked} marked", sent.len());
    assert!(compared > 300, "{compared} of {}", sent.len());
    assert!(marked > 20, "{marked} marked");
}

/// QUIC answers marked packets at once. It must not answer marked acknowledgements, or two ends of which each is marked
/// acknowledge each other's acknowledgements for ever.
#[test]
fn acknowledgements_that_are_marked_are_not_acknowledged() {
    let text = SCENARIO
        .replace("ALICE", "10 Mb/s")
        .replace("BOB", "10 Mb/s")
        .replace("duration = \"12 s\"", "duration = \"30 s\"")
        .replace(
            "delay = \"15 ms\"",
            "delay = \"15 ms\"\necn = { mark = \"100 %\" }",
        )
        .replace("length = \"10 s\"", "length = \"5 s\"");
    let scenario = Scenario::parse(&text, "test.toml").expect("a scenario");
    let outcome = run(&scenario, &Options::new(1), |_| {}).expect("a run");
    let late = outcome.log.records().iter().filter(|record| match record {
        Record::Packet { journey, .. } => journey.offered.as_micros() >= 20_000_000,
        _ => false,
    });
    // Ten seconds of keeping two clients' connections alive over four directions.
    let count = late.count();
    assert!(
        (8..400).contains(&count),
        "{count} packets in ten idle seconds"
    );
}
