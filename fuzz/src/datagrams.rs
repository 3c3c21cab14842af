//! A datagram of a media connection: what is read is written again as it was, but for the length of the flow's number.

use duet_protocol::error::DecodeError;
use duet_protocol::limits::MAX_DATAGRAM;
use duet_protocol::media::{Control, Datagram, Demand, Ecn};

/// Reads one datagram, and what its control says, to the end.
pub fn run(input: &[u8]) {
    match Datagram::read(input) {
        Ok(Datagram::Media {
            flow,
            hop_seq,
            payload,
        }) => {
            assert!(flow.0 > 0 && !payload.is_empty() && input.len() <= MAX_DATAGRAM);
            assert!(
                input.ends_with(payload),
                "the payload is a slice of the datagram"
            );
            let mut again = Vec::new();
            duet_protocol::media::write_header(flow, hop_seq, &mut again);
            again.extend_from_slice(payload);
            assert!(
                again.len() <= input.len(),
                "the shortest form is not longer"
            );
            assert_eq!(
                Datagram::read(&again),
                Ok(Datagram::Media {
                    flow,
                    hop_seq,
                    payload
                })
            );
        }
        Ok(Datagram::Control(control)) => {
            walk(&control, input.len());
            let mut again = Vec::new();
            control.write(&mut again);
            assert_eq!(Datagram::read(&again), Ok(Datagram::Control(control)));
            assert!(
                input.ends_with(&again[1..]),
                "control is written as it was read"
            );
        }
        Err(DecodeError::TooLong) => assert!(input.len() > MAX_DATAGRAM),
        Err(_) => {}
    }
}

/// What an iterator gives is bounded by the bytes that it walks.
fn walk(control: &Control<'_>, bytes: usize) {
    match control {
        Control::Feedback(feedback) => {
            let reports: usize = feedback.blocks().map(|block| block.reports().count()).sum();
            assert!(reports * 2 <= bytes && feedback.blocks().count() * 8 <= bytes);
        }
        Control::Demand(demands) => {
            assert!(demands.iter().count() * Demand::LEN <= bytes);
        }
        Control::KeyframeRequest { .. } | Control::Sync { .. } | Control::Unknown { .. } => {}
    }
}

/// The ECN field of the packet around a datagram: its last byte chooses, so that no script has to say it.
pub(crate) fn ecn_of(datagram: &[u8]) -> Ecn {
    Ecn::from_bits(datagram.last().copied().unwrap_or_default())
}
