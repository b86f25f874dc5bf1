//! Sinks, as they are told of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Recipient;

/// A sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkRow {
    /// Its name.
    pub name: String,
    /// `nats`, `taxii`, `webhook` or `eve`.
    pub kind: String,
    /// Whose it is.
    pub recipient: Recipient,
    /// `alert` or `event`: how much it is told.
    pub told: String,
    /// How long the recipient keeps it, as declared; seconds.
    pub retention: Option<u64>,
    /// Whether nothing can be delivered to it at present.
    pub down: bool,
    /// Events of which a revision waits.
    pub pending: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest that waits was stored.
    pub oldest_unsent: Option<Timestamp>,
    /// Deliveries acknowledged since the agent started.
    pub acknowledged: u64,
    /// Attempts that failed since the agent started.
    pub retried: u64,
    /// Why something last was not delivered: a code.
    pub code: Option<String>,
    /// The same for people; names a URL or path.
    pub reason: Option<String>,
}

/// A dead letter: a revision that a sink refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRow {
    /// Id of the event.
    pub id: String,
    /// Its revision.
    pub rev: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was refused: a code.
    pub code: String,
}

/// What a replay of dead letters did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Dead letters that are tried again.
    pub events: u64,
    /// Index of the journal entry.
    pub receipt: u64,
}
