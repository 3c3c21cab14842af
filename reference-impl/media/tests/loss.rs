//! What the network does to a stream: losses, late packets, garbage.

#![cfg(feature = "gstreamer")]

mod common;

use common::{Dice, encode, encode_audio, picture};
use duet_media::{
    AudioConfig, AudioReceiver, VideoConfig, VideoReceiver, VideoSender, carries_idr, measure,
    pattern,
};

#[test]
fn five_percent_loss_costs_pictures_and_not_the_decoder() {
    let config = VideoConfig::default();
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let mut dice = Dice(7);
    let (mut complete, mut shown, mut read) = (0, 0, 0);
    for (number, packets) in encode(&config, 300).iter().enumerate() {
        let mut whole = true;
        for packet in packets {
            if number > 0 && dice.percent(5) {
                whole = false;
                continue;
            }
            for frame in receiver.push(packet).expect("no failure") {
                assert_eq!(
                    frame.rtp_timestamp,
                    config.rtp_timestamp(number as u64),
                    "pictures keep their time"
                );
                shown += 1;
                // Damage may hide a number; it must not make a wrong one.
                if let Some(seen) = pattern::read_number(&frame.i420, 640, 360) {
                    assert_eq!(seen, number as u16);
                    read += 1;
                }
            }
        }
        complete += usize::from(whole);
    }
    assert!(
        (200..300).contains(&complete),
        "the loss pattern hit {} pictures",
        300 - complete
    );
    assert!(
        shown * 10 >= complete * 7,
        "{shown} of {complete} complete pictures came out"
    );
    assert!(read > 0);
    assert!(receiver.needs_keyframe());
}

#[test]
fn intact_pictures_are_what_the_encoder_meant_at_five_percent_loss() {
    let config = VideoConfig::default();
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let mut dice = Dice(19);
    let (mut intact, mut damaged) = (0, 0);
    for number in 0..300 {
        if receiver.needs_keyframe() && number % 10 == 0 {
            sender.request_keyframe();
        }
        let source = picture(&config, number, 0);
        for packet in sender.push(&source).expect("packets") {
            if dice.percent(5) {
                continue;
            }
            for frame in receiver.push(&packet).expect("no failure") {
                if frame.intact {
                    assert_eq!(
                        pattern::read_number(&frame.i420, 640, 360),
                        Some(number as u16)
                    );
                    let quality = measure::psnr_y(&source.i420, &frame.i420, 640, 360);
                    assert!(quality > 30.0, "{quality:.1} dB in picture {number}");
                    intact += 1;
                } else {
                    damaged += 1;
                }
            }
        }
    }
    assert!(
        intact > 60 && damaged > 30,
        "{intact} intact, {damaged} damaged"
    );
}

#[test]
fn a_lost_picture_costs_itself_and_at_the_wrap_of_frame_num_the_next_ones() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let stream = encode(&config, 64);
    for lost in 1..40 {
        let mut receiver = VideoReceiver::new(&config).expect("a decoder");
        let silent: Vec<usize> = (0..64)
            .filter(|number| {
                *number == lost
                    || stream[*number]
                        .iter()
                        .flat_map(|packet| receiver.push(packet).expect("no failure"))
                        .count()
                        == 0
            })
            .collect();
        let wrap = lost % 16 == 0;
        let expected: Vec<usize> = (lost..=if wrap { lost + 14 } else { lost }).collect();
        assert_eq!(silent, expected, "picture {lost} is lost");
    }
}

#[test]
fn a_keyframe_on_demand_makes_the_picture_whole_again() {
    let config = VideoConfig::default();
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    for number in 0..60 {
        let source = picture(&config, number, 0);
        if number == 35 {
            assert!(receiver.needs_keyframe(), "a gap since the last IDR");
            sender.request_keyframe();
        }
        let packets = sender.push(&source).expect("packets");
        let lost = if number == 30 {
            Some(packets.len() - 1)
        } else {
            None
        };
        let frames: Vec<_> = packets
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != lost)
            .flat_map(|(_, packet)| receiver.push(packet).expect("no failure"))
            .collect();
        if number == 30 {
            assert!(frames.is_empty(), "an incomplete picture is not decoded");
            assert!(
                !receiver.needs_keyframe(),
                "the gap shows with the packet behind it"
            );
            continue;
        }
        assert_eq!(
            frames.iter().any(|frame| frame.intact),
            !(31..35).contains(&number),
            "picture {number}"
        );
        if number >= 35 {
            assert!(!receiver.needs_keyframe());
            assert!(
                measure::psnr_y(&source.i420, &frames[0].i420, 640, 360) > 30.0,
                "picture {number}"
            );
        }
    }
}

#[test]
fn a_stream_joined_in_the_middle_shows_nothing_before_its_first_idr() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let stream = encode(&config, 320);
    let first = stream.iter().skip(10).position(|packets| {
        packets
            .iter()
            .flat_map(|packet| receiver.push(packet).expect("no failure"))
            .count()
            > 0
    });
    assert_eq!(first, Some(290));
}

#[test]
fn repeated_and_late_packets_change_nothing() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let stream: Vec<_> = encode(&config, 40).concat();
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let mut shown = Vec::new();
    for (index, packet) in stream.iter().enumerate() {
        for packet in [packet, packet, &stream[index.saturating_sub(10)]] {
            shown.extend(
                receiver
                    .push(packet)
                    .expect("no failure")
                    .iter()
                    .map(|frame| frame.rtp_timestamp / 3_000),
            );
        }
    }
    assert_eq!(shown, (0..40).collect::<Vec<_>>());
    assert!(!receiver.needs_keyframe());
}

#[test]
fn garbage_between_packets_is_passed_over() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let mut dice = Dice(11);
    let mut shown = 0;
    for packets in encode(&config, 60) {
        for packet in packets {
            let length = dice.next() % 64;
            let noise: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
            assert_eq!(receiver.push(&noise).expect("no failure"), []);
            shown += receiver.push(&packet).expect("no failure").len();
        }
    }
    assert_eq!(shown, 60);
}

#[test]
fn garbage_in_valid_packets_ends_with_the_next_idr() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let mut sender = VideoSender::new(&config).expect("an encoder");
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let mut dice = Dice(13);
    let mut last = None;
    for number in 0..400 {
        // Storms of damage that leave headers whole, also on IDR pictures, then a quiet time that starts with an IDR picture.
        let storm = number % 100 < 80;
        if number % 10 == 0 {
            sender.request_keyframe();
        }
        for packet in sender.push(&picture(&config, number, 0)).expect("packets") {
            let mut packet = packet.to_vec();
            if storm && dice.percent(60) {
                let keep = 12 + (dice.next() % 8) as usize;
                let style = dice.next() % 3;
                for byte in packet.iter_mut().skip(keep) {
                    match style {
                        0 => *byte = dice.next() as u8,
                        1 => *byte ^= if dice.percent(3) { 0x10 } else { 0 },
                        _ => *byte = 0xff,
                    }
                }
            }
            for frame in receiver.push(&packet).expect("no failure") {
                last = pattern::read_number(&frame.i420, frame.width, frame.height);
            }
        }
        if !storm && number % 100 >= 81 {
            assert_eq!(
                last,
                Some(number as u16),
                "the quiet time shows every picture"
            );
        }
    }
}

#[test]
fn sequence_numbers_may_wrap() {
    let config = VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    };
    let mut receiver = VideoReceiver::new(&config).expect("a decoder");
    let mut shown = 0;
    for packet in encode(&config, 60).concat() {
        let mut packet = packet.to_vec();
        let sequence = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(65_500);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]])
            .wrapping_add(u32::MAX - 90_000);
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        shown += receiver.push(&packet).expect("no failure").len();
    }
    assert_eq!(shown, 60);
    assert!(!receiver.needs_keyframe());
}

#[test]
fn audio_goes_on_through_loss_and_garbage() {
    let config = AudioConfig::default();
    let (packets, specific) = encode_audio(&config, 200);
    let mut receiver = AudioReceiver::new(&config, &specific).expect("a decoder");
    let mut dice = Dice(17);
    let (mut whole, mut heard) = (0, 0);
    for packet in &packets {
        let mut packet = packet.to_vec();
        if dice.percent(5) {
            continue;
        }
        let damaged = dice.percent(10);
        if damaged {
            for byte in packet.iter_mut().skip(16) {
                *byte = dice.next() as u8;
            }
        }
        let sounds = receiver.push(&packet).expect("no failure");
        for sound in &sounds {
            assert_eq!(sound.rtp_timestamp, common::header(&packet).1);
        }
        if !damaged {
            whole += 1;
            heard += sounds
                .iter()
                .filter(|sound| sound.samples.len() == 1_024)
                .count();
        }
        receiver
            .push(&packet[..packet.len() / 2])
            .expect("a cut packet is no failure");
    }
    assert!(whole < 190, "the damage hit something");
    assert_eq!(heard, whole, "each undamaged packet is heard");
}

#[test]
fn idr_detection_looks_into_fragments() {
    let packets = encode(&VideoConfig::default(), 2);
    assert!(packets[0].len() > 3, "the first picture is fragmented");
    assert!(
        packets[0]
            .iter()
            .filter(|packet| carries_idr(packet))
            .count()
            >= 3
    );
    assert!(packets[1].iter().all(|packet| !carries_idr(packet)));
}
