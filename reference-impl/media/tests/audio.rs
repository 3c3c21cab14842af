//! AAC in lock-step: packets, timestamps, and the sound that comes back.

#![cfg(feature = "gstreamer")]

mod common;

use common::{encode_audio, header};
use duet_media::{
    AAC_DELAY, AudioBlock, AudioConfig, AudioReceiver, AudioSender, MAX_RTP_PACKET, MediaError,
    pattern,
};

fn sine(number: u64, frequency: f64) -> AudioBlock {
    let samples = (0..1_024u64)
        .map(|offset| {
            let t = (number * 1_024 + offset) as f64 / 48_000.0;
            ((std::f64::consts::TAU * frequency * t).sin() * 8_000.0) as i16
        })
        .collect();
    AudioBlock { number, samples }
}

/// Share of the power of `samples` that lies at `frequency` (Goertzel), 0 to 1; independent of phase, hence of delay.
fn share(samples: &[i16], frequency: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency / 48_000.0;
    let coefficient = 2.0 * step.cos();
    let (mut s1, mut s2, mut total) = (0.0, 0.0, 0.0);
    for sample in samples {
        let value = f64::from(*sample);
        total += value * value;
        (s1, s2) = (value + coefficient * s1 - s2, s1);
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    2.0 * power / (total * samples.len() as f64)
}

#[test]
fn a_tone_comes_back() {
    let config = AudioConfig::default();
    let mut sender = AudioSender::new(&config).expect("an encoder");
    let mut receiver = AudioReceiver::new(&config, &sender.config()).expect("a decoder");
    let mut heard = Vec::new();
    for number in 0..100 {
        for packet in sender.push(&sine(number, 440.0)).expect("packets") {
            let sounds = receiver.push(&packet).expect("no failure");
            assert_eq!(sounds.len(), 1, "each packet is heard in its own step");
            heard.extend(sounds.into_iter().flat_map(|sound| sound.samples));
        }
    }
    assert_eq!(heard.len(), 99 * 1_024);
    // A whole number of periods, away from the start.
    let middle = &heard[4_800..52_800];
    assert!(share(middle, 440.0) > 0.95, "{}", share(middle, 440.0));
    assert!(share(middle, 880.0) < 0.01);
    let peak = middle
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0);
    assert!((7_000..9_500).contains(&peak), "the level is kept: {peak}");
}

#[test]
fn the_first_push_gives_nothing_and_the_timestamps_are_right_all_the_same() {
    let config = AudioConfig::default();
    let mut sender = AudioSender::new(&config).expect("an encoder");
    for number in 0..200u64 {
        let packets = sender.push(&sine(number, 440.0)).expect("packets");
        let expected: Vec<_> = number
            .checked_sub(1)
            .map(|n| (n as u16, n as u32 * 1_024, true))
            .into_iter()
            .collect();
        assert_eq!(
            packets
                .iter()
                .map(|packet| header(packet))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(packets.iter().all(|packet| packet.len() <= MAX_RTP_PACKET));
    }
}

#[test]
fn a_skip_in_the_numbers_is_a_skip_in_the_timestamps() {
    let mut sender = AudioSender::new(&AudioConfig::default()).expect("an encoder");
    let stamps: Vec<u32> = [0, 1, 2, 100, 101, 5_000_000]
        .into_iter()
        .flat_map(|number| sender.push(&sine(number, 440.0)).expect("packets"))
        .map(|packet| header(&packet).1)
        .collect();
    assert_eq!(stamps, [0, 1_024, 2_048, 102_400, 103_424]);
}

#[test]
fn decoded_sound_lies_one_block_behind_its_timestamp() {
    let config = AudioConfig::default();
    let (packets, specific) = encode_audio(&config, 60);
    let mut receiver = AudioReceiver::new(&config, &specific).expect("a decoder");
    let heard: Vec<f64> = packets
        .iter()
        .flat_map(|packet| receiver.push(packet).expect("no failure"))
        .flat_map(|sound| sound.samples)
        .map(f64::from)
        .collect();
    let source: Vec<f64> = (0..60)
        .flat_map(|number| pattern::tone(number, 0))
        .map(f64::from)
        .collect();
    // The chirp at 24,000 is unlike everything near it.
    let chirp = &source[24_000..24_960];
    let best = (0..4_096usize)
        .max_by(|a, b| {
            let match_at = |delay: usize| {
                chirp
                    .iter()
                    .zip(&heard[24_000 + delay..])
                    .map(|(x, y)| x * y)
                    .sum::<f64>()
            };
            match_at(*a).total_cmp(&match_at(*b))
        })
        .expect("some delay");
    assert_eq!(best, AAC_DELAY as usize);
}

#[test]
fn the_specific_config_says_aac_lc_48_khz_mono() {
    let config = AudioConfig::default();
    let sender = AudioSender::new(&config).expect("an encoder");
    let specific = sender.config();
    // ISO 14496-3 §1.6.2.1: five bits object type, four frequency index, four channels.
    assert_eq!(
        (
            specific[0] >> 3,
            (specific[0] & 7) << 1 | specific[1] >> 7,
            specific[1] >> 3 & 15
        ),
        (2, 3, 1)
    );
}

#[test]
fn the_bit_rate_is_near_its_goal_and_its_cap_keeps_packets_small() {
    for (goal, low, high) in [(64_000, 50_000, 75_000), (160_000, 100_000, 185_000)] {
        let (packets, _) = encode_audio(
            &AudioConfig {
                bitrate: goal,
                ..AudioConfig::default()
            },
            235,
        );
        let bits: usize = packets.iter().map(|packet| (packet.len() - 16) * 8).sum();
        let rate = bits as f64 * 48_000.0 / 1_024.0 / packets.len() as f64;
        assert!(
            (f64::from(low)..f64::from(high)).contains(&rate),
            "{rate:.0} for {goal}"
        );
        assert!(packets.iter().all(|packet| packet.len() <= MAX_RTP_PACKET));
    }
}

#[test]
fn wrong_input_is_refused() {
    let config = AudioConfig::default();
    let mut sender = AudioSender::new(&config).expect("an encoder");
    let short = AudioBlock {
        number: 0,
        samples: vec![0; 1_000],
    };
    assert!(matches!(sender.push(&short), Err(MediaError::Input(_))));
    sender.push(&sine(3, 440.0)).expect("packets");
    assert!(matches!(
        sender.push(&sine(3, 440.0)),
        Err(MediaError::Input(_))
    ));
    assert!(matches!(
        AudioReceiver::new(&config, &[]),
        Err(MediaError::Config(_))
    ));
}
