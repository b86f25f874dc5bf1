//! The authority's requests, as they are told of; and the ledger of costs.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::Request;
use crate::model::{RequestTerms, RequestType, Scopes};

/// A request of the authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRow {
    /// The authority's reference.
    pub reference: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: RequestType,
    /// What it says.
    pub terms: RequestTerms,
    /// Who signed it.
    pub issuer: String,
    /// Serial of its envelope.
    pub serial: u64,
    /// SHA-256 of the signed text of its envelope, hexadecimal: what whoever approves it approves.
    #[serde(default)]
    pub envelope: String,
    /// Where it stands.
    pub stage: String,
    /// When it was submitted.
    pub received: Timestamp,
    /// Who approved it, first come first.
    pub approvals: Vec<ApprovalRow>,
    /// Handovers that have begun: more than one says that something may have been disclosed before.
    pub handovers: u32,
    /// Name of the export file of the last one, in `requests.export-dir`.
    pub file: Option<String>,
    /// Records that were disclosed; 0 is a nil answer.
    pub records: Option<u64>,
    /// Why the last attempt came to nothing, or it was refused: a code.
    pub code: Option<String>,
    /// Index of the last journal entry about it.
    pub receipt: u64,
    /// Of a notice: what became of each event.
    #[serde(default)]
    pub tasks: Vec<TaskRow>,
}

/// What went out for a request, as oversight may read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifests {
    /// The authority's reference.
    pub reference: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: RequestType,
    /// Where it stands.
    pub stage: String,
    /// One for each handover that has begun; the journal tells what became of it.
    pub manifests: Vec<ManifestRow>,
}

/// The manifest of a handover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRow {
    /// Which one, from 1.
    pub handover: u32,
    /// A signed note (C2SP signed-note) by the sensor's key: ground, purpose, categories and counts;
    /// its SHA-256 stands in the journal.
    pub note: String,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// In which capacity.
    pub capacity: Capacity,
    /// User id.
    pub uid: u32,
    /// When.
    pub at: Timestamp,
}

/// The two persons on the operator's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// The responsible.
    Responsible,
    /// The agent designated in writing.
    Designated,
}

impl Capacity {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Responsible, Self::Designated];

    /// The name in API and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Responsible => "responsible",
            Self::Designated => "designated",
        }
    }
}

/// What became of the notice about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Id of the event.
    pub event: String,
    /// `requested`, `handed_over`, `sent` or `impossible`.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
    /// When the notice was sent.
    pub date: Option<Date>,
    /// Reference of the proof of sending.
    pub proof: Option<String>,
    /// Why none can be sent.
    pub reason: Option<Impossible>,
}

/// The body that settles a notice: what the operator's subscriber system did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum NoticeSettled {
    /// The subscriber was informed.
    Sent {
        /// Id of the event.
        event: String,
        /// When.
        date: Date,
        /// Reference of the proof: 1 to 128 printable characters of ASCII.
        proof: String,
    },
    /// It cannot be.
    Impossible {
        /// Id of the event.
        event: String,
        /// Why.
        reason: Impossible,
    },
}

/// Why a subscriber cannot be informed: a closed list, so that nobody writes a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impossible {
    /// Nobody had the address then.
    NoSubscriber,
    /// The subscriber has left.
    Left,
    /// There is no way to reach it.
    Unreachable,
    /// The event is destroyed.
    EventGone,
}

impl Impossible {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::NoSubscriber,
        Self::Left,
        Self::Unreachable,
        Self::EventGone,
    ];

    /// The name on the command line, in API and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSubscriber => "no_subscriber",
            Self::Left => "left",
            Self::Unreachable => "unreachable",
            Self::EventGone => "event_gone",
        }
    }
}

/// The body that approves a request; blank where the client says nothing of what it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The digest of the envelope that was shown to whoever approves: another one is refused.
    pub envelope: String,
}

/// The body that refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// Why.
    pub reason: Declined,
}

/// Why the operator refuses: a closed list, for the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declined {
    /// Its ground is not that of what it asks.
    Ground,
    /// Who asks may not.
    Agent,
    /// Its events are not such as it says.
    Events,
    /// The authority has taken it back.
    TakenBack,
}

impl Declined {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ground, Self::Agent, Self::Events, Self::TakenBack];

    /// The name on the command line, in API and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ground => "ground",
            Self::Agent => "agent",
            Self::Events => "events",
            Self::TakenBack => "taken_back",
        }
    }
}

/// A line of the ledger of costs (L. 2321-3 ¶3 code de la défense): no tariff, no amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostRow {
    /// Its number, from 1.
    pub line: u64,
    /// When.
    pub time: Timestamp,
    /// The request.
    pub reference: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: RequestType,
    /// Its legal ground.
    pub ground: String,
    /// Code in the tariff; blank where none is configured.
    pub tariff_code: String,
    /// Version of the tariff.
    pub tariff_version: String,
    /// Events that were answered for.
    pub quantity: u64,
    /// Index of the journal entry of the disclosure.
    pub receipt: u64,
}

impl Request {
    /// The same, asking for no more than these scopes hold.
    #[must_use]
    pub fn within(self, scopes: Scopes) -> Self {
        match self {
            Self::RequestsList(page, _) => Self::RequestsList(page, scopes),
            other => other,
        }
    }
}
