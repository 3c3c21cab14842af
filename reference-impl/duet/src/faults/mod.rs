//! The program as it is shipped, through crashes, restarts, partitions and held packets.
//!
//! The server that `duet serve` runs ([`Serving`](crate::serving::Serving)), and clients in the same loop, run as tokio
//! programs on hosts that turmoil simulates: its clock is theirs, and its network carries their UDP packets. What each
//! client does and is told goes before the [invariants](crate::invariants), the same that judge the simulator's runs.
//!
//! turmoil's links have a fixed latency, and can be cut and held; they have no rate, no queue, no loss and no ECN, and
//! deliver at ticks. Whatever else a scenario asks for is the simulator's ([`duet_sim::World`]); it is refused here.
//!
//! Equal courses give equal runs, in every process: everything is drawn from the seed, and nothing that runs here selects
//! among futures at random.
//!
//! | to look for | look in |
//! |---|---|
//! | what happens in a run | [`Course`]: `course.rs` |
//! | a course from a scenario file, and what is refused | `scenario.rs` |
//! | the run | [`run`]: `drive.rs` |
//! | the hosts' software | `hosts.rs` |
//! | what is seen of it | `witness.rs` |

mod course;
mod drive;
mod hosts;
mod scenario;
mod witness;

pub use course::{Client, Course, CourseError, Fault, Host, SERVER, Step, TICK, What};
pub use drive::{FaultsError, Run, run, run_heard};
pub use witness::Hearing;
