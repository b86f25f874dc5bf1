//! From method and address to a request. The routes are data, so that the API description can be
//! tested against them.

mod answer;
mod keys;
mod request;

use bytes::Bytes;

use super::Error;
use crate::model::{RequestKind as Kind, Spool};
pub use answer::document;
pub use request::request;

/// The description of this API (OpenAPI 3.1).
pub const DESCRIPTION: &str = include_str!("openapi.json");

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path; a segment in braces is the parameter.
    pub path: &'static str,
    /// What it asks for.
    pub target: Target,
    /// Query keys that it takes.
    pub query: &'static [&'static str],
    /// What its body is.
    pub body: Carries,
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// It has none.
    Nothing,
    /// A list or a document, held in memory.
    Document,
    /// A file of any size that waits on disk.
    File,
}

/// The body of a request, by what it is; the other one is blank.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Of [`Carries::Document`].
    pub document: Bytes,
    /// Of [`Carries::File`].
    pub file: Spool,
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A request to the service.
    Ask(Kind),
    /// [`DESCRIPTION`]; for everybody who has a role.
    Description,
}

const fn get(path: &'static str, kind: Kind, query: &'static [&'static str]) -> Route {
    Route {
        method: "GET",
        path,
        target: Target::Ask(kind),
        query,
        body: Carries::Nothing,
    }
}

const fn send(
    method: &'static str,
    path: &'static str,
    kind: Kind,
    query: &'static [&'static str],
    body: Carries,
) -> Route {
    Route {
        method,
        path,
        target: Target::Ask(kind),
        query,
        body,
    }
}

/// All routes. Of two that fit, the first counts: words before parameters.
pub const ROUTES: [Route; 41] = [
    get("/v1/status", Kind::Status, &[]),
    get("/v1/coverage", Kind::Coverage, &[]),
    get(
        "/v1/markers",
        Kind::MarkersList,
        &["limit", "after", "quarantined"],
    ),
    send(
        "PUT",
        "/v1/markers",
        Kind::MarkersLoad,
        &["format"],
        Carries::File,
    ),
    send(
        "POST",
        "/v1/markers",
        Kind::MarkersAdd,
        &["format"],
        Carries::File,
    ),
    send(
        "POST",
        "/v1/markers/remove",
        Kind::MarkersRemove,
        &["false_positive"],
        Carries::Document,
    ),
    send(
        "POST",
        "/v1/markers/release",
        Kind::MarkersRelease,
        &[],
        Carries::Document,
    ),
    get("/v1/declaration", Kind::DeclarationShow, &[]),
    send(
        "POST",
        "/v1/declaration",
        Kind::DeclarationRecord,
        &[],
        Carries::Document,
    ),
    send(
        "POST",
        "/v1/envelopes",
        Kind::EnvelopeSubmit,
        &[],
        Carries::File,
    ),
    send(
        "POST",
        "/v1/markers/{id}/breaker",
        Kind::BreakerOpen,
        &[],
        Carries::Nothing,
    ),
    send(
        "DELETE",
        "/v1/markers/{id}/breaker",
        Kind::BreakerClose,
        &[],
        Carries::Nothing,
    ),
    get("/v1/markers/{id}", Kind::MarkersShow, &[]),
    send("POST", "/v1/orders", Kind::OrdersSubmit, &[], Carries::File),
    get("/v1/orders", Kind::OrdersList, &["limit", "after"]),
    get("/v1/orders/{reference}", Kind::OrdersShow, &[]),
    send(
        "DELETE",
        "/v1/orders/{reference}",
        Kind::OrdersWithdraw,
        &[],
        Carries::Nothing,
    ),
    send(
        "POST",
        "/v1/requests",
        Kind::RequestsSubmit,
        &[],
        Carries::File,
    ),
    get("/v1/requests", Kind::RequestsList, &["limit", "after"]),
    get("/v1/requests/{reference}", Kind::RequestsShow, &[]),
    get(
        "/v1/requests/{reference}/manifests",
        Kind::RequestsManifests,
        &[],
    ),
    send(
        "POST",
        "/v1/requests/{reference}/approve",
        Kind::RequestsApprove,
        &[],
        Carries::Document,
    ),
    send(
        "POST",
        "/v1/requests/{reference}/refuse",
        Kind::RequestsRefuse,
        &[],
        Carries::Document,
    ),
    send(
        "POST",
        "/v1/requests/{reference}/notices",
        Kind::RequestsSettle,
        &[],
        Carries::Document,
    ),
    get("/v1/costs", Kind::CostsList, &["limit", "after"]),
    get(
        "/v1/events",
        Kind::EventsList,
        &["limit", "after", "state", "day", "marker"],
    ),
    get("/v1/events/tail", Kind::EventsTail, &[]),
    get("/v1/events/{id}", Kind::EventsShow, &[]),
    send(
        "POST",
        "/v1/events/{id}/not-useful",
        Kind::EventsNotUseful,
        &[],
        Carries::Nothing,
    ),
    get("/v1/events/{id}/commitment", Kind::EventsCommitment, &[]),
    send("POST", "/v1/canary", Kind::Canary, &[], Carries::Nothing),
    get("/v1/sinks", Kind::SinksList, &[]),
    get(
        "/v1/sinks/{name}/dead",
        Kind::SinksDead,
        &["limit", "after"],
    ),
    send(
        "POST",
        "/v1/sinks/{name}/replay",
        Kind::SinksReplay,
        &[],
        Carries::Nothing,
    ),
    get("/v1/journal", Kind::JournalShow, &["from", "limit"]),
    get("/v1/journal/checkpoint", Kind::JournalCheckpoint, &[]),
    get(
        "/v1/journal/proof",
        Kind::JournalProof,
        &["index", "from", "size"],
    ),
    get("/v1/journal/follow", Kind::JournalFollow, &["from"]),
    send(
        "POST",
        "/v1/interfaces/{name}/attach",
        Kind::Attach,
        &[],
        Carries::Nothing,
    ),
    send(
        "POST",
        "/v1/interfaces/{name}/detach",
        Kind::Detach,
        &[],
        Carries::Nothing,
    ),
    Route {
        method: "GET",
        path: "/v1/openapi.json",
        target: Target::Description,
        query: &[],
        body: Carries::Nothing,
    },
];

/// The route of a request line, and its parameter as it stands in the path.
///
/// # Errors
/// [`Error::NotFound`] for an unknown path, [`Error::Method`] for a known one.
pub fn find<'p>(method: &str, path: &'p str) -> Result<(&'static Route, &'p str), Error> {
    static TABLE: [Route; ROUTES.len()] = ROUTES;
    let fitting = || {
        TABLE
            .iter()
            .filter_map(|route| Some((route, fits(route.path, path)?)))
    };
    if let Some(found) = fitting().find(|(route, _)| route.method == method) {
        return Ok(found);
    }
    let allowed: Vec<_> = fitting().map(|(route, _)| route.method).collect();
    Err(if allowed.is_empty() {
        Error::NotFound("no such path; GET /v1/openapi.json describes them all".into())
    } else {
        Error::Method {
            allow: allowed.join(", "),
        }
    })
}

/// The parameter (blank where the template has none) when the path fits the template.
fn fits<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let mut parameter = "";
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') && !segment.is_empty() {
            parameter = segment;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(parameter)
}

#[cfg(test)]
mod tests;
