//! Whom a client takes for its server.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::cert::{Fingerprint, certificates};
use crate::settings::SettingsError;

/// Whom a client takes for its server.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Whoever holds the key of the certificate with this fingerprint, whatever its names and dates say.
    Fingerprint(Fingerprint),
    /// Whoever shows a valid chain, for the server's name, to one of these roots, in PEM. A self-signed certificate is
    /// its own root. The driver has to be told the wall clock.
    Roots(Vec<u8>),
}

impl Trust {
    pub(crate) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, SettingsError> {
        match self {
            Self::Fingerprint(expected) => Ok(Arc::new(Pinned {
                expected: *expected,
                provider: provider.clone(),
            })),
            Self::Roots(pem) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(pem, "the file of roots")? {
                    roots.add(root).map_err(SettingsError::Root)?;
                }
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
                        .build()
                        .map_err(|error| SettingsError::Roots(error.to_string()))?;
                Ok(Arc::new(Dated(verifier)))
            }
        }
    }
}

/// Accepts one certificate, by its hash; that the server holds its key is still verified.
#[derive(Debug)]
struct Pinned {
    expected: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::of(end_entity);
        if shown == self.expected {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::General(format!(
            "the server shows a certificate with fingerprint {shown}, not {}",
            self.expected
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The usual verification, which refuses to guess the date.
#[derive(Debug)]
struct Dated(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Dated {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if now.as_secs() == 0 {
            let text = "the certificate cannot be verified: the driver was not told the wall clock";
            return Err(Error::General(text.to_owned()));
        }
        self.0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
