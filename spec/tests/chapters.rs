//! How sentences are cut, and which id belongs to which.

mod common;

use common::Tree;
use duet_spec::{Registry, SpecError};

/// The requirements of one chapter, as `ID LEVEL text`, or its failures.
fn read(chapter: &str) -> Result<Vec<String>, Vec<String>> {
    let tree = Tree::empty();
    tree.write("spec/chapters/one.md", chapter);
    match Registry::load(&tree.root) {
        Ok(registry) => Ok(registry
            .iter()
            .map(|r| format!("{} {} {}", r.id, r.level, r.text))
            .collect()),
        Err(SpecError::Failed(failures)) => Err(failures
            .iter()
            .map(|failure| format!("{}: {}", failure.line, failure.what))
            .collect()),
        Err(other) => panic!("{other}"),
    }
}

#[track_caller]
fn reads(chapter: &str, expected: &[&str]) {
    assert_eq!(
        read(chapter).unwrap_or_else(|failures| panic!("{failures:#?}")),
        expected
    );
}

#[track_caller]
fn fails(chapter: &str, expected: &[&str]) {
    assert_eq!(read(chapter).expect_err("a failure"), expected);
}

#[test]
fn ids_stand_at_either_end() {
    let both = ["AB-001 MUST It MUST run.", "AB-002 MAY It MAY rest."];
    reads("[AB-001] It MUST run. [AB-002] It MAY rest.", &both);
    reads("It MUST run [AB-001]. It MAY rest [AB-002].", &both);
    reads("It MUST run. [AB-001] It MAY rest. [AB-002]", &both);
    reads("It MUST run.[AB-001]\nIt MAY rest.[AB-002]", &both);
    reads(
        "**[AB-001]** It MUST run. Now rest. **[AB-002]** It MAY rest.",
        &both,
    );
    reads(
        "> - [AB-001] It MUST run.\n\n| x | It MAY rest. [AB-002] |\n|---|---|",
        &both,
    );
}

#[test]
fn abbreviations_numbers_and_code_end_no_sentence() {
    for text in [
        "It MUST run, e.g. Monday, i.e. soon, or at 1.5 (cf. RFC 3550).",
        "It MUST run with apples, pears etc. for others.",
        "It MUST send `a. MUST b! [AB-999]` at once.",
        "It MUST send ``a ` b. C`` at once.",
        "It MUST run (see [AB-002](#two) and AB-002).",
    ] {
        reads(
            &format!("[AB-001] {text}"),
            &[&format!("AB-001 MUST {text}")],
        );
    }
    reads(
        "[AB-001] It MUST take pears etc. Then rest.",
        &["AB-001 MUST It MUST take pears etc."],
    );
    reads(
        "[AB-001] It MUST “stop.” Then rest.",
        &["AB-001 MUST It MUST “stop.”"],
    );
}

#[test]
fn lists_headings_and_breaks_end_sentences() {
    let list = "Rules:\n- [AB-001] It MUST run\n  far\n- [AB-002] It MAY rest\n3. [AB-003] It SHOULD NOT\n\tstop\n# Next\nRest.";
    reads(
        list,
        &[
            "AB-001 MUST It MUST run far",
            "AB-002 MAY It MAY rest",
            "AB-003 SHOULD NOT It SHOULD NOT stop",
        ],
    );
}

#[test]
fn a_colon_takes_in_what_follows() {
    reads(
        "It MUST send [AB-001]:\n- a\n- b\n\n```\nc d\n```\nRest.\n- e",
        &["AB-001 MUST It MUST send: • a • b • c d"],
    );
    reads(
        "It MUST send [AB-001]:\n- a\n- b, which it MAY omit [AB-002]\n- c",
        &[
            "AB-001 MUST It MUST send: • a",
            "AB-002 MAY b, which it MAY omit",
        ],
    );
}

#[test]
fn code_comments_generated_blocks_and_boilerplate_are_exempt() {
    reads(
        "The key words “MUST” and “MAY” are as in RFC 2119.\n\n```text\nMUST\n```\n~~~\nMUST\n```\n~~~\n\
         <!-- MUST\nMUST -->\n<!-- generated: codes -->\nMUST\n<!-- /generated -->\n`MUST` must, MUST-like.\n[AB-001] It MUST.",
        &["AB-001 MUST It MUST."],
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    fails(
        "Fine.\nIt MUST run.",
        &["2: MUST without an id: “It MUST run.”"],
    );
    fails(
        "[AB-001] It runs.",
        &["1: AB-001 is on a sentence without a key word: “It runs.”"],
    );
    fails(
        "[AB-001] It MUST run [AB-002].",
        &["1: AB-001 and AB-002 on one sentence: “It MUST run.”"],
    );
    fails(
        "It MUST [AB-001] run.",
        &[
            "1: [AB-001] amid a sentence",
            "1: MUST without an id: “It MUST run.”",
        ],
    );
    fails(
        "It MUST run [AB-001 untestable].",
        &["1: cannot read [AB-001 untestable]"],
    );
    fails(
        "It MUST run [AB-001 untestable: ].",
        &["1: cannot read [AB-001 untestable: ]"],
    );
    fails(
        "[AB-001] It MUST.\n\n[AB-001] It MAY.",
        &["3: AB-001 is also the id of the sentence at spec/chapters/one.md:1"],
    );
    fails("Text\n```\nMUST", &["2: a block of code without an end"]);
    fails("<!-- MUST", &["1: a comment without an end"]);
    fails(
        "a\n\n<!-- /generated -->",
        &["3: the end of a generated block that nothing begins"],
    );
}
