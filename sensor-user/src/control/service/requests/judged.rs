//! By what requests are judged: the time as it is when it is asked for, and the document that was
//! signed, not what was once read of it.

use std::io::Cursor;

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Desk, coded, entry, internal, submit::objection};
use crate::{
    control::{Error, service::envelopes::told},
    crypto::hex,
    db::{Case, CaseStep},
    envelope::{self, Trust},
    journal::{RequestEntry, RequestStep},
    legal::requests,
    model::Actor,
};

/// The time, read anew each time: a decision may wait for another one, and an answer for the
/// operator's subscriber system.
pub trait Clock {
    /// What it shows now.
    fn read(&self) -> Judged;
}

/// A time by which something is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The time.
    pub time: Timestamp,
    /// Whether it may be relied on for what cannot be taken back: the wall clock is neither suspect nor
    /// contradicted.
    pub trusted: bool,
}

/// A time that stands still and is right.
impl Clock for Timestamp {
    fn read(&self) -> Judged {
        Judged {
            time: *self,
            trusted: true,
        }
    }
}

impl<T: Clock + ?Sized> Clock for &T {
    fn read(&self) -> Judged {
        (**self).read()
    }
}

impl Desk {
    /// Whether a request may be decided: what was signed is there, its key, its commission and its dates
    /// count. A refusal is journalled.
    pub(super) fn check_still(&self, actor: &Actor, case: &Case, now: Judged) -> Result<(), Error> {
        self.judge_signed(case, now)
            .or_else(|why| Err(self.not_answered(actor, case, why)?))
    }

    /// The same, and whether it may be answered: by a clock that can be relied on, after two approvals
    /// that the journal tells.
    pub(super) fn check_answer(
        &self,
        actor: &Actor,
        case: &Case,
        now: Judged,
    ) -> Result<(), Error> {
        self.judge_told(case)
            .and_then(|()| self.judge_now(case, now))
            .or_else(|why| Err(self.not_answered(actor, case, why)?))
    }

    /// Whether it may be answered at this moment; nothing is journalled.
    pub(super) fn judge_now(&self, case: &Case, now: Judged) -> Result<(), Error> {
        match now.trusted {
            true => self.judge_signed(case, now),
            false => Err(suspect()),
        }
    }

    /// The envelope that was kept is held against the keys of now and against what was journalled when
    /// it came; what it says, against what the store has of it.
    fn judge_signed(&self, case: &Case, now: Judged) -> Result<(), Error> {
        let changed = || {
            coded(
                StatusCode::CONFLICT,
                "envelope_changed",
                "the store does not hold the document that was signed, submitted and journalled; it was \
                 not answered",
            )
        };
        let kept = self.db().envelope(case.number).map_err(internal)?;
        let kept = kept.ok_or_else(changed)?;
        let trust = Trust {
            issuers: &self.issuers,
            recipient: Some(&self.sensor),
            now: now.time,
        };
        let envelope = envelope::verify_kept(&mut Cursor::new(&kept), trust);
        let envelope = envelope.map_err(|refused| told(&refused))?;
        let digest = hex(&envelope.digest);
        let row = &case.row;
        let journalled = self.past().cases.get(&row.reference).cloned();
        let journalled = journalled.and_then(|past| past.envelope);
        if digest != row.envelope || journalled.is_some_and(|other| other != digest) {
            return Err(changed());
        }
        let document = kept.get(envelope.content_at as usize..).unwrap_or_default();
        let terms = requests::read(row.kind, document).map_err(objection)?;
        if envelope.manifest.kind.request() != Some(row.kind) || terms != row.terms {
            return Err(changed());
        }
        requests::check_dates(&terms, &self.config.commissions, now.time).map_err(objection)
    }

    /// Whether the journal tells what the store says: two approvals, and no answer since.
    fn judge_told(&self, case: &Case) -> Result<(), Error> {
        use RequestStep as S;
        let (told, restored) = {
            let past = self.past();
            let told = past.cases.get(&case.row.reference).cloned();
            (told.filter(|told| told.envelope.is_some()), past.restored)
        };
        let is_told = match told {
            Some(told) => {
                let open = matches!(told.step, S::Approved | S::NotDisclosed | S::Lost);
                open && told.approvals >= 2
            }
            // A journal that was moved away tells nothing of what came before, and somebody has taken
            // responsibility for that; otherwise nobody ever submitted it here.
            None => restored,
        };
        match is_told {
            true => Ok(()),
            false => Err(coded(
                StatusCode::CONFLICT,
                "not_journalled",
                "the journal does not tell of its submission and of two approvals that no answer followed; \
                 it was not answered",
            )),
        }
    }

    /// Journals why something was not done; the request stays where it is.
    pub(super) fn not_answered(
        &self,
        actor: &Actor,
        case: &Case,
        why: Error,
    ) -> Result<Error, Error> {
        if why.status().is_server_error() {
            return Ok(why);
        }
        let refused = RequestEntry {
            code: Some(why.code().into()),
            ..entry(RequestStep::NotDisclosed, case)
        };
        let receipt = self.journal(actor, refused)?;
        let step = CaseStep {
            stage: &case.row.stage,
            receipt: Some(receipt.index()),
            code: Some(why.code()),
            ..CaseStep::default()
        };
        self.keep_step(actor, case, step)?;
        Ok(why)
    }
}

/// Neither answered nor ended by a clock that may be wrong.
pub(super) fn suspect() -> Error {
    coded(
        StatusCode::CONFLICT,
        "clock_suspect",
        "the wall clock cannot be relied on: synchronise it, or take it for right \
         (`sensord accept-clock`); nothing was disclosed, and nothing ended",
    )
}
