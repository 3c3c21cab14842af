//! Records the sizes of coded pictures for the trace mode of RFC 8593: `duet simulate rfc8867 --video trace`.
//!
//! ```text
//! cargo run -p duet-media --example frame_sizes > sim/scenarios/rfc8867/x264.txt
//! ```
//!
//! The encoder has the settings of every call; the content is the test picture. Each line is a goal in bit/s, a colon, and
//! the bytes of each picture, without RTP headers, from the first IDR picture on.

use duet_media::{Source, VideoConfig, VideoSender};

/// Goals in bit/s: a quarter apart, over the range of RFC 8867 §4.3.
const GOALS: [u32; 11] = [
    150_000, 190_000, 240_000, 300_000, 380_000, 480_000, 600_000, 750_000, 950_000, 1_200_000,
    1_500_000,
];

/// Pictures each, at 30 a second: twice the distance of IDR pictures.
const PICTURES: u64 = 600;

/// Bytes of an RTP header.
const RTP: usize = 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "# Bytes of each picture of 640 × 360 at 30 a second by x264 as in a call, for each goal in bit/s."
    );
    println!("# Made by: cargo run -p duet-media --example frame_sizes");
    for bitrate in GOALS {
        let config = VideoConfig {
            bitrate,
            ..VideoConfig::default()
        };
        let mut source = Source::pattern(&config, 0);
        let mut sender = VideoSender::new(&config)?;
        let mut line = format!("{bitrate}:");
        for number in 0..PICTURES {
            let packets = sender.push(&source.frame(number)?)?;
            let bytes: usize = packets
                .iter()
                .map(|packet| packet.len().saturating_sub(RTP))
                .sum();
            line += &format!(" {bytes}");
        }
        println!("{line}");
    }
    Ok(())
}
