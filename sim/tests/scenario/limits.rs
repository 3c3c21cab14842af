//! Values that are absurd: each is an error at its place, where once there was a panic, an endless run, or no memory.

use duet_sim::Scenario;

use super::{BASE, brief, complaint};

fn link(keys: &str) -> String {
    complaint(&format!(
        "[[link]]\nfrom = \"alice\"\nto = \"bob\"\nrate = \"1 Mb/s\"\n{keys}"
    ))
}

fn flow(keys: &str) -> String {
    let ends = "[[flow]]\nfrom = \"alice\"\nto = \"server\"";
    complaint(&format!("{ends}\n{keys}"))
}

#[test]
fn queues_have_bounds() {
    for (keys, said) in [
        // It was a shift by 200 bits.
        (
            "queue = { kind = \"red\", weight = 200 }",
            "`weight` must be at most 32 @ `200`",
        ),
        // It took 584 GB.
        (
            "queue = { kind = \"fq-codel\", flows = 4294967295 }",
            "`flows` must be at most 65536 @ `4294967295`",
        ),
        (
            "queue = { kind = \"fq-codel\", quantum = \"1 B\" }",
            "`quantum` must be at least 256 B @ `\"1 B\"`",
        ),
    ] {
        assert_eq!(link(keys), said);
    }
}

#[test]
fn links_have_bounds() {
    for (keys, said) in [
        (
            "reference = \"18446744073709551615 b/s\"",
            "`reference` must be at most 1000 Gb/s @ `\"18446744073709551615 b/s\"`",
        ),
        (
            "schedule = [[\"1 s\", \"1001 Gb/s\"]]",
            "`schedule` must be at most 1000 Gb/s @ `\"1001 Gb/s\"`",
        ),
        (
            "policer = { rate = \"9000 Gb/s\", burst = \"1 kB\" }",
            "`rate` must be at most 1000 Gb/s @ `\"9000 Gb/s\"`",
        ),
        (
            "delay = \"3601 s\"",
            "`delay` must be at most 3600 s @ `\"3601 s\"`",
        ),
        (
            "delay_schedule = [[\"1 s\", \"2 h\"]]",
            "`delay_schedule` must be at most 3600 s @ `\"2 h\"`",
        ),
        (
            "jitter = \"2 h\"",
            "`jitter` must be at most 3600 s @ `\"2 h\"`",
        ),
        (
            "jitter = { kind = \"normal\", std = \"1 ms\", n_std = 4000000000 }",
            "`n_std` must be at most 9 @ `4000000000`",
        ),
        (
            "jitter = { kind = \"none\", spikes = { every = \"1 us\", height = \"1 ms\" } }",
            "`every` must be at least 1 ms @ `\"1 us\"`",
        ),
        (
            "jitter = { kind = \"none\", spikes = { every = \"1 s\", height = \"2 h\" } }",
            "`height` must be at most 3600 s @ `\"2 h\"`",
        ),
        (
            "reorder = { every = 5, extra = \"2 h\" }",
            "`extra` must be at most 3600 s @ `\"2 h\"`",
        ),
        (
            "duplicate = { probability = \"1 %\", delay = \"2 h\" }",
            "`delay` must be at most 3600 s @ `\"2 h\"`",
        ),
        (
            "on_off = { on = \"1 ns\", off = { mean = \"1 s\" } }",
            "`on` must be at least 1 us @ `\"1 ns\"`",
        ),
        (
            "loss = { good_for = \"1 s\", bad_for = \"999 ns\" }",
            "`bad_for` must be at least 1 us @ `\"999 ns\"`",
        ),
        (
            "loss = { share = \"1 %\", burst = \"1 ns\" }",
            "`burst` must be at least 1 us @ `\"1 ns\"`",
        ),
        // It is not too large.
        (
            "loss = \"0.00000000000000000000000001 %\"",
            "`loss`: is finer than the simulator resolves @ `\"0.00000000000000000000000001 %\"` ? such as \"2.5 %\"",
        ),
    ] {
        assert_eq!(link(keys), said);
    }
    assert_eq!(
        complaint("[[medium]]\nname = \"air\"\noverhead = \"2 h\""),
        "`overhead` must be at most 3600 s @ `\"2 h\"`"
    );
}

#[test]
fn flows_have_bounds() {
    for (kind, keys, said) in [
        (
            "cbr",
            "rate = \"1 Mb/s\"\npacket_size = \"1 B\"",
            "`packet_size` must be at least 28 B @ `\"1 B\"`",
        ),
        (
            "cbr",
            "rate = \"1 Mb/s\"\npacket_size = \"66 kB\"",
            "`packet_size` must be at most 65535 B @ `\"66 kB\"`",
        ),
        (
            "cbr",
            "rate = \"1 Gb/s\"\npacket_size = \"100 B\"",
            "more than 1000000 packets in a second @ `\"1 Gb/s\"`",
        ),
        (
            "poisson",
            "mean_gap = \"1 ns\"",
            "`mean_gap` must be at least 1 us @ `\"1 ns\"`",
        ),
        (
            "poisson",
            "mean_packets = 4000000000",
            "`mean_packets` must be at most 10000 @ `4000000000`",
        ),
        (
            "poisson",
            "mean_gap = \"1 ms\"\nmean_packets = 1001",
            "more than 1000000 packets in a second @ `\"1 ms\"`",
        ),
        (
            "tcp",
            "segment = \"1 B\"",
            "`segment` must be at least 48 B @ `\"1 B\"`",
        ),
        (
            "tcp",
            "initial_window = 4000000000",
            "`initial_window` must be at most 10000 @ `4000000000`",
        ),
        (
            "tcp",
            "slow_start_limit = 4000000000",
            "`slow_start_limit` must be at most 10000 @ `4000000000`",
        ),
        (
            "tcp",
            "bytes = \"1000001 MB\"",
            "`bytes` must be at most 1000000 MB @ `\"1000001 MB\"`",
        ),
        (
            "tcp",
            "rto_max = \"1 ns\"",
            "`rto_max` must be at least 100 ms @ `\"1 ns\"`",
        ),
        (
            "tcp",
            "rto_min = \"61 s\"",
            "`rto_min` must not be above `rto_max` @ `\"61 s\"`",
        ),
        (
            "tcp",
            "receiver = { window = \"2000 MB\" }",
            "`window` must be at most 1073741824 B @ `\"2000 MB\"`",
        ),
        (
            "tcp",
            "receiver = { window = \"145 MB\" }",
            "the receiver's `window` is more than 100000 segments @ `{ window = \"145 MB\" }`",
        ),
        (
            "tcp-on-off",
            "connections_per_burst = 65535",
            "`connections_per_burst` must be at most 1000 @ `65535`",
        ),
        (
            "tcp-on-off",
            "file = \"2000000 MB\"",
            "`file` must be at most 1000000 MB @ `\"2000000 MB\"`",
        ),
    ] {
        assert_eq!(flow(&format!("kind = \"{kind}\"\n{keys}")), said);
    }
}

/// Bounds hold of what a matrix makes of a file as of what stands there.
#[test]
fn a_value_of_the_matrix_has_bounds() {
    let text = format!(
        "{BASE}[[link]]\nfrom = \"alice\"\nto = \"bob\"\ndelay = \"$owd\"\n[matrix]\nowd = [\"1 s\", \"2 h\"]"
    );
    assert_eq!(
        brief(&Scenario::parse(&text, "t.toml").unwrap_err()),
        "`delay` must be at most 3600 s @ `\"$owd\"` ; with owd = 2 h"
    );
}
