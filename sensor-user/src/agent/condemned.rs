//! What an agent that died had still to destroy.

use std::collections::{BTreeMap, HashSet};

use super::Error;
use crate::{
    control::service::agent,
    db::{Catalog, Events},
    journal::{Action, Journal},
};

/// Events looked through at once.
const STRETCH: u32 = 10_000;

/// Destroys the events of false positives whose removal is kept and whose destruction is not.
pub(super) fn destroy(
    catalog: &mut Catalog,
    store: &mut Events,
    journal: &Journal,
) -> Result<(), Error> {
    let mut condemned: BTreeMap<u64, HashSet<String>> = BTreeMap::new();
    for (id, receipt) in catalog.condemned()? {
        condemned.entry(receipt).or_default().insert(id.to_string());
    }
    for (of, markers) in condemned {
        let (mut after, mut events) = (Some(0), 0);
        while let Some(from) = after {
            let stretch = store.destroy(&markers, from, STRETCH)?;
            events += stretch.destroyed;
            after = stretch.next;
        }
        let action = Action::EventsDestroyed { events, of };
        let _receipt = journal.append_reserved(&agent(), action)?;
        catalog.set_destroyed(of)?;
    }
    Ok(())
}
