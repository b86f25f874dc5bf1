//! The control socket, and who may do what through it.

use std::path::PathBuf;

use serde::Deserialize;

use super::{SOCKET, units};
use crate::model::{Role, Scope};

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Control {
    /// Its path, at most 107 bytes.
    pub socket: PathBuf,
    /// Largest request body, bytes; files wait on disk while they come in, not in memory.
    #[serde(deserialize_with = "units::size")]
    pub max_body: u64,
    /// Group of the socket file; the agent's own by default.
    pub group: Option<Account>,
    /// Path of the socket that only oversight may use; `oversight.sock` beside the other by default.
    pub oversight_socket: Option<PathBuf>,
    /// Group of that socket's file; the agent's own by default.
    pub oversight_group: Option<Account>,
    /// Who may do what; uid 0 and the agent's own uid are operators without being listed.
    #[serde(rename = "role")]
    pub roles: Vec<Grant>,
}

/// One role and who has it. A peer gets the first grant of the file that names its user; where
/// none does, the first that names one of its groups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grant {
    /// The role; never [`Role::Agent`].
    pub role: Role,
    /// Users.
    #[serde(default)]
    pub users: Vec<Account>,
    /// Groups, primary or supplementary.
    #[serde(default)]
    pub groups: Vec<Account>,
    /// Of oversight: the parts of the journal whose entries are shown; all of it without.
    #[serde(default)]
    pub scopes: Option<Vec<Scope>>,
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged, expecting = "expected a name or a number")]
pub enum Account {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl Default for Control {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            max_body: 2 << 30,
            group: None,
            oversight_socket: None,
            oversight_group: None,
            roles: Vec::new(),
        }
    }
}

impl Control {
    /// Path of the socket that only oversight may use.
    #[must_use]
    pub fn oversight_socket(&self) -> PathBuf {
        self.oversight_socket
            .clone()
            .unwrap_or_else(|| self.socket.with_file_name("oversight.sock"))
    }
}
