//! What an agent that died had still to destroy.

use std::collections::{BTreeMap, HashSet};

use super::Error;
use crate::{
    control::service::agent,
    db::Catalog,
    events::Store,
    journal::{Action, Journal},
};

/// Destroys the events of false positives whose removal is kept and whose destruction is not.
pub(super) fn destroy(
    catalog: &mut Catalog,
    store: &mut Store,
    journal: &Journal,
) -> Result<(), Error> {
    let mut condemned: BTreeMap<u64, HashSet<String>> = BTreeMap::new();
    for (id, receipt) in catalog.condemned()? {
        condemned.entry(receipt).or_default().insert(id.to_string());
    }
    for (of, markers) in condemned {
        let mut events = 0;
        loop {
            let stretch = store.destroy_markers(&markers)?;
            events += stretch.destroyed;
            if !stretch.more {
                break;
            }
        }
        store.give_back()?;
        let action = Action::EventsDestroyed { events, of };
        let _receipt = journal.append_reserved(&agent(), action)?;
        catalog.set_destroyed(of)?;
    }
    Ok(())
}
