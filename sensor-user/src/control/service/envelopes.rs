//! Signed envelopes: judged before anything is touched, refused with a code, journalled either way.

use hyper::StatusCode;

use super::{Error, Sensor, Set, internal};
use crate::{
    crypto::hex,
    db,
    envelope::{self, Change, Envelope, Last, Refused, Trust},
    journal::{Action, EnvelopeMark, Receipt},
    model::{
        Actor, Spool,
        request::{Changed, Stage},
    },
};

impl Sensor {
    pub(super) fn envelope_submit(&self, actor: &Actor, body: &Spool) -> Result<Changed, Error> {
        let judged = {
            let _underway = self.work.begin();
            self.work.enter(Stage::Reading, body.length());
            self.judge(body)
        };
        let envelope = judged.or_else(|refused| Err(self.refuse(actor, refused)?))?;
        let mut set = self.set();
        let _underway = self.work.begin();
        // Asked under the lock: of two submissions of one envelope, one is a replay.
        if let Err(refused) = envelope.follows(last_of(&mut set, &envelope)?) {
            return Err(self.refuse(actor, refused)?);
        }
        match &envelope.manifest.order {
            Some(terms) if envelope.authority => self
                .orders_submit_signed(actor, &mut set, (&envelope, terms), body)
                .map(|changed| changed.change),
            Some(_) => Err(not_authority()),
            None => {
                let intake = self.read_own(envelope.manifest.format, body, envelope.content_at)?;
                match envelope.manifest.change {
                    Change::Replace => self.replace(actor, &mut set, intake, Some(&envelope)),
                    Change::Add => self.add(actor, &mut set, intake, Some(&envelope)),
                }
            }
        }
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
        let code = refused.reason.code();
        let (issuer, serial) = refused.signed.unzip();
        let action = Action::EnvelopeRefused {
            code: code.into(),
            issuer,
            serial,
        };
        let _receipt = self.journal(actor, action)?;
        Ok(Error::Coded {
            status: status_of(&refused.reason),
            code,
            reason: format!("{}; nothing was changed", refused.reason),
        })
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

/// Status of the answer: the content is refused as lines of a file are, the rest by what it is.
const fn status_of(reason: &envelope::Error) -> StatusCode {
    use envelope::Error as E;
    match reason {
        E::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        E::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        E::UnknownIssuer | E::UnknownKey | E::BadSignature | E::KeyNotValid(_) => {
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
