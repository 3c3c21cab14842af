//! Captures of runs, for Wireshark and everything else that reads pcapng (draft-ietf-opsawg-pcapng).
//!
//! [`write_run`] makes one of what a [`World`](crate::World) has captured: each direction of a link is an interface,
//! every packet that was offered to it is there with the instant at which it was, and a comment says which of them were
//! lost, where and why. TLS secrets in the file let Wireshark decrypt QUIC. What was inside can stand beside it as
//! [`Pdu`]s, which need no secrets. [`Writer`] is the format itself.
//!
//! Own code, since the stable release of the crate `pcap-file` (2.0) does not know Decryption Secrets Blocks, and
//! `pcap-parser` writes with a crate that is no longer maintained; the tests read with it.

mod headers;
mod pdu;
mod run;

use std::io::{self, Write};

pub use pdu::Pdu;
pub use run::{Run, Written, write_run};

use crate::net::Datagram;
use crate::time::Time;

/// Block types (§4): section header, interface description, enhanced packet, decryption secrets.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// By which a reader knows that numbers are little-endian (§4.1).
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Secrets in the format of `SSLKEYLOGFILE` (§4.7).
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Options (§3.5, §4.1 to §4.3).
const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;

/// Time stamps are nanoseconds: ten to the minus ninth.
const NANOSECONDS: u8 = 9;

/// Bytes of a text that are written at most; a longer one is cut.
const MAX_TEXT: usize = 4_096;

/// Bytes of a packet that are written at most, as other writers have it.
const SNAP: usize = 262_144;

/// What the packets of an interface begin with (the registry of LINKTYPE_ values at tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// An IPv4 or IPv6 header: LINKTYPE_RAW, 101.
    Raw,
    /// Tags that say what dissects the rest: LINKTYPE_WIRESHARK_UPPER_PDU, 252. See [`Pdu`].
    UpperPdu,
}

/// An interface of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface(u32);

/// Writes a capture of one section, up to a limit.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    left: u64,
    interfaces: u32,
    omitted: u64,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a capture. Packets are left out, and counted, once the file would be longer than `limit` bytes; what else
    /// is in it counts and is always written. The comment may be empty.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W, limit: u64, comment: &str) -> io::Result<Self> {
        let mut this = Self {
            out,
            left: limit,
            interfaces: 0,
            omitted: 0,
            block: Vec::new(),
        };
        this.begin();
        this.put(&BYTE_ORDER.to_le_bytes());
        this.put(&1_u16.to_le_bytes());
        this.put(&0_u16.to_le_bytes());
        // How long the section is stays unsaid.
        this.put(&(-1_i64).to_le_bytes());
        this.text(COMMENT, comment);
        this.text(APPLICATION, "duet-sim");
        this.end_options();
        this.end(SECTION)?;
        Ok(this)
    }

    /// Adds an interface.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn interface(&mut self, name: &str, link_type: LinkType) -> io::Result<Interface> {
        let link_type: u16 = match link_type {
            LinkType::Raw => 101,
            LinkType::UpperPdu => 252,
        };
        self.begin();
        self.put(&link_type.to_le_bytes());
        self.put(&0_u16.to_le_bytes());
        self.put(&(SNAP as u32).to_le_bytes());
        self.text(NAME, name);
        self.option(RESOLUTION, &[NANOSECONDS]);
        self.end_options();
        self.end(INTERFACE)?;
        let interface = Interface(self.interfaces);
        self.interfaces += 1;
        Ok(interface)
    }

    /// Adds TLS secrets, lines as in a `SSLKEYLOGFILE` (RFC 9850): before the first packet that they open.
    ///
    /// # Errors
    ///
    /// Those of the output, and `InvalidInput` past 64 MiB.
    pub fn tls_secrets(&mut self, lines: &str) -> io::Result<()> {
        if lines.len() > 64 << 20 {
            let message = "more than 64 MiB of TLS secrets";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.begin();
        self.put(&TLS_KEY_LOG.to_le_bytes());
        self.put(&(lines.len() as u32).to_le_bytes());
        self.put(lines.as_bytes());
        self.pad();
        self.end(SECRETS)
    }

    /// Adds an IP packet with its headers, checksums included. A payload that nobody reads is not written, only counted
    /// in the packet's length.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn datagram(
        &mut self,
        interface: Interface,
        at: Time,
        datagram: &Datagram,
        comments: &[String],
    ) -> io::Result<()> {
        let (bytes, original) = headers::packet(datagram);
        self.packet(interface, at, &bytes, original, comments)
    }

    /// Adds what was inside of packets.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn pdu(&mut self, interface: Interface, pdu: &Pdu, comments: &[String]) -> io::Result<()> {
        let bytes = pdu.to_bytes();
        self.packet(interface, pdu.at, &bytes, bytes.len(), comments)
    }

    /// Adds a packet of any link type. `original` is its whole length, of which `bytes` may be the beginning.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn packet(
        &mut self,
        Interface(interface): Interface,
        at: Time,
        bytes: &[u8],
        original: usize,
        comments: &[String],
    ) -> io::Result<()> {
        let bytes = bytes.get(..SNAP).unwrap_or(bytes);
        let nanos = at.as_nanos();
        let original = u32::try_from(original.max(bytes.len())).unwrap_or(u32::MAX);
        self.begin();
        self.put(&interface.to_le_bytes());
        self.put(&((nanos >> 32) as u32).to_le_bytes());
        self.put(&(nanos as u32).to_le_bytes());
        self.put(&(bytes.len() as u32).to_le_bytes());
        self.put(&original.to_le_bytes());
        self.put(bytes);
        self.pad();
        for comment in comments {
            self.text(COMMENT, comment);
        }
        if !comments.is_empty() {
            self.end_options();
        }
        if self.block.len() as u64 + FRAME > self.left {
            self.omitted += 1;
            self.left = 0;
            return Ok(());
        }
        self.end(PACKET)
    }

    /// Ends the capture, and gives the output and the number of packets that were left out.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.out.flush()?;
        Ok((self.out, self.omitted))
    }

    fn begin(&mut self) {
        self.block.clear();
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.put(&code.to_le_bytes());
        self.put(&(value.len() as u16).to_le_bytes());
        self.put(value);
        self.pad();
    }

    fn text(&mut self, code: u16, text: &str) {
        if !text.is_empty() {
            let end = text.floor_char_boundary(MAX_TEXT);
            self.option(code, &text.as_bytes()[..end]);
        }
    }

    fn end_options(&mut self) {
        self.put(&[0; 4]);
    }

    /// Writes the block: type, total length, body, total length.
    fn end(&mut self, block_type: u32) -> io::Result<()> {
        let total = self.block.len() as u64 + FRAME;
        let length = (total as u32).to_le_bytes();
        self.out.write_all(&block_type.to_le_bytes())?;
        self.out.write_all(&length)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&length)?;
        self.left = self.left.saturating_sub(total);
        Ok(())
    }
}

/// Bytes of a block without its body.
const FRAME: u64 = 12;
