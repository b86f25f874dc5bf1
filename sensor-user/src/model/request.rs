//! The closed set of what can be asked through the control socket, and the answers.

mod canary;
mod casework;
mod change;
mod coverage;
mod failure;
mod journal;
mod markers;
mod orders;
mod sinks;
mod status;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Event, Marker, Pap, Scopes, Spool, State, Tlp, declaration::DeclarationReport};
pub use canary::{CanaryInterface, CanaryReport, CanarySink};
pub use casework::{
    ApprovalRow, Approve, Capacity, CaseRow, CostRow, Decline, Declined, Impossible, ManifestRow,
    Manifests, NoticeSettled, TaskRow,
};
pub use change::{Changed, HeldBack, Refusal};
pub use coverage::{ClassCoverage, Coverage};
pub use failure::Failure;
pub use journal::{
    EventCommitment, JournalCheckpoint, JournalPage, JournalProof, JournalRow, Proposition,
};
pub use markers::{MarkerRow, MarkerSource, NotInForce};
pub use orders::{OrderChanged, OrderManifest, OrderRow};
pub use sinks::{DeadRow, Replayed, SinkRow};
pub use status::{
    BreakerStatus, Count, EventStatus, InterfaceStatus, JournalStatus, KindCount, MarkerStatus,
    OutcomeCount, Progress, Stage, Status,
};

/// Everything that can be asked. Each variant says who may (see `control::roles`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What the sensor does now. Anyone known.
    Status,
    /// What the sensor could judge, and why not the rest. Anyone known.
    Coverage,
    /// Replace the whole set by a marker file. Operators.
    MarkersLoad {
        /// Format of `body`.
        format: Format,
        /// The file.
        body: Spool,
    },
    /// Add the markers of a file. Operators.
    MarkersAdd {
        /// Format of `body`.
        format: Format,
        /// The file.
        body: Spool,
    },
    /// Remove markers by id. Operators.
    MarkersRemove {
        /// Ids, one a line.
        body: bytes::Bytes,
        /// They were wrong: their events are destroyed.
        false_positive: bool,
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
    /// Accept an order. Operators and the desk.
    OrdersSubmit {
        /// An [`OrderManifest`] on the first line, its marker file behind it.
        body: Spool,
    },
    /// A page of orders, oldest first. Operators and the desk.
    OrdersList {
        /// Which part.
        page: Page,
    },
    /// One order. Operators and the desk.
    OrdersShow {
        /// Its reference.
        reference: String,
    },
    /// End an order before its time. Operators and the desk.
    OrdersWithdraw {
        /// Its reference.
        reference: String,
    },
    /// Take a signed request of the authority. Operators and the desk.
    RequestsSubmit {
        /// The envelope.
        body: Spool,
    },
    /// A page of them, oldest first: of those that are the business of these scopes. Operators and the desk.
    RequestsList(Page, Scopes),
    /// One of them. Operators and the desk.
    RequestsShow {
        /// Its reference.
        reference: String,
    },
    /// The manifests of what went out for one. Operators and oversight.
    RequestsManifests {
        /// Its reference.
        reference: String,
    },
    /// Approve one: the responsible and the designated agent, each.
    RequestsApprove {
        /// Its reference.
        reference: String,
        /// An [`Approve`], JSON; may be blank.
        body: bytes::Bytes,
    },
    /// Refuse one: either of the two.
    RequestsRefuse {
        /// Its reference.
        reference: String,
        /// A [`Decline`], JSON.
        body: bytes::Bytes,
    },
    /// Say what became of a notice. Operators.
    RequestsSettle {
        /// Its reference.
        reference: String,
        /// A [`NoticeSettled`], JSON.
        body: bytes::Bytes,
    },
    /// A page of the ledger of costs, oldest first. Operators.
    CostsList {
        /// Which part.
        page: Page,
    },
    /// A page of events, newest first. Readers see no address.
    EventsList {
        /// Which part.
        page: Page,
        /// Which of them.
        filter: EventFilter,
    },
    /// One event. Readers see no address.
    EventsShow {
        /// Its id.
        id: String,
    },
    /// Destroy an event that is not useful. Operators.
    EventsNotUseful {
        /// Its id.
        id: String,
    },
    /// What links journal entries to an event. Operators.
    EventsCommitment {
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
    /// The signed checkpoint of the journal. Operators and oversight.
    JournalCheckpoint,
    /// A proof that the journal holds an entry, or continues an earlier state. Operators and
    /// oversight.
    JournalProof(Proposition),
    /// Journal entries from an index on, and further ones as they are written, until the client
    /// leaves. Operators and oversight.
    JournalFollow {
        /// First index.
        from: u64,
    },
    /// Run the self-test. Operators.
    Canary,
    /// Sinks and how they fare. Operators, readers, oversight.
    SinksList,
    /// What a sink refused for good. Operators.
    SinksDead {
        /// Its name.
        name: String,
        /// Which part.
        page: Page,
    },
    /// Try that again. Operators.
    SinksReplay {
        /// Its name.
        name: String,
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
    /// Named columns (RFC 4180).
    Csv,
    /// A STIX 2.1 bundle.
    Stix,
    /// A MISP event or feed, as JSON.
    Misp,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Csv, Self::Stix, Self::Misp];

    /// The name on command line and in queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Stix => "stix",
            Self::Misp => "misp",
        }
    }

    /// Whether any refusal refuses the whole file; of the others single indicators are refused and
    /// the rest is used.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Text | Self::Csv)
    }

    /// The format of a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text)
    }
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

/// Which events of a list. There is no way to ask for a subscriber's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only with their first packet on this UTC day.
    pub day: Option<Date>,
    /// Only of this marker; a day must be given with it.
    pub marker: Option<String>,
}

/// Events that were destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyedEvents {
    /// How many.
    pub events: u64,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Cursor of the next page; absent on the last.
    pub next: Option<String>,
}

/// The answers, one variant a shape.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Coverage`].
    Coverage(Box<Coverage>),
    /// To a change of the marker set.
    Changed(Changed),
    /// To [`Request::OrdersSubmit`] and [`Request::OrdersWithdraw`].
    OrderChanged(Box<OrderChanged>),
    /// To [`Request::OrdersList`].
    Orders(Rows<OrderRow>),
    /// To [`Request::OrdersShow`].
    Order(Box<OrderRow>),
    /// To [`Request::DeclarationShow`] and [`Request::DeclarationRecord`].
    Declaration(Box<DeclarationReport>),
    /// To [`Request::MarkersList`].
    Markers(Rows<MarkerRow>),
    /// To [`Request::MarkersShow`].
    Marker(Box<MarkerRow>),
    /// To [`Request::RequestsList`].
    Cases(Rows<CaseRow>),
    /// To [`Request::RequestsShow`] and what changes one.
    Case(Box<CaseRow>),
    /// To [`Request::RequestsManifests`].
    Manifests(Box<Manifests>),
    /// To [`Request::CostsList`].
    Costs(Rows<CostRow>),
    /// To [`Request::EventsList`].
    Events(Rows<Event>),
    /// To [`Request::EventsShow`].
    Event(Box<Event>),
    /// To [`Request::EventsNotUseful`].
    Destroyed(DestroyedEvents),
    /// To [`Request::EventsCommitment`].
    Commitment(EventCommitment),
    /// To [`Request::EventsTail`]: the stream starts now.
    Tail,
    /// To [`Request::JournalShow`].
    Journal(JournalPage),
    /// To [`Request::JournalCheckpoint`].
    Checkpoint(JournalCheckpoint),
    /// To [`Request::JournalProof`].
    Proof(JournalProof),
    /// To [`Request::JournalFollow`]: the stream starts here.
    Follow {
        /// First index.
        from: u64,
    },
    /// To [`Request::Canary`].
    Canary(Box<CanaryReport>),
    /// To [`Request::SinksList`].
    Sinks(Rows<SinkRow>),
    /// To [`Request::SinksDead`].
    Dead(Rows<DeadRow>),
    /// To [`Request::SinksReplay`].
    Replayed(Replayed),
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
