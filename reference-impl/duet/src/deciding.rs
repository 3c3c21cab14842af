//! Decisions off the network's thread: a password takes some tens of milliseconds, a change of a list a write to the disk.

use std::sync::Arc;
use std::time::Instant;

use duet_protocol::code::Code;
use duet_protocol::service::{Decision, Proof, Question};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use crate::service::Service;

/// Passwords that are hashed at once: each takes a core and 19 MiB for some tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;
/// Passwords that may wait to be hashed; what comes beyond is refused at once.
const MAX_WAITING_HASHES: usize = 64;

/// A service that decides, and where its later answers go: with the number of the question.
pub(crate) struct Deciding {
    service: Arc<Service>,
    hashing: Arc<Semaphore>,
    answers: UnboundedSender<(u64, Decision)>,
}

impl Deciding {
    pub(crate) fn new(service: Service, answers: UnboundedSender<(u64, Decision)>) -> Self {
        Self {
            service: Arc::new(service),
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            answers,
        }
    }

    /// The answer to a question, where it is known at once; otherwise it comes later, if that is before `until`.
    pub(crate) fn decide(&self, id: u64, question: Question, until: Instant) -> Option<Decision> {
        match &question {
            // One change of a user's list is asked about at a time, so that they stay in order.
            Question::Contact { .. } => {
                let (service, answers) = (self.service.clone(), self.answers.clone());
                tokio::task::spawn_blocking(move || {
                    // The loop may have ended: then nobody waits for the answer.
                    let _ = answers.send((id, service.decide(&question)));
                });
                None
            }
            Question::Login {
                method: Proof::Password(_),
                ..
            } => {
                if Arc::strong_count(&self.hashing) > MAX_WAITING_HASHES {
                    return Some(Decision::Deny(Code::SERVICE_UNAVAILABLE));
                }
                tokio::spawn(hash(
                    self.service.clone(),
                    self.hashing.clone(),
                    self.answers.clone(),
                    (id, question, until),
                ));
                None
            }
            _ => Some(self.service.decide(&question)),
        }
    }
}

async fn hash(
    service: Arc<Service>,
    hashing: Arc<Semaphore>,
    answers: UnboundedSender<(u64, Decision)>,
    (id, question, until): (u64, Question, Instant),
) {
    let Ok(_permit) = hashing.acquire().await else {
        return;
    };
    // It has been answered for by now.
    if duet_quic::now() >= until {
        return;
    }
    let decision = tokio::task::spawn_blocking(move || service.decide(&question)).await;
    if let Ok(decision) = decision {
        // The loop may have ended: then nobody waits for the answer.
        let _ = answers.send((id, decision));
    }
}
