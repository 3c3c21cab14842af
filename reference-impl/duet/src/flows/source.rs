//! What a sender captures: synthetic video, and the audio beside it, cut into RTP packets.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use duet_sim::Time;

use super::model::{Encoder, Model, Video};

/// Bytes of an RTP header (RFC 3550 §5.1).
const RTP: usize = 12;
/// Bytes of a source RTP packet at the most (design: so that repair and sealing fit a datagram of 1,120).
const MAX_RTP: usize = 1_040;
/// The first coded bytes are the packet's number, by which the receiver's record finds the sender's.
const NUMBER: usize = 4;

/// Audio: 20 kb/s (RFC 8867 §4.3), 50 bytes every 20 ms.
pub const AUDIO_BYTES: usize = 50;
/// The interval of audio packets.
pub const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// The rate of the audio's packets, RTP headers included, in bits a second.
pub const AUDIO_RATE: u64 =
    (AUDIO_BYTES + RTP) as u64 * 8 * 1_000_000_000 / AUDIO_INTERVAL.as_nanos() as u64;

/// A packet that was captured.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Whether it is audio.
    pub audio: bool,
    /// The number of its frame, counted per kind.
    pub frame: u32,
    /// The RTP packet.
    pub rtp: Bytes,
}

/// When a source is on: from each first instant up to, and without, each second.
pub type Schedule = Vec<(Time, Time)>;

/// Video and audio of one sender, in step: both start, pause and end together.
#[derive(Clone, Debug)]
pub struct Source {
    schedule: Schedule,
    video: Encoder,
    audio_at: Time,
    /// Which interval of the schedule the last capture was in.
    interval: usize,
    frames: [u32; 2],
    sequences: [u16; 2],
    packets: u32,
}

impl Source {
    /// A source of this schedule. `label` names its draws.
    pub fn new(model: Model, video: Video, seed: u64, label: &str, schedule: Schedule) -> Self {
        let start = schedule.first().map_or(Time::MAX, |on| on.0);
        Self {
            video: Encoder::new(model, video, seed, label, start),
            schedule,
            audio_at: start,
            interval: 0,
            frames: [0; 2],
            sequences: [0; 2],
            packets: 0,
        }
    }

    /// Asks for a rate of video, RTP headers included, in bits a second.
    pub fn ask(&mut self, rate: u64) {
        let coded = (MAX_RTP - RTP) as u64;
        self.video.ask(rate / MAX_RTP as u64 * coded);
    }

    /// When something is captured next; none once the last interval is over.
    pub fn next_at(&self) -> Option<Time> {
        self.on_at(self.video.next_at().min(self.audio_at))
    }

    /// `at` if the source is on then, else when it is on next.
    fn on_at(&self, at: Time) -> Option<Time> {
        let on = self.schedule.iter().find(|(_, until)| at < *until)?;
        Some(at.max(on.0))
    }

    /// Captures what is due at `now` into `out`.
    pub fn capture(&mut self, now: Time, out: &mut Vec<Captured>) {
        let within = |on: &(Time, Time)| (on.0..on.1).contains(&now);
        let Some(interval) = self.schedule.iter().position(within) else {
            return;
        };
        if std::mem::replace(&mut self.interval, interval) != interval {
            // After a pause the picture begins anew.
            self.video.burst();
        }
        while self.audio_at <= now {
            let due = self.on_at(self.audio_at);
            self.audio_at = due.unwrap_or(now).after(AUDIO_INTERVAL);
            if due.is_some_and(|due| due <= now) {
                self.cut(now, true, AUDIO_BYTES, out);
            }
        }
        if self.video.next_at() <= now {
            let frame = self.video.make(now);
            self.cut(now, false, frame.bytes as usize, out);
        }
    }

    fn cut(&mut self, now: Time, audio: bool, bytes: usize, out: &mut Vec<Captured>) {
        let kind = usize::from(audio);
        let frame = self.frames[kind];
        self.frames[kind] += 1;
        let mut left = bytes;
        while left > 0 {
            let size = left.min(MAX_RTP - RTP);
            left -= size;
            let mut rtp = BytesMut::zeroed(RTP + size.max(NUMBER));
            {
                let mut head = &mut rtp[..];
                head.put_u8(0x80);
                let marker = u8::from(left == 0) << 7;
                head.put_u8(marker | if audio { 97 } else { 96 });
                head.put_u16(self.sequences[kind]);
                head.put_u32((now.as_micros() * 9 / 100) as u32);
                head.put_u32(0x100 + kind as u32);
                head.put_u32(self.packets);
            }
            self.sequences[kind] = self.sequences[kind].wrapping_add(1);
            self.packets += 1;
            out.push(Captured {
                audio,
                frame,
                rtp: rtp.freeze(),
            });
        }
    }
}

/// The number of a packet that a [`Source`] made, counted from 0 over audio and video.
pub fn packet_number(rtp: &[u8]) -> Option<u32> {
    let number = rtp.get(RTP..RTP + NUMBER)?;
    Some(u32::from_be_bytes(number.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(schedule: Schedule, until: Time) -> Vec<(Time, Captured)> {
        let mut source = Source::new(Model::default(), Video::Statistical, 1, "test", schedule);
        source.ask(1_000_000);
        let (mut all, mut out) = (Vec::new(), Vec::new());
        while let Some(at) = source.next_at().filter(|at| *at < until) {
            source.capture(at, &mut out);
            assert!(source.next_at().is_none_or(|next| next > at));
            all.extend(out.drain(..).map(|captured| (at, captured)));
        }
        all
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn audio_is_constant_and_video_has_the_rate_asked_for_headers_included() {
        let all = run(vec![(at(0), at(60_000))], Time::MAX);
        let bits = |audio: bool| {
            let of_kind = all.iter().filter(|(_, packet)| packet.audio == audio);
            of_kind
                .map(|(_, packet)| packet.rtp.len() * 8)
                .sum::<usize>()
                / 60
        };
        assert_eq!(bits(true) as u64, AUDIO_RATE);
        assert!(
            (970_000..1_020_000).contains(&bits(false)),
            "{}",
            bits(false)
        );
        assert!(all.iter().all(|(_, packet)| packet.rtp.len() <= MAX_RTP));
        for (index, (_, packet)) in all.iter().enumerate() {
            assert_eq!(packet_number(&packet.rtp), Some(index as u32));
        }
    }

    #[test]
    fn nothing_is_captured_in_a_pause_and_a_burst_follows_it() {
        let all = run(
            vec![(at(500), at(2_000)), (at(4_000), at(6_000))],
            Time::MAX,
        );
        assert_eq!(all[0].0, at(500), "both begin at once");
        let paused = |(time, _): &&(Time, Captured)| (at(2_000)..at(4_000)).contains(time);
        assert_eq!(all.iter().filter(paused).count(), 0);
        let resumed: Vec<_> = all.iter().filter(|(time, _)| *time >= at(4_000)).collect();
        assert_eq!(resumed[0].0, at(4_000));
        let first = resumed.iter().find(|(_, packet)| !packet.audio);
        let frame = first.expect("video").1.frame;
        let bytes: usize = resumed
            .iter()
            .filter(|(_, packet)| !packet.audio && packet.frame == frame)
            .map(|(_, packet)| packet.rtp.len())
            .sum();
        assert!(bytes > 12_000, "{bytes}");
    }
}
