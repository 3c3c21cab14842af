//! Windows, timeouts and limits of a connection.

use std::sync::Arc;
use std::time::Duration;

use duet_protocol::io::Purpose;
use duet_protocol::limits;
use quinn_proto::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};

use crate::controller::{Factory, Handle};

/// UDP payload of every packet: path MTU discovery is off, since no media datagram is larger than 1,120 bytes.
const MTU: u16 = 1200;

/// Media datagrams that wait inside QUIC; the pacer is in the core, and whatever waits here is late.
const QUEUED_DATAGRAMS: usize = 2;

/// Silence after which a connection is dead, unless the other side announces less.
const IDLE: Duration = Duration::from_secs(30);

/// The same for a media connection.
///
/// QUIC restarts the period with the first packet sent after the last one received, which a keep-alive is at the latest:
/// so both sides notice a dead link within `MEDIA_IDLE + MEDIA_KEEP_ALIVE`, 4.8 s. A server, whose last packet from a
/// silent client may be a keep-alive old, outlasts 3.2 s without a packet.
const MEDIA_IDLE: Duration = Duration::from_millis(4_000);

/// How often a client pings an otherwise silent media connection.
const MEDIA_KEEP_ALIVE: Duration = Duration::from_millis(800);

/// Bidirectional streams that a client may open before the server knows what the connection is for: the first.
const STREAMS_AT_FIRST: u32 = 1;

/// Bidirectional streams that the client of a control connection may have open before login.
pub(crate) const CONTROL_STREAMS: u32 = 2;

/// Bidirectional streams that a server may have open on a control connection of a client.
const STREAMS_OF_SERVER: u32 = limits::MAX_STREAMS_BEYOND as u32;

/// Bytes of one stream, and of all streams of a connection, that may wait to be read.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Bytes of datagrams that may wait to be read.
const DATAGRAM_RECEIVE_BUFFER: usize = 256 << 10;

/// How long a client waits for an answer to an attempt to connect, where QUIC itself would wait for too long.
///
/// An attempt can be beyond hope while the network is well: if the client's address changes in the handshake, which QUIC
/// does not follow (RFC 9000 §9), the server goes on answering to the old one. [`IDLE`] is as long as the window in which
/// a session can be resumed; a server waits for [`limits::LOGIN`] too.
pub(crate) fn patience(purpose: Purpose) -> Option<Duration> {
    match purpose {
        Purpose::Control | Purpose::Service => Some(limits::LOGIN),
        // [`MEDIA_IDLE`] is shorter.
        Purpose::Media => None,
    }
}

/// A server's side of a connection whose purpose is not known yet.
pub(crate) fn server(handle: Arc<Handle>) -> TransportConfig {
    let mut config = common(handle);
    config
        .max_idle_timeout(Some(idle(IDLE)))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_AT_FIRST));
    config
}

/// A client's side of a connection.
pub(crate) fn client(purpose: Purpose, handle: Arc<Handle>) -> TransportConfig {
    let mut config = common(handle);
    match purpose {
        Purpose::Control | Purpose::Service => config
            .max_idle_timeout(Some(idle(IDLE)))
            .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_OF_SERVER)),
        Purpose::Media => config
            .max_idle_timeout(Some(idle(MEDIA_IDLE)))
            .keep_alive_interval(Some(MEDIA_KEEP_ALIVE))
            .max_concurrent_bidi_streams(VarInt::from_u32(0)),
    };
    config
}

fn common(handle: Arc<Handle>) -> TransportConfig {
    let mut ack_frequency = AckFrequencyConfig::default();
    ack_frequency
        .ack_eliciting_threshold(VarInt::from_u32(10))
        .max_ack_delay(Some(Duration::from_millis(25)));

    // quinn-proto counts its own struct beside each payload.
    let datagram = usize::from(MTU) + size_of::<quinn_proto::Datagram>();

    let mut config = TransportConfig::default();
    config
        .initial_mtu(MTU)
        .min_mtu(MTU)
        .mtu_discovery_config(None)
        .initial_rtt(Duration::from_millis(100))
        .ack_frequency_config(Some(ack_frequency))
        .congestion_controller_factory(Arc::new(Factory(handle)))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(CONNECTION_WINDOW.into())
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BUFFER))
        .datagram_send_buffer_size(QUEUED_DATAGRAMS * datagram)
        // One packet a transmit: the socket sends to many peers in one call, which segmentation offload cannot.
        .enable_segmentation_offload(false);
    config
}

fn idle(span: Duration) -> IdleTimeout {
    let millis = u32::try_from(span.as_millis()).unwrap_or(u32::MAX);
    VarInt::from_u32(millis).into()
}
