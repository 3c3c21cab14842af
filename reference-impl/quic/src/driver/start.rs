//! How drivers come to be: a server's, a client's, and those of simulations.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use duet_protocol::io::Core;
use quinn_proto::{Endpoint, EndpointConfig};

use super::splices::Splices;
use super::{Driver, Role, Statistics};
use crate::cert::Identity;
use crate::controller::MediaControl;
use crate::seeded::{Seed, ToldTime};
use crate::settings::{ClientSettings, ServerSettings, SettingsError};
use crate::simulation::{Crypto, Simulation};
use crate::tls;

impl<C: Core> Driver<C> {
    /// A server's driver. In virtual time, `epoch` is any one instant, the same for all that shares the time.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if the identity cannot be used.
    pub fn server(
        settings: ServerSettings,
        core: C,
        seed: [u8; 32],
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        Self::server_on(&Crypto::shipped(), settings, core, &Seed::new(seed), epoch)
    }

    /// The same in a simulation.
    ///
    /// # Errors
    ///
    /// As [`Driver::server`], and if the simulation cannot have the identity.
    pub fn simulated_server(
        simulation: Simulation,
        settings: ServerSettings,
        core: C,
        seed: [u8; 32],
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        let seed = Seed::new(seed);
        let crypto = Crypto::simulated(simulation, &seed);
        let this = Self::server_on(&crypto, settings, core, &seed, epoch)?;
        Ok(this.simulated(crypto))
    }

    fn server_on(
        crypto: &Crypto,
        settings: ServerSettings,
        core: C,
        seed: &Seed,
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        let time = Arc::new(ToldTime::default());
        let tls = tls::server(&settings, crypto, time.clone())?;
        let mut config = quinn_proto::ServerConfig::new(tls, seed.token_key());
        config.time_source(time.clone());
        let services = match &settings.services {
            Some(door) => {
                let tls = tls::for_services(&settings, door, crypto, time.clone())?;
                let mut config = quinn_proto::ServerConfig::new(tls, seed.token_key());
                config.time_source(time.clone());
                Some(Box::new(config))
            }
            None => None,
        };
        let role = Role::Server {
            config: Box::new(config.clone()),
            services,
            handshakes_before_retry: settings.handshakes_before_retry,
            max_handshakes: settings.max_handshakes,
        };
        Ok(Self::new(
            core,
            role,
            Some(Arc::new(config)),
            seed,
            time,
            epoch,
        ))
    }

    /// A client's driver; it connects when its core asks for it.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if the roots or the server's name cannot be used.
    pub fn client(
        settings: ClientSettings,
        core: C,
        seed: [u8; 32],
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        Self::client_as(None, settings, core, seed, epoch)
    }

    /// The same, with a certificate to show to a server that asks for one, as it may ask its services.
    ///
    /// # Errors
    ///
    /// As [`Driver::client`], and if the identity cannot be used.
    pub fn client_as(
        identity: Option<&Identity>,
        settings: ClientSettings,
        core: C,
        seed: [u8; 32],
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        let crypto = Crypto::shipped();
        Self::client_on(&crypto, identity, settings, core, &Seed::new(seed), epoch)
    }

    /// The same in a simulation.
    ///
    /// # Errors
    ///
    /// As [`Driver::client_as`], and if the simulation cannot have the identity.
    pub fn simulated_client(
        simulation: Simulation,
        identity: Option<&Identity>,
        settings: ClientSettings,
        core: C,
        seed: [u8; 32],
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        let seed = Seed::new(seed);
        let crypto = Crypto::simulated(simulation, &seed);
        let this = Self::client_on(&crypto, identity, settings, core, &seed, epoch)?;
        Ok(this.simulated(crypto))
    }

    fn client_on(
        crypto: &Crypto,
        identity: Option<&Identity>,
        settings: ClientSettings,
        core: C,
        seed: &Seed,
        epoch: std::time::Instant,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let time = Arc::new(ToldTime::default());
        let role = Role::Client {
            tls: tls::Client::new(&settings, crypto, identity, &time)?,
            settings,
            first_remote_ids: seed.first_remote_ids(),
        };
        Ok(Self::new(core, role, None, seed, time, epoch))
    }

    fn simulated(self, crypto: Crypto) -> Self {
        let simulated = Some(crypto.into_rest());
        Self { simulated, ..self }
    }

    /// Whether it was made for a simulation, and so is for no socket.
    pub fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    fn new(
        core: C,
        role: Role,
        server: Option<Arc<quinn_proto::ServerConfig>>,
        seed: &Seed,
        time: Arc<ToldTime>,
        epoch: std::time::Instant,
    ) -> Self {
        let mut config = EndpointConfig::new(seed.reset_key());
        let ids = seed.local_ids();
        config
            .cid_generator(move || Box::new(ids.clone()))
            .grease_quic_bit(false)
            .rng_seed(Some(seed.derive("quinn-proto")));
        Self {
            core,
            endpoint: Endpoint::new(Arc::new(config), server, false, None),
            role,
            epoch,
            time,
            conns: BTreeMap::new(),
            handles: BTreeMap::new(),
            next_id: 0,
            handshakes: 0,
            timers: BTreeSet::new(),
            sendable: VecDeque::new(),
            responses: VecDeque::new(),
            inputs: VecDeque::new(),
            events: VecDeque::new(),
            decides: VecDeque::new(),
            held: None,
            splices: Splices::default(),
            whole_streams: false,
            media_control: MediaControl::default(),
            packet: Vec::new(),
            datagram: Vec::new(),
            observer: None,
            statistics: Statistics::default(),
            simulated: None,
        }
    }
}
