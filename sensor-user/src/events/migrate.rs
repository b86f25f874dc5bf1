//! Events of the first schema stood in clear: they are sealed once, at the first start.

use super::{Error, Store, store::month_number};
use crate::model::{EventRow, MarkerHandling};

/// Events sealed in one transaction.
const STRETCH: u32 = 2_000;

/// Seals what stands in clear; how many events. What was begun before goes on.
pub(super) fn seal_clear(store: &mut Store) -> Result<u64, Error> {
    if !store.db.has_clear()? {
        return Ok(0);
    }
    for (month, key) in store.db.clear_keys()? {
        let number = month_number(&month);
        if store.keys.month(number)?.is_none() {
            store.keys.keep_month(number, &key)?;
        }
    }
    let (mut sealed, mut last) = (0, store.db.last()?);
    loop {
        let clear = store.db.clear_events(last, STRETCH)?;
        let Some(end) = clear.last() else { break };
        last = end.seq;
        sealed += clear.len() as u64;
        let row = |one: crate::db::Clear| EventRow {
            seq: one.seq,
            // Nothing is known of single markers: what the event says is the strictest of them.
            handling: vec![
                MarkerHandling {
                    tlp: one.event.tlp,
                    pap: one.event.pap,
                    authority: !one.event.orders.is_empty(),
                };
                one.event.markers.len()
            ],
            event: one.event,
            pattern: one.pattern,
            tunnel: one.tunnel,
        };
        let rows: Vec<EventRow> = clear.into_iter().map(row).collect();
        store.insert(&rows)?;
    }
    store.db.drop_clear()?;
    Ok(sealed)
}
