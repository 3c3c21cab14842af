//! The report of a call: well formed, one file, the same bytes each time, whatever it holds.

use std::time::Duration;

use duet::report::{
    Arrow, Check, Extras, FlowReport, LinkReport, Picture, Report, Side, StillReport, Stored,
    files, html, page,
};
use duet::simulate::{Options, run};
use duet_sim::Scenario;
use serde_json::json;

const FIRST_CALL: &str = include_str!("../../../sim/scenarios/first-call.toml");

fn render(report: &Report, extras: &Extras) -> String {
    html(&page(report, extras))
}

/// The demo's scenario with a call of 5 seconds.
fn first_call() -> Report {
    let mut scenario =
        Scenario::parse(FIRST_CALL, "first-call.toml").expect("the committed scenario");
    scenario.duration = Duration::from_secs(7);
    let call = scenario.script["call"].as_table_mut().expect("a call");
    call.insert("length".into(), "5 s".into());
    run(&scenario, &Options::new(1), |_| {})
        .expect("a run")
        .report
}

/// What lies beside a report, with text that must not become markup.
fn extras() -> Extras {
    let side = |name: &str| {
        json!({
            "name": name,
            "pictures_shown": 600,
            "reason": null,
            "packets": { "sent": 3_426, "odd": [1, 2.5, "<b>"] },
        })
    };
    let cases = json!([
        { "case": "CALL-001/rings", "result": "pass", "reqs": ["CALL-001"] },
        { "case": "CALL-002/<ends>", "result": "fail", "actual": "nothing & \"more\"" },
    ]);
    Extras {
        live: vec![side("caller"), side("callee")],
        conformance: Some(json!({ "summary": { "passed": 1, "failed": 1 }, "cases": cases })),
    }
}

/// Panics unless each element that is opened is closed, in order.
fn assert_balanced(html: &str) {
    const VOID: &[&str] = &["meta", "link", "img", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        rest = after;
        assert!(!tag.contains('<'), "a tag within <{tag}>");
        assert!(tag.matches('"').count() % 2 == 0, "quotes in <{tag}>");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes nothing");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        if name == "style" && !tag.starts_with('/') {
            rest = &rest[rest.find("</style>").expect("the style sheet ends")..];
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// What holds for every report.
fn assert_sound(html: &str) {
    assert_balanced(html);
    for word in [
        "NaN", "inf\"", "inf ", ">inf", "http:", "https:", "<script", "url(", "@import", "{}",
    ] {
        assert!(!html.contains(word), "{word:?} in the report");
    }
    for part in ["<svg", "<table", "<section"] {
        let closing = part.replace('<', "</");
        assert_eq!(
            html.matches(part).count(),
            html.matches(&closing).count(),
            "{part}"
        );
    }
}

#[test]
fn a_simulated_call_renders() {
    let report = Report {
        command: "duet simulate 'my calls/first.toml' --seed 1".into(),
        ..first_call()
    };
    let html = render(&report, &extras());
    assert_sound(&html);
    assert!(html.contains(&report.log_hash));
    assert!(html.contains("duet simulate &#39;my calls/first.toml&#39; --seed 1"));
    for side in &report.sides {
        assert!(html.contains(&format!("<b>{}, of {}", side.name, side.peer)));
    }
    for arrow in &report.signalling {
        assert!(
            html.contains(&format!(">{}<", arrow.name)),
            "{} is not drawn",
            arrow.name
        );
    }
    let drawn = html.matches("class=\"shaft\"").count();
    assert_eq!(drawn, report.signalling.len());
    for text in [
        "The same call over sockets",
        "3,426",
        "CALL-002/&lt;ends&gt;",
        "nothing &amp; &quot;more&quot;",
    ] {
        assert!(html.contains(text), "{text} is missing");
    }
    assert_eq!(html, render(&report, &extras()));
    let json = serde_json::to_string(&report).expect("JSON");
    let Stored::Call(again) = Stored::parse(&json).expect("a report") else {
        panic!("a call's report is a call's");
    };
    assert_eq!(html, render(&again, &extras()));
}

#[test]
fn a_call_has_a_chart_for_each_question() {
    let report = first_call();
    let page = page(&report, &Extras::default());
    let names: Vec<String> = files(&page).into_iter().map(|(name, _)| name).collect();
    for side in ["alice", "bob"] {
        for what in ["delay", "pictures", "repair"] {
            assert!(
                names.contains(&format!("{what}-{side}.svg")),
                "{what} of {side}: {names:?}"
            );
        }
        for what in ["rate", "loss"] {
            for link in [format!("{side}-server"), format!("server-{side}")] {
                assert!(
                    names.contains(&format!("{what}-{link}.svg")),
                    "{what} of {link}: {names:?}"
                );
            }
        }
    }
    for what in ["delay-distribution.svg", "sound-gaps.svg", "signalling.svg"] {
        assert!(names.contains(&what.to_owned()), "{what}: {names:?}");
    }
    // What the charts of the links show is what the links carried.
    for link in &report.links {
        let timeline = link.timeline.as_ref().expect("a timeline");
        let bytes: f64 = timeline.sent.iter().sum::<f64>() * timeline.interval_s / 8.0;
        assert!(
            (bytes / link.bytes as f64 - 1.0).abs() < 1e-6,
            "{}: {bytes}",
            link.name
        );
        let lost: u64 = timeline
            .lost
            .values()
            .flatten()
            .map(|lost| u64::from(*lost))
            .sum();
        assert_eq!(lost, link.lost.values().sum::<u64>(), "{}", link.name);
        assert_eq!(timeline.capacity, [(0.0, 2e6)]);
    }
}

#[test]
fn the_same_seed_gives_the_same_page() {
    assert_eq!(
        render(&first_call(), &Extras::default()),
        render(&first_call(), &Extras::default())
    );
}

#[test]
fn an_empty_report_renders() {
    let html = render(&Report::default(), &Extras::default());
    assert_sound(&html);
    assert!(!html.contains("The same call over sockets") && !html.contains("Conformance</h2>"));
    let empty = Extras {
        live: vec![json!(null), json!([])],
        conformance: Some(json!("odd")),
    };
    let sides = vec![Side::default(), Side::default()];
    assert_sound(&render(
        &Report {
            sides,
            ..Report::default()
        },
        &empty,
    ));
}

#[test]
fn text_is_escaped_wherever_it_stands() {
    let nasty = "<script>alert('1')</script>\"&";
    let side = Side {
        name: nasty.into(),
        peer: nasty.into(),
        reason: Some(nasty.into()),
        failure: Some(nasty.into()),
        pictures: vec![Picture {
            delay_ms: Some(300.0),
            psnr_db: Some(30.0),
            ..Picture::default()
        }],
        stills: vec![StillReport {
            number: 0,
            captured: "abc=".into(),
            shown: nasty.into(),
        }],
        ..Side::default()
    };
    let arrow = Arrow {
        name: nasty.into(),
        detail: nasty.into(),
        ..Arrow::default()
    };
    let link = LinkReport {
        name: nasty.into(),
        lost: [(nasty.to_owned(), 1)].into(),
        ..LinkReport::default()
    };
    let flow = FlowReport {
        name: nasty.into(),
        kind: nasty.into(),
        from: nasty.into(),
        to: nasty.into(),
        controller: Some(nasty.into()),
        frames: vec![(1.0, 20.0)],
        ..FlowReport::default()
    };
    let check = Check {
        held: Some(false),
        text: nasty.into(),
    };
    let report = Report {
        command: nasty.into(),
        flows: vec![flow],
        checks: vec![check],
        scenario: nasty.into(),
        description: nasty.into(),
        media: nasty.into(),
        log_hash: nasty.into(),
        sides: vec![side],
        signalling: vec![arrow],
        lanes: vec![nasty.into()],
        links: vec![link],
        ..Report::default()
    };
    let value = json!({ nasty: nasty, "name": nasty, "cases": [{ "case": nasty, "result": nasty, "reqs": [nasty] }] });
    let html = render(
        &report,
        &Extras {
            live: vec![value.clone()],
            conformance: Some(value),
        },
    );
    assert_sound(&html);
    assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"));
}

#[test]
fn numbers_without_meaning_are_dashes_and_never_nan() {
    for odd in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        -1e300,
        0.0,
    ] {
        let picture = |number, delay, psnr| Picture {
            number,
            captured_ms: odd,
            delay_ms: Some(delay),
            intact: number % 2 == 0,
            psnr_db: Some(psnr),
        };
        let side = Side {
            name: "alice".into(),
            peer: "bob".into(),
            pictures: vec![
                picture(1, odd, odd),
                picture(2, 100.0, 40.0),
                picture(3, 400.0, odd),
            ],
            stills: vec![StillReport {
                number: 1,
                ..StillReport::default()
            }],
            started_ms: Some(odd),
            ended_ms: Some(1.0),
            ..Side::default()
        };
        let arrow = |at_ms, from, to| Arrow {
            at_ms,
            from,
            to,
            ..Arrow::default()
        };
        let flow = FlowReport {
            metrics: [
                ("goodput".to_owned(), odd),
                ("frame.delay.p95".to_owned(), odd),
            ]
            .into(),
            interval_s: odd,
            received: vec![odd, 1e6],
            target: vec![(odd, 1.0), (1.0, odd)],
            frames: vec![(odd, odd), (1.0, odd), (1.0, 20.0)],
            ..FlowReport::default()
        };
        let report = Report {
            flows: vec![flow],
            duration_ms: odd,
            sides: vec![side],
            links: vec![LinkReport {
                name: "bob>alice".into(),
                ..LinkReport::default()
            }],
            signalling: vec![
                arrow(odd, 0, 1),
                arrow(1.0, 0, 7),
                arrow(2.0, 1, 1),
                arrow(5_000.0, 1, 0),
            ],
            lanes: vec!["alice".into(), "bob".into()],
            ..Report::default()
        };
        assert_sound(&render(&report, &Extras::default()));
    }
}

/// A media flow and TCP over one link, one expectation of three not met.
const FLOWS: &str = r#"
    name = "flows"
    duration = "10 s"
    [[node]]
    name = "a"
    role = "host"
    [[node]]
    name = "b"
    role = "host"
    [[link]]
    from = "a"
    to = "b"
    rate = "2 Mb/s"
    queue = "100 ms"
    delay = "20 ms"
    [[flow]]
    name = "talk"
    kind = "media"
    controller = "cubic"
    from = "a"
    to = "b"
    [[flow]]
    name = "bulk"
    kind = "tcp"
    from = "b"
    to = "a"
    [[expect]]
    metric = "goodput"
    of = "talk"
    min = "100 kb/s"
    [[expect]]
    metric = "goodput"
    of = "bulk"
    min = "100 Mb/s"
    [[expect]]
    metric = "loss"
    of = "a>b"
    max = "50 %"
"#;

#[test]
fn a_report_says_what_was_expected_and_shows_each_flow() {
    let scenario = Scenario::parse(FLOWS, "flows.toml").expect("a scenario");
    let report = run(&scenario, &Options::new(1), |_| {})
        .expect("a run")
        .report;
    let held: Vec<Option<bool>> = report.checks.iter().map(|check| check.held).collect();
    assert_eq!(held, [Some(true), Some(false), Some(true)]);
    let page = page(&report, &Extras::default());
    let html = html(&page);
    assert_sound(&html);
    assert!(html.contains("1 of 3 expectations failed"));
    let failed = html.find("goodput of bulk is").expect("the failed one");
    let held = html.find("goodput of talk is").expect("one that held");
    assert!(failed < held, "what failed comes first");
    let plots: Vec<String> = files(&page).into_iter().map(|(name, _)| name).collect();
    for name in ["flow-talk.svg", "frames-talk.svg", "flow-bulk.svg"] {
        assert!(
            plots.iter().any(|plot| plot == name),
            "no {name}: {plots:?}"
        );
    }
    let of_tcp = plots.iter().any(|plot| plot == "frames-bulk.svg");
    assert!(!of_tcp, "TCP has no pictures");
    for empty in ["Key figures", "Signalling", "Sent and seen"] {
        assert!(!html.contains(empty), "{empty}: there was no call");
    }
    let talk = &report.flows[0];
    let mean = talk.received.iter().sum::<f64>() / talk.received.len() as f64;
    assert!((mean / talk.metrics["goodput"] - 1.0).abs() < 1e-3);
    assert!(talk.frames.len() > 200 && talk.target.len() > 40);
    assert_eq!(report.flows[1].controller, None);
}
