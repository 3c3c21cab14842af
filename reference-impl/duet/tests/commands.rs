//! The commands as a person types them, in processes of their own, over loopback; with synthetic media, so that they run
//! where there is no GStreamer.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use common::{Folder, Server, assert_failure, duet, text};

#[test]
fn two_processes_call_each_other() {
    let server = Server::start("call", &[]);
    let folder = Folder::new("call-out");
    let (heard, said) = (folder.file("callee.json"), folder.file("caller.json"));
    let mut answer = duet()
        .args([
            "answer",
            "--as",
            "bob",
            "--once",
            "--json",
            "--media",
            "synthetic",
            "--summary",
            &heard,
        ])
        .args(server.to())
        .stdout(Stdio::piped())
        .spawn()
        .expect("an answerer");
    let mut lines = BufReader::new(answer.stdout.take().expect("its output")).lines();
    let logged_in = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("logged_in"));
    assert!(logged_in);
    let trace = folder.file("caller.sqlog");
    let call = duet()
        .args([
            "call",
            "bob",
            "--as",
            "alice",
            "--json",
            "--media",
            "synthetic",
            "--length",
            "2",
        ])
        .args(["--summary", &said, "--trace", &trace])
        .args(server.to())
        .output()
        .expect("a caller");
    assert!(
        call.status.success(),
        "{}{}",
        text(&call.stdout),
        text(&call.stderr)
    );
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(answer.wait().expect("its end").success(), "{rest:?}");
    for (path, peer) in [(&heard, &said), (&said, &heard)] {
        let read = |path: &String| -> Value {
            serde_json::from_str(&std::fs::read_to_string(path).expect("a summary")).expect("JSON")
        };
        let (own, other) = (read(path), read(peer));
        assert_eq!(own["reason"], "hangup");
        let (shown, sent) = (
            own["pictures_shown"].as_u64(),
            other["pictures_sent"].as_u64(),
        );
        let (shown, sent) = (shown.expect("a count"), sent.expect("a count"));
        // What was sent in the last 200 ms was still to be played when the call ended.
        assert!(sent >= 40 && shown + 15 >= sent, "{shown} of {sent}");
    }
    let trace = duet_sim::trace::read(&std::fs::read(&trace).expect("a trace")).expect("qlog");
    assert!(trace.iter().any(|event| event["data"]["type"] == "START"));
}

#[test]
fn a_line_typed_is_a_text_sent_and_confirmed() {
    let server = Server::start("chat", &[]);
    let mut bob = duet()
        .args(["chat", "--room", "lobby", "--as", "bob", "--json"])
        .args(server.to())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bob");
    let mut lines = BufReader::new(bob.stdout.take().expect("its output")).lines();
    assert!(
        lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("joined"))
    );
    let mut alice = duet()
        .args(["chat", "--room", "lobby", "--as", "alice", "--json"])
        .args(server.to())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("alice");
    alice
        .stdin
        .take()
        .expect("its input")
        .write_all(b"hello\n")
        .expect("typed");
    let said = alice.wait_with_output().expect("its end");
    assert!(said.status.success());
    assert!(text(&said.stdout).contains(r#"{"event":"delivered","detail":"hello"}"#));
    assert!(
        lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains(r#""text":"hello""#))
    );
    drop(bob.stdin.take());
    assert!(bob.wait().expect("its end").success());
}

/// Nobody else is in the room: the exit code says so, and a line that is no text does not take the next with it.
#[test]
fn what_is_typed_and_not_delivered_is_a_failure() {
    let server = Server::start("chat-alone", &[]);
    let mut alone = duet()
        .args(["chat", "--room", "lobby", "--as", "bob", "--json"])
        .args(server.to())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bob");
    let typed = b"bad \xff\xfe\nnext\n";
    let mut input = alone.stdin.take().expect("its input");
    input.write_all(typed).expect("typed");
    drop(input);
    let output = alone.wait_with_output().expect("its end");
    assert_failure(&output, 1, "2 texts were not delivered");
    assert!(text(&output.stdout).contains(r#"{"event":"unreachable","detail":"next"}"#));
    // It has logged out: nobody is found who could be called.
    let missing = duet()
        .args(["chat", "--to", "bob", "--as", "alice"])
        .args(server.to())
        .stdin(Stdio::null())
        .output()
        .expect("alice");
    assert_failure(&missing, 1, "not_found");
}

#[test]
fn an_account_logs_in_with_its_password_only() {
    let folder = Folder::new("account");
    let (file, password, wrong) = (
        folder.file("users.toml"),
        folder.file("right"),
        folder.file("wrong"),
    );
    std::fs::write(&password, "correct horse\n").expect("a file");
    std::fs::write(&wrong, "battery staple\n").expect("a file");
    let mut add = duet()
        .args(["account", "alice", "--file", &file])
        .stdin(Stdio::piped())
        .spawn()
        .expect("duet account");
    add.stdin
        .take()
        .expect("its input")
        .write_all(b"correct horse\n")
        .expect("typed");
    assert!(add.wait().expect("its end").success());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file)
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others can read it");
    }
    assert!(
        !std::fs::read_to_string(&file)
            .expect("the file")
            .contains("correct")
    );
    let server = Server::start("accounts", &["--accounts", &file]);
    let chat = |password: &str| {
        duet()
            .args([
                "chat",
                "--room",
                "lobby",
                "--as",
                "alice",
                "--password-file",
                password,
            ])
            .args(server.to())
            .output()
            .expect("duet chat")
    };
    let right = chat(&password);
    assert!(right.status.success(), "{}", text(&right.stderr));
    assert_failure(&chat(&wrong), 1, "bad_credentials");
}

#[test]
fn mistakes_are_told_in_a_line_with_what_to_do() {
    let server = Server::start("mistakes", &[]);
    let run = |arguments: &[&str]| duet().args(arguments).output().expect("duet");
    let fingerprint = "00".repeat(32);
    let call = |server: &str, trust: [&str; 2]| {
        let media = ["--media", "synthetic"];
        let from = ["call", "nobody", "--as", "alice", "--server", server];
        run(&[&from[..], &trust, &media].concat())
    };
    assert_failure(
        &call(&server.address, ["--ca", &server.ca]),
        1,
        "nobody is called \"nobody\"",
    );
    assert_failure(
        &call("127.0.0.1:1", ["--ca", &server.ca]),
        1,
        "no answer from 127.0.0.1:1",
    );
    assert_failure(
        &call("nonsense", ["--ca", &server.ca]),
        2,
        "is no address of a server",
    );
    assert_failure(
        &call(&server.address, ["--fingerprint", &fingerprint]),
        1,
        "fingerprint",
    );
    assert_failure(
        &call(&server.address, ["--ca", "/nowhere/ca.pem"]),
        2,
        "cannot read /nowhere/ca.pem",
    );
    assert_failure(
        &run(&["serve", "--dev", "--listen", &server.address]),
        1,
        "is in use",
    );
    assert_failure(&run(&["serve"]), 2, "a server needs a certificate");
    assert_failure(
        &run(&["simulate", "/nowhere.toml"]),
        2,
        "cannot read /nowhere.toml",
    );
}

#[test]
fn a_scenario_with_a_mistake_is_shown_with_a_caret() {
    let folder = Folder::new("scenario");
    let file = folder.file("wrong.toml");
    let right = include_str!("../../../sim/scenarios/first-call.toml");
    std::fs::write(
        &file,
        right.replace("length = \"20 s\"", "lenght = \"20 s\""),
    )
    .expect("a file");
    let output = duet()
        .args(["simulate", &file, "--media", "synthetic"])
        .output()
        .expect("duet");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("unknown key `lenght`") && told.contains('^'),
        "{told}"
    );
    assert!(told.contains("did you mean `length`"), "{told}");
}

/// What cannot be run is refused before anything runs, however many runs there would be.
#[test]
fn a_scenario_that_asks_for_what_there_is_not_is_refused() {
    let folder = Folder::new("refused");
    let file = folder.file("call.toml");
    let right = include_str!("../../../sim/scenarios/first-call.toml");
    let cases = [
        (
            "\n[[expect]]\nmetric = \"video.godput\"\nof = \"alice\"\nmin = 1\n",
            "a client in a call has no metric `video.godput`; there is video.sent, ",
        ),
        (
            "\n[[expect]]\ninvariant = \"room.order\"\n",
            "no invariant is called `room.order`; there is session.order, ",
        ),
        (
            "\n[[node]]\nname = \"other\"\nrole = \"server\"\n",
            "a scenario has one server",
        ),
    ];
    for (more, words) in cases {
        std::fs::write(&file, format!("{right}{more}")).expect("a file");
        for arguments in [&["--seeds", "1..9"][..], &["--media", "synthetic"]] {
            let output = duet().args(["simulate", &file]).args(arguments).output();
            assert_failure(&output.expect("duet"), 2, words);
        }
        let output = duet().args(["simulate", "check", &file]).output();
        assert_failure(&output.expect("duet"), 2, words);
    }
    let network = "name = \"lan\"\nduration = \"1 s\"\n[[node]]\nname = \"a\"\nrole = \"host\"\n";
    std::fs::write(&file, network).expect("a file");
    let output = duet().args(["simulate", &file]).output();
    assert_failure(&output.expect("duet"), 2, "nothing happens here");
    let output = duet().args(["simulate", "check", &file]).output();
    let output = output.expect("duet");
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("`duet impair` runs it"));
}

#[test]
fn a_scenario_names_files_beside_it() {
    let folder = Folder::new("traces");
    let file = folder.file("call.toml");
    let right = include_str!("../../../sim/scenarios/first-call.toml");
    let traced = right.replace("rate = \"2 Mb/s\" ", "opportunities = \"slow.trace\" ");
    std::fs::write(&file, traced).expect("a file");
    let check = || {
        duet()
            .args(["simulate", "check", &file, "--print"])
            .output()
            .expect("duet")
    };
    let output = check();
    assert_failure(&output, 2, "cannot read `slow.trace`");
    std::fs::write(folder.file("slow.trace"), "6\n12\n").expect("a file");
    let output = check();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("opportunities = [6, 12]"), "{told}");
}

#[test]
fn presets_are_listed_with_their_origin() {
    let run = |arguments: &[&str]| {
        let output = duet().args(arguments).output().expect("duet");
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    let told = text(&run(&["simulate", "presets"]));
    for words in [
        "  lte: LTE, ",
        "RFC 2488 §2",
        "    back: rate = \"20 Mb/s\"\n",
        "\n  home\n",
        "timeout = \"120 s\"",
        "\n  only-443\n",
    ] {
        assert!(told.contains(words), "{words:?} in {told}");
    }
    assert!(
        told.lines().all(|line| line.chars().count() <= 120),
        "{told}"
    );
    let all: serde_json::Value =
        serde_json::from_slice(&run(&["simulate", "presets", "--json"])).expect("JSON");
    assert_eq!(all["nats"][0]["settings"]["timeout"], "300 s");
    let count = |key: &str| all[key].as_array().map_or(0, Vec::len);
    assert_eq!(count("links"), duet_sim::LinkPreset::all().len());
    assert_eq!(count("nats"), duet_sim::net::NatConfig::PRESETS.len());
    assert_eq!(
        count("firewalls"),
        duet_sim::net::FirewallConfig::PRESETS.len()
    );
}

#[test]
fn a_full_disk_is_said_to_be_one() {
    // A device that is always full; without it there is nothing to show.
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let listen = ["--listen", "127.0.0.1:0"];
    let output = duet()
        .args(["serve", "--dev", "--cert-out", "/dev/full"])
        .args(listen)
        .output();
    let output = output.expect("duet");
    assert_failure(&output, 1, "cannot write /dev/full");
    assert!(text(&output.stderr).contains("free some space"));
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("the device");
    let output = duet()
        .args(["serve", "--dev"])
        .args(listen)
        .stdout(full)
        .output()
        .expect("duet");
    assert_failure(&output, 1, "cannot write standard output");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_server_cleanly() {
    let mut server = Server::start("ctrl-c", &[]);
    let pid = server.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill")
            .success()
    );
    assert_eq!(server.child.wait().expect("its end").code(), Some(0));
}
