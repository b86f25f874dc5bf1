//! Who asks.

use serde::{Deserialize, Serialize};

/// Who asks, resolved once from the socket's peer credentials and passed on explicitly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// User id of the peer; the agent's own for timers and start-up.
    pub uid: u32,
    /// What the peer may do.
    pub role: Role,
}

/// What an actor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Status, counts and events without addresses.
    Reader,
    /// Runs the sensor.
    Operator,
    /// Submits the authority's signed requests.
    Desk,
    /// Reads the journal.
    Oversight,
    /// The agent itself: start-up, timers, signals.
    Agent,
}

impl Role {
    /// The name in configuration, API and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Desk => "desk",
            Self::Oversight => "oversight",
            Self::Agent => "agent",
        }
    }
}
