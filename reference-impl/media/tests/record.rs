//! Recordings: both tracks, their length, and what happens to losses and to a full disk.

#![cfg(feature = "gstreamer")]

mod common;

use std::path::Path;

use bytes::Bytes;
use common::{Scratch, encode, encode_audio};
use duet_media::{AudioConfig, MediaError, Mp4Recorder, VideoConfig};
use gstreamer as gst;
use gstreamer::prelude::*;

fn small() -> VideoConfig {
    VideoConfig {
        width: 160,
        height: 96,
        ..VideoConfig::default()
    }
}

/// Buffers and their times after decoding one medium of a file, by a pipeline that shares nothing with the recorder.
fn decoded(path: &Path, chain: &str) -> Vec<(u64, usize)> {
    gst::init().expect("GStreamer");
    let description = format!(
        "filesrc location={} ! decodebin ! {chain} ! appsink name=sink sync=false",
        path.display()
    );
    let pipeline = gst::parse::launch(&description)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let sink = pipeline
        .by_name("sink")
        .expect("a sink")
        .downcast::<gstreamer_app::AppSink>()
        .expect("a sink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let mut buffers = Vec::new();
    // A file that does not play ends in a shorter list, not in a wait.
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(10)) {
        let buffer = sample.buffer().expect("a buffer");
        buffers.push((
            buffer.pts().map_or(0, gst::ClockTime::mseconds),
            buffer.size(),
        ));
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    buffers
}

/// Feeds both media in the order in which a call would bring them.
fn feed(recorder: &mut Mp4Recorder, video: &[Vec<Bytes>], audio: &[Bytes]) {
    let mut audio = audio.iter().enumerate().peekable();
    for (number, packets) in video.iter().enumerate() {
        for packet in packets {
            recorder.video(packet).expect("written");
        }
        while let Some((_, packet)) =
            audio.next_if(|(block, _)| block * 1_024 * 30 <= number * 48_000)
        {
            recorder.audio(packet).expect("written");
        }
    }
    for (_, packet) in audio {
        recorder.audio(packet).expect("written");
    }
}

#[test]
fn both_tracks_are_there_with_every_frame_and_the_right_length() {
    let (video, audio) = (small(), AudioConfig::default());
    let file = Scratch::new("both.mp4");
    let (sound, specific) = encode_audio(&audio, 142);
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    feed(&mut recorder, &encode(&video, 90), &sound);
    let recording = recorder.finish().expect("a file");
    assert_eq!((recording.video_frames, recording.audio_units), (90, 141));
    assert_eq!(recording.duration.as_millis(), 3_008);

    let pictures = decoded(file.path(), "video/x-raw");
    assert_eq!(pictures.len(), 90);
    assert_eq!((pictures[0].0, pictures[89].0), (0, 2_966));
    let samples: usize = decoded(
        file.path(),
        "audio/x-raw ! audioconvert ! audio/x-raw,format=S16LE",
    )
    .iter()
    .map(|(_, size)| size / 2)
    .sum();
    assert!(
        (140 * 1_024..=141 * 1_024).contains(&samples),
        "{samples} samples"
    );
}

#[test]
fn recording_starts_with_an_idr_and_leaves_incomplete_pictures_out() {
    let (video, audio) = (small(), AudioConfig::default());
    let file = Scratch::new("loss.mp4");
    let (sound, specific) = encode_audio(&audio, 700);
    let mut stream = encode(&video, 400);
    stream[310].pop();
    stream[320].remove(0);
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    // The recorder joins after 10 pictures: the next IDR is number 300.
    feed(&mut recorder, &stream[10..], &sound);
    let recording = recorder.finish().expect("a file");
    assert_eq!(recording.video_frames, 98);
    // Sound from 10 s on; block 469 is the first that begins there.
    assert_eq!(recording.audio_units, 699 - 469);
    let times: Vec<u64> = decoded(file.path(), "video/x-raw")
        .iter()
        .map(|(time, _)| *time)
        .collect();
    assert_eq!((times.len(), times[0]), (98, 0));
    let steps: Vec<u64> = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|step| *step > 40)
        .collect();
    assert!(
        matches!(steps[..], [66 | 67, 66 | 67]),
        "the two pictures that are missing keep their place: {steps:?}"
    );
}

#[test]
fn a_track_that_stays_silent_does_not_stop_the_other() {
    let (video, audio) = (small(), AudioConfig::default());
    let (sound, specific) = encode_audio(&audio, 200);

    let file = Scratch::new("no-sound.mp4");
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    feed(&mut recorder, &encode(&video, 120), &[]);
    let recording = recorder.finish().expect("a file");
    assert_eq!((recording.video_frames, recording.audio_units), (120, 0));
    assert_eq!(decoded(file.path(), "video/x-raw").len(), 120);

    let file = Scratch::new("no-picture.mp4");
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    feed(&mut recorder, &[], &sound);
    let recording = recorder.finish().expect("a file");
    assert_eq!((recording.video_frames, recording.audio_units), (0, 199));
    assert!(decoded(file.path(), "audio/x-raw").len() >= 198);
}

#[test]
fn sound_that_pauses_stays_in_step() {
    let (video, audio) = (small(), AudioConfig::default());
    let file = Scratch::new("pause.mp4");
    let (mut sound, specific) = encode_audio(&audio, 281);
    // Two to four seconds are muted.
    sound.drain(94..188);
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    let mut sound = sound.iter().peekable();
    for (number, packets) in encode(&video, 180).iter().enumerate() {
        packets
            .iter()
            .for_each(|packet| recorder.video(packet).expect("written"));
        while let Some(packet) =
            sound.next_if(|packet| common::header(packet).1 as usize * 30 <= number * 48_000)
        {
            recorder.audio(packet).expect("written");
        }
    }
    assert_eq!(
        recorder.finish().expect("a file").duration.as_millis(),
        6_000
    );
    let last = decoded(file.path(), "audio/x-raw")
        .last()
        .map_or(0, |(time, _)| *time);
    assert!(
        (5_900..6_050).contains(&last),
        "the last sound is at {last} ms"
    );
}

#[test]
fn an_aligned_recording_shifts_the_clocks() {
    let (video, audio) = (small(), AudioConfig::default());
    let file = Scratch::new("align.mp4");
    let (sound, specific) = encode_audio(&audio, 100);
    let mut recorder =
        Mp4Recorder::new(file.path(), &video, &audio, &specific).expect("a recorder");
    // Audio timestamp 20,480 belongs to the first picture: twenty blocks lie before the start.
    recorder.align(0, 20_480);
    feed(&mut recorder, &encode(&video, 60), &sound);
    assert_eq!(recorder.finish().expect("a file").audio_units, 79);
}

#[test]
fn a_full_disk_and_a_missing_folder_are_named() {
    let (video, audio) = (small(), AudioConfig::default());
    let missing = Mp4Recorder::new("/no-such-folder/call.mp4", &video, &audio, &[0x11, 0x88]);
    let error = missing.expect_err("no folder");
    assert!(
        matches!(&error, MediaError::File { path, .. } if path == Path::new("/no-such-folder/call.mp4")),
        "{error}"
    );

    // A device that has no space left for anything.
    let full = Path::new("/dev/full");
    let (sound, specific) = encode_audio(&audio, 100);
    let mut recorder = Mp4Recorder::new(full, &video, &audio, &specific).expect("a recorder");
    let mut outcome = Ok(());
    for packet in encode(&video, 60).concat() {
        outcome = outcome.and_then(|()| recorder.video(&packet));
    }
    for packet in &sound {
        outcome = outcome.and_then(|()| recorder.audio(packet));
    }
    let error = outcome
        .and_then(|()| recorder.finish().map(drop))
        .expect_err("no space");
    assert!(
        matches!(&error, MediaError::DiskFull { path } if path == full),
        "{error}"
    );
    assert!(
        error.to_string().contains("/dev/full") && error.to_string().contains("full"),
        "{error}"
    );
}
