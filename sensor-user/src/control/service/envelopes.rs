//! Signed envelopes: judged before anything is touched, refused with a code, journalled either way.

use hyper::StatusCode;

use super::{Error, Sensor, Set, internal};
use crate::{
    crypto::hex,
    db,
    envelope::{self, Change, Envelope, Last, Manifest, Refused, Trust},
    journal::{Action, EnvelopeMark, Receipt},
    model::{
        Actor, Spool,
        request::{Changed, Format, Stage},
    },
};

impl Sensor {
    pub(super) fn envelope_submit(&self, actor: &Actor, body: &Spool) -> Result<Changed, Error> {
        let _underway = self.work.begin();
        self.work.enter(Stage::Reading, body.length());
        let judged = self.judge(body);
        let envelope = judged.or_else(|refused| Err(self.refuse(actor, refused)?))?;
        let taken = self.take(actor, &envelope, body);
        taken.or_else(|error| Err(self.refused_signed(actor, &envelope, error)?))
    }

    /// Takes what a verified envelope holds.
    fn take(&self, actor: &Actor, envelope: &Envelope, body: &Spool) -> Result<Changed, Error> {
        let manifest = &envelope.manifest;
        format_of(manifest)?;
        // Read before the set is locked: what ends or comes in the meantime does not wait for it.
        let intake = match &manifest.order {
            Some(terms) if envelope.authority => self.read_signed_order((envelope, terms), body)?,
            Some(_) => return Err(not_authority()),
            None => self.read_own(format_of(manifest)?, body, envelope.content_at)?,
        };
        let mut set = self.set();
        // Asked under the lock: of two submissions of one envelope, one is a replay. It may have
        // waited.
        let last = last_of(&mut set, envelope)?;
        let late = || envelope.still_counts(self.now());
        envelope
            .follows(last)
            .and_then(|()| late())
            .map_err(|refused| told(&refused))?;
        match (&manifest.order, manifest.change) {
            (Some(terms), _) => self
                .orders_submit_signed(actor, &mut set, (envelope, terms), intake)
                .map(|changed| changed.change),
            (None, Some(Change::Replace) | None) => {
                self.replace(actor, &mut set, intake, Some(envelope))
            }
            (None, Some(Change::Add)) => self.add(actor, &mut set, intake, Some(envelope)),
        }
    }

    /// Journals that what somebody signed was refused; a failure of ours is none.
    fn refused_signed(
        &self,
        actor: &Actor,
        envelope: &Envelope,
        error: Error,
    ) -> Result<Error, Error> {
        if !error.status().is_server_error() {
            let action = Action::EnvelopeRefused {
                code: error.code().into(),
                issuer: Some(envelope.manifest.issuer.clone()),
                serial: Some(envelope.manifest.serial),
            };
            let _receipt = self.journal(actor, action)?;
        }
        Ok(error)
    }

    fn judge(&self, body: &Spool) -> Result<Envelope, Refused> {
        let trust = Trust {
            issuers: &self.issuers,
            recipient: Some(&self.facts.sensor),
            now: self.now(),
        };
        envelope::verify(&mut body.reader(), trust, &|done| self.work.advance(done))
    }

    /// Journals a refusal and tells what the client is told. The outer error is the journal's.
    fn refuse(&self, actor: &Actor, refused: Refused) -> Result<Error, Error> {
        let error = told(&refused);
        let (issuer, serial) = refused.signed.unzip();
        let action = Action::EnvelopeRefused {
            code: error.code().into(),
            issuer,
            serial,
        };
        let _receipt = self.journal(actor, action)?;
        Ok(error)
    }

    /// Journals that what a receipt announced is kept: from now on a restored catalogue that does
    /// not know this serial is found out.
    pub(super) fn note_accepted(&self, actor: &Actor, envelope: &Envelope, of: &Receipt) {
        let action = Action::EnvelopeAccepted {
            issuer: envelope.manifest.issuer.clone(),
            serial: envelope.manifest.serial,
            digest: hex(&envelope.digest),
            of: of.index(),
        };
        if let Err(error) = self.parts.journal.append_reserved(actor, action) {
            tracing::error!(%error, "an accepted envelope could not be journalled; the catalogue knows its serial");
        }
    }
}

/// What the client is told.
pub(super) fn told(refused: &Refused) -> Error {
    Error::Coded {
        status: status_of(&refused.reason),
        code: refused.reason.code(),
        reason: format!("{}; nothing was changed", refused.reason),
    }
}

/// Status of the answer: the content is refused as lines of a file are, the rest by what it is.
const fn status_of(reason: &envelope::Error) -> StatusCode {
    use envelope::Error as E;
    match reason {
        E::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        E::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        E::UnknownIssuer | E::UnknownKey | E::BadSignature | E::KeyNotValid(_) | E::WrongKey(_) => {
            StatusCode::FORBIDDEN
        }
        E::Replayed { .. } | E::RolledBack { .. } => StatusCode::CONFLICT,
        E::Read(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn last_of(set: &mut Set, envelope: &Envelope) -> Result<Option<Last>, Error> {
    let last = set.catalog.serial(&envelope.manifest.issuer);
    let last = last.map_err(internal)?;
    Ok(last.map(|(serial, digest)| Last { serial, digest }))
}

/// The format of an envelope of markers; a request is none.
fn format_of(manifest: &Manifest) -> Result<Format, Error> {
    manifest.format.ok_or_else(|| Error::Coded {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        code: "wrong_kind",
        reason: "this envelope holds a request, not markers: `sensorctl requests submit` it".into(),
    })
}

fn not_authority() -> Error {
    Error::Coded {
        status: StatusCode::FORBIDDEN,
        code: "not_authority",
        reason:
            "only the authority sends orders (L. 33-14 ¶2): the issuer is not configured as one"
                .into(),
    }
}

/// What the journal says of an envelope.
pub(super) fn mark_of(envelope: &Envelope) -> EnvelopeMark {
    let manifest = &envelope.manifest;
    EnvelopeMark {
        issuer: manifest.issuer.clone(),
        serial: manifest.serial,
        order: manifest.order.as_ref().map(|terms| terms.reference.clone()),
    }
}

/// What the catalogue keeps of an envelope.
pub(super) fn serial_of(envelope: &Envelope) -> db::Serial<'_> {
    db::Serial {
        issuer: &envelope.manifest.issuer,
        serial: envelope.manifest.serial,
        digest: envelope.digest,
    }
}
