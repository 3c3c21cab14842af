//! Media datagrams on their way from the core into QUIC's short queues.

use std::time::Duration;

use bytes::Bytes;
use duet_protocol::io::{ConnId, Core};
use duet_protocol::time::Instant;

use super::Driver;
use crate::connection::Offered;
use crate::trace::Seen;

/// How long one connection's full queue may hold up the media of all others.
const DATAGRAM_PATIENCE: Duration = Duration::from_millis(250);

/// Datagrams that one drain takes from the core at most, so that a core without end cannot hold the driver.
const DATAGRAMS_PER_DRAIN: usize = 1_024;

/// The one datagram that waits for room in a connection's queue; none is taken from the core meanwhile.
pub(super) struct Held {
    conn: ConnId,
    bytes: Bytes,
    pub(super) until: Instant,
}

impl<C: Core> Driver<C> {
    /// Moves media datagrams from the core into QUIC's queues of two.
    ///
    /// A full queue stops the taking, so that what waits, waits in the core, which knows what it is worth; packets
    /// that leave make room. One connection whose queue stays full must not stop the others for long: past
    /// [`DATAGRAM_PATIENCE`] its datagrams are dropped until it moves again.
    pub(super) fn take_datagrams(&mut self, now: Instant) {
        if let Some(Held { conn, bytes, until }) = self.held.take()
            && let Err(bytes) = self.offer(conn, bytes)
        {
            if now < until {
                self.held = Some(Held { conn, bytes, until });
                return;
            }
            self.statistics.datagrams_dropped += 1;
            self.with(conn, |conn| conn.stalled = true);
        }
        for _ in 0..DATAGRAMS_PER_DRAIN {
            let Some(conn) = self.core.next_datagram(&mut self.datagram) else {
                return;
            };
            if let Some(observer) = &mut self.observer {
                let bytes = &self.datagram[..];
                observer.output(now, Seen::Datagram { conn, bytes });
            }
            let bytes = Bytes::copy_from_slice(&self.datagram);
            if let Err(bytes) = self.offer(conn, bytes) {
                let until = now.after(DATAGRAM_PATIENCE);
                self.held = Some(Held { conn, bytes, until });
                return;
            }
        }
    }

    /// Hands a connection a datagram; gives it back if it should wait.
    pub(super) fn offer(&mut self, conn: ConnId, bytes: Bytes) -> Result<(), Bytes> {
        let handle = self.handles.get(&conn).copied();
        let conn = handle.and_then(|handle| self.conns.get_mut(&handle));
        let (Some(handle), Some(conn)) = (handle, conn) else {
            self.statistics.datagrams_dropped += 1;
            return Ok(());
        };
        match conn.send_datagram(bytes) {
            Ok(Offered::Queued) => self.touched(handle),
            Ok(Offered::Dropped) => self.statistics.datagrams_dropped += 1,
            Err(_) if conn.stalled => self.statistics.datagrams_dropped += 1,
            Err(bytes) => return Err(bytes),
        }
        Ok(())
    }
}
