//! x
use duet::simulate::{MediaMode, run};
use duet_sim::Scenario;
use std::time::Duration;
const FIRST_CALL: &str = include_str!("../../../sim/scenarios/first-call.toml");
#[test]
fn dump() {
    for secs in [5u64, 20] {
        let mut scenario =
            Scenario::parse(FIRST_CALL, "first-call.toml").expect("the committed scenario");
        scenario.duration = Duration::from_secs(secs + 2);
        let call = scenario.script["call"].as_table_mut().expect("a call");
        call.insert("length".into(), format!("{secs} s").into());
        let r = run(&scenario, 1, MediaMode::Synthetic, None, |_| {})
            .expect("a run")
            .report;
        std::fs::write(
            format!("/tmp/report-{secs}.json"),
            serde_json::to_string(&r).unwrap(),
        )
        .unwrap();
    }
}
