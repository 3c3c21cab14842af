//! Pictures and sound from a file and from the pattern.

#![cfg(feature = "gstreamer")]

mod common;

use common::{Scratch, encode, encode_audio};
use duet_media::{AudioConfig, MediaError, Mp4Recorder, Source, VideoConfig, pattern, still};

/// File of 60 numbered pictures and two seconds of the test tone, as asked for.
fn file(name: &str, with_video: bool, with_audio: bool) -> Scratch {
    let (video, audio) = (VideoConfig::default(), AudioConfig::default());
    let file = Scratch::new(name);
    let (sound, specific) = encode_audio(&audio, 95);
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    if with_video {
        encode(&video, 60)
            .concat()
            .iter()
            .for_each(|packet| recorder.video(packet).expect("written"));
    }
    if with_audio {
        sound
            .iter()
            .for_each(|packet| recorder.audio(packet).expect("written"));
    }
    recorder.finish().expect("a file");
    file
}

fn number(source: &mut Source, at: u64) -> Option<u16> {
    let frame = source.frame(at).expect("a picture");
    assert_eq!((frame.number, frame.i420.len()), (at, 640 * 360 * 3 / 2));
    pattern::read_number(&frame.i420, 640, 360)
}

fn level(source: &mut Source, at: u64) -> u16 {
    let block = source.block(at).expect("sound");
    assert_eq!((block.number, block.samples.len()), (at, 1_024));
    block
        .samples
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

#[test]
fn a_file_gives_its_pictures_in_order_and_starts_again() {
    let file = file("source.mp4", true, true);
    let mut source = Source::file(file.path(), 640, 360, 30).expect("a source");
    for at in 0..60 {
        assert_eq!(number(&mut source, at), Some(at as u16));
    }
    assert_eq!(number(&mut source, 59), Some(59), "the same one again");
    for at in 60..125 {
        assert_eq!(
            number(&mut source, at),
            Some((at % 60) as u16),
            "picture {at} of a repeated file"
        );
    }
    assert_eq!(number(&mut source, 190), Some(10), "a skip");
    assert_eq!(number(&mut source, 5), Some(5), "and back");
}

#[test]
fn a_file_gives_its_sound_and_starts_again() {
    let file = file("sound.mp4", true, true);
    let mut source = Source::file(file.path(), 640, 360, 30).expect("a source");
    let first: Vec<_> = (0..200)
        .map(|at| source.block(at).expect("sound").samples)
        .collect();
    let samples = first.concat();
    // The chirp of the test tone, once a half second, also in the second pass.
    let loud = |from: usize| {
        samples[from..from + 3_000]
            .iter()
            .any(|sample| sample.unsigned_abs() > 10_000)
    };
    assert!(loud(24_000) && loud(72_000) && loud(96_000 + 24_000));
    assert!(!loud(40_000) && !loud(96_000 + 40_000));
    let mut other = Source::file(file.path(), 640, 360, 30).expect("a source");
    assert_eq!(
        other.block(150).expect("sound").samples,
        first[150],
        "a skip gives the same sound"
    );
    assert_eq!(
        source.block(20).expect("sound").samples,
        first[20],
        "and so does going back"
    );
}

#[test]
fn the_rate_and_the_size_are_the_callers() {
    let file = file("rate.mp4", true, false);
    let mut source = Source::file(file.path(), 320, 184, 15).expect("a source");
    let frame = source.frame(3).expect("a picture");
    assert_eq!(frame.i420.len(), 320 * 184 * 3 / 2);
    let mut source = Source::file(file.path(), 640, 360, 15).expect("a source");
    let seen: Vec<_> = (0..8).filter_map(|at| number(&mut source, at)).collect();
    assert!(
        seen.len() == 8 && seen.windows(2).all(|pair| pair[1] == pair[0] + 2),
        "{seen:?}"
    );
}

#[test]
fn what_a_file_lacks_is_replaced() {
    let mute = file("mute.mp4", true, false);
    let mut source = Source::file(mute.path(), 640, 360, 30).expect("a source");
    assert_eq!(level(&mut source, 5), 0);
    assert_eq!(number(&mut source, 7), Some(7));

    let blind = file("blind.mp4", false, true);
    let mut source = Source::file(blind.path(), 640, 360, 30).expect("a source");
    assert_eq!(number(&mut source, 500), Some(500), "the pattern");
    assert!(level(&mut source, 5) > 1_000);
}

#[test]
fn a_still_stands() {
    let file = Scratch::new("still.jpg");
    let jpeg = still::jpeg(&pattern::frame(77, 640, 360, 0), 640, 360).expect("a picture");
    assert_eq!(
        (&jpeg[..2], &jpeg[jpeg.len() - 2..]),
        (&[0xff, 0xd8][..], &[0xff, 0xd9][..])
    );
    std::fs::write(file.path(), jpeg).expect("written");
    let mut source = Source::file(file.path(), 640, 360, 30).expect("a source");
    for at in [0, 1, 29, 30, 100] {
        assert_eq!(number(&mut source, at), Some(77), "picture {at}");
    }
}

#[test]
fn files_that_are_none_are_told_apart() {
    let missing = Source::file("/no-such-folder/film.mp4", 640, 360, 30).expect_err("no file");
    assert!(
        matches!(missing, MediaError::File { .. })
            && missing.to_string().contains("/no-such-folder/film.mp4")
    );
    for (name, content) in [
        ("empty", &b""[..]),
        ("text", b"no film, just words, and a few more of them\n"),
        ("noise", &[0x5a; 5_000]),
    ] {
        let file = Scratch::new(name);
        std::fs::write(file.path(), content).expect("written");
        let error = Source::file(file.path(), 640, 360, 30).expect_err(name);
        assert!(
            matches!(error, MediaError::Undecodable { .. }),
            "{name}: {error}"
        );
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(matches!(
        still::jpeg(&[0; 10], 640, 360),
        Err(MediaError::Input(_))
    ));
}

#[test]
fn the_pattern_has_variants() {
    let config = VideoConfig::default();
    let (mut one, mut other) = (Source::pattern(&config, 0), Source::pattern(&config, 1));
    assert_eq!(number(&mut one, 9), number(&mut other, 9));
    assert_ne!(
        one.frame(9).expect("a picture"),
        other.frame(9).expect("a picture")
    );
    assert_ne!(one.block(9).expect("sound"), other.block(9).expect("sound"));
}
