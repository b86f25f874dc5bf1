//! The catalogue's file, interface slots and the generation number.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use sensor_common::INTERFACE_SLOTS;

use super::{Database, Error};
use crate::model::ClockMark;

/// Counters that hold the clock's high-water mark.
const CLOCK: [&str; 3] = ["clock_wall", "clock_boot", "clock_boot_id"];

/// `catalog.db`.
pub struct Catalog {
    pub(super) database: Database,
}

impl Catalog {
    /// Opens or creates the file in a directory.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("catalog.db");
        let database = Database::open(
            &path,
            &[
                include_str!("catalog.sql"),
                include_str!("catalog_2.sql"),
                include_str!("catalog_3.sql"),
                include_str!("catalog_4.sql"),
                include_str!("catalog_5.sql"),
                include_str!("catalog_6.sql"),
                include_str!("catalog_7.sql"),
                include_str!("catalog_8.sql"),
            ],
        )?;
        Ok(Self { database })
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

    /// The clock's high-water mark, where one was kept.
    ///
    /// # Errors
    /// [`Error`].
    pub fn clock_mark(&mut self) -> Result<Option<ClockMark>, Error> {
        let [wall, boot, boot_id] = self.database.run(|connection| {
            let mut read = connection.prepare("SELECT value FROM counter WHERE name = ?1")?;
            let mut value = |name| read.query_row([name], |row| row.get(0)).optional();
            let [wall, boot, boot_id] = CLOCK;
            Ok([value(wall)?, value(boot)?, value(boot_id)?])
        })?;
        let mark = || {
            Some(ClockMark {
                wall: wall?,
                boot: boot?,
                boot_id: boot_id?,
            })
        };
        Ok(mark())
    }

    /// Keeps the clock's high-water mark.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_clock_mark(&mut self, mark: ClockMark) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for (name, value) in CLOCK.into_iter().zip([mark.wall, mark.boot, mark.boot_id]) {
                transaction.execute(
                    "INSERT INTO counter (name, value) VALUES (?1, ?2) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    params![name, value],
                )?;
            }
            transaction.commit()
        })
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
            .run(|connection| write_generation(connection, generation))
    }
}

pub(super) fn write_generation(
    connection: &Connection,
    generation: u32,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO counter (name, value) VALUES ('generation', ?1) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute([generation])
        .map(drop)
}
