//! Presets of links, and media that links share.

use std::time::Duration;

use duet_sim::link::{Arbitration, Limit, LinkConfig, MediumConfig, QueueConfig, Rate};
use duet_sim::{LinkPreset, Scenario};

use super::{complaint, with};

#[test]
fn every_preset_is_read_and_tells_its_origin() {
    let presets = LinkPreset::all();
    assert!(presets.len() >= 10);
    for preset in presets {
        assert!(
            !preset.about.is_empty() && preset.origin.len() > 20,
            "{preset:?}"
        );
        let scenario = with(&format!(
            "[[link]]\nfrom = \"alice\"\nto = \"bob\"\npreset = \"{}\"",
            preset.name
        ));
        let link = scenario.links.last().unwrap();
        assert_ne!(link.config, LinkConfig::default(), "{}", preset.name);
        let again = Scenario::parse(&scenario.to_toml(), "written.toml").unwrap();
        assert_eq!(again, scenario, "{}", preset.name);
        // Nothing of it is in vain, such as a queue where nothing waits.
        let mut forth = LinkConfig::default();
        preset.forth.apply(&mut forth);
        assert_eq!(forth, link.config, "{}", preset.name);
        preset.back.apply(&mut forth);
        assert_eq!(Some(&forth), link.back.as_ref(), "{}", preset.name);
    }
    let mut names: Vec<_> = presets.iter().map(|preset| &preset.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), presets.len());
}

#[test]
fn a_preset_begins_at_the_subscriber_and_what_the_link_says_goes_before() {
    let scenario = with(
        "[[link]]\nfrom = \"alice\"\nto = \"bob\"\npreset = \"cable\"\ndelay = \"1 ms\"\nback = { rate = \"9 Mb/s\", queue = \"1 MB\" }",
    );
    let link = scenario.links.last().unwrap();
    let back = link.back.as_ref().unwrap();
    assert_eq!(link.config.rate, Rate::new(1_000_000));
    assert_eq!(
        link.config.queue,
        QueueConfig::span(Duration::from_millis(300))
    );
    assert_eq!(
        (back.rate, &back.queue),
        (Rate::new(9_000_000), &QueueConfig::bytes(1_000_000))
    );
    assert_eq!(
        (link.config.delay, back.delay),
        (Duration::from_millis(1), Duration::from_millis(1))
    );
}

/// A preset's queue goes with its rate.
#[test]
fn a_queue_in_which_nothing_waits_is_none() {
    let scenario =
        with("[[link]]\nfrom = \"alice\"\nto = \"bob\"\npreset = \"cable\"\nrate = \"none\"");
    let link = scenario.links.last().unwrap();
    assert_eq!(link.config.queue.limit, Limit::None);
    assert_eq!(link.back.as_ref(), Some(&link.config));
    let scenario =
        with("[[link]]\nfrom = \"alice\"\nto = \"bob\"\npreset = \"lan\"\nrate = \"none\"");
    assert_eq!(
        scenario.links.last().unwrap().config.queue,
        QueueConfig::default()
    );
    let mut scenario = with("[[link]]\nfrom = \"alice\"\nto = \"bob\"\npreset = \"cable\"");
    scenario.links.last_mut().unwrap().config.rate = None;
    let again = Scenario::parse(&scenario.to_toml(), "written.toml").unwrap();
    assert_eq!(
        again.links.last().unwrap().config.queue,
        QueueConfig::default()
    );
}

const AIR: &str = "[[medium]]\nname = \"cable\"\n[[medium]]\nname = \"air\"\noverhead = \"200 us\"\nmax_packets = 32\nmax_airtime = \"4 ms\"\narbitration = \"fifo\"\n";

#[test]
fn links_share_a_medium() {
    let mut scenario = with(&format!(
        "{AIR}[[link]]\nfrom = \"alice\"\nto = \"bob\"\nmedium = \"air\""
    ));
    assert_eq!(scenario.mediums[0].config, MediumConfig::default());
    let expected = MediumConfig {
        overhead: Duration::from_micros(200),
        max_packets: 32,
        max_airtime: Duration::from_millis(4),
        arbitration: Arbitration::Fifo,
    };
    assert_eq!(scenario.mediums[1].config, expected);
    assert_eq!(scenario.links.last().unwrap().medium, Some(1));
    assert_eq!(scenario.links[0].medium, None);
    assert_eq!(
        Scenario::parse(&scenario.to_toml(), "w.toml").unwrap(),
        scenario
    );
    scenario.remove_medium(0);
    assert_eq!(scenario.links.last().unwrap().medium, Some(0));
    assert_eq!(
        Scenario::parse(&scenario.to_toml(), "w.toml").unwrap(),
        scenario
    );
    scenario.remove_medium(0);
    scenario.remove_medium(0);
    assert_eq!(scenario.links.last().unwrap().medium, None);
    assert!(scenario.mediums.is_empty());
}

#[test]
fn what_is_wrong_with_presets_and_media() {
    let link = |keys: &str| complaint(&format!("[[link]]\nfrom = \"alice\"\nto = \"bob\"\n{keys}"));
    assert_eq!(
        link("preset = \"ltee\""),
        "there is no preset `ltee` @ `\"ltee\"` ? did you mean `lte`?"
    );
    assert_eq!(
        link("medium = \"air\""),
        "there is no medium `air` @ `\"air\"` ? a medium is a `[[medium]]` table"
    );
    assert_eq!(
        complaint(&format!(
            "{AIR}[[link]]\nfrom = \"alice\"\nto = \"bob\"\nmedium = \"aire\""
        )),
        "there is no medium `aire` @ `\"aire\"` ? did you mean `air`?"
    );
    let medium = |keys: &str| complaint(&format!("[[medium]]\nname = \"air\"\n{keys}"));
    assert_eq!(
        medium("max_packets = 0"),
        "`max_packets` must not be zero @ `0`"
    );
    assert_eq!(
        medium("max_airtime = \"0 s\""),
        "`max_airtime` must not be zero @ `\"0 s\"`"
    );
    assert_eq!(
        medium("arbitration = \"roundrobin\""),
        "there is no `arbitration` `roundrobin` @ `\"roundrobin\"` ? did you mean `round-robin`?"
    );
    assert_eq!(
        medium("overhed = \"1 s\""),
        "unknown key `overhed` @ `overhed` ? did you mean `overhead`?"
    );
    assert_eq!(
        medium("[[medium]]\nname = \"air\""),
        "there is a medium `air` already @ `\"air\"`"
    );
}
