//! A studio without codecs: packets of the codecs' shape, and a screen that shows a picture once all of it is there.

use std::collections::VecDeque;

use bytes::Bytes;
use duet_media::synthetic::{SyntheticAudio, SyntheticVideo};
use duet_protocol::client::StreamDescription;
use duet_protocol::id::StreamNumber;
use duet_protocol::media::RtpHeader;
use duet_protocol::time::Instant;

use super::{AUDIO, Capture, Footage, Format, Made, Shown, Studio, VIDEO};

/// Bytes before the FU header of a synthetic packet: RTP header and FU indicator.
const FU_HEADER: usize = 13;

/// Synthetic devices.
pub struct SyntheticStudio {
    format: Format,
    video: SyntheticVideo,
    audio: SyntheticAudio,
    made: VecDeque<Made>,
    /// The picture that is being put together, while none of its packets is missing.
    whole: bool,
    footage: Footage,
}

impl SyntheticStudio {
    /// Devices of this format.
    pub fn new(format: Format) -> Self {
        Self {
            video: SyntheticVideo::new(&format.video),
            audio: SyntheticAudio::new(&format.audio),
            format,
            made: VecDeque::new(),
            whole: false,
            footage: Footage::default(),
        }
    }
}

impl Studio for SyntheticStudio {
    fn streams(&self) -> Vec<StreamDescription> {
        // AudioSpecificConfig of AAC-LC, 48 kHz, mono (ISO/IEC 14496-3 §1.6.2.1).
        self.format.streams(vec![0x11, 0x88])
    }

    fn expect(&mut self, _: &StreamDescription) {}

    fn capture(&mut self, _: Instant, what: Capture) {
        let (stream, number, packets) = match what {
            Capture::Picture(number) => (VIDEO, number, self.video.push(number)),
            Capture::Block(number) => (AUDIO, number, self.audio.push(number)),
        };
        self.made.push_back(Made::Packets {
            stream,
            number,
            packets,
        });
    }

    fn keyframe(&mut self) {
        self.video.request_keyframe();
    }

    fn play(&mut self, now: Instant, stream: StreamNumber, rtp: Bytes, lost_before: u16) {
        if stream != VIDEO {
            self.footage.blocks += 1;
            self.footage.gap(now, lost_before);
            return;
        }
        let (Ok(header), Some(fu)) = (RtpHeader::parse(&rtp), rtp.get(FU_HEADER)) else {
            return;
        };
        let starts = fu & 0x80 != 0;
        self.whole = starts || (self.whole && lost_before == 0);
        if header.marker() && self.whole {
            let number = self.format.picture_of(header.timestamp());
            self.footage.shown.push(Shown {
                number,
                at: now,
                intact: true,
                psnr: None,
            });
        }
    }

    fn poll(&mut self) -> Option<Made> {
        self.made.pop_front()
    }

    fn finish(&mut self) -> Footage {
        std::mem::take(&mut self.footage)
    }
}
