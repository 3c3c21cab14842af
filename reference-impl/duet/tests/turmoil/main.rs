//! The program as it is shipped, under turmoil: crashes, partitions, held packets, and what must hold of all of them.

mod calls;
mod crash;
mod determinism;
mod hold;
mod partition;
mod planted;
mod scenarios;
mod storm;
mod support;
