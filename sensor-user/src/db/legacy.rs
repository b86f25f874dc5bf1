//! Events of the first schema, which stood in clear: taken out to be sealed.

use rusqlite::params;

use super::{Error, Events};
use crate::model::{Event, PatternId};

/// An event of the first schema.
#[derive(Debug)]
pub struct Clear {
    /// Its number.
    pub seq: i64,
    /// The event.
    pub event: Event,
    /// Its pattern.
    pub pattern: PatternId,
    /// Tunnel id of its flow.
    pub tunnel: u32,
}

impl Events {
    /// Whether there is something of the first schema.
    ///
    /// # Errors
    /// [`Error`].
    pub fn has_clear(&mut self) -> Result<bool, Error> {
        self.database.run(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'clear_event')",
                [],
                |row| row.get(0),
            )
        })
    }

    /// HMAC keys of months (`YYYY-MM`) that stood in the store.
    ///
    /// # Errors
    /// [`Error`].
    pub fn clear_keys(&mut self) -> Result<Vec<(String, [u8; 32])>, Error> {
        self.database.run(|connection| {
            connection
                .prepare("SELECT month, key FROM clear_key ORDER BY month")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Events in clear with numbers above `after`, lowest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn clear_events(&mut self, after: i64, limit: u32) -> Result<Vec<Clear>, Error> {
        let rows: Vec<(i64, i64, u32, String)> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT seq, pattern, tunnel, body FROM clear_event \
                     WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![after, limit], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect()
        })?;
        let decoded = |(seq, pattern, tunnel, body): (i64, i64, u32, String)| {
            let event = serde_json::from_str(&body)
                .map_err(|error| self.database.corrupt("an event", error))?;
            Ok(Clear {
                seq,
                event,
                pattern: PatternId(pattern.cast_unsigned()),
                tunnel,
            })
        };
        rows.into_iter().map(decoded).collect()
    }

    /// The last event that was sealed already; 0 when there is none.
    ///
    /// # Errors
    /// [`Error`].
    pub fn last(&mut self) -> Result<i64, Error> {
        self.database.run(|connection| {
            connection.query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| {
                row.get(0)
            })
        })
    }

    /// Drops what is of the first schema, and writes the file anew without it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn drop_clear(&mut self) -> Result<(), Error> {
        self.database.run(|connection| {
            connection.execute_batch(
                "DROP TABLE clear_event; DROP TABLE clear_key; \
                 PRAGMA auto_vacuum = INCREMENTAL; VACUUM;",
            )?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }
}
