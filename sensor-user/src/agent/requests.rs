//! The desk of the authority's requests, with its own handles and the sensor's key.

use std::sync::Arc;

use super::Error;
use crate::{
    config::Config,
    control::service::{Desk, DeskParts},
    envelope::{Issuers, SignerKey},
    events::Store,
    journal::Journal,
};

/// Opens it; what a former agent left half done is still to be found.
pub(super) fn open(
    config: &Config,
    issuers: &Issuers,
    journal: &Arc<Journal>,
    store: &Store,
    signer: SignerKey,
) -> Result<Desk, Error> {
    Ok(Desk::open(DeskParts {
        sensor: config.sensor.clone(),
        state: config.state_dir.clone(),
        config: config.requests.clone(),
        issuers: issuers.clone(),
        signer,
        journal: Arc::clone(journal),
        events: store.another()?,
    })?)
}
