//! Why a connection is gone: QUIC's reasons in the core's terms, and in words for people.

use duet_protocol::code::Code;
use duet_protocol::io::Cause;
use quinn_proto::{ConnectionError, TransportErrorCode, VarInt};
use rustls::AlertDescription;

/// The code with which a connection is closed.
pub(crate) fn error_code(code: Code) -> VarInt {
    //= WIRE-015
    VarInt::from(code.0)
}

/// The cause of a loss that this side did not ask for.
pub(crate) fn of(error: &ConnectionError) -> Cause {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            match u16::try_from(close.error_code.into_inner()) {
                Ok(code) => Cause::Peer(Code(code)),
                Err(_) => Cause::Failed(format!(
                    "the peer closed the connection with a code out of range, {}",
                    close.error_code
                )),
            }
        }
        ConnectionError::TimedOut => Cause::TimedOut,
        ConnectionError::LocallyClosed => Cause::Local,
        ConnectionError::TransportError(error) => Cause::Failed(match alert(error.code) {
            Some(_) => plain(&error.reason).to_owned(),
            None => format!("this side found QUIC's rules broken: {error}"),
        }),
        ConnectionError::ConnectionClosed(close) => Cause::Failed(peer_closed(close)),
        ConnectionError::Reset => {
            Cause::Failed("the peer does not know this connection; has it restarted?".to_owned())
        }
        ConnectionError::VersionMismatch => {
            Cause::Failed("the peer speaks no version of QUIC that this side speaks".to_owned())
        }
        ConnectionError::CidsExhausted => Cause::Failed("no connection ids are left".to_owned()),
    }
}

fn peer_closed(close: &quinn_proto::ConnectionClose) -> String {
    if close.error_code == TransportErrorCode::CONNECTION_REFUSED {
        return "the peer refuses further connections".to_owned();
    }
    match alert(close.error_code) {
        Some(AlertDescription::NoApplicationProtocol) => {
            "the peer speaks none of the offered protocols (ALPN)".to_owned()
        }
        Some(alert) => format!("the peer refused the TLS handshake: {alert:?}"),
        None => format!("the peer gave the connection up: {close}"),
    }
}

/// The TLS alert in a QUIC error code (RFC 9001 §4.8).
fn alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let code = u64::from(code).checked_sub(0x100)?;
    u8::try_from(code).ok().map(AlertDescription::from)
}

/// rustls' text for an error of our own verifiers, without the preamble.
fn plain(reason: &str) -> &str {
    reason.strip_prefix("unexpected error: ").unwrap_or(reason)
}
