//! `duet impair --tun` between network namespaces that each test makes for itself.
//!
//! Where the system does not allow namespaces or TUN devices, these tests say so, with what is missing, and test
//! nothing. As in the proxy's tests nothing is asserted about time.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};

use duet::impair::namespaces::{DEVICE, within};

use common::impaired::{HANGS, Impaired, lost, network, number, numbered, receive, survivors};
use common::{Folder, assert_failure, duet};

/// The names of a test's two namespaces; no other process has them.
fn names(test: &str) -> [String; 2] {
    ["a", "b"].map(|side| format!("duet-{test}-{}-{side}", std::process::id()))
}

/// What it takes to make namespaces and TUN devices, or what of it is missing.
fn rights() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let held = held.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    // Their numbers are those of capabilities(7).
    for (name, bit) in [("CAP_NET_ADMIN", 12), ("CAP_SYS_ADMIN", 21)] {
        if held.is_none_or(|held| held >> bit & 1 == 0) {
            return Err(format!("this process lacks {name}"));
        }
    }
    let tun = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    tun.map_err(|error| format!("/dev/net/tun: {error}"))?;
    let probe = format!("duet-probe-{}", std::process::id());
    let made = ip(&["netns", "add", &probe]);
    let _ = ip(&["netns", "delete", &probe]);
    made
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let command = format!("`ip {}`", arguments.join(" "));
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("{command}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{command}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// Whether a test can be; if not, it is said past the test runner, which keeps what passing tests print to itself.
fn allowed(test: &str) -> bool {
    static RIGHTS: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    match RIGHTS.get_or_init(rights) {
        Ok(()) => true,
        Err(missing) => {
            let _ = writeln!(io::stderr(), "skipped: {test}: {missing}");
            false
        }
    }
}

/// The bridge, and the addresses of its sides.
struct Bridged {
    impaired: Impaired,
    names: [String; 2],
    ipv4: [IpAddr; 2],
    ipv6: [IpAddr; 2],
}

impl Bridged {
    fn start(test: &str, scenario: &str) -> Bridged {
        let names = names(test);
        let impaired = Impaired::start(test, scenario, &["--tun", &names.join(",")]);
        let address = |side: usize, family: &str| -> IpAddr {
            let address = impaired.told["sides"][side][family].as_str();
            address
                .and_then(|address| address.parse().ok())
                .expect("an address")
        };
        Bridged {
            ipv4: [0, 1].map(|side| address(side, "ipv4")),
            ipv6: [0, 1].map(|side| address(side, "ipv6")),
            impaired,
            names,
        }
    }

    /// A socket in one of the namespaces.
    fn socket(&self, side: usize, address: IpAddr) -> UdpSocket {
        let socket = within(&self.names[side], || UdpSocket::bind((address, 0))).expect("a socket");
        socket.set_read_timeout(Some(HANGS)).expect("a timeout");
        socket
    }
}

#[test]
fn the_models_packets_are_lost_and_no_others() {
    const PACKETS: u32 = 400;
    const LOT: u32 = 50;
    if !allowed("the_models_packets_are_lost_and_no_others") {
        return;
    }
    let scenario = network("delay = \"2 ms\"\nloss = \"10 %\"");
    let expected = survivors(&scenario, PACKETS);
    let missing: BTreeSet<u32> = (0..PACKETS)
        .filter(|sent| !expected.contains(sent))
        .collect();
    assert!(!missing.is_empty());
    let bridged = Bridged::start("losses", &scenario);
    let mut families = vec![bridged.ipv4];
    if Path::new("/proc/net/if_inet6").exists() {
        families.push(bridged.ipv6);
    }
    let pairs = families.into_iter().map(|[here, there]| {
        let (peer, target) = (bridged.socket(0, here), bridged.socket(1, there));
        peer.connect(target.local_addr().expect("an address"))
            .expect("a route");
        (peer, target)
    });
    let pairs: Vec<(UdpSocket, UdpSocket)> = pairs.collect();
    let mut packet = [0; 200];
    // Lot by lot, as through the proxy, in turn over each family: to a link a packet is a packet.
    for (lot, (peer, target)) in (0..PACKETS).step_by(LOT as usize).zip(pairs.iter().cycle()) {
        for sent in lot..lot + LOT {
            peer.send(&numbered(sent)).expect("a packet sent");
        }
        for expected in expected
            .iter()
            .filter(|sent| (lot..lot + LOT).contains(*sent))
        {
            let (size, source) = receive(target, &mut packet);
            assert_eq!((size, number(&packet)), (100, *expected));
            assert_eq!(source, peer.local_addr().expect("an address"));
        }
    }
    let (summary, log) = bridged.impaired.stop();
    assert_eq!(lost(&log, "a>b"), missing);
    // Nothing else crossed it: the systems at the ends send nothing of their own.
    let links = summary["links"].as_array().expect("links");
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["class"], "udp");
    assert_eq!(links[0]["offered"], PACKETS);
    assert_eq!(links[0]["delivered"], expected.len());
    assert_eq!(summary["sent"], expected.len());
    for nothing in ["unsent", "refused", "overrun"] {
        assert_eq!(summary[nothing], 0, "{nothing}");
    }
}

/// A client behind a NAT of its own; `nat` and `link` are more keys of the NAT and of the link that it has outside.
fn behind_a_nat(nat: &str, link: &str) -> String {
    format!(
        "name = \"n\"\nduration = \"1 s\"\n[[node]]\nname = \"a\"\nrole = \"client\"\n\
         [[node]]\nname = \"home\"\nrole = \"nat\"\noutside = \"b\"\n{nat}\n[[node]]\nname = \"b\"\nrole = \"server\"\n\
         [[link]]\nfrom = \"a\"\nto = \"home\"\n\
         [[link]]\nfrom = \"home\"\nto = \"b\"\ndelay = \"1 ms\"\n{link}\n"
    )
}

#[test]
fn a_connection_passes_whole_through_losses_and_a_nat() {
    if !allowed("a_connection_passes_whole_through_losses_and_a_nat") {
        return;
    }
    let log = connect("nat", &behind_a_nat("", "loss = \"2 %\""));
    assert!(!lost(&log, "home>b").is_empty());
}

/// The NAT's line takes smaller packets than the client's device: the client's system has to hear of it, else the
/// connection stands still as soon as there is something to send.
#[test]
fn a_connection_finds_the_mtu_behind_a_nat() {
    if !allowed("a_connection_finds_the_mtu_behind_a_nat") {
        return;
    }
    let log = connect("mtu", &behind_a_nat("mtu = \"1000 B\"", ""));
    assert!(log.contains("nat-too-big"), "{log}");
}

/// Makes a connection by which something is sent and comes back; gives the log.
fn connect(test: &str, scenario: &str) -> String {
    let bridged = Bridged::start(test, scenario);
    let [own, there] = bridged.ipv4;
    let listener = within(&bridged.names[1], || TcpListener::bind((there, 0))).expect("a socket");
    let at = listener.local_addr().expect("an address");
    let content: Vec<u8> = (0..300_000u32).map(|byte| (byte % 251) as u8).collect();
    let answering = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(HANGS)).expect("a timeout");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("what was sent");
        stream.write_all(&heard).expect("an answer sent");
        peer
    });
    let mut stream = within(&bridged.names[0], || TcpStream::connect(at)).expect("a connection");
    stream.set_read_timeout(Some(HANGS)).expect("a timeout");
    stream.set_write_timeout(Some(HANGS)).expect("a timeout");
    stream.write_all(&content).expect("something sent");
    stream.shutdown(std::net::Shutdown::Write).expect("an end");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer == content, "{} of {}", answer.len(), content.len());
    let peer = answering.join().expect("no panic");
    assert!(![own, there].contains(&peer.ip()), "{peer} is not the NAT");
    bridged.impaired.stop().1
}

/// Asks with an identifier of its own, answers to which the system at the other side gives.
#[test]
fn a_ping_gets_its_answer_through_a_nat() {
    if !allowed("a_ping_gets_its_answer_through_a_nat") {
        return;
    }
    let bridged = Bridged::start("ping", &behind_a_nat("", ""));
    let [own, there] = bridged.ipv4;
    let raw = within(&bridged.names[0], || {
        let icmp = Some(rustix::net::ipproto::ICMP);
        let family = rustix::net::AddressFamily::INET;
        let socket = rustix::net::socket(family, rustix::net::SocketType::RAW, icmp)?;
        Ok(UdpSocket::from(socket))
    });
    let raw = match raw {
        Ok(raw) => raw,
        Err(error) => {
            let _ = writeln!(io::stderr(), "skipped: a raw socket: {error}");
            return;
        }
    };
    raw.set_read_timeout(Some(HANGS)).expect("a timeout");
    // Echo, identifier 0x1267, number 1, eight bytes; the sum over all of it is all ones.
    let mut ping = [8, 0, 0, 0, 0x12, 0x67, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];
    let words = ping
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ping[2..4].copy_from_slice(&checksum.to_be_bytes());
    raw.send_to(&ping, (there, 0)).expect("a ping sent");
    let mut packet = [0; 200];
    let (size, source) = receive(&raw, &mut packet);
    assert_eq!(source.ip(), there);
    let IpAddr::V4(own) = own else {
        panic!("{own} is no IPv4 address");
    };
    assert_eq!(packet[16..20], own.octets());
    let pong = &packet[20..size];
    assert_eq!((pong[0], &pong[4..]), (0, &ping[4..]));
    let (summary, _) = bridged.impaired.stop();
    let links = summary["links"].as_array().expect("links");
    assert_eq!(links.len(), 4, "{links:?}");
    for link in links {
        assert_eq!(
            (&link["class"], &link["delivered"]),
            (&"icmp".into(), &1.into())
        );
    }
}

/// The systems at both ends make fragments of it and put them together.
#[test]
fn a_datagram_larger_than_the_mtu_comes_whole_through_a_nat() {
    if !allowed("a_datagram_larger_than_the_mtu_comes_whole_through_a_nat") {
        return;
    }
    let bridged = Bridged::start(
        "large",
        &behind_a_nat(
            "",
            "jitter = { kind = \"uniform\", max = \"3 ms\", reorders = true }",
        ),
    );
    let [own, there] = bridged.ipv4;
    let (peer, target) = (bridged.socket(0, own), bridged.socket(1, there));
    let content: Vec<u8> = (0..20_000u32).map(|byte| (byte % 251) as u8).collect();
    peer.send_to(&content, target.local_addr().expect("an address"))
        .expect("a datagram sent");
    let mut packet = vec![0; 30_000];
    let (size, external) = receive(&target, &mut packet);
    assert!(packet[..size] == content, "{size} bytes");
    assert_ne!(external.ip(), own);
    target.send_to(&content, external).expect("an answer sent");
    let (size, source) = receive(&peer, &mut packet);
    assert!(packet[..size] == content, "{size} bytes");
    assert_eq!(source, target.local_addr().expect("an address"));
    bridged.impaired.stop();
}

/// The other system says that nobody listens, and the one that asked finds its own socket in what that quotes.
#[test]
fn a_closed_port_is_told_through_a_nat() {
    if !allowed("a_closed_port_is_told_through_a_nat") {
        return;
    }
    let bridged = Bridged::start("closed", &behind_a_nat("", ""));
    let [own, there] = bridged.ipv4;
    let peer = bridged.socket(0, own);
    let closed = bridged.socket(1, there).local_addr().expect("an address");
    peer.connect(closed).expect("a route");
    peer.send(b"anybody?").expect("a datagram sent");
    let error = loop {
        match peer.recv(&mut [0; 100]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            heard => break heard.expect_err("nobody is there"),
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
    bridged.impaired.stop();
}

/// Whether there is a namespace of this name, and whether our device is in it.
fn state(name: &str) -> Option<bool> {
    within(name, || {
        std::fs::read_to_string("/proc/thread-self/net/dev")
    })
    .ok()
    .map(|devices| devices.contains(DEVICE))
}

#[test]
fn what_it_made_goes_at_the_end_and_what_was_there_stays() {
    if !allowed("what_it_made_goes_at_the_end_and_what_was_there_stays") {
        return;
    }
    let [one, other] = names("goes");
    ip(&["netns", "add", &one]).expect("a namespace");
    let bridged = Bridged::start("goes", &network("delay = \"1 ms\""));
    let during = [state(&one), state(&other)];
    bridged.impaired.stop();
    let after = [state(&one), state(&other)];
    ip(&["netns", "delete", &one]).expect("a namespace");
    assert_eq!(during, [Some(true), Some(true)]);
    assert_eq!(after, [Some(false), None]);
}

#[test]
fn when_one_side_is_not_to_be_had_the_other_goes() {
    if !allowed("when_one_side_is_not_to_be_had_the_other_goes") {
        return;
    }
    let [one, other] = names("half");
    ip(&["netns", "add", &other]).expect("a namespace");
    // Something else of the device's name.
    let add = ["-n", &other, "link", "add", DEVICE, "type", "veth"];
    let output = ip(&add).map(|()| {
        refused(
            &network("delay = \"1 ms\""),
            &["--tun", &format!("{one},{other}")],
        )
    });
    let after = [state(&one), state(&other)];
    ip(&["netns", "delete", &other]).expect("a namespace");
    let output = output.expect("a device of the same name");
    assert_failure(&output, 1, "a TUN device in ");
    assert_eq!(after, [None, Some(true)]);
}

/// The program with a scenario, until it ends by itself.
fn refused(scenario: &str, more: &[&str]) -> Output {
    let folder = Folder::new(&format!("impair-refused-{}", more[1]));
    let path = folder.file("scenario.toml");
    std::fs::write(&path, scenario).expect("a scenario");
    let mut command = duet();
    command.args(["impair", &path]).args(more);
    command.output().expect("an end")
}

#[test]
fn what_the_bridge_does_not_have_is_refused() {
    let base = network("delay = \"1 ms\"");
    let handover = format!(
        "{base}[[fault]]\nkind = \"handover\"\nnode = \"a\"\nat = \"500 ms\"\noutage = \"1 s\"\nnew_address = true\n"
    );
    let two = base.replacen("role = \"client\"", "role = \"client\"\ncount = 2", 1);
    for (scenario, tun, says) in [
        (&base, "x", "--tun wants two namespaces"),
        (&base, "x,y,z", "--tun wants two namespaces"),
        (&base, "x,x", "two different namespaces"),
        (&two, "x,y", "several clients"),
        (&handover, "x,y", "a namespace keeps its address"),
    ] {
        assert_failure(&refused(scenario, &["--tun", tun]), 2, says);
    }
}
