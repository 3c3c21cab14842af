//! Who may link as a service: tokens, kept as hashes, and what each allows.

use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};

use crate::message::service::Permissions;

/// How a server takes services.
#[derive(Clone, Debug, Default)]
pub struct LinkConfig {
    /// The tokens that are good.
    pub tokens: Vec<ServiceToken>,
    /// Which questions go to the linked service; the others leave the core as [`crate::io::Output::Decide`].
    pub asks: Permissions,
}

/// A token and what it allows. Only its hash is kept.
#[derive(Clone)]
pub struct ServiceToken {
    hash: [u8; 32],
    permissions: Permissions,
}

impl ServiceToken {
    /// A token of at most 1,024 bytes, at least 128 of its bits unguessable.
    pub fn new(token: &[u8], permissions: Permissions) -> Self {
        Self {
            hash: Sha256::digest(token).into(),
            permissions,
        }
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceToken(…, {:?})", self.permissions)
    }
}

impl LinkConfig {
    /// What a token allows; every token that is known is looked at, for as long as the first one takes.
    pub(crate) fn permissions(&self, token: &[u8]) -> Option<Permissions> {
        //= SVC-009
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for known in &self.tokens {
            if same(&known.hash, &hash) {
                found = Some(known.permissions);
            }
        }
        found
    }
}

/// Compares in a time that does not depend on where the two differ.
pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let mut difference = 0;
    for (a, b) in a.iter().zip(b) {
        difference |= core::hint::black_box(a ^ b);
    }
    core::hint::black_box(difference) == 0
}
