//! UDP sockets: many packets in, many packets to many peers out, one system call each.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use quinn_proto::EcnCodepoint;
use quinn_udp::UdpSocketState;
use thiserror::Error;
use tokio::io::Interest;

/// Bytes of kernel buffer asked for, each way; the system may grant less.
const KERNEL_BUFFER: usize = 4 << 20;

/// The largest UDP datagram, and so the most that GRO joins into one.
const MAX_RECEIVE: usize = 64 << 10;

/// A UDP socket, as the loop needs it.
pub trait Socket {
    /// Waits until there may be something to receive. Dropping the future loses nothing.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits until there may be room to send. Dropping the future loses nothing.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Receives what there is, at most one system call's worth, onto the end of `batch`; says how much that was.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is nothing; others as the system reports them.
    fn recv_batch(&mut self, batch: &mut Vec<Received>) -> io::Result<usize>;

    /// Sends packets, to whomever each is for, in one system call where the system has one; says how many of the
    /// first it took, at least one.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is no room; others as the system reports them for the first packet.
    fn send_batch(&mut self, batch: &[Packet<'_>]) -> io::Result<usize>;

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// As the system reports them.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A packet that a socket received.
#[derive(Clone, Debug)]
pub struct Received {
    /// From whom.
    pub remote: SocketAddr,
    /// Its payload.
    pub bytes: BytesMut,
    /// Its ECN field.
    pub ecn: Option<EcnCodepoint>,
}

/// A packet for a socket to send.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// To whom.
    pub remote: SocketAddr,
    /// Its payload.
    pub bytes: &'a [u8],
    /// Its ECN field.
    pub ecn: Option<EcnCodepoint>,
}

/// A socket cannot be had.
#[derive(Debug, Error)]
#[error("address {address} {reason}", reason = reason(.error))]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// The system's reason.
    #[source]
    pub error: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "is in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "is none of this machine's".to_owned(),
        io::ErrorKind::PermissionDenied => "needs more rights than this process has".to_owned(),
        _ => format!("cannot be used: {error}"),
    }
}

/// The system's UDP socket, non-blocking, under tokio.
///
/// Receives with recvmmsg and GRO; sends with sendmmsg on Linux, with sendto elsewhere.
pub struct UdpSocket {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    receive: Box<[u8]>,
    #[cfg(target_os = "linux")]
    marking: linux::Marking,
}

impl UdpSocket {
    /// A socket bound to an address; port 0 lets the system choose. Needs tokio's runtime with its I/O driver.
    ///
    /// # Errors
    ///
    /// [`BindError`], if another process has the address, or it is none of this machine's.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Self::open(address).map_err(|error| BindError { address, error })
    }

    fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
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
        Ok(Self {
            socket: tokio::net::UdpSocket::from_std(socket)?,
            state,
            receive: vec![0; quinn_udp::BATCH_SIZE * MAX_RECEIVE].into(),
            #[cfg(target_os = "linux")]
            marking: linux::Marking::new(address.is_ipv6()),
        })
    }
}

impl Socket for UdpSocket {
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.socket.readable()
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.socket.writable()
    }

    fn recv_batch(&mut self, batch: &mut Vec<Received>) -> io::Result<usize> {
        let Self {
            socket,
            state,
            receive,
            ..
        } = self;
        let mut metas = [quinn_udp::RecvMeta::default(); quinn_udp::BATCH_SIZE];
        let mut buffers = receive.chunks_mut(MAX_RECEIVE).map(io::IoSliceMut::new);
        let mut buffers: [_; quinn_udp::BATCH_SIZE] = std::array::from_fn(|_| {
            buffers
                .next()
                .unwrap_or_else(|| io::IoSliceMut::new(&mut []))
        });
        let messages = socket.try_io(Interest::READABLE, || {
            state.recv((&*socket).into(), &mut buffers, &mut metas)
        })?;
        let before = batch.len();
        for (buffer, meta) in buffers.iter().zip(&metas).take(messages) {
            let mut joined = BytesMut::from(buffer.get(..meta.len).unwrap_or_default());
            // The kernel joins only packets whose ECN fields are equal.
            while !joined.is_empty() {
                let size = joined.len().min(meta.stride.max(1));
                batch.push(Received {
                    remote: meta.addr,
                    bytes: joined.split_to(size),
                    ecn: meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8)),
                });
            }
        }
        Ok(batch.len() - before)
    }

    #[cfg(target_os = "linux")]
    fn send_batch(&mut self, batch: &[Packet<'_>]) -> io::Result<usize> {
        let Self {
            socket, marking, ..
        } = self;
        socket.try_io(Interest::WRITABLE, || linux::send(&*socket, marking, batch))
    }

    #[cfg(not(target_os = "linux"))]
    fn send_batch(&mut self, batch: &[Packet<'_>]) -> io::Result<usize> {
        let mut sent = 0;
        for packet in batch {
            match self.socket.try_send_to(packet.bytes, packet.remote) {
                Ok(_) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    //! One sendmmsg for packets to many peers.

    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;

    use quinn_proto::EcnCodepoint;
    use rustix::net::addr::SocketAddrArg;
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg, sockopt};

    use super::Packet;

    /// Packets of one call; the kernel takes at most 1,024.
    const MAX_BATCH: usize = 256;

    /// The ECN field with which the socket marks at present.
    ///
    /// rustix offers no control message for it, so that it is the socket's option, changed when the packets' changes.
    /// In practice that is once: packets are marked unless QUIC finds that a path clears the field.
    pub(super) struct Marking {
        ipv6: bool,
        present: u8,
    }

    impl Marking {
        pub(super) fn new(ipv6: bool) -> Self {
            Self { ipv6, present: 0 }
        }

        /// Best effort: an unmarked packet arrives as well.
        fn set(&mut self, socket: impl AsFd, ecn: Option<EcnCodepoint>) {
            let wanted = ecn.map_or(0, |ecn| ecn as u8);
            if wanted == self.present {
                return;
            }
            let socket = socket.as_fd();
            // A socket of both families marks what goes to IPv4 as its IPv4 option says.
            let ipv4 = sockopt::set_ip_tos(socket, wanted).is_ok();
            let done = match self.ipv6 {
                true => sockopt::set_ipv6_tclass(socket, wanted.into()).is_ok(),
                false => ipv4,
            };
            if done {
                self.present = wanted;
            }
        }
    }

    pub(super) fn send(
        socket: impl AsFd,
        marking: &mut Marking,
        batch: &[Packet<'_>],
    ) -> io::Result<usize> {
        let Some(first) = batch.first() else {
            return Ok(0);
        };
        let equal = batch
            .iter()
            .take(MAX_BATCH)
            .take_while(|packet| packet.ecn == first.ecn)
            .count();
        let batch = &batch[..equal];
        marking.set(&socket, first.ecn);

        let addresses: Vec<SocketAddrAny> =
            batch.iter().map(|packet| packet.remote.as_any()).collect();
        let contents: Vec<IoSlice<'_>> = batch
            .iter()
            .map(|packet| IoSlice::new(packet.bytes))
            .collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = batch
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let mut messages: Vec<MMsgHdr<'_>> = addresses
            .iter()
            .zip(&contents)
            .zip(&mut controls)
            .map(|((address, content), control)| {
                MMsgHdr::new_with_addr(address, std::slice::from_ref(content), control)
            })
            .collect();
        Ok(sendmmsg(socket, &mut messages, SendFlags::empty())?)
    }
}
