//! Streams of their own: the payload of transfers, in either direction.

use std::ops::Range;
use std::time::Duration;

use duet_protocol::message::Wire as _;
use duet_protocol::message::transfer::Bulk;
use duet_protocol::wire::{FrameHeader, HEADER_LEN, Parsed};

use super::log::Happened;
use super::stage::{Stage, Stop, fault};

/// How a stream that the server opened has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Fin,
    Reset,
}

/// A stream that the server opened.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: Option<Ended>,
}

/// What a payload's stream is to bring.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    pub(crate) transfer: Vec<u8>,
    pub(crate) attempt: u64,
    pub(crate) range: Range<u64>,
    /// Whether more is to come: then the stream stays for a later step.
    pub(crate) open: bool,
}

/// The bytes of every payload of the suite: each says where it stands.
pub(crate) fn payload(range: Range<u64>) -> Vec<u8> {
    range.map(|at| (at * 31 + at / 251) as u8).collect()
}

impl Arrived {
    /// BULK, as transfer, attempt and offset, and what follows it; none where no whole BULK is there.
    fn read(&self) -> Option<([u8; 16], u64, u64, &[u8])> {
        let (_, header) = FrameHeader::read(&self.bytes).ok()?;
        let end = HEADER_LEN.checked_add(header.length as usize)?;
        let body = self.bytes.get(HEADER_LEN..end)?;
        if header.kind != Bulk::SCHEMA.kind {
            return None;
        }
        let read: Parsed<'_, Bulk<'_>> = Bulk::read(body);
        let (_, bulk) = read.ok()?;
        let rest = self.bytes.get(end..).unwrap_or_default();
        Some((bulk.transfer.0, bulk.attempt.into(), bulk.offset, rest))
    }

    fn is_of(&self, transfer: &[u8]) -> bool {
        match self.read() {
            Some((of, ..)) => of == *transfer,
            // Reset before its first frame was read: QUIC has thrown that away.
            None => self.ended == Some(Ended::Reset),
        }
    }

    /// What differs from what it is to bring; none where nothing does so far.
    fn differs(&self, wanted: &Brought) -> Option<String> {
        let (_, attempt, offset, rest) = self.read()?;
        if (attempt, offset) != (wanted.attempt, wanted.range.start) {
            return Some(format!("BULK with attempt={attempt}, offset={offset}"));
        }
        let expected = payload(wanted.range.clone());
        let same = rest.iter().zip(&expected).take_while(|(a, b)| a == b);
        let same = same.count();
        match self.ended {
            _ if same < rest.len() => {
                let at = offset + same as u64;
                Some(format!("another byte, or one too many, at {at}"))
            }
            Some(Ended::Fin) if same < expected.len() || wanted.open => {
                Some(format!("an end of the stream after {same} bytes"))
            }
            Some(Ended::Reset) => Some(format!("a reset after {same} bytes")),
            _ => None,
        }
    }
}

impl Stage {
    /// Writes payload behind what was written to a stream of this side.
    pub(crate) fn send_payload(
        &mut self,
        name: &str,
        stream: u32,
        range: Range<u64>,
        fin: bool,
    ) -> Result<(), Stop> {
        let conn = self.line(name)?.conn;
        let bytes = payload(range);
        self.note(name, Happened::SentRaw(bytes.clone()));
        self.write(conn, stream, bytes, fin);
        Ok(())
    }

    /// Abandons a stream of this side.
    pub(crate) fn reset(&mut self, name: &str, stream: u32) -> Result<(), Stop> {
        let conn = self.line(name)?.conn;
        self.note(name, Happened::SentReset);
        self.net.command(|core, _| core.reset(conn, stream));
        Ok(())
    }

    /// Waits for a stream with a transfer's payload, and for its end unless more is to come.
    pub(crate) async fn expect_payload(
        &mut self,
        name: &str,
        wanted: &Brought,
        expected: &str,
        within: Duration,
    ) -> Result<(), Stop> {
        let until = self.deadline(within);
        self.absorb();
        loop {
            let streams = &mut self.line_mut(name)?.streams;
            let found = streams
                .iter()
                .find(|(_, arrived)| arrived.is_of(&wanted.transfer));
            if let Some((&index, arrived)) = found {
                if let Some(why) = arrived.differs(wanted) {
                    return fault(expected, why);
                }
                let count = arrived.read().map_or(0, |(.., rest)| rest.len());
                if wanted.open && count == payload(wanted.range.clone()).len() {
                    return Ok(());
                }
                if arrived.ended.is_some() {
                    streams.remove(&index);
                    return Ok(());
                }
            }
            self.wait(name, expected, until).await?;
        }
    }

    /// Waits until a stream with a transfer's payload is reset, however much has come of it.
    pub(crate) async fn expect_reset(
        &mut self,
        name: &str,
        transfer: &[u8],
        expected: &str,
        within: Duration,
    ) -> Result<(), Stop> {
        let until = self.deadline(within);
        self.absorb();
        loop {
            let streams = &mut self.line_mut(name)?.streams;
            let found = streams.iter().find(|(_, arrived)| arrived.is_of(transfer));
            match found.map(|(&index, arrived)| (index, arrived.ended)) {
                Some((index, Some(Ended::Reset))) => {
                    streams.remove(&index);
                    return Ok(());
                }
                Some((_, Some(Ended::Fin))) => return fault(expected, "an end of the stream"),
                Some((_, None)) | None => {}
            }
            self.wait(name, expected, until).await?;
        }
    }

    async fn wait(
        &mut self,
        name: &str,
        expected: &str,
        until: std::time::Instant,
    ) -> Result<(), Stop> {
        if let Some(trouble) = self.trouble(name) {
            return fault(expected, trouble);
        }
        match self.pump(until).await? {
            true => Ok(()),
            false => {
                let streams = &self.line(name)?.streams;
                let came = streams.values().map(|arrived| arrived.bytes.len());
                let came: Vec<_> = came.map(|count| count.to_string()).collect();
                fault(
                    expected,
                    format!("not in time; bytes on streams: [{}]", came.join(", ")),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use duet_protocol::id::TransferId;
    use duet_protocol::wire::Params;

    use super::*;

    fn arrived(offset: u64, bytes: &[u8], ended: Option<Ended>) -> Arrived {
        let bulk = Bulk {
            transfer: TransferId([7; 16]),
            attempt: 1,
            offset,
            params: Params::NONE,
        };
        let bytes = [&bulk.encode()[..], bytes].concat();
        Arrived { bytes, ended }
    }

    fn differs(arrived: &Arrived) -> bool {
        let wanted = Brought {
            transfer: vec![7; 16],
            attempt: 1,
            range: 10..500,
            open: false,
        };
        arrived.is_of(&wanted.transfer) && arrived.differs(&wanted).is_some()
    }

    #[test]
    fn a_streams_payload_is_held_to_every_byte() {
        let whole = payload(10..500);
        assert!(!differs(&arrived(10, &whole, Some(Ended::Fin))));
        assert!(!differs(&arrived(10, &whole[..80], None)));
        assert!(differs(&arrived(11, &whole, None)), "another offset");
        assert!(differs(&arrived(10, &whole[1..], None)), "shifted");
        assert!(differs(&arrived(10, &payload(10..501), None)), "too long");
        assert!(differs(&arrived(10, &whole[..80], Some(Ended::Fin))));
        assert!(differs(&arrived(10, &whole, Some(Ended::Reset))));
    }
}
