//! Network namespaces, veth pairs and bpffs mounts that disappear with the value.

use std::{
    net::IpAddr,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::{self, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use ipnet::IpNet;

use crate::command;

mod topology;
mod wire;

pub use topology::Topology;
pub use wire::Wire;

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A network namespace.
#[derive(Debug)]
pub struct Netns {
    name: String,
    /// `--net=` and the path of the namespace.
    enter: String,
}

impl Netns {
    /// A new one, its loopback up; `label` is part of its name, which is unique.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ms-{label}-{}-{count}", process::id());
        command::run(&["ip", "netns", "add", &name]);
        let netns = Self {
            enter: format!("--net=/run/netns/{name}"),
            name,
        };
        // IPv6 addresses are usable at once: no neighbour can have the same.
        netns.sysctl("net.ipv6.conf.default.accept_dad", "0");
        netns.run(&["ip", "link", "set", "lo", "up"]);
        netns
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has this thread, and what it starts, live inside from now on.
    ///
    /// # Panics
    /// When it may not.
    pub fn enter(&self) {
        let path = format!("/run/netns/{}", self.name);
        let netns = std::fs::File::open(path).expect("it is there");
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(netns.as_fd(), kind).expect("root may");
    }

    /// The words that run `words` inside. `ip netns exec` would remount `/sys`, which hides bpffs.
    #[must_use]
    pub fn wrap<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        [&["nsenter", &self.enter], words].concat()
    }

    /// Runs a program inside and returns its output, whatever its status.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn exec(&self, words: &[&str]) -> Output {
        command::output(&self.wrap(words))
    }

    /// Runs a program inside to success and returns its standard output.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, words: &[&str]) -> String {
        command::run(&self.wrap(words))
    }

    /// Sets a kernel variable of this namespace.
    ///
    /// # Panics
    /// When it cannot be set.
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        self.run(&["sh", "-c", "echo \"$1\" > \"$2\"", "sh", value, &path]);
    }

    /// Makes this namespace route, both families.
    ///
    /// # Panics
    /// When it cannot.
    pub fn forward(&self) {
        self.sysctl("net.ipv4.ip_forward", "1");
        self.sysctl("net.ipv6.conf.all.forwarding", "1");
    }

    /// Adds an address and its prefix to an interface.
    ///
    /// # Panics
    /// When it cannot be added.
    pub fn address(&self, interface: &str, address: IpNet) {
        let address = address.to_string();
        let mut words = vec!["ip", "address", "add", &address, "dev", interface];
        if address.contains(':') {
            words.push("nodad");
        }
        self.run(&words);
    }

    /// Adds a route.
    ///
    /// # Panics
    /// When it cannot be added.
    pub fn route(&self, to: IpNet, via: IpAddr) {
        let (to, via) = (to.to_string(), via.to_string());
        self.run(&["ip", "route", "add", &to, "via", &via]);
    }

    /// Kernel id of the XDP program on an interface, when there is one.
    ///
    /// # Panics
    /// When the interface does not exist.
    #[must_use]
    pub fn xdp_program(&self, interface: &str) -> Option<u64> {
        let text = self.run(&["ip", "-j", "link", "show", "dev", interface]);
        let links: serde_json::Value = serde_json::from_str(&text).expect("`ip -j` writes JSON");
        links[0]["xdp"]["prog"]["id"].as_u64()
    }

    /// Turns off every offload that makes frames larger or other than those on a wire.
    ///
    /// # Panics
    /// When `ethtool` is missing or fails.
    pub fn offloads_off(&self, interface: &str) {
        self.run(&[
            "ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off", "tx", "off",
            "rx", "off", "txvlan", "off", "rxvlan", "off",
        ]);
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // Nothing better than going on can be done while a test unwinds.
        let _ = command::output(&["ip", "netns", "delete", &self.name]);
    }
}

/// Makes a veth pair between two namespaces, both ends up and without offloads. Interface names
/// are at most 15 bytes.
///
/// # Panics
/// When it cannot be made.
pub fn veth(a: &Netns, a_interface: &str, b: &Netns, b_interface: &str) {
    command::run(&[
        "ip",
        "link",
        "add",
        a_interface,
        "netns",
        a.name(),
        "type",
        "veth",
        "peer",
        "name",
        b_interface,
        "netns",
        b.name(),
    ]);
    for (netns, interface) in [(a, a_interface), (b, b_interface)] {
        netns.offloads_off(interface);
        netns.run(&["ip", "link", "set", interface, "up"]);
    }
}

/// A bpffs of its own, on a directory that the caller keeps.
#[derive(Debug)]
pub struct Bpffs {
    path: PathBuf,
}

impl Bpffs {
    /// Mounts one on `path`, which is made when it does not exist.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn mount(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a directory to mount on");
        let text = path.to_str().expect("a path in UTF-8");
        command::run(&["mount", "-t", "bpf", "bpf", text]);
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        // Lazy: a daemon that is still ending does not keep the mount.
        let text = self.path.to_str().expect("checked at mount");
        let _ = command::output(&["umount", "--lazy", text]);
    }
}
