//! Whole frames out of a stream's bytes, as they came, and their fields by name.

use duet_protocol::message;
use duet_protocol::wire::{Flags, FrameHeader, HEADER_LEN, Value, decode_dynamic, encode_dynamic};

/// A frame that can be altered.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) kind: u16,
    pub(crate) flags: Flags,
    pub(crate) reserved: u8,
    pub(crate) body: Vec<u8>,
}

impl Item {
    pub(crate) fn name(&self) -> &'static str {
        message::schema(self.kind).map_or("", |schema| schema.name)
    }

    pub(crate) fn is_sequenced(&self) -> bool {
        self.flags.has(Flags::SEQUENCED)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + self.body.len());
        FrameHeader {
            kind: self.kind,
            flags: self.flags,
            reserved: self.reserved,
            length: self.body.len() as u32,
        }
        .write(&mut out);
        out.extend_from_slice(&self.body);
        out
    }

    /// Fields by name; none where the body cannot be read.
    pub(crate) fn fields(&self) -> Vec<(String, Value)> {
        let schema = message::schema(self.kind);
        let read = schema.and_then(|schema| decode_dynamic(schema.fields, &self.body).ok());
        read.unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        let found = self.fields().into_iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        match self.field(name) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn bytes_of(&self, name: &str) -> Option<Vec<u8>> {
        match self.field(name) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        let mut fields = self.fields();
        let Some(schema) = message::schema(self.kind) else {
            return;
        };
        if let Some((_, slot)) = fields.iter_mut().find(|(field, _)| field == name) {
            *slot = value;
            let mut body = Vec::new();
            if encode_dynamic(schema.fields, &fields, &mut body).is_ok() {
                self.body = body;
            }
        }
    }

    /// Makes it a frame that is skipped, counted as before.
    pub(crate) fn hollow(&mut self) {
        self.kind = 0x80aa;
        self.body.clear();
    }
}

/// Frames of one direction of one stream.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    buffer: Vec<u8>,
}

impl Cutter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; none where there is none yet, or its length is over the limit.
    pub(crate) fn next(&mut self) -> Option<Item> {
        let (_, header) = FrameHeader::read(&self.buffer).ok()?;
        let whole = HEADER_LEN.checked_add(header.length as usize)?;
        if self.buffer.len() < whole {
            return None;
        }
        let frame: Vec<u8> = self.buffer.drain(..whole).collect();
        Some(Item {
            kind: header.kind,
            flags: header.flags,
            reserved: header.reserved,
            body: frame[HEADER_LEN..].to_vec(),
        })
    }

    /// Whether what is held can never become a frame that is allowed.
    pub(crate) fn is_oversize(&self) -> bool {
        FrameHeader::read(&self.buffer)
            .is_ok_and(|(_, header)| header.length as usize > duet_protocol::limits::MAX_FRAME)
    }

    /// What is held.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }
}
