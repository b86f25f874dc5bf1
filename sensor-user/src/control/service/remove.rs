//! Removing markers, and destroying the events of those that were false.

use std::{
    collections::HashSet,
    sync::{
        MutexGuard, PoisonError,
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use super::{Error, Sensor, internal, inventory::named, touched::Touched};
use crate::{
    db, fault,
    journal::{Action, MarkersChange, Receipt},
    model::{Actor, Destroyed, request::Changed},
};

/// How long the destruction of events is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A removal of false positives whose events could not be destroyed yet.
pub(super) struct Condemned {
    markers: HashSet<String>,
    receipt: Receipt,
    told: Receiver<u64>,
}

impl Sensor {
    /// Removes markers. One that an order is about goes, too: removal is always allowed. The events
    /// of a `false_positive` are destroyed; one that is not in the set any more may have some.
    pub(super) fn markers_remove(
        &self,
        actor: &Actor,
        body: &[u8],
        false_positive: bool,
    ) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let named = named(&mut set, body)?;
        let named = if false_positive {
            named
        } else {
            named.all_known()?
        };
        let condemned: Vec<String> = match false_positive {
            true => [&named.ids[..], &named.unknown].concat(),
            false => Vec::new(),
        };
        let mut orders = set.orders.clone();
        for held in &named.held {
            orders.unname(&held.marker.id);
        }
        let edit = db::Edit {
            remove: &named.ids,
            condemned: &condemned,
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &named.held,
            after: &[],
            orders: Some(orders),
            admission: self.admission(),
        };
        let action: fn(MarkersChange) -> Action = match false_positive {
            true => Action::FalsePositivesRemoved,
            false => Action::MarkersRemoved,
        };
        let plan = touched.plan(&set, self.now(), edit, Box::new(action))?;
        let (changed, receipt) = self.carry_out_by(actor, &mut set, plan)?;
        // What follows changes no set.
        drop(set);
        if !false_positive {
            return Ok(changed);
        }
        fault::crossing("false_positives_removed");
        let markers: HashSet<String> = condemned.into_iter().collect();
        let told = self.parts.live.doom(markers.clone(), &receipt);
        // Waits until the loop that owns the events has destroyed them.
        let Ok(destroyed) = told.recv_timeout(PATIENCE) else {
            self.journal_failure(actor, &receipt, "store");
            self.condemned().push(Condemned {
                markers,
                receipt,
                told,
            });
            return Err(Error::Unavailable(
                "the markers are removed, but their events could not be destroyed yet; the agent \
                 tries again until they are"
                    .into(),
            ));
        };
        self.tell_destroyed(actor, receipt.index())?;
        Ok(Changed {
            destroyed,
            ..changed
        })
    }

    /// Goes on with destructions that failed; each is told when it is done. The next start does what is
    /// left, too.
    pub(super) fn destroy_condemned(&self, actor: &Actor) {
        let mut done = Vec::new();
        self.condemned()
            .retain_mut(|one| match one.told.try_recv() {
                Ok(_) => {
                    done.push(one.receipt.index());
                    false
                }
                Err(TryRecvError::Empty) => true,
                Err(TryRecvError::Disconnected) => {
                    one.told = self.parts.live.doom(one.markers.clone(), &one.receipt);
                    true
                }
            });
        for of in done {
            if let Err(error) = self.tell_destroyed(actor, of) {
                tracing::warn!(%error, "destroyed events are not journalled yet; the next start does that");
            }
        }
    }

    /// Journals what was destroyed for the removal that an entry announced: what the store counts, so
    /// that what an attempt that failed had destroyed is in it.
    fn tell_destroyed(&self, actor: &Actor, of: u64) -> Result<(), Error> {
        fault::crossing("false_positives_destroyed");
        // Two at once would tell the same.
        let _one = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = Destroyed::FalsePositive;
        let owed = self.reader().owed().map_err(internal)?;
        let events = owed.get(&reason).copied().unwrap_or_default();
        let action = Action::EventsDestroyed { events, of };
        let journal = &self.parts.journal;
        let _receipt = journal
            .append_reserved(actor, action)
            .map_err(super::from_journal)?;
        fault::crossing("false_positives_told");
        let told = [(reason, events)].into();
        self.reader().settle(&told, None).map_err(internal)?;
        self.set().catalog.set_destroyed(of).map_err(internal)
    }

    fn condemned(&self) -> MutexGuard<'_, Vec<Condemned>> {
        self.condemned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
