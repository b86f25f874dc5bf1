//! Opening the store of events, and saying what was found.

use super::{
    Error,
    places::{self, Place},
};
use crate::{
    config::Config,
    events::{Found, Opening, Options, Store},
};

/// Opens the store as it is configured; `former` are directories that sinks wrote to before.
pub(super) fn open(config: &Config, former: &[Place]) -> Result<Store, Error> {
    let options = Options {
        retention: config.events.retention,
        most_bytes: config.events.max_size,
        sinks: config.sinks.iter().map(|sink| sink.name.clone()).collect(),
        local_sinks: config
            .sinks
            .iter()
            .filter(|sink| sink.eve.is_some())
            .map(|sink| sink.name.clone())
            .chain(former.iter().map(Place::former_name))
            .collect(),
    };
    let (mut store, opening) = Store::open(&config.state_dir, options)?;
    let Opening {
        found,
        unreadable,
        sealed,
        finished,
    } = opening;
    match found {
        Found::Missing if unreadable > 0 => tracing::error!(
            unreadable,
            "the key file of the events is not there: what was stored is unreadable and counts as destroyed; going on with a new one"
        ),
        Found::Foreign => tracing::error!(
            unreadable,
            "the key file of the events is that of another store: it was destroyed, and what was stored is unreadable; going on with a new one"
        ),
        Found::Own | Found::Missing => {}
    }
    if sealed > 0 {
        tracing::info!(sealed, "events of a former version are sealed now");
    }
    if finished > 0 {
        tracing::info!(finished, "destroyed what the last run had begun to destroy");
    }
    for place in former {
        store.withdraw_also(&place.sink, &place.former_name())?;
    }
    // A directory that is configured again, where something was left to forget meanwhile.
    for place in places::configured(config) {
        store.withdraw_instead(&place.former_name(), &place.sink)?;
    }
    Ok(store)
}
