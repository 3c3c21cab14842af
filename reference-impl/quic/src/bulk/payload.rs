//! Payload at a client: where it is read, where it is written, and its digest, which is computed as it passes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use bytes::Bytes;
use ring::digest::{Context, SHA256};

/// What a transfer is sent from: bytes that can be read at any position, since a transfer goes on from where its
/// receiver is.
///
/// It is read on the driver's thread, some kilobytes at a time: what may take long answers
/// [`io::ErrorKind::WouldBlock`], and is asked again after a moment.
pub trait Source: Send {
    /// Reads at a position; 0 bytes only at the end.
    ///
    /// # Errors
    ///
    /// Whatever the source fails with; the transfer ends with `aborted`.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// What a transfer is received into. Bytes come in order, from where the receiver said that it is.
///
/// As a [`Source`], it may answer [`io::ErrorKind::WouldBlock`]; then the sender is slowed down.
pub trait Sink: Send {
    /// Appends bytes, all or the first of them; 0 only where it takes no more at all.
    ///
    /// # Errors
    ///
    /// Whatever the sink fails with; the transfer ends with `aborted`.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads what it held before the transfer came, which belongs to the digest; 0 bytes only at the end.
    ///
    /// # Errors
    ///
    /// Whatever the sink fails with; the transfer ends with `aborted`.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Source for File {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.seek(SeekFrom::Start(at))?;
        self.read(buffer)
    }
}

impl Source for Bytes {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.get(at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl Sink for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.seek(SeekFrom::End(0))?;
        self.write(bytes)
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Source::read_at(self, at, buffer)
    }
}

/// SHA-256 over the first bytes of a payload.
struct Running {
    context: Context,
    /// How many they are.
    upto: u64,
}

impl Running {
    fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            upto: 0,
        }
    }

    /// Takes in what is new of some bytes.
    fn update(&mut self, at: u64, bytes: &[u8]) {
        debug_assert!(at <= self.upto, "bytes were left out");
        let known = usize::try_from(self.upto - at).unwrap_or(usize::MAX);
        let new = bytes.get(known..).unwrap_or_default();
        self.context.update(new);
        self.upto += new.len() as u64;
    }

    fn digest(&self) -> [u8; 32] {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.context.clone().finish().as_ref());
        sha256
    }
}

/// How a source or a sink answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// With so many bytes.
    Moved(usize),
    /// It is not ready for the moment.
    Later,
    /// It failed; why is kept.
    Failed,
}

/// A source, and the digest of what was read of it.
pub(crate) struct Outbound {
    source: Box<dyn Source>,
    digest: Running,
    pub(crate) failure: Option<io::Error>,
}

/// A sink, and the digest of what it holds.
pub(crate) struct Inbound {
    sink: Box<dyn Sink>,
    digest: Running,
    pub(crate) failure: Option<io::Error>,
}

fn step(result: io::Result<usize>, none: io::ErrorKind, failure: &mut Option<io::Error>) -> Step {
    match result {
        Ok(0) => {
            failure.get_or_insert_with(|| none.into());
            Step::Failed
        }
        Ok(count) => Step::Moved(count),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Step::Later
        }
        Err(error) => {
            failure.get_or_insert(error);
            Step::Failed
        }
    }
}

/// As much of a buffer as may be read towards a position.
fn towards(from: u64, to: u64, buffer: &mut [u8]) -> &mut [u8] {
    let left = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    let count = left.min(buffer.len());
    &mut buffer[..count]
}

impl Outbound {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            digest: Running::new(),
            failure: None,
        }
    }

    /// How far the digest has come.
    pub(crate) fn hashed(&self) -> u64 {
        self.digest.upto
    }

    /// Reads some bytes that are not sent, for the digest alone.
    pub(crate) fn catch_up(&mut self, to: u64, buffer: &mut [u8]) -> Step {
        let at = self.digest.upto;
        let buffer = towards(at, to, buffer);
        let read = self.source.read_at(at, buffer);
        let answer = step(read, io::ErrorKind::UnexpectedEof, &mut self.failure);
        if let Step::Moved(count) = answer {
            self.digest.update(at, &buffer[..count]);
        }
        answer
    }

    pub(crate) fn read(&mut self, at: u64, buffer: &mut [u8]) -> Step {
        let read = self.source.read_at(at, buffer);
        step(read, io::ErrorKind::UnexpectedEof, &mut self.failure)
    }

    /// Bytes that were read have gone onto the stream.
    pub(crate) fn sent(&mut self, at: u64, bytes: &[u8]) {
        self.digest.update(at, bytes);
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest.digest()
    }
}

impl Inbound {
    pub(crate) fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            sink,
            digest: Running::new(),
            failure: None,
        }
    }

    /// How many bytes it holds, as far as the digest knows.
    pub(crate) fn hashed(&self) -> u64 {
        self.digest.upto
    }

    /// Reads some bytes that it held before, for the digest.
    pub(crate) fn catch_up(&mut self, to: u64, buffer: &mut [u8]) -> Step {
        let at = self.digest.upto;
        let buffer = towards(at, to, buffer);
        let read = self.sink.read_at(at, buffer);
        let answer = step(read, io::ErrorKind::UnexpectedEof, &mut self.failure);
        if let Step::Moved(count) = answer {
            self.digest.update(at, &buffer[..count]);
        }
        answer
    }

    /// Takes bytes from a position that is not beyond what it holds; those that it holds already stay as they are.
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) -> Step {
        let known = usize::try_from(self.digest.upto - at).unwrap_or(usize::MAX);
        let new = bytes.get(known..).unwrap_or_default();
        if new.is_empty() {
            return Step::Moved(bytes.len());
        }
        let written = self.sink.append(new);
        let answer = step(written, io::ErrorKind::WriteZero, &mut self.failure);
        if let Step::Moved(count) = answer {
            self.digest.update(self.digest.upto, &new[..count]);
            return Step::Moved(known + count);
        }
        answer
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest.digest()
    }
}
