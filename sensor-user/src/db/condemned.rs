//! Markers whose events are to be destroyed because they were false positives.

use rusqlite::{Transaction, params};

use super::{Catalog, Error};
use crate::model::MarkerId;

impl Catalog {
    /// Markers that were removed as false positives and whose events may be there still, with the
    /// journal entry that says so.
    ///
    /// # Errors
    /// [`Error`].
    pub fn condemned(&mut self) -> Result<Vec<(MarkerId, u64)>, Error> {
        self.database.run(|connection| {
            connection
                .prepare("SELECT marker, receipt FROM condemned")?
                .query_map([], |row| {
                    let receipt = row.get::<_, i64>(1)?.cast_unsigned();
                    Ok((row.get_ref(0)?.as_str()?.into(), receipt))
                })?
                .collect()
        })
    }

    /// Notes that the events of what a journal entry removed are destroyed.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_destroyed(&mut self, receipt: u64) -> Result<(), Error> {
        self.database.run(|connection| {
            connection
                .execute(
                    "DELETE FROM condemned WHERE receipt = ?1",
                    [receipt.cast_signed()],
                )
                .map(drop)
        })
    }
}

/// Notes that the events of these markers are to be destroyed.
pub(super) fn condemn(
    transaction: &Transaction<'_>,
    markers: &[String],
    receipt: u64,
) -> Result<(), rusqlite::Error> {
    let mut condemn = transaction
        .prepare_cached("INSERT OR IGNORE INTO condemned (marker, receipt) VALUES (?1, ?2)")?;
    for id in markers {
        condemn.execute(params![id, receipt.cast_signed()])?;
    }
    Ok(())
}
