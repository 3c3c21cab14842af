//! What a scenario's script and media come to, checked.

use std::time::Duration;

use duet_sim::units::{UnitError, parse_duration, parse_rate};
use duet_sim::{Role, Scenario, ScenarioError, Time};

use crate::script::{self, Op};
use crate::studio::Format;

/// The scenario's script and media, checked.
pub(super) struct Plan {
    /// The nodes of the clients; a client's number is its place here.
    pub(super) clients: Vec<usize>,
    /// What each client does, by its number.
    pub(super) agendas: Vec<Vec<(Time, Op)>>,
    /// Processes that are killed and not started again: whose, and when.
    pub(super) kills: Vec<(usize, Time)>,
    pub(super) repair: bool,
    /// What everybody sends.
    format: Format,
    /// The clients of the first call, caller first: their sides are those of the report.
    pub(super) pair: Option<(usize, usize)>,
}

const SCRIPT: &[&str] = &["call", "kill"];
const KILL: &[&str] = &["who", "at"];
const CALL: &[&str] = &["from", "to", "at", "length"];
const MEDIA: &[&str] = &["video", "audio", "repair"];
const VIDEO: &[&str] = &["codec", "width", "height", "frames_per_second", "bitrate"];
const AUDIO: &[&str] = &["codec", "sample_rate", "channels", "bitrate"];

/// Reads values of one table, each with an error that points at it.
struct Reader<'a> {
    scenario: &'a Scenario,
    table: &'a toml::Table,
    path: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn new(
        scenario: &'a Scenario,
        table: &'a toml::Table,
        path: Vec<&'a str>,
        known: &[&str],
    ) -> Result<Self, ScenarioError> {
        let this = Self {
            scenario,
            table,
            path,
        };
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                let path: Vec<&str> = this.path.iter().copied().chain([key.as_str()]).collect();
                Err(scenario.error_at(&path, format!("unknown key `{key}`"), Some(known)))
            }
            None => Ok(this),
        }
    }

    fn fail(&self, key: &str, message: &str) -> ScenarioError {
        let path: Vec<&str> = self.path.iter().copied().chain([key]).collect();
        self.scenario.error_at(&path, message, None)
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, ScenarioError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fail(key, "this is a text, in quotes")),
        }
    }

    fn whole(&self, key: &str, default: u32) -> Result<u32, ScenarioError> {
        match self.table.get(key) {
            None => Ok(default),
            Some(toml::Value::Integer(number)) => u32::try_from(*number)
                .map_err(|_| self.fail(key, "this is a whole number, not below 0")),
            Some(_) => Err(self.fail(key, "this is a whole number")),
        }
    }

    fn unit<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, UnitError>,
    ) -> Result<Option<T>, ScenarioError> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => parse(text)
                .map(Some)
                .map_err(|error| self.fail(key, &error.to_string())),
        }
    }

    fn inner(&self, key: &'a str, known: &[&str]) -> Result<Option<Reader<'a>>, ScenarioError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::Table(table)) => {
                let path = self.path.iter().copied().chain([key]).collect();
                Ok(Some(Reader::new(self.scenario, table, path, known)?))
            }
            Some(_) => Err(self.fail(key, "this is a table: { key = value, … }")),
        }
    }
}

impl Plan {
    pub(super) fn of(scenario: &Scenario) -> Result<Self, ScenarioError> {
        let clients = script::clients(scenario);
        let mut agendas = script::agendas(scenario)?;
        let script = Reader::new(scenario, &scenario.script, vec!["script"], SCRIPT)?;
        if let Some(call) = script.inner("call", CALL)? {
            let (from, at, op) = Self::call(&call, &clients)?;
            agendas[from].push((at, op));
            agendas[from].sort_by_key(|(at, _)| *at);
        }
        let mut kills = Vec::new();
        if let Some(kill) = script.inner("kill", KILL)? {
            let who = kill.text("who")?.and_then(|name| scenario.node(name));
            let who = who.ok_or_else(|| kill.fail("who", "the name of a node"))?;
            let at = kill.unit("at", parse_duration)?;
            let at = at.ok_or_else(|| kill.fail("at", "when?"))?;
            kills.push((who, Time::ZERO.after(at)));
        }
        let media = Reader::new(scenario, &scenario.media, vec!["media"], MEDIA)?;
        let repair = match scenario.media.get("repair") {
            None => true,
            Some(toml::Value::Boolean(repair)) => *repair,
            Some(_) => return Err(media.fail("repair", "this is true or false")),
        };
        let mut format = Format::new(0);
        if let Some(video) = media.inner("video", VIDEO)? {
            if video.text("codec")?.is_some_and(|codec| codec != "h264") {
                return Err(video.fail("codec", "the codec of video is \"h264\""));
            }
            format.video.width = video.whole("width", format.video.width)?;
            format.video.height = video.whole("height", format.video.height)?;
            format.video.fps = video.whole("frames_per_second", format.video.fps)?;
            if let Some(rate) = video.unit("bitrate", parse_rate)? {
                format.video.bitrate = u32::try_from(rate.bits_per_second()).unwrap_or(u32::MAX);
            }
            format
                .video
                .check()
                .map_err(|text| media.fail("video", &text))?;
        }
        if let Some(audio) = media.inner("audio", AUDIO)? {
            if audio.text("codec")?.is_some_and(|codec| codec != "aac") {
                return Err(audio.fail("codec", "the codec of audio is \"aac\""));
            }
            format.audio.channels = audio.whole("channels", format.audio.channels)?;
            if audio
                .text("sample_rate")?
                .is_some_and(|rate| rate != "48 kHz")
            {
                return Err(audio.fail("sample_rate", "the sample rate is \"48 kHz\""));
            }
            if let Some(rate) = audio.unit("bitrate", parse_rate)? {
                format.audio.bitrate = u32::try_from(rate.bits_per_second()).unwrap_or(u32::MAX);
            }
            format
                .audio
                .check()
                .map_err(|text| media.fail("audio", &text))?;
        }
        let calls = agendas.iter().enumerate().flat_map(|(who, agenda)| {
            agenda.iter().filter_map(move |(at, op)| match op {
                Op::Call(callee, _) => Some((*at, who, *callee)),
                _ => None,
            })
        });
        let pair = calls.min().map(|(_, caller, callee)| (caller, callee));
        Ok(Self {
            clients,
            agendas,
            kills,
            repair,
            format,
            pair,
        })
    }

    /// Whether the client of this number calls, or is called by one whose script says so.
    pub(super) fn calls(&self, client: usize) -> bool {
        let agendas = self.agendas.iter().enumerate();
        agendas
            .flat_map(|(who, agenda)| agenda.iter().map(move |(_, op)| (who, op)))
            .any(
                |(who, op)| matches!(op, Op::Call(callee, _) if who == client || *callee == client),
            )
    }

    /// What the client of this number sends.
    pub(super) fn format(&self, client: usize) -> Format {
        let mut own = Format::new((client % 8) as u8);
        let (ssrc, audio_ssrc) = (own.video.ssrc, own.audio.ssrc);
        own.video = self.format.video.clone();
        own.audio = self.format.audio.clone();
        (own.video.ssrc, own.audio.ssrc) = (ssrc, audio_ssrc);
        own
    }

    /// The script's `call`: who calls, when, and whom.
    fn call(call: &Reader<'_>, clients: &[usize]) -> Result<(usize, Time, Op), ScenarioError> {
        let party = |key: &str| {
            let name = call.text(key)?.ok_or_else(|| call.fail(key, "who?"))?;
            let index = call.scenario.node(name);
            let index = index.ok_or_else(|| call.fail(key, "no node of that name"))?;
            if call.scenario.nodes[index].role != Role::Client {
                return Err(call.fail(key, "only a client makes or answers calls"));
            }
            let number = clients.iter().position(|client| *client == index);
            number.ok_or_else(|| call.fail(key, "no client of that name"))
        };
        let (from, to) = (party("from")?, party("to")?);
        if from == to {
            return Err(call.fail("to", "nobody calls himself"));
        }
        let at = call.unit("at", parse_duration)?.unwrap_or_default();
        let length: Option<Duration> = call.unit("length", parse_duration)?;
        Ok((from, Time::ZERO.after(at), Op::Call(to, length)))
    }
}
