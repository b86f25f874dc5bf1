//! From a reply to the body of an answer.

use crate::{control::Error, model::request::Reply};

/// The body of an answer.
///
/// # Errors
/// [`Error::Internal`] for a reply that is no document.
pub fn document(reply: &Reply) -> Result<Vec<u8>, Error> {
    match reply {
        Reply::Status(status) => serde_json::to_vec(status),
        Reply::Coverage(coverage) => serde_json::to_vec(coverage),
        Reply::Changed(changed) => serde_json::to_vec(changed),
        Reply::OrderChanged(changed) => serde_json::to_vec(changed),
        Reply::Orders(rows) => serde_json::to_vec(rows),
        Reply::Order(row) => serde_json::to_vec(row),
        Reply::Declaration(report) => serde_json::to_vec(report),
        Reply::Cases(rows) => serde_json::to_vec(rows),
        Reply::Case(row) => serde_json::to_vec(row),
        Reply::Manifests(manifests) => serde_json::to_vec(manifests),
        Reply::Costs(rows) => serde_json::to_vec(rows),
        Reply::Markers(rows) => serde_json::to_vec(rows),
        Reply::Marker(row) => serde_json::to_vec(row),
        Reply::Events(rows) => serde_json::to_vec(rows),
        Reply::Destroyed(events) => serde_json::to_vec(events),
        Reply::Event(event) => serde_json::to_vec(event),
        Reply::Journal(page) => serde_json::to_vec(page),
        Reply::Commitment(commitment) => serde_json::to_vec(commitment),
        Reply::Checkpoint(checkpoint) => serde_json::to_vec(checkpoint),
        Reply::Proof(proof) => serde_json::to_vec(proof),
        Reply::Canary(report) => serde_json::to_vec(report),
        Reply::Sinks(rows) => serde_json::to_vec(rows),
        Reply::Dead(rows) => serde_json::to_vec(rows),
        Reply::Replayed(replayed) => serde_json::to_vec(replayed),
        Reply::Breaker(breaker) => serde_json::to_vec(breaker),
        Reply::Interface(interface) => serde_json::to_vec(interface),
        Reply::Tail | Reply::Follow { .. } => {
            return Err(Error::Internal(
                "a stream was answered where a document was asked for".into(),
            ));
        }
    }
    .map_err(|_| Error::Internal("the answer cannot be written as JSON".into()))
}
