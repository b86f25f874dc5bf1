//! First approvals of markers that are held back; the second one releases.

use std::collections::HashMap;

use rusqlite::{Transaction, params};

use super::{Catalog, Error, Mark, serials::write_mark};
use crate::model::{Held, MarkerId};

impl Catalog {
    /// Who approved the release of which marker: user ids by marker.
    ///
    /// # Errors
    /// [`Error`].
    pub fn approvals(&mut self) -> Result<HashMap<MarkerId, u32>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT marker, uid FROM approval")?
                .query_map([], |row| {
                    Ok((row.get_ref(0)?.as_str()?.into(), row.get(1)?))
                })?
                .collect()
        })
    }

    /// Keeps the approval of markers as they are held now: one that changes, or is held back for
    /// another reason, loses it. With how far the journal is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn approve(
        &mut self,
        held: &[&Held],
        uid: u32,
        (receipt, mark): (u64, Mark),
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for held in held {
                transaction.execute(
                    "INSERT OR REPLACE INTO approval (marker, pattern, standing, uid, receipt) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        held.marker.id.as_str(),
                        held.marker.pattern.to_string(),
                        held.standing.code(),
                        uid,
                        receipt.cast_signed(),
                    ],
                )?;
            }
            write_mark(&transaction, mark)?;
            transaction.commit()
        })
    }
}

/// Forgets approvals of what is no longer held as it was.
pub(super) fn forget_stale(transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "DELETE FROM approval WHERE NOT EXISTS (SELECT 1 FROM marker \
             WHERE marker.id = approval.marker AND marker.pattern = approval.pattern \
             AND marker.standing = approval.standing)",
        )?
        .execute([])
        .map(drop)
}
