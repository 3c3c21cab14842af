//! Non-blocking UDP sockets without a runtime, with the ECN field both ways.

use std::collections::BTreeSet;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use bytes::BytesMut;
use duet_quic::BindError;
use duet_sim::net::Ecn;
use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, Transmit, UdpSocketState};

/// Bytes of kernel buffer asked for, each way; the system may grant less.
const KERNEL_BUFFER: usize = 4 << 20;

/// The largest UDP datagram, and so the most that GRO joins into one.
const MAX_RECEIVE: usize = 64 << 10;

pub(super) struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// Room for what one call receives, shared by all sockets.
pub(super) struct Buffers(Box<[u8]>);

pub(super) struct Received {
    pub(super) remote: SocketAddr,
    /// To which of this machine's addresses, where the system says so.
    pub(super) local: Option<IpAddr>,
    pub(super) ecn: Ecn,
    pub(super) bytes: BytesMut,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self(vec![0; BATCH_SIZE * MAX_RECEIVE].into())
    }
}

impl Socket {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let open = || {
            let socket = UdpSocket::bind(address)?;
            let state = UdpSocketState::new((&socket).into())?;
            for result in [
                state.set_recv_buffer_size((&socket).into(), KERNEL_BUFFER),
                state.set_send_buffer_size((&socket).into(), KERNEL_BUFFER),
            ] {
                if let Err(error) = result {
                    tracing::debug!(%error, "the system grants no larger buffer");
                }
            }
            socket.set_nonblocking(true)?;
            Ok(Self { socket, state })
        };
        open().map_err(|error| BindError { address, error })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Receives what one call gives, onto the end of `batch`; [`io::ErrorKind::WouldBlock`] if there is nothing.
    pub(super) fn receive(
        &self,
        buffers: &mut Buffers,
        batch: &mut Vec<Received>,
    ) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut chunks = buffers.0.chunks_mut(MAX_RECEIVE).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| chunks.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let messages = self
            .state
            .recv((&self.socket).into(), &mut slices, &mut metas)?;
        for (slice, meta) in slices.iter().zip(&metas).take(messages) {
            let mut joined = BytesMut::from(slice.get(..meta.len).unwrap_or_default());
            // An empty datagram is one as well.
            loop {
                let size = joined.len().min(meta.stride.max(1));
                batch.push(Received {
                    remote: meta.addr,
                    local: meta.dst_ip,
                    ecn: meta.ecn.map_or(Ecn::NotEct, from_codepoint),
                    bytes: joined.split_to(size),
                });
                if joined.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sends one datagram; [`io::ErrorKind::WouldBlock`] if there is no room.
    pub(super) fn send(
        &self,
        remote: SocketAddr,
        local: Option<IpAddr>,
        ecn: Ecn,
        bytes: &[u8],
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: remote,
            ecn: codepoint(ecn),
            contents: bytes,
            segment_size: None,
            src_ip: local,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }
}

/// How many datagrams the system has dropped at these sockets, since nobody read them fast enough; zero where it does
/// not say.
pub(super) fn dropped<'a>(sockets: impl Iterator<Item = &'a Socket>) -> u64 {
    let inode = |socket: &Socket| {
        let fd = socket.socket.as_raw_fd();
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    };
    let ours: BTreeSet<String> = sockets.filter_map(inode).collect();
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
    let tables = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines());
    rows.filter_map(|row| {
        let mut columns = row.split_whitespace();
        let inode = columns.nth(9)?;
        let drops = columns.next_back()?;
        ours.contains(inode).then(|| drops.parse::<u64>().ok())?
    })
    .sum()
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

const fn from_codepoint(ecn: EcnCodepoint) -> Ecn {
    match ecn {
        EcnCodepoint::Ect0 => Ecn::Ect0,
        EcnCodepoint::Ect1 => Ecn::Ect1,
        EcnCodepoint::Ce => Ecn::Ce,
    }
}

const fn codepoint(ecn: Ecn) -> Option<EcnCodepoint> {
    match ecn {
        Ecn::NotEct => None,
        Ecn::Ect0 => Some(EcnCodepoint::Ect0),
        Ecn::Ect1 => Some(EcnCodepoint::Ect1),
        Ecn::Ce => Some(EcnCodepoint::Ce),
    }
}
