//! Network namespaces, made and taken down with the `ip` program, and what is opened in them.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use thiserror::Error;
use tun_rs::{DeviceBuilder, SyncDevice};

/// Where named namespaces are.
const FOLDER: &str = "/run/netns";

/// The name of the device in each of them.
pub const DEVICE: &str = "duet0";

/// Packets that wait at a device until they are read; the kernel drops what comes on top of them.
const QUEUE: u32 = 8_192;

/// A namespace with a TUN device in it.
pub struct Namespace {
    name: String,
    /// Whether it was made here, and so goes with this.
    ours: bool,
    /// What was run to set it up, to be told.
    pub commands: Vec<String>,
}

/// A namespace or a device is not to be had.
#[derive(Debug, Error)]
pub enum NamespaceError {
    /// The `ip` program is not there, or says no.
    #[error("`{command}`: {reason}")]
    Command {
        /// What was run.
        command: String,
        /// What it said.
        reason: String,
    },
    /// The system says no.
    #[error("a TUN device in {name}: {error}")]
    Device {
        /// The namespace.
        name: String,
        /// Why.
        error: io::Error,
    },
}

impl Namespace {
    /// The namespace of this name, which is made if there is none, and with it goes when this is dropped.
    ///
    /// # Errors
    ///
    /// [`NamespaceError`], if it cannot be made: it takes root's rights.
    pub fn open(name: &str) -> Result<Self, NamespaceError> {
        let mut this = Self {
            name: name.to_owned(),
            ours: false,
            commands: Vec::new(),
        };
        if !path(name).exists() {
            this.run(&["netns", "add", name])?;
            this.ours = true;
            this.run(&["-n", name, "link", "set", "lo", "up"])?;
        }
        Ok(this)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the TUN device, with these addresses, and routes to these networks over it; in a namespace that was made
    /// here, the default routes as well. On a system without IPv6 it has no such address.
    ///
    /// # Errors
    ///
    /// [`NamespaceError`], if the system does not allow it, or there is a device of that name.
    pub fn device(
        &mut self,
        mtu: u16,
        ipv4: Ipv4Addr,
        ipv6: Ipv6Addr,
        networks: &[&str],
    ) -> Result<SyncDevice, NamespaceError> {
        let device = within(&self.name, move || {
            let device = DeviceBuilder::new()
                .name(DEVICE)
                .mtu(mtu)
                .tx_queue_len(QUEUE)
                .enable(false)
                .build_sync()?;
            device.set_nonblocking(true)?;
            Ok(device)
        })
        .map_err(|error| NamespaceError::Device {
            name: self.name.clone(),
            error,
        })?;
        let has_ipv6 = Path::new("/proc/net/if_inet6").exists();
        // The kernel has nothing to say of its own then: packet n on a link is the programs' packet n.
        self.ip("link set", &["multicast", "off"])?;
        if has_ipv6 {
            self.ip("link set", &["addrgenmode", "none"])?;
        }
        self.ip("link set", &["up"])?;
        self.ip("addr add", &[&format!("{ipv4}/32")])?;
        if has_ipv6 {
            self.ip("addr add", &[&format!("{ipv6}/64"), "nodad"])?;
        }
        for network in networks {
            self.ip("route add", &[network])?;
        }
        if self.ours {
            self.ip("route add", &["default"])?;
            if has_ipv6 {
                self.ip("-6 route add", &["default"])?;
            }
        }
        Ok(device)
    }

    /// Runs a command of `ip` about the device.
    fn ip(&mut self, command: &str, arguments: &[&str]) -> Result<(), NamespaceError> {
        let name = self.name.clone();
        let mut all = vec!["-n", &name];
        all.extend(command.split(' '));
        all.extend(arguments);
        all.extend(["dev", DEVICE]);
        self.run(&all)
    }

    /// Runs `ip` and keeps what was run.
    fn run(&mut self, arguments: &[&str]) -> Result<(), NamespaceError> {
        let command = format!("ip {}", arguments.join(" "));
        let failed = |reason: String| NamespaceError::Command {
            command: command.clone(),
            reason,
        };
        let mut ip = Command::new("ip");
        let output = ip.args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(said.trim().replace('\n', ", ")));
        }
        self.commands.push(command);
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if self.ours {
            let name = self.name.clone();
            if let Err(error) = self.run(&["netns", "delete", &name]) {
                eprintln!("warning: the namespace stays: {error}");
            }
        }
    }
}

/// How many packets the kernel has dropped at a namespace's device, since nobody read them fast enough.
pub(super) fn dropped(namespace: &str) -> io::Result<u64> {
    // A thread's, since that is what a namespace is of.
    let devices = within(namespace, || {
        fs::read_to_string("/proc/thread-self/net/dev")
    })?;
    let line = devices
        .lines()
        .find_map(|line| line.trim().strip_prefix(DEVICE)?.strip_prefix(':'));
    // Eight columns of what the device received, then what it sent: bytes, packets, errors, drops.
    let column = line.and_then(|line| line.split_whitespace().nth(8 + 3));
    let count = column.and_then(|column| column.parse().ok());
    count.ok_or_else(|| io::Error::other("its counters are not to be read"))
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Does something in a namespace, such as opening a socket that belongs there from then on.
///
/// # Errors
///
/// There is no such namespace, there is no right to enter it, or what is done fails.
pub fn within<T: Send>(
    namespace: &str,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let namespace = File::open(path(namespace))?;
    // A thread's namespace is its own; this one ends with its work.
    std::thread::scope(|scope| {
        let entered = scope.spawn(move || {
            use std::os::fd::AsFd as _;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        });
        entered
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("it panicked")))
    })
}
