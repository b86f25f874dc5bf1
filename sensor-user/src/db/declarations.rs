//! Records of declarations. All are kept; the last one counts.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::{Catalog, Database, Error, Mark, serials::write_mark};
use crate::model::declaration::Declaration;

/// The first schema with records.
const FIRST: usize = 5;

impl Catalog {
    /// The last one in a directory, if there is a catalogue: it is read only, and may be that of an
    /// older agent which runs.
    ///
    /// # Errors
    /// [`Error`].
    pub fn declared(directory: &Path) -> Result<Option<Declaration>, Error> {
        let path = directory.join("catalog.db");
        if !path.exists() {
            return Ok(None);
        }
        let mut database = Database::open_reading(&path)?;
        match database.version()? >= FIRST {
            true => Self { database }.declaration(),
            false => Ok(None),
        }
    }

    /// The last one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn declaration(&mut self) -> Result<Option<Declaration>, Error> {
        let row: Option<(String, String, String, i64, u32, i64)> =
            self.database.run(|connection| {
                connection
                    .query_row(
                        "SELECT reference, date, digest, recorded, uid, receipt FROM declaration \
                         ORDER BY number DESC LIMIT 1",
                        [],
                        |row| {
                            Ok((
                                row.get(0)?,
                                row.get(1)?,
                                row.get(2)?,
                                row.get(3)?,
                                row.get(4)?,
                                row.get(5)?,
                            ))
                        },
                    )
                    .optional()
            })?;
        let Some((reference, date, digest, recorded, uid, receipt)) = row else {
            return Ok(None);
        };
        let corrupt = |error: jiff::Error| self.database.corrupt("a declaration", error);
        Ok(Some(Declaration {
            reference,
            date: date.parse().map_err(corrupt)?,
            digest,
            recorded: Timestamp::from_microsecond(recorded).map_err(corrupt)?,
            uid,
            receipt: receipt.cast_unsigned(),
        }))
    }

    /// Keeps one, with how far the journal is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keep_declaration(&mut self, declaration: &Declaration, mark: Mark) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO declaration (reference, date, digest, recorded, uid, receipt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    declaration.reference,
                    declaration.date.to_string(),
                    declaration.digest,
                    declaration.recorded.as_microsecond(),
                    declaration.uid,
                    declaration.receipt.cast_signed(),
                ],
            )?;
            write_mark(&transaction, mark)?;
            transaction.commit()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::Scratch;

    #[test]
    fn reading_the_last_record_leaves_an_older_agents_catalogue_as_it_is() {
        let scratch = Scratch::new("declared");
        assert_eq!(Catalog::declared(&scratch.0).expect("reads"), None);
        let path = scratch.0.join("catalog.db");
        let former = rusqlite::Connection::open(&path).expect("opens");
        let version = |connection: &rusqlite::Connection| {
            connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))
        };
        former
            .execute_batch(concat!(
                include_str!("catalog.sql"),
                "PRAGMA user_version = 1;"
            ))
            .expect("a former catalogue");
        assert_eq!(Catalog::declared(&scratch.0).expect("reads"), None);
        assert_eq!(version(&former), Ok(1));
        drop(former);
        let declaration = Declaration {
            reference: "DEC-1".into(),
            date: "2026-01-31".parse().expect("a date"),
            digest: "d".into(),
            recorded: Timestamp::UNIX_EPOCH,
            uid: 7,
            receipt: 3,
        };
        let mark = Mark {
            size: 4,
            root: [1; 32],
        };
        let mut catalog = Catalog::open(&scratch.0).expect("opens");
        let kept = catalog.keep_declaration(&declaration, mark);
        kept.expect("keeps");
        assert_eq!(
            Catalog::declared(&scratch.0).expect("reads"),
            Some(declaration)
        );
    }
}
