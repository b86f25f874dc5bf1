//! Why the agent does not start, or ends.

use std::path::PathBuf;

use super::{Restored, sensor_key::SensorKeyError};
use crate::{
    control::{self, service::DeskError},
    crypto, dataplane, db,
    envelope::IssuerError,
    events, journal,
    markers::WarninglistError,
};

/// Why the agent cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel side.
    #[error(transparent)]
    DataPlane(#[from] dataplane::Error),
    /// An interface cannot be attached.
    #[error(transparent)]
    Interface(#[from] control::Error),
    /// The control socket.
    #[error(transparent)]
    Socket(#[from] control::bind::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] db::Error),
    /// The store of events.
    #[error(transparent)]
    Store(#[from] events::Error),
    /// A warninglist.
    #[error(transparent)]
    Warninglist(#[from] WarninglistError),
    /// A pinned key.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// What the authority's requests need.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The sensor's own key.
    #[error(transparent)]
    SensorKey(#[from] SensorKeyError),
    /// Store and journal are not of one time.
    #[error(transparent)]
    Restored(#[from] Restored),
    /// Randomness.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// A directory of the agent.
    #[error("{path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics page.
    #[error(
        "metrics on {address}: {source}; another program may listen there: change metrics.listen"
    )]
    Metrics {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// More interfaces than slots over the life of the store.
    #[error(
        "interface {interface} gets no slot: {} are in use",
        sensor_common::INTERFACE_SLOTS
    )]
    Slots {
        /// Name of the interface.
        interface: String,
    },
    /// Threads or signals.
    #[error("starting the agent: {0}")]
    Runtime(#[source] std::io::Error),
    /// The loop that consumes hits ended by itself.
    #[error("the loop that consumes hits: {0}")]
    Pipeline(String),
}
