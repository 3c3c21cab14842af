//! NATs and firewalls: the boxes by themselves, through their public API.

mod bench;

mod allocation;
mod events;
mod firewall;
mod names;
mod properties;
mod punching;
mod rfc4787;
mod rfc4787_packets;
mod tcp;
mod timers;
mod world;
