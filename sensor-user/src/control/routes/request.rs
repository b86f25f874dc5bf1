//! From a route and what came with it to a request.

use super::{
    Content,
    keys::{day, flag, format, limit, page, proposition, state},
};
use crate::{
    control::{Error, uri::Query},
    model::{
        RequestKind as Kind, Scopes,
        request::{EventFilter, Request},
    },
};

/// The request of a route: `parameter` is decoded, `content` is blank where the route has no body.
///
/// # Errors
/// [`Error::Invalid`] for a value of the query that cannot be used.
pub fn request(
    kind: Kind,
    parameter: &str,
    query: &Query,
    content: Content,
) -> Result<Request, Error> {
    let parameter = parameter.to_owned();
    let Content { document, file } = content;
    Ok(match kind {
        Kind::Status => Request::Status,
        Kind::Coverage => Request::Coverage,
        Kind::MarkersLoad => Request::MarkersLoad {
            format: format(query)?,
            body: file,
        },
        Kind::MarkersAdd => Request::MarkersAdd {
            format: format(query)?,
            body: file,
        },
        Kind::MarkersRemove => Request::MarkersRemove {
            body: document,
            false_positive: flag(query, "false_positive")?,
        },
        Kind::MarkersRelease => Request::MarkersRelease { body: document },
        Kind::DeclarationShow => Request::DeclarationShow,
        Kind::DeclarationRecord => Request::DeclarationRecord { body: document },
        Kind::EnvelopeSubmit => Request::EnvelopeSubmit { body: file },
        Kind::MarkersList => Request::MarkersList {
            page: page(query)?,
            quarantined: flag(query, "quarantined")?,
        },
        Kind::MarkersShow => Request::MarkersShow { id: parameter },
        Kind::OrdersSubmit => Request::OrdersSubmit { body: file },
        Kind::OrdersList => Request::OrdersList { page: page(query)? },
        Kind::OrdersShow => Request::OrdersShow {
            reference: parameter,
        },
        Kind::OrdersWithdraw => Request::OrdersWithdraw {
            reference: parameter,
        },
        Kind::RequestsSubmit => Request::RequestsSubmit { body: file },
        Kind::RequestsList => Request::RequestsList(page(query)?, Scopes::WHOLE),
        Kind::RequestsShow => Request::RequestsShow {
            reference: parameter,
        },
        Kind::RequestsManifests => Request::RequestsManifests {
            reference: parameter,
        },
        Kind::RequestsApprove => Request::RequestsApprove {
            reference: parameter,
            body: document,
        },
        Kind::RequestsRefuse => Request::RequestsRefuse {
            reference: parameter,
            body: document,
        },
        Kind::RequestsSettle => Request::RequestsSettle {
            reference: parameter,
            body: document,
        },
        Kind::CostsList => Request::CostsList { page: page(query)? },
        Kind::EventsList => Request::EventsList {
            page: page(query)?,
            filter: EventFilter {
                state: state(query)?,
                day: day(query)?,
                marker: query.text("marker").map(str::to_owned),
            },
        },
        Kind::EventsShow => Request::EventsShow { id: parameter },
        Kind::EventsNotUseful => Request::EventsNotUseful { id: parameter },
        Kind::EventsCommitment => Request::EventsCommitment { id: parameter },
        Kind::EventsTail => Request::EventsTail,
        Kind::JournalShow => Request::JournalShow {
            from: query.number("from", 0, u64::MAX)?.unwrap_or(0),
            limit: limit(query)?,
        },
        Kind::JournalCheckpoint => Request::JournalCheckpoint,
        Kind::JournalProof => Request::JournalProof(proposition(query)?),
        Kind::JournalFollow => Request::JournalFollow {
            from: query.number("from", 0, u64::MAX)?.unwrap_or(0),
        },
        Kind::Canary => Request::Canary,
        Kind::SinksList => Request::SinksList,
        Kind::SinksDead => Request::SinksDead {
            name: parameter,
            page: page(query)?,
        },
        Kind::SinksReplay => Request::SinksReplay { name: parameter },
        Kind::BreakerOpen => Request::BreakerOpen { id: parameter },
        Kind::BreakerClose => Request::BreakerClose { id: parameter },
        Kind::Attach => Request::Attach {
            interface: parameter,
        },
        Kind::Detach => Request::Detach {
            interface: parameter,
        },
    })
}
