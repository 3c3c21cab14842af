//! The page that explains the format: its examples are read, and it leaves no key out.

use duet_sim::{LinkPreset, Role, Scenario};

const PAGE: &str = include_str!("../../scenarios/README.md");

#[test]
fn its_examples_are_read() {
    let blocks: Vec<&str> = PAGE
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 7);
    for block in blocks {
        let scenario =
            Scenario::parse(block, "README.md").unwrap_or_else(|error| panic!("{error}"));
        for variant in scenario.expand() {
            let text = variant.scenario.to_toml();
            assert_eq!(Scenario::parse(&text, "w.toml").unwrap(), variant.scenario);
        }
    }
}

/// The keys that an unknown one is told of.
fn known(more: &str) -> Vec<String> {
    let said = super::complaint(more);
    let list = said
        .split("known here: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{said}"));
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn it_leaves_no_key_out() {
    let mut keys = known("[zzzzzzzzzzzzzzzz]");
    keys.extend(known("[[node]]\nzzzzzzzzzzzzzzzz = 1\nrole = \"host\""));
    keys.extend(known("[[link]]\nzzzzzzzzzzzzzzzz = 1"));
    keys.extend(known("[[medium]]\nzzzzzzzzzzzzzzzz = 1"));
    let flow = "[[flow]]\nfrom = \"alice\"\nto = \"bob\"\nzzzzzzzzzzzzzzzz = 1\nkind";
    keys.extend(known(&format!("{flow} = \"cbr\"")));
    keys.extend(known(&format!("{flow} = \"poisson\"")));
    for kind in [
        "partition",
        "outage",
        "crash",
        "handover",
        "nat-flush",
        "link",
        "drop",
    ] {
        keys.extend(known(&format!(
            "[[fault]]\nzzzzzzzzzzzzzzzz = 1\nkind = \"{kind}\""
        )));
    }
    keys.extend(known("[[expect]]\nzzzzzzzzzzzzzzzz = 1"));
    keys.extend(Role::ALL.map(|role| role.to_string()));
    let missing: Vec<_> = keys
        .iter()
        .filter(|key| {
            let written = [
                format!("`{key}`"),
                format!("\n{key} = "),
                format!("[{key}]"),
                format!("`{key} "),
            ];
            !written.iter().any(|form| PAGE.contains(form.as_str()))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The names that the page lists are the ones that there are.
#[test]
fn its_presets_are_there() {
    use duet_sim::net::{FirewallConfig, NatConfig};
    let list = |presets: &[(&str, &str)]| {
        presets
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert!(PAGE.contains(&format!("# {}\n", list(NatConfig::PRESETS))));
    assert!(PAGE.contains(&format!("# {}\n", list(FirewallConfig::PRESETS))));
    assert!(LinkPreset::find("cable").is_some());
}
