//! Names for scenario files and logs.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use duet_sim::net::{
    Allocation, Behaviour, FirewallConfig, FragmentPolicy, Hairpin, IcmpPolicy, NatConfig, Pooling,
    Refresh, Refusal, Side, UnknownName,
};

/// Every value is read back from its name, which is in kebab-case.
fn round_trip<T>(all: &[T], names: &[&str])
where
    T: Display + FromStr<Err = UnknownName> + PartialEq + Debug,
{
    assert_eq!(all.len(), names.len());
    for (value, name) in all.iter().zip(names) {
        assert_eq!(value.to_string(), *name);
        assert_eq!(name.parse::<T>().as_ref(), Ok(value));
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(name.chars().all(kebab), "{name}");
    }
    let error = "nonsense".parse::<T>().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`nonsense` is none of {}", names.join(", "))
    );
}

#[test]
fn enumerations_are_read_by_their_names() {
    round_trip(Behaviour::ALL, Behaviour::NAMES);
    round_trip(Refresh::ALL, Refresh::NAMES);
    round_trip(Hairpin::ALL, Hairpin::NAMES);
    round_trip(Allocation::ALL, Allocation::NAMES);
    round_trip(Pooling::ALL, Pooling::NAMES);
    round_trip(IcmpPolicy::ALL, IcmpPolicy::NAMES);
    round_trip(FragmentPolicy::ALL, FragmentPolicy::NAMES);
    round_trip(Side::ALL, Side::NAMES);
    round_trip(Refusal::ALL, Refusal::NAMES);
}

#[test]
fn behaviours_have_the_names_of_the_rfc() {
    assert_eq!(
        Behaviour::NAMES,
        [
            "endpoint-independent",
            "address-dependent",
            "address-and-port-dependent"
        ]
    );
}

/// The log says which box it was by the beginning of the cause.
#[test]
fn causes_say_which_box_dropped() {
    let names: BTreeSet<_> = Refusal::NAMES.iter().collect();
    assert_eq!(names.len(), Refusal::ALL.len());
    for name in names {
        assert!(name.starts_with("nat-") || name.starts_with("firewall-"));
    }
}

#[test]
fn presets_exist_and_say_where_they_come_from() {
    for (name, origin) in NatConfig::PRESETS {
        assert!(NatConfig::preset(name).is_some(), "{name}");
        assert!(origin.len() > 20, "{name}");
    }
    for (name, origin) in FirewallConfig::PRESETS {
        assert!(FirewallConfig::preset(name).is_some(), "{name}");
        assert!(origin.len() > 20, "{name}");
    }
    assert_eq!(NatConfig::preset("rfc4787"), Some(NatConfig::default()));
    assert_eq!(NatConfig::preset("nonsense"), None);
    assert_eq!(FirewallConfig::preset("nonsense"), None);
}
