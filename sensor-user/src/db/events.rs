//! `events.db`: sealed events and what is known of them in clear, the agent's accounts and the
//! high-water marks that commit with them. What is sealed is opened in `events`, not here.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    Database, Error,
    erase::{TOLD, mark},
    labels::Labels,
    writes::{enqueue, index_runs, insert, update, write_marks},
};

/// Events whose ids are indexed together.
pub(super) const RUN: i64 = 16_384;

/// `events.db`.
pub struct Events {
    pub(super) database: Database,
    pub(super) labels: Labels,
    /// Numbers of the sinks that every event goes to.
    pub(super) sinks: Vec<i64>,
}

/// An event as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number.
    pub seq: i64,
    /// Its id.
    pub id: [u8; 16],
    /// Its revision.
    pub rev: u32,
    /// Whether packets may still be added.
    pub open: bool,
    /// Ids of its markers.
    pub markers: Vec<String>,
    /// References of its orders.
    pub orders: Vec<String>,
    /// UTC day of its first packet, counted from the epoch.
    pub day: i32,
    /// UTC day from whose beginning it is gone.
    pub expires: i32,
    /// Everything else.
    pub sealed: Vec<u8>,
}

/// What the events of a batch account for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The set of shared maps the marks are about; 0 on a new store.
    pub epoch: u64,
    /// Last period whose flows are in the events.
    pub drained: u64,
    /// Counts by term, whole values.
    pub accounts: BTreeMap<String, u64>,
    /// Last record accounted for, by CPU.
    pub sequences: BTreeMap<u32, u64>,
}

/// What one transaction writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writes<'a> {
    /// New events.
    pub new: &'a [Sealed],
    /// New states of events that are there.
    pub changed: &'a [Sealed],
    /// What they account for, where they account for something.
    pub marks: Option<&'a Marks>,
    /// When revisions that are new are given to the sinks, milliseconds since the epoch; none when
    /// they are not.
    pub queued: Option<i64>,
}

impl Events {
    /// Opens or creates the file in a directory; events go to these sinks from now on.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(directory: &Path, sinks: &[String]) -> Result<Self, Error> {
        let path = directory.join("events.db");
        let migrations = [
            include_str!("events.sql"),
            include_str!("events_2.sql"),
            include_str!("events_3.sql"),
            include_str!("events_4.sql"),
        ];
        let mut database = Database::open_shrinking(&path, &migrations)?;
        let sinks = database.run(|connection| {
            let number = |name: &String| {
                connection
                    .prepare_cached("INSERT INTO sink (name) VALUES (?1) ON CONFLICT DO NOTHING")?
                    .execute([name])?;
                connection
                    .prepare_cached("SELECT number FROM sink WHERE name = ?1")?
                    .query_row([name], |row| row.get(0))
            };
            sinks.iter().map(number).collect()
        })?;
        Ok(Self {
            database,
            labels: Labels::default(),
            sinks,
        })
    }

    /// Has commits of this connection not survive a power cut by themselves: for what is found out
    /// again.
    ///
    /// # Errors
    /// [`Error`].
    pub fn relax(&mut self) -> Result<(), Error> {
        self.database
            .run(|connection| connection.execute_batch("PRAGMA synchronous = NORMAL"))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.database.path
    }

    /// The name that ties the key file to this store, and the number of the next event; `fresh` is
    /// the name of a store that has none.
    ///
    /// # Errors
    /// [`Error`].
    pub fn identity(&mut self, fresh: [u8; 16]) -> Result<([u8; 16], i64), Error> {
        self.database.run(|connection| {
            connection.execute(
                "INSERT INTO store (id, name, next, run) VALUES (0, ?1, 1, 0) ON CONFLICT DO NOTHING",
                [fresh],
            )?;
            connection.query_row("SELECT name, next FROM store", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })
    }

    /// Ties the store to another key file.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rename(&mut self, name: [u8; 16]) -> Result<(), Error> {
        self.database.run(|connection| {
            connection
                .execute("UPDATE store SET name = ?1", [name])
                .map(drop)
        })
    }

    /// Writes a batch whole or not at all.
    ///
    /// # Errors
    /// [`Error`]; nothing was written.
    pub fn commit(&mut self, batch: &Writes<'_>) -> Result<(), Error> {
        let Writes { new, changed, .. } = *batch;
        let (labels, sinks) = (&mut self.labels, &self.sinks);
        let outcome = self.database.run(|connection| {
            let transaction = connection.transaction()?;
            insert(&transaction, new, labels)?;
            let revised = update(&transaction, changed, labels)?;
            let fresh = new.iter().map(|row| (row.seq, row.rev));
            if let Some(now) = batch.queued {
                enqueue(&transaction, sinks, fresh.chain(revised), now)?;
            }
            if let Some(last) = new.iter().map(|row| row.seq).max() {
                let next = last + 1;
                transaction.execute("UPDATE store SET next = max(next, ?1)", [next])?;
                add(&transaction, "stored", new.len() as u64)?;
                index_runs(&transaction, next)?;
            }
            if let Some(marks) = batch.marks {
                write_marks(&transaction, marks)?;
            }
            transaction.commit()
        });
        if outcome.is_err() {
            // Numbers that were given in it are not.
            self.labels = Labels::default();
        }
        outcome
    }

    /// The marks of a former agent.
    ///
    /// # Errors
    /// [`Error`].
    pub fn marks(&mut self) -> Result<Marks, Error> {
        self.database.run(|connection| {
            let (epoch, drained) = connection
                .query_row("SELECT number, drained FROM epoch", [], |row| {
                    Ok((unsigned(row, 0)?, unsigned(row, 1)?))
                })
                .optional()?
                .unwrap_or_default();
            let accounts = connection
                .prepare("SELECT term, count FROM account")?
                .query_map([], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?
                .collect::<Result<_, _>>()?;
            let sequences = connection
                .prepare("SELECT cpu, last FROM sequence")?
                .query_map([], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?
                .collect::<Result<_, _>>()?;
            Ok(Marks {
                epoch,
                drained,
                accounts,
                sequences,
            })
        })
    }

    /// Counts that are kept, by name.
    ///
    /// # Errors
    /// [`Error`].
    pub fn tallies(&mut self) -> Result<HashMap<String, u64>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT name, count FROM tally")?
                .query_map([], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?
                .collect()
        })
    }

    /// Takes from kept counts what was told of them, in the journal's entry of this index where it has
    /// a mark to keep.
    ///
    /// # Errors
    /// [`Error`].
    pub fn settle(&mut self, told: &[(&str, u64)], entry: Option<u64>) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for (name, count) in told {
                transaction.execute(
                    "UPDATE tally SET count = max(count - ?2, 0) WHERE name = ?1",
                    params![name, count.cast_signed()],
                )?;
            }
            if let Some(index) = entry {
                mark(&transaction, TOLD, index + 1)?;
            }
            transaction.commit()
        })
    }

    /// Events that are open.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open_count(&mut self) -> Result<u64, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT count(*) FROM open_event")?
                .query_row([], |row| unsigned(row, 0))
        })
    }

    /// Bytes of pages in use; what is freed is used again before the file grows.
    ///
    /// # Errors
    /// [`Error`].
    pub fn bytes(&mut self) -> Result<u64, Error> {
        self.database.run(|connection| {
            let value = |pragma: &str| {
                connection
                    .prepare_cached(pragma)?
                    .query_row([], |row| unsigned(row, 0))
            };
            let pages = value("PRAGMA page_count")? - value("PRAGMA freelist_count")?;
            Ok(pages * value("PRAGMA page_size")?)
        })
    }
}

/// A column that is never negative.
pub(super) fn unsigned(row: &rusqlite::Row<'_>, at: usize) -> Result<u64, rusqlite::Error> {
    row.get::<_, i64>(at).map(i64::cast_unsigned)
}

/// Adds to a kept count.
pub(super) fn add(connection: &Connection, name: &str, count: u64) -> Result<(), rusqlite::Error> {
    if count == 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO tally (name, count) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![name, count.cast_signed()])
        .map(drop)
}

/// The first four bytes of an id: the eight digits that lists show.
pub(super) fn head(id: &[u8; 16]) -> i64 {
    let [a, b, c, d, ..] = *id;
    u32::from_be_bytes([a, b, c, d]).into()
}
