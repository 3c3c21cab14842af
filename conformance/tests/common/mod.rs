//! Servers in threads of the test's own process.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of this"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use duet_conformance::selftest::{Foundry, Listing, Mutant};
use duet_conformance::{Options, ServiceTarget, Suite, Target};
use duet_mutants::{MUTANTS, NULLS, Running};
use tokio::sync::watch;

/// The token of the service that the harness plays.
const TOKEN: &str = "a-token-of-the-tests";

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn suite() -> Suite {
    match Suite::embedded() {
        Ok(suite) => suite,
        Err(errors) => panic!("{errors:#?}"),
    }
}

pub fn options() -> Options {
    Options {
        seed: 7,
        jobs: 64,
        slack: 2,
        accounts: Vec::new(),
    }
}

pub fn start(name: &str) -> (Target, Running) {
    let running = duet_mutants::start(name, loopback(), TOKEN).expect("a socket on the loopback");
    let target = Target {
        address: running.address,
        name: "localhost".to_owned(),
        ca: running.certificate.clone().into_bytes(),
        service: Some(ServiceTarget {
            clients: running.clients,
            services: running.services,
            token: TOKEN.as_bytes().to_vec(),
        }),
    };
    (target, running)
}

/// Never true.
pub fn uninterrupted() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    std::mem::forget(sender);
    receiver
}

/// The mutants, in threads.
pub struct Threads;

impl Foundry for Threads {
    type Running = Running;

    async fn list(&self) -> Result<Listing, String> {
        let mutants = MUTANTS.iter().map(|row| Mutant {
            name: row.name.to_owned(),
            requirement: row.requirement.to_owned(),
            breaks: row.breaks.to_owned(),
            checks: row.checks.iter().map(|check| (*check).to_owned()).collect(),
        });
        let nulls = NULLS.iter().map(|name| (*name).to_owned());
        Ok(Listing {
            mutants: mutants.collect(),
            nulls: nulls.collect(),
        })
    }

    async fn start(&self, name: &str) -> Result<(Target, Running), String> {
        Ok(start(name))
    }
}

/// A directory that goes with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("duet-conformance-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a writable temporary directory");
        Self(dir)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a writable temporary directory");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
