//! One run of a case: a scenario, and what the metrics need to know of it.

use std::time::Duration;

use duet_sim::link::LinkConfig;
use duet_sim::{FlowKind, FlowSpec, Role, Scenario, ScenarioError, Time};

use crate::flows::media::MediaKeys;
use crate::flows::model::Video;

/// A link direction between routers that limits what media can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// `A>B`.
    pub name: String,
    /// Where it leads from and to, by the routers' places in their row.
    pub between: (usize, usize),
    /// What media may have in b/s, from each second on: the link's rate less the constant bit rate UDP that crosses it.
    pub capacity: Vec<(u32, u64)>,
}

impl Bottleneck {
    /// What media may have at a second, in b/s.
    pub fn capacity_at(&self, second: f64) -> f64 {
        let past = self.capacity.iter().rev();
        let mut past = past.skip_while(|(at, _)| f64::from(*at) > second);
        past.next().map_or(0.0, |(_, rate)| *rate as f64)
    }

    /// Whether a flow's media crosses it.
    pub fn is_crossed_by(&self, flow: &MediaFlow) -> bool {
        lies_on(self.between, (flow.from, flow.to))
    }
}

/// Whether the way from one router to another in the row has this step in it.
fn lies_on((from, to): (usize, usize), (first, last): (usize, usize)) -> bool {
    match from < to {
        true => first <= from && to <= last,
        false => last <= to && from <= first,
    }
}

/// A media flow: video and audio from one host, feedback from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFlow {
    /// Its name, which is its sender's.
    pub name: String,
    /// The place of the sender's router in the row.
    pub from: usize,
    /// The place of the receiver's router.
    pub to: usize,
    /// The sender's and the receiver's index among the scenario's nodes.
    pub ends: (usize, usize),
    /// When it sends, in seconds.
    pub on: Vec<(u32, u32)>,
    /// Its weight.
    pub priority: u32,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The case: `5.1`.
    pub case: String,
    /// Which of its variants; may be empty.
    pub variant: String,
    /// What it is about.
    pub title: String,
    /// Seconds.
    pub duration: u32,
    /// The network and the traffic beside the media.
    pub scenario: Scenario,
    /// The media.
    pub flows: Vec<MediaFlow>,
    /// The links with a limit.
    pub narrow: Vec<Bottleneck>,
    /// Whether there is TCP beside the media.
    pub tcp: bool,
    /// Whether media is sent as a capable transport (ECN).
    pub ecn: bool,
    /// Where the sizes of pictures come from; no case asks for more than the statistical model.
    pub video: Video,
}

impl Run {
    /// What a scenario says, all of whose parameters are decided. Its name, without spaces, is the run's; its routers are
    /// linked in a row, in the order of the file; each host hangs at one of them.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] where a media flow has a key that there is not, or a value that makes no sense.
    pub fn of(scenario: Scenario) -> Result<Self, ScenarioError> {
        let name = scenario.name.replace(' ', "");
        let (case, variant) = name.split_once('/').unwrap_or((&name, ""));
        let media = |flow: &&FlowSpec| matches!(flow.kind, FlowKind::Media(_));
        let flows = scenario.flows.iter().filter(media);
        let flows: Result<Vec<_>, _> = flows.map(|flow| media_flow(&scenario, flow)).collect();
        let is_tcp =
            |flow: &FlowSpec| matches!(flow.kind, FlowKind::Tcp(..) | FlowKind::TcpOnOff(..));
        Ok(Self {
            case: case.to_owned(),
            variant: variant.to_owned(),
            title: scenario.description.clone(),
            duration: whole(scenario.duration),
            flows: flows?,
            narrow: narrow(&scenario),
            tcp: scenario.flows.iter().any(is_tcp),
            ecn: false,
            video: Video::default(),
            scenario,
        })
    }

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

    /// The link directions that have a queue: those with a rate.
    pub fn queues(&mut self) -> impl Iterator<Item = &mut LinkConfig> {
        let links = self.scenario.links.iter_mut();
        let ways = links.flat_map(|link| [Some(&mut link.config), link.back.as_mut()]);
        ways.flatten().filter(|way| way.rate.is_some())
    }
}

/// Whole seconds.
fn whole(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

fn second(at: Time) -> u32 {
    whole(at.since(Time::ZERO))
}

/// The routers' indices among the scenario's nodes, in their row.
fn routers(scenario: &Scenario) -> Vec<usize> {
    let nodes = scenario.nodes.iter().enumerate();
    let routers = nodes.filter(|(_, node)| node.role == Role::Router);
    routers.map(|(index, _)| index).collect()
}

/// The place in the row of the router at which a host hangs.
fn place_of(scenario: &Scenario, host: usize) -> usize {
    let routers = routers(scenario);
    let neighbours = scenario.links.iter().filter_map(|link| match host {
        host if link.from == host => Some(link.to),
        host if link.to == host => Some(link.from),
        _ => None,
    });
    let mut places = neighbours.filter_map(|node| routers.iter().position(|at| *at == node));
    places.next().unwrap_or(0)
}

fn media_flow(scenario: &Scenario, flow: &FlowSpec) -> Result<MediaFlow, ScenarioError> {
    let keys = MediaKeys::of(scenario, flow)?;
    let on = keys.on.iter();
    Ok(MediaFlow {
        name: scenario.node_name(flow.from).to_owned(),
        from: place_of(scenario, flow.from),
        to: place_of(scenario, flow.to),
        ends: (flow.from, flow.to),
        on: on.map(|on| (second(on.0), second(on.1))).collect(),
        priority: keys.priority,
    })
}

fn narrow(scenario: &Scenario) -> Vec<Bottleneck> {
    let routers = routers(scenario);
    let place = |node: usize| routers.iter().position(|at| *at == node);
    let links = scenario.links.iter().flat_map(|link| link.directions());
    let between = links.filter_map(|(from, to, config)| {
        let between = (place(from)?, place(to)?);
        let capacity = capacity(scenario, between, config);
        let name = |node: usize| scenario.node_name(node);
        (!capacity.is_empty()).then(|| Bottleneck {
            name: format!("{}>{}", name(from), name(to)),
            between,
            capacity,
        })
    });
    between.collect()
}

/// What a link direction leaves to media, from each second on; empty if it has no limit.
fn capacity(scenario: &Scenario, between: (usize, usize), config: &LinkConfig) -> Vec<(u32, u64)> {
    let policed = config.policer.as_ref().map(|policer| policer.rate);
    let Some(first) = config.rate.or(policed) else {
        return Vec::new();
    };
    let later = config.rates.iter().map(|step| (step.at, step.rate));
    let link: Vec<_> = std::iter::once((Time::ZERO, Some(first)))
        .chain(later)
        .collect();
    let mut all = vec![&link];
    for flow in &scenario.flows {
        let way = (place_of(scenario, flow.from), place_of(scenario, flow.to));
        if let FlowKind::Cbr(config) = &flow.kind
            && lies_on(between, way)
        {
            all.push(&config.rates);
        }
    }
    let mut times: Vec<Time> = all
        .iter()
        .flat_map(|rates| rates.iter())
        .map(|step| step.0)
        .collect();
    times.sort_unstable();
    times.dedup();
    let at = |rates: &[(Time, Option<duet_sim::link::Rate>)], time: Time| {
        let past = rates.iter().take_while(|step| step.0 <= time);
        past.last()
            .and_then(|step| step.1)
            .map_or(0, duet_sim::link::Rate::bits_per_second)
    };
    let left = |time: Time| {
        let taken: u64 = all[1..].iter().map(|rates| at(rates, time)).sum();
        (second(time), at(&link, time).saturating_sub(taken))
    };
    times.into_iter().map(left).collect()
}
