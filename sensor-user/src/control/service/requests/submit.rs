//! A request comes in: judged before anything is kept, refused with a code, journalled either way.

use std::io::Read as _;

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Clock, Desk, coded, export, internal};
use crate::{
    control::{Error, service::envelopes::told},
    crypto::hex,
    db::NewCase,
    envelope::{self, Envelope, Last, Refused, Trust},
    fault,
    journal::{RequestEntry, RequestStep},
    legal::{Stage, requests},
    model::{Actor, ContentKind, RequestTerms, RequestType, Spool, request::CaseRow},
};

/// A refusal with what the journal may say of the request.
struct Rejected {
    error: Error,
    entry: Box<RequestEntry>,
}

impl Desk {
    /// Takes a signed request of the authority.
    ///
    /// # Errors
    /// Why it is refused, with a code of its own; journalled.
    pub fn submit(&self, actor: &Actor, body: &Spool, clock: impl Clock) -> Result<CaseRow, Error> {
        let _one = self.changing();
        let now = clock.read().time;
        match self.take(actor, body, now) {
            Ok(row) => Ok(row),
            // A failure of ours is no refusal; what was announced is journalled as lost already.
            Err(rejected) if rejected.error.status().is_server_error() => {
                if rejected.entry.step == RequestStep::Refused {
                    self.failed(actor, *rejected.entry, &rejected.error)?;
                }
                Err(rejected.error)
            }
            Err(rejected) => {
                let entry = RequestEntry {
                    code: Some(rejected.error.code().into()),
                    ..*rejected.entry
                };
                let _receipt = self.journal(actor, entry)?;
                Err(rejected.error)
            }
        }
    }

    fn take(&self, actor: &Actor, body: &Spool, now: Timestamp) -> Result<CaseRow, Rejected> {
        let mut entry = RequestEntry::of(RequestStep::Refused);
        let envelope = self.judge(body, now).map_err(|refused| {
            let (issuer, serial) = refused.signed.clone().unzip();
            let entry = RequestEntry {
                kind: self.kind_of(issuer.as_deref(), refused.kind),
                issuer,
                serial,
                ..entry.clone()
            };
            Rejected {
                error: told(&refused),
                entry: Box::new(entry),
            }
        })?;
        let manifest = &envelope.manifest;
        entry.issuer = Some(manifest.issuer.clone());
        entry.serial = Some(manifest.serial);
        entry.envelope = Some(hex(&envelope.digest));
        entry.kind = self.kind_of(entry.issuer.as_deref(), Some(manifest.kind));
        let rejected = |entry: &RequestEntry, error| Rejected {
            error,
            entry: Box::new(entry.clone()),
        };
        let kind = manifest.kind.request().ok_or_else(|| {
            let reason = "this envelope holds markers, not a request: `sensorctl bundle submit` it";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            rejected(&entry, coded(status, "wrong_kind", reason))
        })?;
        entry.kind = Some(kind);
        let terms = self
            .read(kind, &envelope, body)
            .map_err(|error| rejected(&entry, error))?;
        entry.reference = Some(terms.reference.clone());
        entry.commission = Some(terms.agent.commission.clone());
        entry.beneficiary = terms.beneficiary;
        entry.events = Some(terms.events.len() as u64);
        self.check(&envelope, &terms, now)
            .map_err(|error| rejected(&entry, error))?;
        let mut whole = Vec::new();
        body.reader().read_to_end(&mut whole).map_err(|error| {
            let error = internal(format!("the body cannot be read back: {error}"));
            rejected(&entry, error)
        })?;
        entry.step = RequestStep::Submitted;
        self.keep(actor, &envelope, &terms, entry.clone(), (now, &whole))
            .map_err(|error| rejected(&entry, error))
    }

    /// Of which type something is that a pinned key signed: whoever oversees that type is told of it, and
    /// nobody else. What the counterparty of type C signs is of that type, whatever it says of itself.
    fn kind_of(&self, issuer: Option<&str>, said: Option<ContentKind>) -> Option<RequestType> {
        let of_c = |name: &str| self.issuers.signs(name, ContentKind::RequestC);
        match issuer {
            Some(name) if of_c(name) => Some(RequestType::C),
            _ => said?.request(),
        }
    }

    fn judge(&self, body: &Spool, now: Timestamp) -> Result<Envelope, Refused> {
        let trust = Trust {
            issuers: &self.issuers,
            recipient: Some(&self.sensor),
            now,
        };
        envelope::verify(&mut body.reader(), trust, &|_| {})
    }

    fn read(
        &self,
        kind: RequestType,
        envelope: &Envelope,
        body: &Spool,
    ) -> Result<RequestTerms, Error> {
        let mut document = Vec::new();
        body.reader_at(envelope.content_at)
            .take(requests::LONGEST as u64 + 1)
            .read_to_end(&mut document)
            .map_err(|error| internal(format!("the body cannot be read back: {error}")))?;
        requests::read(kind, &document).map_err(objection)
    }

    fn check(
        &self,
        envelope: &Envelope,
        terms: &RequestTerms,
        now: Timestamp,
    ) -> Result<(), Error> {
        let kind = terms.kind;
        let last = self.db().serial(&envelope.manifest.issuer, kind);
        let last = last.map_err(internal)?;
        let last = last.map(|(serial, digest)| Last { serial, digest });
        envelope.follows(last).map_err(|refused| told(&refused))?;
        requests::check_dates(terms, &self.config.commissions, now).map_err(objection)?;
        let known = self.db().case(&terms.reference).map_err(internal)?;
        // The store may be an older one: what the journal says of a reference counts as well.
        let past = self.past().cases.get(&terms.reference).cloned();
        if known.is_some() || past.is_some_and(|past| !past.is_free()) {
            return Err(Error::Conflict(
                "a request of this reference was submitted before; a reference is used once".into(),
            ));
        }
        self.check_configured(kind)?;
        // Type C is answered from what is held; whether that is anything is no reason to refuse it.
        if kind != RequestType::C {
            for id in &terms.events {
                self.check_event(kind, id)?;
            }
        }
        Ok(())
    }

    /// Whether it could be answered at all.
    fn check_configured(&self, kind: RequestType) -> Result<(), Error> {
        export::check(self.export_dir()?)
            .map_err(|error| coded(StatusCode::CONFLICT, "export_dir", error.to_string()))?;
        let missing = if kind != RequestType::Notice && self.recipients.get(kind).is_none() {
            "no key of a recipient is configured for this type: see [requests.recipients]"
        } else if kind == RequestType::A && self.config.adaptor.is_none() {
            "no subscriber system is configured: see [requests.adaptor]"
        } else {
            return Ok(());
        };
        Err(coded(StatusCode::CONFLICT, "not_configured", missing))
    }

    /// Whether an event is such as the article asks for.
    fn check_event(&self, kind: RequestType, id: &str) -> Result<(), Error> {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let Some(row) = self.event(id)? else {
            let reason = "the request names an event that the sensor does not have";
            return Err(coded(status, "unknown_event", reason));
        };
        if kind == RequestType::B && !self.is_acknowledged(row.seq)? {
            let reason = "the request names an event of which the authority was not informed under \
                          L. 33-14: its alert is not acknowledged";
            return Err(coded(status, "not_acknowledged", reason));
        }
        Ok(())
    }

    pub(super) fn is_acknowledged(&self, seq: i64) -> Result<bool, Error> {
        let at = self.events().acknowledged(seq).map_err(internal)?;
        Ok(at.is_some())
    }

    fn keep(
        &self,
        actor: &Actor,
        envelope: &Envelope,
        terms: &RequestTerms,
        entry: RequestEntry,
        (now, whole): (Timestamp, &[u8]),
    ) -> Result<CaseRow, Error> {
        let receipt = self.journal(actor, entry)?;
        let case = NewCase {
            terms,
            issuer: &envelope.manifest.issuer,
            serial: envelope.manifest.serial,
            digest: envelope.digest,
            envelope: whole,
            stage: Stage::first(terms.kind).name(),
            received: now,
            receipt: receipt.index(),
        };
        // A store that fails on demand fails here, too.
        let kept = fault::point("request_submitted")
            .map_err(internal)
            .and_then(|()| self.db().insert(&case).map_err(internal));
        if let Err(error) = kept {
            let lost = RequestEntry {
                kind: Some(terms.kind),
                reference: Some(terms.reference.clone()),
                code: Some("store".into()),
                of: Some(receipt.index()),
                ..RequestEntry::of(RequestStep::Lost)
            };
            let _receipt = self.journal_done(actor, lost)?;
            return Err(error);
        }
        self.show(&terms.reference)
    }
}

pub(super) fn objection(objection: requests::Objection) -> Error {
    coded(
        StatusCode::UNPROCESSABLE_ENTITY,
        objection.code(),
        objection.to_string(),
    )
}
