//! Waiting for what should come, and watching for what should not.

use std::time::Duration;

use duet_protocol::code::Code;
use duet_protocol::io::Cause;
use duet_protocol::media::Datagram;
use duet_protocol::message::Wire as _;
use duet_protocol::message::session::Goodbye;
use duet_protocol::wire::{Frame, Parsed, Value};

use super::stage::{Stage, State, Stop, fault, is_ambient};
use crate::case::expr::{Bindings, Matcher};
use crate::case::step::Wanted;
use duet_quic::frames as render;

fn all(wanted: &[Wanted]) -> String {
    let texts: Vec<_> = wanted.iter().map(|wanted| wanted.text.as_str()).collect();
    texts.join(" and ")
}

impl Stage {
    /// Waits until every one of these has come, in any order.
    pub(crate) async fn expect(&mut self, wanted: &[Wanted], within: Duration) -> Result<(), Stop> {
        let until = self.deadline(within);
        let mut pending: Vec<Wanted> = wanted.to_vec();
        self.absorb();
        loop {
            while let Some(index) = self.take(&pending)? {
                pending.remove(index);
            }
            if pending.is_empty() {
                return Ok(());
            }
            for wanted in &pending {
                self.line(&wanted.line)?;
                if let Some(trouble) = self.trouble(&wanted.line) {
                    return fault(all(&pending), trouble);
                }
            }
            if !self.pump(until).await? && self.take(&pending)?.is_none() {
                let came = format!("nothing within {} ms", (within * self.slack).as_millis());
                return fault(all(&pending), came);
            }
        }
    }

    /// Takes a frame that one of these wants out of its queue. Ambient and permitted frames before it stay.
    fn take(&mut self, pending: &[Wanted]) -> Result<Option<usize>, Stop> {
        self.refresh();
        let mut seen = Vec::new();
        for line in pending.iter().map(|wanted| wanted.line.as_str()) {
            if seen.contains(&line) {
                continue;
            }
            seen.push(line);
            let Some(queue) = self.lines.get(line).map(|line| &line.queue) else {
                continue;
            };
            for (at, (_, frame)) in queue.iter().enumerate() {
                let mut new = Bindings::new();
                let found = pending.iter().position(|wanted| {
                    new.clear();
                    wanted.line == line && self.fits(wanted, frame, &mut new)
                });
                if let Some(index) = found {
                    self.bound.append(&mut new);
                    self.line_mut(line)?.queue.remove(at);
                    return Ok(Some(index));
                }
                if !is_ambient(frame.header.kind) && !self.is_permitted(line, frame) {
                    let here: Vec<_> = pending.iter().filter(|w| w.line == line).cloned().collect();
                    return fault(all(&here), self.unlike(&here, frame));
                }
            }
        }
        Ok(None)
    }

    /// A frame that is not what was wanted, and where it differs.
    fn unlike(&self, wanted: &[Wanted], frame: &Frame) -> String {
        let came = render::frame(frame);
        let same = wanted
            .iter()
            .find(|wanted| wanted.schema.kind == frame.header.kind);
        let (Some(wanted), Ok((schema, values))) = (same, render::decode(frame)) else {
            return came;
        };
        if frame.header.flags.known() != schema.flags {
            return format!("{came}, with flags 0x{:02x}", frame.header.flags.0);
        }
        let mut new = Bindings::new();
        let differs = wanted.fields.iter().filter(|(field, matcher)| {
            let value = values.iter().find(|(name, _)| name == field.name);
            !value.is_some_and(|(_, value)| matcher.fits(value, &self.bound, &mut new))
        });
        let differs: Vec<_> = differs.map(|(field, _)| field.name).collect();
        format!("{came}, which differs in {}", differs.join(", "))
    }

    /// Watches that a frame does not come.
    pub(crate) async fn forbid(&mut self, wanted: &Wanted, within: Duration) -> Result<(), Stop> {
        let until = self.deadline(within);
        self.line(&wanted.line)?;
        self.absorb();
        loop {
            self.refresh();
            let queue = &self.line(&wanted.line)?.queue;
            let mut new = Bindings::new();
            let found = queue
                .iter()
                .find(|(_, frame)| self.fits(wanted, frame, &mut new));
            if let Some((_, frame)) = found {
                return fault(format!("no {}", wanted.text), render::frame(frame));
            }
            if !self.pump(until).await? {
                return Ok(());
            }
        }
    }

    /// Waits until the server closes a connection, and grades how.
    pub(crate) async fn expect_close(
        &mut self,
        name: &str,
        code: &Matcher,
        expected: &str,
        within: Duration,
    ) -> Result<(), Stop> {
        let until = self.deadline(within);
        self.line_mut(name)?.close_wanted = true;
        self.absorb();
        loop {
            while let Some((_, frame)) = self.line_mut(name)?.queue.pop_front() {
                match goodbye(&frame) {
                    // GOODBYE says why; it must say the same as the close that follows it.
                    Some(said) if !self.is_code(code, said) => {
                        return fault(expected, format!("GOODBYE with {said}"));
                    }
                    Some(_) => {}
                    None if is_ambient(frame.header.kind) || self.is_permitted(name, &frame) => {}
                    None => return fault(expected, render::frame(&frame)),
                }
            }
            match self.line(name)?.state.clone() {
                State::Closed(Cause::Peer(closed)) if self.is_code(code, closed) => return Ok(()),
                State::Closed(_) | State::Connecting | State::Open
                    if self.trouble(name).is_some() =>
                {
                    return fault(expected, self.trouble(name).unwrap_or_default());
                }
                _ => {}
            }
            if !self.pump(until).await? {
                let waited = (within * self.slack).as_millis();
                return fault(
                    expected,
                    format!("the connection was still open after {waited} ms"),
                );
            }
        }
    }

    fn is_code(&self, code: &Matcher, is: Code) -> bool {
        let mut new = Bindings::new();
        code.fits(&Value::Number(is.0.into()), &self.bound, &mut new)
    }

    /// Waits for a media datagram of a flow; media control and packets of other flows may come before it.
    pub(crate) async fn expect_datagram(
        &mut self,
        name: &str,
        flow: u64,
        payload: &[u8],
        within: Duration,
    ) -> Result<(), Stop> {
        let until = self.deadline(within);
        self.absorb();
        let expected = format!(
            "{name} datagram on flow {flow} with {}",
            render::hex(payload)
        );
        loop {
            let line = self.line_mut(name)?;
            while let Some(bytes) = line.datagrams.pop_front() {
                match Datagram::read(&bytes) {
                    Ok(Datagram::Media {
                        flow: on,
                        payload: came,
                        ..
                    }) => {
                        if u64::from(on.0) == flow && came == payload {
                            return Ok(());
                        }
                        let came = format!("flow {} with {}", on.0, render::hex(came));
                        return fault(expected, came);
                    }
                    Ok(Datagram::Control(_)) => {}
                    Err(error) => return fault(expected, format!("a datagram with {error}")),
                }
            }
            if let Some(trouble) = self.trouble(name) {
                return fault(expected, trouble);
            }
            if !self.pump(until).await? {
                return fault(expected, "nothing in time");
            }
        }
    }

    /// Watches that no media comes; media control may.
    pub(crate) async fn forbid_datagram(
        &mut self,
        name: &str,
        within: Duration,
    ) -> Result<(), Stop> {
        let until = self.deadline(within);
        self.absorb();
        loop {
            let line = self.line_mut(name)?;
            while let Some(bytes) = line.datagrams.pop_front() {
                if let Ok(Datagram::Media { flow, payload, .. }) = Datagram::read(&bytes) {
                    let came = format!("flow {} with {}", flow.0, render::hex(payload));
                    return fault(format!("no media for {name}"), came);
                }
            }
            if !self.pump(until).await? {
                return Ok(());
            }
        }
    }

    /// Fails on frames that nobody expected, and on connections that the server closed unasked.
    pub(crate) fn leftover(&mut self) -> Result<(), Stop> {
        self.absorb();
        for (name, line) in &self.lines {
            let unexpected = line.queue.iter().find(|(_, frame)| {
                !is_ambient(frame.header.kind) && !self.is_permitted(name, frame)
            });
            if let Some((_, frame)) = unexpected {
                return fault(format!("nothing more for {name}"), render::frame(frame));
            }
            if let Some((stream, arrived)) = line.streams.iter().next()
                && !line.close_wanted
                && !line.any_streams
            {
                let count = arrived.bytes.len();
                let came = format!("stream {stream} of the server, with {count} bytes");
                return fault(format!("no more streams for {name}"), came);
            }
            if !line.close_wanted
                && let Some(trouble) = self.trouble(name)
            {
                return fault(format!("{name} stays connected"), trouble);
            }
        }
        Ok(())
    }
}

fn goodbye(frame: &Frame) -> Option<Code> {
    if frame.header.kind != Goodbye::SCHEMA.kind {
        return None;
    }
    let read: Parsed<'_, Goodbye<'_>> = Goodbye::read(&frame.body);
    read.ok().map(|(_, goodbye)| goodbye.code)
}
