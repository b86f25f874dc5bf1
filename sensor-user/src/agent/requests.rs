//! The desk of the authority's requests, with its own handles and the sensor's key.

use std::sync::Arc;

use super::{Error, sensor_key};
use crate::{
    config::Config,
    control::service::{Desk, DeskParts},
    envelope::Issuers,
    events::Store,
    journal::Journal,
};

/// Opens it; what a former agent left half done is still to be found.
pub(super) fn open(
    config: &Config,
    issuers: &Issuers,
    journal: &Arc<Journal>,
    store: &Store,
) -> Result<Desk, Error> {
    Ok(Desk::open(DeskParts {
        sensor: config.sensor.clone(),
        state: config.state_dir.clone(),
        config: config.requests.clone(),
        issuers: issuers.clone(),
        signer: sensor_key::read_or_make(&config.state_dir, &config.sensor)?,
        journal: Arc::clone(journal),
        events: store.another()?,
    })?)
}
