//! QUIC's own controllers in the media plane's place, as experiments want them.

mod common;

use std::time::Duration;

use common::*;
use duet_protocol::io::{ConnId, Purpose};
use duet_quic::{MediaControl, Mode};
use duet_sim::{LinkConfig, QueueConfig, Rate};

const MEDIA: ConnId = ConnId(0);
const FRAME: Duration = Duration::from_millis(40);
const DATAGRAM: usize = 1_000;

const QUICS_OWN: [MediaControl; 3] = [
    MediaControl::NewReno,
    MediaControl::Cubic,
    MediaControl::Bbr,
];

/// 1 Mb/s each way, 200 ms there and back, which ten packets at first do not fill; 300 ms of queue.
fn narrow(loss: u32) -> LinkConfig {
    LinkConfig {
        rate: Rate::new(1_000_000),
        delay: Duration::from_millis(100),
        queue: QueueConfig::bytes(37_500),
        ..link(loss)
    }
}

fn media(control: MediaControl, loss: u32) -> Net {
    let mut net = pair(7, narrow(loss));
    for node in [SERVER, CLIENT] {
        net.node_mut(node).driver.media_control(control);
    }
    establish(&mut net, CLIENT, MEDIA, Purpose::Media);
    net
}

/// An encoder that follows the window for a while, from 150 kb/s to `most` bits per second: a frame every 40 ms.
/// Gives what arrived in the last ten seconds, in bits per second.
fn encode(net: &mut Net, most: u64, frames: u32) -> u64 {
    let window = Duration::from_secs(10);
    let mut at_first = 0;
    for frame in 0..frames {
        if frame + (window.as_millis() / FRAME.as_millis()) as u32 == frames {
            at_first = core(net, SERVER).datagrams.len();
        }
        let rate = net.node(CLIENT).driver.rate(MEDIA);
        let rate = rate.expect("a connection").clamp(150_000, most);
        let bytes = rate * FRAME.as_millis() as u64 / 8_000;
        command(net, CLIENT, |core| {
            for _ in 0..bytes.div_ceil(DATAGRAM as u64) {
                core.datagram(MEDIA, &[0; DATAGRAM]);
            }
        });
        settle(net, FRAME);
    }
    let arrived = core(net, SERVER).datagrams.len() - at_first;
    (arrived * DATAGRAM * 8) as u64 / window.as_secs()
}

#[test]
fn by_default_the_window_is_a_cap_that_never_moves() {
    let mut net = media(MediaControl::default(), 5);
    let before = net.node(CLIENT).driver.window(MEDIA);
    assert!(before >= Some(1 << 20));
    encode(&mut net, 1_500_000, 500);
    for node in [SERVER, CLIENT] {
        let driver = &net.node(node).driver;
        assert_eq!(driver.mode(MEDIA), Some(Mode::Media));
        assert_eq!(driver.window(MEDIA), before);
    }
}

#[test]
fn an_encoder_that_follows_the_window_fills_the_link() {
    for control in QUICS_OWN {
        let mut net = media(control, 0);
        let rate = encode(&mut net, 5_000_000, 1_000);
        assert!(rate > 750_000, "{control:?} gave {rate} bits per second");
        let driver = &net.node(CLIENT).driver;
        let (rtt, min_rtt) = (driver.rtt(MEDIA), driver.min_rtt(MEDIA));
        assert!(min_rtt >= Some(Duration::from_millis(200)), "{min_rtt:?}");
        assert!(rtt >= min_rtt, "{rtt:?} and at least {min_rtt:?}");
    }
}

/// The link is not the limit, and every controller finds out.
#[test]
fn an_encoder_that_is_the_limit_gets_its_rate() {
    for control in QUICS_OWN {
        let mut net = media(control, 0);
        let rate = encode(&mut net, 400_000, 1_000);
        assert!(rate >= 400_000, "{control:?} gave {rate} bits per second");
        let rtt = net.node(CLIENT).driver.rtt(MEDIA).expect("measured");
        assert!(rtt < Duration::from_millis(280), "{control:?}: {rtt:?}");
    }
}

/// What a sender has not tried it is not allowed: here 200 kb/s, so that some six packets are in flight.
#[test]
fn the_window_does_not_grow_beyond_twice_what_is_used() {
    for control in [MediaControl::NewReno, MediaControl::Cubic] {
        let mut net = media(control, 0);
        encode(&mut net, 200_000, 1_000);
        let window = net.node(CLIENT).driver.window(MEDIA);
        assert!(window <= Some(15_000), "{control:?} has {window:?}");
    }
}

#[test]
fn random_losses_hold_back_newreno_and_cubic_and_not_bbr() {
    let rates = QUICS_OWN.map(|control| {
        let mut net = media(control, 10);
        encode(&mut net, 5_000_000, 1_000)
    });
    let [newreno, cubic, bbr] = rates;
    assert!(3 * newreno < 2 * bbr && 3 * cubic < 2 * bbr, "{rates:?}");
}

#[test]
fn control_connections_keep_cubic() {
    let mut net = pair(7, narrow(0));
    net.node_mut(CLIENT).driver.media_control(MediaControl::Bbr);
    let control = ConnId(0);
    establish(&mut net, CLIENT, control, Purpose::Control);
    assert_eq!(net.node(CLIENT).driver.mode(control), Some(Mode::Cubic));
    assert_eq!(net.node(CLIENT).driver.window(ConnId(9)), None);
    assert_eq!(net.node(CLIENT).driver.rtt(ConnId(9)), None);
    assert_eq!(net.node(CLIENT).driver.rate(ConnId(9)), None);
}
