//! The declaration gate (L. 33-14 ¶1): nothing is attached and no marker comes into force before
//! the authority was informed of the device as it is. Removing and detaching are always allowed.

use std::sync::PoisonError;

use hyper::StatusCode;
use jiff::Timestamp;

use super::{
    Error, Inventory, Sensor, Set, admission::Admission, internal, listing::status_of,
    markers::refused,
};
use crate::{
    dataplane::Way,
    journal::{Action, Receipt},
    legal::{Objection, Shut},
    markers::Intake,
    model::{
        Actor, Marker, Pap,
        declaration::{Declaration, DeclarationRecord, DeclarationReport},
        order_terms::is_reference,
        request::Format,
    },
};

impl Sensor {
    /// Refuses what needs a declaration.
    pub(super) fn check_gate(&self) -> Result<(), Error> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        gate.check().map_err(shut)
    }

    pub(super) fn admission(&self) -> Admission {
        Admission::new(self.check_gate().is_ok(), self.law).with_canary(self.canary.is_on())
    }

    /// Refuses markers that the operator brings where it may not.
    pub(super) fn check_own(&self) -> Result<(), Error> {
        self.law.check_own().map_err(against)
    }

    /// Refuses an order whose markers' marking would speak against their use here, all of them alike.
    pub(super) fn check_order(&self, pap: Pap) -> Result<(), Error> {
        self.law.check_pap(pap).map_err(against)
    }

    /// Refuses markers whose marking speaks against their use here, as the format does with what it
    /// cannot read: the whole file, or the one and the rest is used.
    pub(super) fn check_marking(&self, format: Format, intake: &mut Intake) -> Result<(), Error> {
        let objection = |marker: &Marker| {
            let objection = self.law.check(marker).err()?;
            Some((objection.code(), objection.to_string()))
        };
        intake.bar("pap", format.is_whole(), objection);
        match intake.fatal {
            true => Err(refused(std::mem::take(intake))),
            false => Ok(()),
        }
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
        let now = Timestamp::now();
        let declaration = Declaration {
            reference: asked.reference,
            date: asked.date,
            digest,
            // As the store keeps it: to the microsecond.
            recorded: Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now),
            uid: actor.uid,
            receipt: receipt.index(),
        };
        if let Err(error) = set.catalog.keep_declaration(&declaration, self.mark()) {
            self.journal_failure(actor, &receipt, "store");
            return Err(internal(error));
        }
        self.gate
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .record(declaration);
        if !was_open {
            tracing::info!(receipt = receipt.index(), "the declaration gate is open");
            self.come_into_force(actor, &mut set, &receipt)?;
            drop(set);
            self.attach_wanted(actor);
        }
        Ok(self.declaration_show())
    }

    /// Makes live what the catalogue holds: so far nothing was in force.
    fn come_into_force(
        &self,
        actor: &Actor,
        set: &mut Set,
        receipt: &Receipt,
    ) -> Result<(), Error> {
        let (now, longest) = (self.now(), self.longest_marker);
        let inventory = Inventory::read(&mut set.catalog, now, longest, self.admission());
        let inventory = inventory.map_err(internal)?;
        for number in &inventory.ended {
            let ended = inventory.order_ended(*number);
            let journal = &self.parts.journal;
            let _receipt = journal
                .append_reserved(actor, ended)
                .map_err(super::from_journal)?;
        }
        set.orders = inventory.orders;
        self.go_live(actor, set, inventory.image, (Way::Together, receipt))
            .map_err(|error| {
                Error::Internal(format!(
                    "{error}; the declaration is recorded, but no marker is in force until the agent is restarted"
                ))
            })?;
        (set.starts, set.tally) = (inventory.starts, inventory.tally);
        self.tell_markers(status_of(set, self.admission()));
        Ok(())
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
