//! How far the journal was when the store of requests last kept something, so that an older copy of it
//! can be told; and what it takes from the journal when somebody goes on from one.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Error, Requests};
use crate::model::RequestType;

impl Requests {
    /// Says how many entries the journal has: kept with whatever is written next.
    pub const fn journal_is(&mut self, size: u64) {
        self.size = Some(size);
    }

    /// How many entries the journal had when something was last kept.
    ///
    /// # Errors
    /// [`Error`].
    pub fn mark(&mut self) -> Result<Option<u64>, Error> {
        self.database.run(|connection| {
            connection
                .query_row("SELECT size FROM journal_mark", [], |row| {
                    Ok(row.get::<_, i64>(0)?.cast_unsigned())
                })
                .optional()
        })
    }

    /// Keeps how many entries the journal has, with nothing else.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keep_mark(&mut self) -> Result<(), Error> {
        let size = self.size;
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            write_mark(&transaction, size)?;
            transaction.commit()
        })
    }

    /// Takes the journal, of this many entries, as the one to go on from, and its serials: they only
    /// grow. What the store says of later entries is of another journal.
    ///
    /// # Errors
    /// [`Error`]; nothing was changed.
    pub fn accept_restore(
        &mut self,
        size: u64,
        serials: &BTreeMap<(String, RequestType), u64>,
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            raise_serials(&transaction, serials)?;
            transaction.execute(
                "UPDATE request SET receipt = ?1 WHERE receipt > ?1",
                [size.saturating_sub(1).cast_signed()],
            )?;
            write_mark(&transaction, Some(size))?;
            transaction.commit()
        })
    }

    /// Takes serials that the journal knows: they only grow.
    ///
    /// # Errors
    /// [`Error`]; nothing was changed.
    pub fn at_least_serials(
        &mut self,
        serials: &BTreeMap<(String, RequestType), u64>,
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            raise_serials(&transaction, serials)?;
            transaction.commit()
        })
    }
}

fn raise_serials(
    transaction: &Transaction<'_>,
    serials: &BTreeMap<(String, RequestType), u64>,
) -> Result<(), rusqlite::Error> {
    for ((issuer, kind), serial) in serials {
        transaction.execute(
            "INSERT INTO serial (issuer, kind, serial, digest) VALUES (?1, ?2, ?3, zeroblob(32)) \
             ON CONFLICT (issuer, kind) DO UPDATE SET serial = excluded.serial, \
             digest = excluded.digest WHERE excluded.serial > serial",
            params![issuer, kind.name(), serial.cast_signed()],
        )?;
    }
    Ok(())
}

pub(super) fn write_mark(
    transaction: &Transaction<'_>,
    size: Option<u64>,
) -> Result<(), rusqlite::Error> {
    let Some(size) = size else { return Ok(()) };
    transaction
        .execute(
            "INSERT OR REPLACE INTO journal_mark (id, size) VALUES (0, ?1)",
            [size.cast_signed()],
        )
        .map(drop)
}
