//! Markers, interface slots and the generation number.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use sensor_common::INTERFACE_SLOTS;

use super::{Database, Error};
use crate::model::{Marker, Pap, Tlp};

/// `catalog.db`.
pub struct Catalog {
    database: Database,
}

/// What becomes of the set in one step.
#[derive(Clone, Copy, Debug)]
pub enum Replacement<'a> {
    /// Exactly these.
    All(&'a [Marker]),
    /// These too; same ids are overwritten.
    Add(&'a [Marker]),
    /// All but these ids.
    Remove(&'a [String]),
}

impl Catalog {
    /// Opens or creates the file in a directory.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("catalog.db");
        let database = Database::open(&path, &[include_str!("catalog.sql")])?;
        Ok(Self { database })
    }

    /// All markers in the order of their ids.
    ///
    /// # Errors
    /// [`Error`].
    pub fn markers(&mut self) -> Result<Vec<Marker>, Error> {
        self.page(None, u32::MAX)
    }

    /// Up to `limit` markers whose ids come after `after`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn page(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<Marker>, Error> {
        let rows: Vec<StoredMarker> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, pattern, until, tlp, pap FROM marker WHERE id > ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map(params![after.unwrap_or(""), limit], StoredMarker::read)?
                .collect()
        })?;
        rows.into_iter().map(|row| self.decode(row)).collect()
    }

    /// One marker.
    ///
    /// # Errors
    /// [`Error`].
    pub fn marker(&mut self, id: &str) -> Result<Option<Marker>, Error> {
        let row = self.database.run(|connection| {
            connection
                .prepare_cached("SELECT id, pattern, until, tlp, pap FROM marker WHERE id = ?1")?
                .query_row([id], StoredMarker::read)
                .optional()
        })?;
        row.map(|row| self.decode(row)).transpose()
    }

    /// Writes a replacement, calls `act` before committing it, and commits only when that went
    /// well: the set on disk and the set in force change together or not at all.
    ///
    /// # Errors
    /// The error of the store or of `act`.
    pub fn replace<T, F: From<Error>>(
        &mut self,
        replacement: Replacement<'_>,
        act: impl FnOnce() -> Result<T, F>,
    ) -> Result<T, F> {
        let path = self.database.path.clone();
        let named = |source| Error::Sqlite {
            path: path.clone(),
            source,
        };
        let transaction = self.database.connection.transaction().map_err(named)?;
        write(&transaction, replacement).map_err(named)?;
        let answer = act()?;
        transaction.commit().map_err(named)?;
        Ok(answer)
    }

    /// The slot of an interface: the one it had, else the lowest free one. `None` when all are taken.
    ///
    /// # Errors
    /// [`Error`].
    pub fn slot(&mut self, interface: &str) -> Result<Option<u8>, Error> {
        let known = self.database.run(|connection| {
            connection
                .query_row(
                    "SELECT slot FROM interface WHERE name = ?1",
                    [interface],
                    |row| row.get::<_, u8>(0),
                )
                .optional()
        })?;
        if known.is_some() {
            return Ok(known);
        }
        let taken: Vec<u32> = self.database.run(|connection| {
            connection
                .prepare("SELECT slot FROM interface")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let Some(free) = (0..INTERFACE_SLOTS).find(|slot| !taken.contains(slot)) else {
            return Ok(None);
        };
        self.database.run(|connection| {
            connection.execute(
                "INSERT INTO interface (name, slot) VALUES (?1, ?2)",
                params![interface, free],
            )
        })?;
        Ok(u8::try_from(free).ok())
    }

    /// The last generation number given out.
    ///
    /// # Errors
    /// [`Error`].
    pub fn generation(&mut self) -> Result<u32, Error> {
        self.database.run(|connection| {
            connection
                .query_row(
                    "SELECT value FROM counter WHERE name = 'generation'",
                    [],
                    |row| row.get(0),
                )
                .optional()
                .map(Option::unwrap_or_default)
        })
    }

    /// Keeps the last generation number given out.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_generation(&mut self, generation: u32) -> Result<(), Error> {
        self.database
            .run(|connection| {
                connection.execute(
                    "INSERT INTO counter (name, value) VALUES ('generation', ?1) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    [generation],
                )
            })
            .map(drop)
    }

    fn decode(&self, row: StoredMarker) -> Result<Marker, Error> {
        let corrupt = |reason: &dyn ToString| self.database.corrupt("a marker", reason.to_string());
        Ok(Marker {
            pattern: row.pattern.parse().map_err(|error| corrupt(&error))?,
            until: row
                .until
                .map(Timestamp::from_microsecond)
                .transpose()
                .map_err(|error| corrupt(&error))?,
            tlp: Tlp::parse(&row.tlp).ok_or_else(|| corrupt(&"its TLP"))?,
            pap: Pap::parse(&row.pap).ok_or_else(|| corrupt(&"its PAP"))?,
            id: row.id,
        })
    }
}

fn write(
    transaction: &Transaction<'_>,
    replacement: Replacement<'_>,
) -> Result<(), rusqlite::Error> {
    let added = match replacement {
        Replacement::All(markers) => {
            transaction.execute("DELETE FROM marker", [])?;
            markers
        }
        Replacement::Add(markers) => markers,
        Replacement::Remove(ids) => {
            let mut delete = transaction.prepare("DELETE FROM marker WHERE id = ?1")?;
            for id in ids {
                delete.execute([id])?;
            }
            return Ok(());
        }
    };
    let mut insert = transaction.prepare(
        "INSERT INTO marker (id, pattern, until, tlp, pap) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (id) DO UPDATE SET pattern = excluded.pattern, until = excluded.until, \
         tlp = excluded.tlp, pap = excluded.pap",
    )?;
    for marker in added {
        insert.execute(params![
            marker.id,
            marker.pattern.to_string(),
            marker.until.map(Timestamp::as_microsecond),
            marker.tlp.name(),
            marker.pap.name(),
        ])?;
    }
    Ok(())
}

struct StoredMarker {
    id: String,
    pattern: String,
    until: Option<i64>,
    tlp: String,
    pap: String,
}

impl StoredMarker {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            pattern: row.get(1)?,
            until: row.get(2)?,
            tlp: row.get(3)?,
            pap: row.get(4)?,
        })
    }
}
