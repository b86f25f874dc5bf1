//! What the sensor tells of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{PatternKind, declaration::Declared};

/// What the sensor does now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the sensor.
    pub sensor: String,
    /// Version of the agent.
    pub version: String,
    /// Version of the kernel.
    pub kernel: String,
    /// Clock of deadlines and records: `tai` or `boot`.
    pub clock: String,
    /// Whether the wall clock is believed: while it is not, nothing is destroyed by it.
    #[serde(default)]
    pub clock_trusted: bool,
    /// Whether the kernel takes the wall clock for synchronised; none where it does not tell.
    #[serde(default)]
    pub clock_synchronised: Option<bool>,
    /// When the agent started.
    pub started: Timestamp,
    /// Interfaces.
    pub interfaces: Vec<InterfaceStatus>,
    /// Markers and patterns.
    pub markers: MarkerStatus,
    /// Whether the device is declared as it is: if not, nothing comes into force.
    pub declared: Declared,
    /// The change under way.
    #[serde(default)]
    pub change: Option<Progress>,
    /// Circuit breakers that are open, and patterns that flood.
    #[serde(default)]
    pub breakers: Vec<BreakerStatus>,
    /// Events.
    pub events: EventStatus,
    /// Every term of the kernel's identity.
    pub kernel_hits: Vec<Count>,
    /// Every term of the agent's identity.
    pub agent_records: Vec<Count>,
    /// Findings of the inspection lane, and every term of their identity.
    #[serde(default)]
    pub findings: Vec<Count>,
    /// Packets lent to the inspection lane, and every term of their identity.
    #[serde(default)]
    pub lent: Vec<Count>,
    /// Journal size and root.
    pub journal: JournalStatus,
}

/// One named count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Name of the term.
    pub term: String,
    /// Count.
    pub count: u64,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Name.
    pub name: String,
    /// Slot (high byte of its vantages).
    pub slot: u8,
    /// Whether the program is attached.
    pub attached: bool,
    /// `native` or `generic`; blank when detached.
    pub mode: Option<String>,
    /// Whether frames of several buffers are accepted.
    pub frags: bool,
    /// Why it is not attached, or what attaching changed, in words.
    pub notes: Vec<String>,
    /// Packets and bytes by outcome.
    pub outcomes: Vec<OutcomeCount>,
}

/// Packets and bytes of one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCount {
    /// Outcome class.
    pub outcome: String,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Markers and patterns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerStatus {
    /// Markers in the set.
    pub total: u64,
    /// Of these, held back because of what they would match.
    #[serde(default)]
    pub quarantined: u64,
    /// Of these, of kinds that this version does not match.
    #[serde(default)]
    pub unmatched: u64,
    /// Of these, such that may not be in force: the device is not declared as it is, or the regime
    /// or their marking forbids.
    #[serde(default)]
    pub barred: u64,
    /// Of these, such whose time is to come.
    #[serde(default)]
    pub not_yet: u64,
    /// Of these, over or withdrawn.
    #[serde(default)]
    pub over: u64,
    /// Patterns in force, by kind.
    pub in_force: Vec<KindCount>,
    /// Generation in force.
    pub generation: u32,
    /// Digest of the image in force, hexadecimal.
    pub digest: String,
}

/// Patterns of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// Kind.
    pub kind: PatternKind,
    /// Patterns.
    pub count: u64,
}

/// Events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventStatus {
    /// Stored.
    pub stored: u64,
    /// Of these, open.
    pub open: u64,
    /// Bytes of store and key file.
    #[serde(default)]
    pub bytes: u64,
    /// Most bytes (`events.max-size`).
    #[serde(default)]
    pub most_bytes: u64,
    /// The store is at its cap, and nothing in it may be destroyed for new events.
    #[serde(default)]
    pub full: bool,
    /// Events destroyed since the store was made, by reason.
    #[serde(default)]
    pub destroyed: Vec<Count>,
    /// By sink, revisions that were destroyed before the sink took them.
    #[serde(default)]
    pub expired_undelivered: Vec<Count>,
}

/// Journal size and root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Entries.
    pub size: u64,
    /// Root, hexadecimal.
    pub root: String,
}

/// How far a change of the marker set has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it does now.
    pub stage: Stage,
    /// How much of it is done, in rows; 0 of 0 where that is not known.
    pub done: u64,
    /// How much there is.
    pub total: u64,
    /// Since when the change is under way.
    pub since: Timestamp,
}

/// Stages of a change, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The file is read.
    Reading,
    /// It is compared with the set and looked over.
    Checking,
    /// Rows are written.
    Storing,
    /// The maps of the generation are filled, verified and made live.
    Building,
    /// What was written is made durable.
    Committing,
}

impl Stage {
    /// What people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Checking => "checking",
            Self::Storing => "storing",
            Self::Building => "building",
            Self::Committing => "committing",
        }
    }
}

/// An open or advised circuit breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerStatus {
    /// Id of the pattern, hexadecimal.
    pub pattern_id: String,
    /// Id of one of its markers.
    pub marker: String,
    /// Whether it is open; otherwise the pattern floods, and opening is left to an operator.
    pub open: bool,
    /// Since when it is open.
    pub since: Option<Timestamp>,
    /// Opened by the agent.
    pub automatic: bool,
    /// Index of the journal entry.
    pub receipt: Option<u64>,
}
