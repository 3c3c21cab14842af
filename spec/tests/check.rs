//! A tree that passes; then one thing at a time is broken, and `check` says exactly that.

mod common;

use std::path::Path;

use common::Tree;

const CHAPTER: &str = "spec/chapters/06-call.md";
const CODE: &str = "protocol/src/call.rs";
const LOCK: &str = "spec/requirements.lock";

/// Breaks the passing tree; `check` finds one failure per expectation, in order, each with all of its parts.
#[track_caller]
fn breaking(break_it: impl FnOnce(&Tree), expected: &[&[&str]]) {
    let tree = Tree::passing();
    break_it(&tree);
    let failures = tree.failures();
    assert_eq!(failures.len(), expected.len(), "{failures:#?}");
    for (failure, parts) in failures.iter().zip(expected) {
        for part in *parts {
            assert!(failure.contains(part), "`{part}` is not in: {failure}");
        }
        assert!(failure.contains(" — "), "no remedy: {failure}");
    }
}

#[test]
fn a_tree_in_order_passes() {
    breaking(|_| {}, &[]);
}

#[test]
fn the_projects_own_tree_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let failures = duet_spec::check(&root).expect("the workspace is read");
    let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn the_embedded_requirements_are_those_of_the_chapters() {
    let embedded = duet_spec::embedded().expect("spec/requirements.json parses");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let loaded = duet_spec::Registry::load(&root).expect("the chapters are in order");
    let texts = |registry: &duet_spec::Registry| {
        registry
            .iter()
            .map(|r| (r.id.clone(), r.text.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&embedded), texts(&loaded));
}

#[test]
fn an_enforcing_line_removed() {
    breaking(
        |tree| tree.edit(CODE, "//= CALL-003, CALL-004", "//= CALL-003"),
        &[&[
            "06-call.md:9: CALL-004 (MUST) has no enforcing line",
            "put `//= CALL-004` above",
        ]],
    );
}

#[test]
fn a_declaration_removed() {
    breaking(
        |tree| tree.edit(CODE, "messages! {", "messages! [{"),
        &[&["06-call.md:5: CALL-001 (MUST) has no enforcing line"]],
    );
}

#[test]
fn a_citation_in_a_test_enforces_nothing() {
    breaking(
        |tree| tree.edit(CODE, "fn start<'a>", "#[cfg(test)]\nfn start<'a>"),
        &[
            &["CALL-003 (MUST NOT) has no enforcing line"],
            &["CALL-004 (MUST) has no enforcing line"],
        ],
    );
}

#[test]
fn a_declaration_for_tests_enforces_nothing() {
    breaking(
        |tree| tree.edit(CODE, "messages! {", "#[cfg(test)]\nmessages! {"),
        &[&["06-call.md:5: CALL-001 (MUST) has no enforcing line"]],
    );
}

#[test]
fn a_citation_above_nothing() {
    breaking(
        |tree| {
            tree.edit(
                CODE,
                "fn remember() {}",
                "fn remember() {\n    //= CALL-001\n}",
            )
        },
        &[&["protocol/src/call.rs:15: `//= CALL-001` has no line of code below it"]],
    );
}

#[test]
fn a_citation_that_cannot_be_read() {
    breaking(
        |tree| {
            tree.edit(
                CODE,
                "CALL-006 exception: the memory is cheap",
                "CALL-006 exeption: cheap",
            )
        },
        &[
            &["protocol/src/call.rs:13: cannot read the citation"],
            &["06-call.md:13: CALL-006 (MUST) has no enforcing line"],
            &["CALL-006 (MUST) has no test"],
        ],
    );
}

#[test]
fn a_test_removed() {
    breaking(
        |tree| {
            tree.write(
                "protocol/tests/call.rs",
                "#[test] #[ignore] fn call_004_order() {}\nfn call_004_help() {}",
            )
        },
        &[&[
            "06-call.md:9: CALL-004 (MUST) has no test and no conformance check",
            "named `call_004_…`",
        ]],
    );
}

#[test]
fn a_unit_test_removed() {
    breaking(
        |tree| tree.edit(CODE, "    #[test]\n", ""),
        &[&["CALL-003 (MUST NOT) has no test"]],
    );
}

#[test]
fn a_test_may_live_in_a_module_of_its_own() {
    let in_file = |tree: &Tree, citation: &str| {
        tree.edit(
            CODE,
            "mod tests {\n    #[test]\n    fn call_003_twice() {}\n}",
            "mod tests;",
        );
        tree.write(
            "protocol/src/call/tests.rs",
            &format!("{citation}\nfn case() {{}}"),
        );
    };
    breaking(|tree| in_file(tree, "//= CALL-003"), &[]);
    breaking(
        |tree| in_file(tree, ""),
        &[&["CALL-003 (MUST NOT) has no test"]],
    );
}

#[test]
fn a_conformance_check_removed() {
    breaking(
        |tree| {
            tree.edit(
                "conformance/cases/answer.toml",
                "checks = { once = \"CALL-001\" }",
                "",
            )
        },
        &[
            &["conformance/cases/answer.toml:1: a case without a requirement"],
            &["06-call.md:5: CALL-001 (MUST) has no test and no conformance check"],
        ],
    );
}

#[test]
fn a_conformance_check_mistyped() {
    breaking(
        |tree| {
            tree.edit(
                "conformance/cases/answer.toml",
                "\"CALL-001\"",
                "[\"CALL-001\", \"CALL-1\"]",
            )
        },
        &[&["conformance/cases/answer.toml:7: `CALL-1` is no requirement id"]],
    );
}

#[test]
fn an_id_removed_from_its_sentence() {
    breaking(
        |tree| tree.edit(CHAPTER, "[CALL-003] A server", "A server"),
        &[
            &["unknown id CALL-003"],
            &["protocol/src/call.rs:9: unknown id CALL-003"],
            &["protocol/src/call.rs:19: unknown id CALL-003"],
            &["06-call.md:7: MUST NOT without an id: “A server MUST NOT start a call twice.”"],
            &["spec/requirements.json:1: out of date"],
            &["requirements.lock:3: CALL-003 is locked, but no chapter has it"],
        ],
    );
}

#[test]
fn an_id_used_twice() {
    breaking(
        |tree| {
            tree.edit(
                CHAPTER,
                "[CALL-006] A server MUST forget calls.",
                "[CALL-006] It MUST forget. It MAY doze [CALL-006].",
            )
        },
        &[
            &[
                "06-call.md:13: CALL-006 is also the id of the sentence at spec/chapters/06-call.md:13",
            ],
            &["06-call.md:13: the wording of CALL-006 changed"],
            &["spec/requirements.json:1: out of date"],
        ],
    );
}

#[test]
fn one_id_for_two_sentences() {
    breaking(
        |tree| {
            tree.edit(
                CHAPTER,
                "forget calls.",
                "forget calls. It MUST do so soon.",
            )
        },
        &[&["06-call.md:13: MUST without an id: “It MUST do so soon.”"]],
    );
}

#[test]
fn an_unknown_id_in_code_test_case_mutant_and_prose() {
    breaking(
        |tree| {
            tree.edit(CODE, "fn remember", "//= CALL-099\nfn remember");
            tree.edit(
                "protocol/tests/call.rs",
                "call_004_order() {}",
                "call_004_order() {}\n#[test]\nfn call_098_x() {}",
            );
            tree.edit(
                "conformance/cases/answer.toml",
                "name =",
                "requirements = [\"CALL-097\"]\nname =",
            );
            tree.edit("conformance/mutants/src/lib.rs", "CALL-003", "SES-096");
            tree.edit(
                CHAPTER,
                "# Calls",
                "# Calls\n\nAs CALL-095 says, SHA-256 is fine.",
            );
        },
        &[
            &["conformance/cases/answer.toml:2: unknown id CALL-097"],
            &["conformance/mutants/src/lib.rs:1: unknown id SES-096"],
            &["protocol/src/call.rs:14: unknown id CALL-099"],
            &["protocol/tests/call.rs:5: unknown id CALL-098"],
            &["06-call.md:3: unknown id CALL-095"],
        ],
    );
}

#[test]
fn changed_wording() {
    let changed: &[&[&str]] = &[
        &[
            "06-call.md:5: the wording of CALL-001 changed since it was locked",
            "acknowledge it with `duet-spec lock`",
        ],
        &["spec/requirements.json:1: out of date with the chapters"],
    ];
    breaking(
        |tree| tree.edit(CHAPTER, "answer once", "answer twice"),
        changed,
    );
    // A line break is no wording.
    breaking(
        |tree| tree.edit(CHAPTER, "answer once", "answer\nonce"),
        &[],
    );
}

#[test]
fn changed_wording_of_a_list_after_a_colon() {
    breaking(
        |tree| tree.edit(CHAPTER, "2. the name", "2. the address"),
        &[
            &["06-call.md:9: the wording of CALL-004 changed"],
            &["spec/requirements.json:1"],
        ],
    );
}

#[test]
fn a_lock_entry_removed_mangled_or_without_a_sentence() {
    let line = |tree: &Tree, id: &str| {
        tree.read(LOCK)
            .lines()
            .find(|line| line.starts_with(id))
            .map(|line| format!("{line}\n"))
            .expect("a line")
    };
    breaking(
        |tree| tree.edit(LOCK, &line(tree, "CALL-002"), ""),
        &[&[
            "06-call.md:5: CALL-002 is not in spec/requirements.lock",
            "duet-spec lock",
        ]],
    );
    breaking(
        |tree| tree.edit(LOCK, &line(tree, "CALL-002"), "<<<<<<< HEAD\n"),
        &[
            &["06-call.md:5: CALL-002 is not in"],
            &["requirements.lock:2: cannot read `<<<<<<< HEAD`"],
        ],
    );
    breaking(
        |tree| {
            tree.edit(
                LOCK,
                &line(tree, "CALL-002"),
                &(line(tree, "CALL-002") + "CALL-007 MAY 0123456789abcdef\n"),
            )
        },
        &[&["requirements.lock:3: CALL-007 is locked, but no chapter has it"]],
    );
}

#[test]
fn a_stale_generated_block() {
    breaking(
        |tree| {
            tree.edit(
                CHAPTER,
                "| `MAX_FRAME` | 16,384 |",
                "| `MAX_FRAME` | 16,385 |",
            )
        },
        &[&[
            "06-call.md:15: the generated block `limits` is out of date",
            "run `duet-spec render`",
        ]],
    );
    breaking(
        |tree| tree.edit(CHAPTER, "generated: limits", "generated: limit"),
        &[&[
            "06-call.md:15: nothing generates `limit`",
            "write messages AREA",
        ]],
    );
    breaking(
        |tree| tree.edit(CHAPTER, "<!-- /generated -->", ""),
        &[&[
            "06-call.md:15: a generated block without an end",
            "close it with",
        ]],
    );
    breaking(
        |tree| tree.edit("spec/registry.json", "\"MAX_FRAME\"", "\"MAX_FRAMES\""),
        &[&[
            "spec/registry.json:1: out of date with the code",
            "run `duet-spec render`",
        ]],
    );
}

#[test]
fn an_exemption_that_is_no_longer_needed() {
    breaking(
        |tree| tree.edit(CODE, "CALL-003, CALL-004", "CALL-003, CALL-004, CALL-005"),
        &[],
    );
    breaking(
        |tree| {
            tree.edit(CODE, "CALL-003, CALL-004", "CALL-003, CALL-004, CALL-005");
            tree.edit(
                "protocol/tests/call.rs",
                "call_004_order() {}",
                "call_004_order() {\n //= CALL-005\n}",
            );
        },
        &[&["06-call.md:12: CALL-005 is marked untestable, but is enforced and tested"]],
    );
}

#[test]
fn nothing_to_check_is_a_failure() {
    let tree = Tree::empty();
    duet_spec::render(&tree.root).expect("renders");
    duet_spec::lock(&tree.root).expect("locks");
    let failures = tree.failures();
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert!(
        failures[0].contains("no requirement in any chapter"),
        "{failures:#?}"
    );
}

#[test]
fn a_generated_file_that_is_stale_missing_or_left_over() {
    const VECTORS: &str = "spec/vectors/session.json";
    let stale = ["out of date with the code", "run `duet-spec render`"];
    breaking(
        |tree| {
            let text = tree.read(VECTORS);
            tree.write(VECTORS, &text.replacen("typical", "usual", 1));
        },
        &[&[&[VECTORS, ":1:"].concat(), stale[0], stale[1]]],
    );
    breaking(
        |tree| std::fs::remove_file(tree.root.join("fuzz/corpus/frames/ping")).expect("removes"),
        &[&["fuzz/corpus/frames/ping:1:", stale[0], stale[1]]],
    );
    breaking(
        |tree| tree.write("spec/vectors/gone.json", "{}"),
        &[&[
            "spec/vectors/gone.json:1:",
            "nothing generates this file",
            "delete it",
        ]],
    );
}
