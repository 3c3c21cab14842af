//! Certificates and the keys behind them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, SerialNumber, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// How long a `--dev` certificate is valid: a browser accepts one by its hash for at most 14 days.
const DEV_VALIDITY: Duration = Duration::from_secs(13 * 24 * 60 * 60);

/// How far the start of a `--dev` certificate's validity lies back, for clocks that are behind.
const DEV_BACKDATE: Duration = Duration::from_secs(60 * 60);

/// A PKCS#8 (RFC 8410) wrapping of an Ed25519 private key, without the key itself.
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What a server shows: a certificate chain, and the key that belongs to it.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

/// The SHA-256 of a certificate in DER. Shown, and read, as 64 hexadecimal digits; colons between them are ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Why a certificate or key cannot be made, read or written.
#[derive(Debug, Error)]
pub enum CertError {
    /// A file cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file holds no certificate, or none that can be read.
    #[error("{from} holds no certificate in PEM: {reason}")]
    NoCertificate {
        /// Where it was looked for.
        from: String,
        /// Why it is none.
        reason: String,
    },
    /// A file holds no private key, or none that can be read.
    #[error("{from} holds no private key in PEM: {reason}")]
    NoKey {
        /// Where it was looked for.
        from: String,
        /// Why it is none.
        reason: String,
    },
    /// A name is neither a DNS name nor an IP address, or key material is unusable.
    #[error("the certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            certificate_pem: self.certificate_pem.clone(),
            key_pem: self.key_pem.clone(),
        }
    }
}

impl Identity {
    /// An Ed25519 identity that the seed determines to the last bit: the same certificate in every process.
    ///
    /// For the simulator and for tests: valid from 1975 to 4096, and its signatures have one length, so that sizes on
    /// the wire do not depend on chance.
    ///
    /// # Errors
    ///
    /// [`CertError::Make`] if a name is neither a DNS name nor an IP address.
    pub fn ed25519(seed: [u8; 32], names: &[&str]) -> Result<Self, CertError> {
        let pkcs8 = [&ED25519_PKCS8[..], &seed[..]].concat();
        let key = PrivatePkcs8KeyDer::from(pkcs8);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519)?;
        let mut params = params(names)?;
        params.serial_number = Some(SerialNumber::from(1));
        params.not_before = date_time_ymd(1975, 1, 1);
        params.not_after = date_time_ymd(4096, 1, 1);
        Self::self_signed(&params, &key)
    }

    /// A fresh ECDSA P-256 identity, valid for 13 days: what `--dev` uses, and browsers accept by its hash.
    ///
    /// # Errors
    ///
    /// [`CertError::Make`] if a name is neither a DNS name nor an IP address.
    pub fn ecdsa_p256_dev(names: &[&str]) -> Result<Self, CertError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(names)?;
        for_days(&mut params);
        Self::self_signed(&params, &key)
    }

    /// A fresh ECDSA P-256 identity, valid for 13 days, which a client can show; it is its own root.
    ///
    /// # Errors
    ///
    /// [`CertError::Make`] if the name is neither a DNS name nor an IP address.
    pub fn ecdsa_p256_client(name: &str) -> Result<Self, CertError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(&[name])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        for_days(&mut params);
        Self::self_signed(&params, &key)
    }

    fn self_signed(params: &CertificateParams, key: &KeyPair) -> Result<Self, CertError> {
        let certificate = params.self_signed(key)?;
        Ok(Self {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Reads a certificate chain, the server's own first, and its key.
    ///
    /// # Errors
    ///
    /// [`CertError::File`], [`CertError::NoCertificate`] or [`CertError::NoKey`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, CertError> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|error| CertError::File {
                path: path.to_owned(),
                error,
            })
        };
        let (certificate_from, key_from) =
            (certificate.display().to_string(), key.display().to_string());
        Self::parse(read(certificate)?, &certificate_from, read(key)?, &key_from)
    }

    /// An identity out of two PEM texts.
    ///
    /// # Errors
    ///
    /// [`CertError::NoCertificate`] or [`CertError::NoKey`].
    pub fn from_pem(certificate: String, key: String) -> Result<Self, CertError> {
        Self::parse(certificate, "the text", key, "the text")
    }

    fn parse(
        certificate_pem: String,
        certificate_from: &str,
        key_pem: String,
        key_from: &str,
    ) -> Result<Self, CertError> {
        let chain = certificates(certificate_pem.as_bytes(), certificate_from)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| {
            CertError::NoKey {
                from: key_from.to_owned(),
                reason: error.to_string(),
            }
        })?;
        Ok(Self {
            chain,
            key,
            certificate_pem,
            key_pem,
        })
    }

    /// Writes the certificate and the key, the latter readable by its owner only.
    ///
    /// # Errors
    ///
    /// [`CertError::File`].
    pub fn save(&self, certificate: &Path, key: &Path) -> Result<(), CertError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| CertError::File { path, error }
        };
        fs::write(certificate, &self.certificate_pem).map_err(failed(certificate))?;
        write_secret(key, self.key_pem.as_bytes()).map_err(failed(key))
    }

    /// The certificate chain in PEM: what a client takes as its root if the certificate is self-signed.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The fingerprint of the server's own certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.chain
            .first()
            .map_or(Fingerprint([0; 32]), Fingerprint::of)
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}

/// Valid from a moment ago on, for 13 days.
fn for_days(params: &mut CertificateParams) {
    let unix = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let start = date_time_ymd(1970, 1, 1) + unix.saturating_sub(DEV_BACKDATE);
    params.not_before = start;
    params.not_after = start + DEV_VALIDITY;
}

fn params(names: &[&str]) -> Result<CertificateParams, CertError> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let common_name = names.first().cloned().unwrap_or_else(|| "duet".to_owned());
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// The certificates of a PEM text; at least one.
pub(crate) fn certificates(
    pem: &[u8],
    from: &str,
) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let no_certificate = |reason: String| CertError::NoCertificate {
        from: from.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| no_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(no_certificate("no CERTIFICATE section".to_owned()));
    }
    Ok(chain)
}

#[cfg(unix)]
fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(bytes)
}

#[cfg(not(unix))]
fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)
}

impl Fingerprint {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a fingerprint has 64 hexadecimal digits: the SHA-256 of the certificate")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|&c| c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(FingerprintError)?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        if digits.len() != 64 {
            return Err(FingerprintError);
        }
        bytes.try_into().map(Self).map_err(|_| FingerprintError)
    }
}
