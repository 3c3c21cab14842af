//! A run as a capture that Wireshark decrypts. Where there is no tshark the test says so and looks at the file alone.

mod common;

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use common::*;
use duet_protocol::io::{ConnId, Purpose};
use duet_quic::{
    ClientSettings, Driver, Inside, Secrets, ServerSettings, SimEndpoint, Simulation, address_of,
};
use duet_sim::net::Datagram;
use duet_sim::pcapng::{Pdu, Run, write_run};
use duet_sim::{Captured, Time, World};

/// What is said in secret.
const WORDS: &[u8] = b"nobody else is to read this";

/// A capture of a control connection that says something, and a media connection, at ten per cent of loss.
fn capture(secrets_go_in: bool) -> Vec<u8> {
    let secrets = Secrets::new();
    let simulation = Simulation::new().keep_secrets(&secrets);
    let settings = ServerSettings::new(identity());
    let core = TestCore::echoing();
    let server = Driver::simulated_server(simulation.clone(), settings, core, seed(5, 0), epoch());
    let settings = ClientSettings {
        server: address_of(SERVER),
        server_name: SERVER_NAME.to_owned(),
        trust: trust(),
    };
    let core = TestCore::default();
    let client = Driver::simulated_client(simulation, None, settings, core, seed(5, 1), epoch());
    let server = SimEndpoint::new(server.expect("usable settings"));
    let client = SimEndpoint::new(client.expect("usable settings"));
    let mut net: Net = World::pair(5, server, client, link(10));
    net.capture();

    let (control, media) = (ConnId(0), ConnId(1));
    establish(&mut net, CLIENT, control, Purpose::Control);
    establish(&mut net, CLIENT, media, Purpose::Media);
    command(&mut net, CLIENT, |core| {
        let id = core.open(control);
        core.write(control, id, WORDS, true);
    });
    for _ in 0..50 {
        command(&mut net, CLIENT, |core| core.datagram(media, WORDS));
        settle(&mut net, Duration::from_millis(20));
    }

    let run = Run {
        comment: "reference-impl/quic/tests/capture.rs",
        captured: net.captured(),
        log: net.log(),
        pdus: &[],
        secrets: if secrets_go_in { &secrets.text() } else { "" },
    };
    // Here nodes stand side by side, and no station has put its address in.
    let datagram = |captured: &Captured<Datagram>| {
        let from = match net.log().link_name(captured.link) {
            "a>b" => SERVER,
            _ => CLIENT,
        };
        Some(Datagram {
            source: address_of(from),
            ..captured.packet.clone()
        })
    };
    let mut file = Vec::new();
    let written = write_run(&mut file, 8 << 20, &run, datagram).expect("memory");
    assert_eq!(written.packets, net.captured().len() as u64);
    assert!(written.packets > 100 && written.omitted == 0, "{written:?}");
    file
}

/// Lines that tshark prints of a capture; `None` where there is no tshark.
fn tshark(name: &str, file: &[u8], arguments: &[&str]) -> Option<Vec<String>> {
    if Command::new("tshark").arg("--version").output().is_err() {
        // Past the test runner, which keeps what a passing test prints to itself.
        let said = b"\nNOT RUN: there is no tshark here, so no capture was decrypted\n";
        let _ = std::io::stderr().write_all(said);
        return None;
    }
    let path = std::env::temp_dir().join(format!("duet-{name}-{}.pcapng", std::process::id()));
    std::fs::write(&path, file).expect("a file");
    let run = Command::new("tshark")
        .arg("-r")
        .arg(&path)
        .args(arguments)
        .output();
    let run = run.expect("tshark runs");
    let _ = std::fs::remove_file(&path);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let text = String::from_utf8_lossy(&run.stdout);
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn wireshark_decrypts_a_run_by_the_secrets_in_its_file() {
    let words: String = WORDS.iter().map(|byte| format!("{byte:02x}")).collect();
    let fields = ["-T", "fields", "-e", "frame.number"];
    // STREAM frames of whole words, and DATAGRAM frames.
    let spoken = format!("quic.stream_data == {words}");
    let datagrams = format!("quic.dg == {words}");
    let count = |name: &str, file: &[u8], filter: &str| {
        let arguments = [&fields[..], &["-Y", filter]].concat();
        tshark(name, file, &arguments).map(|lines| lines.len())
    };

    let file = capture(true);
    let found = count("spoken", &file, &spoken);
    let Some(found) = found else {
        return;
    };
    // Said once and echoed, each perhaps more often because of losses.
    assert!((2..20).contains(&found), "{found} packets");
    let found = count("datagrams", &file, &datagrams).expect("it was there");
    assert!(found > 80, "{found} datagrams");
    let failed = count("failed", &file, "quic.decryption_failed");
    assert_eq!(failed, Some(0));
    let lost = count(
        "lost",
        &file,
        "frame.comment contains \"lost random-loss on b>a\"",
    );
    assert!(lost > Some(3), "{lost:?}");

    // Without them nothing is to be seen.
    let file = capture(false);
    assert_eq!(count("unspoken", &file, &spoken), Some(0));
    assert_eq!(count("no-datagrams", &file, &datagrams), Some(0));
}

/// Frames are put together again however streams are cut, and the bound holds.
#[test]
fn what_was_inside_is_kept_both_ways() {
    // A frame of a kind that may be skipped, and a media datagram.
    let frame = [&[0x80, 0x01, 0, 0, 0, 0, 0, 3][..], b"abc"].concat();
    let datagram = b"\x03media".to_vec();
    let run = |limit: usize| {
        let mut net = pair(5, link(0));
        let (inside, other) = (
            Inside::new(address_of(CLIENT), address_of(SERVER), limit),
            Inside::new(address_of(CLIENT), address_of(SERVER), limit),
        );
        let driver = &mut net.node_mut(CLIENT).driver;
        driver.observe(Box::new((inside.clone(), other.clone())));
        let (control, media) = (ConnId(0), ConnId(1));
        establish(&mut net, CLIENT, control, Purpose::Control);
        establish(&mut net, CLIENT, media, Purpose::Media);
        let start = net.now();
        command(&mut net, CLIENT, |core| {
            let id = core.open(control);
            core.write(control, id, frame[..5].to_vec(), false);
            core.write(control, id, [&frame[5..], &frame[..]].concat(), true);
            core.datagram(media, &datagram);
        });
        settle(&mut net, Duration::from_millis(500));
        assert_eq!(inside.pdus(), other.pdus(), "two observers");
        (start, inside)
    };

    let (start, inside) = run(1_000);
    let sent = |at: Time, dissector, bytes: &[u8]| Pdu {
        at,
        source: address_of(CLIENT),
        destination: address_of(SERVER),
        dissector,
        bytes: bytes.to_vec(),
    };
    let pdus = inside.pdus();
    let ours = [
        sent(start, "duet", &frame),
        sent(start, "duet", &frame),
        sent(start, "duet_media", &datagram),
    ];
    assert_eq!(pdus[..3], ours);
    // The echo, a round trip later.
    let mut echoed: Vec<_> = pdus[3..].iter().collect();
    echoed.sort_by_key(|pdu| pdu.dissector);
    assert_eq!(echoed.len(), 3, "{echoed:?}");
    for (echoed, ours) in echoed.into_iter().zip(&ours) {
        assert_eq!(
            (echoed.source, echoed.destination),
            (ours.destination, ours.source)
        );
        assert_eq!(
            (echoed.dissector, &echoed.bytes),
            (ours.dissector, &ours.bytes)
        );
        assert!(
            echoed.at >= start.after(Duration::from_millis(40)),
            "{echoed:?}"
        );
    }
    assert_eq!(inside.omitted(), 0);

    let (_, inside) = run(30);
    assert_eq!((inside.pdus().len(), inside.omitted()), (3, 3));
}
