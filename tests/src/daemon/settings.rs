//! The configuration file.

use std::path::PathBuf;

use super::Home;
use crate::netns::Topology;

/// Users who are operators of every sensor under test; nobody of these numbers need exist.
pub const PERSONS: [u32; 2] = [60_001, 60_002];
/// Group of the control socket.
pub const GROUP: u32 = 60_000;

/// What a test sets; the rest comes from the [`Home`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// The daemon to run; `None` is the one that was built.
    pub program: Option<PathBuf>,
    /// Name of the sensor.
    pub sensor: String,
    /// Port of `/metrics` on the loopback of the namespace.
    pub metrics_port: u16,
    /// Entries of each flow table.
    pub table_entries: u32,
    /// Bytes of the ring.
    pub ring_bytes: u32,
    /// Interval between two drains.
    pub drain_interval: String,
    /// A flow closes after so long without a packet.
    pub idle_timeout: String,
    /// A flow closes after so long.
    pub active_timeout: String,
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// More lines, put before the first table.
    pub more: String,
    /// More lines of the table `control`.
    pub control: String,
    /// Whether the configuration is declared before the daemon starts.
    pub declared: bool,
}

/// An interface to watch.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Subscriber prefixes.
    pub subscribers: Vec<String>,
    /// Name of its address space; `None` leaves the key out.
    pub realm: Option<String>,
    /// `auto`, `native` or `generic`.
    pub mode: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: None,
            sensor: "pop1".into(),
            metrics_port: 9464,
            table_entries: 65_536,
            ring_bytes: 1 << 20,
            drain_interval: "1s".into(),
            idle_timeout: "60s".into(),
            active_timeout: "30m".into(),
            interfaces: Vec::new(),
            more: String::new(),
            control: String::new(),
            declared: true,
        }
    }
}

impl Interface {
    /// An interface in automatic mode.
    #[must_use]
    pub fn new(name: &str, subscribers: &[&str]) -> Self {
        Self {
            name: name.into(),
            subscribers: subscribers.iter().map(ToString::to_string).collect(),
            realm: None,
            mode: "auto".into(),
        }
    }
}

impl Settings {
    /// With these interfaces.
    #[must_use]
    pub fn on(interfaces: Vec<Interface>) -> Self {
        Self {
            interfaces,
            ..Self::default()
        }
    }

    /// On both interfaces of the router of a [`Topology`].
    #[must_use]
    pub fn on_router() -> Self {
        let interface = |name| Interface::new(name, &Topology::SUBSCRIBERS);
        Self::on(vec![
            interface(Topology::ACCESS),
            interface(Topology::TRANSIT),
        ])
    }

    /// The file. Debug formatting of the strings used here is that of TOML's basic strings.
    #[must_use]
    pub fn toml(&self, home: &Home) -> String {
        let mut text = format!(
            "sensor = {:?}\nstate-dir = {:?}\nbpffs = {:?}\n{}\n\
             [control]\nsocket = {:?}\ngroup = {GROUP}\n{}\n[metrics]\nlisten = \"127.0.0.1:{}\"\n\n\
             [flows]\ntable-entries = {}\nring-bytes = {}\ndrain-interval = {:?}\n\
             idle-timeout = {:?}\nactive-timeout = {:?}\n",
            self.sensor,
            home.state(),
            home.pins(),
            self.more,
            home.socket(),
            self.control,
            self.metrics_port,
            self.table_entries,
            self.ring_bytes,
            self.drain_interval,
            self.idle_timeout,
            self.active_timeout,
        );
        text.push_str(&format!(
            "\n[[control.role]]\nrole = \"operator\"\nusers = {PERSONS:?}\n"
        ));
        for interface in &self.interfaces {
            text.push_str(&format!(
                "\n[[interface]]\nname = {:?}\nsubscribers = {:?}\nmode = {:?}\n",
                interface.name, interface.subscribers, interface.mode
            ));
            if let Some(realm) = &interface.realm {
                text.push_str(&format!("realm = {realm:?}\n"));
            }
        }
        text
    }
}
