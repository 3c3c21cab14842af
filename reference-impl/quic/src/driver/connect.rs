//! How connections come to be: asked for by the core, or arriving.

use std::sync::Arc;

use bytes::BytesMut;
use duet_protocol::io::{ConnId, Core, Purpose};
use duet_protocol::time::Instant;
use quinn_proto::{AcceptError, ConnectionHandle, Incoming};
use tracing::debug;

use super::{Door, Driver, Role, Transmit};
use crate::connection::{Conn, Occasion};
use crate::controller::{Handle, Mode};
use crate::transport;

impl<C: Core> Driver<C> {
    pub(super) fn connect(
        &mut self,
        now: Instant,
        id: ConnId,
        purpose: Purpose,
        endpoint: &str,
    ) -> Result<(), String> {
        let quic_now = self.quic_time(now);
        let Role::Client {
            settings,
            tls,
            first_remote_ids,
        } = &self.role
        else {
            return Err("a server opens no connections".to_owned());
        };
        let remote = match endpoint {
            "" => settings.server,
            text => text
                .parse()
                .map_err(|_| format!("{text:?} is not an IP address with a port"))?,
        };
        let mode = match purpose {
            Purpose::Control | Purpose::Service => Mode::Cubic,
            Purpose::Media => Mode::Media,
        };
        let handle = Handle::new(mode, self.media_control);
        let ids = first_remote_ids.clone();
        let mut config = quinn_proto::ClientConfig::new(tls.config(purpose));
        config
            .transport_config(Arc::new(transport::client(purpose, handle.clone())))
            .initial_dst_cid_provider(Arc::new(move || ids.next()));
        let (quic_handle, quic) = self
            .endpoint
            .connect(quic_now, config, remote, &settings.server_name)
            .map_err(|error| error.to_string())?;
        let patience = transport::patience(purpose).map(|span| now.after(span));
        self.insert(quic_handle, Conn::new(quic, id, handle).within(patience));
        Ok(())
    }

    pub(super) fn incoming(&mut self, now: Instant, door: Door, incoming: Incoming) {
        let quic_now = self.quic_time(now);
        self.packet.clear();
        let Role::Server {
            config,
            services,
            handshakes_before_retry,
            max_handshakes,
        } = &self.role
        else {
            self.endpoint.ignore(incoming);
            return;
        };
        if self.handshakes >= *max_handshakes {
            self.statistics.refused += 1;
            let transmit = self.endpoint.refuse(incoming, &mut self.packet);
            self.respond(door, transmit);
            return;
        }
        let doubtful = !incoming.remote_address_validated();
        if doubtful && self.handshakes >= *handshakes_before_retry {
            self.statistics.retried += 1;
            match self.endpoint.retry(incoming, &mut self.packet) {
                Ok(transmit) => self.respond(door, transmit),
                // An address that was not validated can always be asked to retry.
                Err(error) => self.endpoint.ignore(error.into_incoming()),
            }
            return;
        }
        let handle = Handle::new(Mode::Cubic, self.media_control);
        let mut config = match (door, services) {
            (Door::Services, Some(services)) => services.as_ref().clone(),
            _ => config.as_ref().clone(),
        };
        let admits_services = door == Door::Services || services.is_none();
        config.transport_config(Arc::new(transport::server(handle.clone())));
        let accepted =
            self.endpoint
                .accept(incoming, quic_now, &mut self.packet, Some(Arc::new(config)));
        match accepted {
            Ok((quic_handle, quic)) => {
                let id = ConnId(self.next_id);
                self.next_id += 1;
                self.handshakes += 1;
                let conn = Conn::new(quic, id, handle).by(door, admits_services);
                self.insert(quic_handle, conn);
                // What begins a connection carries no datagrams: there is no 0-RTT.
                self.attend(now, Occasion::time(now), quic_handle.0);
            }
            Err(AcceptError { cause, response }) => {
                debug!(%cause, "not accepted");
                if let Some(transmit) = response {
                    self.respond(door, transmit);
                }
            }
        }
    }

    pub(super) fn insert(&mut self, handle: ConnectionHandle, mut conn: Conn) {
        if self.whole_streams {
            conn.give_whole_streams();
        }
        self.handles.insert(conn.id, handle.0);
        self.conns.insert(handle.0, conn);
        self.touched(handle.0);
    }

    /// Sends a packet that the endpoint itself has left in `self.packet`.
    pub(super) fn respond(&mut self, door: Door, transmit: quinn_proto::Transmit) {
        let bytes = self.packet.get(..transmit.size).unwrap_or(&self.packet);
        self.responses.push_back(Transmit {
            door,
            remote: transmit.destination,
            bytes: BytesMut::from(bytes),
            ecn: transmit.ecn,
        });
    }
}
