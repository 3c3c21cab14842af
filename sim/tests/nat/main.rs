//! NATs and firewalls: the boxes by themselves, through their public API.

mod bench;
#[path = "../common/packets.rs"]
mod packets;

mod allocation;
mod events;
mod firewall;
mod firewall_packets;
mod hostile;
mod names;
mod properties;
mod punching;
mod rfc4787;
mod rfc4787_packets;
mod rfc5508;
mod tcp;
mod timers;
mod world;
mod world_packets;
