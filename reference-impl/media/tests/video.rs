//! H.264 in lock-step: what one push gives, and what comes back.

#![cfg(feature = "gstreamer")]

mod common;

use common::{encode, header, picture};
use duet_media::{
    MediaError, VideoConfig, VideoReceiver, VideoSender, carries_idr, measure, pattern,
};

#[test]
fn each_picture_is_decoded_in_its_own_step() {
    let config = VideoConfig::default();
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    assert!(receiver.needs_keyframe());
    let mut worst = f64::INFINITY;
    for number in 0..150 {
        let source = picture(&config, number, 0);
        let packets = sender.push(&source).expect("packets");
        let mut frames = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            assert!(
                frames.is_empty(),
                "picture {number} came before its last packet, {index}"
            );
            frames.extend(receiver.push(packet).expect("no failure"));
        }
        let [frame] = frames.as_slice() else {
            panic!("picture {number}: {} came out", frames.len())
        };
        assert_eq!(frame.rtp_timestamp, config.rtp_timestamp(number));
        assert_eq!(
            (frame.width, frame.height, frame.i420.len()),
            (640, 360, config.picture_bytes())
        );
        assert!(frame.intact && !receiver.needs_keyframe());
        assert_eq!(
            pattern::read_number(&frame.i420, 640, 360),
            Some(number as u16)
        );
        worst = worst.min(measure::psnr_y(&source.i420, &frame.i420, 640, 360));
    }
    assert!(worst > 30.0, "the worst picture has {worst:.1} dB");
}

#[test]
fn packets_have_the_size_the_order_and_the_clock_of_the_configuration() {
    let config = VideoConfig {
        max_packet: 700,
        payload_type: 102,
        ssrc: 0xdead_beef,
        ..VideoConfig::default()
    };
    let mut expected = 0u16;
    for (number, packets) in encode(&config, 60).iter().enumerate() {
        assert!(!packets.is_empty());
        for (index, packet) in packets.iter().enumerate() {
            let (sequence, timestamp, marker) = header(packet);
            assert!(packet.len() <= 700, "{} bytes", packet.len());
            assert_eq!(sequence, expected);
            assert_eq!(timestamp, number as u32 * 3_000);
            assert_eq!(marker, index + 1 == packets.len());
            assert_eq!(
                (packet[1] & 0x7f, &packet[8..12]),
                (102, &[0xde, 0xad, 0xbe, 0xef][..])
            );
            expected = expected.wrapping_add(1);
        }
    }
}

#[test]
fn timestamps_are_right_for_rates_that_do_not_divide_the_clock_and_after_a_skip() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        fps: 7,
        ..VideoConfig::default()
    };
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    // The last one is past the wrap of the 32-bit clock.
    for number in [0, 1, 2, 3, 10, 11, 1_000, 1_001, 334_051, 334_052, 334_100] {
        let mut seen = Vec::new();
        for packet in sender.push(&picture(&config, number, 0)).expect("packets") {
            assert_eq!(
                header(&packet).1,
                config.rtp_timestamp(number),
                "picture {number}"
            );
            seen.extend(receiver.push(&packet).expect("no failure"));
        }
        assert_eq!(
            seen.iter()
                .map(|frame| frame.rtp_timestamp)
                .collect::<Vec<_>>(),
            [config.rtp_timestamp(number)]
        );
        assert_eq!(
            pattern::read_number(&seen[0].i420, 160, 96),
            Some(number as u16)
        );
    }
}

#[test]
fn an_idr_comes_first_on_request_and_every_ten_seconds() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut keys = Vec::new();
    for number in 0..400 {
        if number == 40 {
            sender.request_keyframe();
        }
        let packets = sender.push(&picture(&config, number, 0)).expect("packets");
        if packets.iter().any(|packet| carries_idr(packet)) {
            keys.push(number);
            // A decoder that has seen nothing else can start here: the parameter sets are in band.
            let mut receiver = VideoReceiver::new(&config).expect("a decoder");
            let frames: Vec<_> = packets
                .iter()
                .flat_map(|packet| receiver.push(packet).expect("no failure"))
                .collect();
            assert_eq!(frames.len(), 1, "picture {number}");
            assert_eq!(
                pattern::read_number(&frames[0].i420, 160, 96),
                Some(number as u16)
            );
        }
    }
    assert_eq!(keys, [0, 40, 340]);
}

#[test]
fn bitrate_follows_its_goal() {
    let config = VideoConfig::default();
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut number = 0;
    for goal in [800_000u32, 300_000, 1_200_000] {
        sender.set_bitrate(goal);
        let mut bytes = 0;
        // One second to settle, five to measure.
        for step in 0..180 {
            let packets = sender.push(&picture(&config, number, 0)).expect("packets");
            if step >= 30 {
                bytes += packets.iter().map(|packet| packet.len()).sum::<usize>();
            }
            number += 1;
        }
        let rate = bytes as f64 * 8.0 / 5.0;
        assert!(
            (rate / f64::from(goal) - 1.0).abs() < 0.15,
            "{rate:.0} bit/s for {goal}"
        );
    }
}

#[test]
fn wrong_input_is_refused_and_changes_nothing() {
    let config = VideoConfig::default();
    assert!(matches!(
        VideoSender::new(&VideoConfig {
            max_packet: 2_000,
            ..config.clone()
        }),
        Err(MediaError::Config(_))
    ));
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut short = picture(&config, 0, 0);
    short.i420.truncate(100);
    assert!(matches!(sender.push(&short), Err(MediaError::Input(_))));
    sender.push(&picture(&config, 5, 0)).expect("packets");
    assert!(matches!(
        sender.push(&picture(&config, 5, 0)),
        Err(MediaError::Input(_))
    ));
    let packets = sender.push(&picture(&config, 6, 0)).expect("packets");
    assert_eq!(header(&packets[0]).1, config.rtp_timestamp(6));
}

#[test]
fn both_ends_can_move_to_a_worker_thread() {
    fn sendable<T: Send + 'static>(_: &T) {}
    let config = VideoConfig::default();
    sendable(&VideoSender::new(&config).expect("an encoder"));
    sendable(&VideoReceiver::new(&config).expect("a decoder"));
}
