//! `[[flow]]`.

use std::time::Duration;

use duet_sim::traffic::{
    BurstSizes, CbrConfig, Congestion, OnOffConfig, PoissonConfig, TcpConfig, TcpSinkConfig,
};
use duet_sim::{FlowKind, Rate, Time};

use super::{complaint, with};

#[test]
fn a_flow_with_all_its_keys() {
    let scenario = with(
        r#"
[[flow]]
name = "audio"
kind = "media"
from = "alice"
to = "server"
start = "1 s"
stop = "99 s"
controller = "gcc"
priority = 2
[[flow]]
kind = "tcp"
from = "phone"
to = "server"
"#,
    );
    let audio = &scenario.flows[0];
    assert_eq!((audio.name.as_str(), audio.from, audio.to), ("audio", 0, 2));
    assert_eq!(audio.start, Time::from_millis(1_000));
    assert_eq!(audio.stop, Some(Time::from_millis(99_000)));
    let FlowKind::Media(settings) = &audio.kind else {
        panic!("{audio:?}")
    };
    assert_eq!(settings["controller"].as_str(), Some("gcc"));
    assert_eq!(settings.len(), 2);
    let rest: Vec<_> = scenario.flows[1..]
        .iter()
        .map(|flow| (flow.name.as_str(), flow.from))
        .collect();
    assert_eq!(rest, [("tcp-2-1", 4), ("tcp-2-2", 5), ("tcp-2-3", 6)]);
    assert_eq!(
        (scenario.flows[1].start, scenario.flows[1].stop),
        (Time::ZERO, None)
    );
    let error = scenario.error_in(audio.place, &["priority"], "no such priority", None);
    assert_eq!(super::brief(&error), "no such priority @ `2`");
}

/// The kind of a flow with these keys.
fn kind(keys: &str) -> FlowKind {
    let scenario = with(&format!(
        "[[flow]]\nfrom = \"alice\"\nto = \"server\"\n{keys}"
    ));
    scenario.flows[0].kind.clone()
}

#[test]
fn every_kind_has_its_keys() {
    let rate = Rate::new;
    assert_eq!(
        kind("kind = \"cbr\"\nrate = \"1 Mb/s\""),
        FlowKind::Cbr(CbrConfig::constant(rate(1_000_000).unwrap()))
    );
    let stepped = "kind = \"cbr\"\nschedule = [[\"0 s\", \"3 Mb/s\"], [\"40 s\", \"stop\"]]\npacket_size = \"1200 B\"";
    let expected = CbrConfig {
        rates: vec![
            (Time::ZERO, rate(3_000_000)),
            (Time::from_millis(40_000), None),
        ],
        packet_size: 1_200,
        ..CbrConfig::default()
    };
    assert_eq!(kind(stepped), FlowKind::Cbr(expected));
    let bursts = PoissonConfig {
        mean_gap: Duration::from_millis(50),
        mean_packets: 3,
        sizes: BurstSizes::Fixed,
        packet_size: 500,
        ..PoissonConfig::default()
    };
    let keys = "kind = \"poisson\"\nmean_gap = \"50 ms\"\nmean_packets = 3\nsizes = \"fixed\"\npacket_size = \"500 B\"";
    assert_eq!(kind(keys), FlowKind::Poisson(bursts));
    let tcp = TcpConfig {
        congestion: Congestion::Cubic,
        bytes: Some(10_000_000),
        segment: 1_000,
        initial_window: 4,
        slow_start_limit: 2,
        ecn: true,
        rto_min: Duration::from_secs(1),
        rto_max: Duration::from_secs(120),
        rto_slack: Duration::from_millis(10),
        ..TcpConfig::default()
    };
    let sink = TcpSinkConfig {
        window: 65_536,
        ack_every: 1,
        ack_delay: Duration::ZERO,
        ecn: false,
    };
    let common = "congestion = \"cubic\"\nsegment = \"1 kB\"\ninitial_window = 4\nslow_start_limit = 2\necn = true\n\
        rto_min = \"1 s\"\nrto_max = \"2 min\"\nrto_slack = \"10 ms\"\n\
        receiver = { window = \"64 KiB\", ack_every = 1, ack_delay = \"0 s\", ecn = false }";
    let keys = format!("kind = \"tcp\"\nbytes = \"10 MB\"\n{common}");
    assert_eq!(kind(&keys), FlowKind::Tcp(tcp.clone(), sink.clone()));
    let on_off = OnOffConfig {
        file: 1_000..=2_000,
        mean_idle: Duration::from_secs(3),
        starts_on: true,
        connections_per_burst: 30,
        tcp: TcpConfig { bytes: None, ..tcp },
        ..OnOffConfig::default()
    };
    let keys = format!(
        "kind = \"tcp-on-off\"\nfile = [\"1 kB\", \"2 kB\"]\nmean_idle = \"3 s\"\nstarts_on = true\nconnections_per_burst = 30\n{common}"
    );
    assert_eq!(kind(&keys), FlowKind::TcpOnOff(on_off, sink));
    let defaults = FlowKind::TcpOnOff(OnOffConfig::default(), TcpSinkConfig::default());
    assert_eq!(kind("kind = \"tcp-on-off\""), defaults);
}

/// A flow's times are its own; those who build its source get them with the rest.
#[test]
fn a_flow_is_built_with_its_times() {
    let mut flow =
        with("[[flow]]\nfrom = \"alice\"\nto = \"server\"\nkind = \"tcp\"\nstart = \"5 s\"")
            .flows
            .remove(0);
    assert_eq!(
        flow.kind,
        FlowKind::Tcp(TcpConfig::default(), TcpSinkConfig::default())
    );
    flow.stop = Some(Time::from_millis(9_000));
    let FlowKind::Tcp(timed, _) = flow.timed() else {
        panic!("{flow:?}")
    };
    assert_eq!(
        (timed.start, timed.stop),
        (Time::from_millis(5_000), flow.stop)
    );
}

#[test]
fn what_is_wrong_with_flows() {
    let flow = |keys: &str| complaint(&format!("[[flow]]\n{keys}"));
    assert_eq!(
        flow("kind = \"tpc\"\nfrom = \"alice\"\nto = \"bob\""),
        "there is no kind of flow `tpc` @ `\"tpc\"` ? did you mean `tcp`?"
    );
    assert_eq!(
        flow("from = \"alice\"\nto = \"bob\""),
        "the key `kind` is missing @ `[[flow]]`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"home\""),
        "a flow begins and ends at the edge, and `home` is a nat @ `\"home\"`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"alice\""),
        "a flow must not lead from a node to itself @ `\"alice\"`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"bob\"\nstart = \"5 s\"\nstop = \"5 s\""),
        "a flow must stop after it starts @ `\"5 s\"`"
    );
    assert_eq!(
        flow("kind = \"tcp\"\nfrom = \"alice\"\nto = \"bob\"\nname = \"bob\""),
        "there is a node `bob` already @ `\"bob\"`"
    );
    let cbr = |keys: &str| {
        flow(&format!(
            "kind = \"cbr\"\nfrom = \"alice\"\nto = \"bob\"\n{keys}"
        ))
    };
    assert_eq!(
        cbr(""),
        "this flow needs a `rate` or a `schedule` @ `[[flow]]`"
    );
    assert_eq!(
        cbr("rate = \"1 Mb/s\"\nschedule = []"),
        "`rate` and `schedule` exclude each other @ `schedule`"
    );
    assert_eq!(cbr("schedule = []"), "`schedule` needs a step @ `[]`");
    assert_eq!(
        cbr("schedule = [[\"0 s\"]]"),
        "a step of a schedule is a pair: from when on, and the rate @ `[\"0 s\"]` ? such as [\"40 s\", \"2.5 Mb/s\"]"
    );
    assert_eq!(
        cbr("schedule = [[\"1 s\", \"1 Mb/s\"], [\"1 s\", \"2 Mb/s\"]]"),
        "a schedule goes forward in time @ `[\"1 s\", \"2 Mb/s\"]`"
    );
    assert_eq!(
        cbr("rate = \"1 Mb/s\"\npacket_size = \"0 B\""),
        "`packet_size` must not be zero @ `\"0 B\"`"
    );
    assert_eq!(
        cbr("rate = \"1 Mb/s\"\npacket_size = \"5000 MB\""),
        "`packet_size` is too large @ `\"5000 MB\"`"
    );
    assert_eq!(
        cbr("rate = \"1 Mb/s\"\ncongestion = \"cubic\""),
        "unknown key `congestion` @ `congestion` ? known here: name, kind, from, to, start, stop, rate, schedule, packet_size"
    );
    let tcp = |keys: &str| {
        flow(&format!(
            "kind = \"tcp-on-off\"\nfrom = \"alice\"\nto = \"bob\"\n{keys}"
        ))
    };
    assert_eq!(
        tcp("congestion = \"cubik\""),
        "there is no `congestion` `cubik` @ `\"cubik\"` ? did you mean `cubic`?"
    );
    assert_eq!(
        tcp("file = [\"1 kB\"]"),
        "sizes are a pair: the least and the largest @ `[\"1 kB\"]` ? such as [\"30 kB\", \"50 kB\"]"
    );
    assert_eq!(
        tcp("file = [\"2 kB\", \"1 kB\"]"),
        "the largest size is below the least @ `[\"2 kB\", \"1 kB\"]`"
    );
    assert_eq!(
        tcp("receiver = { windw = \"1 B\" }"),
        "unknown key `windw` @ `windw` ? did you mean `window`?"
    );
    let twice = "kind = \"tcp\"\nfrom = \"alice\"\nto = \"bob\"\nname = \"x\"\n";
    assert_eq!(
        flow(&format!("{twice}[[flow]]\n{twice}")),
        "there is a flow `x` already @ `\"x\"`"
    );
}
