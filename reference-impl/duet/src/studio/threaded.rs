//! A studio on a thread of its own: live, encoding must not hold up the network.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use duet_protocol::client::StreamDescription;
use duet_protocol::id::StreamNumber;
use duet_protocol::time::Instant;
use tokio::sync::Notify;

use super::{Capture, Footage, Made, Studio};

/// Pictures, blocks and packets that may wait for the thread; past that, what is captured is left out.
const MAX_WAITING: usize = 512;

enum Job {
    Expect(StreamDescription),
    Capture(Instant, Capture),
    Keyframe,
    Play(Instant, StreamNumber, Bytes, u16),
    Finish,
}

/// A studio behind a queue. Whoever waits on `ready` is woken when something has been made.
pub struct Threaded {
    streams: Vec<StreamDescription>,
    jobs: SyncSender<Job>,
    made: Receiver<Made>,
    footage: Receiver<Footage>,
    thread: Option<JoinHandle<()>>,
}

impl Threaded {
    /// Moves a studio to a thread.
    pub fn new<S: Studio + Send + 'static>(mut studio: S, ready: Arc<Notify>) -> Self {
        let streams = studio.streams();
        let (jobs, todo) = sync_channel(MAX_WAITING);
        let (out, made): (Sender<Made>, _) = channel();
        let (done, footage) = channel();
        let thread = std::thread::spawn(move || {
            while let Ok(job) = todo.recv() {
                match job {
                    Job::Expect(description) => studio.expect(&description),
                    Job::Capture(now, what) => studio.capture(now, what),
                    Job::Keyframe => studio.keyframe(),
                    Job::Play(now, stream, rtp, lost) => studio.play(now, stream, rtp, lost),
                    Job::Finish => {
                        // Whoever asked may have gone; then nobody wants the footage.
                        let _ = done.send(studio.finish());
                        return;
                    }
                }
                while let Some(made) = studio.poll() {
                    if out.send(made).is_err() {
                        return;
                    }
                }
                ready.notify_one();
            }
        });
        Self {
            streams,
            jobs,
            made,
            footage,
            thread: Some(thread),
        }
    }
}

impl Studio for Threaded {
    fn streams(&self) -> Vec<StreamDescription> {
        self.streams.clone()
    }

    fn expect(&mut self, description: &StreamDescription) {
        // A thread that is gone shows itself in `finish`.
        let _ = self.jobs.send(Job::Expect(description.clone()));
    }

    fn capture(&mut self, now: Instant, what: Capture) {
        // An encoder that cannot keep up misses a picture, as a camera's would.
        let _ = self.jobs.try_send(Job::Capture(now, what));
    }

    fn keyframe(&mut self) {
        let _ = self.jobs.try_send(Job::Keyframe);
    }

    fn play(&mut self, now: Instant, stream: StreamNumber, rtp: Bytes, lost_before: u16) {
        let _ = self.jobs.try_send(Job::Play(now, stream, rtp, lost_before));
    }

    fn poll(&mut self) -> Option<Made> {
        self.made.try_recv().ok()
    }

    fn finish(&mut self) -> Footage {
        let _ = self.jobs.send(Job::Finish);
        let footage = self.footage.recv();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            let failure = Some("the media thread broke down".to_owned());
            return Footage {
                failure,
                ..Footage::default()
            };
        }
        footage.unwrap_or_default()
    }
}
