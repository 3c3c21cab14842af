//! Whatever the network does, what arrives is the file, in order and complete.

use std::collections::VecDeque;

use duet_sim::net::{Datagram, Host};
use duet_sim::traffic::{Congestion, TcpConfig, TcpSender, TcpSink, TcpSinkConfig};
use duet_sim::{EventQueue, Time};
use proptest::prelude::*;

use crate::{millis, segment, sender_address, sink_address};

/// What the network does to one datagram.
#[derive(Clone, Debug)]
enum Fault {
    Deliver,
    Lose,
    /// Late by so many milliseconds: others pass it.
    Delay(u64),
    /// Twice, the second late by so many milliseconds.
    Double(u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::Deliver),
        2 => Just(Fault::Lose),
        1 => (1u64..400).prop_map(Fault::Delay),
        1 => (0u64..2_000).prop_map(Fault::Double),
    ]
}

enum To {
    Sender,
    Sink,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// The faults hit the first datagrams of each way; afterwards the network is whole, and the file must arrive.
    ///
    /// Fails if a late copy of the SYN begins a connection anew, whether open or closed, if ranges that overlap are
    /// joined to the shorter, or if a duplicate stops the timer.
    #[test]
    fn the_sink_has_the_file_in_order_and_complete(
        bytes in 0u64..300_000,
        cubic in any::<bool>(),
        ack_every in 1u32..4,
        window in 3_000u64..200_000,
        there in prop::collection::vec(fault(), 0..300),
        back in prop::collection::vec(fault(), 0..300),
    ) {
        let config = TcpConfig {
            bytes: Some(bytes),
            congestion: if cubic { Congestion::Cubic } else { Congestion::NewReno },
            ..TcpConfig::default()
        };
        let sink = TcpSinkConfig { ack_every, window, ..TcpSinkConfig::default() };
        let mut sender = TcpSender::new(config, sender_address(0), sink_address());
        let mut sink = TcpSink::new(sink);
        let mut faults = [VecDeque::from(there), VecDeque::from(back)];
        let mut flying: EventQueue<(To, Datagram)> = EventQueue::new();
        let mut arrived: Vec<(u64, u64)> = Vec::new();
        let mut delivered = 0;

        let deadline = |sender: &TcpSender, sink: &TcpSink| {
            sender.deadline().into_iter().chain(sink.deadline()).min()
        };
        let end = Time::from_millis(3_000_000);
        loop {
            let timers = deadline(&sender, &sink);
            let Some(now) = flying.next_at().into_iter().chain(timers).min() else { break };
            prop_assert!(now < end, "it never ends: {:?}", sender.stats());
            while let Some((_, (to, datagram))) = flying.pop_due(now) {
                match to {
                    To::Sender => sender.receive(now, datagram),
                    To::Sink => {
                        let of = segment(&datagram);
                        prop_assert!(of.sequence + u64::from(of.length) <= bytes + 1);
                        arrived.push((of.sequence, u64::from(of.length)));
                        sink.receive(now, datagram);
                    }
                }
            }
            sender.wake(now);
            sink.wake(now);
            let mut fly = |way: usize, datagram: Datagram| {
                let to = || if way == 0 { To::Sink } else { To::Sender };
                let on_time = now.after(millis(50));
                match faults[way].pop_front().unwrap_or(Fault::Deliver) {
                    Fault::Lose => {}
                    Fault::Deliver => flying.push(on_time, 0, (to(), datagram)),
                    Fault::Delay(by) => flying.push(on_time.after(millis(by)), 0, (to(), datagram)),
                    Fault::Double(by) => {
                        flying.push(on_time, 0, (to(), datagram.clone()));
                        flying.push(on_time.after(millis(by)), 0, (to(), datagram));
                    }
                }
            };
            while let Some(datagram) = sender.transmit(now) {
                fly(0, datagram);
            }
            while let Some(datagram) = sink.transmit(now) {
                fly(1, datagram);
            }
            // In order: never less than before, and no more than what has arrived without a hole.
            prop_assert!(sink.stats().delivered >= delivered);
            if sink.stats().delivered > delivered {
                delivered = sink.stats().delivered;
                arrived.sort_unstable();
                let whole = arrived.iter().fold(1, |whole, (start, length)| {
                    if *start <= whole { whole.max(start + length) } else { whole }
                });
                prop_assert_eq!(delivered, whole - 1);
            }
            prop_assert!(sender.stats().acknowledged <= sink.stats().delivered);
        }
        let of = sender.stats();
        prop_assert!(sender.is_closed() && of.finished.is_some());
        prop_assert_eq!((of.acknowledged, of.sent - of.retransmitted), (bytes, bytes));
        prop_assert_eq!(of.goodput.total(), bytes);
        let at = sink.stats();
        prop_assert_eq!((at.delivered, at.opened, at.closed), (bytes, 1, 1));
        prop_assert_eq!(at.goodput.total(), bytes);
        prop_assert_eq!(sink.delivered_from(sender_address(0)), Some(bytes));
    }
}
