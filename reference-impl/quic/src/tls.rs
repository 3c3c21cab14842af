//! TLS 1.3 for both sides: ring, no client certificates, no resumption, no 0-RTT.

use std::sync::Arc;

use duet_protocol::io::Purpose;
use quinn_proto::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;

use crate::seeded::ToldTime;
use crate::settings::{ClientSettings, ServerSettings, SettingsError};

/// A server's TLS, which offers every protocol: a client that speaks none of them is refused.
pub(crate) fn server(
    settings: &ServerSettings,
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let mut config =
        rustls::ServerConfig::builder_with_details(Arc::new(ring::default_provider()), time)
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(settings.identity.chain(), settings.identity.key())?;
    config.alpn_protocols = [Purpose::Control, Purpose::Media, Purpose::Service]
        .map(|purpose| purpose.alpn().to_vec())
        .into();
    config.max_early_data_size = 0;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let config = QuicServerConfig::try_from(config).map_err(|_| SettingsError::NoSuite)?;
    Ok(Arc::new(config))
}

/// A client's TLS for its kinds of connection.
pub(crate) struct Client {
    control: Arc<QuicClientConfig>,
    media: Arc<QuicClientConfig>,
    service: Arc<QuicClientConfig>,
}

impl Client {
    pub(crate) fn new(
        settings: &ClientSettings,
        time: &Arc<ToldTime>,
    ) -> Result<Self, SettingsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = settings.trust.verifier(&provider)?;
        Ok(Self {
            control: client(Purpose::Control, &provider, &verifier, time)?,
            media: client(Purpose::Media, &provider, &verifier, time)?,
            service: client(Purpose::Service, &provider, &verifier, time)?,
        })
    }

    pub(crate) fn config(&self, purpose: Purpose) -> Arc<QuicClientConfig> {
        match purpose {
            Purpose::Control => self.control.clone(),
            Purpose::Media => self.media.clone(),
            Purpose::Service => self.service.clone(),
        }
    }
}

fn client(
    purpose: Purpose,
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<dyn ServerCertVerifier>,
    time: &Arc<ToldTime>,
) -> Result<Arc<QuicClientConfig>, SettingsError> {
    let mut config = rustls::ClientConfig::builder_with_details(provider.clone(), time.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![purpose.alpn().to_vec()];
    config.enable_early_data = false;
    config.resumption = Resumption::disabled();
    let config = QuicClientConfig::try_from(config).map_err(|_| SettingsError::NoSuite)?;
    Ok(Arc::new(config))
}

/// What the two sides agreed on by ALPN, once they have.
pub(crate) fn purpose(session: &dyn quinn_proto::crypto::Session) -> Option<Purpose> {
    let data = session.handshake_data()?.downcast::<HandshakeData>().ok()?;
    let protocol = data.protocol?;
    [Purpose::Control, Purpose::Media, Purpose::Service]
        .into_iter()
        .find(|purpose| purpose.alpn() == protocol)
}
