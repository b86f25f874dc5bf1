//! The store of events: sealed one by one under a key of their own, destroyed on time.
//!
//! `events.db` (see `db`) holds for each event its id, revision, markers, orders, day and end in
//! clear; everything else is one sealed blob. The keys stand in `keys/events.keys`, which backups
//! leave out: where a key is destroyed, every copy of its event is.

mod body;
mod commitment;
mod destroy;
mod key_file;
mod migrate;
mod queue;
mod store;
#[cfg(test)]
mod tests;

pub use destroy::Stretch;
pub use key_file::Found;
pub use queue::{DeadLetter, Leased, SinkId};
pub use store::{Batch, Opening, Options, Restored, Store};

pub use crate::db::{Pending, Settlement, Which};
use crate::{crypto, db};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The key file, or its directory.
    #[error("{path}: {source}")]
    Keys {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file was written by a newer agent, or is damaged.
    #[error(
        "{path} is no key file that this agent knows; run the newer agent again, or move the file away: the events in the store are then unreadable, and destroyed"
    )]
    UnknownKeys {
        /// The file.
        path: std::path::PathBuf,
    },
    /// Randomness.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}
