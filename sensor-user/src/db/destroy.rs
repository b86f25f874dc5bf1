//! Events that are destroyed because their markers were false positives.

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use super::{Catalog, Error, Events};
use crate::model::{Event, MarkerId};

/// A stretch of the store that was looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where the next one begins; none at the end of the store.
    pub next: Option<i64>,
    /// Events that were destroyed.
    pub destroyed: u64,
}

impl Events {
    /// Destroys events of these markers in a stretch of `rows` events behind a place (0 for the
    /// beginning). A closed one that other markers stand for, too, goes on without them; an open one
    /// is its owner's. Content is overwritten, at the end in the write-ahead log as well.
    ///
    /// # Errors
    /// [`Error`]; nothing of the stretch was changed.
    pub fn destroy(
        &mut self,
        markers: &HashSet<String>,
        after: i64,
        rows: u32,
    ) -> Result<Stretch, Error> {
        let stretch: Vec<(i64, bool, String)> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT seq, open, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![after, rows], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect()
        })?;
        let (mut gone, mut others) = (Vec::new(), Vec::new());
        for (seq, open, body) in &stretch {
            let mut event: Event = self.decode(body)?;
            let before = event.markers.len();
            event.markers.retain(|id| !markers.contains(id));
            match event.markers.len() {
                same if same == before => {}
                0 => gone.push(*seq),
                _ if *open => {}
                _ => {
                    event.rev += 1;
                    let body = serde_json::to_string(&event);
                    let body = body.map_err(|error| self.database.corrupt("an event", error))?;
                    others.push((*seq, event.rev, body));
                }
            }
        }
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for seq in &gone {
                transaction
                    .prepare_cached("DELETE FROM event WHERE seq = ?1")?
                    .execute([seq])?;
            }
            for (seq, rev, body) in &others {
                transaction
                    .prepare_cached("UPDATE event SET rev = ?2, body = ?3 WHERE seq = ?1")?
                    .execute(params![seq, rev, body])?;
            }
            transaction.commit()
        })?;
        let whole = stretch.len() == rows as usize;
        let next = stretch.last().map(|(seq, ..)| *seq).filter(|_| whole);
        if next.is_none() {
            self.truncate_log()?;
        }
        Ok(Stretch {
            next,
            destroyed: gone.len() as u64,
        })
    }

    /// Empties the write-ahead log, which holds former contents. A reader that is slow keeps it
    /// until the next time.
    fn truncate_log(&mut self) -> Result<(), Error> {
        self.database.run(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }
}

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
