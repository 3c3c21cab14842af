//! The program: what it prints, what it writes, how it exits.

mod common;

use std::process::Output;

use common::Tree;

const CHAPTER: &str = "spec/chapters/06-call.md";
const LOCK: &str = "spec/requirements.lock";

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn exit_codes_tell_passed_failed_and_unusable_apart() {
    let tree = Tree::passing();
    let passed = tree.run(&["check"]);
    assert_eq!(passed.status.code(), Some(0), "{}", out(&passed));
    assert_eq!(
        out(&passed),
        "ok · requirements 6 · binding 5 · untestable 1 · exceptions 1\n"
    );

    tree.edit(CHAPTER, "answer once", "answer twice");
    let failed = tree.run(&["check"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(out(&failed).ends_with("failures 2\n"), "{}", out(&failed));

    assert_eq!(tree.run(&["frobnicate"]).status.code(), Some(2));
    std::fs::remove_dir_all(tree.root.join("spec")).expect("removed");
    let lost = tree.run(&["check"]);
    assert_eq!(lost.status.code(), Some(2));
    assert_eq!(err(&lost).lines().count(), 1, "{}", err(&lost));
    assert!(err(&lost).contains("--root"), "{}", err(&lost));
}

#[test]
fn lock_acknowledges_retires_restores_and_never_reuses() {
    let tree = Tree::passing();
    let said = |expected: &str| {
        let output = tree.run(&["lock"]);
        assert!(
            out(&output).contains(expected),
            "{} {}",
            out(&output),
            err(&output)
        );
    };
    said("requirements 6 · changes 0");
    tree.edit(CHAPTER, "answer once", "answer twice");
    said("CALL-001 changed");
    assert_eq!(tree.failures(), [""; 0]);

    let sentence = " The caller MAY wait. [CALL-002]";
    tree.edit(CHAPTER, sentence, "");
    said("CALL-002 retired");
    assert!(
        tree.read(LOCK)
            .lines()
            .any(|line| line.starts_with("CALL-002 MAY ") && line.ends_with(" retired"))
    );
    assert_eq!(tree.failures(), [""; 0]);
    tree.edit(
        "protocol/src/call.rs",
        "//= CALL-003,",
        "//= CALL-002, CALL-003,",
    );
    assert!(
        tree.failures()
            .iter()
            .any(|failure| failure.contains("call.rs:9: CALL-002 is retired"))
    );

    tree.edit(
        CHAPTER,
        "[CALL-003] A server",
        "[CALL-002] The caller MAY sing.\n- [CALL-003] A server",
    );
    let reused = tree.run(&["lock"]);
    assert_eq!(reused.status.code(), Some(1));
    assert!(
        err(&reused).contains("CALL-002 is retired, and ids are never reused"),
        "{}",
        err(&reused)
    );
    assert!(
        tree.failures()
            .iter()
            .any(|failure| failure.contains("06-call.md:7: CALL-002 is retired, and ids"))
    );

    tree.edit(CHAPTER, "MAY sing", "MAY wait");
    assert!(
        tree.failures()
            .iter()
            .any(|failure| failure.contains("CALL-002 is retired in spec/requirements.lock"))
    );
    said("CALL-002 restored");
    assert_eq!(tree.failures(), [""; 0]);
}

#[test]
fn lock_writes_each_requirement_as_data() {
    let tree = Tree::passing();
    let json = tree.read("spec/requirements.json");
    let line = r#"{"id":"CALL-003","level":"MUST NOT","text":"A server MUST NOT start a call twice.","chapter":"06-call.md"}"#;
    assert!(json.contains(line), "{json}");
    assert!(json.contains(r#""untestable":"nobody sees it""#), "{json}");
    assert_eq!(
        tree.read(LOCK).lines().next().map(|line| line.len()),
        Some("CALL-001 MUST 0123456789abcdef".len())
    );
}

#[test]
fn render_repairs_what_render_check_reports() {
    let tree = Tree::passing();
    let before = tree.read(CHAPTER);
    tree.edit(CHAPTER, "| `MAX_FRAME` | 16,384 |", "| ? |");
    assert_eq!(tree.run(&["render", "--check"]).status.code(), Some(1));
    assert_eq!(
        out(&tree.run(&["render"])),
        format!("{CHAPTER}\nfiles changed 1\n")
    );
    assert_eq!(tree.read(CHAPTER), before);
    assert_eq!(out(&tree.run(&["render"])), "files changed 0\n");
    assert_eq!(tree.run(&["render", "--check"]).status.code(), Some(0));

    tree.edit(CHAPTER, "generated: limits", "generated: messages nowhere");
    let unknown = tree.run(&["render"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        err(&unknown).contains("write one of: session, directory"),
        "{}",
        err(&unknown)
    );
}

#[test]
fn render_shows_messages_with_types_and_limits() {
    let tree = Tree::empty();
    let blocks = ["messages session", "kinds", "codes", "timers", "violations"];
    let text: String = blocks
        .iter()
        .map(|b| format!("<!-- generated: {b} -->\n<!-- /generated -->\n\n"))
        .collect();
    tree.write(CHAPTER, &text);
    assert_eq!(tree.run(&["render"]).status.code(), Some(0));
    let chapter = tree.read(CHAPTER);
    for line in [
        "### 0x0101 HELLO",
        "Sent by: client · Flags: none · Requirement: SES-001",
        "| `heartbeat_ms` | u32 | 1,000 – 60,000 | Wish for the interval of heartbeats, in milliseconds |",
        "| `agent` | text | ≤ 64 bytes | Name and version of the implementation, for logs |",
        "| `method` | choice (u8) | 0 Guest, 1 Password, 2 Token | How |",
        "| 0x0107 | ACK | session | either |  | SES-010 |",
        "| 0x0304 | `busy` | The callee is in a call |",
    ] {
        assert!(chapter.contains(line), "`{line}` is not in:\n{chapter}");
    }
}

#[test]
fn coverage_counts_and_explain_lists() {
    let tree = Tree::passing();
    let text = out(&tree.run(&["coverage"]));
    for line in [
        "CALL-003 MUST NOT\n    enforced  protocol/src/call.rs:9\n",
        "    test      protocol/src/call.rs:19 call_003_twice\n",
        "    mutant    conformance/mutants/src/lib.rs:1\n",
        "spec/chapters/06-call.md: requirements 6 · binding 5, covered 5 ·",
        "\nall: requirements 6 · binding 5, covered 5 ·",
    ] {
        assert!(text.contains(line), "`{line}` is not in:\n{text}");
    }
    let missing = out(&tree.run(&["coverage", "--missing"]));
    assert!(
        missing.starts_with("CALL-001 MUST  lacks a test, a mutant\n"),
        "{missing}"
    );
    assert!(!missing.contains("CALL-006"), "exempt: {missing}");
    let json: serde_json::Value =
        serde_json::from_slice(&tree.run(&["coverage", "--json"]).stdout).expect("JSON");
    assert_eq!(json["totals"]["exceptions"], 1);
    assert_eq!(json["chapters"][CHAPTER]["requirements"], 6);
    assert_eq!(
        json["requirements"][0]["checks"][0],
        "conformance/cases/answer.toml:7"
    );

    assert_eq!(tree.run(&["coverage"]).status.code(), Some(0));
    tree.edit("protocol/src/call.rs", "CALL-003, CALL-004", "CALL-003");
    let open = tree.run(&["coverage", "--missing"]);
    assert_eq!(open.status.code(), Some(1));
    assert!(
        out(&open).contains("CALL-004 MUST  OPEN  lacks an enforcing line, "),
        "{}",
        out(&open)
    );
    tree.edit(
        "protocol/src/call.rs",
        "//= CALL-003",
        "//= CALL-003, CALL-004",
    );

    let explained = out(&tree.run(&["explain", "call-003"]));
    assert!(explained.starts_with(
        "CALL-003 (MUST NOT, spec/chapters/06-call.md:7)\n  A server MUST NOT start a call twice.\n"
    ));
    for place in [
        "protocol/src/call.rs:9\n",
        "protocol/src/call.rs:19 call_003_twice\n",
        "conformance/mutants/src/lib.rs:1\n",
    ] {
        assert!(
            explained.contains(place),
            "`{place}` is not in:\n{explained}"
        );
    }
    assert!(out(&tree.run(&["explain", "CALL-006"])).contains("exception: the memory is cheap"));
    let unknown = tree.run(&["explain", "CALL-077"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        err(&unknown).contains("no chapter has this id"),
        "{}",
        err(&unknown)
    );
}
