//! The embedded store: the only part that imports rusqlite. Files of their own, so that loading a
//! million markers never makes an event wait: `catalog.db`, `events.db` and `requests.db`.

mod approvals;
mod breakers;
mod case_rows;
mod catalog;
mod condemned;
mod declarations;
mod edit;
mod erase;
mod events;
mod exports;
mod handover;
mod labels;
mod ledger;
mod legacy;
mod lookup;
mod markers;
mod orders;
mod private;
mod queue;
mod requests;
mod requests_mark;
mod serials;
mod settle;
#[cfg(test)]
pub(crate) mod tests;
mod writes;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use breakers::Breaker;
pub use catalog::Catalog;
pub use edit::{Edit, Put};
pub use erase::{ANNOUNCED, TOLD};
pub use events::{Events, Marks, Sealed, Writes};
pub use exports::Export;
pub use handover::{Cost, Handover};
pub use legacy::Clear;
pub use lookup::Which;
pub use orders::{Named, Over};
pub use queue::{Pending, Waiting};
pub use requests::{Case, CaseStep, NewCase, Requests};
pub use serials::{Mark, Serial};
pub use settle::Settlement;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error("{path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Its file cannot be made, or closed to others.
    #[error("{path}: {source}; it must be the agent's own")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was written by a newer agent.
    #[error(
        "{path} has schema {found}, this agent knows up to {known}; run the newer agent again or move the file away"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// A row does not decode.
    #[error("{path}: {what} does not decode: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Which row.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// A connection that names its file in every error.
struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Database {
    /// Opens or creates a file and brings it to the last of `migrations`.
    fn open(path: &Path, migrations: &[&str]) -> Result<Self, Error> {
        private::make(path)?;
        let mut database = Self::of(path, Connection::open(path))?;
        database.prepare(migrations)?;
        Ok(database)
    }

    /// The same for a file that gives pages back: it must know that before it has any.
    fn open_shrinking(path: &Path, migrations: &[&str]) -> Result<Self, Error> {
        private::make(path)?;
        let mut database = Self::of(path, Connection::open(path))?;
        database.run(|connection| {
            // Several threads write: one that reads first and writes later would be refused at once
            // when another wrote in between, however long it is ready to wait.
            connection.set_transaction_behavior(TransactionBehavior::Immediate);
            connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")
        })?;
        database.prepare(migrations)?;
        // A batch changes some thousand pages: they stay in memory until it commits, and the log is
        // folded into the file once for several batches.
        database.run(|connection| {
            connection
                .execute_batch("PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8192;")
        })?;
        Ok(database)
    }

    /// Opens a file for reading; nothing of it is changed, its schema neither.
    fn open_reading(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::of(path, Connection::open_with_flags(path, flags))
    }

    fn of(path: &Path, opened: Result<Connection, rusqlite::Error>) -> Result<Self, Error> {
        let path = path.to_owned();
        match opened {
            Ok(connection) => Ok(Self { connection, path }),
            Err(source) => Err(Error::Sqlite { path, source }),
        }
    }

    /// The schema that the file has.
    fn version(&mut self) -> Result<usize, Error> {
        let version = self.run(|connection| {
            connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))
        })?;
        Ok(version as usize)
    }

    fn prepare(&mut self, migrations: &[&str]) -> Result<(), Error> {
        // FULL: an event that was reported as stored survives a power cut. secure_delete: what is
        // destroyed is overwritten, not only unlinked.
        self.run(|connection| {
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA secure_delete = ON; PRAGMA busy_timeout = 10000; PRAGMA trusted_schema = OFF;",
            )
        })?;
        let found = self.version()?;
        if found > migrations.len() {
            return Err(Error::Newer {
                path: self.path.clone(),
                found,
                known: migrations.len(),
            });
        }
        for (version, migration) in migrations.iter().enumerate().skip(found) {
            self.run(|connection| {
                let transaction = connection.transaction()?;
                transaction.execute_batch(migration)?;
                transaction.pragma_update(None, "user_version", version as u32 + 1)?;
                transaction.commit()
            })?;
        }
        Ok(())
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Error> {
        work(&mut self.connection).map_err(|source| Error::Sqlite {
            path: self.path.clone(),
            source,
        })
    }

    fn corrupt(&self, what: &'static str, reason: impl ToString) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            what,
            reason: reason.to_string(),
        }
    }
}
