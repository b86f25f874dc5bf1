//! Events, the agent's accounts and the high-water marks that commit with them.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};

use super::{Database, Error};
use crate::model::{Event, PatternId, State};

/// `events.db`.
pub struct Events {
    pub(super) database: Database,
}

/// An event with what the agent needs to go on with it after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// Its pattern.
    pub pattern: PatternId,
    /// Tunnel id of its flow.
    pub tunnel: u32,
}

/// What one transaction writes: events and the marks that say what they account for.
#[derive(Debug, Default)]
pub struct Batch {
    /// New and changed events, in the order in which they came to be.
    pub events: Vec<EventRow>,
    /// The set of shared maps the marks are about.
    pub epoch: u64,
    /// Last period whose flows are in the events.
    pub drained: u64,
    /// Counts by term, whole values.
    pub accounts: BTreeMap<&'static str, u64>,
    /// Last record accounted for, by CPU.
    pub sequences: BTreeMap<u32, u64>,
}

/// What a former agent left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The set of shared maps the marks are about; 0 on a new store.
    pub epoch: u64,
    /// Last period whose flows are in the events.
    pub drained: u64,
    /// Counts by term.
    pub accounts: BTreeMap<String, u64>,
    /// Last record accounted for, by CPU.
    pub sequences: BTreeMap<u32, u64>,
    /// Events that were open.
    pub open: Vec<EventRow>,
}

impl Events {
    /// Opens or creates the file in a directory.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("events.db");
        let database = Database::open(&path, &[include_str!("events.sql")])?;
        Ok(Self { database })
    }

    /// Writes a batch whole or not at all.
    ///
    /// # Errors
    /// [`Error`]; nothing was written.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        let bodies: Vec<String> = batch
            .events
            .iter()
            .map(|row| serde_json::to_string(&row.event))
            .collect::<Result<_, _>>()
            .map_err(|error| self.database.corrupt("an event", error))?;
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            write_events(&transaction, &batch.events, &bodies)?;
            write_marks(&transaction, batch)?;
            transaction.commit()
        })
    }

    /// Reads what a former agent left.
    ///
    /// # Errors
    /// [`Error`].
    pub fn restore(&mut self) -> Result<Restored, Error> {
        let (epoch, drained) = self
            .database
            .run(|connection| {
                connection
                    .query_row("SELECT number, drained FROM epoch", [], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                    })
                    .optional()
            })?
            .unwrap_or_default();
        let accounts = self.database.run(|connection| {
            connection
                .prepare("SELECT term, count FROM account")?
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
                })?
                .collect()
        })?;
        let sequences = self.database.run(|connection| {
            connection
                .prepare("SELECT cpu, last FROM sequence")?
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
                })?
                .collect()
        })?;
        let open = self.query(
            "WHERE open = 1 AND seq > ?1 ORDER BY seq LIMIT ?2",
            0,
            u32::MAX,
        )?;
        Ok(Restored {
            epoch: epoch.cast_unsigned(),
            drained: drained.cast_unsigned(),
            accounts,
            sequences,
            open: open.into_iter().map(|(_, row)| row).collect(),
        })
    }

    /// Up to `limit` events, newest first, older than the cursor; with the cursor of each.
    ///
    /// # Errors
    /// [`Error`].
    pub fn page(
        &mut self,
        before: Option<i64>,
        limit: u32,
        state: Option<State>,
    ) -> Result<Vec<(i64, EventRow)>, Error> {
        let condition = match state {
            None => "WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
            Some(State::Open) => "WHERE open = 1 AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
            Some(State::Closed) => "WHERE open = 0 AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
        };
        self.query(condition, before.unwrap_or(i64::MAX), limit)
    }

    /// One event.
    ///
    /// # Errors
    /// [`Error`].
    pub fn event(&mut self, id: &str) -> Result<Option<Event>, Error> {
        let bodies = self.bodies("SELECT body FROM event WHERE id = ?1", &[id])?;
        let body = bodies.first();
        body.map(|body| self.decode(body)).transpose()
    }

    /// The events whose ids begin so, at most two: whether there is one, and only one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn beginning(&mut self, prefix: &str) -> Result<Vec<Event>, Error> {
        // Ids are hexadecimal: no id lies between its own last digit and a `g`.
        let bodies = self.bodies(
            "SELECT body FROM event WHERE id >= ?1 AND id < ?2 LIMIT 2",
            &[prefix, &format!("{prefix}g")],
        )?;
        bodies.iter().map(|body| self.decode(body)).collect()
    }

    fn bodies(&mut self, query: &str, ids: &[&str]) -> Result<Vec<String>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(query)?
                .query_map(params_from_iter(ids), |row| row.get(0))?
                .collect()
        })
    }

    /// Events stored, and of these those open.
    ///
    /// # Errors
    /// [`Error`].
    pub fn counts(&mut self) -> Result<(u64, u64), Error> {
        self.database.run(|connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(open), 0) FROM event",
                [],
                |row| {
                    Ok((
                        row.get::<_, i64>(0)?.cast_unsigned(),
                        row.get::<_, i64>(1)?.cast_unsigned(),
                    ))
                },
            )
        })
    }

    /// The HMAC key of a month (`YYYY-MM`), made with `fresh` when the month has none.
    ///
    /// # Errors
    /// [`Error`].
    pub fn month_key(&mut self, month: &str, fresh: [u8; 32]) -> Result<[u8; 32], Error> {
        self.database.run(|connection| {
            connection.execute(
                "INSERT INTO event_key (month, key) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![month, fresh],
            )?;
            connection.query_row(
                "SELECT key FROM event_key WHERE month = ?1",
                [month],
                |row| row.get(0),
            )
        })
    }

    fn query(
        &mut self,
        condition: &str,
        cursor: i64,
        limit: u32,
    ) -> Result<Vec<(i64, EventRow)>, Error> {
        let sql = format!("SELECT seq, pattern, tunnel, body FROM event {condition}");
        let rows: Vec<(i64, i64, u32, String)> = self.database.run(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params![cursor, limit], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect()
        })?;
        rows.into_iter()
            .map(|(seq, pattern, tunnel, body)| {
                let row = EventRow {
                    event: self.decode(&body)?,
                    pattern: PatternId(pattern.cast_unsigned()),
                    tunnel,
                };
                Ok((seq, row))
            })
            .collect()
    }

    pub(super) fn decode(&self, body: &str) -> Result<Event, Error> {
        serde_json::from_str(body).map_err(|error| self.database.corrupt("an event", error))
    }
}

fn write_events(
    transaction: &Transaction<'_>,
    events: &[EventRow],
    bodies: &[String],
) -> Result<(), rusqlite::Error> {
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO event (id, rev, open, pattern, tunnel, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, open = excluded.open, body = excluded.body",
    )?;
    for (row, body) in events.iter().zip(bodies) {
        upsert.execute(params![
            row.event.id,
            row.event.rev,
            row.event.state == State::Open,
            row.pattern.0.cast_signed(),
            row.tunnel,
            body,
        ])?;
    }
    Ok(())
}

fn write_marks(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), rusqlite::Error> {
    // Marks of another set of shared maps say nothing about this one.
    for table in ["account", "sequence"] {
        transaction.execute(
            &format!("DELETE FROM {table} WHERE (SELECT number FROM epoch) IS NOT ?1"),
            [batch.epoch.cast_signed()],
        )?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO epoch (id, number, drained) VALUES (0, ?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET number = excluded.number, drained = excluded.drained",
        )?
        .execute(params![
            batch.epoch.cast_signed(),
            batch.drained.cast_signed()
        ])?;
    let mut account = transaction.prepare_cached(
        "INSERT INTO account (term, count) VALUES (?1, ?2) \
         ON CONFLICT (term) DO UPDATE SET count = excluded.count",
    )?;
    for (term, count) in &batch.accounts {
        account.execute(params![term, count.cast_signed()])?;
    }
    let mut sequence = transaction.prepare_cached(
        "INSERT INTO sequence (cpu, last) VALUES (?1, ?2) \
         ON CONFLICT (cpu) DO UPDATE SET last = excluded.last",
    )?;
    for (cpu, last) in &batch.sequences {
        sequence.execute(params![cpu, last.cast_signed()])?;
    }
    Ok(())
}
