//! `duet send` and `duet receive` as a person types them, in processes of their own, over loopback.

mod common;

use std::io::{BufRead, BufReader, Lines, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

use common::{Folder, Server, assert_failure, duet, text};

/// Bytes whose order shows.
fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// Bob, who is logged in and takes what comes, until the test is over.
struct Receiver {
    child: Option<Child>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Receiver {
    fn start(server: &Server, into: &str, more: &[&str]) -> Self {
        let mut command = duet();
        command.args(["receive", "--as", "bob", "--json", "--into", into]);
        command.args(more).args(server.to());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a receiver");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let child = Some(child);
        let mut this = Self { child, lines };
        this.until("logged_in");
        this
    }

    /// Reads on until an event of this name.
    fn until(&mut self, event: &str) -> Value {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        let mut events = lines
            .by_ref()
            .filter_map(|line| serde_json::from_str(&line).ok());
        let found = events.find(|told: &Value| told["event"] == event);
        found.unwrap_or_else(|| {
            let mut told = String::new();
            if let Some(stderr) = self.child.as_mut().and_then(|child| child.stderr.as_mut()) {
                let _ = stderr.read_to_string(&mut told);
            }
            panic!("it never said {event}: {told}")
        })
    }

    fn finish(mut self) -> Output {
        // What else it says is read, so that it is not held up.
        self.lines.by_ref().map_while(Result::ok).for_each(drop);
        let child = self.child.take().expect("it runs");
        child.wait_with_output().expect("its end")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn send(server: &Server, file: &str, more: &[&str]) -> Output {
    duet()
        .args(["send", file, "--to", "bob", "--as", "alice", "--json"])
        .args(more)
        .args(server.to())
        .output()
        .expect("a sender")
}

fn success(output: &Output) {
    let told = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told:?}");
}

fn files(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn inbox(folder: &Folder) -> String {
    let inbox = folder.file("inbox");
    std::fs::create_dir_all(&inbox).expect("a folder");
    inbox
}

#[test]
fn files_arrive_whole_and_overwrite_nothing() {
    let server = Server::start("files", &[]);
    let folder = Folder::new("files-out");
    let (inbox, file) = (inbox(&folder), folder.file("a.bin"));
    let content = bytes(3_000_000);
    std::fs::write(&file, &content).expect("a file");
    std::fs::write(Path::new(&inbox).join("a.bin"), "mine").expect("a file");
    let mut receiver = Receiver::start(&server, &inbox, &[]);
    let sent = send(&server, &file, &[]);
    success(&sent);
    for event in ["offered", "started", "delivered"] {
        let told = format!(r#""event":"{event}""#);
        assert!(text(&sent.stdout).contains(&told), "{}", text(&sent.stdout));
    }
    let offered = receiver.until("offered");
    assert_eq!(
        (&offered["from"], &offered["size"]),
        (&"alice".into(), &3_000_000.into())
    );
    let received = receiver.until("received");
    let path = PathBuf::from(received["path"].as_str().expect("a path"));
    assert_eq!(path, Path::new(&inbox).join("a (2).bin"));
    assert!(
        std::fs::read(&path).expect("a file") == content,
        "other bytes"
    );
    let mine = std::fs::read(Path::new(&inbox).join("a.bin")).expect("a file");
    assert_eq!(mine, b"mine");

    // The same receiver takes another, of no bytes, by a name that would lead elsewhere.
    let empty = folder.file("empty");
    std::fs::write(&empty, "").expect("a file");
    success(&send(&server, &empty, &["--name", "../../../evil.txt"]));
    receiver.until("received");
    assert_eq!(files(&inbox), ["a (2).bin", "a.bin", "evil.txt"]);
    assert_eq!(files(&folder.file("")), ["a.bin", "empty", "inbox"]);
}

#[test]
fn a_partial_file_is_gone_on_with_and_a_wrong_one_is_thrown_away() {
    let server = Server::start("partial", &[]);
    let folder = Folder::new("partial-out");
    let (inbox, file) = (inbox(&folder), folder.file("a.bin"));
    let content = bytes(2_000_000);
    std::fs::write(&file, &content).expect("a file");
    let partial = Path::new(&inbox).join("a.bin.2000000.part");
    std::fs::write(&partial, &content[..1_500_000]).expect("a file");
    let receiver = Receiver::start(&server, &inbox, &["--once"]);
    let sent = send(&server, &file, &[]);
    success(&sent);
    let from = r#"{"event":"started","at":1500000,"size":2000000}"#;
    assert!(text(&sent.stdout).contains(from), "{}", text(&sent.stdout));
    success(&receiver.finish());
    assert_eq!(files(&inbox), ["a.bin"]);
    let came = std::fs::read(Path::new(&inbox).join("a.bin")).expect("a file");
    assert!(came == content, "other bytes");

    std::fs::write(&partial, vec![0; 1_500_000]).expect("a file");
    let receiver = Receiver::start(&server, &inbox, &["--once"]);
    assert_failure(&send(&server, &file, &[]), 1, "is not what was sent");
    assert_failure(&receiver.finish(), 1, "it is thrown away");
    assert_eq!(files(&inbox), ["a.bin"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_has_come_and_it_goes_on_from_there() {
    let server = Server::start("ctrl-c-files", &["--file-rate", "1000000"]);
    let folder = Folder::new("ctrl-c-files-out");
    let (inbox, file) = (inbox(&folder), folder.file("a.bin"));
    let content = bytes(4_000_000);
    std::fs::write(&file, &content).expect("a file");
    let interrupt = |child: &Child| {
        let pid = child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.expect("kill").success());
    };
    let mut sender = duet();
    sender.args(["send", &file, "--to", "bob", "--as", "alice"]);
    sender
        .args(server.to())
        .stderr(Stdio::piped())
        .stdout(Stdio::null());

    let mut receiver = Receiver::start(&server, &inbox, &[]);
    let sending = sender.spawn().expect("a sender");
    receiver.until("progress");
    interrupt(receiver.child.as_ref().expect("it runs"));
    assert_failure(&receiver.finish(), 1, "have it sent again");
    let sent = sending.wait_with_output().expect("its end");
    assert_failure(&sent, 1, "bob gave it up");
    assert_eq!(files(&inbox), ["a.bin.4000000.part"]);

    // The other side's turn.
    let mut receiver = Receiver::start(&server, &inbox, &["--once"]);
    let sending = sender.spawn().expect("a sender");
    let began = receiver.until("started")["at"].as_u64().expect("a number");
    assert!((1..4_000_000).contains(&began), "{began}");
    receiver.until("progress");
    interrupt(&sending);
    let sent = sending.wait_with_output().expect("its end");
    assert_failure(&sent, 1, "stopped after");
    assert_failure(&receiver.finish(), 1, "ended with aborted");

    let mut receiver = Receiver::start(&server, &inbox, &["--once"]);
    let sending = sender.spawn().expect("a sender");
    let again = receiver.until("started")["at"].as_u64().expect("a number");
    assert!(again > began, "{again} after {began}");
    success(&sending.wait_with_output().expect("its end"));
    success(&receiver.finish());
    let came = std::fs::read(Path::new(&inbox).join("a.bin")).expect("a file");
    assert!(came == content, "other bytes");
}

#[test]
fn what_cannot_be_sent_is_told_in_a_line_with_what_to_do() {
    let server = Server::start("unsent", &["--max-file", "1"]);
    let folder = Folder::new("unsent-out");
    let (inbox, file, large) = (inbox(&folder), folder.file("a.bin"), folder.file("b.bin"));
    std::fs::write(&file, bytes(1_000)).expect("a file");
    std::fs::write(&large, bytes(2 << 20)).expect("a file");
    assert_failure(
        &send(&server, "/nowhere/a.bin", &[]),
        2,
        "cannot read /nowhere/a.bin",
    );
    assert_failure(&send(&server, &inbox, &[]), 2, "it is no file");
    let long = "x".repeat(256);
    assert_failure(
        &send(&server, &file, &["--name", &long]),
        2,
        "1 to 255 bytes",
    );
    assert_failure(&send(&server, &file, &[]), 1, "\"bob\": not_found");
    let receive = |into: &str| {
        let mut receive = duet();
        receive.args(["receive", "--as", "bob", "--into", into]);
        receive.args(server.to()).output().expect("a receiver")
    };
    assert_failure(&receive("/nowhere"), 2, "cannot use /nowhere");
    assert_failure(&receive(&file), 2, "cannot use");

    let receiver = Receiver::start(&server, &inbox, &["--from", "carol"]);
    assert_failure(&send(&server, &large, &[]), 1, "takes no file of 2.00 MiB");
    assert_failure(&send(&server, &file, &[]), 1, "bob declined it: forbidden");
    drop(receiver);
    assert!(files(&inbox).is_empty());
}

/// A file system that takes no more, as a limit on the size of files shows it.
#[cfg(unix)]
#[test]
fn a_receiver_that_cannot_write_says_so_and_keeps_what_it_has() {
    let server = Server::start("full", &[]);
    let folder = Folder::new("full-out");
    let (inbox, file) = (inbox(&folder), folder.file("a.bin"));
    std::fs::write(&file, bytes(2_000_000)).expect("a file");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_duet"));
    command.args([
        "receive", "--as", "bob", "--json", "--once", "--into", &inbox,
    ]);
    command.args(server.to());
    let receiver = Receiver::spawn(command);
    assert_failure(&send(&server, &file, &[]), 1, "bob gave it up");
    assert_failure(&receiver.finish(), 1, "cannot write");
    assert_eq!(files(&inbox), ["a.bin.2000000.part"]);
}

#[test]
fn a_chat_takes_no_files_and_says_how_they_are_taken() {
    let server = Server::start("chat-files", &[]);
    let folder = Folder::new("chat-files-out");
    let file = folder.file("a.bin");
    std::fs::write(&file, bytes(1_000)).expect("a file");
    let mut chat = duet();
    chat.args(["chat", "--room", "lobby", "--as", "bob", "--json"]);
    chat.args(server.to()).stdin(Stdio::piped());
    // It reads lines until its input ends, which is held open.
    let mut chat = Receiver::spawn(chat);
    let mut sender = duet();
    sender.args(["send", &file, "--to", "bob", "--as", "alice"]);
    sender
        .args(server.to())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut sender = sender.spawn().expect("a sender");
    let told = chat.until("offered");
    let _ = sender.kill();
    let _ = sender.wait();
    let detail = told["detail"].as_str().expect("a text");
    assert!(
        detail.starts_with("a.bin from alice") && detail.contains("duet receive"),
        "{detail}"
    );
}
