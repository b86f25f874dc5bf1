//! The configuration: one TOML file, unknown keys refused, defaults that work.
//!
//! [`Config::load`] reads and checks a file; [`Config::from_flags`] builds one without a file.
//! Every error names the file, the line and the key. The shapes are in `deploy/sensor.toml`.

mod canary;
mod check;
mod control;
mod events;
mod flows;
mod inspect;
mod issuer;
mod journal;
mod legal;
mod limits;
mod locate;
mod requests;
mod sinks;
mod units;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use serde::Deserialize;

use check::Problem;

pub use canary::Canary;
pub use control::{Account, Control, Grant};
pub use events::Events;
pub use flows::Flows;
pub use inspect::Inspect;
pub use issuer::Issuer;
pub use journal::Journal;
pub use legal::{Legal, Regime};
pub use limits::{Breaker, Limits};
pub use requests::{Adaptor, Commission, Recipients, Requests, Tariff};
pub use sinks::{Eve, Nats, Sink, Taxii, Tls, Webhook};

/// Where the configuration is read from by default.
pub const PATH: &str = "/etc/marker-sensor/sensor.toml";

/// Where the control socket is unless told otherwise.
pub const SOCKET: &str = "/run/marker-sensor/control.sock";

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key of the file is wrong.
    #[error("{}, line {line}, {key}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key with its tables, as in `interface[0].name`.
        key: String,
        /// What to do about it.
        reason: String,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser met.
        reason: String,
    },
    /// A value that came from no file is wrong.
    #[error("{key}: {reason}")]
    Value {
        /// The key it would have in a file.
        key: String,
        /// What to do about it.
        reason: String,
    },
}

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Name of the sensor in events and journal: letters, digits, `.`, `_`, `-`; the host's name by default.
    pub sensor: String,
    /// Store and journal.
    pub state_dir: PathBuf,
    /// Directory for pins, on a bpf file system.
    pub bpffs: PathBuf,
    /// The control socket.
    pub control: Control,
    /// The metrics page.
    pub metrics: Metrics,
    /// The flow tables and their draining.
    pub flows: Flows,
    /// The inspection lane.
    pub inspect: Inspect,
    /// What a pattern may cost and cover.
    pub limits: Limits,
    /// How long events are kept, and how many.
    pub events: Events,
    /// How the journal shows that somebody is there, and signs.
    pub journal: Journal,
    /// Under which text the sensor is used.
    pub legal: Legal,
    /// Keys of whoever may send signed envelopes.
    #[serde(rename = "issuer")]
    pub issuers: Vec<Issuer>,
    /// What the authority's requests need.
    pub requests: Requests,
    /// The self-test.
    pub canary: Canary,
    /// Where events go.
    #[serde(rename = "sink")]
    pub sinks: Vec<Sink>,
    /// Watched interfaces, in the order of their slots.
    #[serde(rename = "interface")]
    pub interfaces: Vec<Interface>,
}

/// The metrics page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metrics {
    /// Whether it is served.
    pub enabled: bool,
    /// A loopback address.
    pub listen: SocketAddr,
}

/// One watched interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Interface {
    /// Its name in the kernel, 1 to 15 bytes.
    pub name: String,
    /// The operator's own prefixes behind it, without host bits; at least one.
    pub subscribers: Vec<IpNet>,
    /// Address space: the same private address in two realms is two hosts.
    #[serde(default = "default_realm")]
    pub realm: String,
    /// How to attach.
    #[serde(default)]
    pub mode: Mode,
    /// VLANs with their own prefixes or realm.
    #[serde(default, rename = "vlan")]
    pub vlans: Vec<Vlan>,
}

/// One VLAN stack of an interface. What it leaves out is the interface's (filled in by loading).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vlan {
    /// One or two VLAN ids, outermost first.
    pub tags: Vec<u16>,
    /// The operator's own prefixes in it.
    #[serde(default)]
    pub subscribers: Vec<IpNet>,
    /// Its address space.
    #[serde(default)]
    pub realm: String,
}

/// How to attach to an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Native where the driver has it, generic otherwise.
    #[default]
    Auto,
    /// Native or not at all.
    Native,
    /// Generic.
    Generic,
}

fn default_realm() -> String {
    "default".into()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sensor: hostname(),
            state_dir: "/var/lib/marker-sensor".into(),
            bpffs: "/sys/fs/bpf/marker-sensor".into(),
            control: Control::default(),
            metrics: Metrics::default(),
            flows: Flows::default(),
            inspect: Inspect::default(),
            limits: Limits::default(),
            events: Events::default(),
            journal: Journal::default(),
            legal: Legal::default(),
            issuers: Vec::new(),
            requests: Requests::default(),
            canary: Canary::default(),
            sinks: Vec::new(),
            interfaces: Vec::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([127, 0, 0, 1], 9477)),
        }
    }
}

/// The host's name; blank where the kernel does not tell, which the check then refuses.
fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and key.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads and checks the text of a file; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| locate::refusal(path, text, &error))?;
        config.inherit();
        config.problem().map_or(Ok(config), |problem| {
            Err(Error::Key {
                path: path.to_owned(),
                line: locate::line_of_key(text, &problem.key),
                key: problem.key,
                reason: problem.reason,
            })
        })
    }

    /// A configuration without a file: these interfaces, each with these subscriber prefixes,
    /// and the default of everything else (the fields are public; [`Config::check`] after changes).
    ///
    /// # Errors
    /// [`Error::Value`].
    pub fn from_flags(interfaces: &[String], subscribers: &[IpNet]) -> Result<Self, Error> {
        let config = Self {
            interfaces: interfaces
                .iter()
                .map(|name| Interface {
                    name: name.clone(),
                    subscribers: subscribers.to_vec(),
                    realm: default_realm(),
                    mode: Mode::Auto,
                    vlans: Vec::new(),
                })
                .collect(),
            ..Self::default()
        };
        config.check()?;
        Ok(config)
    }

    /// Checks what one field alone cannot tell.
    ///
    /// # Errors
    /// [`Error::Value`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        self.problem().map_or(Ok(()), |Problem { key, reason }| {
            Err(Error::Value { key, reason })
        })
    }

    /// Gives every VLAN what it leaves out.
    fn inherit(&mut self) {
        for interface in &mut self.interfaces {
            for vlan in &mut interface.vlans {
                if vlan.subscribers.is_empty() {
                    vlan.subscribers.clone_from(&interface.subscribers);
                }
                if vlan.realm.is_empty() {
                    vlan.realm.clone_from(&interface.realm);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
