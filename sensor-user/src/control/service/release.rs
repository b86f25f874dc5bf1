//! Releasing what is held back: two persons, one after the other.

use hyper::StatusCode;
use jiff::Timestamp;

use super::{
    Error, Sensor, Set,
    change::Plan,
    internal,
    inventory::named,
    markers::{collision, status_of},
};
use crate::{
    dataplane::Way,
    db,
    journal::{Action, Receipt},
    markers,
    model::{Actor, Held, Marker, Standing, request::Changed},
};

impl Sensor {
    /// Approves quarantined markers; those that another person approved before come into force.
    pub(super) fn markers_release(&self, actor: &Actor, body: &[u8]) -> Result<Changed, Error> {
        self.check_gate()?;
        person(actor)?;
        let mut set = self.set();
        let _underway = self.work.begin();
        let (mut held, _) = named(&mut set, body)?;
        held.retain(|held| held.standing.is_quarantined());
        let approvals = set.catalog.approvals().map_err(internal)?;
        let by = |held: &Held| approvals.get(&held.marker.id).copied();
        let (second, others): (Vec<Held>, Vec<Held>) = held
            .into_iter()
            .partition(|held| by(held).is_some_and(|uid| uid != actor.uid));
        let first: Vec<&Held> = others.iter().filter(|held| by(held).is_none()).collect();
        if second.is_empty() && first.is_empty() && !others.is_empty() {
            return Err(Error::Coded {
                status: StatusCode::CONFLICT,
                code: "second_person",
                reason: "you have approved this release already; another person must, too".into(),
            });
        }
        let approved = match first.len() as u64 {
            0 => None,
            markers => {
                let receipt = self.journal(actor, Action::ReleaseApproved { markers })?;
                let index = receipt.index();
                if let Err(error) = set.catalog.approve(&first, actor.uid, index) {
                    self.journal_failure(actor, &receipt, "store");
                    return Err(internal(error));
                }
                Some(receipt)
            }
        };
        let awaiting = others.len() as u64;
        let changed = match approved {
            Some(receipt) if second.is_empty() => unchanged(&set, &receipt),
            _ => self.release(actor, &mut set, &second)?,
        };
        Ok(Changed {
            awaiting,
            ..changed
        })
    }

    fn release(&self, actor: &Actor, set: &mut Set, held: &[Held]) -> Result<Changed, Error> {
        let (admission, now) = (self.admission(), Timestamp::now());
        let put: Vec<(&Marker, &Standing)> = held
            .iter()
            .map(|held| (&held.marker, &Standing::Released))
            .collect();
        let rows = put
            .iter()
            .filter(|(marker, standing)| admission.belongs(marker, standing, now));
        let rows = markers::rows(rows.map(|(marker, _)| (*marker).clone()));
        let plan = Plan {
            image: set.image.with(&[], rows).map_err(collision)?,
            edit: db::Edit {
                put: &put,
                ..db::Edit::default()
            },
            added: 0,
            removed: 0,
            total: set.total,
            quarantined: set.quarantined - put.len() as u64,
            way: Way::OneByOne,
            action: Action::MarkersReleased,
            envelope: None,
        };
        self.carry_out(actor, set, plan)
    }
}

/// Whether the peer is somebody in particular: anybody can be root, and the agent's own user is
/// nobody.
fn person(actor: &Actor) -> Result<(), Error> {
    if actor.uid != 0 && actor.uid != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::Coded {
        status: StatusCode::FORBIDDEN,
        code: "no_person",
        reason: "a release needs two persons, each with a user of their own: not root and not the \
                 agent's; make them operators under [[control.role]]"
            .into(),
    })
}

/// The set as it is, for a request that changed something beside it.
fn unchanged(set: &Set, receipt: &Receipt) -> Changed {
    let status = status_of(set);
    Changed {
        markers: status.total,
        patterns: set.image.count(),
        generation: status.generation,
        digest: status.digest,
        added: 0,
        removed: 0,
        duplicates: 0,
        expired: 0,
        quarantined: status.quarantined,
        held_back: Vec::new(),
        awaiting: 0,
        receipt: receipt.index(),
    }
}
