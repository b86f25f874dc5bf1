//! What a request is, without what it carries: the unit of authorisation, routing and journal.

use super::request::Request;

/// One for each variant of [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// [`Request::Status`].
    Status,
    /// [`Request::Coverage`].
    Coverage,
    /// [`Request::MarkersLoad`].
    MarkersLoad,
    /// [`Request::MarkersAdd`].
    MarkersAdd,
    /// [`Request::MarkersRemove`].
    MarkersRemove,
    /// [`Request::MarkersRelease`].
    MarkersRelease,
    /// [`Request::DeclarationShow`].
    DeclarationShow,
    /// [`Request::DeclarationRecord`].
    DeclarationRecord,
    /// [`Request::EnvelopeSubmit`].
    EnvelopeSubmit,
    /// [`Request::MarkersList`].
    MarkersList,
    /// [`Request::MarkersShow`].
    MarkersShow,
    /// [`Request::OrdersSubmit`].
    OrdersSubmit,
    /// [`Request::OrdersList`].
    OrdersList,
    /// [`Request::OrdersShow`].
    OrdersShow,
    /// [`Request::OrdersWithdraw`].
    OrdersWithdraw,
    /// [`Request::RequestsSubmit`].
    RequestsSubmit,
    /// [`Request::RequestsList`].
    RequestsList,
    /// [`Request::RequestsShow`].
    RequestsShow,
    /// [`Request::RequestsManifests`].
    RequestsManifests,
    /// [`Request::RequestsApprove`].
    RequestsApprove,
    /// [`Request::RequestsRefuse`].
    RequestsRefuse,
    /// [`Request::RequestsSettle`].
    RequestsSettle,
    /// [`Request::CostsList`].
    CostsList,
    /// [`Request::EventsList`].
    EventsList,
    /// [`Request::EventsShow`].
    EventsShow,
    /// [`Request::EventsNotUseful`].
    EventsNotUseful,
    /// [`Request::EventsCommitment`].
    EventsCommitment,
    /// [`Request::EventsTail`].
    EventsTail,
    /// [`Request::JournalShow`].
    JournalShow,
    /// [`Request::JournalCheckpoint`].
    JournalCheckpoint,
    /// [`Request::JournalProof`].
    JournalProof,
    /// [`Request::JournalFollow`].
    JournalFollow,
    /// [`Request::Canary`].
    Canary,
    /// [`Request::SinksList`].
    SinksList,
    /// [`Request::SinksDead`].
    SinksDead,
    /// [`Request::SinksReplay`].
    SinksReplay,
    /// [`Request::BreakerOpen`].
    BreakerOpen,
    /// [`Request::BreakerClose`].
    BreakerClose,
    /// [`Request::Attach`].
    Attach,
    /// [`Request::Detach`].
    Detach,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 40] = [
        Self::Status,
        Self::Coverage,
        Self::MarkersLoad,
        Self::MarkersAdd,
        Self::MarkersRemove,
        Self::MarkersRelease,
        Self::DeclarationShow,
        Self::DeclarationRecord,
        Self::EnvelopeSubmit,
        Self::MarkersList,
        Self::MarkersShow,
        Self::OrdersSubmit,
        Self::OrdersList,
        Self::OrdersShow,
        Self::OrdersWithdraw,
        Self::RequestsSubmit,
        Self::RequestsList,
        Self::RequestsShow,
        Self::RequestsManifests,
        Self::RequestsApprove,
        Self::RequestsRefuse,
        Self::RequestsSettle,
        Self::CostsList,
        Self::EventsList,
        Self::EventsShow,
        Self::EventsNotUseful,
        Self::EventsCommitment,
        Self::EventsTail,
        Self::JournalShow,
        Self::JournalCheckpoint,
        Self::JournalProof,
        Self::JournalFollow,
        Self::Canary,
        Self::SinksList,
        Self::SinksDead,
        Self::SinksReplay,
        Self::BreakerOpen,
        Self::BreakerClose,
        Self::Attach,
        Self::Detach,
    ];

    /// The name in logs, API description and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Coverage => "coverage",
            Self::MarkersLoad => "markers_load",
            Self::MarkersAdd => "markers_add",
            Self::MarkersRemove => "markers_remove",
            Self::MarkersRelease => "markers_release",
            Self::DeclarationShow => "declaration_show",
            Self::DeclarationRecord => "declaration_record",
            Self::EnvelopeSubmit => "envelope_submit",
            Self::MarkersList => "markers_list",
            Self::MarkersShow => "markers_show",
            Self::OrdersSubmit => "orders_submit",
            Self::OrdersList => "orders_list",
            Self::OrdersShow => "orders_show",
            Self::OrdersWithdraw => "orders_withdraw",
            Self::RequestsSubmit => "requests_submit",
            Self::RequestsList => "requests_list",
            Self::RequestsShow => "requests_show",
            Self::RequestsManifests => "requests_manifests",
            Self::RequestsApprove => "requests_approve",
            Self::RequestsRefuse => "requests_refuse",
            Self::RequestsSettle => "requests_settle",
            Self::CostsList => "costs_list",
            Self::EventsList => "events_list",
            Self::EventsShow => "events_show",
            Self::EventsNotUseful => "events_not_useful",
            Self::EventsCommitment => "events_commitment",
            Self::EventsTail => "events_tail",
            Self::JournalShow => "journal_show",
            Self::JournalCheckpoint => "journal_checkpoint",
            Self::JournalProof => "journal_proof",
            Self::JournalFollow => "journal_follow",
            Self::Canary => "canary",
            Self::SinksList => "sinks_list",
            Self::SinksDead => "sinks_dead",
            Self::SinksReplay => "sinks_replay",
            Self::BreakerOpen => "breaker_open",
            Self::BreakerClose => "breaker_close",
            Self::Attach => "attach",
            Self::Detach => "detach",
        }
    }
}

impl Request {
    /// What is asked.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Status => RequestKind::Status,
            Self::Coverage => RequestKind::Coverage,
            Self::MarkersLoad { .. } => RequestKind::MarkersLoad,
            Self::MarkersAdd { .. } => RequestKind::MarkersAdd,
            Self::MarkersRemove { .. } => RequestKind::MarkersRemove,
            Self::MarkersRelease { .. } => RequestKind::MarkersRelease,
            Self::DeclarationShow => RequestKind::DeclarationShow,
            Self::DeclarationRecord { .. } => RequestKind::DeclarationRecord,
            Self::EnvelopeSubmit { .. } => RequestKind::EnvelopeSubmit,
            Self::MarkersList { .. } => RequestKind::MarkersList,
            Self::MarkersShow { .. } => RequestKind::MarkersShow,
            Self::OrdersSubmit { .. } => RequestKind::OrdersSubmit,
            Self::OrdersList { .. } => RequestKind::OrdersList,
            Self::OrdersShow { .. } => RequestKind::OrdersShow,
            Self::OrdersWithdraw { .. } => RequestKind::OrdersWithdraw,
            Self::RequestsSubmit { .. } => RequestKind::RequestsSubmit,
            Self::RequestsList { .. } => RequestKind::RequestsList,
            Self::RequestsShow { .. } => RequestKind::RequestsShow,
            Self::RequestsManifests { .. } => RequestKind::RequestsManifests,
            Self::RequestsApprove { .. } => RequestKind::RequestsApprove,
            Self::RequestsRefuse { .. } => RequestKind::RequestsRefuse,
            Self::RequestsSettle { .. } => RequestKind::RequestsSettle,
            Self::CostsList { .. } => RequestKind::CostsList,
            Self::EventsList { .. } => RequestKind::EventsList,
            Self::EventsShow { .. } => RequestKind::EventsShow,
            Self::EventsNotUseful { .. } => RequestKind::EventsNotUseful,
            Self::EventsCommitment { .. } => RequestKind::EventsCommitment,
            Self::EventsTail => RequestKind::EventsTail,
            Self::JournalShow { .. } => RequestKind::JournalShow,
            Self::JournalCheckpoint => RequestKind::JournalCheckpoint,
            Self::JournalProof(_) => RequestKind::JournalProof,
            Self::JournalFollow { .. } => RequestKind::JournalFollow,
            Self::Canary => RequestKind::Canary,
            Self::SinksList => RequestKind::SinksList,
            Self::SinksDead { .. } => RequestKind::SinksDead,
            Self::SinksReplay { .. } => RequestKind::SinksReplay,
            Self::BreakerOpen { .. } => RequestKind::BreakerOpen,
            Self::BreakerClose { .. } => RequestKind::BreakerClose,
            Self::Attach { .. } => RequestKind::Attach,
            Self::Detach { .. } => RequestKind::Detach,
        }
    }
}
