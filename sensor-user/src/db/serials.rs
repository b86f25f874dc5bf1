//! What was last accepted of each issuer, and how far the journal was then. Both change in the
//! transaction that changes the set, so that a restored backup can be told.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{Catalog, Error};

/// The envelope that a set comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// Its serial.
    pub serial: u64,
    /// Its digest.
    pub digest: [u8; 32],
}

/// A serial, and the digest of its envelope where it is known.
type LastSerial = (u64, Option<[u8; 32]>);

/// State of the journal when the set was changed: a later journal continues it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: [u8; 32],
}

impl Catalog {
    /// Serial and digest of the last envelope of an issuer; no digest where the serial came from
    /// the journal, after a restore.
    ///
    /// # Errors
    /// [`Error`].
    pub fn serial(&mut self, issuer: &str) -> Result<Option<LastSerial>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT serial, digest FROM issuer_serial WHERE issuer = ?1")?
                .query_row([issuer], |row| {
                    Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
                })
                .optional()
        })
    }

    /// The last serial of every issuer.
    ///
    /// # Errors
    /// [`Error`].
    pub fn serials(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        self.database.run(|connection| {
            connection
                .prepare("SELECT issuer, serial FROM issuer_serial")?
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
                })?
                .collect()
        })
    }

    /// How far the journal was at the last change of the set.
    ///
    /// # Errors
    /// [`Error`].
    pub fn mark(&mut self) -> Result<Option<Mark>, Error> {
        self.database.run(|connection| {
            connection
                .query_row("SELECT size, root FROM journal_mark", [], |row| {
                    Ok(Mark {
                        size: row.get::<_, i64>(0)?.cast_unsigned(),
                        root: row.get(1)?,
                    })
                })
                .optional()
        })
    }

    /// Takes this journal and these serials as the ones to go on from, after a restore: a serial
    /// only grows.
    ///
    /// # Errors
    /// [`Error`].
    pub fn accept_restore(
        &mut self,
        mark: Mark,
        serials: &BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            write_mark(&transaction, mark)?;
            for (issuer, serial) in serials {
                transaction.execute(
                    "INSERT INTO issuer_serial (issuer, serial) VALUES (?1, ?2) \
                     ON CONFLICT (issuer) DO UPDATE SET serial = excluded.serial, digest = NULL \
                     WHERE excluded.serial > serial",
                    params![issuer, serial.cast_signed()],
                )?;
            }
            transaction.commit()
        })
    }
}

pub(super) fn write_mark(connection: &Connection, mark: Mark) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO journal_mark (id, size, root) VALUES (0, ?1, ?2)")?
        .execute(params![mark.size.cast_signed(), mark.root])
        .map(drop)
}

pub(super) fn write_serial(
    transaction: &Transaction<'_>,
    serial: Serial<'_>,
) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO issuer_serial (issuer, serial, digest) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![
            serial.issuer,
            serial.serial.cast_signed(),
            serial.digest
        ])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Edit, tests::Scratch};

    fn catalog() -> (Scratch, Catalog) {
        let scratch = Scratch::new("serials");
        let catalog = Catalog::open(&scratch.0).expect("opens");
        (scratch, catalog)
    }

    fn edit(catalog: &mut Catalog, serial: u64, works: bool) {
        let edit = Edit {
            serial: Some(Serial {
                issuer: "authority",
                serial,
                digest: [serial as u8; 32],
            }),
            mark: Some(Mark {
                size: serial,
                root: [9; 32],
            }),
            ..Edit::default()
        };
        let act = || match works {
            true => Ok(((), 1)),
            false => Err(catalog_error()),
        };
        assert_eq!(catalog.edit(edit, &|_| {}, act).is_ok(), works);
    }

    fn catalog_error() -> Error {
        Error::Corrupt {
            path: "catalog.db".into(),
            what: "nothing",
            reason: "as told".into(),
        }
    }

    #[test]
    fn serial_and_mark_change_with_the_set_or_not_at_all() {
        let (_scratch, mut catalog) = catalog();
        assert_eq!(catalog.mark().expect("reads"), None);
        edit(&mut catalog, 3, true);
        edit(&mut catalog, 4, false);
        let held = catalog.serial("authority").expect("reads");
        assert_eq!(held, Some((3, Some([3; 32]))));
        assert_eq!(catalog.serial("other").expect("reads"), None);
        let mark = catalog.mark().expect("reads");
        assert_eq!(mark.map(|mark| mark.size), Some(3));
    }

    #[test]
    fn after_a_restore_no_serial_is_lower_than_any_was() {
        let (_scratch, mut catalog) = catalog();
        edit(&mut catalog, 3, true);
        let mark = Mark {
            size: 40,
            root: [1; 32],
        };
        let journal = [("authority", 2), ("other", 8)];
        let journal = journal.map(|(issuer, serial)| (issuer.to_owned(), serial));
        catalog
            .accept_restore(mark, &journal.into())
            .expect("accepts");
        let held = catalog.serial("authority").expect("reads");
        assert_eq!(held, Some((3, Some([3; 32]))));
        assert_eq!(catalog.serial("other").expect("reads"), Some((8, None)));
        assert_eq!(catalog.mark().expect("reads"), Some(mark));
        assert_eq!(catalog.serials().expect("reads").len(), 2);
    }
}
