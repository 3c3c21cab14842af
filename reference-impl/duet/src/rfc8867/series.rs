//! What plots show of a run: rates, queue and loss over time, and the distribution of delays.

use super::measure::FlowSeries;
use super::record::Record;
use super::statistics::{Bins, Summary, distribution};

/// The bins of plots: RFC 8868 §3 plots each second; half of that shows what a second hides.
const BIN: f64 = 0.5;

/// Median, least and greatest.
pub type Spread = (f64, f64, f64);

/// One run over time. Every list of values has one for each half second.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Each flow's name and what its receiver had, b/s of RTP.
    pub flows: Vec<(String, Vec<f64>)>,
    /// TCP's payload, b/s.
    pub tcp: Option<Vec<f64>>,
    /// Each bottleneck's name, and its capacity for media from each second on, in b/s.
    pub capacity: Vec<(String, Vec<(f64, f64)>)>,
    /// Each bottleneck's name, and how long media waited there: median, least, greatest; ms. A gap where nothing came.
    pub queues: Vec<(String, Vec<Spread>)>,
    /// Media packets that left in each half second and never arrived, in per cent; a gap where none left.
    pub loss: Vec<f64>,
    /// Packet delays: (ms, share of packets that were not slower).
    pub delays: Vec<(f64, f64)>,
    /// When circuit breakers tripped, in seconds.
    pub trips: Vec<f64>,
    /// Seconds.
    pub duration: f64,
}

impl Series {
    /// The plots' view of a run.
    pub fn of(record: &Record) -> Self {
        let duration = f64::from(record.run.duration);
        let seconds = |at: duet_sim::Time| at.as_nanos() as f64 / 1e9;
        let flows = record.flows.iter().zip(&record.run.flows);
        let flows = flows.map(|(flow, plan)| {
            let rates = FlowSeries::new(flow, BIN, duration).media.rates();
            (plan.name.clone(), rates)
        });
        let capacity = record.run.narrow.iter().map(|narrow| {
            let steps = narrow.capacity.iter();
            let steps = steps.map(|(at, rate)| (f64::from(*at), *rate as f64));
            (narrow.name.clone(), steps.collect())
        });
        let count = (duration / BIN) as usize;
        let links = record.links.iter().zip(&record.run.narrow);
        let queues = links.map(|(link, narrow)| {
            let mut bins = vec![Vec::new(); count];
            for wait in link.waits.iter().filter(|wait| wait.media) {
                if let Some(waited) = wait.waited
                    && let Some(bin) = bins.get_mut((seconds(wait.offered) / BIN) as usize)
                {
                    bin.push(waited.as_secs_f64() * 1e3);
                }
            }
            let bins = bins.iter().map(|bin| match Summary::of(bin) {
                summary if summary.count == 0 => (f64::NAN, f64::NAN, f64::NAN),
                summary => (summary.p50, summary.min, summary.max),
            });
            (narrow.name.clone(), bins.collect())
        });
        let (mut left, mut lost) = (vec![0_u32; count], vec![0_u32; count]);
        let mut delays = Vec::new();
        for flow in &record.flows {
            for (packet, arrived) in flow.sender.packets.iter().zip(flow.arrived()) {
                let Some(sent) = packet.left else { continue };
                let bin = (seconds(sent) / BIN) as usize;
                if let (Some(left), Some(lost)) = (left.get_mut(bin), lost.get_mut(bin)) {
                    *left += 1;
                    *lost += u32::from(arrived.is_none());
                }
                if let Some(at) = arrived {
                    delays.push(at.since(sent).as_secs_f64() * 1e3);
                }
            }
        }
        let share = |(left, lost): (&u32, &u32)| match left {
            0 => f64::NAN,
            left => f64::from(*lost) * 100.0 / f64::from(*left),
        };
        let tcp = record.tcp.as_ref().map(|tcp| {
            let events = tcp.delivered.iter();
            let events = events.map(|(at, bytes)| (seconds(*at), f64::from(*bytes) * 8.0));
            Bins::new(BIN, duration, events).rates()
        });
        let trips = record.flows.iter().flat_map(|flow| &flow.sender.trips);
        Self {
            flows: flows.collect(),
            tcp,
            capacity: capacity.collect(),
            queues: queues.collect(),
            loss: left.iter().zip(&lost).map(share).collect(),
            delays: distribution(&delays, 200),
            trips: trips.map(|(at, _)| seconds(*at)).collect(),
            duration,
        }
    }

    /// The middle of each bin with its value, in seconds.
    pub fn over_time<T: Copy>(values: &[T]) -> impl Iterator<Item = (f64, T)> {
        let middles = (0..).map(|index| (f64::from(index) + 0.5) * BIN);
        middles.zip(values.iter().copied())
    }
}
