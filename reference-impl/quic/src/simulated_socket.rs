//! A UDP socket in a turmoil simulation.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;

use crate::socket::{Packet, Received, Socket};

/// Packets of one receive call, as many as the system's socket takes.
const BATCH: usize = 32;

/// The largest UDP datagram.
const MAX_RECEIVE: usize = 64 << 10;

/// A UDP socket of a host that turmoil simulates. It carries no ECN, and there is always room to send.
#[derive(Debug)]
pub struct SimulatedSocket {
    socket: turmoil::net::UdpSocket,
    buffer: Box<[u8]>,
}

impl SimulatedSocket {
    /// A socket of the host whose software runs at present, on that port of all its addresses; port 0 is any that is
    /// free.
    ///
    /// # Errors
    ///
    /// As turmoil reports them: the port is taken.
    ///
    /// # Panics
    ///
    /// Outside of a host of a simulation.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let any = SocketAddr::from(([0, 0, 0, 0], port));
        Ok(Self {
            socket: turmoil::net::UdpSocket::bind(any).await?,
            buffer: vec![0; MAX_RECEIVE].into(),
        })
    }
}

impl Socket for SimulatedSocket {
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.socket.readable()
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.socket.writable()
    }

    fn recv_batch(&mut self, batch: &mut Vec<Received>) -> io::Result<usize> {
        let Self { socket, buffer } = self;
        for received in 0..BATCH {
            match socket.try_recv_from(buffer) {
                Ok((size, remote)) => batch.push(Received {
                    remote,
                    bytes: BytesMut::from(&buffer[..size]),
                    ecn: None,
                }),
                Err(_) if received > 0 => return Ok(received),
                Err(error) => return Err(error),
            }
        }
        Ok(BATCH)
    }

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
