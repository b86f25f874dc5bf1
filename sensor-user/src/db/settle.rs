//! What became of deliveries, in one transaction; and what sinks on this machine have to forget.

use rusqlite::{OptionalExtension as _, params};

use super::{Error, Events};

/// What became of deliveries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settlement<'a> {
    /// Number and revision of those that arrived. One that has grown meanwhile stays, to be lent at
    /// once.
    pub taken: &'a [(i64, u32)],
    /// Of those that are tried again, and when (milliseconds since the epoch). One that has grown
    /// meanwhile is due at once.
    pub again: &'a [(i64, u32, i64)],
    /// Of those that are not tried any more, and the reason's code: dead letters. One that has grown
    /// meanwhile is none.
    pub dead: &'a [(i64, u32, String)],
    /// When they arrived, milliseconds since the epoch, where the recipient is the authority: kept
    /// with the event.
    pub acknowledged: Option<i64>,
}

impl Events {
    /// Notes what became of deliveries, whole or not at all.
    ///
    /// # Errors
    /// [`Error`]; they are lent again when their time is over.
    pub fn settle_deliveries(
        &mut self,
        sink: i64,
        settlement: Settlement<'_>,
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for (seq, rev) in settlement.taken {
                if let Some(at) = settlement.acknowledged {
                    // Only while the event is there: the mark goes with it.
                    transaction
                        .prepare_cached(
                            "INSERT OR IGNORE INTO acknowledged (seq, at) \
                             SELECT seq, ?2 FROM event WHERE seq = ?1",
                        )?
                        .execute([*seq, at])?;
                }
                let gone = transaction
                    .prepare_cached(
                        "DELETE FROM delivery WHERE sink = ?1 AND seq = ?2 AND rev <= ?3",
                    )?
                    .execute(params![sink, seq, rev])?;
                if gone == 0 {
                    transaction
                        .prepare_cached(
                            "UPDATE delivery SET lease = 0 WHERE sink = ?1 AND seq = ?2",
                        )?
                        .execute(params![sink, seq])?;
                }
            }
            for (seq, rev, due) in settlement.again {
                transaction
                    .prepare_cached(
                        "UPDATE delivery SET lease = 0, due = iif(rev > ?3, 0, ?4) \
                         WHERE sink = ?1 AND seq = ?2",
                    )?
                    .execute(params![sink, seq, rev, due])?;
            }
            for (seq, rev, reason) in settlement.dead {
                transaction
                    .prepare_cached(
                        "UPDATE delivery SET lease = 0, dead = iif(rev > ?3, NULL, ?4) \
                         WHERE sink = ?1 AND seq = ?2",
                    )?
                    .execute(params![sink, seq, rev, reason])?;
            }
            transaction.commit()
        })
    }

    /// When the authority said that it has the alert of an event, milliseconds since the epoch; none
    /// when it has not, or the event is gone.
    ///
    /// # Errors
    /// [`Error`].
    pub fn acknowledged(&mut self, seq: i64) -> Result<Option<i64>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT at FROM acknowledged WHERE seq = ?1")?
                .query_row([seq], |row| row.get(0))
                .optional()
        })
    }

    /// Takes back what was lent to workers that died.
    ///
    /// # Errors
    /// [`Error`]; it is lent again when its time is over.
    pub fn take_back_leases(&mut self) -> Result<(), Error> {
        self.database.run(|connection| {
            connection
                .execute("UPDATE delivery SET lease = 0 WHERE lease > 0", [])
                .map(drop)
        })
    }

    /// Notes that a sink has to forget these events.
    ///
    /// # Errors
    /// [`Error`]; nothing was noted.
    pub fn withdraw(
        &mut self,
        sinks: &[String],
        ids: impl Iterator<Item = [u8; 16]>,
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                for sink in sinks {
                    transaction
                        .prepare_cached(
                            "INSERT OR IGNORE INTO withdrawn (sink, id) VALUES (?1, ?2)",
                        )?
                        .execute(params![sink, id])?;
                }
            }
            transaction.commit()
        })
    }

    /// Up to `limit` events that a sink has still to forget.
    ///
    /// # Errors
    /// [`Error`].
    pub fn withdrawn(&mut self, sink: &str, limit: u32) -> Result<Vec<[u8; 16]>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT id FROM withdrawn WHERE sink = ?1 LIMIT ?2")?
                .query_map(params![sink, limit], |row| row.get(0))?
                .collect()
        })
    }

    /// A sink has forgotten these events.
    ///
    /// # Errors
    /// [`Error`]; it is asked again.
    pub fn set_forgotten(&mut self, sink: &str, ids: &[Vec<u8>]) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                transaction
                    .prepare_cached("DELETE FROM withdrawn WHERE sink = ?1 AND id = ?2")?
                    .execute(params![sink, id])?;
            }
            transaction.commit()
        })
    }
}
