//! A business service of its own, linked to a server over loopback: both as a person starts them, in processes of their
//! own. What is waited for is a line of their output, for half a minute at most.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use duet_protocol::client::{Client, Config, Credentials, Event};
use duet_protocol::code::Code;
use duet_protocol::id::{RoomId, UserId};
use duet_protocol::message::room::Change;
use duet_protocol::seed::Seed;
use duet_protocol::time::Instant;
use duet_protocol::wire::Address;
use duet_quic::{ClientSettings, Driver, Identity, Loop, Trust, UdpSocket};
use serde_json::{Value, json};

const TOKEN: &str = "a token of these tests";

fn duet() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// A process whose output is read as it comes; it ends with the test.
struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("a process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (said, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Ok(value) = serde_json::from_str(&line) else {
                    continue;
                };
                if said.send(value).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for this event, past all others.
    #[track_caller]
    fn hear(&self, event: &str) -> Value {
        self.hear_where(event, |_| true)
    }

    #[track_caller]
    fn hear_where(&self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut heard = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(30)) {
                Ok(value) if value["event"] == event && fits(&value) => return value,
                Ok(value) => heard.push(value),
                Err(error) => panic!("no {event}: {error}; heard {heard:?}"),
            }
        }
    }

    /// How it ended, once it has.
    fn end(mut self) -> Output {
        let status = self.child.wait().expect("its end");
        let mut stderr = Vec::new();
        if let Some(mut errors) = self.child.stderr.take() {
            std::io::Read::read_to_end(&mut errors, &mut stderr).expect("what it said");
        }
        Output {
            status,
            stdout: Vec::new(),
            stderr,
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.expect("kill").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a certificate and a token, and the addresses of a server.
struct Place {
    folder: PathBuf,
    clients: String,
    services: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("duet-service-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let this = Self {
            folder,
            clients: "127.0.0.1:0".into(),
            services: "127.0.0.1:0".into(),
        };
        let identity = Identity::ecdsa_p256_dev(&["127.0.0.1"]).expect("made");
        let (cert, key) = (this.path("cert.pem"), this.path("key.pem"));
        identity.save(cert.as_ref(), key.as_ref()).expect("saved");
        std::fs::write(this.path("token"), format!("{TOKEN}\n").replace(' ', "-"))
            .expect("written");
        this
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Starts the server, at the same addresses as before.
    fn serve(&mut self, more: &[&str]) -> Running {
        let mut command = duet();
        command
            .args(["serve", "--json", "--guests"])
            .args([
                "--cert",
                &self.path("cert.pem"),
                "--key",
                &self.path("key.pem"),
            ])
            .args([
                "--listen",
                &self.clients,
                "--service-listen",
                &self.services,
            ])
            .args(["--service-token-file", &self.path("token")])
            .args(more);
        let server = Running::start(&mut command);
        let told = server.hear("serving");
        self.clients = told["address"].as_str().expect("an address").to_owned();
        self.services = told["services"].as_str().expect("an address").to_owned();
        server
    }

    fn service_command(&self, more: &[&str]) -> Command {
        let mut command = duet();
        command
            .args(["service", "--json", "--server", &self.services])
            .args([
                "--ca",
                &self.path("cert.pem"),
                "--token-file",
                &self.path("token"),
            ])
            .args(["--heartbeat", "1000"])
            .args(more);
        command
    }

    fn service(&self, more: &[&str]) -> Running {
        Running::start(&mut self.service_command(more))
    }

    fn chat_command(&self, name: &str, room: &str) -> Command {
        let mut command = duet();
        command
            .args(["chat", "--room", room, "--as", name, "--json"])
            .args(["--server", &self.clients, "--ca", &self.path("cert.pem")]);
        command
    }

    /// Somebody enters a room, and leaves again at once.
    fn chat(&self, name: &str, room: &str) -> Output {
        self.chat_command(name, room).output().expect("a client")
    }

    /// Somebody enters a room and stays.
    fn stay(&self, name: &str, room: &str) -> Running {
        Running::start(self.chat_command(name, room).stdin(Stdio::piped()))
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// One clear line and a help line at the most, no backtrace, this exit code.
#[track_caller]
fn assert_failure(output: &Output, code: i32, says: &str) {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(says), "{told:?} does not say {says:?}");
    assert!(
        !told.contains("backtrace") && !told.contains("panicked"),
        "{told}"
    );
    let lines = told
        .lines()
        .filter(|line| line.starts_with("error: ") || line.starts_with("help: "));
    assert!((1..=2).contains(&lines.count()), "{told}");
}

#[test]
fn a_service_decides_by_its_policy_and_is_told_what_happens() {
    let mut place = Place::new("policy");
    let _server = place.serve(&[]);
    let service = place.service(&[
        "--guests",
        "--deny-login",
        "mallory",
        "--deny-room",
        "attic",
    ]);
    assert_eq!(service.hear("linked")["standing"], "active");
    assert_eq!(service.hear("snapshot")["sessions"], 0);

    let alice = place.chat("alice", "lobby");
    assert!(alice.status.success(), "{}", said(&alice));
    let asked = service.hear("question");
    assert_eq!(
        (&asked["sort"], &asked["about"]),
        (&"login".into(), &"alice".into())
    );
    assert_eq!(service.hear("session_began")["name"], "alice");
    assert_eq!(service.hear("room_opened")["name"], "lobby");
    assert_eq!(service.hear("question")["sort"], "join");
    service.hear("member_in");
    service.hear("room_closed");

    let mallory = place.chat("mallory", "lobby");
    assert_failure(&mallory, 1, "forbidden");
    let attic = place.chat("alice", "attic");
    assert_failure(&attic, 1, "\"attic\": forbidden");
}

#[test]
fn without_its_service_a_server_refuses_at_the_deadline_and_a_standby_takes_over() {
    let mut place = Place::new("standby");
    let _server = place.serve(&[]);
    let first = place.service(&["--guests"]);
    first.hear("activated");
    let second = place.service(&["--guests", "--standby"]);
    assert_eq!(second.hear("linked")["standing"], "standby");
    // Whoever does not say that it would wait is told that there is another.
    let third = Running::start(&mut place.service_command(&["--guests", "--name", "third"]));
    assert_failure(&third.end(), 1, "another service is the active one");

    // The active one hangs: its link is dead after four heartbeats, and the other takes over with all that is open.
    first.signal("-STOP");
    let alice = place.stay("alice", "lobby");
    second.hear("activated");
    assert_eq!(second.hear("session_began")["name"], "alice");
    alice.hear("joined");
    // It comes back, finds its link gone, and that another has taken over.
    first.signal("-CONT");
    first.hear_where("down", |down| down["returning"] == true);
    assert_failure(&first.end(), 1, "another service has taken over");

    // Nobody is left to decide: the documented default, at the deadline.
    drop(second);
    assert_failure(&place.chat("bob", "lobby"), 1, "service_unavailable");
}

#[test]
fn a_question_that_a_service_ignores_is_refused_at_its_deadline() {
    let mut place = Place::new("ignore");
    let _server = place.serve(&[]);
    let service = place.service(&["--guests", "--ignore", "join"]);
    service.hear("activated");
    let alice = place.chat("alice", "lobby");
    assert_failure(&alice, 1, "\"lobby\": service_unavailable");
    assert!(said(&alice).contains("logged_in"), "the login was answered");
}

#[test]
fn a_server_that_comes_back_is_linked_again_and_tells_what_there_is() {
    let mut place = Place::new("restart");
    let server = place.serve(&[]);
    let service = place.service(&["--guests"]);
    let before = service.hear("activated");
    let alice = place.stay("alice", "lobby");
    service.hear("member_in");
    drop(server);
    service.hear_where("down", |down| down["returning"] == true);
    let _server = place.serve(&[]);
    let after = service.hear("activated");
    assert_ne!(
        before["epoch"], after["epoch"],
        "another run, another epoch"
    );
    assert_eq!(service.hear("snapshot")["sessions"], 0, "it knows nobody");
    // The client's intent outlives the server: it is asked about anew.
    let asked = service.hear("question");
    assert_eq!(asked["about"], "alice");
    service.hear("member_in");
    drop(alice);
}

#[test]
fn what_a_service_is_not_asked_the_server_decides_by_itself() {
    let mut place = Place::new("asks");
    let _server = place.serve(&["--service-asks", "join"]);
    let service = place.service(&["--deny-room", "attic"]);
    service.hear("activated");
    let alice = place.chat("alice", "attic");
    assert_failure(&alice, 1, "forbidden");
    assert_eq!(service.hear("question")["sort"], "join");
}

#[test]
fn a_service_shows_a_certificate_where_one_is_wanted() {
    let mut place = Place::new("mutual");
    let own = Identity::ecdsa_p256_client("service.example").expect("made");
    let (cert, key) = (place.path("own.pem"), place.path("own-key.pem"));
    own.save(cert.as_ref(), key.as_ref()).expect("saved");
    let _server = place.serve(&["--service-ca", &cert]);
    let known = place.service(&["--guests", "--cert", &cert, "--key", &key]);
    known.hear("activated");
    drop(known);
    let stranger = Running::start(&mut place.service_command(&["--guests"]));
    assert_failure(&stranger.end(), 1, "refused the TLS handshake");
}

#[test]
fn what_is_wrong_is_said_and_what_to_do() {
    let mut place = Place::new("wrong");
    let _server = place.serve(&[]);
    let wrong = place.path("wrong");
    std::fs::write(&wrong, "another-token-of-these-tests").expect("written");
    let run = |arguments: &[&str]| duet().args(arguments).output().expect("it runs");
    let ca = place.path("cert.pem");
    let token = place.path("token");
    let to = |address: &str, file: &str| {
        run(&[
            "service",
            "--server",
            address,
            "--ca",
            &ca,
            "--token-file",
            file,
        ])
    };
    assert_failure(&to(&place.services, &wrong), 1, "does not take this token");
    assert_failure(&to(&place.clients, &token), 1, "takes no services");
    assert_failure(&to(&place.services, "/nowhere"), 2, "cannot read /nowhere");
    assert_failure(&to("nonsense", &token), 2, "is no address of a server");
    std::fs::write(&wrong, "short").expect("written");
    assert_failure(&to(&place.services, &wrong), 2, "a token of 5 bytes");
    let unknown = run(&[
        "service",
        "--server",
        &place.services,
        "--token-file",
        &token,
    ]);
    assert_failure(&unknown, 2, "how is the server known?");
    // Nobody listens there: the port was somebody's a moment ago.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let nobody = silent.local_addr().expect("bound").to_string();
    assert_failure(&to(&nobody, &token), 1, "no answer from");

    let serve =
        |more: &[&str]| run(&[&["serve", "--dev", "--listen", "127.0.0.1:0"], more].concat());
    let half = serve(&["--service-listen", "127.0.0.1:0"]);
    assert_eq!(half.status.code(), Some(2));
    assert!(
        said(&half).contains("--service-token-file"),
        "{}",
        said(&half)
    );
    let listens = ["--service-listen", "127.0.0.1:0", "--service-token-file"];
    let none = serve(&[&listens[..], &["/nowhere"]].concat());
    assert_failure(&none, 2, "cannot read /nowhere");
    let taken = [
        "--service-listen",
        &place.services,
        "--service-token-file",
        &token,
    ];
    assert_failure(&serve(&taken), 1, "is in use");
    let no_ca = [&listens[..], &[&token, "--service-ca", "/nowhere"]].concat();
    assert_failure(&serve(&no_ca), 2, "cannot read /nowhere");
    for command in ["serve", "service"] {
        let help = run(&[command, "--help"]);
        assert!(said(&help).contains("Examples:") && said(&help).contains("token-file"));
    }
}

#[test]
fn a_service_that_is_asked_to_end_takes_its_leave() {
    let mut place = Place::new("leave");
    let _server = place.serve(&[]);
    let service = place.service(&["--guests"]);
    service.hear("activated");
    service.signal("-TERM");
    service.hear("stopped");
    assert_eq!(service.end().status.code(), Some(0));
}

/// A client's core on a socket, and what it was told.
struct Guest {
    net: Loop<Client, UdpSocket>,
    events: Vec<Event>,
}

impl Guest {
    fn new(place: &Place, name: &str, seed: u8) -> Self {
        let settings = ClientSettings {
            server: place.clients.parse().expect("an address"),
            server_name: "127.0.0.1".into(),
            trust: Trust::Roots(std::fs::read(place.path("cert.pem")).expect("written")),
        };
        let core = Client::new(
            Arc::new(Config::default()),
            Seed([seed; 32]),
            Instant::EPOCH,
        );
        let epoch = std::time::Instant::now();
        let driver = Driver::client(settings, core, [seed; 32], epoch).expect("usable settings");
        let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("a socket");
        let mut net = Loop::new(driver, socket);
        let who = Credentials::Guest(name.into());
        net.command(|core, now| core.login(now, who))
            .expect("an idle client");
        let events = Vec::new();
        Self { net, events }
    }

    /// What the service pushed.
    fn pushed(&self) -> Option<Value> {
        self.events.iter().find_map(|event| match event {
            Event::Data {
                user: UserId(0),
                data,
                ..
            } => serde_json::from_slice(data).ok(),
            _ => None,
        })
    }
}

/// Lets both clients run until that is so, for twenty seconds at most.
async fn until(guests: &mut [Guest; 2], what: &str, is_so: impl Fn(&[Guest; 2]) -> bool) {
    let all = async {
        loop {
            for guest in guests.iter_mut() {
                while let Some(event) = guest.net.driver_mut().poll_event() {
                    guest.events.push(event);
                }
            }
            if is_so(guests) {
                return;
            }
            let [one, other] = guests;
            tokio::select! {
                pumped = one.net.pump() => pumped,
                pumped = other.net.pump() => pumped,
            }
            .expect("a sound socket");
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), all).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().expect("a string");
    (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("digits"))
        .collect()
}

#[tokio::test]
async fn a_service_assigns_a_room_to_two_of_whom_one_asked() {
    let mut place = Place::new("assign");
    let _server = place.serve(&[]);
    let service = place.service(&["--guests", "--assign"]);
    service.hear("activated");
    let mut guests = [Guest::new(&place, "alice", 1), Guest::new(&place, "bob", 2)];
    let logged_in = |guest: &Guest| {
        let mut events = guest.events.iter();
        events.any(|event| matches!(event, Event::LoggedIn { .. }))
    };
    until(&mut guests, "logged in", |all| all.iter().all(logged_in)).await;
    // The service knows who is there by its events.
    for _ in 0..2 {
        service.hear("session_began");
    }
    let ask = |guest: &mut Guest, name: &str| {
        let data = json!({ "meet": name }).to_string();
        guest
            .net
            .command(|core, now| core.data(now, Address::Service, data.as_bytes()))
            .expect("room for one message");
    };
    ask(&mut guests[0], "nobody");
    until(&mut guests, "an answer", |all| all[0].pushed().is_some()).await;
    let refused = json!({ "meet": "nobody", "failed": Code::NOT_FOUND.to_string() });
    assert_eq!(guests[0].pushed(), Some(refused));
    guests[0].events.clear();

    ask(&mut guests[0], "bob");
    let both = |all: &[Guest; 2]| all.iter().all(|guest| guest.pushed().is_some());
    until(&mut guests, "a room for each", both).await;
    let mut rooms = Vec::new();
    for (guest, with) in guests.iter_mut().zip(["bob", "alice"]) {
        let told = guest.pushed().expect("pushed");
        assert_eq!(told["with"], with);
        let room = RoomId(bytes(&told["room"]).try_into().expect("16 bytes"));
        let ticket = bytes(&told["ticket"]);
        guest
            .net
            .command(|core, now| core.join_room(now, room, &ticket))
            .expect("logged in");
        rooms.push(room);
    }
    assert_eq!(rooms[0], rooms[1]);
    let inside = |all: &[Guest; 2]| {
        all.iter()
            .all(|g| g.net.driver().core().rooms().count() == 1)
    };
    until(&mut guests, "both inside", inside).await;
    guests[0]
        .net
        .command(|core, now| core.leave(now, rooms[0]))
        .expect("inside");
    let left = |all: &[Guest; 2]| {
        let mut events = all[1].events.iter();
        events.any(|event| {
            matches!(
                event,
                Event::Member {
                    change: Change::Leave,
                    ..
                }
            )
        })
    };
    until(&mut guests, "one has left", left).await;
    let asked = guests[1]
        .net
        .command(|core, now| core.leave(now, rooms[0]))
        .expect("inside");
    let answered = |all: &[Guest; 2]| {
        let mut events = all[1].events.iter();
        events.any(|event| matches!(event, Event::Answer { request, .. } if *request == asked))
    };
    until(&mut guests, "both have left", answered).await;
    let closed = service.hear("room_closed");
    assert_eq!(bytes(&closed["room"]), rooms[0].0);
}
