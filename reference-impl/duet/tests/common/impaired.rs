//! `duet impair` in a process of its own, for the proxy's tests and the bridge's.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use duet::impair::{Ends, Impairment};
use duet_sim::net::{Content, Datagram, Ecn};
use duet_sim::{Scenario, Time};
use serde_json::Value;

use super::{Folder, duet};

/// What only a hanging test waits for.
pub const HANGS: Duration = Duration::from_secs(60);

/// Two ends and what is between them.
pub fn network(link: &str) -> String {
    format!(
        "name = \"n\"\nduration = \"1 s\"\n[[node]]\nname = \"a\"\nrole = \"client\"\n[[node]]\nname = \"b\"\nrole = \"server\"\n\
         [[link]]\nfrom = \"a\"\nto = \"b\"\n{link}\n"
    )
}

/// The process, which has told where it takes packets.
pub struct Impaired {
    child: Child,
    output: BufReader<ChildStdout>,
    folder: Folder,
    pub told: Value,
}

impl Impaired {
    /// Panics with what the program complains of, if it does.
    pub fn start(name: &str, scenario: &str, more: &[&str]) -> Impaired {
        let folder = Folder::new(&format!("impair-{name}"));
        let path = folder.file("scenario.toml");
        std::fs::write(&path, scenario).expect("a scenario");
        let mut child = duet()
            .args([
                "impair",
                &path,
                "--json",
                "--log",
                &folder.file("events.log"),
            ])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut first = String::new();
        output.read_line(&mut first).expect("a line");
        let told = serde_json::from_str(&first).unwrap_or_else(|_| {
            let mut said = String::new();
            let stderr = child.stderr.as_mut().expect("its complaints");
            stderr.read_to_string(&mut said).expect("text");
            panic!("{said}")
        });
        Impaired {
            child,
            output,
            folder,
            told,
        }
    }

    /// Ctrl-C; what it says then, and the log.
    pub fn stop(mut self) -> (Value, String) {
        self.interrupt();
        let mut last = String::new();
        self.output.read_line(&mut last).expect("a line");
        assert!(self.child.wait().expect("its end").success());
        let log = std::fs::read_to_string(self.folder.file("events.log")).expect("a log");
        (serde_json::from_str(&last).expect("JSON"), log)
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.expect("kill").success());
    }
}

impl Drop for Impaired {
    /// Not killed, so that what it made it also cleans up.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.interrupt();
            let _ = self.child.wait();
        }
    }
}

/// The size of the next packet, and from whom it is.
pub fn receive(socket: &UdpSocket, packet: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        match socket.recv_from(packet) {
            // A signal to this process is no answer, and with a timeout the system does not go on by itself.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received.expect("a packet"),
        }
    }
}

/// A packet with a number in it.
pub fn numbered(number: u32) -> Vec<u8> {
    let mut packet = vec![0; 100];
    packet[..4].copy_from_slice(&number.to_be_bytes());
    packet
}

pub fn number(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[..4].try_into().expect("four bytes"))
}

/// The model's log of numbered packets that come in at the first client at these instants.
pub fn model(scenario: &str, arrivals: &[Time]) -> (Vec<u32>, String) {
    let scenario = Scenario::parse(scenario, "model").expect("a scenario");
    let ends = Ends::of(&scenario, &[], None).expect("ends");
    let mut network = Impairment::new(&scenario, scenario.seed, &ends).expect("a network");
    let address = |node| SocketAddr::new(duet_sim::net::address_of(node), 7);
    for (number, at) in (0..).zip(arrivals) {
        network.advance(*at);
        let datagram = Datagram {
            source: address(ends.clients[0]),
            destination: address(ends.server),
            ecn: Ecn::NotEct,
            class: "udp",
            content: Content::Bytes(numbered(number).as_slice().into()),
        };
        network.put(ends.clients[0], datagram);
    }
    // Long enough for the last one.
    let last = arrivals.last().copied().unwrap_or(Time::ZERO);
    network.advance(last.after(Duration::from_secs(3_600)));
    let arrived = std::iter::from_fn(|| network.take(ends.server));
    let bytes = arrived.map(|(_, datagram)| match datagram.content {
        Content::Bytes(bytes) => number(&bytes),
        other => panic!("{other:?}"),
    });
    (bytes.collect(), network.log().text())
}

/// The numbers that the model lets through of so many packets that are sent one after the other, in the order of arrival.
pub fn survivors(scenario: &str, packets: u32) -> Vec<u32> {
    let arrivals: Vec<Time> = (0..packets)
        .map(|sent| Time::from_micros(u64::from(sent) * 10))
        .collect();
    model(scenario, &arrivals).0
}

/// A log's lines about a link, in columns.
pub fn columns<'l>(log: &'l str, link: &'l str) -> impl Iterator<Item = Vec<&'l str>> {
    let lines = log.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.filter(move |line| line[1] == link)
}

/// The numbers of the packets that the log says were lost on a link.
pub fn lost(log: &str, link: &str) -> BTreeSet<u32> {
    let lost = columns(log, link).filter(|line| line[7] == "lost");
    lost.map(|line| line[2].parse().expect("a number"))
        .collect()
}
