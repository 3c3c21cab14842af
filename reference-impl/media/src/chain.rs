//! Elements driven as a function call: one buffer in, and everything that it produces out, before the call returns.
//!
//! The source pad and the sink pad belong to the application, no element of a chain starts a thread, and no clock is involved.
//! Hence the same chain serves virtual time (the caller decides what time it is) and a live call (a worker thread of the caller
//! pushes).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::error::MediaError;

/// One buffer that left a chain, with the caps that held for it.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) buffer: gst::Buffer,
    pub(crate) caps: Option<gst::Caps>,
}

#[derive(Debug, Default)]
struct Collected {
    caps: Option<gst::Caps>,
    units: Vec<Unit>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A linear chain of elements between two pads of the application.
#[derive(Debug)]
pub(crate) struct Chain {
    name: &'static str,
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    source: gst::Pad,
    sink: gst::Pad,
    collected: Arc<Mutex<Collected>>,
}

impl Chain {
    /// Chain of a description in the syntax of `gst-launch-1.0`, which takes buffers of `caps`; GStreamer has been started.
    pub(crate) fn new(
        name: &'static str,
        description: &str,
        caps: &gst::Caps,
    ) -> Result<Self, MediaError> {
        let failed = |reason: String| MediaError::Pipeline {
            chain: name,
            reason,
        };
        let bin = gst::parse::bin_from_description(description, true)
            .map_err(|error| failed(error.to_string()))?;
        let pipeline = gst::Pipeline::new();
        pipeline.use_clock(None::<&gst::Clock>);
        let bus = quiet_bus(&pipeline).map_err(failed)?;
        pipeline
            .add(&bin)
            .map_err(|error| failed(error.to_string()))?;

        let collected = Arc::new(Mutex::new(Collected::default()));
        let source = application_source();
        let sink = application_sink(&collected);
        let (first, last) = bin
            .static_pad("sink")
            .zip(bin.static_pad("src"))
            .ok_or_else(|| failed("the description has no open ends".to_owned()))?;
        source
            .link(&first)
            .map_err(|error| failed(error.to_string()))?;
        last.link(&sink)
            .map_err(|error| failed(error.to_string()))?;

        let chain = Self {
            name,
            pipeline,
            bus,
            source,
            sink,
            collected,
        };
        chain
            .sink
            .set_active(true)
            .map_err(|error| failed(error.to_string()))?;
        if chain.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(chain.fault("the elements did not start"));
        }
        start_stream(&chain.source, name, caps).map_err(|error| chain.fault(&error))?;
        Ok(chain)
    }

    /// Element of the description that was given the name `name` there.
    pub(crate) fn element(&self, name: &str) -> Option<gst::Element> {
        self.pipeline.by_name(name)
    }

    /// Caps of the output, once they are agreed.
    pub(crate) fn output_caps(&self) -> Option<gst::Caps> {
        locked(&self.collected).caps.clone()
    }

    /// Sends an event against the stream, for example a request for a key picture.
    pub(crate) fn send_upstream(&self, event: gst::Event) -> bool {
        self.sink.push_event(event)
    }

    /// Pushes one buffer and takes everything that exists when the push has returned.
    pub(crate) fn push(&mut self, buffer: gst::Buffer) -> Result<Vec<Unit>, MediaError> {
        let flow = self.source.push(buffer);
        let units = std::mem::take(&mut locked(&self.collected).units);
        match flow {
            Ok(_) => {
                // An error that did not stop the flow, such as a stream fault that a decoder went over, is not one of the chain.
                while self.bus.pop().is_some() {}
                Ok(units)
            }
            Err(flow) => Err(self.fault(&format!("flow return {flow}"))),
        }
    }

    fn fault(&self, otherwise: &str) -> MediaError {
        MediaError::Pipeline {
            chain: self.name,
            reason: first_error(&self.bus).map_or(otherwise.to_owned(), |fault| fault.text),
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // A pipeline that is not stopped would keep its elements alive; there is nobody left to tell about a failure.
        let _ = self.source.set_active(false);
        let _ = self.pipeline.set_state(gst::State::Null);
        let _ = self.sink.set_active(false);
    }
}

/// What an element said when it failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) text: String,
    pub(crate) disk_full: bool,
}

impl Fault {
    pub(crate) fn of(error: &gst::message::Error) -> Self {
        let what = error.error();
        let from = error
            .src()
            .map(|object| object.name().to_string())
            .unwrap_or_default();
        let detail = error
            .debug()
            .map(|debug| debug.lines().last().unwrap_or_default().to_owned())
            .unwrap_or_default();
        Self {
            text: format!("{from}: {what} {detail}").trim().to_owned(),
            disk_full: what.matches(gst::ResourceError::NoSpaceLeft),
        }
    }
}

/// The first error that waits on a bus; the others are taken off too.
pub(crate) fn first_error(bus: &gst::Bus) -> Option<Fault> {
    let mut first = None;
    while let Some(message) = bus.pop() {
        if let gst::MessageView::Error(error) = message.view() {
            first.get_or_insert_with(|| Fault::of(error));
        }
    }
    first
}

/// The bus of a pipeline, on which only errors and the end of the stream wait: nobody reads the rest, and it would pile up.
pub(crate) fn quiet_bus(pipeline: &gst::Pipeline) -> Result<gst::Bus, String> {
    let bus = pipeline
        .bus()
        .ok_or_else(|| "a pipeline without a bus".to_owned())?;
    bus.set_sync_handler(|_, message| match message.type_() {
        gst::MessageType::Error | gst::MessageType::Eos => gst::BusSyncReply::Pass,
        _ => gst::BusSyncReply::Drop,
    });
    Ok(bus)
}

/// Source pad that belongs to the application; what comes upstream ends here.
pub(crate) fn application_source() -> gst::Pad {
    gst::Pad::builder(gst::PadDirection::Src)
        .event_function(|_, _, _| true)
        .build()
}

fn application_sink(collected: &Arc<Mutex<Collected>>) -> gst::Pad {
    let (buffers, events) = (Arc::clone(collected), Arc::clone(collected));
    gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function(move |_, _, buffer| {
            let mut collected = locked(&buffers);
            let caps = collected.caps.clone();
            collected.units.push(Unit { buffer, caps });
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            if let gst::EventView::Caps(caps) = event.view() {
                locked(&events).caps = Some(caps.caps_owned());
            }
            true
        })
        .build()
}

/// Activates a pad of the application and sends what has to precede its first buffer.
pub(crate) fn start_stream(pad: &gst::Pad, name: &str, caps: &gst::Caps) -> Result<(), String> {
    pad.set_active(true).map_err(|error| error.to_string())?;
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    let events = [
        gst::event::StreamStart::new(name),
        gst::event::Caps::new(caps),
        gst::event::Segment::new(&segment),
    ];
    for event in events {
        let kind = event.type_();
        if !pad.push_event(event) {
            return Err(format!("the event {kind:?} was refused"));
        }
    }
    Ok(())
}

/// Buffer of `bytes`, which are not copied, at a time in nanoseconds.
pub(crate) fn buffer_at(
    bytes: impl AsRef<[u8]> + Send + 'static,
    time: u64,
    duration: Option<u64>,
) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::from_nseconds(time));
        buffer.set_duration(duration.map(gst::ClockTime::from_nseconds));
    }
    buffer
}

/// Bytes of a buffer, copied out.
pub(crate) fn bytes_of(buffer: &gst::BufferRef) -> Option<Vec<u8>> {
    buffer
        .map_readable()
        .ok()
        .map(|map| map.as_slice().to_vec())
}
