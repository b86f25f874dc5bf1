//! Releasing what is held back: two persons, one after the other.

use std::collections::BTreeMap;

use hyper::StatusCode;

use super::{
    Error, Sensor, Set, change::Plan, internal, inventory::named, listing::status_of,
    touched::Touched,
};
use crate::{
    db::{self, Put},
    journal::{Action, Receipt},
    model::{
        Actor, Held, Standing,
        request::{Changed, MarkerStatus},
    },
};

impl Sensor {
    /// Approves quarantined markers; those that another person approved before come into force.
    pub(super) fn markers_release(&self, actor: &Actor, body: &[u8]) -> Result<Changed, Error> {
        self.check_gate()?;
        person(actor)?;
        let mut set = self.set();
        let _underway = self.work.begin();
        let mut held = named(&mut set, body)?.all_known()?.held;
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
        if second.is_empty() && first.is_empty() {
            let reason = "none of these markers is held back; there is nothing to release";
            return Err(Error::Conflict(reason.into()));
        }
        let approved = match first.len() as u64 {
            0 => None,
            markers => {
                let receipt = self.journal(actor, Action::ReleaseApproved { markers })?;
                let noted = (receipt.index(), self.mark());
                if let Err(error) = set.catalog.approve(&first, actor.uid, noted) {
                    self.journal_failure(actor, &receipt, "store");
                    return Err(internal(error));
                }
                Some(receipt)
            }
        };
        let awaiting = others.len() as u64;
        let changed = match approved {
            Some(receipt) if second.is_empty() => {
                let told = status_of(&set, self.admission());
                unchanged(&set, told, &receipt)
            }
            _ => self.release(actor, &mut set, &second)?,
        };
        Ok(Changed {
            awaiting,
            ..changed
        })
    }

    fn release(&self, actor: &Actor, set: &mut Set, before: &[Held]) -> Result<Changed, Error> {
        let released = |held: &Held| Held {
            standing: Standing::Released,
            ..held.clone()
        };
        let after: Vec<Held> = before.iter().map(released).collect();
        let put: Vec<Put<'_>> = after.iter().map(Put::held).collect();
        let edit = db::Edit {
            put: &put,
            ..db::Edit::default()
        };
        let touched = Touched {
            before,
            after: &after,
            orders: None,
            admission: self.admission(),
        };
        let plan = touched.plan(set, self.now(), edit, Box::new(Action::MarkersReleased))?;
        let plan = Plan {
            added: 0,
            removed: 0,
            ..plan
        };
        self.carry_out(actor, set, plan)
    }
}

/// Whether the peer is somebody in particular: anybody can be root, and the agent's own user is
/// nobody.
pub(super) fn person(actor: &Actor) -> Result<(), Error> {
    if actor.uid != 0 && actor.uid != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::Coded {
        status: StatusCode::FORBIDDEN,
        code: "no_person",
        reason: "this needs two persons, each with a user of their own: not root and not the \
                 agent's; make them operators under [[control.role]]"
            .into(),
    })
}

/// The set as it is, for a request that changed something beside it.
fn unchanged(set: &Set, told: MarkerStatus, receipt: &Receipt) -> Changed {
    Changed {
        markers: told.total,
        patterns: set.image.count(),
        generation: told.generation,
        digest: told.digest,
        added: 0,
        removed: 0,
        duplicates: 0,
        stale: 0,
        ignored: 0,
        expired: told.over,
        not_yet: told.not_yet,
        unmatched: told.unmatched,
        barred: told.barred,
        quarantined: told.quarantined,
        held_back: Vec::new(),
        refused: Vec::new(),
        refused_total: 0,
        refused_codes: BTreeMap::new(),
        awaiting: 0,
        destroyed: 0,
        receipt: receipt.index(),
    }
}
