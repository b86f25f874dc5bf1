//! What is asked, handed to the part that does it.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::Sensor;
use crate::{
    control::{Error, Service},
    journal::Journal,
    model::{
        Actor, Event, RequestKind,
        request::{Reply, Request},
    },
};

impl Service for Sensor {
    fn handle(&self, actor: &Actor, request: Request) -> Result<Reply, Error> {
        match request {
            Request::Coverage => self
                .coverage()
                .map(|coverage| Reply::Coverage(Box::new(coverage))),
            Request::Status => self
                .status(actor.role)
                .map(|status| Reply::Status(Box::new(status))),
            Request::MarkersLoad { format, body } => {
                self.markers_load(actor, format, &body).map(Reply::Changed)
            }
            Request::MarkersAdd { format, body } => {
                self.markers_add(actor, format, &body).map(Reply::Changed)
            }
            Request::MarkersRemove {
                body,
                false_positive,
            } => self
                .markers_remove(actor, &body, false_positive)
                .map(Reply::Changed),
            Request::MarkersRelease { body } => {
                self.markers_release(actor, &body).map(Reply::Changed)
            }
            Request::DeclarationShow => Ok(Reply::Declaration(Box::new(self.declaration_show()))),
            Request::DeclarationRecord { body } => self
                .declaration_record(actor, &body)
                .map(|report| Reply::Declaration(Box::new(report))),
            Request::EnvelopeSubmit { body } => {
                self.envelope_submit(actor, &body).map(Reply::Changed)
            }
            Request::MarkersList { page, quarantined } => self
                .markers_list(actor, &page, quarantined)
                .map(Reply::Markers),
            Request::MarkersShow { id } => self
                .markers_show(actor, &id)
                .map(|row| Reply::Marker(Box::new(row))),
            Request::OrdersSubmit { body } => self
                .orders_submit(actor, &body)
                .map(|changed| Reply::OrderChanged(Box::new(changed))),
            Request::OrdersList { page } => self.orders_list(&page).map(Reply::Orders),
            Request::OrdersShow { reference } => self
                .orders_show(&reference)
                .map(|row| Reply::Order(Box::new(row))),
            Request::OrdersWithdraw { reference } => self
                .orders_withdraw(actor, &reference)
                .map(|changed| Reply::OrderChanged(Box::new(changed))),
            Request::RequestsSubmit { .. }
            | Request::RequestsList { .. }
            | Request::RequestsShow { .. }
            | Request::RequestsManifests { .. }
            | Request::RequestsApprove { .. }
            | Request::RequestsRefuse { .. }
            | Request::RequestsSettle { .. }
            | Request::CostsList { .. } => self.desk.handle(actor, request, self),
            Request::EventsList { page, filter } => {
                self.events_list(actor, &page, &filter).map(Reply::Events)
            }
            Request::EventsNotUseful { id } => {
                self.events_not_useful(actor, &id).map(Reply::Destroyed)
            }
            Request::EventsShow { id } => self
                .events_show(actor, &id)
                .map(|event| Reply::Event(Box::new(event))),
            Request::EventsCommitment { id } => {
                self.events_commitment(actor, &id).map(Reply::Commitment)
            }
            Request::EventsTail => self.events_tail(actor).map(|()| Reply::Tail),
            Request::JournalShow { from, limit } => {
                self.journal_show(actor, from, limit).map(Reply::Journal)
            }
            Request::JournalCheckpoint => self.journal_checkpoint().map(Reply::Checkpoint),
            Request::JournalProof(what) => self.journal_proof(what).map(Reply::Proof),
            Request::JournalFollow { from } => {
                self.journal_follow(actor).map(|()| Reply::Follow { from })
            }
            Request::Canary => self
                .canary_run(actor)
                .map(|report| Reply::Canary(Box::new(report))),
            Request::SinksList => self.sinks_list(actor.role).map(Reply::Sinks),
            Request::SinksDead { name, page } => self.sinks_dead(&name, &page).map(Reply::Dead),
            Request::SinksReplay { name } => self.sinks_replay(actor, &name).map(Reply::Replayed),
            Request::BreakerOpen { id } => self.breaker_open(actor, &id).map(Reply::Breaker),
            Request::BreakerClose { id } => self.breaker_close(actor, &id).map(Reply::Breaker),
            Request::Attach { interface } => {
                self.attach_asked(actor, &interface).map(Reply::Interface)
            }
            Request::Detach { interface } => self.detach(actor, &interface).map(Reply::Interface),
        }
    }

    fn unserved(&self, actor: &Actor, kind: RequestKind, error: &Error) {
        if let Err(error) = self.desk.unserved(actor, kind, error) {
            tracing::error!(%error, "a request that was not served could not be journalled");
        }
    }

    fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.parts.journal)
    }

    fn tail(&self, _actor: &Actor) -> broadcast::Receiver<Arc<Event>> {
        self.parts.tail.subscribe()
    }
}
