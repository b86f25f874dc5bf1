//! The declaration gate (L. 33-14 ¶1): nothing is attached and no marker comes into force before
//! the authority was informed of the device as it is. Removing and detaching are always allowed.

use std::sync::PoisonError;

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Error, Inventory, Sensor, Set, change::keep_generation, internal, markers::status_of};
use crate::{
    dataplane::Way,
    db::Mark,
    hits::Index,
    journal::{Action, Receipt},
    legal::{Law, Objection, Shut},
    model::{
        Actor, Marker, Standing,
        declaration::{Declaration, DeclarationRecord, DeclarationReport},
        order_terms::is_reference,
        request::{Failure, Refusal},
    },
};

/// What may come into force now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    /// Whether the gate is open.
    pub open: bool,
    law: Law,
}

impl Admission {
    /// Whether a marker belongs in the image at `now`.
    pub fn belongs(self, marker: &Marker, standing: &Standing, now: Timestamp) -> bool {
        self.open
            && !standing.is_quarantined()
            && marker.in_force(now)
            && self.law.check(marker).is_ok()
    }
}

impl Sensor {
    /// Refuses what needs a declaration.
    pub(super) fn check_gate(&self) -> Result<(), Error> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        gate.check().map_err(shut)
    }

    pub(super) fn admission(&self) -> Admission {
        Admission {
            open: self.check_gate().is_ok(),
            law: self.law,
        }
    }

    /// Refuses markers that the operator brings where it may not.
    pub(super) fn check_own(&self) -> Result<(), Error> {
        self.law.check_own().map_err(against)
    }

    /// Refuses a file in which the marking of a marker speaks against its use here.
    pub(super) fn check_marking(&self, markers: &[Marker]) -> Result<(), Error> {
        let refused = markers
            .iter()
            .filter_map(|marker| Some((marker, self.law.check(marker).err()?)));
        let total = refused.clone().count() as u64;
        if total == 0 {
            return Ok(());
        }
        let refusal = |(marker, objection): (&Marker, Objection)| Refusal {
            // The reader has told the lines of what it refuses; this one was read well.
            line: 0,
            field: "pap".into(),
            code: objection.code().into(),
            reason: format!("marker {}: {objection}", marker.id),
        };
        Err(Error::Refused {
            refusals: refused.take(Failure::MOST_REFUSALS).map(refusal).collect(),
            total,
        })
    }

    pub(super) fn declaration_show(&self) -> DeclarationReport {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        gate.report()
    }

    /// Takes the record of a declaration; when it opens the gate, the set comes into force and the
    /// interfaces are attached.
    pub(super) fn declaration_record(
        &self,
        actor: &Actor,
        body: &[u8],
    ) -> Result<DeclarationReport, Error> {
        let asked: DeclarationRecord = serde_json::from_slice(body).map_err(|error| {
            Error::Invalid(format!(
                "the record is a JSON object of reference, date and digest ({:?}, column {})",
                error.classify(),
                error.column()
            ))
        })?;
        if !is_reference(&asked.reference) {
            return Err(Error::Invalid(
                "the reference must be 1 to 128 printable ASCII characters".into(),
            ));
        }
        let mut set = self.set();
        let was_open = self.check_gate().is_ok();
        let digest = self.declaration_show().digest;
        if asked.digest.is_some_and(|declared| declared != digest) {
            return Err(shut(Shut::Outdated));
        }
        let action = Action::DeclarationRecorded {
            reference: asked.reference.clone(),
            date: asked.date,
            digest: digest.clone(),
        };
        let receipt = self.journal(actor, action)?;
        let declaration = Declaration {
            reference: asked.reference,
            date: asked.date,
            digest,
            recorded: Timestamp::now(),
            uid: actor.uid,
            receipt: receipt.index(),
        };
        let head = self.parts.journal.head();
        let mark = Mark {
            size: head.size,
            root: head.root,
        };
        if let Err(error) = set.catalog.keep_declaration(&declaration, mark) {
            self.journal_failure(actor, &receipt, "store");
            return Err(internal(error));
        }
        self.gate
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .record(declaration);
        if !was_open {
            tracing::info!(receipt = receipt.index(), "the declaration gate is open");
            self.come_into_force(&mut set, &receipt)?;
            drop(set);
            self.attach_wanted(actor);
        }
        Ok(self.declaration_show())
    }

    /// Makes live what the catalogue holds: so far nothing was in force.
    fn come_into_force(&self, set: &mut Set, receipt: &Receipt) -> Result<(), Error> {
        let inventory = Inventory::read(&mut set.catalog, Timestamp::now(), self.law, true)
            .map_err(internal)?;
        let image = inventory.image;
        let former = self.parts.live.put(Index::new(image.clone()));
        let outcome = set
            .plane
            .prepare(&image, Way::Together)
            .and_then(|prepared| set.plane.activate(prepared, receipt));
        match outcome {
            Ok(gone) => {
                self.parts.live.tell_changed(&set.image, &image);
                set.image = image;
                keep_generation(set);
                self.tell_markers(status_of(set));
                self.note_gone(set, &gone);
                Ok(())
            }
            Err(error) => {
                self.parts.live.put_back(former);
                Err(Error::Internal(format!(
                    "{error}; the declaration is recorded, but no marker is in force until the agent is restarted"
                )))
            }
        }
    }

    /// Attaches what waited for the gate; what fails is told in status and tried again.
    fn attach_wanted(&self, actor: &Actor) {
        let names: Vec<String> = {
            let set = self.set();
            let wanted = set.interfaces.iter().filter(|watched| watched.wanted);
            wanted.map(|watched| watched.slot.name.clone()).collect()
        };
        for name in names {
            if let Err(error) = self.attach(actor, &name) {
                tracing::error!(%error, interface = %name, "cannot be attached");
            }
        }
    }
}

fn shut(reason: Shut) -> Error {
    Error::Coded {
        status: StatusCode::CONFLICT,
        code: reason.code(),
        reason: reason.to_string(),
    }
}

pub(super) fn against(objection: Objection) -> Error {
    Error::Coded {
        status: StatusCode::CONFLICT,
        code: objection.code(),
        reason: objection.to_string(),
    }
}
