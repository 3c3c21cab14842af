//! A stream of packets through a network in real time, and one beside it through a network that does nothing.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use duet::impair::{Ends, Impairment, Run, Summary, proxy::Proxy};
#[cfg(target_os = "linux")]
use duet::impair::{namespaces::within, tun::Bridge};
#[cfg(target_os = "linux")]
use duet_sim::NodeId;
use duet_sim::Scenario;

/// What carries packets between sockets and the network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Proxy,
    Bridge,
}

/// How long to wait behind the last packet: more than any is under way.
const BEHIND: Duration = Duration::from_secs(1);

/// What a network in real time did to packets.
pub(crate) struct Course {
    /// When each was sent, by its number.
    pub(crate) sent: Vec<Instant>,
    /// Which arrived, and when.
    pub(crate) received: Vec<(u32, Instant)>,
    pub(crate) log: String,
    pub(crate) summary: Summary,
}

/// A network that runs in a thread, with a socket before and one behind it.
struct Line {
    source: UdpSocket,
    /// The network ends with it.
    stop: UnixStream,
    network: JoinHandle<Result<Summary, String>>,
    over: Arc<AtomicBool>,
    receiving: JoinHandle<Result<Vec<(u32, Instant)>, String>>,
    log: PathBuf,
}

type Work = Box<dyn FnOnce(Run) -> std::io::Result<Summary> + Send>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Line {
    fn start(by: By, name: &str, scenario: &Scenario) -> Result<Line, String> {
        let ends = Ends::of(scenario, &[], None).map_err(text)?;
        let (source, target, work) = match by {
            By::Proxy => through_proxy(ends.clone())?,
            By::Bridge => over_bridge(name, &ends)?,
        };
        let log = std::env::temp_dir().join(format!("duet-bench-{name}-{}", std::process::id()));
        let file = std::fs::File::create(&log).map_err(text)?;
        let (stop, theirs) = UnixStream::pair().map_err(text)?;
        let scenario = scenario.clone();
        let (told, ready) = std::sync::mpsc::channel();
        let network = std::thread::spawn(move || {
            let network = Impairment::new(&scenario, scenario.seed, &ends).map_err(text)?;
            // In the thread that waits, whose timers become fine.
            let run = Run::begin(network, theirs, None, Some(file));
            let _ = told.send(());
            work(run).map_err(text)
        });
        ready.recv().map_err(|_| "the network does not run")?;
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let receiving = std::thread::spawn(move || receive(&target, &is_over));
        Ok(Line {
            source,
            stop,
            network,
            over,
            receiving,
            log,
        })
    }

    fn end(self, sent: Vec<Instant>) -> Result<Course, String> {
        drop(self.stop);
        let panicked = |_| "a thread panicked".to_owned();
        let summary = self.network.join().map_err(panicked)??;
        // What the network sent is in the socket's buffer by now.
        self.over.store(true, Ordering::Release);
        let received = self.receiving.join().map_err(panicked)??;
        let log = std::fs::read_to_string(&self.log).map_err(text)?;
        let _ = std::fs::remove_file(&self.log);
        Ok(Course {
            sent,
            received,
            log,
            summary,
        })
    }
}

fn through_proxy(ends: Ends) -> Result<(UdpSocket, UdpSocket, Work), String> {
    let target = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let proxy = Proxy::bind(any, target.local_addr().map_err(text)?, ends).map_err(text)?;
    let source = UdpSocket::bind(any).map_err(text)?;
    source
        .connect(proxy.local_addr().map_err(text)?)
        .map_err(text)?;
    Ok((source, target, Box::new(move |run| proxy.run(run))))
}

#[cfg(target_os = "linux")]
fn over_bridge(name: &str, ends: &Ends) -> Result<(UdpSocket, UdpSocket, Work), String> {
    let [one, other] = ["a", "b"].map(|side| format!("duet-{name}-{}-{side}", std::process::id()));
    let sides = [
        (one.as_str(), ends.clients[0]),
        (other.as_str(), ends.server),
    ];
    let bridge = Bridge::open(sides, 1_500).map_err(text)?;
    let [(_, here, _), (_, there, _)] = bridge.sides();
    let target = within(&other, || UdpSocket::bind((there, 0))).map_err(text)?;
    let source = within(&one, || UdpSocket::bind((here, 0))).map_err(text)?;
    source
        .connect(target.local_addr().map_err(text)?)
        .map_err(text)?;
    Ok((source, target, Box::new(move |run| bridge.run(run))))
}

/// Whether there is a bridge to be had here, or why not.
#[cfg(target_os = "linux")]
pub(crate) fn try_bridge() -> Result<(), String> {
    let [one, other] = ["a", "b"].map(|side| format!("duet-try-{}-{side}", std::process::id()));
    let sides = [(one.as_str(), NodeId(0)), (other.as_str(), NodeId(1))];
    Bridge::open(sides, 1_500).map(drop).map_err(text)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn try_bridge() -> Result<(), String> {
    Err("it takes Linux".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn over_bridge(_: &str, _: &Ends) -> Result<(UdpSocket, UdpSocket, Work), String> {
    Err("it takes Linux".to_owned())
}

/// Receives until it is over and there is no more.
fn receive(socket: &UdpSocket, over: &AtomicBool) -> Result<Vec<(u32, Instant)>, String> {
    let mut received = Vec::new();
    let mut packet = [0; 2_048];
    let pause = Duration::from_millis(100);
    socket.set_read_timeout(Some(pause)).map_err(text)?;
    loop {
        // Asked first: what comes afterwards is seen by the next call.
        let is_over = over.load(Ordering::Acquire);
        match socket.recv(&mut packet) {
            Ok(_) => {
                let now = Instant::now();
                let number = packet.first_chunk().copied().unwrap_or_default();
                received.push((u32::from_be_bytes(number), now));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if is_over {
                    return Ok(received);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(text(error)),
        }
    }
}

/// Sends so many packets with so many bytes of payload at this distance through both networks, by turns. Says what they
/// did, and how late the clock woke the sender each time.
pub(crate) fn run(
    by: By,
    scenarios: [&Scenario; 2],
    packets: u32,
    size: usize,
    gap: Duration,
) -> Result<([Course; 2], Vec<Duration>), String> {
    let one = Line::start(by, "impaired", scenarios[0])?;
    let lines = match Line::start(by, "control", scenarios[1]) {
        Ok(other) => [one, other],
        Err(error) => {
            // So that it takes down what it made.
            let _ = one.end(Vec::new());
            return Err(error);
        }
    };
    let mut sent = [Vec::new(), Vec::new()];
    let done = send(&lines, &mut sent, packets, size, gap);
    let [one, other] = lines;
    let [of_one, of_other] = sent;
    let courses = [one.end(of_one), other.end(of_other)];
    let [one, other] = courses;
    Ok(([one?, other?], done?))
}

fn send(
    lines: &[Line; 2],
    sent: &mut [Vec<Instant>; 2],
    packets: u32,
    size: usize,
    gap: Duration,
) -> Result<Vec<Duration>, String> {
    // As the networks do, so that the clock serves them and this alike.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let mut payload = vec![0; size];
    let mut late = Vec::new();
    let began = Instant::now();
    for number in 0..packets {
        payload[..4].copy_from_slice(&number.to_be_bytes());
        for (turn, line) in lines.iter().enumerate() {
            // The control's are in the middle between the others.
            let at = began + gap * number + gap / 2 * turn as u32;
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let now = Instant::now();
            late.push(now.saturating_duration_since(at));
            sent[turn].push(now);
            line.source.send(&payload).map_err(text)?;
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err("it was interrupted".to_owned());
        }
    }
    std::thread::sleep(BEHIND);
    Ok(late)
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C is seen by [`run`], so that no namespace stays.
pub(crate) fn heed_interrupts() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        let _ = runtime.block_on(tokio::signal::ctrl_c());
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}
