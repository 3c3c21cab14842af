//! Certificates, fingerprints and roots: whom a client takes for its server.

mod common;

use std::time::Duration;

use common::*;
use duet_protocol::io::{Cause, ConnId, Purpose};
use duet_quic::{ClientSettings, Driver, Fingerprint, Identity, ServerSettings, Trust};
use duet_sim::World;

const CONN: ConnId = ConnId(0);

/// Lets a client with this trust meet a server with this identity; tells the client the time if there is one.
fn meet(identity: Identity, trust: Trust, unix_micros: Option<u64>) -> Net {
    let server = server(1, ServerSettings::new(identity), TestCore::default());
    let mut client = client(1, 1, trust, TestCore::default());
    if let Some(unix_micros) = unix_micros {
        let start = duet_protocol::time::Instant::EPOCH;
        client.driver.wall_clock(start, unix_micros);
    }
    let mut net = World::pair(1, server, client, link(0));
    command(&mut net, CLIENT, |core| {
        core.connect(CONN, Purpose::Control)
    });
    settle(&mut net, Duration::from_secs(2));
    net
}

#[track_caller]
fn refused(net: &Net) -> String {
    assert!(core(net, CLIENT).connected.is_empty(), "connected");
    assert!(core(net, SERVER).connected.is_empty(), "connected");
    match core(net, CLIENT).cause(CONN) {
        Some(Cause::Failed(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn now() -> u64 {
    let unix = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    u64::try_from(unix.expect("after 1970").as_micros()).expect("in range")
}

fn roots(identity: &Identity) -> Trust {
    Trust::Roots(identity.certificate_pem().as_bytes().to_vec())
}

#[test]
fn the_right_fingerprint_is_enough() {
    let identity = Identity::ecdsa_p256_dev(&["elsewhere.example"]).expect("made");
    let trust = Trust::Fingerprint(identity.fingerprint());
    let net = meet(identity, trust, None);
    assert!(core(&net, CLIENT).connected.contains_key(&CONN));
}

#[test]
fn a_wrong_fingerprint_is_refused_in_words() {
    let net = meet(
        identity(),
        Trust::Fingerprint(Fingerprint([0xab; 32])),
        None,
    );
    let text = refused(&net);
    let shown = identity().fingerprint();
    let expected = "ab".repeat(32);
    assert_eq!(
        text,
        format!("the server shows a certificate with fingerprint {shown}, not {expected}")
    );
}

#[test]
fn a_self_signed_certificate_is_its_own_root() {
    for identity in [
        identity(),
        Identity::ecdsa_p256_dev(&[SERVER_NAME]).expect("made"),
    ] {
        let trust = roots(&identity);
        let net = meet(identity, trust, Some(now()));
        let client = core(&net, CLIENT);
        assert!(client.connected.contains_key(&CONN), "{:?}", client.closed);
    }
}

#[test]
fn roots_refuse_strangers_other_names_and_old_certificates() {
    let other = Identity::ed25519([8; 32], &[SERVER_NAME]).expect("made");
    let stranger = refused(&meet(identity(), roots(&other), Some(now())));
    assert!(stranger.contains("invalid peer certificate"), "{stranger}");

    let named = Identity::ed25519([9; 32], &["other.example"]).expect("made");
    let trust = roots(&named);
    let name = refused(&meet(named, trust, Some(now())));
    assert!(name.contains("other.example"), "{name}");

    let dev = Identity::ecdsa_p256_dev(&[SERVER_NAME]).expect("made");
    let trust = roots(&dev);
    let in_two_weeks = now() + 14 * 24 * 3_600 * 1_000_000;
    let expired = refused(&meet(dev, trust, Some(in_two_weeks)));
    assert!(expired.contains("expired"), "{expired}");
}

#[test]
fn roots_need_the_wall_clock() {
    let net = meet(identity(), roots(&identity()), None);
    let text = refused(&net);
    assert!(
        text.ends_with("the driver was not told the wall clock"),
        "{text}"
    );
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let client = |server_name: &str, trust| {
        let settings = ClientSettings {
            server: duet_quic::address_of(SERVER),
            server_name: server_name.to_owned(),
            trust,
        };
        let driver = Driver::client(settings, TestCore::default(), [0; 32], epoch());
        driver.err().expect("refused").to_string()
    };
    assert_eq!(
        client("not a name", trust()),
        "\"not a name\" is neither a DNS name nor an IP address"
    );
    assert_eq!(
        client(SERVER_NAME, Trust::Roots(b"rubbish".to_vec())),
        "the file of roots holds no certificate in PEM: no CERTIFICATE section"
    );
}

#[test]
fn a_seed_gives_one_certificate_and_another_seed_another() {
    let fingerprint = |seed| {
        let identity = Identity::ed25519([seed; 32], &[SERVER_NAME]);
        identity.expect("made").fingerprint().to_string()
    };
    // Fixed, so that it is the same in every process and every build.
    assert_eq!(fingerprint(7), FINGERPRINT_OF_SEVENS);
    assert_ne!(fingerprint(8), fingerprint(7));
}

const FINGERPRINT_OF_SEVENS: &str =
    "fbf6e01cc3d37bc54fbbbd50544b414f087665e5bdf7dee36e4f5399d710ddc2";

#[test]
fn fingerprints_are_read_as_they_are_shown() {
    let fingerprint = identity().fingerprint();
    let text = fingerprint.to_string();
    assert_eq!(text.parse(), Ok(fingerprint));
    let colons: Vec<&str> = (0..32).map(|i| &text[2 * i..2 * i + 2]).collect();
    assert_eq!(colons.join(":").to_uppercase().parse(), Ok(fingerprint));
    for wrong in [
        "",
        "ab",
        &text[1..],
        &format!("{text}00"),
        &text.replace(&text[..1], "g"),
    ] {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong:?}");
    }
}

#[test]
fn identities_are_saved_and_loaded() {
    let dir = std::env::temp_dir().join(format!("duet-quic-identity-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = Identity::ecdsa_p256_dev(&[SERVER_NAME]).expect("made");
    made.save(&certificate, &key).expect("saved");
    let loaded = Identity::load(&certificate, &key).expect("loaded");
    assert_eq!(loaded.fingerprint(), made.fingerprint());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&key).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "others can read the key");
    }
    let trust = Trust::Fingerprint(made.fingerprint());
    assert!(
        !core(&meet(loaded, trust, None), CLIENT)
            .connected
            .is_empty()
    );

    let swapped = Identity::load(&key, &certificate)
        .expect_err("refused")
        .to_string();
    assert!(
        swapped.contains("key.pem holds no certificate"),
        "{swapped}"
    );
    let missing = Identity::load(&dir.join("none"), &key)
        .expect_err("refused")
        .to_string();
    assert!(missing.contains("none: "), "{missing}");
    std::fs::remove_dir_all(&dir).expect("removed");
}
