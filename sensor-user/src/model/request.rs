//! The closed set of what can be asked through the control socket, and the answers.

mod status;

use serde::{Deserialize, Serialize};

use super::{Event, Marker, Pap, Spool, State, Tlp, declaration::DeclarationReport};
pub use status::{
    BreakerStatus, Count, EventStatus, InterfaceStatus, JournalStatus, KindCount, MarkerStatus,
    OutcomeCount, Progress, Stage, Status,
};

/// Everything that can be asked. Each variant says who may (see `control::roles`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What the sensor does now. Anyone known.
    Status,
    /// Replace the whole set by a marker file. Operators.
    MarkersLoad {
        /// Format of `body`.
        format: Format,
        /// The file.
        body: bytes::Bytes,
    },
    /// Add the markers of a file. Operators.
    MarkersAdd {
        /// Format of `body`.
        format: Format,
        /// The file.
        body: bytes::Bytes,
    },
    /// Remove markers by id. Operators.
    MarkersRemove {
        /// Ids, one a line.
        body: bytes::Bytes,
    },
    /// Let quarantined markers come into force. Operators.
    MarkersRelease {
        /// Ids, one a line.
        body: bytes::Bytes,
    },
    /// The declared facts and the last record. Operators, the desk and oversight.
    DeclarationShow,
    /// Record a declaration. Operators.
    DeclarationRecord {
        /// A [`DeclarationRecord`](super::declaration::DeclarationRecord), JSON.
        body: bytes::Bytes,
    },
    /// Take a signed envelope. Operators and the desk.
    EnvelopeSubmit {
        /// The envelope.
        body: Spool,
    },
    /// A page of markers in the order of their ids. Operators.
    MarkersList {
        /// Which part.
        page: Page,
        /// Only those that are held back.
        quarantined: bool,
    },
    /// One marker. Operators.
    MarkersShow {
        /// Its id.
        id: String,
    },
    /// A page of events, newest first. Readers see no address.
    EventsList {
        /// Which part.
        page: Page,
        /// Only in this state.
        state: Option<State>,
    },
    /// One event. Readers see no address.
    EventsShow {
        /// Its id.
        id: String,
    },
    /// Revisions of events as they are stored, until the client leaves. Readers see no address.
    EventsTail,
    /// Journal entries from an index on. Operators and oversight.
    JournalShow {
        /// First index.
        from: u64,
        /// Most entries.
        limit: u32,
    },
    /// Open the circuit breaker of a marker's pattern. Operators.
    BreakerOpen {
        /// Id of the marker.
        id: String,
    },
    /// Close it again. Operators.
    BreakerClose {
        /// Id of the marker.
        id: String,
    },
    /// Attach the program to a configured interface. Operators.
    Attach {
        /// Its name.
        interface: String,
    },
    /// Detach the program from an interface. Operators.
    Detach {
        /// Its name.
        interface: String,
    },
}

/// Formats of marker files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One pattern a line (DESIGN §5).
    #[default]
    Text,
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Most rows, 1 to [`Page::MOST`].
    pub limit: u32,
    /// Cursor of the row before the first; from the answer's `next`.
    pub after: Option<String>,
}

impl Page {
    /// Most rows of a page.
    pub const MOST: u32 = 10_000;
}

/// Answer to a change of the marker set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Markers in the set now.
    pub markers: u64,
    /// Patterns in force now.
    pub patterns: u64,
    /// Generation in force now.
    pub generation: u32,
    /// Digest of the image in force now, hexadecimal.
    pub digest: String,
    /// Markers added by this request.
    pub added: u64,
    /// Markers removed by this request.
    pub removed: u64,
    /// Lines that repeat another line word for word.
    pub duplicates: u64,
    /// Markers that are over already: kept, not in force.
    pub expired: u64,
    /// Markers of the set that are held back: not in force until they are released.
    pub quarantined: u64,
    /// Those of this request, the first [`Failure::MOST_REFUSALS`].
    pub held_back: Vec<HeldBack>,
    /// Markers of this request whose release waits for a second person.
    #[serde(default)]
    pub awaiting: u64,
    /// Index of the journal entry.
    pub receipt: u64,
}

/// A marker that is held back because of what it would match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// Id of the marker.
    pub id: String,
    /// Stable reason code.
    pub code: String,
    /// One sentence; the value is not repeated.
    pub reason: String,
}

/// A refused line of a marker file (nothing was changed).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Line, from 1; 0 for a marker that was read well and may not be used.
    pub line: u64,
    /// Field at fault: `pattern`, `id`, `until`, `tlp`, `pap` or the unknown key.
    pub field: String,
    /// Stable reason code.
    pub code: String,
    /// One sentence; the value is not repeated.
    pub reason: String,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Cursor of the next page; absent on the last.
    pub next: Option<String>,
}

/// A marker as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerRow {
    /// The marker.
    #[serde(flatten)]
    pub marker: Marker,
    /// Id of its pattern, hexadecimal.
    pub pattern_id: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// Why it is held back, as a code, or `released`.
    #[serde(default)]
    pub standing: Option<String>,
    /// Who approved its release (user id), when it waits for a second person.
    #[serde(default)]
    pub approved_by: Option<u32>,
}

/// A journal entry as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalRow {
    /// Index of the entry, from 0.
    pub index: u64,
    /// Leaf hash (RFC 6962 §2.1), hexadecimal.
    pub leaf: String,
    /// The entry: a JSON object, byte for byte as hashed.
    pub entry: Box<serde_json::value::RawValue>,
}

/// The journal's page and head.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalPage {
    /// Entries.
    pub rows: Vec<JournalRow>,
    /// Entries in the whole tree.
    pub size: u64,
    /// Root of the whole tree, hexadecimal.
    pub root: String,
}

/// An error as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// One sentence that says what to do.
    pub error: String,
    /// Refused lines, at most [`Failure::MOST_REFUSALS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
    /// Refused lines in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_total: u64,
}

impl Failure {
    /// Most refusals listed in one answer; the total is always told.
    pub const MOST_REFUSALS: usize = 100;
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The answers, one variant a shape.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To a change of the marker set.
    Changed(Changed),
    /// To [`Request::DeclarationShow`] and [`Request::DeclarationRecord`].
    Declaration(Box<DeclarationReport>),
    /// To [`Request::MarkersList`].
    Markers(Rows<MarkerRow>),
    /// To [`Request::MarkersShow`].
    Marker(Box<MarkerRow>),
    /// To [`Request::EventsList`].
    Events(Rows<Event>),
    /// To [`Request::EventsShow`].
    Event(Box<Event>),
    /// To [`Request::EventsTail`]: the stream starts now.
    Tail,
    /// To [`Request::JournalShow`].
    Journal(JournalPage),
    /// To [`Request::BreakerOpen`] and [`Request::BreakerClose`].
    Breaker(BreakerStatus),
    /// To [`Request::Attach`] and [`Request::Detach`].
    Interface(InterfaceStatus),
}

/// The most restrictive marking of a set of markers.
#[must_use]
pub fn strictest<'a>(markers: impl Iterator<Item = &'a Marker>) -> (Tlp, Pap) {
    markers.fold((Tlp::Clear, Pap::Clear), |(tlp, pap), marker| {
        (tlp.max(marker.tlp), pap.max(marker.pap))
    })
}
