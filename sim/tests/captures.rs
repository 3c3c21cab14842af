//! Captures of runs, read back by a reader of others, and by tshark where there is one.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use bytes::BytesMut;
use duet_sim::net::{Content, Datagram, Segment};
use duet_sim::pcapng::{LinkType, Pdu, Run, Writer, write_run};
use duet_sim::{Captured, Ecn, LinkConfig, Loss, Node, NodeId, Packet, Rate, Time, World};
use pcap_parser::pcapng::Block;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{PcapBlockOwned, PcapError, PcapNGReader};

const NO_LIMIT: u64 = u64::MAX;

/// A capture as the reader of others has it.
#[derive(Debug, Default)]
struct Read {
    section: Vec<String>,
    /// Name, link type, digits of the time stamps.
    interfaces: Vec<(String, i32, u8)>,
    secrets: Vec<u8>,
    packets: Vec<ReadPacket>,
}

#[derive(Debug)]
struct ReadPacket {
    interface: usize,
    nanos: u64,
    original: u32,
    bytes: Vec<u8>,
    comments: Vec<String>,
}

fn read(file: &[u8]) -> Read {
    let mut read = Read::default();
    let mut reader = PcapNGReader::new(1 << 20, file).expect("a capture");
    let text = |value: &[u8], len: u16| {
        String::from_utf8(value[..usize::from(len)].to_vec()).expect("UTF-8")
    };
    loop {
        let (consumed, block) = match reader.next() {
            Ok(next) => next,
            Err(PcapError::Eof) => return read,
            Err(PcapError::Incomplete(_)) => {
                reader.refill().expect("memory");
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
        let PcapBlockOwned::NG(block) = block else {
            panic!("no pcapng");
        };
        match block {
            Block::SectionHeader(block) => {
                let comments = block.options.iter().filter(|option| option.code.0 == 1);
                read.section = comments.map(|c| text(&c.value, c.len)).collect();
            }
            Block::InterfaceDescription(block) => {
                let name = block.options.iter().find(|option| option.code.0 == 2);
                let name = name.map(|name| text(&name.value, name.len));
                let link_type = block.linktype.0;
                let interface = (name.expect("a name"), link_type, block.if_tsresol);
                read.interfaces.push(interface);
            }
            Block::EnhancedPacket(block) => {
                let comments = block.options.iter().filter(|option| option.code.0 == 1);
                read.packets.push(ReadPacket {
                    interface: block.if_id as usize,
                    nanos: u64::from(block.ts_high) << 32 | u64::from(block.ts_low),
                    original: block.origlen,
                    bytes: block.data[..block.caplen as usize].to_vec(),
                    comments: comments.map(|c| text(&c.value, c.len)).collect(),
                });
            }
            Block::DecryptionSecrets(block) => {
                assert_eq!(block.secrets_type.0, 0x544c_534b);
                read.secrets = block.data[..block.secrets_len as usize].to_vec();
            }
            other => panic!("{other:?}"),
        }
        reader.consume(consumed);
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn udp(source: &str, destination: &str, payload: &[u8]) -> Datagram {
    Datagram {
        source: address(source),
        destination: address(destination),
        ecn: Ecn::Ect0,
        class: "test",
        content: Content::Bytes(BytesMut::from(payload)),
    }
}

fn segment(flags: u8) -> Segment {
    Segment {
        sequence: 1_000,
        acknowledged: 500,
        window: 1 << 20,
        timestamps: (2_000_000, 1_000_000),
        flags,
        ..Segment::default()
    }
}

fn tcp(segment: Segment) -> Datagram {
    Datagram {
        content: Content::Tcp(segment),
        ..udp("10.0.0.1:80", "10.0.0.2:5000", &[])
    }
}

fn capture(datagrams: &[Datagram]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), NO_LIMIT, "").expect("memory");
    let link = writer.interface("a>b", LinkType::Raw).expect("memory");
    for (index, datagram) in datagrams.iter().enumerate() {
        let at = Time::from_millis(index as u64);
        writer.datagram(link, at, datagram, &[]).expect("memory");
    }
    writer.finish().expect("memory").0
}

/// All kinds of packet that there are.
fn kinds() -> Vec<Datagram> {
    let six = ["[2001:db8::1]:4433", "[2001:db8::2]:5000"];
    let blocks = vec![(3_000, 4_000), (2_000, 2_500), (6_000, 7_000)];
    vec![
        udp("10.0.0.1:4433", "10.0.0.2:5000", b"even"),
        udp("10.0.0.1:4433", "10.0.0.2:5000", b"odds!"),
        udp(six[0], six[1], b"six"),
        udp("10.0.0.1:4433", six[1], b"mapped"),
        Datagram {
            content: Content::Empty(1_200),
            ..udp("10.0.0.1:1", "10.0.0.2:2", &[])
        },
        tcp(Segment {
            window: 65_000,
            ..segment(Segment::SYN)
        }),
        tcp(Segment {
            length: 1_448,
            ..segment(Segment::ACK)
        }),
        tcp(Segment {
            sacks: blocks,
            ..segment(Segment::ACK | Segment::ECE)
        }),
    ]
}

/// The sum of all words, which is all ones where a checksum is right (RFC 1071 §1).
fn ones(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for word in part.chunks(2) {
            sum += u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[test]
fn headers_have_right_lengths_and_checksums() {
    let kinds = kinds();
    let read = read(&capture(&kinds));
    assert_eq!(read.packets.len(), kinds.len());
    for (packet, datagram) in read.packets.iter().zip(&kinds) {
        let bytes = &packet.bytes;
        assert_eq!(packet.original as usize, datagram.size(), "{datagram:?}");
        let payload_not_there = packet.original as usize - bytes.len();
        let (header, addresses, protocol) = match bytes[0] >> 4 {
            4 => {
                assert_eq!(ones(&[&bytes[..20]]), 0xffff, "{datagram:?}");
                assert_eq!(
                    usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
                    datagram.size()
                );
                assert_eq!(bytes[1], 0b10, "ECT(0)");
                (20, 12, bytes[9])
            }
            _ => {
                let inside = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
                assert_eq!(inside + 40, datagram.size());
                (40, 8, bytes[6])
            }
        };
        let inside = (bytes.len() - header + payload_not_there) as u16;
        let pseudo = [&inside.to_be_bytes()[..], &[0, protocol]].concat();
        let parts = [&bytes[addresses..header], &pseudo, &bytes[header..]];
        assert_eq!(ones(&parts), 0xffff, "{datagram:?}");
        assert_eq!(protocol, if datagram.is_udp() { 17 } else { 6 });
        if let Content::Bytes(payload) = &datagram.content {
            assert_eq!(&bytes[header + 8..], &payload[..]);
            assert_eq!(
                inside,
                u16::from_be_bytes([bytes[header + 4], bytes[header + 5]])
            );
        }
    }
}

#[test]
fn a_file_that_is_too_long_ends_with_whole_packets() {
    let mut writer = Writer::new(Vec::new(), 4_000, "short").expect("memory");
    let link = writer.interface("a>b", LinkType::Raw).expect("memory");
    let long = udp("10.0.0.1:1", "10.0.0.2:2", &[7; 1_200]);
    let comments = ["é".repeat(5_000)];
    for round in 0..10 {
        let comments = if round == 0 { &comments[..] } else { &[] };
        writer
            .datagram(link, Time::ZERO, &long, comments)
            .expect("memory");
    }
    let (file, omitted) = writer.finish().expect("memory");
    assert!(file.len() <= 4_000, "{}", file.len());
    let read = read(&file);
    assert_eq!(read.packets.len() as u64 + omitted, 10);
    assert_eq!(read.packets.len(), 0, "the comment is too long already");

    let mut writer = Writer::new(Vec::new(), 8_000, "short").expect("memory");
    let link = writer.interface("a>b", LinkType::Raw).expect("memory");
    for _ in 0..10 {
        writer
            .datagram(link, Time::ZERO, &long, &[])
            .expect("memory");
    }
    let small = udp("10.0.0.1:1", "10.0.0.2:2", &[7]);
    writer
        .datagram(link, Time::ZERO, &small, &[])
        .expect("memory");
    let (file, omitted) = writer.finish().expect("memory");
    assert_eq!(
        (crate::read(&file).packets.len(), omitted),
        (6, 5),
        "none after a gap"
    );
}

#[test]
fn a_text_is_cut_between_characters() {
    let mut writer = Writer::new(Vec::new(), NO_LIMIT, &"é".repeat(5_000)).expect("memory");
    let link = writer
        .interface(&"€".repeat(5_000), LinkType::Raw)
        .expect("memory");
    writer
        .packet(link, Time::MAX, &[0x45], 70_000, &["x".repeat(70_000)])
        .expect("memory");
    let read = read(&writer.finish().expect("memory").0);
    assert_eq!(read.section, ["é".repeat(2_048)]);
    assert_eq!(read.interfaces[0].0, "€".repeat(1_365));
    assert_eq!(read.packets[0].comments, ["x".repeat(4_096)]);
    assert_eq!(
        (read.packets[0].nanos, read.packets[0].original),
        (u64::MAX, 70_000)
    );
}

/// Sends one datagram every millisecond, and answers none.
struct Sender {
    own: SocketAddr,
    left: u32,
    next: Option<Time>,
    ready: bool,
}

impl Node for Sender {
    type Packet = Datagram;

    fn deadline(&self) -> Option<Time> {
        self.next
    }

    fn wake(&mut self, now: Time) {
        self.left -= 1;
        self.next = (self.left > 0).then(|| now.after(Duration::from_millis(1)));
        self.ready = true;
    }

    fn receive(&mut self, _: Time, _: NodeId, _: Datagram) {}

    fn transmit(&mut self, _: Time) -> Option<(NodeId, Datagram)> {
        let ready = std::mem::take(&mut self.ready);
        ready.then(|| {
            let payload = [self.left as u8; 100];
            let datagram = Datagram {
                source: self.own,
                ..udp("0.0.0.0:0", "10.0.0.2:5000", &payload)
            };
            (NodeId::B, datagram)
        })
    }
}

/// Fifty datagrams, of which some are lost and the last ones are under way when the run ends.
fn run() -> World<Sender> {
    run_over(LinkConfig {
        loss: Loss::Independent("20 %".parse().expect("a probability")),
        rate: Rate::new(1_000_000),
        ..LinkConfig::default()
    })
}

fn run_over(link: LinkConfig) -> World<Sender> {
    let sender = |left, next| Sender {
        own: address("10.0.0.1:4433"),
        left,
        next,
        ready: false,
    };
    let mut world = World::pair(3, sender(50, Some(Time::ZERO)), sender(0, None), link);
    world.capture();
    world.run_until(Time::from_millis(10));
    world.note("alice hangs up");
    world.run_until(Time::from_millis(49));
    world
}

fn file_of(world: &World<Sender>, pdus: &[Pdu]) -> Vec<u8> {
    let run = Run {
        comment: "a run",
        captured: world.captured(),
        log: world.log(),
        pdus,
        secrets: "CLIENT_RANDOM 00 11\n",
    };
    let mut file = Vec::new();
    let datagram = |captured: &Captured<Datagram>| Some(captured.packet.clone());
    let written = write_run(&mut file, NO_LIMIT, &run, datagram).expect("memory");
    assert_eq!(
        (written.packets, written.omitted),
        (50 + pdus.len() as u64, 0)
    );
    file
}

#[test]
fn a_run_says_what_was_lost_where_and_why() {
    let world = run();
    let read = read(&file_of(&world, &[]));
    assert_eq!(read.section, ["a run"]);
    assert_eq!(read.secrets, b"CLIENT_RANDOM 00 11\n");
    assert_eq!(read.interfaces, [("a>b".to_owned(), 101, 9)]);
    assert_eq!(read.packets.len(), 50);

    let text = world.log().text();
    let (mut lost, mut under_way) = (0, 0);
    for (number, packet) in read.packets.iter().enumerate() {
        assert_eq!(packet.nanos, number as u64 * 1_000_000);
        assert_eq!(packet.bytes[28], 49 - number as u8, "its payload");
        let line = text.lines().find(|line| {
            let mut words = line.split(' ').skip(1);
            words.next() == Some("a>b") && words.next() == Some(&number.to_string())
        });
        let own = packet
            .comments
            .first()
            .filter(|text| !text.contains("alice"));
        match (line, own) {
            (Some(line), None) => assert!(line.contains(" delivered "), "{line}"),
            (Some(line), Some(comment)) => {
                assert!(line.contains(" lost random-loss"), "{line}: {comment}");
                let due = format!("lost random-loss on a>b, its datagram {number}");
                assert_eq!(comment, &due);
                lost += 1;
            }
            (None, comment) => {
                let due = format!("still at the end on a>b, its datagram {number}");
                assert_eq!(comment, Some(&due));
                under_way += 1;
            }
        }
    }
    assert!(lost > 3 && under_way > 0, "{lost} and {under_way}");
    let noted = |packet: &&ReadPacket| {
        packet
            .comments
            .contains(&"0.010000 s: alice hangs up".to_owned())
    };
    let noted: Vec<_> = read.packets.iter().filter(noted).collect();
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].nanos, 10_000_000);
}

#[test]
fn a_run_says_what_else_befell_packets() {
    let certainly = "100 %".parse().expect("a probability");
    let mut link = LinkConfig::default();
    link.corrupt.probability = certainly;
    link.duplicate.probability = certainly;
    link.ecn.mark = certainly;
    let read = read(&file_of(&run_over(link), &[]));
    let due = [
        "leaves as ce by a>b, its datagram 3",
        "damaged on a>b, its datagram 3",
        "arrives twice by a>b, its datagram 3",
    ];
    assert_eq!(read.packets[3].comments, due);
}

fn pdus() -> Vec<Pdu> {
    let pdu = |millis, dissector, bytes: &[u8]| Pdu {
        at: Time::from_millis(millis),
        source: address("10.0.0.1:4433"),
        destination: address("10.0.0.2:5000"),
        dissector,
        bytes: bytes.to_vec(),
    };
    // A frame of a kind that may be skipped, and a media datagram of flow 3.
    vec![
        pdu(5, "duet", &[0x80, 0x01, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb]),
        pdu(
            60,
            "duet_media",
            &[3, 0, 9, 0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xff],
        ),
    ]
}

#[test]
fn what_was_inside_stands_before_what_it_went_out_in() {
    let read = read(&file_of(&run(), &pdus()));
    assert_eq!(read.interfaces[1], ("frames".to_owned(), 252, 9));
    let places = read.packets.iter().enumerate();
    let places = places.filter(|(_, packet)| packet.interface == 1);
    let places: Vec<usize> = places.map(|(index, _)| index).collect();
    assert_eq!(places, [5, 51]);
    assert_eq!(read.packets[6].nanos, 5_000_000);

    let mut rest = &read.packets[51].bytes[..];
    let mut tags = Vec::new();
    loop {
        let (tag, len) = (u16::from_be_bytes([rest[0], rest[1]]), rest[3] as usize);
        let value = &rest[4..4 + len];
        rest = &rest[4 + len..];
        if tag == 0 {
            break;
        }
        tags.push((tag, value.to_vec()));
    }
    assert_eq!(
        tags,
        [
            (12, b"duet_media\0\0".to_vec()),
            (20, vec![10, 0, 0, 1]),
            (21, vec![10, 0, 0, 2]),
            (24, vec![0, 0, 0, 3]),
            (25, vec![0, 0, 0x11, 0x51]),
            (26, vec![0, 0, 0x13, 0x88]),
        ]
    );
    assert_eq!(rest, &pdus()[1].bytes);
}

/// Lines that tshark prints of a capture; `None` where there is no tshark.
fn tshark(name: &str, file: &[u8], arguments: &[&str]) -> Option<Vec<String>> {
    if Command::new("tshark").arg("--version").output().is_err() {
        // Past the test runner, which keeps what a passing test prints to itself.
        let said = b"\nNOT RUN: there is no tshark here, so captures were not held against it\n";
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
fn tshark_finds_the_checksums_good_and_shows_the_comments() {
    let fields = |names: &[&'static str]| -> Vec<&str> {
        let checks = ["ip", "udp", "tcp"].map(|name| match name {
            "ip" => "ip.check_checksum:TRUE",
            "udp" => "udp.check_checksum:TRUE",
            _ => "tcp.check_checksum:TRUE",
        });
        let mut all = vec!["-T", "fields"];
        for name in names {
            all.extend(["-e", name]);
        }
        for check in checks {
            all.extend(["-o", check]);
        }
        all
    };
    let names = [
        "ip.checksum.status",
        "udp.checksum.status",
        "tcp.checksum.status",
        "frame.len",
    ];
    let Some(lines) = tshark("kinds", &capture(&kinds()), &fields(&names)) else {
        return;
    };
    // 1 is good; 2 is not checked, as of a packet that is not there in full.
    let due = [
        "1\t1\t\t32",
        "1\t1\t\t33",
        "\t1\t\t51",
        "\t1\t\t54",
        "1\t2\t\t1228",
        "1\t\t1\t60",
        "1\t\t2\t1500",
        "1\t\t1\t80",
    ];
    assert_eq!(lines, due);

    let world = run();
    let names = [
        "frame.time_relative",
        "frame.interface_name",
        "frame.comment",
    ];
    let lines = tshark("comments", &file_of(&world, &[]), &fields(&names)).expect("it was there");
    assert_eq!(lines.len(), 50);
    assert_eq!(
        lines[1].split('\t').take(2).collect::<Vec<_>>(),
        ["0.001000000", "a>b"]
    );
    let lost = lines
        .iter()
        .filter(|line| line.contains("lost random-loss on a>b"));
    assert!(lost.count() > 3, "{lines:?}");
}

#[test]
fn tshark_gives_what_was_inside_to_duets_dissector() {
    let script = concat!(
        "lua_script:",
        env!("CARGO_MANIFEST_DIR"),
        "/../spec/duet.lua"
    );
    let arguments = ["-X", script, "-Y", "exported_pdu", "-T", "fields"];
    let fields = [
        "-e",
        "ip.src",
        "-e",
        "duet.kind",
        "-e",
        "duet.media.flow",
        "-e",
        "duet.media.rtp.ssrc",
    ];
    let arguments = [&arguments[..], &fields].concat();
    if let Some(lines) = tshark("inside", &file_of(&run(), &pdus()), &arguments) {
        let due = ["10.0.0.1\t0x8001\t\t", "10.0.0.1\t\t3\t0x00000003"];
        assert_eq!(lines, due);
    }
}
