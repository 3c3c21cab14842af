//! The test cases of RFC 8867 as data, each variant a run of its own, and what stands beside them.
//!
//! How the RFC's own contradictions are decided is told in `sim/scenarios/rfc8867/README.md`.

use std::time::Duration;

use super::model::Video;

/// How the capacity at a bottleneck varies (RFC 8867 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The link changes its rate.
    Rate,
    /// The link has 4 Mb/s, of which constant bit rate UDP takes what media must not have.
    Cbr,
}

/// What random loss or policing there is, in the cases beside the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each packet is lost with this probability, in parts per million, whatever else happens.
    Loss(u32),
    /// A token bucket of the bottleneck's rate and so many bytes drops what exceeds it; nothing is queued.
    Policer(u64),
}

/// One direction of a link between two routers.
#[derive(Clone, Debug, PartialEq)]
pub struct Bottleneck {
    /// Capacity for media, kb/s, from each second on; empty for a link without limit.
    pub capacity: Vec<(u32, u64)>,
    /// How it varies.
    pub mechanism: Mechanism,
    /// Bytes that the queue holds.
    pub queue: u64,
    /// Propagation.
    pub delay: Duration,
    /// Whether it has the jitter of RFC 8867 §4.1: |z|, z normal with 5 ms and cut at 15 ms, never reordering.
    pub jitter: bool,
    /// CoDel that marks packets of capable transports instead of dropping them.
    pub ecn: bool,
    /// What else goes wrong.
    pub fault: Option<Fault>,
}

impl Bottleneck {
    /// Without limit: propagation alone.
    pub fn open(delay: u64) -> Self {
        Self {
            capacity: Vec::new(),
            mechanism: Mechanism::Rate,
            queue: 0,
            delay: Duration::from_millis(delay),
            jitter: false,
            ecn: false,
            fault: None,
        }
    }

    /// With a limit: reference capacity in kb/s, and its multiples in per cent from each second on. The queue holds
    /// 300 ms at the reference, or at the physical 4 Mb/s.
    fn limited(mechanism: Mechanism, reference: u64, steps: &[(u32, u64)], delay: u64) -> Self {
        let physical = match mechanism {
            Mechanism::Rate => reference,
            Mechanism::Cbr => PHYSICAL,
        };
        Self {
            capacity: steps
                .iter()
                .map(|(at, percent)| (*at, reference * percent / 100))
                .collect(),
            mechanism,
            queue: queue_of(physical, 300),
            jitter: true,
            ..Self::open(delay)
        }
    }

    /// What media may have at a second, in b/s; none where there is no limit.
    pub fn capacity_at(&self, second: f64) -> Option<f64> {
        let past = self.capacity.iter().rev();
        let mut past = past.skip_while(|(at, _)| f64::from(*at) > second);
        past.next().map(|(_, rate)| *rate as f64 * 1_000.0)
    }
}

/// The physical rate where CBR traffic takes the rest, in kb/s (RFC 8867 §4.2).
pub const PHYSICAL: u64 = 4_000;

/// Bytes of so many milliseconds at so many kb/s.
const fn queue_of(rate: u64, millis: u64) -> u64 {
    rate * millis / 8
}

/// A media flow: video and audio from one host, feedback from another.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaFlow {
    /// Its name.
    pub name: String,
    /// The routers at which sender and receiver stand.
    pub from: usize,
    /// The router at which the receiver stands.
    pub to: usize,
    /// Propagation of the sender's access link, either way.
    pub access: Duration,
    /// When it sends, in seconds.
    pub on: Vec<(u32, u32)>,
    /// Its weight.
    pub priority: u32,
}

/// A TCP sender beside the media, or several alike, from the first router to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcp {
    /// One, with data without end, from 0 s on.
    Long,
    /// Ten, on and off: files of 30 to 50 kB, pauses exponential with a mean of 10 s; the first two begin on.
    OnOff,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The case: `5.1`.
    pub case: String,
    /// Which of its variants; may be empty.
    pub variant: String,
    /// What it is about.
    pub title: &'static str,
    /// Seconds.
    pub duration: u32,
    /// The links between routers in a row, towards the higher number.
    pub forward: Vec<Bottleneck>,
    /// The same, towards the lower number.
    pub backward: Vec<Bottleneck>,
    /// The media.
    pub flows: Vec<MediaFlow>,
    /// TCP beside it.
    pub tcp: Option<Tcp>,
    /// Whether media is sent as a capable transport (ECN).
    pub ecn: bool,
    /// Where the sizes of pictures come from; no case asks for more than the statistical model.
    pub video: Video,
}

impl Run {
    /// `5.1/rate-50ms`.
    pub fn id(&self) -> String {
        match self.variant.as_str() {
            "" => self.case.clone(),
            variant => format!("{}/{variant}", self.case),
        }
    }

    /// Whether `--case` means it: a case, a family such as `5`, or one variant.
    pub fn is_meant(&self, wanted: &str) -> bool {
        let id = self.id();
        let rest = id.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    }
}

fn flow(name: usize, on: &[(u32, u32)]) -> MediaFlow {
    MediaFlow {
        name: format!("S{name}"),
        from: 0,
        to: 1,
        access: Duration::ZERO,
        on: on.to_vec(),
        priority: 1,
    }
}

fn dumbbell(
    (case, variant, title): (&str, &str, &'static str),
    duration: u32,
    bottleneck: Bottleneck,
    flows: Vec<MediaFlow>,
) -> Run {
    Run {
        case: case.into(),
        variant: variant.into(),
        title,
        duration,
        backward: vec![Bottleneck {
            delay: bottleneck.delay,
            ..Bottleneck::open(0)
        }],
        forward: vec![bottleneck],
        flows,
        tcp: None,
        ecn: false,
        video: Video::default(),
    }
}

const BOTH: [(Mechanism, &str); 2] = [(Mechanism::Rate, "rate"), (Mechanism::Cbr, "cbr")];
const CONSTANT: &[(u32, u64)] = &[(0, 100)];

/// RFC 8867 §5 and §6.1, 6.3, without ECN.
fn basic() -> Vec<Run> {
    let mut runs = Vec::new();
    for delay in [50, 100] {
        for (mechanism, name) in BOTH {
            let steps = [(0, 100), (40, 250), (60, 60), (80, 100)];
            let link = Bottleneck::limited(mechanism, 1_000, &steps, delay);
            let name = format!("{name}-{delay}ms");
            let title = ("5.1", name.as_str(), "Variable capacity, one flow");
            runs.push(dumbbell(title, 100, link, vec![flow(1, &[(0, 99)])]));
        }
    }
    for (mechanism, name) in BOTH {
        let steps = [(0, 200), (25, 100), (50, 175), (75, 50), (100, 100)];
        let link = Bottleneck::limited(mechanism, 2_000, &steps, 50);
        let flows = vec![flow(1, &[(0, 124)]), flow(2, &[(0, 124)])];
        let title = ("5.2", name, "Variable capacity, two flows");
        runs.push(dumbbell(title, 125, link, flows));
    }
    for (mechanism, name, impaired) in [
        (Mechanism::Rate, "rate", true),
        (Mechanism::Cbr, "cbr", true),
        (Mechanism::Rate, "reference", false),
    ] {
        let steps = [(0, 200), (20, 100), (40, 50), (60, 200)];
        let link = Bottleneck::limited(mechanism, 1_000, &steps, 50);
        let back = MediaFlow {
            from: 1,
            to: 0,
            ..flow(2, &[(0, 99)])
        };
        let title = ("5.3", name, "Congested feedback, both ways");
        let mut run = dumbbell(title, 100, link, vec![flow(1, &[(0, 99)]), back]);
        if impaired {
            let steps = [(0, 200), (35, 80), (70, 200)];
            run.backward = vec![Bottleneck::limited(mechanism, 1_000, &steps, 50)];
        }
        runs.push(run);
    }
    let starts = |late: bool| -> Vec<MediaFlow> {
        let start = |index: u32| if late { 20 * index } else { 0 };
        (0..3)
            .map(|index| flow(index as usize + 1, &[(start(index), 119)]))
            .collect()
    };
    let constant = |rate, delay| Bottleneck::limited(Mechanism::Rate, rate, CONSTANT, delay);
    let title = ("5.4", "", "Three flows, one after the other");
    runs.push(dumbbell(title, 120, constant(3_500, 50), starts(true)));

    let delays = [10, 25, 50, 100, 150];
    let flows = delays.iter().zip(0_u32..).map(|(delay, index)| MediaFlow {
        access: Duration::from_millis(delay - 10),
        ..flow(index as usize + 1, &[(10 * index, 299)])
    });
    let title = ("5.5", "", "Five flows of unequal delay");
    runs.push(dumbbell(title, 300, constant(4_000, 10), flows.collect()));

    for millis in [300, 1_000] {
        let link = Bottleneck {
            queue: queue_of(2_000, millis),
            ..constant(2_000, 50)
        };
        let name = format!("queue-{millis}ms");
        let title = ("5.6", name.as_str(), "Beside a long TCP flow");
        let mut run = dumbbell(title, 120, link, vec![flow(1, &[(5, 119)])]);
        run.tcp = Some(Tcp::Long);
        runs.push(run);
    }
    let flows = vec![flow(1, &[(5, 299)]), flow(2, &[(5, 299)])];
    let title = ("5.7", "", "Beside ten short TCP flows");
    let mut run = dumbbell(title, 300, constant(2_000, 50), flows);
    run.tcp = Some(Tcp::OnOff);
    runs.push(run);

    let mut flows = starts(false);
    flows[1].on = vec![(0, 40), (60, 119)];
    let title = ("5.8", "", "Three flows, one pauses");
    runs.push(dumbbell(title, 120, constant(3_500, 50), flows));

    let mut flows = starts(true);
    flows[0].priority = 2;
    let title = ("6.1", "", "Three flows, the first weighs twice");
    runs.push(dumbbell(title, 120, constant(3_500, 50), flows));
    runs.push(parking_lot());
    runs
}

/// RFC 8867 §6.3: A → B → C → D, of which A → B and C → D are narrow.
fn parking_lot() -> Run {
    let all = [(0, 299)];
    let link = |percent, delay| {
        let mut link = Bottleneck::limited(Mechanism::Rate, 2_000, &[(0, percent)], delay);
        link.queue = queue_of(2_000 * percent / 100, 300);
        // The jitter is that of the whole path: once.
        link.jitter = percent == 400;
        link
    };
    let place = |name, from, to, access| MediaFlow {
        from,
        to,
        access: Duration::from_millis(access),
        ..flow(name, &all)
    };
    Run {
        case: "6.3".into(),
        variant: String::new(),
        title: "Several bottlenecks",
        duration: 300,
        forward: vec![link(100, 30), link(400, 20), link(75, 30)],
        backward: vec![
            Bottleneck::open(30),
            Bottleneck::open(20),
            Bottleneck::open(30),
        ],
        flows: vec![place(1, 0, 3, 20), place(2, 0, 1, 10), place(3, 2, 3, 10)],
        tcp: None,
        ecn: false,
        video: Video::default(),
    }
}

/// RFC 8867 §6.2: the cases of §5 again, with bottlenecks that mark.
fn marked(basic: &[Run]) -> Vec<Run> {
    let of_section_5 = basic.iter().filter(|run| run.case.starts_with('5'));
    of_section_5
        .map(|run| {
            let mut run = run.clone();
            run.variant = run.id();
            run.case = "6.2".into();
            run.ecn = true;
            for link in run.forward.iter_mut().chain(&mut run.backward) {
                link.ecn = !link.capacity.is_empty();
            }
            run
        })
        .collect()
}

/// Beside the RFC: loss that says nothing of congestion, and a policer.
fn beside() -> Vec<Run> {
    let link = |rate, fault| Bottleneck {
        fault: Some(fault),
        ..Bottleneck::limited(Mechanism::Rate, rate, CONSTANT, 50)
    };
    let mut runs: Vec<Run> = [1, 5, 10, 20]
        .into_iter()
        .map(|percent| {
            let name = format!("{percent}%");
            let title = ("loss", name.as_str(), "Random loss without congestion");
            let link = link(3_000, Fault::Loss(percent * 10_000));
            dumbbell(title, 60, link, vec![flow(1, &[(0, 59)])])
        })
        .collect();
    let title = ("policer", "", "A policer and no queue");
    let link = link(600, Fault::Policer(15_000));
    runs.push(dumbbell(title, 60, link, vec![flow(1, &[(0, 59)])]));
    runs
}

/// Everything, in the order of the table.
pub fn all() -> Vec<Run> {
    let mut runs = basic();
    let marked = marked(&runs);
    let at = runs.iter().position(|run| run.case == "6.3");
    let at = at.unwrap_or(runs.len());
    runs.splice(at..at, marked);
    runs.extend(beside());
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> Run {
        let found = all().into_iter().find(|run| run.id() == id);
        found.unwrap_or_else(|| panic!("no run {id}"))
    }

    #[test]
    fn the_numbers_of_the_rfc() {
        let variable = run("5.1/rate-100ms");
        let link = &variable.forward[0];
        assert_eq!(link.queue, 37_500);
        let rates: Vec<_> = [0.0, 39.9, 40.0, 60.0, 99.0]
            .into_iter()
            .map(|at| link.capacity_at(at))
            .collect();
        assert_eq!(
            rates,
            [1e6, 1e6, 2.5e6, 0.6e6, 1e6].map(Some),
            "table 1 of RFC 8867"
        );
        assert_eq!(link.delay, Duration::from_millis(100));
        assert_eq!(run("5.1/cbr-50ms").forward[0].queue, 150_000);
        assert_eq!(run("5.6/queue-1000ms").forward[0].queue, 250_000);
        assert_eq!(run("5.4").forward[0].queue, 131_250);
        let lot = run("6.3");
        let queues: Vec<u64> = lot.forward.iter().map(|link| link.queue).collect();
        assert_eq!(queues, [75_000, 300_000, 56_250]);
        let one_way: Vec<u128> = lot
            .flows
            .iter()
            .map(|flow| {
                let links = &lot.forward[flow.from..flow.to];
                let links: Duration = links.iter().map(|link| link.delay).sum();
                (links + flow.access).as_millis()
            })
            .collect();
        assert_eq!(one_way, [100, 40, 40]);
        assert_eq!(run("5.8").flows[1].on, [(0, 40), (60, 119)], "the timeline");
    }

    #[test]
    fn every_case_is_there_once_and_lasts_what_it_should() {
        let runs = all();
        let ids: std::collections::BTreeSet<String> = runs.iter().map(Run::id).collect();
        assert_eq!(ids.len(), runs.len());
        let seconds = |ecn: bool| -> u32 {
            let runs = runs.iter().filter(|run| run.case.starts_with(['5', '6']));
            let runs = runs.filter(|run| run.ecn == ecn);
            runs.map(|run| run.duration).sum()
        };
        assert_eq!(seconds(false), 2_450);
        assert_eq!(seconds(true), 2_030);
    }

    #[test]
    fn cases_are_meant_by_name_family_and_variant() {
        let variant = run("5.1/rate-50ms");
        assert!(
            ["5", "5.1", "5.1/rate-50ms"]
                .iter()
                .all(|w| variant.is_meant(w))
        );
        assert!(
            !["5.", "5.10", "1", "6.2", "5.1/rate"]
                .iter()
                .any(|w| variant.is_meant(w))
        );
        assert!(run("6.2/5.1/rate-50ms").is_meant("6.2/5.1"));
    }
}
