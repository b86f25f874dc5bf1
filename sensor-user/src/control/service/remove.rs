//! Removing markers, and destroying the events of those that were false.

use std::{collections::HashSet, sync::mpsc::Receiver, time::Duration};

use super::{Error, Sensor, internal, inventory::named, touched::Touched};
use crate::{
    db, fault,
    journal::{Action, MarkersChange, Receipt},
    model::{Actor, Destroyed, request::Changed},
};

/// How long the destruction of events is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

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
        let told = self.parts.live.doom(markers, &receipt);
        let destroyed = self.destroyed(actor, &receipt, &told)?;
        Ok(Changed {
            destroyed,
            ..changed
        })
    }

    /// Waits until the loop that owns the events has destroyed them; how many.
    fn destroyed(
        &self,
        actor: &Actor,
        receipt: &Receipt,
        told: &Receiver<u64>,
    ) -> Result<u64, Error> {
        let Ok(events) = told.recv_timeout(PATIENCE) else {
            self.journal_failure(actor, receipt, "store");
            return Err(Error::Unavailable(
                "the markers are removed, but their events could not be destroyed yet; that is \
                 done at the agent's next start"
                    .into(),
            ));
        };
        fault::crossing("false_positives_destroyed");
        let of = receipt.index();
        let action = Action::EventsDestroyed { events, of };
        let journal = &self.parts.journal;
        let _receipt = journal
            .append_reserved(actor, action)
            .map_err(super::from_journal)?;
        fault::crossing("false_positives_told");
        let told = [(Destroyed::FalsePositive, events)].into();
        self.reader().settle(&told, None).map_err(internal)?;
        self.set().catalog.set_destroyed(of).map_err(internal)?;
        Ok(events)
    }
}
