//! The queue of revisions that sinks have still to take. It commits with the events themselves.

use rusqlite::{OptionalExtension as _, params};

use super::{Error, Events, events::unsigned};

/// A revision that a sink has still to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Number of the event.
    pub seq: i64,
    /// Its revision.
    pub rev: u32,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it first waited, milliseconds since the epoch.
    pub stored: i64,
    /// Why it is no longer tried.
    pub dead: Option<String>,
}

/// What waits for a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Revisions that wait to be taken.
    pub count: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest of those that wait was stored, milliseconds since the epoch.
    pub oldest: Option<i64>,
}

const COLUMNS: &str = "seq, rev, attempts, stored, dead";

fn read(row: &rusqlite::Row<'_>) -> Result<Waiting, rusqlite::Error> {
    Ok(Waiting {
        seq: row.get(0)?,
        rev: row.get(1)?,
        attempts: row.get(2)?,
        stored: row.get(3)?,
        dead: row.get(4)?,
    })
}

impl Events {
    /// The number of a sink that events go, or went, to.
    ///
    /// # Errors
    /// [`Error`].
    pub fn sink(&mut self, name: &str) -> Result<Option<i64>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT number FROM sink WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        })
    }

    /// Lends the oldest revisions that are due at `now` and lent to nobody, until `until`.
    ///
    /// # Errors
    /// [`Error`]; nothing was lent.
    pub fn lease(
        &mut self,
        sink: i64,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Waiting>, Error> {
        self.database.run(|connection| {
            let mut leased: Vec<Waiting> = connection
                .prepare_cached(
                    "UPDATE delivery SET lease = ?4, attempts = attempts + 1 \
                     WHERE sink = ?1 AND seq IN (SELECT seq FROM delivery WHERE sink = ?1 \
                     AND dead IS NULL AND due <= ?2 AND lease <= ?2 ORDER BY seq LIMIT ?3) \
                     RETURNING seq, rev, attempts - 1, stored, dead",
                )?
                .query_map(params![sink, now, limit, until], read)?
                .collect::<Result<_, _>>()?;
            // SQLite promises no order of what it returns.
            leased.sort_unstable_by_key(|one| one.seq);
            Ok(leased)
        })
    }

    /// Dead letters of a sink with numbers above `after`, lowest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn dead(&mut self, sink: i64, after: i64, limit: u32) -> Result<Vec<Waiting>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM delivery WHERE sink = ?1 AND seq > ?2 \
                     AND dead IS NOT NULL ORDER BY seq LIMIT ?3"
                ))?
                .query_map(params![sink, after, limit], read)?
                .collect()
        })
    }

    /// Has every dead letter of a sink tried again; how many.
    ///
    /// # Errors
    /// [`Error`]; nothing was changed.
    pub fn replay(&mut self, sink: i64) -> Result<u64, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE delivery SET dead = NULL, attempts = 0, due = 0, lease = 0 \
                     WHERE sink = ?1 AND dead IS NOT NULL",
                )?
                .execute([sink])
                .map(|count| count as u64)
        })
    }

    /// What waits for a sink.
    ///
    /// # Errors
    /// [`Error`].
    pub fn pending(&mut self, sink: i64) -> Result<Pending, Error> {
        self.database.run(|connection| {
            let (all, dead) = connection
                .prepare_cached("SELECT count(*), count(dead) FROM delivery WHERE sink = ?1")?
                .query_row([sink], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?;
            let oldest = connection
                .prepare_cached(
                    "SELECT stored FROM delivery WHERE sink = ?1 AND dead IS NULL \
                     ORDER BY seq LIMIT 1",
                )?
                .query_row([sink], |row| row.get(0))
                .optional()?;
            Ok(Pending {
                count: all - dead,
                dead,
                oldest,
            })
        })
    }
}
