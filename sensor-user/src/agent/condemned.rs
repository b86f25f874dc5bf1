//! What an agent that died had still to destroy.

use std::collections::{BTreeMap, HashSet};

use super::Error;
use crate::{
    control::service::agent,
    db::Catalog,
    events::Store,
    journal::{Action, Destructions, Journal},
    model::Destroyed,
};

/// Holds what the journal announces and counts of destructions against the store: what was told and
/// not noted as told is noted; what was announced and never begun is journalled as failed.
pub(super) fn settle(
    store: &mut Store,
    journal: &Journal,
    past: &Destructions,
) -> Result<(), Error> {
    let (announced, told) = store.told()?;
    if let (Some(told), Some((index, erased))) = (told, past.erased)
        && told <= index
    {
        let counts = [
            (Destroyed::Expired, erased.expired),
            (Destroyed::NotUseful, erased.not_useful),
            (Destroyed::Cap, erased.cap),
            (Destroyed::Unreadable, erased.unreadable),
        ];
        store.settle(&counts.into(), Some(index))?;
    }
    if let Some(announced) = announced {
        for of in past.not_useful.iter().filter(|of| announced <= **of) {
            let code = "died".into();
            let action = Action::Failed { of: *of, code };
            let _receipt = journal.append_reserved(&agent(), action)?;
        }
    }
    store.keep_told(journal.head().size)?;
    Ok(())
}

/// Destroys the events of false positives whose removal is kept and whose destruction is not.
pub(super) fn destroy(
    catalog: &mut Catalog,
    store: &mut Store,
    journal: &Journal,
    past: &Destructions,
) -> Result<(), Error> {
    let mut condemned: BTreeMap<u64, HashSet<String>> = BTreeMap::new();
    for (id, receipt) in catalog.condemned()? {
        condemned.entry(receipt).or_default().insert(id.to_string());
    }
    for (of, markers) in condemned {
        while store.destroy_markers(&markers)?.more {}
        store.give_back()?;
        // Those that the dead agent destroyed and did not tell, too.
        let reason = Destroyed::FalsePositive;
        let events = store.owed()?.get(&reason).copied().unwrap_or_default();
        if !past.counted.contains(&of) {
            let action = Action::EventsDestroyed { events, of };
            let _receipt = journal.append_reserved(&agent(), action)?;
        }
        store.settle(&[(reason, events)].into(), None)?;
        catalog.set_destroyed(of)?;
    }
    Ok(())
}
